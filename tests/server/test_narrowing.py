"""Edits hold the characters that change: exact in every encoding, never inside of a character."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Document, Gen, Program, hunks
from copydecode.edit.oracle import oracle
from copydecode_lsp.convert import hunk_to_text_edit
from copydecode_lsp.narrowing import kept_ends

UNITS = {
    lsp.PositionEncodingKind.Utf8: ("utf-8", 1),
    lsp.PositionEncodingKind.Utf16: ("utf-16-le", 2),
    lsp.PositionEncodingKind.Utf32: ("utf-32-le", 4),
}
SEEN = ("a", "b", " ", "\t", "\n", "\r\n", "\r", "é", "\u2028", "\x0c", "\ufeff", "\U0001f40d")
JOINED = (
    "e\u0301",
    "\U0001f469\u200d\U0001f4bb",
    "\U0001f44d\U0001f3fd",
    "\U0001f1e9\U0001f1ea",
    "\u0915\u094d\u0937",
)
TEXTS = st.lists(st.sampled_from(SEEN + JOINED), max_size=14).map("".join)


def edits_between(
    before: str, after: str, codec: PositionCodec, *, again: bool
) -> list[lsp.TextEdit]:
    """Return the edits of the best program, or of one that writes everything again."""
    document = Document(before)
    program = Program((Gen(after),)) if again else oracle(document, Document(after))
    return [hunk_to_text_edit(hunk, document, codec) for hunk in hunks(program, document)]


def place(lines: list[bytes], position: lsp.Position, width: int) -> int:
    return sum(map(len, lines[: position.line])) + position.character * width


def applied(before: str, edits: list[lsp.TextEdit], kind: lsp.PositionEncodingKind) -> str:
    """Splice encoded text, as an editor that keeps its text in these units does."""
    encoding, width = UNITS[kind]
    lines = [line.encode(encoding) for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", before)]
    whole = b"".join(lines)
    for edit in reversed(edits):
        start = place(lines, edit.range.start, width)
        end = place(lines, edit.range.end, width)
        whole = whole[:start] + edit.new_text.encode(encoding) + whole[end:]
    return whole.decode(encoding)


@pytest.mark.parametrize("kind", UNITS)
@given(before=TEXTS, after=TEXTS, again=st.booleans())
def test_the_edits_give_the_program_s_text_in_every_encoding(
    kind: lsp.PositionEncodingKind, before: str, after: str, again: bool
) -> None:
    edits = edits_between(before, after, PositionCodec(kind), again=again)
    assert applied(before, edits, kind) == after


@given(before=TEXTS, after=TEXTS, again=st.booleans())
@example(before="a\n", after="a\na\n", again=True)
def test_no_edit_is_empty_and_they_are_in_order_and_apart(
    before: str, after: str, again: bool
) -> None:
    edits = edits_between(before, after, PositionCodec(), again=again)
    spans = [
        ((e.range.start.line, e.range.start.character), (e.range.end.line, e.range.end.character))
        for e in edits
    ]
    for edit, (start, end) in zip(edits, spans, strict=True):
        assert start < end or (start == end and edit.new_text)
    assert all(end < start for (_, end), (start, _) in pairwise(spans))


@given(old=st.text("ab \n\u00e9\U0001f40d", max_size=12), data=st.data())
def test_what_stays_at_the_ends_of_a_change_is_not_in_its_edit(
    old: str, data: st.DataObject
) -> None:
    """So a cursor there stays where it is."""
    new = data.draw(st.text("ab \n\u00e9\U0001f40d", max_size=12))
    start, end = kept_ends(old, new)
    removed, added = old[start : len(old) - end], new[start : len(new) - end]
    assert old[:start] + added + old[len(old) - end :] == new
    if removed and added:
        assert removed[0] != added[0]
        assert removed[-1] != added[-1]


@pytest.mark.parametrize("character", JOINED)
@pytest.mark.parametrize("other", [*JOINED, "e", "\U0001f469", "\u0915", "x\r"])
def test_no_edit_begins_or_ends_inside_of_a_character_as_it_is_seen(
    character: str, other: str
) -> None:
    old, new = f"a{character}\nb", f"a{other}\nb"
    start, end = kept_ends(old, new)
    expected = (len(old), 0) if character == other else (1, 2)
    # A lone CR before the LF would become one line end with it.
    assert (start, end) == ((1, 1) if other == "x\r" else expected)


@pytest.mark.parametrize(
    ("old", "new"),
    [("ab\r\n", "ac\n"), ("ab\n", "a\r\n"), ("a\r\n", "a\n"), ("a\n", "a\r\n"), ("a\r", "a\r\n")],
)
def test_no_edit_ends_between_cr_and_lf(old: str, new: str) -> None:
    start, end = kept_ends(old, new)
    for text in (old, new):
        assert text[start - 1 : start + 1] != "\r\n"
        assert text[len(text) - end - 1 : len(text) - end + 1] != "\r\n"


@pytest.mark.parametrize(
    ("old", "new", "removed", "added"),
    [
        ("print(naem)\n", "print(name)\n", "em", "me"),
        ("  total = 1\n  x\n", "  total = 2\n  y\n", "1\n  x", "2\n  y"),
        ("  b()\n", "  a()\n  b()\n", "", "  a()\n"),
        ("  a()\n  b()\n", "  b()\n", "  a()\n", ""),
        ("  a()\n", "  a()\n  b()\n", "", "  b()\n"),
        ("call(1)\n", "call(0)\ncall(1)\n", "", "call(0)\n"),
        ("\ta = 1\n", "\tab = 1\n", "", "b"),
        ("\ufeffa\n", "\ufeffb\n", "a", "b"),
        ("end", "end\n", "", "\n"),
    ],
)
def test_an_edit_is_what_one_would_mark_by_hand(
    old: str, new: str, removed: str, added: str
) -> None:
    start, end = kept_ends(old, new)
    assert (old[start : len(old) - end], new[start : len(new) - end]) == (removed, added)
