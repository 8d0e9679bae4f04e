"""What linters complain about in a broken line, and the gold line that ruff's own fix is."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from copydecode.training.lint import MAKERS, SPOILERS
from copydecode.training.sheets import SheetMaker
from copydecode.training.syntax import Code, read
from tests.engine.training.drawing import check_allowed, draw

NO_FIX = {"B904", "E722"}
"""What ruff complains about without a fix."""


def ruff(folder: Path, codes: set[str], *options: str) -> list[dict[str, str]]:
    """Return what ruff finds in the files of a folder."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--no-cache"]
    command += ["--select", ",".join(sorted(codes)), "--output-format", "json", *options]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)  # noqa: S603  # fixed arguments
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def parsed(lines: tuple[str, ...]) -> Code:
    """Return what parses of a chunk."""
    code = read(lines)
    assert code
    return code


def test_ruff_finds_one_complaint_less_and_fixes_to_the_same_text(
    maker: SheetMaker, tmp_path: Path
) -> None:
    codes = {spoiler.code for spoiler in SPOILERS}
    texts: dict[str, tuple[str, str]] = {}
    for folder in ("wrong", "right"):
        (tmp_path / folder).mkdir()
    for k, (sheet, _, new) in enumerate(draw(maker, "lint", 150)):
        code = parsed(tuple(new))
        texts[f"{k}.py"] = code.text(sheet.lines), code.text()
        for folder, text in zip(("wrong", "right"), texts[f"{k}.py"], strict=True):
            (tmp_path / folder / f"{k}.py").write_text(text, encoding="utf-8")
    wrong, right = (
        Counter((Path(x["filename"]).name, x["code"]) for x in ruff(tmp_path / folder, codes))
        for folder in ("wrong", "right")
    )
    more = wrong - right
    assert set(more.values()) == {1}
    assert {name for name, _ in more} == texts.keys()
    found = dict(more.keys())
    assert len(set(found.values())) > 10
    for rule in set(found.values()) - NO_FIX:
        fixed = tmp_path / rule
        fixed.mkdir()
        names = [name for name, other in found.items() if other == rule]
        for name in names:
            for sort, text in zip(("wrong", "right"), texts[name], strict=True):
                (fixed / f"{sort}_{name}").write_text(text, encoding="utf-8")
        ruff(fixed, {rule}, "--fix", "--unsafe-fixes")
        for name in names:
            # Both, since the rest of a chunk may have more to be fixed.
            ends = [fixed / f"{sort}_{name}" for sort in ("wrong", "right")]
            assert ends[0].read_bytes() == ends[1].read_bytes()


@pytest.mark.parametrize("kind", MAKERS)
def test_one_line_changes_and_the_lock_allows_it(maker: SheetMaker, kind: str) -> None:
    said = set()
    for sheet, case, new in draw(maker, kind):
        assert case.kind == kind
        check_allowed(sheet, case)
        assert case.scope
        first, last = case.scope
        assert first == last
        assert new[: first - 1] == list(sheet.lines[: first - 1])
        assert new[len(new) - len(sheet.lines) + last :] == list(sheet.lines[last:])
        ast.parse(parsed(sheet.lines).text())
        said.add(case.instruction)
    assert len(said) > 10


def test_an_argument_comes_back(maker: SheetMaker) -> None:
    """A `self`, a keyword that is spelt otherwise, or one argument more or less."""
    sorts = set()
    for sheet, case, new in draw(maker, "arguments"):
        assert case.scope
        at = case.scope[0] - 1
        before, after = sheet.lines[at], new[at]
        back = [after[:k] + after[k + n :] for n in (4, 5, 6) for k in range(len(after))]
        keywords = list(zip(before.split("="), after.split("="), strict=True))
        misspelt = sum(a != b for a, b in keywords) == 1 and len(keywords) > 1
        forgotten = "self" in after and before in back
        words = (re.findall(r"\w+", line) for line in (before, after))
        counted = abs(len(next(words)) - len(next(words))) == 1
        assert misspelt or forgotten or counted
        sorts |= {(misspelt, forgotten, counted)}
    assert len(sorts) > 2


def test_an_attribute_is_spelt_as_elsewhere(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "attribute"):
        assert case.scope
        at = case.scope[0] - 1
        old, text = "\n".join(sheet.lines), "\n".join(new)
        words = (re.findall(r"\w+", line) for line in (sheet.lines[at], new[at]))
        ((slip, right),) = ((a, b) for a, b in zip(*words, strict=True) if a != b)
        assert slip in case.instruction
        assert len(re.findall(rf"\b{right}\b", text)) == len(re.findall(rf"\b{right}\b", old)) + 1
        assert re.search(rf"\b{right}\b", old)


def test_what_is_needless_goes(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "needless"):
        assert case.scope
        at = case.scope[0] - 1
        assert new == [*sheet.lines[:at], *sheet.lines[at + 1 :]]
        line = sheet.lines[at].strip()
        again = line.startswith("import ") and line in sheet.lines[:at]
        assert again or line in {"pass", "return", "return None"} or line.startswith("print(")
