"""Gold programs of snippets, checked by laying what the snippet shows along the new text."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from random import Random

import pytest

from copydecode.edit.resolve import resolve
from copydecode.training.sheets import SheetMaker
from copydecode.training.snippets import MAKERS, Hunk, draw_hunk, splice
from copydecode.training.tasks import Case, Material, Sheet

N = 60

ELISION = re.compile(
    r"(?:# |// |/\* |<!-- )?(?:\.\.\.|…|\[\.\.\.\]|\(other code\)|\.\.\. .+|existing code( here)?|"
    r"rest of the \w+ unchanged|unchanged)(?: \*/| -->)?"
)
REMEMBERED = re.compile(r"(?<=\S)  (?:#|//) .*$")


def draw(maker: SheetMaker, kind: str) -> list[tuple[Sheet, Case, list[str]]]:
    """Return sheets of a kind, their case and the lines of the gold text."""
    rng = Random(kind)
    drawn = []
    for _ in range(N):
        sheet = maker.draw(rng, rng.randint(20, 34), 1, {kind: 1.0})
        (case,) = sheet.cases
        drawn.append((sheet, case, resolve(case.program, sheet.document).splitlines()))
    return drawn


def plain(line: str) -> str:
    """Return a line without what a snippet from memory may have wrong."""
    return re.sub(r"\s", "", REMEMBERED.sub("", line)).rstrip(",;")


def shown(case: Case) -> list[list[str]]:
    """Return the runs of lines that a snippet shows between its elisions."""
    lines = case.instruction.split("```")[1].split("\n", 1)[1].rstrip("\n").split("\n")
    runs: list[list[str]] = [[]]
    for line in lines:
        if ELISION.fullmatch(line.strip()):
            runs.append([])
        else:
            runs[-1].append(line)
    return [kept for run in runs if (kept := [x for x in map(plain, run) if x])]


@pytest.mark.parametrize("kind", MAKERS)
def test_what_a_snippet_shows_stands_in_the_result_in_its_order(
    polyglot: SheetMaker, kind: str
) -> None:
    """As whole runs of lines, but for empty ones."""
    for _, case, new in draw(polyglot, kind):
        text = [x for x in map(plain, new) if x]
        at = 0
        for run in shown(case):
            width = len(run)
            starts = range(at, len(text) - width + 1)
            places = [k for k in starts if text[k : k + width] == run]
            assert places
            at = places[0] + width


@pytest.mark.parametrize("kind", MAKERS)
def test_all_that_a_snippet_does_not_show_stays(polyglot: SheetMaker, kind: str) -> None:
    """What the result adds to the document is shown, and little goes."""
    for sheet, case, new in draw(polyglot, kind):
        given = {"", *(line for run in shown(case) for line in run)}
        gone = 0
        steps = SequenceMatcher(None, sheet.lines, new, autojunk=False).get_opcodes()
        for tag, i1, i2, j1, j2 in steps:
            if tag != "equal":
                gone += i2 - i1
                assert {plain(line) for line in new[j1:j2]} <= given
        assert gone <= 9
        assert new != list(sheet.lines)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_mention_is_the_only_line_with_its_text_or_stands_in_the_only_such_run(
    polyglot: SheetMaker, kind: str
) -> None:
    for sheet, case, _ in draw(polyglot, kind):
        assert case.kind == kind
        assert len(case.mentions) >= 1 + (kind == "snippet-several")
        for text, line in case.mentions:
            assert sheet.lines[line - 1].strip() == text
            assert text in case.instruction
        numbers = [line for _, line in case.mentions]
        assert numbers == sorted(numbers)


def test_some_snippets_are_from_memory_and_the_document_keeps_its_own_lines(
    polyglot: SheetMaker,
) -> None:
    """What a comment or a comma differs in is not taken over."""
    drifted = 0
    for sheet, case, new in draw(polyglot, "snippet"):
        body = case.instruction.split("```")[1]
        for remembered in re.findall(
            r"^.*\S  (?:#|//) (?:as before|unchanged|same as before)$", body, re.MULTILINE
        ):
            drifted += 1
            assert remembered.strip() not in {line.strip() for line in new}
            assert plain(remembered) in {plain(line) for line in sheet.lines}
    assert drifted


def test_some_snippets_begin_at_the_margin_and_new_lines_are_indented_again(
    polyglot: SheetMaker,
) -> None:
    moved = 0
    for sheet, case, new in draw(polyglot, "snippet"):
        body = case.instruction.split("```")[1].split("\n", 1)[1].split("\n")
        fresh = [line for line in new if line not in sheet.lines]
        moved += any(
            line not in body and line.strip() in {x.strip() for x in body} for line in fresh
        )
    assert moved


def test_hunks_become_the_program_that_makes_just_them() -> None:
    lines = [f"line {k}" for k in range(1, 9)]
    hunks = [Hunk(1, 1, ("first",)), Hunk(4, 0, ("between", "them")), Hunk(7, 2, ())]
    sheet = Sheet(tuple(lines), ())
    expected = ["first", "line 2", "line 3", "between", "them", "line 4", "line 5", "line 6"]
    assert resolve(splice(lines, hunks), sheet.document).splitlines() == expected


def test_statements_are_not_put_within_brackets_or_strings() -> None:
    """Insertions are in front of lines that begin a statement, or follow their like."""
    lines = [
        "def call():",
        '    """Say',
        "    what.",
        '    """',
        "    send(",
        "        1,",
        "    )",
    ]
    material = Material(["alpha", "beta"], ["alpha = beta()"])
    rng = Random(0)
    for at in (3, 4, 6, 7):
        for _ in range(200):
            hunk = draw_hunk(lines, at, rng, material)
            if hunk and not hunk.removed:
                assert hunk.first == at + 1
                assert hunk.new[0] != lines[at - 1]
                assert hunk.new[0].endswith(",")
