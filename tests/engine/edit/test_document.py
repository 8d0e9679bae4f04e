"""Documents keep every byte and count lines as editors do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit.document import Document, is_terminated, split_lines, strip_terminator

texts = st.text(st.one_of(st.sampled_from("\r\n\f\v\x1c\u2028\ufeffab"), st.characters()))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a\n"]),
        ("\n", ["\n"]),
        ("\n\n", ["\n", "\n"]),
        ("a\r\nb", ["a\r\n", "b"]),
        ("a\rb\nc\r\n", ["a\r", "b\n", "c\r\n"]),
        ("a\n\rb", ["a\n", "\r", "b"]),
        ("\ufeffa\n", ["\ufeffa\n"]),
        ("a\fb\vc\x1cd\x85e\u2028f\u2029g\n", ["a\fb\vc\x1cd\x85e\u2028f\u2029g\n"]),
    ],
)
def test_lines_end_where_editors_end_them(text: str, lines: list[str]) -> None:
    """LF, CRLF and CR end lines; nothing else does."""
    assert list(split_lines(text)) == lines
    assert len(Document(text)) == len(lines)


@given(texts)
def test_joined_lines_are_the_text(text: str) -> None:
    """No byte is lost, and each line but the last has exactly one terminator at its end."""
    lines = split_lines(text)
    assert "".join(lines) == text
    assert all(is_terminated(line) for line in lines[:-1])
    assert all("\n" not in strip_terminator(x) and "\r" not in strip_terminator(x) for x in lines)


@pytest.mark.parametrize(
    ("text", "newline"),
    [("", "\n"), ("a", "\n"), ("a\r\nb\n", "\r\n"), ("a\rb\nc\n", "\n"), ("a\r\nb\r\nc\n", "\r\n")],
)
def test_newline_is_the_commonest(text: str, newline: str) -> None:
    """Ties go to the terminator seen first."""
    assert Document(text).newline == newline


def test_span_is_verbatim() -> None:
    """Spans are 1-based and inclusive, terminators included."""
    assert Document("a\r\nb\nc").span(2, 3) == "b\nc"


@given(texts)
def test_the_starts_are_where_the_lines_begin(text: str) -> None:
    document = Document(text)
    ends = [*document.starts, len(text)][1:]
    lines = [text[start:end] for start, end in zip(document.starts, ends, strict=True)]
    assert lines == list(document.lines)
