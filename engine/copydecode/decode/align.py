r"""Following a text that is written along a source text, token by token.

New text is mostly old text with a few changes. `Alignment` holds the place in the source where the
written text will most likely go on: behind what was repeated, behind the word or the line that was
replaced, before the text where something was put in. Knows nothing of models, grammars or drafts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Bytes = Callable[[int], bytes]
"""The bytes that a token stands for."""

NEAR = 64
"""How many tokens ahead a written token is looked for, within its line."""


class Alignment:
    """Where the source goes on after the text written so far."""

    def __init__(self, source: Sequence[int], token_bytes: Bytes, start: int = 0) -> None:
        """The text is written from the source token `start` on, a line's first."""
        self._source = source
        self._bytes = token_bytes
        self.position = start
        """Index of the source token that is expected next."""
        self.run = 0
        """How many tokens in a row were as expected."""
        self.novel = 0
        """How many in a row were found nowhere near."""
        self.at_line_start = True
        """Whether the written text stands at the start of a line."""
        self.jumped = False
        """Whether the position is another one's guess, not confirmed yet."""
        self._before = start  # Where the novel tokens began.
        self._line_start = start
        self._hits = 0  # Tokens of the source line that were repeated in the line being written.
        self._length = 0  # Tokens of the line being written, so far.

    def feed(self, token: int) -> None:
        """Take the next token of the written text."""
        text = self._bytes(token)
        self._length += 1
        self.jumped = False
        if self._at(self.position) == token:
            self._go(self.position + 1, self.run + 1)
        elif self.novel and self._at(self._before) == token:
            self._go(self._before + 1, 1)  # The novel tokens were put in, they replaced nothing.
        elif b"\n" in text:
            self.run = self.novel = 0
        elif (found := self._find_in_line(token)) is not None:
            self._go(found + 1, 1)  # What stands between was left out.
        else:
            self._take_novel(text)
        self.at_line_start = b"\n" in text
        if self.at_line_start:
            self._end_line()

    def jump(self, position: int) -> None:
        """Go on at another place, found by other means; what novel tokens replaced is forgotten."""
        self.position = self._before = position
        self.jumped = True

    def _at(self, index: int) -> int | None:
        return self._source[index] if index < len(self._source) else None

    def _go(self, position: int, run: int) -> None:
        self.position = position
        self.run = run
        self.novel = 0
        self._hits += 1

    def _take_novel(self, text: bytes) -> None:
        if self.novel == 0:
            self._before = self.position
            if _is_word(text):
                self._skip_word()
            elif _is_operator(text) and self._is_operator_at(self.position):
                self.position += 1  # `<` became `<=`.
        self.novel += 1
        self.run = 0

    def _skip_word(self) -> None:
        """Step over the word that stands here: the novel one replaces it."""
        first = True
        while self._is_word_at(self.position) and (first or not self._begins_word(self.position)):
            self.position += 1
            first = False

    def _find_in_line(self, token: int) -> int | None:
        for index in range(self.position + 1, min(self.position + NEAR, len(self._source))):
            if self._source[index] == token:
                return index
            if self._ends_line(index):
                return None
        return None

    def _end_line(self) -> None:
        """Go to a line's start: the next line's where this one was rewritten, else the same."""
        end = self._line_start
        while end < len(self._source) and not self._ends_line(end):
            end += 1
        if self._line_start < self.position <= end or self.position == self._line_start:
            # The written line did not end where the source line does.
            alike = 2 * self._hits >= max(end - self._line_start, self._length - 1)
            self.position = min(end + 1, len(self._source)) if alike else self._line_start
            self.run = 0
        self._line_start = self.position
        self._hits = self._length = 0

    def _is_word_at(self, index: int) -> bool:
        return index < len(self._source) and _is_word(self._bytes(self._source[index]))

    def _is_operator_at(self, index: int) -> bool:
        return index < len(self._source) and _is_operator(self._bytes(self._source[index]))

    def _begins_word(self, index: int) -> bool:
        return self._bytes(self._source[index])[:1].isspace()

    def _ends_line(self, index: int) -> bool:
        return index < len(self._source) and b"\n" in self._bytes(self._source[index])


def _is_word(text: bytes) -> bool:
    """Return whether a token is (a part of) a name or a number, perhaps with a space before it."""
    # Half a character of several bytes counts as a letter.
    word = text.removeprefix(b" ").decode("utf-8", errors="replace").replace("\ufffd", "_")
    return bool(word) and word.replace("_", "a").isalnum()


def _is_operator(text: bytes) -> bool:
    """Return whether a token is made of signs, but not of those that open, close or part."""
    signs = text.strip(b" ")
    return bool(signs) and not signs[:1].isalnum() and not set(signs) & set(b"()[]{},:;'\"`_\n")
