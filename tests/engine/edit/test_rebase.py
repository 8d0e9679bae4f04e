"""Rebasing: an edit and what the user typed meanwhile, both kept whole, or refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copydecode.edit.document import Document
from copydecode.edit.partial import so_far
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.edit.rebase import Change, change_between, follow, rebase
from copydecode.edit.resolve import resolve
from copydecode.errors import RebaseError

ALIKE = st.sampled_from(["a\n", "b\n", "\r\n", "a\r\n"])
"""Few distinct lines: much that could as well be elsewhere."""


@dataclass
class Case:
    """A program, and the versions of its document, each one change after the one before.

    `wanted` is the program's output over the last version, by what the changes were said to be.
    """

    program: Program
    versions: list[Document]
    wanted: str

    def changes(self) -> list[Change]:
        pairs = zip(self.versions, self.versions[1:], strict=False)
        return [change for old, new in pairs if (change := change_between(old, new))]

    def rebased(self) -> Program:
        return rebase(self.program, len(self.versions[0]), self.changes())


def runs(ops: list[LineOp]) -> list[LineOp]:
    """Copies that adjoin are one stretch of lines, and an empty gen parts nothing."""
    found: list[LineOp] = []
    for op in ops:
        last = found[-1] if found else None
        if isinstance(op, Copy) and isinstance(last, Copy) and op.first == last.last + 1:
            found[-1] = Copy(last.first, op.last)
        elif op != Gen(""):
            found.append(op)
    return found


def stretches_of(parts: list[LineOp], n: int) -> tuple[dict[int, int], list[int]]:
    """Cut lines 1 to n: those of a copy that nothing else names together, each other one alone.

    Returns the stretch of each line, and the stretches that may change.
    """
    copies = [op for op in parts if isinstance(op, Copy)]
    times = [sum(op.first <= k <= op.last for op in copies) for k in range(1, n + 1)]
    sole = [op for op in copies if all(t == 1 for t in times[op.first - 1 : op.last])]
    inside = {k for op in sole for k in range(op.first + 1, op.last + 1)}
    where: dict[int, int] = {}
    for k in range(1, n + 1):
        where[k] = where[k - 1] if k in inside else len(set(where.values()))
    return where, sorted(where[op.first] for op in sole)


@st.composite
def cases(draw: st.DrawFn, *, alike: bool) -> Case:
    """Draw a document, a program, and changes within lines that it copies once.

    The document is held as stretches: the lines of one copy that nothing else names, or one other
    line. A change is made within a stretch, so what the program gives with it needs no diff.
    """
    counter = iter(range(10_000))

    def new_lines(most: int) -> list[str]:
        if alike:
            return draw(st.lists(ALIKE, max_size=most))
        return [f"{next(counter)}\n" for _ in range(draw(st.integers(0, most)))]

    before = new_lines(9)
    n = len(before)
    kinds: list[st.SearchStrategy[LineOp]] = [st.sampled_from([Gen(""), Gen("g\n"), Gen("a\n")])]
    if n:
        pairs = st.tuples(st.integers(1, n), st.integers(1, n))
        kinds.append(pairs.map(lambda pair: Copy(min(pair), max(pair))))
    ops = draw(st.lists(st.one_of(kinds), max_size=5))
    parts = runs(ops)
    where, free = stretches_of(parts, n)
    stretches: list[list[str]] = [[] for _ in set(where.values())]
    for k, line in enumerate(before, start=1):
        stretches[where[k]].append(line)
    assume(free)

    def joined() -> Document:
        return Document("".join(line for stretch in stretches for line in stretch))

    versions = [joined()]
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.sampled_from(free))
        stretch = stretches[index]
        low = draw(st.integers(0, len(stretch)))
        high = draw(st.integers(low, len(stretch)))
        if low == high and not 0 < low < len(stretch):  # At a border: whose it is nobody knows.
            continue
        stretch[low:high] = new_lines(3)
        versions.append(joined())
    wanted = ""
    for op in parts:
        if isinstance(op, Gen):
            wanted += op.text
        else:
            held = dict.fromkeys(where[k] for k in range(op.first, op.last + 1))
            wanted += "".join(line for index in held for line in stretches[index])
    return Case(Program(tuple(ops)), versions, wanted)


@given(cases(alike=False))
def test_typing_in_copied_lines_keeps_both_edits(case: Case) -> None:
    """Complaint 6 (avante#1975, zed#41271): nothing typed is lost, and the edit is made whole."""
    assert resolve(case.rebased(), case.versions[-1]) == case.wanted


@given(cases(alike=True))
def test_lines_that_are_alike_are_kept_or_refused_but_never_mixed_up(case: Case) -> None:
    """Complaint 2: a line that could be on either side of a change is no reason to guess."""
    try:
        rebased = case.rebased()
    except RebaseError:
        return
    assert resolve(rebased, case.versions[-1]) == case.wanted


@given(st.lists(ALIKE).map("".join), st.lists(ALIKE).map("".join))
def test_a_change_leads_from_one_text_to_the_other_wherever_it_may_have_been(
    old: str, new: str
) -> None:
    change = change_between(Document(old), Document(new))
    if change is None:
        assert old == new
        return
    before, after = Document(old).lines, Document(new).lines
    low, high = change.first - 1, change.end - 1
    for up in range(change.slack + 1):
        block = after[low - up : low - up + change.count]
        assert (*before[: low - up], *block, *before[high - up :]) == after
    further = change.slack + 1
    if low >= further and not (change.count and low < high):
        block = after[low - further : low - further + change.count]
        assert (*before[: low - further], *block, *before[high - further :]) != after


KEEP_AROUND = (Copy(1, 3), Gen("x\n"), Copy(5, 8))
"""Line 4 of 8 is replaced."""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(1, 1, 2), (Copy(1, 5), Gen("x\n"), Copy(7, 10))),  # At the document's start.
        (Change(9, 9, 1), (Copy(1, 3), Gen("x\n"), Copy(5, 9))),  # At its end.
        (Change(2, 3, 1), (Copy(1, 3), Gen("x\n"), Copy(5, 8))),
        (Change(3, 4, 2), (Copy(1, 4), Gen("x\n"), Copy(6, 9))),  # The last line before it.
        (Change(5, 6, 0), (Copy(1, 3), Gen("x\n"), Copy(5, 7))),  # The first line behind it.
        (Change(5, 9, 0), (Copy(1, 3), Gen("x\n"))),
        (Change(1, 4, 0), (Gen("x\n"), Copy(2, 5))),
    ],
)
def test_copies_follow_what_was_typed_in_them(change: Change, expected: tuple[LineOp, ...]) -> None:
    assert rebase(Program(KEEP_AROUND), 8, [change]).ops == expected


@pytest.mark.parametrize(
    "change",
    [
        Change(4, 5, 1),  # The line that is replaced,
        Change(3, 5, 0),  # also together with one that is copied.
        Change(4, 4, 1),  # At its borders.
        Change(5, 5, 1),
        Change(3, 6, 3),  # Across it.
        Change(7, 7, 1, slack=2),  # One that could be at a border.
        Change(6, 7, 0, slack=2),
    ],
)
def test_what_touches_a_replaced_line_or_its_border_is_refused(change: Change) -> None:
    with pytest.raises(RebaseError, match="expected changes within lines that the edit copies"):
        rebase(Program(KEEP_AROUND), 8, [change])


@pytest.mark.parametrize(
    "ops",
    [
        (),  # All is deleted.
        (Gen("x\n"),),
        (Copy(1, 3), Copy(2, 3)),  # Line 2 is there twice: which one is meant?
        (Copy(1, 1), Copy(3, 3)),
    ],
)
def test_a_line_that_is_not_copied_just_once_cannot_change(ops: tuple[LineOp, ...]) -> None:
    with pytest.raises(RebaseError):
        rebase(Program(ops), 3, [Change(2, 3, 1)])


def test_a_line_added_above_new_text_at_the_start_is_refused() -> None:
    """Which of the two comes first is not for us to say."""
    with pytest.raises(RebaseError):
        rebase(Program((Gen("import x\n"), Copy(1, 3))), 3, [Change(1, 1, 1)])


def test_a_moved_line_moves_as_it_is_now() -> None:
    program = Program((Copy(3, 3), Copy(1, 2)))
    rebased = rebase(program, 3, [Change(3, 4, 1), Change(2, 2, 1)])
    assert resolve(rebased, Document("a\nnew\nb\nC\n")) == "C\na\nnew\nb\n"


def test_copies_that_adjoin_are_one_and_an_empty_gen_parts_nothing() -> None:
    program = Program((Copy(1, 2), Gen(""), Copy(3, 3), Copy(4, 4)))
    assert rebase(program, 4, [Change(3, 3, 1)]).ops == (Copy(1, 5),)


def test_a_document_that_was_emptied_and_filled_is_kept() -> None:
    rebased = rebase(Program((Copy(1, 3),)), 3, [Change(1, 4, 0), Change(1, 1, 2)])
    assert rebased.ops == (Copy(1, 2),)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(1, 2, 3), (5, 7)),
        (Change(3, 3, 1), (4, 6)),  # Before them: not one of them.
        (Change(6, 6, 1), (3, 5)),  # Behind them.
        (Change(5, 5, 1), (3, 6)),
        (Change(4, 5, 2), (3, 6)),
        (Change(2, 7, 0), None),
        (Change(8, 8, 1), (3, 5)),
    ],
)
def test_lines_are_followed_through_changes(
    change: Change, expected: tuple[int, int] | None
) -> None:
    assert follow(3, 5, 8, [change]) == expected
    assert follow(3, 5, 8, []) == (3, 5)


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([], "a\r\nb\r\nc"),
        ([Copy(1, 1)], "a\r\nb\r\nc"),
        ([Copy(1, 1), Gen("x\n")], "a\r\nx\r\nb\r\nc"),
        ([Copy(1, 1), Gen("x\n"), Copy(3, 3)], "a\r\nx\r\nc"),
        ([Gen("x\n")], "x\r\na\r\nb\r\nc"),
        ([Copy(3, 3), Copy(1, 1)], "c\r\na\r\nb\r\nc"),
    ],
)
def test_a_program_that_is_not_done_stands_for_the_rest_as_it_is(
    ops: list[LineOp], expected: str
) -> None:
    document = Document("a\r\nb\r\nc")
    assert resolve(so_far(ops, document), document) == expected
