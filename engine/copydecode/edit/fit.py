r"""Between what a model sees and what the document holds: line ends, byte order mark, windows.

A model sees lines that end in LF, without a byte order mark, and perhaps only a window of the
document. `visible` gives that view, `fit` turns a program over it into one over the document's own
bytes. Knows nothing of tokens: how large a window may be is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from copydecode.edit.document import (
    BOM,
    Document,
    is_terminated,
    replace_terminators,
    strip_terminator,
)
from copydecode.edit.program import Copy, Gen, LineOp, Program


@dataclass(frozen=True, slots=True)
class Window:
    """Lines `first` to `last` of a document, 1-based and inclusive; empty where `last < first`."""

    first: int
    last: int

    def __len__(self) -> int:
        """Return the number of lines."""
        return max(0, self.last - self.first + 1)


def whole(document: Document) -> Window:
    """Return the window that is the whole document."""
    return Window(1, len(document))


def visible(document: Document, window: Window) -> list[str]:
    """Return the window's lines as a model sees them: no terminators, no byte order mark."""
    lines = [strip_terminator(line) for line in document.lines[window.first - 1 : window.last]]
    if lines and window.first == 1:
        lines[0] = lines[0].removeprefix(BOM)
    return lines


def fit(program: Program, document: Document, window: Window) -> Program:
    """Turn a program over the visible window into one over the whole document.

    Lines outside the window are copied, copies are shifted, new text gets the document's newline,
    and a byte order mark stays where it was. New text at the document's end has a final line end
    where the document has one, since a model does not see whether it has.

    Raises:
        TokenCopyError: the program copies tokens.
    """
    ops: list[LineOp] = []
    if window.first > 1:
        ops.append(Copy(1, window.first - 1))
    for op in program.line_ops:
        match shift(op, window):
            case Copy() as copy:
                ops.append(copy)
            case Gen(text):
                ops.append(Gen(replace_terminators(text, document.newline)))
    if window.last < len(document):
        ops.append(Copy(window.last + 1, len(document)))
    elif ops and isinstance(last := ops[-1], Gen):
        ops[-1] = Gen(_end_as(document, last.text))
    return Program(tuple(_keep_bom(ops, document) if document.has_bom else ops))


def shift(op: LineOp, window: Window) -> LineOp:
    """Return an op over the window with its lines counted in the document."""
    if isinstance(op, Gen):
        return op
    return Copy(op.first + window.first - 1, op.last + window.first - 1)


def _end_as(document: Document, text: str) -> str:
    """Return the last new text with a final line end where the document has one."""
    if not text or not document.text.removeprefix(BOM):
        return text
    if is_terminated(document.text):
        return text if is_terminated(text) else text + document.newline
    return strip_terminator(text) or text


def _keep_bom(ops: list[LineOp], document: Document) -> list[LineOp]:
    """Begin with the byte order mark, once, also where line 1 is replaced, moved or gone."""
    if ops and isinstance(ops[0], Copy) and ops[0].first == 1:
        head, rest = ops[:1], ops[1:]
    else:
        head, rest = [], ops
    kept: list[LineOp] = []
    for op in rest:
        if isinstance(op, Copy) and op.first == 1:
            kept.append(Gen(document.lines[0].removeprefix(BOM)))
            op = Copy(2, op.last)  # noqa: PLW2901  # what is left of it
        if isinstance(op, Gen) or op.first <= op.last:
            kept.append(op)
    if head:
        return head + kept
    match kept:
        case [Gen(text), *others]:
            return [Gen(BOM + text.removeprefix(BOM)), *others]
        case [Copy(first, last), *others]:
            begun: list[LineOp] = [Gen(BOM + document.span(first, first))]
            return [*begun, *([Copy(first + 1, last)] if first < last else []), *others]
        case _:
            return [Gen(BOM)]
