"""Where an instruction comes from: a diagnostic, a comment that ends in `AI!`, a selection.

Pure functions of a document. It knows the look of comments in most languages and the grammar of
none: a leader inside a string can be taken for a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lsprotocol import types as lsp

from copydecode import Document, Scope
from copydecode.errors import EmptyInstructionError, ScopeError
from copydecode_lsp.convert import scope_of_range, strip_line_end

REACH = 30
"""How many lines above a range, or above an `AI!` in a block comment, are searched."""

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
_LINE_LEADER = re.compile(r"(?:(?<=\s)|^)(?:#+!?|//+!?|--+|;+|%+|REM\b)(?=\s|\w)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to do, and the lines that it is about (None: the whole document)."""

    text: str
    scope: Scope | None


def require(text: str) -> str:
    """Return the instruction without white space around it.

    Raises:
        EmptyInstructionError: nothing is left.
    """
    if not (stripped := text.strip()):
        message = "expected an instruction, found none"
        raise EmptyInstructionError(message)
    return stripped


def from_diagnostic(diagnostic: lsp.Diagnostic, document: Document) -> Instruction | None:
    """Return how to ask for a diagnostic's fix: its message as it is, about its lines.

    None where it has no message or lies outside the document (it is then of another version).
    """
    try:
        scope = scope_of_range(diagnostic.range, document)
    except ScopeError:
        return None
    return Instruction(diagnostic.message, scope) if diagnostic.message.strip() else None


def from_comments(document: Document, lines: Scope) -> list[Instruction]:
    """Return the `AI!` comments in the lines, and the nearest one up to `REACH` lines above them.

    A comment's scope goes from its first line to the end of the lines that were asked for, or of
    the block below it (up to an empty line), whichever is further. That is a guess: it is not
    locked.
    """
    found = [
        comment
        for number in range(lines.first, lines.last + 1)
        if (comment := _comment_ending_at(document, number))
    ]
    if not found:
        above = range(lines.first - 1, max(0, lines.first - 1 - REACH), -1)
        nearest = next(filter(None, (_comment_ending_at(document, n) for n in above)), None)
        found = [nearest] if nearest else []
    return [
        Instruction(
            comment.text,
            Scope(comment.first, max(lines.last, _block_end(document, comment.last)), locked=False),
        )
        for comment in found
    ]


def overlaps(scope: Scope | None, other: Scope | None) -> bool:
    """Return whether two scopes share a line; None is the whole document."""
    if scope is None or other is None:
        return True
    return scope.first <= other.last and other.first <= scope.last


@dataclass(frozen=True, slots=True)
class _Comment:
    text: str
    first: int
    last: int


def _line(document: Document, number: int) -> str:
    return strip_line_end(document.lines[number - 1])


def _comment_ending_at(document: Document, number: int) -> _Comment | None:
    """Return the comment whose `AI!` stands on the line, if there is one with an instruction."""
    line = _line(document, number)
    body = _CLOSER.sub("", line)
    if not _MARKER.search(body):
        return None
    body = _MARKER.sub("", body)
    comment = _line_comment(body, number) or _block_comment(document, body, number)
    return comment if comment and comment.text else None


def _line_comment(body: str, number: int) -> _Comment | None:
    """Read a comment that begins on the marker's own line."""
    leaders = [*_LINE_LEADER.finditer(body), *_OPENER.finditer(body)]
    leaders.sort(key=lambda match: (match.start(), -match.end()))
    if not leaders:
        return None
    # A leader behind an odd number of quotes is inside a string: `"# no"  # yes AI!`.
    outside = (m for m in leaders if not _inside_string(body[: m.start()]))
    leader = next(outside, leaders[0])
    return _Comment(_clean([body[leader.end() :]]), number, number)


def _inside_string(before: str) -> bool:
    return any(before.count(quote) % 2 for quote in "\"'`")


def _block_comment(document: Document, body: str, number: int) -> _Comment | None:
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
            text = _clean([line[opener.end() :], *reversed(parts)])
            return _Comment(text, above, _block_comment_end(document, number, closer))
        if _CLOSER.search(line):
            return None
        parts.append(line)
    return None


def _canonical(opener: str) -> str:
    return "/*" if opener.startswith("/*") else opener


def _block_comment_end(document: Document, number: int, closer: str) -> int:
    """Return the line with the closer, at most `REACH` lines down; else the marker's own line."""
    below = range(number, min(len(document), number + REACH) + 1)
    return next((n for n in below if closer in _line(document, n)), number)


def _clean(lines: Iterable[str]) -> str:
    return " ".join(filter(None, _words(lines)))


def _words(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line.strip().lstrip("*").strip().removesuffix(":").strip()


def _block_end(document: Document, line: int) -> int:
    """Return the last line before the next empty line, from the line after `line` on."""
    end = line
    while end < len(document) and _line(document, end + 1).strip():
        end += 1
    return end
