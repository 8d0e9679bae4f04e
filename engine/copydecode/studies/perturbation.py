"""What does an error in the lines of a copy cost?

The paper's Table 8: both endpoints of every copy op of the oracle program are moved by uniform
noise in [-e, e], clamped to the document (and the last line to the first), five times a case; what
comes out is compared with the gold text, both trimmed. In the paper's line convention.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from copydecode.edit.program import Copy, Op, Program
from copydecode.studies import corpora, paper
from copydecode.studies.corpora import Case
from copydecode.studies.study import (
    Column,
    Context,
    Report,
    Row,
    Study,
    add_corpora,
    main,
    positive,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERRORS = (0, 1, 2, 3, 5)


def perturb(program: Program, lines: int, error: int, draw: random.Random) -> Program:
    """Move both endpoints of every copy by noise in [-error, error], within the document."""

    def moved(op: Op) -> Op:
        if not isinstance(op, Copy):
            return op
        first = min(max(1, op.first + draw.randint(-error, error)), lines)
        last = min(max(first, op.last + draw.randint(-error, error)), lines)
        return Copy(first, last)

    return Program(tuple(map(moved, program.ops)))


def matches(case: Case, error: int, draws: int, seed: int) -> int:
    """Return how many of the perturbed programs of a case still give its new text, trimmed."""
    draw = random.Random(f"{seed}/{case.id}/{error}")  # noqa: S311  # not a secret
    source = paper.lines(case.source)
    program = paper.oracle(source, paper.lines(case.target))
    results = (
        paper.resolve(perturb(program, len(source), error, draw), source) for _ in range(draws)
    )
    return sum(result.strip() == case.target.strip() for result in results)


def run(context: Context) -> Report:
    """Perturb every case."""
    draws: int = context.options.draws
    held: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    titles: dict[str, str] = {}
    for name in context.options.corpora:
        corpus = context.corpus(name)
        sums = [0] * len(ERRORS)
        for case in context.track(corpus.cases, corpus.title):
            for index, error in enumerate(ERRORS):
                sums[index] += matches(case, error, draws, context.seed)
        held[name], counts[name], titles[name] = sums, len(corpus), corpus.title
    if set(corpora.PAPERS) <= set(held):
        chosen = [held[name] for name in corpora.PAPERS]
        held["pooled"] = [sum(column) for column in zip(*chosen, strict=True)]
        counts["pooled"] = sum(counts[name] for name in corpora.PAPERS)
        titles["pooled"] = "pooled, as the paper"
    rows: list[Row] = []
    reference: list[Row] = []
    shown: list[Row] = []
    for name, sums in held.items():
        rates = [100 * count / max(1, draws * counts[name]) for count in sums]
        row: Row = {
            "corpus": titles[name],
            "name": name,
            "cases": counts[name],
            **{f"e{error}": rate for error, rate in zip(ERRORS, rates, strict=True)},
        }
        rows.append(row)
        shown.append(row)
        if printed := paper.PERTURBATION.get(name):
            theirs: Row = {
                "corpus": f"* {titles[name]}",
                "name": name,
                **{f"e{error}": rate for error, rate in printed.items()},
            }
            reference.append(theirs)
            shown.append(theirs)
    return Report(
        title="perturbation: trimmed exact match in percent (* the paper's)",
        columns=(
            Column("corpus", "corpus"),
            Column("cases", "n", ",d"),
            *(Column(f"e{error}", f"e = {error}", ".2f") for error in ERRORS),
        ),
        rows=rows,
        shown=shown,
        draw=lambda figure: _draw(figure, rows, reference),
        notes=(f"{draws} perturbed programs a case. The paper's probe corpus is another one.",),
        paper=reference,
    )


def _draw(figure: Figure, rows: Sequence[Row], reference: Sequence[Row]) -> None:
    axes = figure.subplots()
    for style, kept in (("o-", rows), ("k*--", reference)):
        for row in kept:
            heights = [float(row[f"e{error}"] or 0) for error in ERRORS]
            axes.plot(ERRORS, heights, style, label=str(row["corpus"]), alpha=0.7)
    axes.set(
        xlabel="greatest error of an endpoint, lines",
        ylabel="trimmed exact match, %",
        title="noise on the endpoints of copies (*: the paper)",
    )
    axes.legend(fontsize="small")


def _options(parser: argparse.ArgumentParser) -> None:
    add_corpora(parser, corpora.DEFAULT)
    parser.add_argument("--draws", type=positive, default=paper.DRAWS, metavar="N", help="a case")


STUDY = Study(
    name="perturbation",
    question="What does an error in the lines of a copy cost?",
    run=run,
    add_options=_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
