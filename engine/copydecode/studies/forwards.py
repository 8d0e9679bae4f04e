"""The same gold edits by the same model, written in several ways: forwards, tokens, wall clock.

All ways are driven along the gold (teacher-forced), in one run, case by case in turn: transformers'
`generate`, plain and with prompt lookup; our loop writing full text, plain, with n-gram lookup, and
with the document as draft (`rewrite`); our loop writing the program. Whole edits are counted, the
program's own tokens included; only the prompt's own forward, the same for all, is left out.

The first table is counted without arithmetic over many cases, the second timed over a few.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import torch

from copydecode.backends import threads
from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import EMBEDDED
from copydecode.decode import cost as cost_of
from copydecode.decode.cost import CostCurve
from copydecode.decode.guess import Odds
from copydecode.decode.model import EmbeddedModel, load_network
from copydecode.decode.vocabulary import Vocabulary
from copydecode.errors import ConfigError
from copydecode.studies import baselines, shapes, tokens
from copydecode.studies.baselines import Drive
from copydecode.studies.corpora import Case
from copydecode.studies.drives import Blank, Driver, Edit, prepare
from copydecode.studies.study import (
    Column,
    Context,
    Report,
    Row,
    Study,
    add_corpora,
    draw,
    main,
    positive,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIXTY = "sixty-lines"
CORPORA = ("fix-python", "fix-js", "commits-code", "commits-docs")
LOOKUPS = (10, 20, 40)
NGRAMS = (10, 20, 40, 80)
WINDOWS = (0, 32, 128, None)
PLAIN = "generate"

MUST = {"fix-python": 6.0, "fix-js": 8.0, "commits-docs": 60.0}
"""Forwards of plain decoding over those of the program: what has to be reached, by corpus."""

Way = Callable[[Edit], Drive]


@dataclass(frozen=True, slots=True)
class Written:
    """One edit written in one way, beside plain decoding of the same edit."""

    way: str
    drive: Drive
    plain: Drive

    @property
    def forwards_ratio(self) -> float:
        """Forwards of plain decoding over this way's, the prompt's counted for both."""
        return (self.plain.forwards + 1) / (self.drive.forwards + 1)

    @property
    def time_ratio(self) -> float:
        """Seconds of plain decoding over this way's, behind the prompt's forward."""
        return self.plain.seconds / self.drive.seconds


def sixty_lines() -> Case:
    """Return a file of 60 lines of which two change, about 700 tokens."""
    lines = []
    for k in range(1, 16):
        lines += [
            f"def step_{k}(values, offset):",
            f"    total = sum(value * {k} for value in values) + offset",
            f"    return clamp(total, {k}, limit={k * 100}, strict=False)",
            "",
        ]
    source = "\n".join(lines) + "\n"
    target = source.replace("value * 4 for", "value * 5 for").replace("limit=1100", "limit=1200")
    return Case(SIXTY, "python", source, target, "raise two limits")


def ours(driver: Driver) -> dict[str, Way]:
    """Return the ways of our own loop; each keeps its odds from edit to edit."""
    rewrite, worthwhile = Odds(), Odds()
    everywhere = {window: Odds() for window in WINDOWS}
    minimum = cost_of.minimum_span(driver.cost)
    ways: dict[str, Way] = {"text, plain": lambda edit: driver.text(edit, None)[0]}
    for k in NGRAMS:
        ways[f"n-gram k={k}"] = lambda edit, k=k: driver.lookup(edit, k)[0]  # type: ignore[misc]
    ways["rewrite"] = lambda edit: driver.text(edit, rewrite)[0]
    ways["program, no drafts"] = lambda edit: driver.program(edit, None)[0]
    for window in WINDOWS:
        name = "program" if window is None else f"program, w={window}"
        ways[name] = lambda edit, window=window: driver.program(  # type: ignore[misc]
            edit, everywhere[window], window
        )[0]
    ways["program, spans from m*"] = lambda edit: driver.program(
        driver.worthwhile(edit, minimum), worthwhile
    )[0]
    return ways


def compare(edits: Iterable[Edit], ways: dict[str, Way], plain: str) -> list[Written]:
    """Write every edit in every way, in turn."""
    results = []
    for edit in edits:
        drives = {name: way(edit) for name, way in ways.items()}
        results += [Written(name, drive, drives[plain]) for name, drive in drives.items()]
    return results


def summary(corpus: str, written: Sequence[Written], *, timed: bool) -> list[Row]:
    """Return a row for each way."""
    rows: list[Row] = []
    for way in dict.fromkeys(one.way for one in written):
        mine = [one for one in written if one.way == way]
        row: dict[str, Any] = {
            "corpus": corpus,
            "way": way,
            "cases": len(mine),
            "gold_tokens": fmean(one.drive.tokens for one in mine),
            "forwards": fmean(one.drive.forwards for one in mine),
            "forwards_median": median(one.drive.forwards for one in mine),
            "fed_tokens": fmean(one.drive.fed for one in mine),
            "forwards_ratio": fmean(one.forwards_ratio for one in mine),
            "exact": 1.0,  # Teacher-forced: a way that wrote something else has raised.
        }
        if timed:
            row["seconds"] = fmean(one.drive.seconds for one in mine)
            row["time_ratio"] = fmean(one.time_ratio for one in mine)
            row["time_ratio_median"] = median(one.time_ratio for one in mine)
            row |= _shares([one.drive for one in mine])
        rows.append(row)
    return rows


def _shares(drives: Sequence[Drive]) -> dict[str, float | None]:
    """Return which part of the time was our own, between forwards, and which the grammar's."""
    seconds = sum(drive.seconds for drive in drives)
    model = [drive.model_s for drive in drives if drive.model_s is not None]
    grammar = [drive.grammar_s for drive in drives if drive.grammar_s is not None]
    if not model:
        return {"own": None, "grammar": None}
    return {"own": 1.0 - sum(model) / seconds, "grammar": sum(grammar) / seconds}


def run(context: Context) -> Report:
    """Count over all cases, time over some."""
    options = context.options
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    subject = shapes.load(context.model, torch.device("cpu") if options.cpu else None)
    if not isinstance(subject.model, EmbeddedModel):
        message = (
            f"expected a model that runs on our own network, in the embedded model's tokens: "
            f"{', '.join(shapes.SHAPES)} or {EMBEDDED}; got {context.model}"
        )
        raise ConfigError(message)
    if options.threads is None:
        threads.choose(subject.model)
    curve = cost_of.measure(subject.model)
    literals = tokens.embedded()
    counted: list[Row] = []
    timed: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        generate = _transformers(context.model, Path(folder))
        for name in options.corpora:
            cases = [sixty_lines()] if name == SIXTY else list(context.corpus(name).cases)
            edits = [prepare(c.source, c.target, c.instruction, vocabulary) for c in cases]
            blank = ours(Driver(Blank(), literals, curve))
            shown = context.track(edits, f"{name}, counting")
            counted += summary(name, compare(shown, blank, "text, plain"), timed=False)
            fitting = [e for e in edits if len(e.prompt) + _room(e) < subject.model.context]
            few = _drawn(fitting, options.timed, context.seed)
            ways = generate | ours(Driver(subject.model, literals, curve))
            if few:
                for way in ways.values():  # What is first pays for what is made once.
                    way(few[0])
                shown = context.track(few, f"{name}, timing")
                timed += summary(name, compare(shown, ways, PLAIN), timed=True)
    return _report(subject, curve, counted, timed)


def _room(edit: Edit) -> int:
    """Return the tokens that any way of writing may put behind the prompt."""
    spliced = sum(map(len, edit.lines))
    return 2 * max(len(edit.gold), spliced) + max(NGRAMS)


def _drawn(edits: Sequence[Edit], count: int, seed: int) -> list[Edit]:
    chosen = draw([Case(str(k), "", "", "", "") for k in range(len(edits))], count, seed)
    return [edits[int(case.id)] for case in chosen]


def _transformers(name: str, folder: Path) -> dict[str, Way]:
    """Return the ways of transformers, on the same weights."""
    config = shapes.SHAPES.get(name.lower())
    if config is not None:
        network = shapes.random_network(config, torch.device("cpu"))
    else:
        network = load_network(EMBEDDED_FOLDER if name == EMBEDDED else Path(name).expanduser())
    model = baselines.load_transformers(baselines.save_folder(network, folder))
    ways: dict[str, Way] = {PLAIN: lambda edit: baselines.drive(model, edit.prompt, edit.gold)}
    for k in LOOKUPS:
        ways[f"prompt lookup k={k}"] = lambda edit, k=k: baselines.drive(  # type: ignore[misc]
            model, edit.prompt, edit.gold, k
        )
    return ways


def _report(
    subject: shapes.Subject,
    curve: CostCurve,
    counted: Sequence[Row],
    timed: Sequence[Row],
) -> Report:
    title = (
        f"forwards: {subject.name}, {subject.parameters / 1e6:.1f}M parameters, "
        f"{subject.model.device}, {torch.get_num_threads()} threads"
    )
    rows = [{"table": "counted", **row} for row in counted]
    rows += [{"table": "timed", **row} for row in timed]

    def plot(figure: Figure) -> None:
        axes = figure.subplots(1, 2)
        for axis, table, key, label in (
            (axes[0], counted, "forwards_ratio", "fewer forwards"),
            (axes[1], timed, "time_ratio", "faster than generate"),
        ):
            ways = [w for w in dict.fromkeys(row["way"] for row in table) if w != PLAIN]
            corpora = list(dict.fromkeys(row["corpus"] for row in table))
            height = 0.8 / max(1, len(corpora))
            for index, corpus in enumerate(corpora):
                values = {r["way"]: r[key] for r in table if r["corpus"] == corpus}
                places = [k + index * height for k in range(len(ways))]
                axis.barh(places, [values[w] for w in ways], height, label=str(corpus))
            axis.set_yticks(range(len(ways)), [str(w) for w in ways], fontsize="x-small")
            axis.set(xscale="log", xlabel=label)
            axis.grid(axis="x", alpha=0.4)
            axis.legend(fontsize="x-small")
        figure.suptitle(title, fontsize="medium")

    return Report(
        title=title,
        columns=(
            Column("table", "table"),
            Column("corpus", "corpus"),
            Column("way", "way"),
            Column("cases", "cases"),
            Column("gold_tokens", "gold tokens", ",.0f"),
            Column("forwards", "forwards", ",.1f"),
            Column("forwards_ratio", "fewer", ".2f"),
            Column("fed_tokens", "tokens fed", ",.0f"),
            Column("seconds", "s", ".3f"),
            Column("time_ratio", "faster", ".2f"),
            Column("time_ratio_median", "faster, median", ".2f"),
            Column("own", "between", ".1%"),
            Column("grammar", "grammar", ".1%"),
            Column("exact", "exact", ".0%"),
        ),
        rows=rows,
        draw=plot,
        notes=(
            "Means over cases; 'fewer' and 'faster' are means of paired ratios against plain "
            "decoding of the full text (transformers' generate where timed).",
            f"m* = {cost_of.minimum_span(curve)} tokens: a shorter span is cheaper written than "
            "copied, by the measured cost of wider forwards.",
            "'between' is the part of the time outside the model, 'grammar' what of it masks and "
            "matching take.",
            "Teacher-forced: every way writes the gold, or the study ends with an error.",
            f"Must reach, program: {', '.join(f'{k} {v:.0f}x' for k, v in MUST.items())} fewer.",
        ),
        figures={
            "model": subject.name,
            "parameters": subject.parameters,
            "cost_ms": ", ".join(f"{n}: {1e3 * s:.2f}" for n, s in curve.points),
            "minimum_span": cost_of.minimum_span(curve),
        },
    )


def _options(parser: argparse.ArgumentParser) -> None:
    add_corpora(parser, CORPORA)
    parser.add_argument(
        "--timed", type=positive, default=3, metavar="N", help="cases of each corpus that are timed"
    )
    parser.add_argument("--cpu", action="store_true", help="even where there is a GPU")


STUDY = Study(
    name="forwards",
    question="How many forwards and seconds does a whole edit take, written in several ways?",
    run=run,
    add_options=_options,
    default_limit=60,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
