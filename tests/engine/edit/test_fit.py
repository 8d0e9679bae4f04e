"""What a model sees, and how its program becomes one over the document's bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit.document import BOM, Document
from copydecode.edit.fit import Window, fit, visible, whole
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, Gen, Op, Program
from copydecode.edit.resolve import resolve

lines = st.lists(st.sampled_from(["", "a", "b", "\tc", "\f"]), max_size=10)


def joined(found: list[str], newline: str) -> str:
    """Return lines with terminators."""
    return "".join(line + newline for line in found)


@given(lines, lines, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_an_edit_keeps_line_ends_and_byte_order_mark(
    old: list[str],
    new: list[str],
    newline: str,
    bom: bool,  # drawn by hypothesis
) -> None:
    """A model that sees LF only edits a CRLF document with a BOM."""
    mark = BOM if bom and old else ""
    document = Document(mark + joined(old, newline))
    seen = Document(joined(visible(document, whole(document)), "\n"))
    assert seen.text == joined(old, "\n")
    program = fit(oracle(seen, Document(joined(new, "\n"))), document, whole(document))
    # Without any line in the old text its newline is not known.
    assert resolve(program, document) == mark + joined(new, newline if old else "\n")


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ((Copy(1, 2),), "a\nb\nc\nd\n"),
        ((Gen("x\n"), Copy(2, 2)), "a\nx\nc\nd\n"),
        ((), "a\nd\n"),
        ((Copy(2, 2), Copy(1, 1)), "a\nc\nb\nd\n"),
    ],
)
def test_lines_outside_the_window_stay(ops: tuple[Op, ...], expected: str) -> None:
    """Copies are shifted, and what was not shown is copied."""
    document = Document("a\nb\nc\nd\n")
    window = Window(2, 3)
    assert visible(document, window) == ["b", "c"]
    assert resolve(fit(Program(ops), document, window), document) == expected


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ((), ""),
        ((Copy(2, 3),), "b\nc\n"),
        ((Copy(3, 3),), "c\n"),
        ((Gen("x\n"), Copy(1, 3)), "x\na\nb\nc\n"),
        ((Copy(1, 1), Copy(1, 3)), "a\na\nb\nc\n"),
        ((Copy(3, 3), Copy(1, 1), Copy(2, 2)), "c\na\nb\n"),
    ],
)
def test_the_byte_order_mark_stays_first(ops: tuple[Op, ...], expected: str) -> None:
    """Also where line 1 is replaced, deleted, or no longer the first."""
    document = Document(BOM + "a\nb\nc\n")
    got = resolve(fit(Program(ops), document, whole(document)), document)
    assert got.startswith(BOM)
    assert got.count(BOM) == 1
    assert got.replace(BOM, "") == expected


@pytest.mark.parametrize(
    ("text", "ops", "expected"),
    [
        ("a\nb", (Copy(1, 1), Gen("c\n")), "a\nc"),
        ("a\r\nb", (Copy(1, 2), Gen("c\nd\n")), "a\r\nb\r\nc\r\nd"),
        ("a\nb", (Gen("c\n"), Copy(2, 2)), "c\nb"),
        ("a\nb", (Copy(1, 1),), "a\n"),  # No byte of a line that stays changes.
        ("a\nb\n", (Copy(1, 1), Gen("c")), "a\nc\n"),
        ("a\r\nb\r\n", (Gen("c"),), "c\r\n"),
        ("a\nb\n", (Copy(1, 1), Gen("")), "a\n"),
        (BOM, (Gen("c\n"),), BOM + "c\n"),
        ("", (Gen("c\n"),), "c\n"),
        ("", (Gen("c"),), "c"),
    ],
)
def test_new_text_at_the_end_has_a_final_line_end_where_the_document_has_one(
    text: str, ops: tuple[Op, ...], expected: str
) -> None:
    """A model sees every line end in LF, so it cannot know."""
    document = Document(text)
    assert resolve(fit(Program(ops), document, whole(document)), document) == expected
