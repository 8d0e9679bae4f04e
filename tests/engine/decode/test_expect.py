"""What an instruction promises is read from its words, and is only a guess."""

from __future__ import annotations

import pytest

from copydecode.decode.expect import (
    Hints,
    blocks,
    hints,
    line_operation,
    text_operation,
)
from copydecode.edit.program import Copy


@pytest.mark.parametrize(
    ("words", "scope", "copies"),
    [
        ("Delete line 3", None, [(1, 2), (4, 9)]),
        ("remove lines 1-4", None, [(5, 9)]),
        ("Delete lines 8 to 9", None, [(1, 7)]),
        ("Delete the selected lines", (3, 4), [(1, 2), (5, 9)]),
        ("Duplicate line 9", None, [(1, 9), (9, 9)]),
        ("Repeat this", (2, 3), [(1, 3), (2, 9)]),
        ("Move line 5 before line 2", None, [(1, 1), (5, 5), (2, 4), (6, 9)]),
        ("move this after line 7", (2, 3), [(1, 1), (4, 7), (2, 3), (8, 9)]),
        ("Move lines 2 to 3 to the top", None, [(2, 3), (1, 1), (4, 9)]),
        ("Move line 4 to the end of the file", None, [(1, 3), (5, 9), (4, 4)]),
        ("Move line 4 somewhere", None, []),
        ("Move line 4 after line 4", None, []),
        ("Delete line 12", None, []),
        ("Delete it", None, []),
        ("Insert after line 3", None, []),
    ],
)
def test_what_happens_to_lines_is_read_from_the_words(
    words: str, scope: tuple[int, int] | None, copies: list[tuple[int, int]]
) -> None:
    assert list(line_operation(words, scope, 9)) == copies


def test_blocks_are_the_fenced_texts() -> None:
    text = "Replace it by:\n```python\na = 1\n\nb = 2\n```\nand\n```\nc\n```\n```open"
    assert blocks(text) == ["a = 1\n\nb = 2\n", "c\n"]
    assert blocks("no block") == []


@pytest.mark.parametrize(
    ("words", "scope", "behind"),
    [
        ("Insert before line 3:", None, 2),
        ("please add the following code after line 3", None, 3),
        ("Insert above line 1:", None, 0),
        ("Paste this below the selection.", (2, 4), 4),
        ("add before these lines:", (2, 4), 1),
        ("Insert at the end of the file:", None, 9),
        ("insert at the top", (2, 2), 0),
    ],
)
def test_a_text_beside_lines_is_a_whole_program(
    words: str, scope: tuple[int, int] | None, behind: int
) -> None:
    copies = [Copy(1, behind)] if behind else [], [Copy(behind + 1, 9)] if behind < 9 else []
    assert text_operation(words, scope, 9, (7, 8)) == [*copies[0], (7, 8), *copies[1]]


@pytest.mark.parametrize(
    ("words", "scope", "first", "last"),
    [
        ("Replace line 3 with:", None, 3, 3),
        ("Change lines 2 to 4 to this:", None, 2, 4),
        ("replace lines 1-9 by", None, 1, 9),
        ("Replace the selected lines with the following:", (4, 6), 4, 6),
    ],
)
def test_a_text_in_place_of_lines_is_a_whole_program(
    words: str, scope: tuple[int, int] | None, first: int, last: int
) -> None:
    program = [*([Copy(1, first - 1)] if first > 1 else []), (7, 8)]
    program += [Copy(last + 1, 9)] if last < 9 else []
    assert text_operation(words, scope, 9, (7, 8)) == program


@pytest.mark.parametrize(
    "words",
    [
        "Insert before line 12:",
        "Insert it where it belongs:",
        "Insert after the line `a = 1`:",
        "Insert before line 3 and delete line 4:",
        "Replace this with:",
        "Replace line 0 with:",
        "",
    ],
)
def test_other_words_promise_no_program(words: str) -> None:
    assert text_operation(words, None, 9, (7, 8)) == ()


def test_a_program_is_promised_where_the_words_ask_for_nothing_else() -> None:
    def encode(line: str) -> list[int]:
        return [*map(ord, line), 0]

    lines = ["a", "b", "a"]
    a = (ord("c"), 0)
    renamed = hints("Rename `a` to `c`", lines, None, [], encode)
    assert (renamed.said, renamed.program) == (True, [a, Copy(2, 2), a])
    asked = hints("rename a to c", ["# rename a to c AI!", "a"], None, [], encode)
    assert not asked.said
    assert asked.promised == {2}
    both = hints("Rename `a` to `c` and delete line 2", lines, None, [], encode)
    assert not both.said
    inserted = hints("Insert after line 1:\n```\nc\n```", lines, None, [], encode)
    assert (inserted.said, inserted.program) == (True, [Copy(1, 1), a, Copy(2, 3)])
    deleted = hints("Delete line 2", lines, None, [], encode)
    assert (deleted.said, deleted.program) == (False, (Copy(1, 1), Copy(3, 3)))


def test_hints_are_in_tokens() -> None:
    def encode(line: str) -> list[int]:
        return [*map(ord, line), 0]

    text = "Rename `a` to `b`:\n```\nx\ny\n```"
    assert hints(text, ["a", "c"], (1, 2), [], encode) == Hints(
        (1, 2), (), {1: [ord("b"), 0]}, ([ord("x"), 0, ord("y"), 0],), {1}
    )
    guessed = hints("The list `abc` is empty", ["abc"], None, ["abd"], encode)
    assert guessed == Hints((1, 1), changed={1: [*map(ord, "abd"), 0]})
    assert hints("do it", ["a"], None, [], encode) == Hints()
