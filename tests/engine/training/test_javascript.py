"""What is said of a script is true of it, and the gold edit mends just that."""

from __future__ import annotations

import re
from random import Random

import pytest

from copydecode.edit.resolve import resolve
from copydecode.training.corpus import SourceFile
from copydecode.training.languages import SCRIPTS
from copydecode.training.sheets import SCRIPTING, SheetMaker
from copydecode.training.tasks import Case, Sheet

N = 80


def draw(maker: SheetMaker, kind: str) -> list[tuple[Sheet, Case, list[str]]]:
    """Return sheets of a kind, their case and the lines of the gold text."""
    rng = Random(kind)
    drawn = []
    for _ in range(N):
        sheet = maker.draw(rng, rng.randint(9, 30), 1, {kind: 1.0})
        (case,) = sheet.cases
        drawn.append((sheet, case, resolve(case.program, sheet.document).splitlines()))
    return drawn


def changed(sheet: Sheet, new: list[str]) -> int:
    """Return the one line that differs."""
    (line,) = (k for k, (a, b) in enumerate(zip(sheet.lines, new, strict=True), 1) if a != b)
    return line


@pytest.mark.parametrize("kind", SCRIPTING)
def test_all_are_scripts_and_change_within_their_scope(polyglot: SheetMaker, kind: str) -> None:
    for sheet, case, new in draw(polyglot, kind):
        assert sheet.language in SCRIPTS
        assert case.kind.removesuffix("-located") == kind
        assert new != list(sheet.lines)
        if case.scope:
            first, last = case.scope
            assert first == last
            assert new[: first - 1] == list(sheet.lines[: first - 1])
            rest = sheet.lines[last:]
            assert new[len(new) - len(rest) :] == list(rest)


@pytest.mark.parametrize("kind", ["js-misspelling", "js-syntax", "js-style"])
def test_a_mistake_is_mended_to_a_line_of_the_file(
    polyglot: SheetMaker, kind: str, foreign_files: list[SourceFile]
) -> None:
    """The gold line is the one that somebody wrote."""
    written = {line for file in foreign_files for line in file.text.splitlines()}
    for sheet, case, new in draw(polyglot, kind):
        line = changed(sheet, new)
        assert case.scope == (line, line)
        assert new[line - 1] in written


def test_a_misspelt_name_is_quoted_and_the_right_one_offered(polyglot: SheetMaker) -> None:
    offered = 0
    for sheet, case, new in draw(polyglot, "js-misspelling"):
        line = changed(sheet, new)
        before, after = sheet.lines[line - 1], new[line - 1]
        gone = set(re.findall(r"\w+", before)) - set(re.findall(r"\w+", after))
        (wrong,) = gone
        assert re.search(rf"\b{wrong}\b", case.instruction)
        if match := re.search(r"Did you mean '(\w+)'", case.instruction):
            offered += 1
            assert re.sub(rf"\b{wrong}\b", match[1], before) == after
    assert offered


def test_what_is_unused_is_named_once(polyglot: SheetMaker) -> None:
    """The line goes, or the name alone where others stand beside it."""
    parts = 0
    for sheet, case, new in draw(polyglot, "js-unused"):
        assert case.scope
        line = sheet.lines[case.scope[0] - 1]
        if "console" in case.instruction:
            assert line.strip().startswith("console.")
            assert len(new) == len(sheet.lines) - 1
            continue
        quoted = re.search(r"[`']([\w$]+)[`']|variable (\w+)", case.instruction)
        assert quoted
        name = quoted[1] or quoted[2]
        text = "\n".join(sheet.lines)
        assert len(re.findall(rf"(?<![\w$]){name}(?![\w$])", text)) == 1
        assert not re.search(rf"(?<![\w$]){name}(?![\w$])", "\n".join(new))
        parts += len(new) == len(sheet.lines)
    assert parts


WORDS = {
    "^Missing semicolon": (r"[^;]$", r";$"),
    "Unnecessary semicolon": (r";;$", r"[^;];$"),
    "is never reassigned": (r"^\s*let ", r"^\s*const "),
    "Unexpected var": (r"^\s*var ", r"^\s*let "),
    "instead saw '=='": (r" == ", r" === "),
    "instead saw '!='": (r" != ", r" !== "),
    "Strings must use singlequote": (r'"', r"'"),
    "Strings must use doublequote": (r"'", r'"'),
    "Trailing spaces": (r" $", r"\S$"),
    "Missing space before opening brace": (r"\S\{$", r" \{$"),
    "include 'new'": (r"", r"\bnew "),
    "Promises must be awaited": (r"", r"^\s*await "),
}


def test_the_words_are_true_of_the_line_before_and_no_more_of_the_line_after(
    polyglot: SheetMaker,
) -> None:
    seen = set()
    for kind in ("js-syntax", "js-style"):
        rng = Random(kind)
        for _ in range(6 * N):
            sheet = polyglot.draw(rng, 20, 1, {kind: 1.0})
            (case,) = sheet.cases
            new = resolve(case.program, sheet.document).splitlines()
            line = changed(sheet, new)
            for words, (before, after) in WORDS.items():
                if re.search(words, case.instruction):
                    seen.add(words)
                    assert re.search(before, sheet.lines[line - 1])
                    assert re.search(after, new[line - 1])
            if indent := re.search(
                r"indentation of (\d+) spaces but found (\d+)", case.instruction
            ):
                seen.add("indent")
                found = [len(x) - len(x.lstrip()) for x in (new[line - 1], sheet.lines[line - 1])]
                assert found == [int(indent[1]), int(indent[2])]
    assert seen == {*WORDS, "indent"}
