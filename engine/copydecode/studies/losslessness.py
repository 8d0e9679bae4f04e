"""Does every gold program give back every byte?

The paper's Table 4 and more: for each pair of texts our oracle program is resolved in both modes,
sent through the text form (rendered and parsed), and through the token grammar (encoded with the
embedded tokenizer, accepted token by token, resolved). Beside the corpora stand strings made to
break it (`adversarial`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from copydecode.decode.constraint import ProgramGrammar
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.resolve import resolve
from copydecode.studies import adversarial, corpora, paper, tokens
from copydecode.studies.corpora import Case, Corpus
from copydecode.studies.replay import replay
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

WAYS = ("strict", "clipped", "text_form", "token_grammar")
STRINGS = 10_000
_NAMED = 5  # How many failures are named.


def round_trips(source: str, target: str, compiled: ProgramGrammar) -> dict[str, bool]:
    """Return for each of `WAYS` whether the new text comes back byte for byte."""
    document = Document(source)
    program = oracle(document, Document(target))
    parsed = grammar.parse(grammar.render(program))
    try:
        accepted = replay(program, document, compiled).program
    except ValueError:
        by_tokens = False
    else:
        by_tokens = accepted == program and resolve(accepted, document) == target
    return {
        "strict": resolve(program, document) == target,
        "clipped": resolve(program, document, "clipped") == target,
        "text_form": parsed == program and resolve(parsed, document) == target,
        "token_grammar": by_tokens,
    }


def run(context: Context) -> Report:
    """Send every case every way."""
    compiled = ProgramGrammar(tokens.embedded())
    rows: list[Row] = []
    failures: list[str] = []
    chosen = [context.corpus(name) for name in context.options.corpora]
    strings = enumerate(adversarial.pairs(context.options.strings, context.seed))
    cases = tuple(Case(f"string/{index}", "text", *pair, "") for index, pair in strings)
    for corpus in (*chosen, Corpus("adversarial", "adversarial strings", cases)):
        held = dict.fromkeys(WAYS, 0)
        for case in context.track(corpus.cases, corpus.title):
            found = round_trips(case.source, case.target, compiled)
            for way, exact in found.items():
                held[way] += exact
            failures += [f"{case.id} ({way})" for way, exact in found.items() if not exact]
        rows.append({"corpus": corpus.title, "name": corpus.name, "cases": len(corpus), **held})
    back, of = paper.ROUND_TRIPS
    notes = [f"Cases that come back byte for byte. The paper: {back} of {of}, strict and clipped."]
    if failures:
        notes.append(f"Not exact: {', '.join(failures[:_NAMED])} ({len(failures)} in all).")
    return Report(
        title="losslessness: round trips of oracle programs",
        columns=(
            Column("corpus", "corpus"),
            Column("cases", "n", ",d"),
            Column("strict", "strict", ",d"),
            Column("clipped", "clipped", ",d"),
            Column("text_form", "text form", ",d"),
            Column("token_grammar", "token grammar", ",d"),
        ),
        rows=rows,
        draw=lambda figure: _draw(figure, rows),
        notes=notes,
        paper=[{"corpus": "pooled", "cases": of, "strict": back, "clipped": back}],
        figures={"failures": len(failures)},
    )


def _draw(figure: Figure, rows: Sequence[Row]) -> None:
    axes = figure.subplots()
    for offset, way in enumerate(WAYS):
        places = [index + 0.2 * offset - 0.3 for index in range(len(rows))]
        shares = [100 * float(row[way] or 0) / max(1, float(row["cases"] or 0)) for row in rows]
        axes.bar(places, shares, width=0.2, label=way.replace("_", " "))
    axes.set(ylabel="exact, %", title="round trips of oracle programs", ylim=(0, 105))
    axes.set_xticks(range(len(rows)), [str(row["corpus"]) for row in rows], rotation=20)
    axes.legend(fontsize="small", loc="lower right")


def _options(parser: argparse.ArgumentParser) -> None:
    add_corpora(parser, corpora.DEFAULT)
    parser.add_argument("--strings", type=positive, default=STRINGS, metavar="N")


STUDY = Study(
    name="losslessness",
    question="Does every gold program give back every byte?",
    run=run,
    add_options=_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
