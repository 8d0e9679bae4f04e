"""Gold programs of tasks whose place is to be found, checked from their words alone."""

from __future__ import annotations

import re
from random import Random

import pytest

from copydecode.edit.program import Copy, Gen, Op
from copydecode.edit.resolve import resolve
from copydecode.edit.rules import Opening, Rules
from copydecode.training.sheets import EVERYDAY, FINDING, SheetMaker
from copydecode.training.tasks import REACHING_OUT, Case, Sheet

N = 60


def draw(maker: SheetMaker, kind: str) -> list[tuple[Sheet, Case, list[str]]]:
    """Return sheets of a kind, their case and the lines of the gold text."""
    rng = Random(kind)
    drawn = []
    for _ in range(N):
        sheet = maker.draw(rng, rng.randint(9, 30), 1, {kind: 1.0})
        (case,) = sheet.cases
        drawn.append((sheet, case, resolve(case.program, sheet.document).splitlines()))
    return drawn


def only_line(sheet: Sheet, text: str) -> int:
    """Return the only line that holds a text."""
    (number,) = (k for k, line in enumerate(sheet.lines, 1) if text in line)
    return number


def without(sheet: Sheet, first: int, last: int) -> list[str]:
    """Return the lines but these."""
    return [*sheet.lines[: first - 1], *sheet.lines[last:]]


def fenced(case: Case) -> list[str]:
    """Return the code in an instruction."""
    return case.instruction.split("```")[1].split("\n", 1)[1].removesuffix("\n").split("\n")


@pytest.mark.parametrize("kind", [k for k in FINDING if k not in {"unchanged", "comment"}])
def test_what_is_mentioned_stands_in_the_instruction_and_in_its_line(
    maker: SheetMaker, kind: str
) -> None:
    for sheet, case, _ in draw(maker, kind):
        assert case.kind == kind
        assert case.mentions
        for text, line in case.mentions:
            assert text in case.instruction
            assert text in sheet.lines[line - 1]


def test_find_delete(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "find-delete"):
        at = only_line(sheet, case.mentions[0][0])
        assert new == without(sheet, at, at)


def test_find_duplicate(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "find-duplicate"):
        at = only_line(sheet, case.mentions[0][0])
        assert new == [*sheet.lines[:at], *sheet.lines[at - 1 :]]


def test_find_move(maker: SheetMaker) -> None:
    """No line is lost, and the moved one stands where the words say."""
    for sheet, case, new in draw(maker, "find-move"):
        at = only_line(sheet, case.mentions[0][0])
        rest = without(sheet, at, at)
        if len(case.mentions) == 1:
            moved = sheet.lines[at - 1]
            bottom = re.search(r"to the (end|bottom)", case.instruction)
            assert new == ([*rest, moved] if bottom else [moved, *rest])
            continue
        target = only_line(sheet, case.mentions[1][0])
        place = target - (target > at)
        words = case.instruction[: case.instruction.rindex(case.mentions[1][0])]
        place -= words.rfind(" before ") > words.rfind(" after ")
        assert new == [*rest[:place], sheet.lines[at - 1], *rest[place:]]


def test_find_range(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "find-range"):
        first, last = (only_line(sheet, text) for text, _ in case.mentions)
        assert first < last
        assert new == without(sheet, first, last)


def test_find_all(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "find-all"):
        name = case.mentions[0][0]
        assert new == [line for line in sheet.lines if name not in line]
        assert new != list(sheet.lines)


def given(case: Case, new: list[str], at: int) -> list[str]:
    """Return the new lines that stand from index `at` on, as the instruction gives them."""
    if "```" in case.instruction:
        return fenced(case)
    assert new[at].strip() in case.instruction
    return [new[at]]


def test_find_insert(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "find-insert"):
        text = case.mentions[0][0]
        at = only_line(sheet, text)
        words = case.instruction[: case.instruction.index(text)]
        at -= words.rfind("before ") > words.rfind("after ")
        put = given(case, new, at)
        assert new == [*sheet.lines[:at], *put, *sheet.lines[at:]]


def test_find_replace(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "find-replace"):
        at = only_line(sheet, case.mentions[0][0])
        put = given(case, new, at - 1)
        assert new == [*sheet.lines[: at - 1], *put, *sheet.lines[at:]]


def test_rename_seldom(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "rename-seldom"):
        old = case.mentions[0][0]
        pattern = re.compile(rf"\b{old}\b")
        assert 1 <= sum(bool(pattern.search(line)) for line in sheet.lines) <= 2
        assert not any(pattern.search(line) for line in new)


def test_unchanged(maker: SheetMaker) -> None:
    """One copy, and no name that the words quote stands in the sheet."""
    for sheet, case, new in draw(maker, "unchanged"):
        assert new == list(sheet.lines)
        assert case.program.ops == (Copy(1, len(sheet.lines)),)
        quoted = re.search(r"[`'\"]([^`'\"]+)[`'\"]", case.instruction)
        assert not quoted or not any(line.strip() == quoted[1] for line in sheet.lines)


def test_a_comment_is_gone_and_its_scope_ends_before_the_next_empty_line(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "comment"):
        assert case.scope
        first, last = case.scope
        comment = sheet.lines[first - 1]
        assert comment.strip().lower() == f"# {case.instruction} ai!".lower()
        assert new.count(comment) == sheet.lines.count(comment) - 1
        assert all(line.strip() for line in sheet.lines[first - 1 : last])
        assert last == len(sheet.lines) or not sheet.lines[last].strip()
        assert case.lock is None


@pytest.mark.parametrize(
    ("start", "becomes"),
    [
        (r"(?:delete|remove|drop) (?:this|this line|the (?:next|following) line)$", 0),
        (r"(?:duplicate|repeat|copy) ", 2),
    ],
)
def test_comments_about_the_next_line(maker: SheetMaker, start: str, becomes: int) -> None:
    """It is gone, or there twice."""
    seen = 0
    for sheet, case, new in draw(maker, "comment"):
        if re.match(start, case.instruction, re.IGNORECASE) and case.scope:
            seen += 1
            at = case.scope[0]
            rest = list(sheet.lines[at + 1 :])
            assert new == [*sheet.lines[: at - 1], *([sheet.lines[at]] * becomes), *rest]
    assert seen


def test_a_comment_about_a_name_that_a_mistake_has_taken_away_makes_no_case(
    maker: SheetMaker,
) -> None:
    """Where it asks to delete the line with a name, that name stands in one other line."""
    rng = Random(1)
    named = 0
    for _ in range(6 * N):
        sheet = maker.draw(rng, 7, 5, {"comment": 1.0, "misspelling": 3.0})
        for case in sheet.cases:
            match = re.search(r" the line (?:with|that uses) (\w+)$", case.instruction)
            if case.scope and match:
                named += 1
                others = [x for k, x in enumerate(sheet.lines, 1) if k != case.scope[0]]
                assert sum(match[1] in line for line in others) == 1
    assert named


def test_every_gold_program_is_legal_under_its_lock(maker: SheetMaker) -> None:
    """So that a model can write it where the server serves it."""
    rng = Random(0)
    locked = 0
    for kind in (*EVERYDAY, *FINDING):
        for _ in range(N // 2):
            sheet = maker.draw(rng, rng.randint(14, 24), 1, {kind: 1.0})
            (case,) = sheet.cases
            locked += case.lock is not None
            assert (case.lock is None) == (case.scope is None or case.kind in REACHING_OUT)
            rules = Rules(len(sheet.lines), case.lock)
            before: Op | None = None
            for op in case.program.ops:
                opening = Opening.GEN if isinstance(op, Gen) else Opening.COPY
                assert opening in rules.openings(before)
                if isinstance(op, Copy):
                    assert any(i <= op.first <= j for i, j in rules.firsts(before))
                    assert any(i <= op.last <= j for i, j in rules.lasts(before, op.first))
                before = op
            assert Opening.END in rules.openings(before)
    assert locked > N
