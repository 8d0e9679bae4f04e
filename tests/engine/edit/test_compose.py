"""Programs over a text with a part cut out, or over one that was edited before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit.compose import cut, lift, origins
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, Gen, Program
from copydecode.edit.resolve import hunks, resolve

texts = st.text(st.sampled_from("ab\r\n"), max_size=24)


@given(texts, texts, st.integers(0, 24), st.integers(0, 24))
def test_an_edit_of_what_is_left_is_an_edit_of_the_whole(
    before: str, after: str, start: int, end: int
) -> None:
    document = Document(before)
    start, end = sorted(min(at, len(before)) for at in (start, end))
    other, lines = cut(document, start, end)
    assert other.text == before[:start] + before[end:]
    assert all(
        line is None or document.lines[line - 1] == other.lines[number]
        for number, line in enumerate(lines)
    )
    assert resolve(lift(oracle(other, Document(after)), other, lines), document) == after


@given(texts, st.lists(st.integers(1, 4), max_size=4), texts, st.lists(st.booleans(), max_size=4))
def test_two_edits_are_one(text: str, copies: list[int], new: str, order: list[bool]) -> None:
    """Also where lines are moved and repeated, and the last one has no terminator."""
    document = Document(text)
    n = len(document)
    ops = [Copy(min(line, n), n) for line in copies if n]
    one = Program((Gen(new), *ops) if order[:1] == [True] else (*ops, Gen(new)))
    middle = Document(resolve(one, document))
    other = oracle(middle, Document(middle.text + new))
    if order[1:2] == [True] and len(middle):
        other = Program((Copy(len(middle), len(middle)), Copy(1, len(middle))))
    both = lift(other, middle, origins(one, document))
    assert resolve(both, document) == resolve(other, middle)


def test_lines_that_both_edits_copy_are_copied() -> None:
    document = Document("a\nb\nc\nd\n")
    one = Program((Copy(1, 1), Gen("new\n"), Copy(3, 4)))
    other = Program((Copy(1, 3), Gen("last\n")))
    both = lift(other, Document("a\nnew\nc\nd\n"), origins(one, document))
    assert both == Program((Copy(1, 1), Gen("new\n"), Copy(3, 3), Gen("last\n")))
    assert [(hunk.first, hunk.end) for hunk in hunks(both, document)] == [(2, 3), (4, 5)]


def test_a_line_that_is_cut_into_is_new_text_and_the_others_stay_copies() -> None:
    document = Document("a\nb  # x\nc\n")
    other, lines = cut(document, 3, 8)
    assert (other.text, lines) == ("a\nb\nc\n", (1, None, 3))
    unchanged = Program((Copy(1, 3),))
    assert lift(unchanged, other, lines) == Program((Copy(1, 1), Gen("b\n"), Copy(3, 3)))
