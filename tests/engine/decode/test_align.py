"""Following a text that is written along a source."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.decode.align import Alignment

SOURCE = "if a < b:\n    return foo(a, bar)\nx = 1\ny = 2\n"


def tokens(text: str) -> list[str]:
    """Cut a text into words with the space before them, signs and newlines."""
    return re.findall(r" ?\w+|\n|\s+| ?[^\w\s]+", text)


def aligned(source: str, written: str) -> tuple[str, Alignment]:
    """Return the source from the expected place on, after `written`."""
    ids = {token: index for index, token in enumerate(dict.fromkeys(tokens(source + written)))}
    names = list(ids)
    alignment = Alignment([ids[t] for t in tokens(source)], lambda i: names[i].encode())
    for token in tokens(written):
        alignment.feed(ids[token])
    return "".join(tokens(source)[alignment.position :]), alignment


@pytest.mark.parametrize(
    ("written", "goes_on"),
    [
        ("", "if a < b:"),
        ("if a", " < b:"),
        ("if a <=", " b:"),  # A sign was replaced by its like.
        ("if long_name", " < b:"),  # A word was replaced.
        ("if a < b:\n    return foo(a, baz", ")\nx"),
        ("if a < b:\n    return foo(a, bar, more", ")\nx"),  # Put in before `)`.
        ("if a:", "\n    return foo"),  # Left out: `< b`.
        ("if a > c:\n", "    return foo"),  # The line was rewritten.
        ("something = quite(different)\n", "if a < b:"),  # The line was put in before.
        ("if a < b:\n    return foo(a, bar)\nx = 1\ny = 2\n", ""),
    ],
)
def test_the_source_goes_on_where_the_written_text_stands(written: str, goes_on: str) -> None:
    rest, _ = aligned(SOURCE, written)
    assert rest.startswith(goes_on)
    assert rest or not goes_on


def test_runs_and_novel_tokens_are_counted() -> None:
    _, alignment = aligned(SOURCE, "if a")
    assert (alignment.run, alignment.novel, alignment.at_line_start) == (2, 0, False)
    _, alignment = aligned(SOURCE, "if what is")
    assert (alignment.run, alignment.novel) == (0, 2)
    _, alignment = aligned(SOURCE, "if a < b:\n")
    assert alignment.at_line_start


def test_a_jump_lasts_until_the_next_token() -> None:
    _, alignment = aligned(SOURCE, "if what is")
    alignment.jump(5)
    assert (alignment.position, alignment.jumped) == (5, True)
    alignment.feed(0)
    assert not alignment.jumped


@given(st.lists(st.integers(0, 4)), st.lists(st.integers(0, 6)), st.integers(0, 5))
def test_any_text_leaves_a_place_in_the_source(
    source: list[int], written: list[int], start: int
) -> None:
    names = [b"\n", b"a", b" b", b"(", b"  ", b"new", b"?\n"]
    alignment = Alignment(source, lambda i: names[i], min(start, len(source)))
    for token in written:
        alignment.feed(token)
        assert 0 <= alignment.position <= len(source)


@given(st.lists(st.integers(0, 4)))
def test_a_repeated_text_is_followed_to_its_end(source: list[int]) -> None:
    names = [b"\n", b"a", b" b", b"(", b"  "]
    alignment = Alignment(source, lambda i: names[i])
    for index, token in enumerate(source):
        assert alignment.position == index
        alignment.feed(token)
