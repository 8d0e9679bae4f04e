"""Which op may follow which in a program over a document, and which lines a copy may name.

Without a lock any op may follow any, and a copy may name any lines. A *lock* on lines a..b of n
leaves only the programs that keep all other lines as they are:

    [copy 1-(a-1)] body [copy (b+1)-n]

with the first copy where a > 1 and the last one where b < n. The body says what becomes of lines
a..b: gens, and copies i-j with a <= i <= j <= b. Its last copy may run on, `i-n` in place of `i-b`
and the copy behind it, since oracle programs merge what adjoins. In a locked program no gen follows
a gen, and no copy begins on the line after the copy before it (but the body's first): each edit of
the scope keeps at least one program, and fewer decisions are left to make. An op that is not to
be decided is one without an alternative here; no state is a dead end.

Pure: knows nothing of tokens or of how programs are decoded.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from copydecode.edit.program import Copy, Gen, Op

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of numbers, rising and apart."""


class Opening(enum.Enum):
    """How the next op may begin; END where the program may end instead."""

    COPY = enum.auto()
    GEN = enum.auto()
    END = enum.auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of programs over a document of `lines` lines, of which `lock` may change.

    `lock` is 1-based and inclusive; with None all may change.
    """

    lines: int
    lock: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.lock is not None and not 1 <= self.lock[0] <= self.lock[1] <= self.lines:
            message = f"expected a lock within lines 1 to {self.lines}, got {self.lock}"
            raise ValueError(message)

    def openings(self, before: Op | None) -> tuple[Opening, ...]:
        """Return how a program may go on after the op `before`; None is the program's start."""
        if self.lock is None:
            copies = (Opening.COPY,) if self.lines else ()
            return (*copies, Opening.GEN, Opening.END)
        if self._before_scope(before):
            return (Opening.COPY,)
        to_the_end = self.lock[1] == self.lines
        if not to_the_end and isinstance(before, Copy) and before.last == self.lines:
            return (Opening.END,)
        gen = () if isinstance(before, Gen) else (Opening.GEN,)
        end = (Opening.END,) if to_the_end else ()
        return (Opening.COPY, *gen, *end)

    def firsts(self, before: Op | None) -> Ranges:
        """Return the lines at which a copy after the op `before` may begin."""
        if self.lock is None:
            return _range(1, self.lines)
        if self._before_scope(before):
            return _range(1, 1)
        first, last = self.lock
        last = min(last + 1, self.lines)  # The copy behind the scope is one of the choices.
        if isinstance(before, Copy) and before.last >= first:
            return _range(first, before.last) + _range(before.last + 2, last)
        return _range(first, last)

    def lasts(self, before: Op | None, first: int) -> Ranges:
        """Return the lines at which the copy that begins at `first` may end."""
        if self.lock is None:
            return _range(first, self.lines)
        if self._before_scope(before):
            return _range(self.lock[0] - 1, self.lock[0] - 1)
        last = self.lock[1]
        run_on = _range(self.lines, self.lines) if last < self.lines else ()
        return _range(first, last) + run_on

    def free_lines(self, copy: Copy) -> int:
        """Return how many lines of a legal copy, from its first on, a program may leave out.

        Those outside the lock are in every program.
        """
        if self.lock is None:
            return 1 + copy.last - copy.first
        first, last = self.lock
        return max(0, 1 + min(copy.last, last) - copy.first) if copy.first >= first else 0

    def _before_scope(self, before: Op | None) -> bool:
        """Return whether the next op is the copy of all lines before the scope."""
        return before is None and self.lock is not None and self.lock[0] > 1


def _range(first: int, last: int) -> Ranges:
    return ((first, last),) if first <= last else ()
