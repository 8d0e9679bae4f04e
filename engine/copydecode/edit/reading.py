"""A program that somebody writes who has no grammar: read as it comes, and held to the rules.

The text form stands alone in the answer, but for what cannot be mistaken: white space, in the tag
of a copy too, a block `<think>...</think>` before it, one code fence around it. Nothing is mended
or guessed at. Copies stay within the document. Where there is a lock, all other lines are copied as
they are, in their order, before and behind what is written; unlike `rules` it leaves open by which
ops. Knows nothing of models, or of what is done with an answer that is no program.
"""

from __future__ import annotations

import re

from copydecode.edit import grammar
from copydecode.edit.program import Copy, Gen, LineOp, Op, Program
from copydecode.errors import CopyRangeError, OutsideScopeError, ProgramError, ProgramSyntaxError

_BEGIN = re.compile(
    r"\s*(?:<think>.*?</think>\s*)?(?P<fence>```[\w+-]*[ \t]*\r?\n\s*)?(?=<program>)", re.DOTALL
)
_SPACED_COPY = re.compile(r'<copy\s+lines="([1-9][0-9]*)-([1-9][0-9]*)"\s*/>')
_END = re.compile(r"\s*\Z")
_FENCED_END = re.compile(r"\s*```\s*\Z")


class Reading:
    """The ops of one answer as they close, each looked at before it is told."""

    def __init__(self, lines: int, lock: tuple[int, int] | None = None) -> None:
        """A program over so many lines, of which those of the lock (1-based) alone may change."""
        self._held = _Held(lines, lock)
        self._text = ""
        self._at: int | None = None  # Where the next op begins, None before the program does.
        self._fenced = False
        self._ops: list[LineOp] = []
        self._closed = False
        self._problem: ProgramError | OutsideScopeError | None = None

    @property
    def text(self) -> str:
        """All that came."""
        return self._text

    @property
    def rest(self) -> str:
        """What came behind the last op that was told; all where none was."""
        return self._text[grammar.skip_space(self._text, self._at or 0) :]

    def take(self, text: str) -> list[LineOp]:
        """Return the ops that close with what comes, none behind one that is not legal."""
        self._text += text
        if ">" not in text or self._closed or self._problem is not None:
            return []
        if self._at is None:
            begin = _BEGIN.match(self._text)
            if begin is None:
                return []
            self._fenced = begin["fence"] is not None
            self._at = begin.end() + len(grammar.PROGRAM_OPEN)
        told: list[LineOp] = []
        while found := _op_at(self._text, grammar.skip_space(self._text, self._at)):
            op, end = found
            try:
                told.append(self._held.take(op))
            except (ProgramError, OutsideScopeError) as problem:
                self._problem = problem
                break
            self._at = end
        self._ops += told
        self._closed = self.rest.startswith(grammar.PROGRAM_CLOSE)
        return told

    def end(self) -> Program:
        """Return the program, when all has come.

        Raises:
            ProgramSyntaxError: there is none, or more than it.
            CopyRangeError: it copies lines that there are not.
            OutsideScopeError: lines outside the lock do not stay as they are.
        """
        if self._problem is not None:
            raise self._problem
        if self._at is None:
            message = f"expected the answer to begin with {grammar.PROGRAM_OPEN}"
            raise ProgramSyntaxError(message)
        if not self._closed:
            where = f"behind op {len(self._ops)}" if self._ops else "first"
            message = f"expected a copy op, a gen op or {grammar.PROGRAM_CLOSE} {where}"
            raise ProgramSyntaxError(message)
        behind = self.rest.removeprefix(grammar.PROGRAM_CLOSE)
        if not (_FENCED_END if self._fenced else _END).match(behind):
            message = f"expected nothing behind {grammar.PROGRAM_CLOSE}, found text"
            raise ProgramSyntaxError(message)
        self._held.end()
        return Program(tuple(self._ops))


class _Held:
    """How far a program is in the lines that have to stay."""

    def __init__(self, lines: int, lock: tuple[int, int] | None) -> None:
        self._lines = lines
        self._first, self._last = lock or (1, lines)
        self._next = 1  # The line that has to be copied next; within the lock there is none.
        self._any = False

    def take(self, op: Op) -> LineOp:
        """Return an op that may come next; errors as `Reading.end`."""
        self._any = True
        match op:
            case Gen(text):
                _require_text(text)
                if text and not self._free:
                    raise _outside()
            case Copy(first, last):
                if not 1 <= first <= last <= self._lines:
                    message = f"expected lines within 1 to {self._lines}, found {first}-{last}"
                    raise CopyRangeError(message)
                self._copy(first, last)
            case _:
                message = "expected copies of lines and new text alone, found another op"
                raise ProgramSyntaxError(message)
        return op

    def end(self) -> None:
        """Look at the whole program; errors as `Reading.end`."""
        if not self._any and self._lines:
            message = "expected at least one op: without one all lines would be deleted"
            raise ProgramSyntaxError(message)
        left = self._last if self._free else self._next - 1
        if left < self._lines:
            raise _outside()

    @property
    def _free(self) -> bool:
        """Whether what comes next is the lock's."""
        return self._next == self._first

    def _copy(self, first: int, last: int) -> None:
        if self._next < self._first:
            if first != self._next:
                raise _outside()
            self._next = min(last + 1, self._first)
            first = self._next
        if first > last:
            return
        if self._free:
            if not self._first <= first <= self._last + 1:
                raise _outside()
            if last > self._last:
                self._next = last + 1
        elif first != self._next:
            raise _outside()
        else:
            self._next = last + 1


def _op_at(text: str, at: int) -> tuple[Op, int] | None:
    """Do as `grammar.op_at`, with white space in a copy's tag, as XML has it."""
    if spaced := _SPACED_COPY.match(text, at):
        return Copy(int(spaced[1]), int(spaced[2])), spaced.end()
    return grammar.op_at(text, at)


def _require_text(text: str) -> None:
    """Refuse what cannot be written: JSON can carry half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        message = "expected text in a gen op, found half of a surrogate pair"
        raise ProgramSyntaxError(message) from error


def _outside() -> OutsideScopeError:
    message = "expected the lines outside the scope to stay, found others from the model"
    return OutsideScopeError(message)
