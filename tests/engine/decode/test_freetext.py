"""Full text ends with its fence or its closing token, and every step can be undone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.decode.freetext import FreeText
from copydecode.decode.literals import Literals
from copydecode.edit.program import Gen


def fed(text: FreeText, written: str) -> object:
    """Feed a text; return the op that it closed, None where it goes on."""
    for token in text.literals.codec.encode(written):
        if (op := text.accept(token).op) is not None:
            return op
    return None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a = 1\n```", "a = 1\n"),
        ("a = 1\n```\nmore", "a = 1\n"),
        ("```", ""),
        ("a ``` b\n ```\n", None),
        ("a\n``", None),
        ("é\n\n```", "é\n\n"),
    ],
)
def test_a_fence_at_the_start_of_a_line_ends_the_text(
    foreign_literals: Literals, written: str, expected: str | None
) -> None:
    text = FreeText(foreign_literals, "```")
    assert fed(text, written) == (None if expected is None else Gen(expected))
    assert text.done == (expected is not None)


def test_the_closing_token_ends_the_text(own_literals: Literals) -> None:
    text = FreeText(own_literals)
    assert fed(text, "a</gen>\n```\n") is None  # Text that reads like a marker is text.
    assert text.accept(text.closing_token).op == Gen("a</gen>\n```\n")
    assert text.done
    allowed = text.allowed()
    assert allowed is not None
    assert len(allowed) == 0
    with pytest.raises(ValueError, match="expected a token"):
        text.accept(text.closing_token)


def test_what_is_no_text_is_refused(own_literals: Literals) -> None:
    text = FreeText(own_literals)
    for token in (-1, own_literals.size, int(own_literals.never_text[0])):
        assert not text.permits(token)
        with pytest.raises(ValueError, match="expected a token"):
            text.accept(token)
    assert text.allowed() is None
    assert text.forced() is None


@given(st.text(alphabet="a`\n é", max_size=30), st.integers(0, 30))
def test_a_rollback_leads_back_to_where_it_was(
    foreign_literals: Literals, written: str, steps: int
) -> None:
    text, again = FreeText(foreign_literals, "```"), FreeText(foreign_literals, "```")
    first = fed(text, written)
    steps = min(steps, len(text.body))
    undone = text.body[len(text.body) - steps :]
    text.rollback(steps)
    for token in undone:
        text.accept(token)
    assert fed(again, written) == first
    assert (text.body, text.done) == (again.body, again.done)
    with pytest.raises(ValueError, match="at most"):
        text.rollback(len(text.body) + 1)
