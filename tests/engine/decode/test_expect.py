"""What an instruction promises is read from its words, and is only a guess."""

from __future__ import annotations

import pytest

from copydecode.decode.expect import (
    MAX_WORDS,
    Hints,
    blocks,
    hints,
)
from copydecode.edit.program import Copy


def test_blocks_are_the_fenced_texts() -> None:
    text = "Replace it by:\n```python\na = 1\n\nb = 2\n```\nand\n```\nc\n```\n```open"
    assert blocks(text) == ["a = 1\n\nb = 2\n", "c\n"]
    assert blocks("no block") == []


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
    named = hints("rename a to c on line 3", lines, None, [], encode)
    assert (named.said, named.promised) == (False, {3})
    elsewhere = hints("rename a to c in the docstring", lines, None, [], encode)
    assert (elsewhere.said, elsewhere.promised) == (False, set())
    more = hints("Insert after line 1:\n```\nc\n```\nand delete line 2", lines, None, [], encode)
    assert not more.said
    deleted = hints("Delete the line `b`", lines, None, [], encode)
    assert (deleted.said, deleted.program) == (True, (Copy(1, 1), Copy(3, 3)))
    guessed = hints("Delete line 2, it is of no use", lines, None, [], encode)
    assert (guessed.said, guessed.program) == (False, (Copy(1, 1), Copy(3, 3)))
    asked = hints("delete line 2", ["# delete line 2 AI!", "b"], None, [], encode)
    assert not asked.said


def test_a_scope_that_is_a_guess_is_no_selection() -> None:
    """As that of an `AI!` comment: the block below it."""
    lines = ["a = 1", "b = a", "c = a"]

    def promised(words: str, *, selected: bool) -> Hints:
        return hints(words, lines, (2, 3), [], lambda _: [0], selected=selected)

    assert promised("delete this", selected=True).program == (Copy(1, 1),)
    assert promised("delete this", selected=False).program == (Copy(1, 1), Copy(3, 3))
    assert promised("rename a to d", selected=True).promised == {2, 3}
    assert promised("rename a to d", selected=False).promised == {1, 2, 3}
    assert promised("use d instead of a here", selected=False).promised == {2}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Apply this snippet:", True),
        ("Apply:", True),
        ("please apply this change", True),
        ("Make this change:", True),
        ("Change it like this:", True),
        ("Update the code:", True),
        ("Work this in:", True),
        ("Here is the updated code:", True),
        ("Apply this snippet without the comments:", False),
        ("Apply this snippet and sort the imports:", False),
        ("Apply this idea everywhere:", False),
        ("Explain this:", False),
        ("", False),
    ],
)
def test_a_snippet_is_a_whole_program_where_no_more_is_asked_than_to_apply_it(
    words: str, said: bool
) -> None:
    def encode(line: str) -> list[int]:
        return [*map(ord, line), 0]

    lines = ["one()", "three()", "four()"]
    block = "```\none()\ntwo()\nthree()\n```"
    new = tuple(encode("two()"))
    found = hints(f"{words}\n{block}", lines, None, [], encode)
    assert found.said == said
    assert list(found.program) == ([Copy(1, 1), new, Copy(2, 3)] if said else [])
    for more in (
        f"{block}\nand `four()` goes",
        f"{block}\n{block}",
        "```\ntwo()\n```",
        block.replace("```", "```diff", 1),
    ):
        assert not hints(f"{words}\n{more}", lines, None, [], encode).said
    assert not hints(f"{words}\n{block}", lines, (3, 3), [], encode).said


def test_long_words_promise_nothing() -> None:
    words = "change " * MAX_WORDS
    assert hints(words, ["change"], (1, 1), ["changes"], lambda _: [0]) == Hints((1, 1))


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
