"""Guesses at decisions: why each is made, how often its kind was right, and who makes them.

Knows nothing of texts, grammars or models.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from copydecode.edit.program import Op


class Kind(enum.Enum):
    """What a guess rests on."""

    COPY_AT_START = enum.auto()
    COPY_AFTER_GEN = enum.auto()
    GEN_AFTER_COPY = enum.auto()
    END_AFTER_LAST_LINE = enum.auto()
    FIRST_LINE = enum.auto()
    LAST_BEFORE_SCOPE = enum.auto()
    LAST_BEFORE_CHANGE = enum.auto()
    LAST_AT_START = enum.auto()
    LAST_OF_DOCUMENT = enum.auto()
    PROMISED = enum.auto()
    CLOSE_AFTER_LINE = enum.auto()
    CLOSE_AFTER_CHANGE = enum.auto()
    CLOSE_AFTER_BLOCK = enum.auto()
    BLOCK_BEGINS = enum.auto()
    LINE_BEGINS_ALIKE = enum.auto()
    ALONG_THE_SOURCE = enum.auto()
    BEHIND_A_CHANGE = enum.auto()
    LOOKED_UP = enum.auto()
    FILE_AT_START = enum.auto()
    NEXT_FILE = enum.auto()


PRIORS = {
    Kind.COPY_AT_START: 0.9,
    Kind.COPY_AFTER_GEN: 0.9,
    Kind.GEN_AFTER_COPY: 0.8,
    Kind.END_AFTER_LAST_LINE: 0.95,
    Kind.FIRST_LINE: 0.8,
    Kind.LAST_BEFORE_SCOPE: 0.8,
    Kind.LAST_BEFORE_CHANGE: 0.7,
    Kind.LAST_AT_START: 0.1,
    Kind.LAST_OF_DOCUMENT: 0.5,
    Kind.PROMISED: 0.9,
    Kind.CLOSE_AFTER_LINE: 0.6,
    Kind.CLOSE_AFTER_CHANGE: 0.9,
    Kind.CLOSE_AFTER_BLOCK: 0.8,
    Kind.BLOCK_BEGINS: 0.7,
    Kind.LINE_BEGINS_ALIKE: 0.6,
    Kind.ALONG_THE_SOURCE: 0.9,
    Kind.BEHIND_A_CHANGE: 0.5,
    Kind.LOOKED_UP: 0.4,
    Kind.FILE_AT_START: 0.95,
    Kind.NEXT_FILE: 0.5,
}
"""How often guesses are right before any was made, by kind."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A token that the model may decide on, and why it is thought so.

    One that is `promised` is what the instruction itself says will stand there, and it is guessed
    there whatever was guessed before: a lenient choice (`sampling`) may go by it.
    """

    token: int
    kind: Kind
    promised: bool = False


class Odds:
    """How often guesses of each kind were right lately."""

    MEMORY = 64.0
    """About so many guesses of a kind are remembered."""

    PRIOR = 8.0
    """The first estimate weighs as much as so many guesses."""

    def __init__(self) -> None:
        self._right = {kind: self.PRIOR * PRIORS[kind] for kind in Kind}
        self._made = dict.fromkeys(Kind, self.PRIOR)

    def __getitem__(self, kind: Kind) -> float:
        """Return the probability that a guess of this kind is right."""
        return self._right[kind] / self._made[kind]

    def record(self, kind: Kind, *, right: bool) -> None:
        """Learn from a guess whose place has been decided, whether it joined a block or not."""
        keep = 1.0 - 1.0 / self.MEMORY if self._made[kind] >= self.MEMORY else 1.0
        self._right[kind] = keep * self._right[kind] + right
        self._made[kind] = keep * self._made[kind] + 1.0


class Drafter(Protocol):
    """Guesses the next decisions of one decode."""

    odds: Odds

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:
        """Guess decision by decision, forced and spliced tokens left out.

        The grammar takes each guess, and all that it forces, before the next is asked for; `ops`
        grows along. The iterator ends, or is left, where no guess is worth its cost.
        """
        ...


class NoDrafts:
    """Guesses nothing: every decision has a forward of its own."""

    odds = Odds()

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:  # noqa: ARG002  # the protocol's
        """Guess nothing."""
        return iter(())
