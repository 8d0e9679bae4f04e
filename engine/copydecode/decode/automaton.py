"""What the decode loop asks of that which says what may be written: programs, or full text.

Knows nothing of models or logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from copydecode.decode.literals import Ids, Literals
from copydecode.edit.program import Copy, CopyTokens, Op


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of a token: the tokens that stand in the program, and the op that they close."""

    tokens: tuple[int, ...]
    op: Op | None = None


class Automaton(Protocol):
    """What may come next and what has come: a `Constraint`, or a `FreeText`."""

    literals: Literals

    @property
    def done(self) -> bool:
        """Whether all is written."""
        ...

    def begin(self) -> None:
        """Take what the prompt's end has written already."""
        ...

    def allowed(self) -> Ids | None:
        """Return the ids that may come next; None for all that may be text."""
        ...

    def permits(self, token: int) -> bool:
        """Return whether the token may come next."""
        ...

    def forced(self) -> int | None:
        """Return the next token where there is no choice."""
        ...

    def accept(self, token: int) -> Accepted:
        """Take one token."""
        ...

    def rollback(self, steps: int) -> None:
        """Undo the last `steps` calls of `accept`."""
        ...

    def removable(self, copy: Copy | CopyTokens) -> int:
        """Return how many lines or tokens of a copy, from its first on, a program may leave out."""
        ...
