"""What the prompt says of where the texts of an instruction stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.decode.found import MAX_LINES, MAX_NOTES, notes, spoken_of

LINES = [
    "import os",
    "def total(rows):",
    "    size = len(rows)",
    "    for row in rows:",
    "        size += row.size",
    "    return size",
]


def shown(instruction: str, lines: list[str] = LINES) -> str:
    """Return an instruction with its notes in place."""
    text, at = "", 0
    for note in notes(instruction, lines):
        text += f"{instruction[at : note.at]}<{note}>"
        at = note.at
    return text + instruction[at:]


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Rename `rows` to `items`", "Rename `rows`<2,3,4> to `items`<->"),
        ("rename rows to items", "rename rows<2,3,4> to items"),
        ("Delete the line `    return size`", "Delete the line `    return size`<6>"),
        ("Delete the line return size", "Delete the line return size<6>"),
        ("Delete the line 'row.size'", "Delete the line 'row.size'<5>"),
        ("don't touch 'size' or it's gone", "don't touch 'size'<3,5,6> or it's gone"),
        ("“os” imported but unused", "“os”<1> imported but unused"),
        ("delete line 3", "delete line 3"),
        ("'sys.os' imported but unused", "'sys.os'<1> imported but unused"),
        ("expected ':'", "expected ':'"),
        ("rename import to row", "rename import<1> to row<4,5>"),
    ],
)
def test_texts_come_with_their_lines(instruction: str, expected: str) -> None:
    assert shown(instruction) == expected


def test_a_whole_line_is_not_looked_for_inside_others() -> None:
    assert shown("Delete `size`", ["size", "size = 1"]) == "Delete `size`<1>"


def test_a_name_is_found_as_a_word() -> None:
    assert shown("Rename `row` to `x`", ["rows = 1", "row = 2"]) == "Rename `row`<2> to `x`<->"


def test_lines_of_a_block_come_with_the_lines_that_they_repeat() -> None:
    block = "Apply:\n```python\n# ...\n    size = len(rows)\n    for line in rows:\n    done()\n```"
    assert shown(block).splitlines()[3:6] == [
        "<3>    size = len(rows)",
        "<~4>    for line in rows:",
        "    done()",
    ]


def test_a_line_that_stands_everywhere_says_nothing() -> None:
    assert shown("Apply:\n```\npass\n```", ["pass"] * 4) == "Apply:\n```\npass\n```"


def test_many_lines_are_cut_short() -> None:
    text = shown("Rename `a` to `b`", ["a"] * (MAX_LINES + 1))
    assert text == "Rename `a`<" + ",".join(map(str, range(1, MAX_LINES + 1))) + ",..> to `b`<->"


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=20))
def test_notes_are_in_order_and_within_the_instruction(text: str, lines: list[str]) -> None:
    places = [note.at for note in notes(text, lines)]
    assert places == sorted(places)
    assert all(0 <= at <= len(text) for at in places)
    assert len(places) <= MAX_NOTES


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Rename `rows` to `items`", (2, 4)),
        ("rename rows to items", (2, 4)),
        ("Do something about `nothing` here", None),
        ("Apply:\n```\n    return size\n```", (6, 6)),
        ("rename rows in `import os`", (1, 1)),
    ],
)
def test_what_is_spoken_of(instruction: str, expected: tuple[int, int] | None) -> None:
    assert spoken_of(instruction, LINES) == expected
