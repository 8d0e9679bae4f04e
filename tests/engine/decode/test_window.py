"""Windows: what is shown of a long document, and line numbers in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.decode.window import (
    EncodedLines,
    choose,
    named_lines,
    renumber_lines,
    with_lines,
)
from copydecode.edit.document import Document
from copydecode.edit.fit import Window
from copydecode.errors import ContextTooLongError, ScopeError

MAX_LINES, MAX_TOKENS = 40, 640  # Those of the embedded model.


def encoded(lengths: list[int]) -> EncodedLines:
    """Lines of so many tokens each, their newline and number included."""
    text = "".join("x" * (length - 2) + "\n" for length in lengths)
    return EncodedLines(Document(text), lambda line: list(f"{line}\n".encode()), 1)


def window(lines: EncodedLines, first: int, last: int | None = None) -> Window:
    scope = (first, last or first)
    return choose(lines, scope, max_lines=MAX_LINES, max_tokens=MAX_TOKENS)


lengths = st.lists(st.integers(2, 60), min_size=1, max_size=150)


@given(lengths, st.data())
def test_a_window_holds_the_scope_within_the_bounds_and_a_quarter_on_either_side(
    costs: list[int], data: st.DataObject
) -> None:
    n = len(costs)
    first = data.draw(st.integers(1, n))
    last = data.draw(st.integers(first, min(n, first + 9)))
    chosen = window(encoded(costs), first, last)
    shown = sum(costs[chosen.first - 1 : chosen.last])
    assert chosen.first <= first <= last <= chosen.last
    assert len(chosen) <= MAX_LINES
    assert shown <= MAX_TOKENS
    free_lines = MAX_LINES - (last - first + 1)
    free_tokens = MAX_TOKENS - sum(costs[first - 1 : last])
    before, after = costs[chosen.first - 1 : first - 1], costs[last : chosen.last]
    # One line more would be over it, a line being of up to 60 tokens.
    assert (
        chosen.first == 1 or len(before) >= free_lines // 4 or sum(before) > free_tokens // 4 - 60
    )
    assert chosen.last == n or len(after) >= free_lines // 4 or sum(after) > free_tokens // 4 - 60


@given(lengths, st.data())
def test_a_window_is_full_but_for_a_quarter_at_the_end_of_the_document(
    costs: list[int], data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(costs)))
    chosen = window(encoded(costs), at)
    if len(chosen) == len(costs):
        return
    shown = sum(costs[chosen.first - 1 : chosen.last])
    free_lines, free_tokens = MAX_LINES - len(chosen), MAX_TOKENS - shown
    if chosen.last < len(costs):
        assert free_lines == 0 or free_tokens < 60
    else:
        assert free_lines <= MAX_LINES // 4 + 1 or free_tokens <= MAX_TOKENS // 4 + 60


def test_scopes_near_each_other_have_the_same_window() -> None:
    lines = encoded([10] * 1000)
    windows = [window(lines, at) for at in range(1, 1001)]
    assert len(set(windows)) <= 1000 / 16 + 1
    firsts = [w.first for w in windows]
    assert firsts == sorted(firsts)


@given(st.integers(2, 12), st.data())
def test_a_change_behind_the_scope_leaves_the_first_line_where_it_is(
    cost: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, 200))
    before = window(encoded([cost] * 300), at)
    after = window(encoded([cost] * at + [2] + [cost] * (300 - at)), at)
    assert after.first == before.first


def test_a_document_that_fits_is_shown_whole_whatever_the_scope() -> None:
    assert {window(encoded([16] * 40), at) for at in (1, 20, 40)} == {Window(1, 40)}
    assert choose(encoded([]), None, max_lines=5, max_tokens=5) == Window(1, 0)


def test_a_scope_outside_the_document_is_cut_to_it() -> None:
    assert window(encoded([16] * 100), 500, 600).last == 100


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (
            None,
            "at most 40 lines and 640 tokens without a scope, found 100 lines: select the lines",
        ),
        ((1, 50), "scope of at most 40 lines and 640 tokens, found 50 lines: select fewer lines"),
        ((1, 39), "found 39 lines with more tokens: select fewer lines"),
    ],
)
def test_what_does_not_fit_says_what_to_select(scope: tuple[int, int] | None, message: str) -> None:
    with pytest.raises(ContextTooLongError, match=message):
        choose(encoded([20] * 100), scope, max_lines=MAX_LINES, max_tokens=MAX_TOKENS)


def counting(text: str, longest_token: int = 1) -> tuple[EncodedLines, Callable[[], int]]:
    """Return lines, and how many characters of them were encoded so far."""
    characters = 0

    def encode(line: str) -> list[int]:
        nonlocal characters
        characters += len(line) + 1
        return list(f"{line}\n".encode())

    return EncodedLines(Document(text), encode, longest_token), lambda: characters


def test_choosing_encodes_no_more_than_may_be_shown() -> None:
    lines, characters = counting("x = 1\n" * 50_000)
    window(lines, 25_000)
    assert characters() <= 3 * MAX_TOKENS


def test_a_line_that_cannot_fit_is_not_encoded() -> None:
    lines, characters = counting("a\n" + "x" * 1_000_000 + "\nb\n" + "c\n" * 50, longest_token=100)
    assert window(lines, 1) == Window(1, 1)
    assert window(lines, 3).first == 3
    with pytest.raises(ContextTooLongError):
        window(lines, 2)
    assert characters() < 200


@pytest.mark.parametrize(
    ("instruction", "lines"),
    [
        ("Delete line 7", (7, 7)),
        ("Move lines 3-5 to after line 9", (3, 9)),
        ("swap line 4 and line 2", (2, 4)),
        ("line up 7 items", None),
        ("Replace this by:\n```\nline 7\n```", None),
    ],
)
def test_named_lines(instruction: str, lines: tuple[int, int] | None) -> None:
    """Only prose is read, not code."""
    assert named_lines(instruction) == lines


def test_a_line_outside_the_window_is_refused_or_only_mentioned() -> None:
    """With a scope the number is no target: a diagnostic may mention far lines."""
    window = Window(50, 60)
    message = "redefinition of unused 'os' from line 3"
    renumbered = renumber_lines(message, window, 100, scoped=True)
    assert renumbered == "redefinition of unused 'os' from an earlier line"
    with pytest.raises(ContextTooLongError, match="found 3 in the instruction"):
        renumber_lines("delete line 3", window, 100, scoped=False)
    with pytest.raises(ScopeError, match="within 1 to 100, found 101"):
        renumber_lines("delete line 101", window, 100, scoped=False)


def test_lines_that_an_instruction_names_get_other_numbers_where_they_have_some() -> None:
    numbers = {2: 1, 3: 2}
    words = "Move lines 2 to 3 below line 9:\n```\nline 2\n```"
    expected = "Move lines 1 to 2 below line 9:\n```\nline 2\n```"
    assert with_lines(words, numbers) == expected
    assert with_lines("make 2 of it", numbers) == "make 2 of it"
