"""Drafts: guesses at the next decisions, taken along in a forward and verified by its logits.

Two guessers. *Structure* knows how programs go on: the copy up to the lines that the edit is about,
new text behind a copy, after new text the copy of the rest, and the end; which tokens a token copy
names is not guessed. *Text* knows how new text goes on: along the lines that it replaces, as the
instruction will have them (`expect`, `align`), or along a text that the instruction brings; else
like an earlier place with the same last tokens (prompt lookup; Saxena, 2023). A wrong guess costs
the arithmetic of its tokens and changes nothing else. How often each kind of guess was right
decides, with the cost of a wider forward, how far a draft goes. Knows nothing of models or logits.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Protocol

from copydecode.decode.align import Alignment, Bytes
from copydecode.decode.constraint import Constraint, Phase
from copydecode.decode.expect import Hints
from copydecode.decode.freetext import FreeText
from copydecode.edit import grammar
from copydecode.edit.program import Copy, CopyTokens, Gen, Op


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
    NEXT_COPY = enum.auto()
    CLOSE_AFTER_LINE = enum.auto()
    CLOSE_AFTER_CHANGE = enum.auto()
    CLOSE_AFTER_BLOCK = enum.auto()
    BLOCK_BEGINS = enum.auto()
    LINE_BEGINS_ALIKE = enum.auto()
    ALONG_THE_SOURCE = enum.auto()
    BEHIND_A_CHANGE = enum.auto()
    LOOKED_UP = enum.auto()


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
    Kind.NEXT_COPY: 0.9,
    Kind.CLOSE_AFTER_LINE: 0.6,
    Kind.CLOSE_AFTER_CHANGE: 0.9,
    Kind.CLOSE_AFTER_BLOCK: 0.8,
    Kind.BLOCK_BEGINS: 0.7,
    Kind.LINE_BEGINS_ALIKE: 0.6,
    Kind.ALONG_THE_SOURCE: 0.9,
    Kind.BEHIND_A_CHANGE: 0.5,
    Kind.LOOKED_UP: 0.4,
}
"""How often guesses are right before any was made, by kind."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A token that the model may decide on, and why it is thought so."""

    token: int
    kind: Kind


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


class _Text:
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
        return Guess(self._expected, kind)

    @property
    def at_line_start(self) -> bool:
        """Whether the written text has ended a line."""
        return self._fed > 0 and self._alignment.at_line_start

    def copy(self) -> _Text:
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

    def next_change(self, line: int) -> int | None:
        """Return the first line from `line` on that will be changed."""
        index = bisect_left(self.changed, line)
        return self.changed[index] if index < len(self.changed) else None


class ProgramDrafts:
    """Guesses how a program goes on."""

    def __init__(
        self,
        constraint: Constraint,
        lines: Sequence[Sequence[int]],
        hints: Hints,
        odds: Odds,
    ) -> None:
        """`lines` are the tokens of the window's lines."""
        self.odds = odds
        self._constraint = constraint
        self._literals = constraint.literals
        self._source = Source(lines, self._literals.codec.token_bytes, hints)
        self._lines = len(lines)
        self._likely = hints.likely
        self._copies = hints.copies
        self._text: _Text | None = None  # Along the open gen, as far as it is decided.
        self._behind: dict[tuple[int, Op], int] = {}

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:
        """Guess decision by decision; the grammar takes each before the next is asked for."""
        constraint = self._constraint
        if constraint.phase is not Phase.BODY:
            self._text = None
        elif self._text is None:
            self._text = self._begin_text(ops)
        if self._text is not None:
            self._text.follow(constraint.body)
        text = self._text.copy() if self._text is not None else None
        while not constraint.done:
            if constraint.phase is Phase.BODY:
                text = text or self._begin_text(ops)
                text.follow(constraint.body)
                guess = self._in_body(text)
            else:
                text = None
                guess = self._outside(ops)
            if guess is None:
                return
            yield guess

    def _begin_text(self, ops: Sequence[Op]) -> _Text:
        if ops and isinstance(before := ops[-1], CopyTokens):
            return _Text(self._source, before.last)
        source, line = self._source, self._next_line(ops)
        block = None
        if source.blocks and source.next_change(line) != line:
            earlier = sum(isinstance(op, Gen) for op in ops)
            block = source.blocks[min(earlier, len(source.blocks) - 1)]
        return _Text(source, source.start(line), block)

    def _in_body(self, text: _Text) -> Guess | None:
        guess = text.guess()
        if text.at_line_start and (kind := self._ends_here(text, guess)) is not None:
            return Guess(self._closing_token(), kind)
        return guess

    def _ends_here(self, text: _Text, guess: Guess | None) -> Kind | None:
        """Return why new text more likely ends behind this line than goes on, if it does."""
        source = self._source
        line = source.line(text.position)
        if line is None:
            return Kind.CLOSE_AFTER_BLOCK if guess is None else None
        if guess is None:
            return Kind.CLOSE_AFTER_LINE
        if source.next_change(line - 1) == line - 1:
            return None if source.next_change(line) == line else Kind.CLOSE_AFTER_CHANGE
        if self._likely and line <= self._likely[1]:
            return None
        likelier = self.odds[Kind.CLOSE_AFTER_LINE] >= self.odds[Kind.LINE_BEGINS_ALIKE] / 2
        return Kind.CLOSE_AFTER_LINE if likelier else None

    def _closing_token(self) -> int:
        """Return the next token of `</gen>`, of which some may have come."""
        marker = self._literals[grammar.GEN_CLOSE]
        body = tuple(self._constraint.body[-len(marker) :])
        for size in range(len(marker) - 1, 0, -1):
            if body[-size:] == marker[:size]:
                return marker[size]
        return marker[0]

    def _outside(self, ops: Sequence[Op]) -> Guess | None:
        match self._constraint.phase:
            case Phase.FIRST | Phase.LAST if self._constraint.of_tokens:
                return None
            case Phase.OP | Phase.FIRST | Phase.LAST if promised := self._promised(ops):
                return self._rest_of(promised, Kind.NEXT_COPY)
            case Phase.OP:
                piece, kind = self._next_op(ops)
                return self._rest_of(self._literals[piece], kind)
            case Phase.FIRST:
                line = self._next_line(ops)
                return self._rest_of(self._number(line, grammar.COPY_DASH), Kind.FIRST_LINE)
            case Phase.LAST:
                line, kind = self._last_line(ops)
                return self._rest_of(self._number(line, grammar.COPY_CLOSE), kind)
            case _:
                return None

    def _promised(self, ops: Sequence[Op]) -> tuple[int, ...] | None:
        """Return the tokens that stand here if all goes as the instruction promises.

        None where it promises no copies, or something else has been written.
        """
        left = self._copies_left(ops)
        if left is None:
            return None
        match self._constraint.phase, left:
            case Phase.OP, _:
                return self._literals[grammar.COPY_OPEN if left else grammar.PROGRAM_CLOSE]
            case Phase.FIRST, [(first, _), *_]:
                return self._number(first, grammar.COPY_DASH)
            case Phase.LAST, [(first, last), *_] if self._constraint.first == first:
                return self._number(last, grammar.COPY_CLOSE)
            case _:
                return None

    def _copies_left(self, ops: Sequence[Op]) -> list[tuple[int, int]] | None:
        """Return the promised copies that have not been written, None if others have."""
        left = list(self._copies)
        for op in ops:
            if not left or not isinstance(op, Copy):
                return None
            first, last = left.pop(0)
            if op.first != first or op.last > last:
                return None
            if op.last < last:  # A lock parts a copy at the scope.
                left.insert(0, (op.last + 1, last))
        return left if self._copies else None

    def _rest_of(self, piece: tuple[int, ...], kind: Kind) -> Guess | None:
        """Return the piece's next token, if what has come of it is its beginning."""
        path = self._constraint.path
        if len(path) >= len(piece) or piece[: len(path)] != path:
            return None
        return Guess(piece[len(path)], kind)

    def _number(self, line: int, delimiter: str) -> tuple[int, ...]:
        return (*self._literals.numbers.tokens(line), self._literals[delimiter][0])

    def _next_op(self, ops: Sequence[Op]) -> tuple[str, Kind]:
        if not ops:
            if (self._likely and self._likely[0] == 1) or self._source.next_change(1) == 1:
                return grammar.GEN_OPEN, Kind.GEN_AFTER_COPY
            return grammar.COPY_OPEN, Kind.COPY_AT_START
        if self._next_line(ops) > self._lines:
            return grammar.PROGRAM_CLOSE, Kind.END_AFTER_LAST_LINE
        if not isinstance(ops[-1], Gen):
            return grammar.GEN_OPEN, Kind.GEN_AFTER_COPY
        return grammar.COPY_OPEN, Kind.COPY_AFTER_GEN

    def _last_line(self, ops: Sequence[Op]) -> tuple[int, Kind]:
        first = self._constraint.first
        change = self._source.next_change(first + 1)
        if self._likely and first < self._likely[0] and (not change or change >= self._likely[0]):
            return self._likely[0] - 1, Kind.LAST_BEFORE_SCOPE
        if change:
            return change - 1, Kind.LAST_BEFORE_CHANGE
        kind = Kind.LAST_OF_DOCUMENT if ops else Kind.LAST_AT_START
        return self._lines, kind

    def _next_line(self, ops: Sequence[Op]) -> int:
        """Return the first line behind those that the ops have copied or replaced."""
        line = 1
        for index, op in enumerate(ops):
            if isinstance(op, Copy):
                line = op.last + 1
                continue
            if isinstance(op, CopyTokens):
                line = self._source.line(op.last) or line  # That of the token behind.
                continue
            key = (index, op)
            if key not in self._behind:
                self._behind[key] = self._line_behind(op, line)
            line = self._behind[key]
        return line

    def _line_behind(self, gen: Gen, line: int) -> int:
        text = _Text(self._source, self._source.start(line))
        text.follow(self._literals.codec.encode(grammar.escape(gen.text)))
        behind = self._source.line(text.position)
        if behind is None:  # The instruction's text stands in place of the lines that it is about.
            behind = self._likely[1] + 1 if self._likely else line
        return max(line, behind)


class RewriteDrafts:
    """Guesses how a full text goes on that is mostly the source."""

    def __init__(
        self, text: FreeText, lines: Sequence[Sequence[int]], hints: Hints, odds: Odds
    ) -> None:
        """`lines` are the tokens of the document's lines, as the model would write them."""
        self.odds = odds
        self._written = text
        self._text = _Text(Source(lines, text.literals.codec.token_bytes, hints), 0)

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:  # noqa: ARG002  # there are none
        """Guess token by token."""
        written = self._written
        self._text.follow(written.body)
        text = self._text.copy()
        while not written.done:
            text.follow(written.body)
            guess = text.guess() or Guess(written.closing_token, Kind.END_AFTER_LAST_LINE)
            yield guess
