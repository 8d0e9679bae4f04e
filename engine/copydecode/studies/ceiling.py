"""How much could copying gain, at most?

The paper's Table 2 once more, in its line convention and its tokens: how much of each new text its
oracle program copies, the bounds on the speed-up that follow from a kernel s(N) (the paper's, and
ours where `kernel.json` lies in the output folder), and the cover by spans of at least eight tokens
anywhere in the text, greedy and best.

And the *honest* bounds, which the paper leaves out: a program's own tokens have to be decoded, too.
They are counted for our programs, by the real grammar:

- naive: each token of the program is a decode, each span costs one forward more;
- riding: forced and spliced tokens ride along in the forward that takes the decision before them;
  a forward of w tokens costs w / s(w) decodes;
- decisions: one decode a decision, all else free: what no loop beats that drafts nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Codec
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy
from copydecode.edit.token_copies import MIN_SPAN
from copydecode.studies import corpora, cover, kernel, paper, tokens
from copydecode.studies.corpora import Case
from copydecode.studies.replay import replay
from copydecode.studies.study import Column, Context, Report, Row, Study, add_corpora, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST = MIN_SPAN
"""The paper's minimum span m*, in tokens."""


@dataclass(slots=True)
class Count:
    """Sums over cases, in tokens of one tokenizer.

    `spans` are the lengths of the copied spans of the paper's programs, `greedy` those of the
    token-level cover. The rest is of our programs: `program` tokens, `own_spans`, and for each
    forward its `widths`.
    """

    cases: int = 0
    tokens: int = 0
    spans: list[int] = field(default_factory=list)
    greedy: list[int] = field(default_factory=list)
    best: int = 0
    program: int = 0
    own_spans: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Add the sums of other cases."""
        self.cases += other.cases
        self.tokens += other.tokens
        self.spans += other.spans
        self.greedy += other.greedy
        self.best += other.best
        self.program += other.program
        self.own_spans += other.own_spans
        self.widths += other.widths

    @property
    def copied(self) -> int:
        """T_copy of the paper."""
        return sum(self.spans)

    def share(self, part: int) -> float:
        """Return a part of the tokens in percent."""
        return 100 * part / max(1, self.tokens)

    def row(self, curve: cover.Curve) -> dict[str, float | int]:
        """Return counts, covers and bounds by one kernel."""
        spans = len(self.spans)
        mean = self.copied / max(1, spans)
        riding = sum(map(curve.cost, self.widths))
        return {
            "cases": self.cases,
            "tokens": self.tokens,
            "copied": self.copied,
            "generated": self.tokens - self.copied,
            "line_cover": self.share(self.copied),
            "spans": spans,
            "mean_span": mean,
            "short_spans": 100 * sum(span < LEAST for span in self.spans) / max(1, spans),
            "empty_spans": sum(span == 0 for span in self.spans),
            "bound_m8": self._bound(curve(LEAST)),
            "bound_mean": self._bound(curve(max(1.0, mean))),
            "bound_exact": cover.bound(self.tokens, self.spans, curve),
            "token_cover": self.share(sum(self.greedy)),
            "token_best": self.share(self.best),
            "token_bound_m8": self._bound(curve(LEAST), sum(self.greedy)),
            "token_bound_exact": cover.bound(self.tokens, self.greedy, curve),
            "program_tokens": self.program,
            "decisions": len(self.widths),
            "honest_naive": self.tokens / (self.program + sum(map(curve.cost, self.own_spans))),
            "honest_riding": self.tokens / riding,
            "honest_decisions": self.tokens / len(self.widths),
        }

    def _bound(self, speed: float, copied: int | None = None) -> float:
        """Return the bound where every copied token is `speed` times cheaper."""
        copied = self.copied if copied is None else copied
        return self.tokens / (self.tokens - copied + copied / speed)


def count(case: Case, codec: Codec, compiled: ProgramGrammar) -> Count:
    """Count one case."""
    source, target = paper.lines(case.source), paper.lines(case.target)
    old, new = codec.encode(case.source), codec.encode(case.target)
    spans = [
        len(codec.encode("\n".join(source[op.first - 1 : op.last])))
        for op in paper.oracle(source, target).ops
        if isinstance(op, Copy)
    ]
    document = Document(case.source)
    steps = replay(oracle(document, Document(case.target)), document, compiled)
    return Count(
        cases=1,
        tokens=len(new),
        spans=spans,
        greedy=cover.greedy_cover(old, new, LEAST),
        best=cover.best_cover(old, new, LEAST),
        program=steps.tokens,
        own_spans=[step.spliced for step in steps.steps if step.spliced],
        widths=[step.width for step in steps.steps],
    )


def run(context: Context) -> Report:
    """Count all corpora, and bound them by each kernel that there is."""
    literals = tokens.load(context.options.tokens, context.data)
    compiled = ProgramGrammar(literals)
    curves = {"paper 7B, A100": cover.Curve(paper.kernel_points())}
    if (path := context.out / "kernel.json").is_file():
        curves["ours"] = kernel.read_curve(path)
    counts: dict[str, Count] = {}
    titles: dict[str, str] = {}
    for name in context.options.corpora:
        corpus = context.corpus(name)
        titles[name], total = corpus.title, Count()
        for case in context.track(corpus.cases, corpus.title):
            total.add(count(case, literals.codec, compiled))
        counts[name] = total
    if set(corpora.PAPERS) <= set(counts):
        counts["pooled"], titles["pooled"] = Count(), "pooled, as the paper"
        for name in corpora.PAPERS:
            counts["pooled"].add(counts[name])
    rows: list[Row] = [
        {"corpus": titles[name], "name": name, "kernel": label, **total.row(curve)}
        for label, curve in curves.items()
        for name, total in counts.items()
    ]
    reference = [
        {"corpus": titles.get(name, name), "name": name, "kernel": "as printed", **_printed(row)}
        for name, row in paper.CEILINGS.items()
        if name in counts
    ]
    return Report(
        title=f"ceiling, in {context.options.tokens} tokens (* the paper's own row)",
        columns=_COLUMNS,
        rows=rows,
        shown=[*({**row, "corpus": f"* {row['corpus']}"} for row in reference), *rows],
        draw=lambda figure: _draw(figure, rows),
        notes=_NOTES,
        paper=reference,
        figures={"tokens": context.options.tokens},
    )


def _printed(row: paper.Ceiling) -> Row:
    return {
        "cases": row.cases,
        "tokens": row.tokens,
        "copied": row.copied,
        "line_cover": 100 * row.copied / row.tokens,
        "spans": row.spans,
        "mean_span": row.copied / row.spans,
        "bound_m8": row.bound_m8,
        "bound_mean": row.bound_mean,
        "bound_exact": row.bound_exact,
        "token_cover": row.token_cover,
        "token_best": row.token_optimum,
        "token_bound_m8": row.token_bound,
    }


def _draw(figure: Figure, rows: Sequence[Row]) -> None:
    axes = figure.subplots()
    labels = [f"{row['corpus']}\n{row['kernel']}" for row in rows]
    for offset, (key, label) in enumerate(
        (
            ("bound_exact", "the paper's bound"),
            ("honest_naive", "honest, naive"),
            ("honest_riding", "honest, riding along"),
            ("honest_decisions", "decisions only"),
        )
    ):
        places = [index + 0.2 * offset - 0.3 for index in range(len(rows))]
        heights = [float(row[key] or 0) for row in rows]
        axes.bar(places, heights, width=0.2, label=label)
    axes.set(yscale="log", ylabel="times faster than plain decoding", title="upper bounds")
    axes.set_xticks(range(len(rows)), labels, rotation=60, ha="right", fontsize="x-small")
    axes.legend(fontsize="small")


_COLUMNS = (
    Column("corpus", "corpus"),
    Column("kernel", "kernel"),
    Column("cases", "n", ",d"),
    Column("tokens", "T", ",d"),
    Column("copied", "T_copy", ",d"),
    Column("line_cover", "lines %", ".1f"),
    Column("spans", "K", ",d"),
    Column("short_spans", "< 8 %", ".1f"),
    Column("bound_m8", "m=8", ".2f"),
    Column("bound_mean", "mean", ".2f"),
    Column("bound_exact", "exact", ".2f"),
    Column("token_cover", "greedy %", ".1f"),
    Column("token_best", "best %", ".1f"),
    Column("program_tokens", "program", ",d"),
    Column("decisions", "decisions", ",d"),
    Column("honest_naive", "naive", ".2f"),
    Column("honest_riding", "riding", ".2f"),
    Column("honest_decisions", "decided", ".2f"),
)

_NOTES = (
    "T, T_copy, K, 'lines', and the bounds m=8, mean, exact: the paper's convention; 'greedy' and "
    "'best': token-level cover by spans of at least 8 tokens.",
    "program, decisions: tokens of our programs behind <program>, and those the grammar leaves "
    "open. naive, riding, decided: bounds that count them, for our programs.",
    "The paper's s(N) is known at 1, 2, 8 and 512 tokens; three points more follow from its bounds "
    "at the mean span, the rest is interpolated (log-log).",
)


def _options(parser: argparse.ArgumentParser) -> None:
    add_corpora(parser, corpora.DEFAULT)
    tokens.add_option(parser)


STUDY = Study(
    name="ceiling",
    question="How much could copying gain, at most?",
    run=run,
    add_options=_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
