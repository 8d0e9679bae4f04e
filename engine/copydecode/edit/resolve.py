"""What a program means: the new text, and the hunks that lead to it, without diffing.

The outputs of the ops are joined as they are: lines carry their own terminators, in copies and in
gens. One rule is added so that a line without a terminator (the last of a document) can be copied
to another place: where an op's output does not end in a terminator and more text follows, the
document's own newline is put between. Oracle programs never need that rule, so a round trip keeps
every byte (ARCHITECTURE.md, "The edit language"). Knows nothing of tokens or models: a program that
copies tokens is lowered first (`token_copies`).
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from copydecode.edit.document import Document, is_terminated
from copydecode.edit.program import Copy, CopyTokens, Gen, LineOp, Program
from copydecode.errors import CopyRangeError

Mode = Literal["strict", "clipped"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hunk:
    """One contiguous change: lines `first` up to, not including, `end` become `text`.

    Lines are 1-based. `first == end` inserts before line `first`; an empty `text` deletes.
    """

    first: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the new text; `line` is the original line that it repeats, 0 where it is new."""

    text: str
    line: int


def resolve(program: Program, document: Document, mode: Mode = "strict") -> str:
    """Return the new text.

    Raises:
        CopyRangeError: in strict mode, where a copy op is not within `1 <= i <= j <= n`. In clipped
            mode the indices are clamped to the document and a warning is logged.
        TokenCopyError: the program copies tokens.
    """
    return "".join(piece.text for piece in pieces(program, document, mode))


def hunks(program: Program, document: Document, mode: Mode = "strict") -> tuple[Hunk, ...]:
    """Return the changes from the document to the new text, in document order, never touching.

    Lines that the program repeats in their order (the longest such choice) are left alone; all else
    is new text between them. A hunk that would replace lines by themselves is left out.

    Raises:
        CopyRangeError: as `resolve`.
    """
    parts = list(pieces(program, document, mode))
    kept = set(_longest_rise([piece.line for piece in parts]))
    found: list[Hunk] = []
    pending: list[str] = []
    at = 1  # The first line of the document that is not accounted for.

    def close(end: int) -> None:
        text = "".join(pending)
        pending.clear()
        if text != document.span(at, end - 1):
            found.append(Hunk(at, end, text))

    for index, piece in enumerate(parts):
        if index not in kept:
            pending.append(piece.text)
            continue
        if pending or piece.line > at:
            close(piece.line)
        at = piece.line + 1
    if pending or at <= len(document):
        close(len(document) + 1)
    return tuple(found)


def pieces(program: Program, document: Document, mode: Mode = "strict") -> Iterator[Piece]:
    """Yield the new text in parts: whole original lines, gen texts, and joints between ops.

    Raises:
        CopyRangeError, TokenCopyError: as `resolve`.
    """
    terminated = True
    for op in program.line_ops:
        for piece in _output(op, document, mode):
            if not piece.text:
                continue
            if not terminated:
                yield Piece(document.newline, 0)
            yield piece
            terminated = is_terminated(piece.text)


def apply_hunks(document: Document, changes: tuple[Hunk, ...]) -> str:
    """Return the document with the hunks (in order, not overlapping) applied."""
    parts: list[str] = []
    at = 1
    for hunk in changes:
        parts += [document.span(at, hunk.first - 1), hunk.text]
        at = hunk.end
    return "".join([*parts, document.span(at, len(document))])


def bounds(op: Copy | CopyTokens, n: int, mode: Mode) -> tuple[int, int]:
    """Return the first and last of the `n` lines or tokens that a copy repeats.

    Raises:
        CopyRangeError: as `resolve`.
    """
    if 1 <= op.first <= op.last <= n:
        return op.first, op.last
    unit = "lines" if isinstance(op, Copy) else "tokens"
    if mode == "strict":
        message = f"expected 1 <= i <= j <= {n}, found {unit} {op.first}-{op.last}"
        raise CopyRangeError(message)
    if n == 0:
        clamped = (1, 0)
    else:
        first = min(max(op.first, 1), n)
        clamped = (first, min(max(op.last, first), n))
    _log.warning("copy of %s %d-%d clipped to %d-%d", unit, op.first, op.last, *clamped)
    return clamped


def _output(op: LineOp, document: Document, mode: Mode) -> Iterator[Piece]:
    match op:
        case Gen(text):
            yield Piece(text, 0)
        case Copy():
            first, last = bounds(op, len(document), mode)
            for number in range(first, last + 1):
                yield Piece(document.lines[number - 1], number)


def _longest_rise(lines: list[int]) -> list[int]:
    """Return the indices of a longest strictly rising subsequence; zeros do not take part.

    Patience sorting, O(n log n).
    """
    tails: list[int] = []  # tails[k]: index that ends the best rise of length k + 1
    values: list[int] = []  # values[k] = lines[tails[k]], kept apart for bisect
    before = [-1] * len(lines)
    for index, line in enumerate(lines):
        if line == 0:
            continue
        k = bisect_left(values, line)
        before[index] = tails[k - 1] if k else -1
        if k == len(tails):
            tails.append(index)
            values.append(line)
        else:
            tails[k], values[k] = index, line
    rise: list[int] = []
    at = tails[-1] if tails else -1
    while at >= 0:
        rise.append(at)
        at = before[at]
    return rise[::-1]
