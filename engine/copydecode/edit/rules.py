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

Where tokens may be copied, a body may hold token copies too, of tokens of lines a..b; none begins
on the token after the token copy before it.

Pure: knows of tokens no more than which may be copied, and nothing of how programs are decoded.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from copydecode.edit.program import Copy, CopyTokens, Gen, Op

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of numbers, rising and apart."""


class Opening(enum.Enum):
    """How the next op may begin; END where the program may end instead."""

    COPY = enum.auto()
    TOKENS = enum.auto()
    GEN = enum.auto()
    FILE = enum.auto()
    END = enum.auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of programs over a document of `lines` lines, of which `lock` may change.

    `lock` is 1-based and inclusive; with None all may change. `tokens` are the first and last token
    that a token copy may name, those of the lock where there is one; with None there are no token
    copies.
    """

    lines: int
    lock: tuple[int, int] | None = None
    tokens: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.lock is not None and not 1 <= self.lock[0] <= self.lock[1] <= self.lines:
            message = f"expected a lock within lines 1 to {self.lines}, got {self.lock}"
            raise ValueError(message)

    def openings(self, before: Op | None) -> tuple[Opening, ...]:
        """Return how a program may go on after the op `before`; None is the program's start."""
        tokens = (Opening.TOKENS,) if self.tokens is not None else ()
        if self.lock is None:
            copies = (Opening.COPY,) if self.lines else ()
            return (*copies, *tokens, Opening.GEN, Opening.END)
        if self._before_scope(before):
            return (Opening.COPY,)
        to_the_end = self.lock[1] == self.lines
        if not to_the_end and isinstance(before, Copy) and before.last == self.lines:
            return (Opening.END,)
        gen = () if isinstance(before, Gen) else (Opening.GEN,)
        end = (Opening.END,) if to_the_end else ()
        return (Opening.COPY, *tokens, *gen, *end)

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

    def token_firsts(self, before: Op | None) -> Ranges:
        """Return the tokens at which a token copy after the op `before` may begin."""
        if self.tokens is None:
            return ()
        first, last = self.tokens
        if self.lock is not None and isinstance(before, CopyTokens):
            return _range(first, before.last) + _range(before.last + 2, last)
        return _range(first, last)

    def token_lasts(self, first: int) -> Ranges:
        """Return the tokens at which the token copy that begins at `first` may end."""
        return () if self.tokens is None else _range(first, self.tokens[1])

    def after(self, op: Op) -> Rules:  # noqa: ARG002  # there is one document
        """Return what holds behind an op."""
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """None: a program over one document names no file."""
        return ()

    def removable(self, copy: Copy | CopyTokens) -> int:
        """Return how many lines or tokens of a legal copy, from its first on, may be left out.

        Lines outside the lock are in every program, and no token copy names any of their tokens.
        """
        if self.lock is None or isinstance(copy, CopyTokens):
            return 1 + copy.last - copy.first
        first, last = self.lock
        return max(0, 1 + min(copy.last, last) - copy.first) if copy.first >= first else 0

    def _before_scope(self, before: Op | None) -> bool:
        """Return whether the next op is the copy of all lines before the scope."""
        return before is None and self.lock is not None and self.lock[0] > 1


def _range(first: int, last: int) -> Ranges:
    return ((first, last),) if first <= last else ()


def token_range(lengths: Sequence[int], lock: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the first and last token of the lines that may change, None where there is none.

    `lengths` are each line's tokens.
    """
    first, last = lock or (1, len(lengths))
    before, tokens = sum(lengths[: first - 1]), sum(lengths[first - 1 : last])
    return (before + 1, before + tokens) if tokens else None
