"""How much of a prompt is computed again: for a second edit, after typing, in another file.

Edits follow each other as a person makes them, in a file of 300 lines. For each stands how many
tokens its prompt has, how many of them are its instruction's, and how many were computed. A model
with random weights sees the whole file; the embedded model a window. What the model writes does not
matter here, so a decode ends after a few tokens. Knows nothing of how caches are kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copydecode.backends.local import EMBEDDED_FOLDER, LocalBackend, load
from copydecode.backends.writing import Programs
from copydecode.config import EngineConfig, Limits
from copydecode.decode.forwards import alone
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import Document
from copydecode.errors import TokenLimitError
from copydecode.studies import shapes, tokens
from copydecode.studies.study import Column, Context, Report, Study, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 300
SCOPE = (150, 152)
LARGER = "27m"
_FEW = Limits(max_new_tokens=4)


@dataclass(frozen=True, slots=True)
class Action:
    """One edit: what was done before it, the file and its text at that moment, the instruction."""

    what: str
    name: str
    text: str
    instruction: str


def actions() -> Iterator[Action]:
    """Yield edits as they may follow each other, with their file's text."""
    one, other = (_lines(module) for module in ("argparse", "tarfile"))
    near = [*one[:159], "# Something was typed here.\n", *one[160:]]
    above = [*near[:9], "# And here.\n", *near[10:]]
    first = "Delete the selected lines"
    yield Action("first edit of a file", "one", "".join(one), first)
    yield Action("second edit", "one", "".join(one), "Undefined name `reslut`")
    yield Action("after typing below the place", "one", "".join(near), first)
    yield Action("after typing at the file's top", "one", "".join(above), first)
    yield Action("first edit of another file", "other", "".join(other), first)
    yield Action("back in the first file", "one", "".join(above), first)


def _lines(module: str) -> list[str]:
    text = (Path(os.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    return text.splitlines(keepends=True)[:LINES]


def run(context: Context) -> Report:
    """Make the edits with a model that sees the whole file, and with the one that was asked for."""
    backends = {f"{LARGER}, random weights": _larger()}
    config = EngineConfig(model=context.model, threads=context.options.threads or 1)
    backends[context.model] = load(config)
    made = list(actions())
    rows: list[dict[str, Any]] = []
    for name, backend in backends.items():
        rows += [_row(name, backend, action) for action in context.track(made, name)]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        labels = [action.what for action in made]
        height = 0.8 / len(backends)
        for index, name in enumerate(backends):
            mine = [row for row in rows if row["model"] == name]
            places = [k + index * height for k in range(len(mine))]
            axis.barh(places, [row["computed"] for row in mine], height, label=name)
        axis.set_yticks(range(len(labels)), labels)
        axis.invert_yaxis()
        axis.set(xlabel="tokens of the prompt that were computed", xscale="log")
        axis.legend()

    return Report(
        title=f"reuse: prompts of edits in a file of {LINES} lines",
        columns=(
            Column("model", "model"),
            Column("action", "action"),
            Column("window", "lines seen"),
            Column("prompt", "prompt", ",d"),
            Column("instruction", "instruction's", ",d"),
            Column("computed", "computed", ",d"),
            Column("prefill_ms", "ms", ",.1f"),
        ),
        rows=rows,
        draw=draw,
        notes=("Must reach: the second edit computes no more than its instruction's tokens.",),
    )


def _larger() -> LocalBackend:
    subject = shapes.load(LARGER)
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    return LocalBackend(
        name=LARGER,
        parameters=subject.parameters,
        model=subject.model,
        writing=Programs(tokens.embedded()),
        prompts=EmbeddedPrompt(vocabulary, LINES, subject.model.context - 256),
    )


def _row(name: str, backend: LocalBackend, action: Action) -> dict[str, Any]:
    prompt = backend.prompts.build(Document(action.text), action.instruction, SCOPE, "python")
    receipt = Receipt()
    with suppress(TokenLimitError):
        alone(backend.decoding(prompt, _FEW, receipt, name=action.name))
    return {
        "model": name,
        "action": action.what,
        "window": f"{prompt.window.first}-{prompt.window.last}",
        "prompt": receipt.prompt_tokens,
        "instruction": receipt.prompt_tokens - len(prompt.shown.tokens),
        "computed": receipt.prompt_tokens - receipt.reused_tokens,
        "prefill_ms": 1e3 * receipt.prefill_s,
    }


STUDY = Study(
    name="reuse",
    question="How much of a prompt is computed again for the next edit?",
    run=run,
    limit="(not used)",
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
