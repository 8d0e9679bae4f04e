"""Between engine words and LSP words: positions, ranges, scopes, text edits.

Positions are counted in the negotiated encoding, on lines as LSP counts them (LF, CRLF, CR). Pure:
it knows nothing of servers, clients or models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Document, Hunk, Scope
from copydecode.errors import ScopeError
from copydecode_lsp.narrowing import kept_ends


def strip_line_end(line: str) -> str:
    """Return the line without its LF, CRLF or CR."""
    return line.removesuffix("\n").removesuffix("\r")


def document_end(document: Document, codec: PositionCodec) -> lsp.Position:
    """Return the position behind the last character."""
    if not document.lines:
        return lsp.Position(0, 0)
    last = document.lines[-1]
    if last.endswith(("\n", "\r")):
        return lsp.Position(len(document), 0)
    return lsp.Position(len(document) - 1, codec.client_num_units(last))


def hunk_to_text_edit(hunk: Hunk, document: Document, codec: PositionCodec) -> lsp.TextEdit:
    """Return the text edit that makes the change; what stays at its ends is not in it."""
    old = document.span(hunk.first, hunk.end - 1)
    start, end = kept_ends(old, hunk.text)
    span = lsp.Range(
        position_behind(document, hunk.first, start, codec),
        position_behind(document, hunk.first, len(old) - end, codec),
    )
    return lsp.TextEdit(range=span, new_text=hunk.text[start : len(hunk.text) - end])


def position_behind(
    document: Document, line: int, count: int, codec: PositionCodec
) -> lsp.Position:
    """Return the position `count` code points behind the start of a 1-based line."""
    while line <= len(document) and count >= len(document.lines[line - 1]):
        count -= len(document.lines[line - 1])
        line += 1
    if line > len(document):
        return document_end(document, codec)
    return lsp.Position(line - 1, codec.client_num_units(document.lines[line - 1][:count]))


def range_to_json(span: lsp.Range) -> dict[str, dict[str, int]]:
    """Return a range as it is sent."""
    return {
        name: {"line": position.line, "character": position.character}
        for name, position in (("start", span.start), ("end", span.end))
    }


def workspace_edit(
    uri: str,
    version: int | None,
    edits: Sequence[lsp.TextEdit],
    *,
    versioned: bool,
    annotations: Sequence[lsp.ChangeAnnotation] = (),
) -> lsp.WorkspaceEdit:
    """Return the edits of one document; `versioned` where the client takes documentChanges.

    `annotations` are those of each of them, equal ones together; only a `versioned` edit has some.
    """
    if not versioned:
        return lsp.WorkspaceEdit(changes={uri: list(edits)} if edits else {})
    if not edits:
        return lsp.WorkspaceEdit(document_changes=[])
    identifier = lsp.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    named: dict[str, lsp.ChangeAnnotation] = {}
    annotated: list[lsp.TextEdit | lsp.AnnotatedTextEdit | lsp.SnippetTextEdit] = [*edits]
    for index, (edit, annotation) in enumerate(zip(edits, annotations, strict=False)):
        same = (name for name, known in named.items() if known == annotation)
        name = next(same, f"copydecode.{len(named)}")
        named[name] = annotation
        annotated[index] = lsp.AnnotatedTextEdit(name, edit.range, edit.new_text)
    return lsp.WorkspaceEdit(
        document_changes=[lsp.TextDocumentEdit(text_document=identifier, edits=annotated)],
        change_annotations=named or None,
    )


def offset(document: Document, position: lsp.Position, codec: PositionCodec) -> int:
    """Return the position as an index into the document's text.

    A character beyond its line means the line's end, as the protocol says; so does one in the
    middle of a character. A line beyond the document means the document's end.
    """
    if position.line >= len(document):
        return len(document.text)
    start = document.starts[position.line]
    line = strip_line_end(document.lines[position.line])
    units = 0
    for index, character in enumerate(line):
        if units >= position.character:
            return start + index
        units += codec.client_num_units(character)
    return start + len(line)


def apply_text_edits(text: str, edits: Iterable[lsp.TextEdit], codec: PositionCodec) -> str:
    """Return the text with the edits applied; all ranges are of the text as it comes in.

    Raises:
        ValueError: two edits overlap, or one ends before it starts.
    """
    document = Document(text)
    spans = [
        (
            offset(document, edit.range.start, codec),
            offset(document, edit.range.end, codec),
            edit.new_text,
        )
        for edit in edits
    ]
    spans.sort(key=lambda span: span[:2])
    parts: list[str] = []
    at = 0
    for start, end, new_text in spans:
        if start < at or end < start:
            message = f"expected text edits in order and apart, found one at {start}-{end}"
            raise ValueError(message)
        parts += [text[at:start], new_text]
        at = end
    return "".join([*parts, text[at:]])


def apply_changes(
    text: str,
    changes: Sequence[lsp.TextDocumentContentChangeEvent],
    codec: PositionCodec,
) -> Iterator[str]:
    """Yield the text after each of the content changes of one didChange, in their order."""
    for change in changes:
        if isinstance(change, lsp.TextDocumentContentChangePartial):
            edit = lsp.TextEdit(range=change.range, new_text=change.text)
            text = apply_text_edits(text, [edit], codec)
        else:
            text = change.text
        yield text


def scope_of_range(span: lsp.Range, document: Document) -> Scope | None:
    """Return the lines that a range touches, None for an empty document.

    A range that ends at the start of a line does not touch that line, and the empty line after a
    final line end counts as the last line.

    Raises:
        ScopeError: the range ends before it starts, or lies outside the document.
    """
    start, end = span.start, span.end
    if (end.line, end.character) < (start.line, start.character):
        message = (
            f"expected a range that ends after its start, found "
            f"{start.line}:{start.character}-{end.line}:{end.character}"
        )
        raise ScopeError(message)
    n = len(document)
    if start.line < 0 or end.line > n:
        message = f"expected lines within 1 to {n}, found {start.line + 1} to {end.line + 1}"
        raise ScopeError(message)
    if n == 0:
        return None
    first = min(start.line + 1, n)
    last = end.line if end.character == 0 and end.line > start.line else end.line + 1
    return Scope(first, max(first, min(last, n)))
