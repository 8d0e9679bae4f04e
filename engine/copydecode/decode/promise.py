"""A whole program that an instruction promises, and what of it is still to be written.

Where the words ask for nothing but what can be read from them ("insert before line 3: ...", "rename
`a` to `b`"), the program is known before the model writes it. It is a guess all the same: the model
decides. Knows nothing of instructions, grammars or models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from copydecode.edit import grammar
from copydecode.edit.program import Copy, Gen, Op

NewText = tuple[int, ...]
"""The tokens of new text, as they stand in a program."""

Promised = Sequence[Copy | NewText]
"""The ops of a program, in order."""


def rest(
    promised: Promised, ops: Sequence[Op], token_bytes: Callable[[int], bytes]
) -> list[Copy | NewText] | None:
    """Return the promised ops that have not been written, None if something else has.

    A lock may part a copy at its scope: then the rest of it is still to come.
    """
    left = list(promised)
    for op in ops:
        if not left:
            return None
        wanted = left.pop(0)
        match op, wanted:
            case Copy(first, last), Copy() if first == wanted.first and last <= wanted.last:
                if last < wanted.last:
                    left.insert(0, Copy(last + 1, wanted.last))
            case Gen(text), tuple():
                if grammar.escape(text).encode() != b"".join(map(token_bytes, wanted)):
                    return None
            case _:
                return None
    return left
