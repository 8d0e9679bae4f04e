"""What tools find in the broken lines they no longer find in the mended ones."""

from __future__ import annotations

import ast
import re
from random import Random

import pytest
from pyflakes.checker import Checker  # type: ignore[import-untyped]  # ships no types

from copydecode.edit.resolve import resolve
from copydecode.training import diagnostics
from copydecode.training.sheets import DIAGNOSTICS, SheetMaker
from copydecode.training.syntax import read
from tests.engine.training.drawing import N, check_allowed, draw


def flakes(lines: tuple[str, ...] | list[str], message: str) -> list[str]:
    """Return what pyflakes reports of one sort in the part of a chunk that parses."""
    code = read(tuple(lines))
    assert code
    found = Checker(ast.parse(code.text())).messages
    return sorted(str(m.message % m.message_args) for m in found if type(m).__name__ == message)


@pytest.mark.parametrize("kind", diagnostics.MAKERS)
def test_the_lock_allows_the_gold_program(maker: SheetMaker, kind: str) -> None:
    for sheet, case, _ in draw(maker, kind):
        assert case.kind.removesuffix("-located") == kind
        check_allowed(sheet, case)


@pytest.mark.parametrize("kind", diagnostics.MAKERS)
def test_there_are_many_ways_to_say_it(maker: SheetMaker, kind: str) -> None:
    """Told apart by their words alone, without what they quote."""
    said = {
        re.sub(r"[`'\"][^`'\"]+[`'\"]", "", case.instruction) for _, case, _ in draw(maker, kind)
    }
    assert len(said) >= 8


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("unused-import", "UnusedImport"),
        ("unused-variable", "UnusedVariable"),
        ("missing-import", "UndefinedName"),
    ],
)
def test_pyflakes_finds_one_name_less(maker: SheetMaker, kind: str, message: str) -> None:
    for sheet, _, new in draw(maker, kind):
        before, after = flakes(sheet.lines, message), flakes(new, message)
        assert set(after) <= set(before)
        assert len(set(before)) == len(set(after)) + 1


def test_a_scope_holds_what_is_unused(maker: SheetMaker) -> None:
    for kind in ("unused-import", "unused-variable"):
        for sheet, case, new in draw(maker, kind):
            assert case.scope
            first, last = case.scope
            assert first == last
            assert new in (
                [*sheet.lines[: first - 1], *sheet.lines[last:]],
                [*sheet.lines[: first - 1], new[first - 1], *sheet.lines[last:]],
            )


def test_unreachable_code_goes_and_nothing_else(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "unreachable"):
        assert case.scope
        first, last = case.scope
        assert new == [*sheet.lines[: first - 1], *sheet.lines[last:]]
        code = read(tuple(new))
        assert code
        ends = [node for node in ast.walk(code.tree) if getattr(node, "end_lineno", 0) == first - 1]
        leaving = ast.Return | ast.Raise | ast.Continue | ast.Break
        assert any(isinstance(node, leaving) for node in ends)


def test_one_line_has_a_syntax_error(maker: SheetMaker) -> None:
    """The part of the chunk that parses once it is mended did not parse before."""
    for sheet, _, new in draw(maker, "syntax"):
        changed = [k for k, (a, b) in enumerate(zip(sheet.lines, new, strict=True), 1) if a != b]
        assert len(changed) == 1
        code = read(tuple(new))
        assert code
        ast.parse(code.text())
        with pytest.raises(SyntaxError) as raised:
            ast.parse(code.text(sheet.lines))
        assert code.own(raised.value.lineno or 0) == changed[0]


def test_several_mistakes_of_a_sheet_are_mended_one_at_a_time(maker: SheetMaker) -> None:
    """Each gold text is one mistake less, whatever else was put in above and below it."""
    rng = Random(3)
    for _ in range(N):
        sheet = maker.draw(rng, 36, 3, DIAGNOSTICS)
        assert len({case.program for case in sheet.cases}) == 3
        for case in sheet.cases:
            new = resolve(case.program, sheet.document).splitlines()
            if case.lock:
                first, last = case.lock
                assert new[: first - 1] == list(sheet.lines[: first - 1])
                tail = len(sheet.lines) - last
                assert not tail or new[-tail:] == list(sheet.lines[last:])
