"""Drafts: guesses at the next decisions, taken along in a forward and verified by its logits.

Two guessers. *Structure* knows how programs go on: the copy up to the lines that the edit is about,
new text behind a copy, after new text the copy of the rest, and the end; which tokens a token copy
names is not guessed. *Text* knows how new text goes on: along the lines that it replaces, as the
instruction will have them (`expect`, `align`), or along a text that the instruction brings; else
like an earlier place with the same last tokens (prompt lookup; Saxena, 2023). A wrong guess costs
the arithmetic of its tokens and changes nothing else, but that a lenient choice (`sampling`) may go
by one that the instruction promises. How often each kind of guess was right decides, with the cost
of a wider forward, how far a draft goes. Knows nothing of models or logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from copydecode.decode.constraint import Constraint, Phase
from copydecode.decode.expect import Hints
from copydecode.decode.following import Following, Source
from copydecode.decode.freetext import FreeText
from copydecode.decode.guess import Guess, Kind, Odds
from copydecode.decode.promise import rest
from copydecode.edit import grammar
from copydecode.edit.bundle import Place
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op


class ProgramDrafts:
    """Guesses how a program goes on."""

    def __init__(
        self,
        constraint: Constraint,
        lines: Sequence[Sequence[int]],
        hints: Hints,
        odds: Odds,
        places: Sequence[Place] = (),
    ) -> None:
        """`lines` are the tokens of the window's lines; `places` says where files have theirs."""
        self.odds = odds
        self._constraint = constraint
        self._literals = constraint.literals
        self._source = Source(lines, self._literals.codec.token_bytes, hints)
        self._lines = (1, len(lines))
        self._files = {place.path: (place.first, place.last) for place in places}
        self._likely = hints.likely
        self._program = () if places else hints.program
        self._said = hints.said
        self._text: Following | None = None  # Along the open gen, as far as it is decided.
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
                guess = self._promised(ops) or self._in_body(text)
            else:
                text = None
                guess = self._outside(ops)
            if guess is None:
                return
            yield guess

    def _begin_text(self, ops: Sequence[Op]) -> Following:
        if ops and isinstance(before := ops[-1], CopyTokens):
            return Following(self._source, before.last)
        source, line = self._source, self._next_line(ops)
        block = None
        if source.blocks and source.next_change(line) != line:
            earlier = sum(isinstance(op, Gen) for op in ops)
            block = source.blocks[min(earlier, len(source.blocks) - 1)]
        return Following(source, source.start(line), block)

    def _in_body(self, text: Following) -> Guess | None:
        guess = text.guess()
        if text.at_line_start and (kind := self._ends_here(text, guess)) is not None:
            promised = kind is Kind.CLOSE_AFTER_CHANGE and self._has_ended_promise(text)
            return Guess(self._closing_token(), kind, promised)
        return guess

    def _ends_here(self, text: Following, guess: Guess | None) -> Kind | None:
        """Return why new text more likely ends behind this line than goes on, if it does."""
        source = self._source
        line = source.line(text.position)
        if line is None:
            return Kind.CLOSE_AFTER_BLOCK if guess is None else None
        if guess is None:
            return Kind.CLOSE_AFTER_LINE
        if source.next_change(line - 1) == line - 1:
            return None if source.next_change(line) == line else Kind.CLOSE_AFTER_CHANGE
        if guess.promised or (self._likely and line <= self._likely[1]):
            return None
        likelier = self.odds[Kind.CLOSE_AFTER_LINE] >= self.odds[Kind.LINE_BEGINS_ALIKE] / 2
        return Kind.CLOSE_AFTER_LINE if likelier else None

    def _has_ended_promise(self, text: Following) -> bool:
        """Return whether the line that has just ended was promised."""
        line = self._source.line(text.position)
        return line is not None and self._source.is_promised(line - 1)

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
            case _ if promised := self._promised(ops):
                return promised
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

    def _promised(self, ops: Sequence[Op]) -> Guess | None:
        """Return what stands here if all goes as the instruction promises.

        None where it promises no whole program, or something else has been written.
        """
        if not self._program:
            return None
        left = rest(self._program, ops, self._literals.codec.token_bytes)
        match self._constraint.phase, left:
            case _, None:
                return None
            case Phase.OP, []:
                piece = self._literals[grammar.PROGRAM_CLOSE]
            case Phase.OP, [wanted, *_]:
                piece = self._literals[
                    grammar.COPY_OPEN if isinstance(wanted, Copy) else grammar.GEN_OPEN
                ]
            case Phase.FIRST, [Copy(first, _), *_]:
                piece = self._number(first, grammar.COPY_DASH)
            case Phase.LAST, [Copy(first, last), *_] if self._constraint.first == first:
                piece = self._number(last, grammar.COPY_CLOSE)
            case Phase.BODY, [tuple() as text, *_]:
                return self._next_of(text)
            case _:
                return None
        return self._rest_of(piece, Kind.PROMISED, promised=self._said)

    def _next_of(self, text: tuple[int, ...]) -> Guess | None:
        """Return the next token of promised text, or of what closes it."""
        body = self._constraint.body
        if tuple(body[: len(text)]) != text[: len(body)]:
            return None
        token = text[len(body)] if len(body) < len(text) else self._closing_token()
        return Guess(token, Kind.PROMISED, self._said)

    def _rest_of(
        self, piece: tuple[int, ...], kind: Kind, *, promised: bool = False
    ) -> Guess | None:
        """Return the piece's next token, if what has come of it is its beginning."""
        path = self._constraint.path
        if len(path) >= len(piece) or piece[: len(path)] != path:
            return None
        return Guess(piece[len(path)], kind, promised)

    def _number(self, line: int, delimiter: str) -> tuple[int, ...]:
        return (*self._literals.numbers.tokens(line), self._literals[delimiter][0])

    def _next_op(self, ops: Sequence[Op]) -> tuple[str, Kind]:
        first, last = self._section(ops)
        if not ops and self._files:
            return grammar.FILE_OPEN, Kind.FILE_AT_START
        if not ops or isinstance(ops[-1], File):
            return self._first_op(first)
        if self._next_line(ops) > last:
            if self._constraint.rules.files:
                return grammar.FILE_OPEN, Kind.NEXT_FILE
            return grammar.PROGRAM_CLOSE, Kind.END_AFTER_LAST_LINE
        if not isinstance(ops[-1], Gen):
            return grammar.GEN_OPEN, Kind.GEN_AFTER_COPY
        return grammar.COPY_OPEN, Kind.COPY_AFTER_GEN

    def _first_op(self, line: int) -> tuple[str, Kind]:
        """Return how the new text of a document or file begins whose first line is `line`."""
        if (self._likely and self._likely[0] == 1) or self._source.next_change(line) == line:
            return grammar.GEN_OPEN, Kind.GEN_AFTER_COPY
        return grammar.COPY_OPEN, Kind.COPY_AT_START

    def _last_line(self, ops: Sequence[Op]) -> tuple[int, Kind]:
        first, end = self._constraint.first, self._section(ops)[1]
        change = self._source.next_change(first + 1)
        if change and change > end:
            change = None
        if self._likely and first < self._likely[0] and (not change or change >= self._likely[0]):
            return self._likely[0] - 1, Kind.LAST_BEFORE_SCOPE
        if change:
            return change - 1, Kind.LAST_BEFORE_CHANGE
        kind = Kind.LAST_OF_DOCUMENT if ops else Kind.LAST_AT_START
        return end, kind

    def _next_line(self, ops: Sequence[Op]) -> int:
        """Return the first line behind those that the ops have copied or replaced."""
        first, end = self._lines
        line = first
        for index, op in enumerate(ops):
            if isinstance(op, File):
                first, end = self._files[op.path]
                line = first
                continue
            if isinstance(op, Copy):
                if first <= op.first <= end:  # Lines of another file leave this one's where it is.
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

    def _section(self, ops: Sequence[Op]) -> tuple[int, int]:
        """Return the first and last line of the file that is written, or of the one document."""
        for op in reversed(ops):
            if isinstance(op, File):
                return self._files[op.path]
        return self._lines

    def _line_behind(self, gen: Gen, line: int) -> int:
        text = Following(self._source, self._source.start(line))
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
        self._text = Following(Source(lines, text.literals.codec.token_bytes, hints), 0)

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:  # noqa: ARG002  # there are none
        """Guess token by token."""
        written = self._written
        self._text.follow(written.body)
        text = self._text.copy()
        while not written.done:
            text.follow(written.body)
            guess = text.guess() or Guess(written.closing_token, Kind.END_AFTER_LAST_LINE)
            yield guess
