"""Lines that stand in a chunk twice, or almost."""

from __future__ import annotations

from random import Random

from copydecode.edit.resolve import resolve
from copydecode.training import twins
from copydecode.training.corpus import SourceFile
from copydecode.training.languages import PYTHON
from copydecode.training.sheets import SheetMaker

LINES = [
    "def total(items):",
    "    first = items[0]",
    "    second = first * 2",
    "    return second",
    "",
    "answer = total(3)",
]
CODE = [1, 2, 3, 4, 6]


def repeated(seed: int) -> tuple[list[str], list[int]]:
    return twins.put_in(LINES, CODE, ["other"], Random(seed), PYTHON)


def test_as_many_lines_as_before_and_code_is_known() -> None:
    for seed in range(200):
        lines, code = repeated(seed)
        assert len(lines) == len(LINES)
        assert code == sorted(set(code))
        assert [bool(line) for line in lines] == [k in code for k in range(1, len(lines) + 1)]


def test_lines_stand_twice_change_one_name_or_are_empty() -> None:
    drawn = [repeated(seed)[0] for seed in range(200)]
    assert any(len(set(filter(None, lines))) < len(list(filter(None, lines))) for lines in drawn)
    assert any("other" in line for lines in drawn for line in lines)
    assert any(lines.count("") > 1 for lines in drawn)


def test_nothing_is_repeated_where_there_is_no_code() -> None:
    assert twins.put_in(["text"], [], ["n"], Random(0), PYTHON) == (["text"], [])


def test_the_cases_of_a_sheet_with_twins_are_carried_out_by_their_programs(
    files: list[SourceFile],
) -> None:
    """And without a share of them a sheet is the one that it was."""
    mix = {"delete": 1.0, "misspelling": 1.0, "find-delete": 1.0}
    maker, plain = SheetMaker(files, twin_share=1.0), SheetMaker(files)
    doubled = 0
    for seed in range(30):
        sheet = maker.draw(Random(seed), 12, 2, mix)
        for case in sheet.cases:
            assert resolve(case.program, sheet.document) != sheet.document.text
        doubled += len(set(sheet.lines)) < len(sheet.lines)
        assert plain.draw(Random(seed), 12, 2, mix) == SheetMaker(files).draw(
            Random(seed), 12, 2, mix
        )
    assert doubled > 15
