r"""Token copies: lowered to line copies and new text; the program over tokens between two texts.

A token copy repeats what the model was shown, not what the document holds, and may begin and end
within a line. Lowering turns a program with such ops into one that all the rest understands: whole
lines become line copies, parts of lines become new text, as one gen with the new text beside them.

Outputs are joined as they are. A token copy goes on where the text before it ends, and what follows
goes on where the token copy ends, be it the line of a line copy: no joint is put there (`resolve`).
One exception: a line outside a lock is never run into. There the joint stands, as behind a gen.

Tokens are bytes here, by line, and may hold a part of a character; parts that meet are one again.
Knows nothing of tokenizers or ids.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, chain
from typing import Final

from copydecode.edit.document import is_terminated
from copydecode.edit.program import Copy, CopyTokens, File, Gen, LineOp, Op, Program
from copydecode.edit.resolve import Mode, bounds
from copydecode.errors import SectionError

Pieces = Sequence[Sequence[bytes]]
"""The bytes of each token of each line; those of a line are the line, its terminator included."""

MIN_SPAN: Final = 8
"""The paper's minimum span m*: a shorter copy does not pay."""


def lower(
    program: Program,
    pieces: Pieces,
    lock: tuple[int, int] | None = None,
    mode: Mode = "strict",
) -> Program:
    """Return a program without token copies that says the same; empty gens are left out.

    Args:
        program: over the lines that the pieces are of.
        pieces: what was shown.
        lock: the lines that alone may change, 1-based and inclusive, where there is one.
        mode: as in `resolve`.

    Raises:
        CopyRangeError: in strict mode, where a token copy is not within `1 <= a <= b <= n` of the n
            tokens. In clipped mode it is clamped and a warning is logged.
    """
    lowering = Lowering(pieces, lock, mode)
    ops = [one for op in program.ops for one in lowering.take(op)]
    return Program((*ops, *lowering.end()))


class Lowering:
    """Lowers a program op by op; arguments and errors as of `lower`.

    New text is held back until what follows can no longer go on with it.
    """

    def __init__(
        self, pieces: Pieces, lock: tuple[int, int] | None = None, mode: Mode = "strict"
    ) -> None:
        self._pieces = pieces
        self._starts = list(accumulate(map(len, pieces), initial=0))
        self._last = len(pieces) if lock is None else lock[1]
        self._mode: Mode = mode
        self._ready: list[LineOp] = []
        self._text: list[str] = []  # What is held back; no part of it is empty.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = 0  # The line that what is held back is, where it is one.
        self._flows = False  # Whether what is held back ends with a token copy.

    def take(self, op: Op) -> list[LineOp]:
        """Take the program's next op; return the ops that are certain now.

        Raises:
            SectionError: it begins a file: tokens are copied within one document only.
        """
        match op:
            case Gen(text):
                self._take_text(text)
            case Copy():
                self._take_lines(op)
            case CopyTokens():
                self._take_tokens(op)
            case File():
                message = "expected a program over one document, found one over several files"
                raise SectionError(message)
        return self._told()

    def end(self) -> list[LineOp]:
        """Return the ops that are left."""
        self._close()
        return self._told()

    def _told(self) -> list[LineOp]:
        told, self._ready = self._ready, []
        return told

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self._flows:
            self._end_character()
        else:
            self._close()
        self._text.append(text)
        self._line = 0
        self._flows = False

    def _take_lines(self, op: Copy) -> None:
        if self._flows and self._is_open():
            first, last = bounds(op, len(self._pieces), self._mode)
            if first <= self._last:
                self._put(self._pieces[first - 1])
                self._flows = False
                if first == last:
                    return
                op = Copy(first + 1, last)
        self._close()
        self._ready.append(op)

    def _take_tokens(self, op: CopyTokens) -> None:
        at, last = bounds(op, self._starts[-1], self._mode)
        at -= 1
        while at < last:
            line = bisect_right(self._starts, at)
            start, end = self._starts[line - 1], self._starts[line]
            tokens = self._pieces[line - 1][at - start : last - start]
            if len(tokens) == end - start and not self._is_open():
                self._take_whole(line)
            else:
                self._put(tokens)
            self._flows = True
            at = min(last, end)

    def _take_whole(self, line: int) -> None:
        """Take a line of which all tokens are copied, at the start of a line."""
        self._close()
        if not b"".join(self._pieces[line - 1]).endswith((b"\n", b"\r")):
            # A last line without a terminator: what follows goes on in it.
            self._put(self._pieces[line - 1])
            self._line = line
        elif self._ready and isinstance(op := self._ready[-1], Copy) and op.last == line - 1:
            self._ready[-1] = Copy(op.first, line)
        else:
            self._ready.append(Copy(line, line))

    def _is_open(self) -> bool:
        """Return whether what is held back ends within a line."""
        if self._decoder.getstate()[0]:
            return True
        return bool(self._text) and not is_terminated(self._text[-1])

    def _put(self, tokens: Sequence[bytes]) -> None:
        if text := self._decoder.decode(b"".join(tokens)):
            self._text.append(text)
        self._line = 0

    def _end_character(self) -> None:
        """Let a character that lacks bytes be none."""
        if text := self._decoder.decode(b"", final=True):
            self._text.append(text)

    def _close(self) -> None:
        """Let what is held back be an op."""
        self._end_character()
        if self._text:
            text = "".join(self._text)
            self._ready.append(Copy(self._line, self._line) if self._line else Gen(text))
        self._text = []
        self._line = 0
        self._flows = False


def token_oracle(source: Pieces, target: Pieces, least: int = MIN_SPAN) -> Program:
    """Return a program of token copies and gens that leads from one text to another.

    By `difflib.SequenceMatcher(None, A, B, autojunk=False)` over tokens: equal blocks of at least
    `least` tokens (1 or more) become token copies, the rest gens. Tokens are equal where their
    bytes are. Copies are cut to whole characters, since a gen is text. For the tokens of every pair
    of texts `resolve(lower(token_oracle(a, b), a), A) == B`.
    """
    old, new = list(chain.from_iterable(source)), list(chain.from_iterable(target))
    text = b"".join(new)
    offsets = list(accumulate(map(len, new), initial=0))

    def splits_a_character(index: int) -> bool:
        return text[offsets[index] : offsets[index] + 1] in _CONTINUATIONS

    ops: list[Op] = []

    def write(begin: int, end: int) -> None:
        if begin < end:
            ops.append(Gen(text[offsets[begin] : offsets[end]].decode("utf-8")))

    done = 0
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for at, begin, size in matcher.get_matching_blocks():
        first, last = begin, begin + size
        while first < last and splits_a_character(first):
            first += 1
        while first < last and splits_a_character(last):
            last -= 1
        if last - first >= max(1, least):
            write(done, first)
            ops.append(CopyTokens(at + first - begin + 1, at + last - begin))
            done = last
    write(done, len(new))
    return Program(tuple(ops))


def with_token_copies(
    program: Program,
    source: Pieces,
    cut: Callable[[str], Pieces],
    lock: tuple[int, int] | None = None,
    least: int = MIN_SPAN,
) -> Program:
    """Return a program of line ops that copies what it can of its new text as tokens.

    Its line copies stay; each gen is as `token_oracle` has it, over the tokens of the lines that
    may change. `cut` cuts new text into tokens by line. Lowered under the same lock it is the
    program that it came from.
    """
    first, last = lock or (1, len(source))
    before = sum(map(len, source[: first - 1]))
    ops: list[Op] = []
    for op in program.ops:
        if not isinstance(op, Gen):
            ops.append(op)
            continue
        for one in token_oracle(source[first - 1 : last], cut(op.text), least).ops:
            if isinstance(one, CopyTokens):
                one = CopyTokens(one.first + before, one.last + before)  # noqa: PLW2901  # shifted
            ops.append(one)
    return Program(tuple(ops))


_CONTINUATIONS: Final = frozenset(bytes([byte]) for byte in range(0x80, 0xC0))
"""The bytes that stand in a character of UTF-8 behind its first."""
