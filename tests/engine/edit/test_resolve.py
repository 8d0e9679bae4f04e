"""Resolving: oracle round trips keep every byte, hunks say the same as the new text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle, without_copies
from copydecode.edit.program import Copy, Gen, Op, Program
from copydecode.edit.resolve import Hunk, apply_hunks, hunks, resolve
from copydecode.errors import CopyRangeError

line = st.sampled_from(["", "a", "b", "  c", "\f", "\u2028", "<gen>", "\ufeff"])
end = st.sampled_from(["\n", "\n", "\r\n", "\r"])
made_of_lines = st.lists(st.tuples(line, end).map("".join), max_size=12).map("".join)
texts = st.one_of(
    st.tuples(made_of_lines, line).map("".join),  # Few distinct lines: many matches.
    st.text(),
)


@st.composite
def documents_and_programs(draw: st.DrawFn) -> tuple[Document, Program]:
    """Draw a document and any program whose copies are in range."""
    document = Document(draw(texts))
    n = len(document)
    gens: st.SearchStrategy[Op] = texts.map(Gen)
    kinds = [gens]
    if n:
        pairs = st.tuples(st.integers(1, n), st.integers(1, n))
        kinds.append(pairs.map(lambda pair: Copy(min(pair), max(pair))))
    ops = draw(st.lists(st.one_of(kinds), max_size=6))
    return document, Program(tuple(ops))


@given(texts, texts)
def test_oracle_round_trip_keeps_every_byte(source: str, target: str) -> None:
    """For every pair of texts: line ends, byte order mark and final newline included."""
    document = Document(source)
    program = oracle(document, Document(target))
    assert resolve(program, document) == target
    assert resolve(program, document, "clipped") == target
    assert apply_hunks(document, hunks(program, document)) == target


@given(texts, texts, st.integers(0, 4))
def test_what_is_not_worth_a_copy_can_be_written(source: str, target: str, shortest: int) -> None:
    document = Document(source)
    program = without_copies(
        oracle(document, Document(target)), document, lambda op: op.last - op.first + 1 < shortest
    )
    assert resolve(program, document) == target
    copies = [op for op in program.ops if isinstance(op, Copy)]
    assert all(op.last - op.first + 1 >= shortest for op in copies)
    for left, right in pairwise(program.ops):
        assert isinstance(left, Copy) or isinstance(right, Copy)


@given(documents_and_programs())
def test_hunks_lead_to_the_resolved_text(case: tuple[Document, Program]) -> None:
    """For any program, also one that moves and repeats lines; hunks are in order and apart."""
    document, program = case
    found = hunks(program, document)
    assert apply_hunks(document, found) == resolve(program, document)
    for left, right in pairwise(found):
        assert left.end < right.first
    for hunk in found:
        assert hunk.text != document.span(hunk.first, hunk.end - 1)


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ((Copy(1, 4),), ()),
        ((), (Hunk(1, 5, ""),)),
        ((Copy(1, 1), Copy(3, 4)), (Hunk(2, 3, ""),)),
        ((Copy(1, 1), Gen("x\n"), Copy(3, 4)), (Hunk(2, 3, "x\n"),)),
        ((Copy(1, 2), Gen("x\n"), Copy(3, 4)), (Hunk(3, 3, "x\n"),)),
        ((Copy(1, 2), Copy(2, 4)), (Hunk(2, 2, "b\n"),)),
        ((Copy(2, 4), Copy(1, 1)), (Hunk(1, 2, ""), Hunk(5, 5, "a\n"))),
        ((Gen("a\nb\n"), Copy(3, 4)), ()),
    ],
)
def test_hunks_are_minimal(ops: tuple[Op, ...], expected: tuple[Hunk, ...]) -> None:
    """Lines that stay in their order are left alone, and so is text written again as it was."""
    assert hunks(Program(ops), Document("a\nb\nc\nd\n")) == expected


def test_a_last_line_without_terminator_can_move() -> None:
    """The document's own newline is put behind it."""
    document = Document("a\r\nb")
    assert resolve(Program((Copy(2, 2), Copy(1, 1))), document) == "b\r\na\r\n"


def test_empty_outputs_get_no_joint() -> None:
    """An empty gen between two ops changes nothing."""
    document = Document("a\nb")
    assert resolve(Program((Copy(1, 2), Gen(""))), document) == "a\nb"
    assert resolve(Program((Gen(""), Copy(1, 2))), document) == "a\nb"


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 3), (2, 1), (3, 3)])
def test_strict_refuses_a_bad_range(first: int, last: int) -> None:
    """The error says what was expected and what came."""
    with pytest.raises(CopyRangeError, match=f"1 <= i <= j <= 2, found lines {first}-{last}"):
        resolve(Program((Copy(first, last),)), Document("a\nb\n"))


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [(0, 1, "a\n"), (1, 3, "a\nb\n"), (2, 1, "b\n"), (3, 9, "b\n")],
)
def test_clipped_clamps_and_warns(
    first: int, last: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The paper's clipped mode."""
    assert resolve(Program((Copy(first, last),)), Document("a\nb\n"), "clipped") == text
    assert "clipped" in caplog.text


def test_clipped_copies_nothing_from_an_empty_document() -> None:
    """There is no line to clamp to."""
    assert resolve(Program((Copy(1, 1), Gen("x"))), Document(""), "clipped") == "x"
