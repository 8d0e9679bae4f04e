"""Programs that come without a grammar: read in pieces, strictly, within bounds and lock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.oracle import locked_oracle, oracle
from copydecode.edit.program import Copy, CopyTokens, File, Gen, LineOp, Op, Program
from copydecode.edit.reading import Reading
from copydecode.errors import CopyRangeError, OutsideScopeError, ProgramError, ProgramSyntaxError

lines = st.sampled_from(["a\n", "b\n", "<gen>\n", "</gen>x\n", "<\\copy\n", "\n", ">\n"])
texts = st.lists(lines, max_size=8).map("".join)
AROUND = ["{}", " \n{}\n", "```\n{}```", "```xml \n{}\n```\n", "<think>\n<program></think>\n{}"]
MOST = 5  # Lines of a document with a lock.


def read(text: str, n: int, lock: tuple[int, int] | None = None, piece: int = 1) -> Program:
    """Read an answer in pieces; what is told on the way is what is returned."""
    reading = Reading(n, lock)
    told: list[LineOp] = []
    for at in range(0, len(text), piece):
        told += reading.take(text[at : at + piece])
    program = reading.end()
    assert program.ops == tuple(told)
    return program


@given(texts.filter(bool), texts.filter(bool), st.integers(1, 9), st.sampled_from(AROUND))
def test_every_program_is_read_whatever_its_pieces(
    before: str, after: str, piece: int, around: str
) -> None:
    document = Document(before)
    program = oracle(document, Document(after))
    text = around.replace("{}", grammar.render(program))
    assert read(text, len(document), piece=piece) == program


@st.composite
def locks(draw: st.DrawFn) -> tuple[int, tuple[int, int]]:
    """Draw a number of lines, and some of them."""
    n = draw(st.integers(1, MOST))
    first, last = sorted(draw(st.tuples(*[st.integers(1, n)] * 2)))
    return n, (first, last)


@given(locks(), texts.filter(bool))
def test_every_edit_of_a_locked_scope_has_a_program(
    case: tuple[int, tuple[int, int]], text: str
) -> None:
    n, lock = case
    program = locked_oracle(Document("a\n" * n), lock, text)
    assert read(grammar.render(program), n, lock) == program


@given(locks(), st.data())
def test_a_lock_keeps_all_other_lines_where_they_are_and_only_there(
    case: tuple[int, tuple[int, int]], data: st.DataObject
) -> None:
    n, (first, last) = case
    number = st.integers(1, n)
    copies = st.tuples(number, number).map(lambda pair: Copy(*sorted(pair)))
    middle: list[Op] = data.draw(st.lists(st.one_of(copies, st.just(Gen("x\n"))), max_size=3))
    head: list[Op] = [Copy(1, first - 1)] if first > 1 else []
    tail: list[Op] = [Copy(last + 1, n)] if last < n else []
    if data.draw(st.booleans()):  # Else hardly any would keep the others.
        middle = [*head, *middle, *tail]
    if not middle:
        return
    pieces: list[int] = []  # Lines that are copied, 0 for new text.
    for op in middle:
        pieces += range(op.first, op.last + 1) if isinstance(op, Copy) else [0]
    before, after = list(range(1, first)), list(range(last + 1, n + 1))
    body = pieces[len(before) : len(pieces) - len(after)]
    legal = (
        len(pieces) >= len(before) + len(after)
        and pieces == [*before, *body, *after]
        and all(piece == 0 or first <= piece <= last for piece in body)
    )
    try:
        read(grammar.render(Program(tuple(middle))), n, (first, last))
    except OutsideScopeError:
        assert not legal
    else:
        assert legal


def program(*ops: str) -> str:
    return f"<program>{''.join(ops)}</program>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "to begin with <program>"),
        ("Here it is:\n" + program('<copy lines="1-3"/>'), "to begin with <program>"),
        ("a\nb\nc\n", "to begin with <program>"),
        ("<program>", "</program> first"),
        (program('<copy lines="1"/>'), "</program> first"),
        (program('<copy lines="1-1"/>', "and then"), "</program> behind op 1"),
        ('<program><copy lines="1-1"/><gen>cut off', "</program> behind op 1"),
        (program('<copy lines="1-3"/>') + " Done.", "nothing behind </program>"),
        (program('<copy lines="1-3"/>') + "\n```", "nothing behind </program>"),
        ("```\n" + program('<copy lines="1-3"/>'), "nothing behind </program>"),
        (program('<copy lines="1-3"/>') * 2, "nothing behind </program>"),
        (program(), "at least one op"),
        (program(grammar.render_op(CopyTokens(1, 2))), "copies of lines and new text alone"),
        (program(grammar.render_op(File("a.py"))), "copies of lines and new text alone"),
        (program("<gen>\ud800</gen>"), "half of a surrogate pair"),
    ],
)
def test_what_is_no_program_alone_is_refused(text: str, said: str) -> None:
    with pytest.raises(ProgramSyntaxError, match=said):
        read(text, 3)


@pytest.mark.parametrize("copied", ["0-1", "2-1", "1-4", "4-4"])
def test_lines_that_there_are_not_are_refused(copied: str) -> None:
    with pytest.raises(ProgramError):
        read(program(f'<copy lines="{copied}"/>'), 3)


def test_white_space_between_ops_and_in_a_copy_s_tag_is_none_of_the_text() -> None:
    text = program('\n<copy lines="1-1" />\n\t', "<gen> x\n</gen>", ' <copy\n lines="2-3"\n/>')
    assert read(text, 3) == Program((Copy(1, 1), Gen(" x\n"), Copy(2, 3)))


def test_no_op_is_told_behind_one_that_is_not_legal() -> None:
    reading = Reading(3)
    text = program('<copy lines="1-1"/>', '<copy lines="7-9"/>', '<copy lines="2-2"/>')
    assert reading.take(text) == [Copy(1, 1)]
    assert reading.take('<copy lines="2-2"/>') == []
    assert reading.rest.startswith('<copy lines="7-9"/>')
    assert reading.text == text + '<copy lines="2-2"/>'
    with pytest.raises(CopyRangeError, match="within 1 to 3, found 7-9"):
        reading.end()


@pytest.mark.parametrize(
    "ops",
    [
        [Copy(2, 4)],
        [Copy(1, 1), Copy(3, 4), Copy(4, 4)],
        [Copy(1, 1), Copy(4, 4), Copy(3, 3)],
        [Copy(1, 1), Copy(1, 1), Copy(3, 4)],
        [Gen("x\n"), Copy(1, 4)],
        [Copy(1, 4), Gen("x\n")],
        [Copy(1, 1), Gen("x\n")],
        [Copy(1, 2), Copy(4, 4)],
    ],
)
def test_lines_outside_the_lock_are_not_moved_repeated_or_left_out(ops: list[Op]) -> None:
    text = grammar.render(Program(tuple(ops)))
    with pytest.raises(OutsideScopeError):
        read(text, 4, (2, 2))


def test_they_may_be_copied_in_pieces_or_together_with_the_scope_s() -> None:
    for ops in ([Copy(1, 1), Copy(3, 3), Copy(4, 4)], [Copy(1, 2), Copy(3, 4)], [Copy(1, 4)]):
        written = Program(tuple(ops))
        assert read(grammar.render(written), 4, (2, 2)) == written


def test_an_empty_document_may_stay_empty() -> None:
    assert read(program(), 0) == Program()


def test_all_lines_may_be_deleted_by_saying_so() -> None:
    assert read(program("<gen></gen>"), 3) == Program((Gen(""),))
