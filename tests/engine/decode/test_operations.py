"""What is to be done with lines is read from the words; more words than that only guess at it."""

from __future__ import annotations

import pytest

from copydecode.decode.operations import Context, numbered, operation, placed
from copydecode.decode.promise import Promised
from copydecode.edit.program import Copy

LINES = [
    "import os",
    "",
    "def f(a):",
    "    x = os.path",
    "    return x",
    "",
    "x = 2",
    "y = 1",
    "f(y)",
]


def encode(line: str) -> list[int]:
    return [*map(ord, line), 0]


def done(
    words: str, scope: tuple[int, int] | None = None, text: tuple[int, ...] | None = None
) -> tuple[Promised, bool]:
    program, said = operation(words, Context(LINES, encode, scope, text=text))
    return list(program), said


def copies(*spans: tuple[int, int]) -> list[Copy]:
    return [Copy(first, last) for first, last in spans]


@pytest.mark.parametrize(
    ("words", "scope", "spans"),
    [
        ("Delete line 3", None, [(1, 2), (4, 9)]),
        ("Delete line 3", (5, 5), [(1, 2), (4, 9)]),
        ("remove lines 1-4", None, [(5, 9)]),
        ("please delete lines 8 to 9.", None, [(1, 7)]),
        ("Delete the selected lines", (3, 4), [(1, 2), (5, 9)]),
        ("Duplicate line 9", None, [(1, 9), (9, 9)]),
        ("Repeat this", (2, 3), [(1, 3), (2, 9)]),
        ("Move line 5 before line 2", None, [(1, 1), (5, 5), (2, 4), (6, 9)]),
        ("move this after line 7", (2, 3), [(1, 1), (4, 7), (2, 3), (8, 9)]),
        ("Move lines 2 to 3 to the top", None, [(2, 3), (1, 1), (4, 9)]),
        ("Move line 4 to the end of the file", None, [(1, 3), (5, 9), (4, 4)]),
        ("Delete the line `x = 2`", None, [(1, 6), (8, 9)]),
        ("remove 'import os'", None, [(2, 9)]),
        ("Remove the line that says def f(a):", None, [(1, 2), (4, 9)]),
        ("drop the line with `path` in it", None, [(1, 3), (5, 9)]),
        (
            "Move the line: `y = 1` to before the line `x = 2`",
            None,
            [(1, 6), (8, 8), (7, 7), (9, 9)],
        ),
        ("Delete everything from the line `x = 2` to `f(y)`", None, [(1, 6)]),
        ("Remove all lines that contain `y`", None, [(1, 7)]),
        ("delete every line with x", None, [(1, 3), (6, 6), (8, 9)]),
    ],
)
def test_words_that_say_no_more_say_the_program(
    words: str, scope: tuple[int, int] | None, spans: list[tuple[int, int]]
) -> None:
    assert done(words, scope) == (copies(*spans), True)


@pytest.mark.parametrize(
    ("words", "scope", "spans"),
    [
        ("Delete line 3, which nobody needs", None, [(1, 2), (4, 9)]),
        ("Move line 5 and its comment before line 2", None, [(1, 1), (5, 5), (2, 4), (6, 9)]),
        ("Remove the unused import in line 1", None, [(2, 9)]),
        ("Remove the unused import", (1, 1), [(2, 9)]),
        ("Delete line 3 and 5", None, [(1, 2), (6, 9)]),
    ],
)
def test_other_words_are_only_guessed_to_mean_one(
    words: str, scope: tuple[int, int] | None, spans: list[tuple[int, int]]
) -> None:
    assert done(words, scope) == (copies(*spans), False)


@pytest.mark.parametrize(
    "words",
    [
        "Move line 4 somewhere",
        "Move line 4 after line 4",
        "Delete line 12",
        "Delete it",
        "Insert after line 3",
        "Delete the line `z = 3`",
        "Remove all lines with `zebra`",
        "Rename x to y",
        "",
    ],
)
def test_words_may_mean_no_operation(words: str) -> None:
    assert done(words) == ([], False)


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
        ("Insert before the line `x = 2`:", None, 6),
        ("Add after the line that mentions path:", None, 4),
    ],
)
def test_a_text_is_put_beside_lines(words: str, scope: tuple[int, int] | None, behind: int) -> None:
    above, below = copies((1, behind)), copies((behind + 1, 9))
    expected = [*(above if behind else []), (7, 8), *(below if behind < 9 else [])]
    assert done(words, scope, (7, 8)) == (expected, True)


@pytest.mark.parametrize(
    ("words", "scope", "first", "last"),
    [
        ("Replace line 3 with:", None, 3, 3),
        ("Change lines 2 to 4 to this:", None, 2, 4),
        ("replace lines 1-9 by", None, 1, 9),
        ("Replace the selected lines with the following:", (4, 6), 4, 6),
        ("Replace the line `y = 1` by:", None, 8, 8),
    ],
)
def test_a_text_is_put_in_place_of_lines(
    words: str, scope: tuple[int, int] | None, first: int, last: int
) -> None:
    before, behind = copies((1, first - 1)), copies((last + 1, 9))
    expected = [*(before if first > 1 else []), (7, 8), *(behind if last < 9 else [])]
    assert done(words, scope, (7, 8)) == (expected, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Insert `x += 1` after line 4", [*copies((1, 4)), "    x += 1", *copies((5, 9))]),
        ('add before the line `f(y)`: "y = 3"', [*copies((1, 8)), "y = 3", Copy(9, 9)]),
        ("Replace line 5 by `return 1`", [*copies((1, 4)), "    return 1", *copies((6, 9))]),
        # Without quotes, where it is code for certain.
        ("Insert x += f(1) after line 4", [*copies((1, 4)), "    x += f(1)", *copies((5, 9))]),
        ("add before line 9: y = '3'", [*copies((1, 8)), "y = '3'", Copy(9, 9)]),
        ("Change line 5 to return a", [*copies((1, 4)), "    return a", *copies((6, 9))]),
        ("put import re above line 1", ["import re", Copy(1, 9)]),
    ],
)
def test_a_text_in_the_words_is_indented_like_the_line(
    words: str, expected: list[Copy | str]
) -> None:
    tokens = [tuple(encode(op)) if isinstance(op, str) else op for op in expected]
    assert done(words) == (tokens, True)


@pytest.mark.parametrize(
    "words",
    [
        "Insert before line 12:",
        "Insert it where it belongs:",
        "Insert before line 3 and delete line 4:",
        "Replace this with:",
        "Replace line 0 with:",
        "Insert `x` before line 3:",  # And what is the block for?
    ],
)
def test_words_with_a_text_may_say_more_or_less(words: str) -> None:
    assert not done(words, None, (7, 8))[1]


@pytest.mark.parametrize(
    "words",
    [
        "delete lines 3 to the end of the file",
        "delete line 3 to the end",
        "repeat line 3 to the end",
        "delete line 2 after line 3",
        "put `x` and `y` before line 3",
        "insert 'a' or 'b' before line 3",
        "delete line " + "9" * 5000,
        "replace line 2 with `a = 1`, and line 5 with `b = 2`",
        "insert `a = 1` after line 2 and `b = 2` after line 4",
        "insert foo() call before line 3",
        "replace line 2 with: x = 2; keep line 3",
    ],
)
def test_words_that_only_look_like_an_operation_do_not_say_one(words: str) -> None:
    assert not done(words)[1]


def test_a_name_without_quotes_is_a_word() -> None:
    assert done("delete all lines with retur") == ([], False)
    assert done("delete all lines with return") == (copies((1, 4), (6, 9)), True)


@pytest.mark.parametrize(
    "words",
    [
        "add a check for None before line 3",
        "Insert before line 3 a call to foo()",
        "add error handling (try/except) before line 3",
        "change line 4 to call foo(x)",
        "change line 4 to use foo() instead of bar",
        "Replace line 4 with a dict comprehension {}",
        "Replace line 4 with foo (see docs)",
        "add print(`x`) and so on after line 4",
    ],
)
def test_what_describes_code_is_not_taken_for_it(words: str) -> None:
    assert done(words) == ([], False)


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ("delete this line", "delete line 4"),
        ("remove this.", "remove line 4."),
        ("drop the next three lines", "drop lines 4-6"),
        ("delete the 2 lines below", "delete lines 4-5"),
        ("remove this whole block", "remove lines 4-7"),
        ("delete everything up to the next empty line", "delete lines 4-7"),
        ("copy the line below", "duplicate line 4"),
        ("swap these two lines", "move line 5 before line 4"),
        ("put x = 1 here", "insert `x = 1` before line 4"),
        ('add here: "`x`"', 'insert "`x`" before line 4'),
        ("use b instead of a here", "replace `a` by `b`"),
        ("`a` should be `b`", "replace `a` by `b`"),
        ("call a b instead", "rename `a` to `b`"),
        ("make this faster", "make this faster"),
    ],
)
def test_a_comment_is_about_the_lines_below_it(words: str, plain: str) -> None:
    assert placed(words, (4, 7)) == plain


def test_a_block_is_not_the_line_of_a_cursor() -> None:
    assert placed("delete this block", (4, 4)) == "delete this block"
    assert placed("delete this line", (4, 4)) == "delete line 4"


def test_lines_are_named_by_text_that_one_of_them_has() -> None:
    lines = ["a = b", "c = b", "c = b + 1", "e.x = 1"]
    assert numbered("Delete the line `a = b`", lines) == "Delete line 1"
    assert numbered("Delete the line with e.x in it", lines) == "Delete the line with e.x in it"
    assert numbered("Delete the line with `e.x` in it", lines) == "Delete line 4"
    assert numbered("Delete the line with b", lines) == "Delete the line with b"
    assert numbered("Delete the line `c = b`", [*lines, "c = b"]) == "Delete the line `c = b`"
    assert (
        numbered("Replace the line with `e.x` in it with `f`", lines) == "Replace line 4 with `f`"
    )
    assert numbered('Change the line with "e.x" to `"a"`', lines) == 'Change line 4 to `"a"`'
    named = ["first = 1", "load_all()", "x = 2"]
    assert numbered("drop the load_all line", named) == "drop line 2"
    assert numbered("drop the first line", named) == "drop the first line"
    whole = ["use(e.x)", "e.x"]
    assert numbered("Delete the line that mentions `e.x`", whole) == "Delete line 2"
    # It is a part of a longer text that no line has.
    assert numbered("Insert `if a = b:` here", lines) == "Insert `if a = b:` here"
