"""Free-running: what the model itself writes, how often it is right, and how long it takes.

The same model writes each edit as a program, with and without drafts, and as full text, with the
document as draft and plainly. Exact match and time come from the same run. A model that was taught
programs only ends its full text far too early, so plain decoding is also driven along the gold: the
time that a full text without a fault takes, the best that plain decoding could do. Knows nothing of
how a mode works.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import Acceptance, Decoding, EngineConfig, Limits, Mode
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import ContextTooLongError, EditStoppedError
from copydecode.studies import everyday, shapes, tokens
from copydecode.studies.drives import Driver, prepare
from copydecode.studies.everyday import Everyday
from copydecode.studies.study import Column, Context, Report, Study, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROGRAM = "program"
PLAIN = "full text, plain"
DRIVEN = "full text, driven along the gold"
WAYS = {
    PROGRAM: Decoding(),
    "program, no drafts": Decoding(drafts=False),
    "program, checked": Decoding(acceptance=Acceptance.CHECKED, untaught=True),
    "program, not locked": Decoding(),
    "full text, drafts": Decoding(mode=Mode.REWRITE, untaught=True),
    PLAIN: Decoding(mode=Mode.REWRITE, drafts=False, untaught=True),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one edit in one way."""

    kind: str
    way: str
    exact: bool
    seconds: float
    forwards: int


def run(context: Context) -> Report:
    """Let the model write every case in every way, in turn."""
    limits = Limits(max_new_tokens=1024)
    engines = {
        way: Engine.load(
            EngineConfig(
                model=context.model,
                threads=context.options.threads or 1,
                limits=limits,
                decoding=decoding,
                scope_lock=way != "program, not locked",
            )
        )
        for way, decoding in WAYS.items()
    }
    driver = _driver(context)
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    cases = everyday.cases(context.limit or 100, context.seed)
    answers: list[Answer] = []
    for case in context.track(cases, "everyday edits"):
        answers += [_answer(case, way, engine) for way, engine in engines.items()]
        edit = prepare(case.source, case.target, case.instruction, vocabulary)
        drive, _ = driver.text(edit, None)
        seconds = drive.prompt_s + drive.seconds
        answers.append(
            Answer(case.kind, DRIVEN, exact=True, seconds=seconds, forwards=drive.forwards)
        )
    rows = [row for kind in ("deletion", "misspelling") for row in _rows(kind, answers)]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for kind, marker in (("deletion", "o"), ("misspelling", "s")):
            for row in rows:
                if row["kind"] == kind:
                    axis.plot(row["ms"], 100 * row["exact"], marker, label=f"{row['way']}, {kind}")
        axis.set(xscale="log", xlabel="ms for one edit, mean", ylabel="exact match, %")
        axis.grid(alpha=0.4)
        axis.legend(fontsize="x-small")

    return Report(
        title=f"freerun: {context.model}, exact match and time of the same edits",
        columns=(
            Column("kind", "kind"),
            Column("way", "way"),
            Column("cases", "cases"),
            Column("exact", "exact", ".1%"),
            Column("ms", "ms", ".1f"),
            Column("forwards", "forwards", ".1f"),
            Column("faster", "faster", ".2f"),
            Column("faster_median", "faster, median", ".2f"),
        ),
        rows=rows,
        draw=draw,
        notes=(
            f"'faster' is the mean of paired ratios against '{DRIVEN}', the prompt included.",
            f"The model was trained to write programs only, and ends its own full text early: "
            f"'{DRIVEN}' is teacher-forced, exact by construction.",
            "Cases are from the standard library of this Python; another version has others.",
        ),
    )


def _driver(context: Context) -> Driver:
    subject = shapes.load(context.model)
    return Driver(subject.model, tokens.embedded())


def _answer(case: Everyday, way: str, engine: Engine) -> Answer:
    scope = None if case.line is None else Scope(case.line, case.line)
    request = EditRequest(case.source, case.instruction, scope, "python")
    forwards = 0
    started = time.perf_counter()
    try:
        result = engine.edit(request)
    except (EditStoppedError, ContextTooLongError):
        exact = False
    else:
        exact = result.text == case.target
        forwards = result.receipt.forwards
    return Answer(case.kind, way, exact, time.perf_counter() - started, forwards)


def _rows(kind: str, answers: Sequence[Answer]) -> list[dict[str, Any]]:
    of_way = {w: [a for a in answers if a.kind == kind and a.way == w] for w in (*WAYS, DRIVEN)}
    plain = of_way[DRIVEN]
    rows = []
    for way, mine in of_way.items():
        if not mine:
            continue
        ratios = [p.seconds / a.seconds for p, a in zip(plain, mine, strict=True)]
        ended = [a.forwards for a in mine if a.forwards]
        rows.append(
            {
                "kind": kind,
                "way": way,
                "cases": len(mine),
                "exact": fmean(a.exact for a in mine),
                "ms": 1e3 * fmean(a.seconds for a in mine),
                "forwards": fmean(ended) if ended else None,
                "faster": fmean(ratios),
                "faster_median": median(ratios),
            }
        )
    return rows


STUDY = Study(
    name="freerun",
    question="Is the model's own program at least as exact as its own full text, and how fast?",
    run=run,
    limit="edits of each kind",
    default_limit=40,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
