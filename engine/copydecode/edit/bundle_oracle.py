"""Oracle programs over several files: the program from the texts of a bundle to new ones.

Each file that changes has a section, by `oracle` over its own lines. What would be written new
there is looked for among the lines of all files: a run that stands in another one, or elsewhere in
this one, is copied. Knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from copydecode.edit.bundle import Bundle
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, File, Gen, LineOp, Op, Program

MIN_LINES = 2
"""A shorter run of new lines is written: one line (a brace, a `return`) stands in many places."""


def oracle_files(bundle: Bundle, texts: Mapping[str, str], least: int = MIN_LINES) -> Program:
    """Return a program with `resolve_files(oracle_files(a, b), a)` giving each changed text of `b`.

    Args:
        bundle: the files as they are.
        texts: new texts by path; files that are not named stay.
        least: the fewest lines, not all blank, that are copied from elsewhere.

    Raises:
        SectionError: a path is of no file that may be changed.
    """
    known: dict[str, list[int]] = {}
    for number, line in enumerate(bundle.lines, start=1):
        known.setdefault(line, []).append(number)
    ops: list[Op] = []
    for path, text in texts.items():
        index = bundle.index(path)
        document, before = bundle.files[index].document, bundle.places[index].first - 1
        if text == document.text:
            continue
        ops.append(File(path))
        for op in oracle(document, Document(text)).line_ops:
            if isinstance(op, Copy):
                ops.append(Copy(op.first + before, op.last + before))
            else:
                ops += _found(op, bundle, known, least)
    return Program(tuple(ops))


def _found(
    gen: Gen, bundle: Bundle, known: Mapping[str, list[int]], least: int
) -> Iterator[LineOp]:
    """Yield new text as copies of the longest runs that the bundle has, and the rest as gens."""
    lines = Document(gen.text).lines
    written: list[str] = []
    at = 0
    while at < len(lines):
        first, length = _longest(lines, at, bundle, known)
        if length < least or not "".join(lines[at : at + length]).strip():
            written.append(lines[at])
            at += 1
            continue
        if written:
            yield Gen("".join(written))
            written = []
        yield Copy(first, first + length - 1)
        at += length
    if written:
        yield Gen("".join(written))


def _longest(
    lines: tuple[str, ...], at: int, bundle: Bundle, known: Mapping[str, list[int]]
) -> tuple[int, int]:
    """Return the first line and the length of the longest run of one file that `lines[at:]` are."""
    best = (0, 0)
    for first in known.get(lines[at], []):
        last = bundle.places[bundle.owner(first)].last
        length = 1
        while (
            at + length < len(lines)
            and first + length <= last
            and bundle.lines[first + length - 1] == lines[at + length]
        ):
            length += 1
        if length > best[1]:
            best = (first, length)
    return best
