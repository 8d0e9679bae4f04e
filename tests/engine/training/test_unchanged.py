"""What is asked for is so already, or what is told of is not there."""

from __future__ import annotations

import ast
import re

import pytest

from copydecode.training import unchanged
from copydecode.training.sheets import SheetMaker
from copydecode.training.syntax import read
from tests.engine.training.drawing import check_allowed, draw


@pytest.mark.parametrize("kind", unchanged.MAKERS)
def test_nothing_changes_and_the_lock_allows_that(maker: SheetMaker, kind: str) -> None:
    for sheet, case, new in draw(maker, kind):
        assert case.kind == kind
        assert new == list(sheet.lines)
        check_allowed(sheet, case)


def test_a_stale_diagnostic_names_nothing_of_the_document(maker: SheetMaker) -> None:
    """Or an error of syntax, though the line parses."""
    sorts = set()
    for sheet, case, _ in draw(maker, "unchanged-stale"):
        assert case.scope
        assert case.scope[0] == case.scope[1]
        code = read(sheet.lines)
        assert code
        assert code.first <= case.scope[0] <= code.last
        ast.parse(code.text())
        name = re.search(r"[`'\"](\w+)[`'\"]", case.instruction)
        sorts.add(bool(name))
        if name:
            assert not re.search(rf"\b{name[1]}\b", "\n".join(sheet.lines))
    assert sorts == {True, False}


def test_what_is_held_stands_in_the_document(maker: SheetMaker) -> None:
    for sheet, case, _ in draw(maker, "unchanged-held"):
        text = "\n".join(sheet.lines)
        names = re.findall(r"\w+", case.instruction)
        if re.match(r"(?i)rename|replace", case.instruction):
            old, new = [n for n in names if n not in _WORDS][:2]
            assert not re.search(rf"\b{old}\b", text)
            assert re.search(rf"\b{new}\b", text)
        else:
            assert any(re.search(rf"\b{n}\b", text) for n in names if n not in _WORDS)


def test_a_snippet_that_is_applied_stands_in_the_document(maker: SheetMaker) -> None:
    for sheet, case, _ in draw(maker, "unchanged-applied"):
        part = case.instruction.split("```")[1].split("\n", 1)[1].rstrip("\n").split("\n")[1:-1]
        assert "\n".join(part) in "\n".join(sheet.lines)


_WORDS = frozenset({"Rename", "rename", "Replace", "the", "name", "to", "by", "everywhere"})
