"""Comments that end in `AI!`: where they stand, what they ask for, the code that they bring.

Pure functions of a document. It knows the look of comments in most languages and the grammar of
none: a leader inside a string can be taken for a comment.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from copydecode import Document
from copydecode_lsp.convert import strip_line_end

REACH = 30
"""How many lines above or below an `AI!` its comment is looked for."""

_FENCE = "```"
_MARKER = re.compile(r"(?<!\w)AI!\s*$", re.IGNORECASE)
_BLOCKS = {
    "/*": "*/",
    "<!--": "-->",
    '"""': '"""',
    "'''": "'''",
    "{-": "-}",
    "(*": "*)",
    "{#": "#}",
    "--[[": "]]",
    "<#": "#>",
}
_CLOSER = re.compile(r'\s*(?:\*+/|--+>|"""|\'\'\'|-\}|\*\)|#\}|\]\]|#>)\s*$')
_OPENER = re.compile(r'/\*+!?|<!--|"""|\'\'\'|\{-|\(\*|\{#|--\[\[|<#')
_LINE_LEADER = re.compile(r"(?:(?<=[\s\ufeff])|^)(?:#+!?|//+!?|--+|;+|%+|REM\b)(?=\s|\w)")
_BLANK = " \t\f\v\ufeff"


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment asks for, its lines (1-based, inclusive), and what goes when it is removed.

    `span` are offsets into the text: whole lines where nothing else stands on them, otherwise the
    comment and the white space before it.
    """

    text: str
    snippet: str | None
    first: int
    last: int
    span: tuple[int, int]


def marked(document: Document, lines: range) -> Iterator[Comment]:
    """Yield the comments whose `AI!` stands on one of the lines, in their order.

    It looks at lines with a mark only: that makes listing cheap in a long document.
    """
    for number in sorted(_with_marks(document), reverse=lines.step < 0):
        if number in lines and (comment := _ending_at(document, number)):
            yield comment


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a comment stands: from a line's column up to, not including, another's."""

    first: int
    column: int
    last: int
    end: int


def _with_marks(document: Document) -> set[int]:
    """Return the lines that a mark stands in."""
    text, found = document.text, set[int]()
    at = text.find("!")
    while at >= 0:
        if text[max(0, at - 2) : at].upper() == "AI":
            found.add(bisect_right(document.starts, at))
        at = text.find("!", at + 1)
    return found


def _line(document: Document, number: int) -> str:
    return strip_line_end(document.lines[number - 1])


def _ending_at(document: Document, number: int) -> Comment | None:
    """Return the comment whose `AI!` stands on the line, if it asks for anything."""
    line = _line(document, number)
    body = _CLOSER.sub("", line)
    if not _MARKER.search(body):
        return None
    body = _MARKER.sub("", body)
    found = _on_its_line(document, body, number) or _in_a_block(document, body, number)
    if found is None:
        return None
    place, lines = found
    text, snippet = _read(lines)
    if not text and snippet is None:
        return None
    return Comment(text, snippet, place.first, place.last, _span(document, place))


def _on_its_line(document: Document, body: str, number: int) -> tuple[_Place, list[str]] | None:
    """Read a comment that begins on the marker's own line, or is a run of line comments."""
    leaders = [*_LINE_LEADER.finditer(body), *_OPENER.finditer(body)]
    leaders.sort(key=lambda match: (match.start(), -match.end()))
    if not leaders:
        return None
    # A leader behind an odd number of quotes is inside a string: `"# no"  # yes AI!`.
    outside = (m for m in leaders if not _inside_string(body[: m.start()]))
    leader = next(outside, leaders[0])
    line, content = _line(document, number), body[leader.end() :]
    column = leader.start()
    if (closer := _BLOCKS.get(_canonical(leader[0]))) is not None:
        if closer in line[leader.end() :]:
            return _Place(number, column, number, len(line)), [content]
        last, end = _block_comment_end(document, number, closer)
        return _Place(number, column, last, end), [content]
    first, last, lines = number, number, [content]
    if not line[:column].strip(_BLANK):
        first, last, lines = _with_fenced(document, number, leader[0], content)
    return _Place(first, column if first == number else 0, last, len(_line(document, last))), lines


def _with_fenced(
    document: Document, number: int, leader: str, content: str
) -> tuple[int, int, list[str]]:
    """Return the lines and contents of a line comment with the fenced block beside it, if any.

    The block stands right below the marker, or right above it, below its instruction.
    """
    below = list(_run(document, leader, range(number + 1, number + REACH + 1)))
    if below and below[0].startswith(_FENCE):
        closing = next((n for n, c in enumerate(below[1:], 1) if c.strip() == _FENCE), None)
        if closing is not None:
            return number, number + closing + 1, [content, *below[: closing + 1]]
    above = list(_run(document, leader, range(number - 1, number - REACH - 1, -1)))
    if above and above[0].strip() == _FENCE:
        opening = any(c.startswith(_FENCE) for c in above[1:])
        if opening:
            return number - len(above), number, [*reversed(above), content]
    return number, number, [content]


def _run(document: Document, leader: str, numbers: Iterable[int]) -> Iterator[str]:
    """Yield what stands behind the leader, as long as lines are comments with it alone."""
    for number in numbers:
        if not 1 <= number <= len(document):
            return
        line = _line(document, number).lstrip(_BLANK)
        if not line.startswith(leader):
            return
        yield line.removeprefix(leader).removeprefix(" ")


def _inside_string(before: str) -> bool:
    return any(before.count(quote) % 2 for quote in "\"'`")


def _in_a_block(document: Document, body: str, number: int) -> tuple[_Place, list[str]] | None:
    """Read a block comment that began above the marker's line."""
    parts = [body]
    for above in range(number - 1, max(0, number - 1 - REACH), -1):
        line = _line(document, above)
        openers = list(_OPENER.finditer(line))
        if openers:
            opener = openers[-1]
            closer = _BLOCKS[_canonical(opener[0])]
            if closer in line[opener.end() :] or line.count(opener[0]) % 2 == 0:
                return None  # That block is closed before our line; quotes open and close alike.
            last, end = _block_comment_end(document, number, closer)
            lines = [line[opener.end() :], *_without_stars(parts[::-1])]
            return _Place(above, opener.start(), last, end), lines
        if _CLOSER.search(line):
            return None
        parts.append(line)
    return None


def _without_stars(lines: list[str]) -> list[str]:
    """Return the lines of a block without the stars that begin them, and without its indent."""
    if all(line.lstrip().startswith("*") for line in lines if line.strip()):
        lines = [re.sub(r"^\s*\* ?", "", line) for line in lines]
    return textwrap.dedent("\n".join(lines)).split("\n")


def _canonical(opener: str) -> str:
    return "/*" if opener.startswith("/*") else opener


def _block_comment_end(document: Document, number: int, closer: str) -> tuple[int, int]:
    """Return the line with the closer and the column behind it, at most `REACH` lines down.

    Where there is none, the marker's own line.
    """
    for below in range(number, min(len(document), number + REACH) + 1):
        line = _line(document, below)
        if below > number and closer in line:
            return below, line.index(closer) + len(closer)
        if below == number and _CLOSER.search(line):
            return below, len(line)
    return number, len(_line(document, number))


def _read(lines: list[str]) -> tuple[str, str | None]:
    """Return what a comment's lines say, and the code that they have between fences."""
    fences = [n for n, line in enumerate(lines) if line.strip().startswith(_FENCE)]
    if len(fences) < 2:  # noqa: PLR2004 -- an opening and a closing one
        return _clean(lines), None
    opening, closing = fences[:2]
    snippet = textwrap.dedent("\n".join(lines[opening + 1 : closing]))
    return _clean([*lines[:opening], *lines[closing + 1 :]]), snippet


def _clean(lines: Iterable[str]) -> str:
    return " ".join(filter(None, _words(lines)))


def _words(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line.strip().lstrip("*").strip().removesuffix(":").strip()


def _span(document: Document, place: _Place) -> tuple[int, int]:
    """Return the offsets of what goes with a comment."""
    first, last = document.starts[place.first - 1], document.starts[place.last - 1]
    before = _line(document, place.first)[: place.column]
    behind = _line(document, place.last)[place.end :]
    if behind.strip():
        return first + place.column, last + place.end
    if before.strip(_BLANK):
        return first + len(before.rstrip()), last + len(_line(document, place.last))
    mark = 1 if place.first == 1 and document.text.startswith("\ufeff") else 0
    return first + mark, last + len(document.lines[place.last - 1])
