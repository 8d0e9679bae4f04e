"""New text that goes along what it is made of: the document, or what the instruction brings.

`Source` is all that as one run of tokens, `Following` the place in it where a text that is being
written goes on (`align`, and where that has lost its way a lookup), and what it will most likely
write next. Knows nothing of grammars or models.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from copy import copy
from functools import cached_property
from itertools import accumulate

from copydecode.decode.align import Alignment, Bytes
from copydecode.decode.expect import Hints
from copydecode.decode.guess import Guess, Kind


class Lookup:
    """Finds where the last few tokens of a text stand in a source, and so what may follow."""

    LONGEST = 3

    def __init__(self, source: Sequence[int]) -> None:
        self._behind: dict[tuple[int, ...], list[int]] = {}
        for end in range(1, len(source)):
            for size in range(1, min(self.LONGEST, end) + 1):
                self._behind.setdefault(tuple(source[end - size : end]), []).append(end)

    def find(self, written: Sequence[int], shortest: int, near: int) -> int | None:
        """Return the index behind the longest end of `written` that the source has.

        Of several places it is the first one from `near` on, else the last. Ends shorter than
        `shortest` tokens are not looked for.
        """
        for size in range(min(self.LONGEST, len(written)), shortest - 1, -1):
            if found := self._behind.get(tuple(written[len(written) - size :])):
                return found[min(bisect_left(found, near), len(found) - 1)]
        return None


class Following:
    """Guesses how new text goes on that begins at some place of the source."""

    def __init__(self, source: Source, start: int, block: int | None = None) -> None:
        """The text takes the place of what begins at `start`; it may be the text at `block`."""
        self._source = source
        self._start = start
        self._align(start if block is None else block)
        self._block = block is not None
        self._fed = 0

    def _align(self, start: int) -> None:
        self._alignment = Alignment(self._source.tokens, self._source.token_bytes, start)
        self._block = False

    def follow(self, written: Sequence[int]) -> None:
        """Take what was written since the last call; `written` is all of it."""
        if self._block and self._fed == 0 < len(written) and written[0] != self._expected:
            self._align(self._start)  # It is not the text that the instruction brings.
        for index in range(self._fed, len(written)):
            self._alignment.feed(written[index])
            if self._alignment.novel:
                self._jump(written[: index + 1])
        self._fed = len(written)

    def _jump(self, written: Sequence[int]) -> None:
        """Go on where the last tokens stood elsewhere, if the alignment has lost its way."""
        shortest = 3 if self._alignment.novel == 1 else 2
        found = self._source.lookup.find(written[-Lookup.LONGEST :], shortest, self.position)
        if found is not None:
            self._alignment.jump(found)

    @property
    def position(self) -> int:
        """The index of the source token that is expected next."""
        return self._alignment.position

    @property
    def _expected(self) -> int:
        """The source token that is expected next, `SEAM` where a text ends."""
        return self._source.tokens[min(self.position, len(self._source.tokens) - 1)]

    def guess(self) -> Guess | None:
        """Return the next token, but for the end of the text."""
        alignment = self._alignment
        if self._expected == SEAM:
            return None
        if alignment.jumped:
            kind = Kind.LOOKED_UP
        elif self._block and self._fed == 0:
            kind = Kind.BLOCK_BEGINS
        elif alignment.run > 0:
            kind = Kind.ALONG_THE_SOURCE
        elif alignment.at_line_start:
            kind = Kind.LINE_BEGINS_ALIKE
        else:
            kind = Kind.BEHIND_A_CHANGE
        line = self._source.line(self.position)
        promised = not alignment.jumped and line is not None and self._source.is_promised(line)
        return Guess(self._expected, kind, promised)

    @property
    def at_line_start(self) -> bool:
        """Whether the written text has ended a line."""
        return self._fed > 0 and self._alignment.at_line_start

    def copy(self) -> Following:
        """Return one that goes its own way from here."""
        other = copy(self)
        other._alignment = copy(self._alignment)  # noqa: SLF001  # of its own kind
        return other


SEAM = -1
"""Stands in a source behind each of its texts: no token."""


class Source:
    """What new text may be made of, as one run of tokens; made once for each edit.

    The document's lines come first, those that an instruction changes as they will read, then the
    texts that the instruction brings along, each with a seam behind it.
    """

    def __init__(self, lines: Sequence[Sequence[int]], token_bytes: Bytes, hints: Hints) -> None:
        """`lines[k]` are the tokens of line k + 1."""
        lines = [hints.changed.get(number, line) for number, line in enumerate(lines, start=1)]
        self.tokens = [token for line in lines for token in line]
        self.tokens.append(SEAM)
        self.blocks: list[int] = []
        """Where the texts of the instruction begin."""
        for block in hints.blocks:
            self.blocks.append(len(self.tokens))
            self.tokens += [*block, SEAM]
        self.changed = sorted(hints.changed)
        self._promised = hints.promised
        self._token_bytes = token_bytes
        self._starts = list(accumulate(map(len, lines), initial=0))

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token; a seam ends a line."""
        return b"\n" if token == SEAM else self._token_bytes(token)

    @cached_property
    def lookup(self) -> Lookup:
        """Where the source has which tokens; made when it is first needed."""
        return Lookup(self.tokens)

    def start(self, line: int) -> int:
        """Return the index of a line's first token; behind the last line that of the seam."""
        return self._starts[min(line, len(self._starts)) - 1]

    def line(self, index: int) -> int | None:
        """Return the line that has the token of this index, 1-based.

        The line behind the last for the document's end, None inside the instruction's texts.
        """
        return bisect_right(self._starts, index) if index <= self._starts[-1] else None

    def is_promised(self, line: int) -> bool:
        """Return whether a line will read as the instruction itself says."""
        return line in self._promised

    def next_change(self, line: int) -> int | None:
        """Return the first line from `line` on that will be changed."""
        index = bisect_left(self.changed, line)
        return self.changed[index] if index < len(self.changed) else None
