"""A part of a Python text around one line, small enough to be parsed over and over.

Knows nothing of messages and fixes.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_LINES = 60
"""So many lines above and below a line are parsed at most."""

FAILURES = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What Python's parser raises at a text that it does not take."""

_CUTS = 8
"""So often what does not parse by itself is left out above it."""

_HEADER = re.compile(r"\s*(?:(?:async\s+def|def|class)\b|@)")
_GOES_ON = re.compile(r"\s*(?:[)\]}]|(?:else|elif|except|finally)\b)")


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a document that are parsed together; `head` are the blocks that they stand in.

    The first one is line `first` of the document, and line `at` is looked at, both from 0.
    """

    head: tuple[str, ...]
    lines: tuple[str, ...]
    first: int
    at: int

    @classmethod
    def of(cls, code: Sequence[str], first: int, last: int, at: int) -> Part:
        """Return lines `first` up to `last`, from 0."""
        lines = tuple(code[first:last])
        return cls(_head(lines), lines, first, at)

    @classmethod
    def around(cls, code: Sequence[str], at: int) -> Part:
        """Return the innermost function or class around a line, as much of it as is parsed.

        What does not parse above the line, because it begins in the middle of something, is cut.
        """
        first, last = _extent(code, at)
        part = cls.of(code, first, last, at)
        for _ in range(_CUTS):
            error = part.error()
            if error is None or (stopped := part.place_of(error)) >= at:
                break
            part = cls.of(code, stopped + 1, last, at)
        return part

    def sound(self) -> Part:
        """Return it without what stands from an error below the line on, if there is one."""
        part = self
        for _ in range(_CUTS):
            error = part.error()
            if error is None or (stopped := part.place_of(error)) <= part.at:
                break
            part = replace(part, lines=part.lines[: stopped - part.first])
        return part

    @property
    def row(self) -> int:
        """Where the line that is looked at stands in the lines, from 0."""
        return self.at - self.first

    @property
    def line(self) -> str:
        """The line that is looked at."""
        return self.lines[self.row]

    def tree(self) -> ast.Module:
        """Return the tree; `own` says which line a node is in.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: `FAILURES`, as `ast.parse`.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Invalid escapes.
            return ast.parse("\n".join((*self.head, *self.lines)) + "\n")

    def own(self, number: int) -> int:
        """Return the line of the document, from 0, that is line `number`, from 1, of the tree."""
        return self.first + number - 1 - len(self.head)

    def error(self) -> Exception | None:
        """Return what the parser says, None where all parses."""
        try:
            self.tree()
        except FAILURES as error:
            return error.with_traceback(None)
        return None

    def place_of(self, error: Exception) -> int:
        """Return the line of the document, from 0, that an error is about."""
        if not isinstance(error, SyntaxError) or error.lineno is None:
            return self.at
        return min(max(self.own(error.lineno), self.first), self.first + len(self.lines) - 1)

    def parses(self, line: str) -> bool:
        """Return whether it does with another text of the line."""
        lines = (*self.lines[: self.row], line, *self.lines[self.row + 1 :])
        return replace(self, lines=lines).error() is None

    def parses_so_far(self, line: str) -> bool:
        """Return whether it does up to another text of the line, whatever stands behind it."""
        body = (" " * (width(line) + 1) + "pass",) if line.rstrip().endswith(":") else ()
        error = replace(self, lines=(*self.lines[: self.row], line, *body)).error()
        tried = isinstance(error, SyntaxError) and "'except' or 'finally'" in (error.msg or "")
        return error is None or tried


def width(line: str) -> int:
    """Return the characters of a line's indentation."""
    return len(line) - len(line.lstrip())


def _extent(code: Sequence[str], at: int) -> tuple[int, int]:
    """Return from where to where, from 0, the innermost function or class around a line goes."""
    own = width(code[at])
    first = 0
    for k in range(at, -1, -1):
        if _HEADER.match(code[k]) and (k == at or width(code[k]) < own or not width(code[k])):
            first = k
            break
    while first and code[first - 1].lstrip().startswith("@"):
        first -= 1
    base = width(code[first]) if _HEADER.match(code[first]) else -1
    last = len(code)
    for k in range(at + 1, len(code)):
        if code[k - 1].lstrip().startswith("@"):  # What is decorated.
            continue
        if code[k].strip() and width(code[k]) <= base and not _GOES_ON.match(code[k]):
            last = k
            break
    return max(first, at - MOST_LINES), min(last, at + 1 + MOST_LINES)


def _head(lines: Sequence[str]) -> tuple[str, ...]:
    """Return headers of the blocks that lines stand in: one for each level that they fall back."""
    indents = [width(line) for line in lines if line.strip()]
    least = indents[0] if indents else 0
    levels = {0} if least else set()
    for indent in indents:
        if indent < least:
            least = indent
            levels.add(indent)
    return tuple(" " * level + "if _:" for level in sorted(levels))
