"""Documents as numbered lines that keep every byte.

Lines end where editors and the Language Server Protocol say they end: at LF, CRLF or CR, and
nowhere else. A form feed, a vertical tab or U+2028 is an ordinary character of its line, unlike in
`str.splitlines()`. Knows nothing of programs, tokens or files.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

BOM = "\ufeff"

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_TERMINATOR = re.compile(r"\r\n|\r|\n")


def split_lines(text: str) -> tuple[str, ...]:
    """Cut `text` into lines, each with its terminator: joined, they are `text` again.

    The empty string has no line, and what follows a final terminator is no line of its own.
    """
    return tuple(_LINE.findall(text))


def strip_terminator(line: str) -> str:
    """Return the line without its LF, CRLF or CR."""
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(("\n", "\r")) else line


def is_terminated(text: str) -> bool:
    """Return whether `text` ends with a line terminator."""
    return text.endswith(("\n", "\r"))


def replace_terminators(text: str, newline: str) -> str:
    """Return `text` with every LF, CRLF and CR replaced by `newline`."""
    return _TERMINATOR.sub(newline, text)


@dataclass(frozen=True)
class Document:
    """An immutable text with 1-based lines."""

    text: str

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """All lines with their terminators; `lines[0]` is line 1."""
        return split_lines(self.text)

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.lines)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offsets into the text at which the lines begin; `starts[0]` is line 1's."""
        return tuple(accumulate(map(len, self.lines[:-1]), initial=0)) if self.lines else ()

    def span(self, first: int, last: int) -> str:
        """Return lines `first` to `last` (1-based, inclusive) verbatim."""
        return "".join(self.lines[first - 1 : last])

    @cached_property
    def newline(self) -> str:
        r"""The commonest terminator; at a tie the one seen first; `"\n"` where there is none."""
        counts = Counter(_TERMINATOR.findall(self.text))
        return counts.most_common(1)[0][0] if counts else "\n"

    @property
    def has_bom(self) -> bool:
        """Whether the text starts with a byte order mark."""
        return self.text.startswith(BOM)
