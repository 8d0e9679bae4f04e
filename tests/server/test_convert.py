"""Positions, scopes and text edits, in every encoding and with every line end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Document, Hunk, Scope
from copydecode.edit.oracle import oracle
from copydecode.edit.resolve import hunks
from copydecode.errors import ScopeError
from copydecode_lsp import convert

CODECS = [PositionCodec(kind) for kind in lsp.PositionEncodingKind]
TEXTS = st.text(alphabet="ab\n\r\u2028\x0cé\U0001f40d", max_size=12)
UTF16 = PositionCodec(lsp.PositionEncodingKind.Utf16)


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> lsp.TextEdit:
    return lsp.TextEdit(lsp.Range(lsp.Position(*start), lsp.Position(*end)), text)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: str(codec.encoding))
@given(before=TEXTS, after=TEXTS)
def test_text_edits_of_hunks_lead_to_the_new_text(
    codec: PositionCodec, before: str, after: str
) -> None:
    document = Document(before)
    changes = hunks(oracle(document, Document(after)), document)
    edits = [convert.hunk_to_text_edit(hunk, document, codec) for hunk in changes]
    assert convert.apply_text_edits(before, edits, codec) == after


@pytest.mark.parametrize(
    ("encoding", "character"),
    [
        (lsp.PositionEncodingKind.Utf8, 4),
        (lsp.PositionEncodingKind.Utf16, 2),
        (lsp.PositionEncodingKind.Utf32, 1),
    ],
)
def test_the_end_of_an_unterminated_line_is_counted_in_code_units(
    encoding: lsp.PositionEncodingKind, character: int
) -> None:
    codec = PositionCodec(encoding)
    text_edit = convert.hunk_to_text_edit(Hunk(2, 3, ""), Document("a\n\U0001f40d"), codec)
    assert text_edit.range == lsp.Range(lsp.Position(1, 0), lsp.Position(1, character))


@pytest.mark.parametrize(
    ("text", "position", "offset"),
    [
        ("\U0001f40dx\nb", (0, 2), 1),
        ("\U0001f40dx\nb", (0, 99), 2),
        ("a\r\nb", (0, 5), 1),
        ("a\r\nb", (1, 0), 3),
        ("a\rb\u2028c", (1, 3), 5),
        ("a", (7, 0), 1),
        ("", (0, 0), 0),
    ],
)
def test_positions_become_offsets(text: str, position: tuple[int, int], offset: int) -> None:
    assert convert.offset(Document(text), lsp.Position(*position), UTF16) == offset


def test_overlapping_text_edits_are_refused() -> None:
    with pytest.raises(ValueError, match="apart"):
        convert.apply_text_edits("abc", [edit((0, 0), (0, 2), ""), edit((0, 1), (0, 3), "")], UTF16)


@given(before=TEXTS, middle=TEXTS, data=st.data())
def test_incremental_changes_give_the_client_s_text(
    before: str, middle: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(before)))
    end = data.draw(st.integers(start, len(before)))
    # A position cannot point between the two characters of a CRLF.
    if any(before[at - 1 : at + 1] == "\r\n" for at in (start, end)):
        return
    span = lsp.Range(_position(before, start), _position(before, end))
    change = lsp.TextDocumentContentChangePartial(range=span, text=middle)
    (after,) = convert.apply_changes(before, [change], UTF16)
    assert after == before[:start] + middle + before[end:]


def test_a_change_without_a_range_replaces_the_text() -> None:
    changes: list[lsp.TextDocumentContentChangeEvent] = [
        lsp.TextDocumentContentChangeWholeDocument(text="new\n"),
        lsp.TextDocumentContentChangePartial(range=edit((0, 0), (0, 1), "").range, text="N"),
    ]
    assert list(convert.apply_changes("old", changes, UTF16)) == ["new\n", "New\n"]


@pytest.mark.parametrize(
    ("text", "start", "end", "scope"),
    [
        ("a\nb\nc\n", (0, 0), (0, 0), Scope(1, 1)),
        ("a\nb\nc\n", (0, 0), (2, 0), Scope(1, 2)),
        ("a\nb\nc\n", (0, 0), (2, 1), Scope(1, 3)),
        ("a\nb\nc\n", (3, 0), (3, 0), Scope(3, 3)),
        ("a\nb", (1, 0), (1, 1), Scope(2, 2)),
        ("a\nb", (0, 0), (2, 0), Scope(1, 2)),
        ("", (0, 0), (0, 0), None),
    ],
)
def test_a_range_s_scope_is_the_lines_it_touches(
    text: str, start: tuple[int, int], end: tuple[int, int], scope: Scope | None
) -> None:
    assert convert.scope_of_range(edit(start, end, "").range, Document(text)) == scope


@pytest.mark.parametrize(
    ("start", "end"), [((4, 0), (4, 0)), ((0, 0), (9, 0)), ((1, 0), (0, 0)), ((0, 2), (0, 1))]
)
def test_a_range_outside_the_document_or_backwards_is_refused(
    start: tuple[int, int], end: tuple[int, int]
) -> None:
    with pytest.raises(ScopeError):
        convert.scope_of_range(edit(start, end, "").range, Document("a\nb\nc\n"))


@given(text=TEXTS.filter(bool), data=st.data())
def test_a_scope_survives_the_way_to_a_range_and_back(text: str, data: st.DataObject) -> None:
    document = Document(text)
    first = data.draw(st.integers(1, len(document)))
    scope = Scope(first, data.draw(st.integers(first, len(document))))
    span = lsp.Range(
        convert.position_behind(document, scope.first, 0, UTF16),
        convert.position_behind(document, scope.last + 1, 0, UTF16),
    )
    assert convert.scope_of_range(span, document) == scope


def _position(text: str, offset: int) -> lsp.Position:
    """Count a position the slow way, from the text before it."""
    before = Document(text[:offset]).lines
    ended = not before or before[-1].endswith(("\n", "\r"))
    line = "" if ended else before[-1]
    return lsp.Position(len(before) - (not ended), UTF16.client_num_units(line))
