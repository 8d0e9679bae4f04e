"""What an instruction promises is read from its words, and is only a guess."""

from __future__ import annotations

import pytest

from copydecode.decode.expect import (
    Hints,
    blocks,
    hints,
    line_operation,
)


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
