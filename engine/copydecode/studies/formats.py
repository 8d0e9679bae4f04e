"""How many tokens does the same edit take in each format, and does it come back?

The paper's Table 3, over all cases: full text, search/replace, unified diff, and our program, each
written by an oracle and applied strictly. Search/replace is taken twice: with the changed lines
alone, where a line that occurs twice makes it fail (the paper's), and with as much context as it
needs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copydecode.decode.literals import Codec
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.resolve import resolve
from copydecode.studies import corpora, paper, patches, tokens
from copydecode.studies.corpora import Case, Corpus
from copydecode.studies.study import Column, Context, Report, Row, Study, add_corpora, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write an edit. `apply` raises DoesNotApplyError; `paper` is the paper's name."""

    name: str
    encode: Callable[[str, str], str]
    apply: Callable[[str, str], str]
    paper: str | None = None


def _program(source: str, target: str) -> str:
    return grammar.render(oracle(Document(source), Document(target)))


FORMATS = (
    Format("full text", lambda _source, target: target, lambda _source, text: text, "full text"),
    Format(
        "search/replace", patches.search_replace, patches.apply_search_replace, "search/replace"
    ),
    Format("search/replace, unique", patches.search_replace_unique, patches.apply_search_replace),
    Format("unified diff", patches.write_unified_diff, patches.apply_unified_diff, "unified diff"),
    Format(
        "copy/gen program",
        _program,
        lambda source, text: resolve(grammar.parse(text), Document(source)),
        "copy/gen program",
    ),
)


def comes_back(form: Format, case: Case, written: str) -> bool:
    """Return whether a written edit applies and gives the case's new text."""
    try:
        return form.apply(case.source, written) == case.target
    except patches.DoesNotApplyError:
        return False


def compare(corpus: Corpus, form: Format, cases: Sequence[Case], codec: Codec) -> Row:
    """Return mean tokens and the share of exact round trips of one format."""
    written = [form.encode(case.source, case.target) for case in cases]
    lengths = [len(codec.encode(text)) for text in written]
    exact = [comes_back(form, case, text) for case, text in zip(cases, written, strict=True)]
    printed = paper.FORMATS.get(form.paper or "", {}).get(corpus.name, (None, None))
    count = max(1, len(cases))
    return {
        "corpus": corpus.title,
        "name": corpus.name,
        "format": form.name,
        "cases": len(cases),
        "tokens": sum(lengths) / count,
        "exact": sum(exact) / count,
        "paper_tokens": printed[0],
        "paper_exact": printed[1],
    }


def run(context: Context) -> Report:
    """Write and apply every case in every format."""
    codec = tokens.load(context.options.tokens, context.data).codec
    chosen = [context.corpus(name) for name in context.options.corpora]
    jobs = [(corpus, form) for corpus in chosen for form in FORMATS]
    rows = [
        compare(corpus, form, corpus.cases, codec)
        for corpus, form in context.track(jobs, "writing and applying")
    ]
    return Report(
        title=f"formats: the gold edit, in {context.options.tokens} tokens",
        columns=(
            Column("corpus", "corpus"),
            Column("format", "format"),
            Column("cases", "n", ",d"),
            Column("tokens", "mean tokens", ",.1f"),
            Column("exact", "exact", ".3f"),
            Column("paper_tokens", "paper: tokens", ",.1f"),
            Column("paper_exact", "paper: exact", ".2f"),
        ),
        rows=rows,
        draw=lambda figure: _draw(figure, rows, [corpus.title for corpus in chosen]),
        notes=(
            "The paper has 31 / 33 / 33 held-out cases; we have all. Its probe corpus is another.",
        ),
        paper=[
            {"format": name, "name": corpus, "tokens": mean, "exact": exact}
            for name, by_corpus in paper.FORMATS.items()
            for corpus, (mean, exact) in by_corpus.items()
        ],
        figures={"tokens": context.options.tokens},
    )


def _draw(figure: Figure, rows: Sequence[Row], titles: Sequence[str]) -> None:
    axes = figure.subplots()
    for offset, form in enumerate(FORMATS):
        mine = [row for row in rows if row["format"] == form.name]
        places = [index + 0.16 * offset - 0.32 for index in range(len(mine))]
        axes.bar(places, [float(row["tokens"] or 0) for row in mine], width=0.16, label=form.name)
    axes.set(yscale="log", ylabel="mean tokens", title="the gold edit in each format")
    axes.set_xticks(range(len(titles)), titles, rotation=20)
    axes.legend(fontsize="small")


def _options(parser: argparse.ArgumentParser) -> None:
    add_corpora(parser, corpora.DEFAULT)
    tokens.add_option(parser)


STUDY = Study(
    name="formats",
    question="How many tokens does the same edit take in each format, and does it come back?",
    run=run,
    add_options=_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
