"""Programs over another text than the document's own: with a part cut out of it, or edited before.

`Origins` say for each line of the other text which line of the document it is. With them a program
over the other text becomes one over the document (`lift`): what it copies of the document's lines
stays a copy, all else is new text. Knows nothing of tokens, windows or models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from copydecode.edit.document import Document, is_terminated
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.edit.resolve import pieces

Origins = tuple[int | None, ...]
"""For each line of a text the document's line that it is, 1-based, or None where it is none."""


def cut(document: Document, start: int, end: int) -> tuple[Document, Origins]:
    """Return the document without the characters from `start` up to `end`, and its origins."""
    text = document.text[:start] + document.text[end:]
    places: dict[tuple[int, int], int] = {}
    at = 0
    for number, line in enumerate(document.lines, 1):
        if at + len(line) <= start:
            places[at, at + len(line)] = number
        elif at >= end:
            places[at - (end - start), at - (end - start) + len(line)] = number
        at += len(line)
    other = Document(text)
    return other, _origins(other, places)


def origins(program: Program, document: Document) -> Origins:
    """Return the origins of the new text that a program makes of the document.

    Raises:
        CopyRangeError, TokenCopyError: as `resolve`.
    """
    places: dict[tuple[int, int], int] = {}
    parts: list[str] = []
    at = 0
    for piece in pieces(program, document):
        if piece.line:
            places[at, at + len(piece.text)] = piece.line
        parts.append(piece.text)
        at += len(piece.text)
    return _origins(Document("".join(parts)), places)


def lift(program: Program, other: Document, lines: Origins) -> Program:
    """Turn a program over `other`, whose origins are `lines`, into one over the document.

    It gives the same new text, byte for byte: a line without a terminator that something follows
    becomes new text together with the newline that was put behind it.

    Raises:
        CopyRangeError, TokenCopyError: as `resolve`.
    """
    parts = [
        (piece.text, lines[piece.line - 1] if piece.line else None)
        for piece in pieces(program, other)
    ]
    for index, (text, _line) in enumerate(parts[:-1]):
        if not is_terminated(text):
            parts[index] = (text, None)
    return Program(tuple(_ops(parts)))


def _origins(other: Document, places: Mapping[tuple[int, int], int]) -> Origins:
    """Look up each line of a text by where it begins and ends."""
    found: list[int | None] = []
    at = 0
    for line in other.lines:
        found.append(places.get((at, at + len(line))))
        at += len(line)
    return tuple(found)


def _ops(parts: list[tuple[str, int | None]]) -> Iterator[LineOp]:
    """Join lines that follow each other to copies, and new texts to gens."""
    op: LineOp | None = None
    for text, line in parts:
        match op, line:
            case Gen(before), None:
                op = Gen(before + text)
            case Copy(first, last), int() if line == last + 1:
                op = Copy(first, line)
            case _:
                if op is not None:
                    yield op
                op = Gen(text) if line is None else Copy(line, line)
    if op is not None:
        yield op
