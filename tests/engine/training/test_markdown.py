"""Gold programs of Markdown tasks, checked from their words and by what a Markdown reader sees."""

from __future__ import annotations

import re
from random import Random

import pytest

from copydecode.edit.program import Copy
from copydecode.edit.resolve import resolve
from copydecode.training import markdown
from copydecode.training.corpus import SourceFile
from copydecode.training.languages import MARKDOWN
from copydecode.training.sheets import WRITING, SheetMaker
from copydecode.training.tasks import Case, Maker, Material, Sheet

N = 80

MATERIAL = Material(["alpha", "beta", "gamma", "delta"], ["Some words.", "- an item"], MARKDOWN)


def draw(maker: SheetMaker, kind: str) -> list[tuple[Sheet, Case, list[str]]]:
    """Return sheets of a kind, their case and the lines of the gold text."""
    rng = Random(kind)
    drawn = []
    for _ in range(N):
        sheet = maker.draw(rng, rng.randint(10, 36), 1, {kind: 1.0})
        (case,) = sheet.cases
        drawn.append((sheet, case, resolve(case.program, sheet.document).splitlines()))
    return drawn


def cases(make: Maker, text: str) -> list[tuple[Case, str]]:
    """Return many cases of one maker on a text, each with its gold text."""
    lines = tuple(text.splitlines())
    made = [make(lines, Random(seed), MATERIAL) for seed in range(400)]
    sheet = Sheet(lines, ())
    return [(case, resolve(case.program, sheet.document)) for case in made if case]


@pytest.mark.parametrize("kind", WRITING)
def test_all_are_markdown_and_change_it(polyglot: SheetMaker, kind: str) -> None:
    for sheet, case, new in draw(polyglot, kind):
        assert sheet.language == "markdown"
        assert case.kind == kind
        assert new != list(sheet.lines)
        for text, line in case.mentions:
            assert text in case.instruction
            assert text in sheet.lines[line - 1]


def test_a_change_puts_one_text_for_another_everywhere(polyglot: SheetMaker) -> None:
    """What it names last is new, and what it names first is gone from where it stood."""
    for sheet, case, new in draw(polyglot, "md-change"):
        ((old, first),) = case.mentions
        before, after = sheet.lines[first - 1], new[first - 1]
        assert before != after
        changed = [(a, b) for a, b in zip(sheet.lines, new, strict=True) if a != b]
        if "link" not in case.instruction or "http" in case.instruction.split(old)[0]:
            assert all(old in a for a, _ in changed)
        if "everywhere" in case.instruction or "Say " in case.instruction:
            assert not any(re.search(rf"\b{old}\b", line) for line in new)


def test_versions_rise(polyglot: SheetMaker) -> None:
    seen = 0
    for _, case, new in draw(polyglot, "md-change"):
        numbers = re.findall(r"\bv?(\d+(?:\.\d+){1,2})\b", case.instruction)
        if len(numbers) == 2:
            seen += 1
            old, rising = (tuple(map(int, n.split("."))) for n in numbers)
            assert old < rising
            assert any(numbers[1] in line for line in new)
    assert seen


NUMBERED = "# Steps\n\n1. first one\n2. second one\n3. third one\n\nThe end.\n"


def test_numbered_lists_stay_in_order() -> None:
    """Whatever goes or comes, and nothing else changes."""
    made = cases(markdown.list_item, NUMBERED)
    assert {text.count("\n") for _, text in made} == {6, 8}
    for _, text in made:
        numbers = [int(n) for n in re.findall(r"^(\d+)\.", text, re.MULTILINE)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert text.startswith("# Steps\n\n1. ")
        assert text.endswith("\n\nThe end.\n")


BULLETS = "## Fruit\n\n- apples\n- pears\n- plums\n\n## Rest\n\n* one thing\n* another thing\n"


def test_items_come_where_the_words_say() -> None:
    places = set()
    for case, text in cases(markdown.list_item, BULLETS):
        old, new = BULLETS.splitlines(), text.splitlines()
        ((quote, line),) = case.mentions
        if len(new) < len(old):
            places.add("gone")
            assert new == old[: line - 1] + old[line:]
            continue
        (at,) = (k for k in range(len(new)) if [*new[:k], *new[k + 1 :]] == old)
        assert re.sub(r"^[-*] ", "", new[at]) in case.instruction
        if quote in {"Fruit", "Rest"}:
            places.add("end")
            assert at == (5 if quote == "Fruit" else 10)
            continue
        words = case.instruction[: case.instruction.rindex(quote)]
        before = max(words.rfind("before "), words.rfind("above ")) > max(
            words.rfind("after "), words.rfind("below ")
        )
        places.add("before" if before else "after")
        assert at == (line - 1 if before else line)
        assert new[at][0] == old[line - 1][0]
    assert places == {"gone", "end", "before", "after"}


HEADED = "# Top\n\nWords.\n\n## Use\n\nMore words.\n\n### Detail\n\nLast.\n\n## Legal\n\nNone.\n"


def test_headings_change_alone() -> None:
    """Their text, their level, or they go; a new one has the level of the one below it."""
    kinds = set()
    for case, text in cases(markdown.heading, HEADED):
        ((title, line),) = case.mentions
        old, new = HEADED.splitlines(), text.splitlines()
        match len(new) - len(old):
            case -1:
                kinds.add("gone")
                assert new == old[: line - 1] + old[line:]
            case 2:
                kinds.add("new")
                assert [*new[: line - 1], *new[line + 1 :]] == old
                level = old[line - 1].split()[0]
                assert new[line - 1].startswith(f"{level} ")
            case _:
                assert new[: line - 1] + new[line:] == old[: line - 1] + old[line:]
                kinds.add("level" if new[line - 1].endswith(title) else "text")
                if match := re.search(r"level (\d)|(#{1,6})$", case.instruction):
                    depth = int(match[1]) if match[1] else len(match[2])
                    assert new[line - 1] == f"{'#' * depth} {title}"
                if "Promote" in case.instruction or "higher" in case.instruction:
                    assert f"#{new[line - 1]}" == old[line - 1]
                if "Demote" in case.instruction or "deeper" in case.instruction:
                    assert new[line - 1] == f"#{old[line - 1]}"
    assert kinds == {"gone", "new", "level", "text"}


def test_sections_go_and_move_with_what_is_under_them() -> None:
    whole = HEADED + "\n## Last\n\nThe end.\n"
    use = "## Use\n\nMore words.\n\n### Detail\n\nLast.\n\n"
    legal = "## Legal\n\nNone.\n\n"
    results = {
        text for case, text in cases(markdown.section, whole) if "that says" not in case.instruction
    }
    assert whole.replace(use, "") in results
    assert whole.replace(legal, "") in results
    assert whole.replace(use + legal, legal + use) in results
    for case, text in cases(markdown.section, whole):
        if case.instruction.startswith(("Move", "Put")):
            assert sorted(text.splitlines()) == sorted(whole.splitlines())
            assert all(isinstance(op, Copy) for op in case.program.ops)


def test_code_is_no_heading_and_no_list() -> None:
    text = "```sh\n# Not a heading\n- one\n- two\n```\n\n# A heading\n"
    assert {case.mentions[0][0] for case, _ in cases(markdown.heading, text)} == {"A heading"}
    assert cases(markdown.list_item, text) == []


def test_what_a_linter_says_is_mended_to_a_line_of_the_file(
    polyglot: SheetMaker, foreign_files: list[SourceFile]
) -> None:
    """In the line that the diagnostic stands at."""
    written = {line for file in foreign_files for line in file.text.splitlines()}
    for kind in ("md-lint", "md-spelling"):
        for sheet, case, new in draw(polyglot, kind):
            (line,) = (
                k for k, (a, b) in enumerate(zip(sheet.lines, new, strict=True), 1) if a != b
            )
            assert case.scope == (line, line)
            assert new[line - 1] in written
