"""Gold programs do what the instruction says, checked by other means than the makers use."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest

from copydecode.edit.oracle import locked_oracle
from copydecode.edit.resolve import resolve
from copydecode.training import mistakes
from copydecode.training.corpus import SourceFile
from copydecode.training.sheets import EVERYDAY, SheetMaker, whole_file_cases
from copydecode.training.tasks import Case, Sheet

N = 60


def draw(maker: SheetMaker, kind: str) -> list[tuple[Sheet, Case, list[str]]]:
    """Return sheets of a kind, their case and the lines of the gold text."""
    rng = Random(kind)
    drawn = []
    for _ in range(N):
        sheet = maker.draw(rng, rng.randint(14, 30), 1, {kind: 1.0})
        (case,) = sheet.cases
        drawn.append((sheet, case, resolve(case.program, sheet.document).splitlines()))
    return drawn


def named(case: Case) -> tuple[int, int]:
    """Return the lines that a case is about: its scope, or the first lines that it names."""
    if case.scope:
        return case.scope
    numbers = re.search(r"lines? (\d+)(?:(?:-| to | through )(\d+))?", case.instruction)
    assert numbers
    return int(numbers[1]), int(numbers[2] or numbers[1])


def fenced(case: Case) -> list[str]:
    """Return the code in an instruction."""
    return case.instruction.split("```")[1].split("\n", 1)[1].removesuffix("\n").split("\n")


def test_delete(maker: SheetMaker) -> None:
    """The named lines are gone, all others stay."""
    for sheet, case, new in draw(maker, "delete"):
        first, last = named(case)
        assert new == [x for k, x in enumerate(sheet.lines, 1) if not first <= k <= last]


def test_duplicate(maker: SheetMaker) -> None:
    """The named lines stand twice."""
    for sheet, case, new in draw(maker, "duplicate"):
        first, last = named(case)
        old = list(sheet.lines)
        assert new == old[:last] + old[first - 1 :]


def test_move(maker: SheetMaker) -> None:
    """No line is lost, and the moved ones stand where the instruction says."""
    for sheet, case, new in draw(maker, "move"):
        first, last = named(case)
        assert sorted(new) == sorted(sheet.lines)
        marked = [f"{k}" for k in range(1, len(sheet.lines) + 1)]
        order = resolve(case.program, Sheet(tuple(marked), ()).document).split()
        block = [str(k) for k in range(first, last + 1)]
        at = order.index(block[0])
        assert order[at : at + len(block)] == block
        if place := re.search(r"after line (\d+)", case.instruction):
            assert order[at - 1] == place[1]
        elif place := re.search(r"before line (\d+)", case.instruction):
            assert order[at + len(block)] == place[1]
        elif "top" in case.instruction or "start" in case.instruction:
            assert at == 0
        else:
            assert at + len(block) == len(order)


def test_rename(maker: SheetMaker) -> None:
    """Every whole word is replaced and nothing else."""
    for sheet, case, new in draw(maker, "rename"):
        old_name, new_name = re.findall(r"\w+", case.instruction.replace("the name ", ""))[1::2][:2]
        pattern = re.compile(rf"\b{old_name}\b")
        assert new == [pattern.sub(new_name, line) for line in sheet.lines]
        assert new != list(sheet.lines)


def test_misspelling(maker: SheetMaker) -> None:
    """One name changes, in the scope; the instruction quotes the wrong one."""
    for sheet, case, new in draw(maker, "misspelling"):
        assert case.scope
        line = case.scope[0]
        changed = [k for k, (a, b) in enumerate(zip(sheet.lines, new, strict=True), 1) if a != b]
        assert changed == [line]
        wrong = re.search(r"[`'\"](\w+)[`'\"]", case.instruction)
        assert wrong
        word = re.compile(rf"\b{wrong[1]}\b")
        assert len(word.findall(new[line - 1])) == len(word.findall(sheet.lines[line - 1])) - 1


def test_bug(maker: SheetMaker) -> None:
    """One line changes, the named one where one is named."""
    for sheet, case, new in draw(maker, "bug"):
        changed = [k for k, (a, b) in enumerate(zip(sheet.lines, new, strict=True), 1) if a != b]
        assert len(changed) == 1
        if case.kind == "bug-located":
            assert (changed[0], changed[0]) == named(case)


def test_of_several_bugs_each_has_its_place(maker: SheetMaker) -> None:
    """Nothing else would say which one is meant."""
    rng = Random(0)
    for _ in range(N):
        sheet = maker.draw(rng, 30, 3, {"bug": 1.0})
        places = {named(case) for case in sheet.cases}
        assert len(places) == 3
        assert {case.kind for case in sheet.cases} == {"bug-located"}


def test_a_bug_may_be_too_much_too_little_or_a_wrong_name(maker: SheetMaker) -> None:
    """By how many words the lines differ."""
    sorts = set()
    for sheet, _, new in draw(maker, "bug"):
        (pair,) = [(a, b) for a, b in zip(sheet.lines, new, strict=True) if a != b]
        before, after = (len(re.findall(r"\w+", line)) for line in pair)
        sorts.add((before > after) - (before < after))
    assert sorts == {-1, 0, 1}


def test_rewrite(maker: SheetMaker) -> None:
    """Nothing changes."""
    for sheet, _case, new in draw(maker, "rewrite"):
        assert new == list(sheet.lines)


def test_insert(maker: SheetMaker) -> None:
    """The given text stands at the given place, and some of it has an empty line."""
    empty = 0
    for sheet, case, new in draw(maker, "insert"):
        text, old = fenced(case), list(sheet.lines)
        if place := re.search(r"(after|before) line (\d+)", case.instruction):
            at = int(place[2]) - (place[1] == "before")
        elif case.scope:
            before = re.search(r"before|above", case.instruction.split("\n")[0])
            at = case.scope[0] - 1 if before else case.scope[1]
        else:
            at = len(old)
        assert new == old[:at] + text + old[at:]
        empty += "" in text
    assert 0 < empty < N


def test_an_insertion_beside_a_scope_is_what_its_lock_allows(maker: SheetMaker) -> None:
    """As the oracle has it: lines beside the lock stay, and the text adjoins it."""
    drawn = [(sheet, case) for sheet, case, _new in draw(maker, "insert") if case.lock]
    assert drawn
    for sheet, case in drawn:
        assert case.lock is not None
        first, last = case.lock
        inside = resolve(case.program, sheet.document).splitlines(keepends=True)
        inside = inside[first - 1 : len(inside) - (len(sheet.lines) - last)]
        assert case.program == locked_oracle(sheet.document, case.lock, "".join(inside))


def test_replace(maker: SheetMaker) -> None:
    """The given text stands in place of the named lines."""
    for sheet, case, new in draw(maker, "replace"):
        first, last = named(case)
        old = list(sheet.lines)
        assert new == old[: first - 1] + fenced(case) + old[last:]


@pytest.mark.parametrize("put_in", [mistakes.misspell_name, mistakes.mutate])
def test_mistakes_change_the_line_and_remember_it(
    maker: SheetMaker,
    put_in: Callable[[list[str], int, Random], tuple[str, mistakes.Mistake] | None],
) -> None:
    """What is put in can be undone."""
    rng = Random(0)
    lines = list(maker.draw(rng, 30, 1, {"delete": 1.0}).lines)
    made = [put_in(lines, k, rng) for k in range(1, len(lines) + 1)]
    found = [m for m in made if m]
    assert found
    for broken, mistake in found:
        assert broken != mistake.right == lines[mistake.line - 1]


def test_the_same_seed_draws_the_same_sheets(maker: SheetMaker) -> None:
    """A data set is named by its seed."""
    first = [maker.draw(Random(7), 20, 4, EVERYDAY) for _ in range(3)]
    assert first == [maker.draw(Random(7), 20, 4, EVERYDAY) for _ in range(3)]


def test_whole_files_come_with_a_scope(files: list[SourceFile]) -> None:
    """So that an engine with a small window can be asked."""
    found = whole_file_cases(files, 5, Random(0))
    assert {kind: len(sheets) for kind, sheets in found.items()} == {"misspelling": 5, "delete": 5}
    for sheets in found.values():
        for sheet in sheets:
            scope = sheet.cases[0].scope
            assert scope
            assert scope[1] <= len(sheet.lines)
