"""What drafts bring to a program: between its ops, inside its new text, and together.

The paper predicts what speculation inside gen bodies would bring if each forward there gave 2.5
tokens (Liu, arXiv 2604.18170, Appendix M). Here the drafts of the decode loop are counted, without
arithmetic, along gold programs. `s_spec` is the tokens of gen bodies over the forwards that they
still cost when text is drafted. Knows nothing of how drafts are made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.decode.cost import FREE, CostCurve
from copydecode.decode.draft import ProgramDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.guess import Drafter, Guess, Kind, NoDrafts, Odds
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar
from copydecode.edit.program import Gen, Op
from copydecode.studies import tokens
from copydecode.studies.drives import Blank, Driver, Edit, prepare
from copydecode.studies.study import Column, Context, Report, Study, add_corpora, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CORPORA = ("fix-python", "fix-js", "commits-code", "commits-docs", "probe")
PREDICTED = 2.5
"""The paper's assumption for `s_spec`."""

TEXT = {Kind.LINE_BEGINS_ALIKE, Kind.ALONG_THE_SOURCE, Kind.BEHIND_A_CHANGE, Kind.LOOKED_UP}
KINDS = {
    "none": set[Kind](),
    "structure": set(Kind) - TEXT,
    "text": TEXT,
    "both": set(Kind),
}

CURVES = {
    "gpu": FREE,
    # 27M parameters on a CPU, in decodes (FINDINGS of this project's first measurements).
    "cpu": CostCurve(((1, 1.0), (8, 1.6), (64, 3.3), (128, 5.1), (512, 15.0))),
}


class Only:
    """The drafts of another drafter, up to the first of a kind that is not asked for."""

    def __init__(self, drafter: Drafter, kinds: set[Kind]) -> None:
        self.odds = drafter.odds
        self._drafter = drafter
        self._kinds = kinds

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:
        """Guess decision by decision."""
        for guess in self._drafter.guesses(ops):
            if guess.kind not in self._kinds:
                return
            yield guess


def run(context: Context) -> Report:
    """Count the forwards of every gold program with each sort of drafts."""
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    driver = Driver(Blank(), tokens.embedded(), CURVES[context.options.machine])
    rows: list[dict[str, Any]] = []
    for name in context.options.corpora:
        corpus = context.corpus(name)
        edits = [prepare(c.source, c.target, c.instruction, vocabulary) for c in corpus.cases]
        counts = {
            sort: _forwards(driver, context.track(edits, f"{name}, {sort}"), kinds)
            for sort, kinds in KINDS.items()
        }
        bodies = [_body_tokens(edit, driver) for edit in edits]
        saved = sum(counts["none"]) - sum(counts["text"])
        plain = [len(edit.gold) + 1 for edit in edits]
        for sort, forwards in counts.items():
            rows.append(
                {
                    "corpus": name,
                    "drafts": sort,
                    "cases": len(edits),
                    "gold_tokens": fmean(plain) - 1,
                    "gen_tokens": fmean(bodies),
                    "forwards": fmean(forwards),
                    "fewer": fmean(p / (f + 1) for p, f in zip(plain, forwards, strict=True)),
                    "s_spec": sum(bodies) / max(1, sum(bodies) - saved) if sort == "text" else None,
                }
            )

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        names = list(dict.fromkeys(row["corpus"] for row in rows))
        for index, sort in enumerate(KINDS):
            values = [row["fewer"] for row in rows if row["drafts"] == sort]
            axis.bar([k + 0.2 * index for k in range(len(names))], values, 0.2, label=sort)
        axis.set_xticks([k + 0.3 for k in range(len(names))], names)
        axis.set(yscale="log", ylabel="fewer forwards than plain decoding, mean")
        axis.legend()

    return Report(
        title=f"speculation: drafts in gold programs, costs as on a {context.options.machine}",
        columns=(
            Column("corpus", "corpus"),
            Column("drafts", "drafts"),
            Column("cases", "cases"),
            Column("gold_tokens", "gold tokens", ",.0f"),
            Column("gen_tokens", "in gens", ",.1f"),
            Column("forwards", "forwards", ",.1f"),
            Column("fewer", "fewer", ".2f"),
            Column("s_spec", "s_spec", ".2f"),
        ),
        rows=rows,
        draw=draw,
        notes=(
            f"The paper assumes s_spec = {PREDICTED} and predicts bounds of 22.4 -> 27.1 "
            "(ProbeEdit), 2.8 -> 3.4 (Python), 4.4 -> 5.9 (JavaScript), program tokens left out. "
            "'probe' is a stand-in for ProbeEdit.",
        ),
        paper=[
            {"corpus": "probe", "bound": 22.4, "with_speculation": 27.1},
            {"corpus": "fix-python", "bound": 2.8, "with_speculation": 3.4},
            {"corpus": "fix-js", "bound": 4.4, "with_speculation": 5.9},
        ],
    )


def _forwards(driver: Driver, edits: Iterable[Edit], kinds: set[Kind]) -> list[int]:
    odds = Odds()
    counts = []
    for edit in edits:
        constraint = driver.compiled.start(len(edit.lines))
        drafter: Drafter = NoDrafts()
        if kinds:
            drafter = Only(ProgramDrafts(constraint, edit.lines, Hints(), odds), kinds)
        drive, _ = driver.write(edit, constraint, drafter)
        counts.append(drive.forwards)
    return counts


def _body_tokens(edit: Edit, driver: Driver) -> int:
    encode = driver.literals.codec.encode
    return sum(
        len(encode(grammar.escape(op.text))) for op in edit.program.ops if isinstance(op, Gen)
    )


def _options(parser: argparse.ArgumentParser) -> None:
    add_corpora(parser, CORPORA)
    parser.add_argument(
        "--machine", choices=tuple(CURVES), default="cpu", help="whose cost of wider forwards"
    )


STUDY = Study(
    name="speculation",
    question="What do drafts bring between the ops of a program, and inside its new text?",
    run=run,
    add_options=_options,
    default_limit=100,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
