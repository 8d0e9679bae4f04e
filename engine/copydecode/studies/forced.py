"""A model server that is made to write a gold edit, over the protocol that programs take.

The server runs its model for each token, under grammars that leave it the gold's next tokens alone;
requests, stops and splices are those of a model that would have written the gold by itself. So a
model that is small enough to be served anywhere tells what an edit costs that it could not make.
Knows nothing of corpora or of how requests are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from copydecode.backends.dialect import Wish
from copydecode.backends.model_server import RemoteBackend
from copydecode.backends.one_op import OneOp, exactly
from copydecode.backends.remote import Stream
from copydecode.decode.forwards import Forwards
from copydecode.decode.literals import Literals
from copydecode.decode.prompt import Prompt, Shown
from copydecode.decode.receipt import Receipt
from copydecode.edit.fit import Window
from copydecode.edit.grammar import PROGRAM_CLOSE
from copydecode.edit.program import Copy, Program
from copydecode.studies.drives import UNLIMITED, Edit
from copydecode.studies.replay import encode


@dataclass(frozen=True, slots=True)
class GoldPrompt(Prompt):
    """A prompt, and the tokens that have to stand behind it in the end, spans included.

    `ends` are the counts of these tokens at which a request ends.
    """

    gold: Sequence[int] = ()
    ends: Sequence[int] = ()


class ForcedBackend(RemoteBackend):
    """A server that writes the gold of a `GoldPrompt`; whole spans are spliced."""

    @classmethod
    def of(cls, backend: RemoteBackend) -> ForcedBackend:
        """Return one on the server of another backend, which must outlive it."""
        return cls(
            name=backend.name,
            wire=backend.wire,
            server=backend.server,
            writing=backend.writing,
            prompts=backend.prompts,
        )

    def ask(self, task: Any, wish: Wish, turn: int) -> Stream:  # noqa: ANN401  # the base's own
        """Send a request that can only bring the gold's next tokens."""
        prompt = task.prompt
        if isinstance(wish.written, OneOp):
            at = len(wish.tokens) - len(prompt.tokens)
            end = next(end for end in prompt.ends if end > at)
            forced = exactly(prompt.gold[at:end], wish.written.stop)
            wish = replace(wish, written=forced)
        return super().ask(task, wish, turn)

    def write(self, edit: Edit, name: str, receipt: Receipt) -> Forwards[Program]:
        """Have the gold's program written; `name` is as in `EditRequest`.

        Raises:
            RuntimeError: something else came out.
            RemoteError: as the backend's.
        """
        prompt = gold_prompt(edit, self.writing.literals)
        program = yield from self.decoding(prompt, UNLIMITED, receipt, name=name)
        if program != edit.program:
            message = "expected the server to write the gold, found something else"
            raise RuntimeError(message)
        return program


def gold_prompt(edit: Edit, literals: Literals) -> GoldPrompt:
    """Return an edit's prompt with its gold behind it."""
    close = len(literals[PROGRAM_CLOSE])
    pieces: list[list[int]] = []
    copies: list[bool] = []
    for op in edit.program.ops:
        tokens = encode(Program((op,)), literals)[:-close]
        pieces.append(tokens)
        copies.append(isinstance(op, Copy))
        if isinstance(op, Copy):
            pieces.append(edit.splice(op.first, op.last))
            copies.append(False)
    pieces.append([*literals[PROGRAM_CLOSE]])
    copies.append(True)
    lengths = list(accumulate(map(len, pieces)))
    return GoldPrompt(
        edit.prompt,
        Shown(edit.prompt, Window(1, len(edit.lines)), edit.lines, head=1),
        gold=[token for piece in pieces for token in piece],
        ends=[length for length, ends in zip(lengths, copies, strict=True) if ends],
    )
