"""The text form: render and parse invert each other, and the escape is reversible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit import grammar
from copydecode.edit.program import Copy, CopyTokens, Gen, Op, Program
from copydecode.errors import ProgramSyntaxError

literal = st.sampled_from([*grammar.RESERVED, "<\\gen>", "<\\\\copy", "\\", "<", '"/>'])
texts = st.lists(st.one_of(literal, st.text(max_size=8)), max_size=6).map("".join)
bounds = st.tuples(st.integers(1, 9999), st.integers(1, 9999))
copies = bounds.map(lambda pair: Copy(*pair))
token_copies = bounds.map(lambda pair: CopyTokens(*pair))
ops: st.SearchStrategy[Op] = st.one_of(copies, token_copies, texts.map(Gen))
programs = st.lists(ops, max_size=6).map(lambda found: Program(tuple(found)))


@given(texts)
def test_escape_is_reversible_and_leaves_no_reserved_literal(text: str) -> None:
    """`unescape` inverts `escape`, whatever backslashes were there before."""
    escaped = grammar.escape(text)
    assert grammar.unescape(escaped) == text
    assert not any(reserved in escaped for reserved in grammar.RESERVED)


@given(programs)
def test_parse_inverts_render(program: Program) -> None:
    """What is written is what is read."""
    assert grammar.parse(grammar.render(program)) == program


def test_white_space_between_ops_is_allowed() -> None:
    """Models that were never taught the format put newlines between ops."""
    text = '\n<program>\n<copy lines="1-2"/>\n\t<gen>\nx\n</gen> <copy tokens="7-9"/></program> '
    assert grammar.parse(text) == Program((Copy(1, 2), Gen("\nx\n"), CopyTokens(7, 9)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected <program> at offset 0"),
        ("<program>", "at offset 9"),
        ("<program>x</program>", "at offset 9"),
        ("<program><gen>x</program>", "expected </gen> after the <gen> at offset 9"),
        ('<program><copy lines="0-1"/></program>', "at offset 9"),
        ('<program><copy lines="01-2"/></program>', "at offset 9"),
        ('<program><copy lines="1"/></program>', "at offset 9"),
        ('<program><copy tokens="0-1"/></program>', "at offset 9"),
        ('<program><copy words="1-1"/></program>', "at offset 9"),
        ("<program></program>x", "found text at offset 19"),
    ],
)
def test_what_is_no_program_is_refused_with_its_place(text: str, message: str) -> None:
    """The error names the offset and what was expected there."""
    with pytest.raises(ProgramSyntaxError, match=message):
        grammar.parse(text)
