"""What a line of Python may have been before something in it was forgotten, doubled or misspelt.

Each slip gives the lines that a line may come from, the likeliest first; which of them it is a
parser says. Knows nothing of messages and documents.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from copydecode.fixes.part import width

WORD = re.compile(r"\b[^\W\d]\w*\b")

_TEXT = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_STRING = re.compile(rf"[rRbBfFuU]{{0,2}}(?:{_TEXT})")
_TOKEN = re.compile(rf"[^\W\d]\w*|\d[\w.]*|{_TEXT}|\*\*|//|->|:=|[=!<>+\-*/%&|^@]=|<<|>>|\.\.\.|\S")
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*\b(?!\s*[(\[])")
_ASSIGNED = re.compile(r"(?<![=!<>:+\-*/%&|^@])=(?!=)")

_ALIKE = 0.6
"""A keyword that a word is at least so like (difflib's ratio) may be meant: `dfe` and `def`."""

_NO_SLIPS = frozenset({*keyword.kwlist, "print", "exec", "self", "cls"})
"""Words that are meant as they stand."""

_FOREIGN = (
    *((r"&&", "and"), (r"\|\|", "or"), (r"!(?!=)", "not ")),
    *((r"\b(?:else ?if|elsif)\b", "elif"), (r"\botherwise\b", "else"), (r"\bswitch\b", "match")),
    *((r"\bcatch\b", "except"), (r"\bthrow\b", "raise"), (r"\bdelete\b", "del")),
    *((r"\b(?:function|func|fn)\b", "def"), (r"\bforeach\b", "for"), (r"\bof\b", "in")),
    *((r"\bnull\b", "None"), (r"\b(?:new|let|const|var) ", "")),
)
"""What other languages write, and Python's word for it."""


_BLOCKS = "if|elif|else|for|while|with|try|except|finally|async|def|class|match|case"


@dataclass(frozen=True, slots=True)
class Place:
    """A line, and the lines `above` and `below` it."""

    line: str
    above: Sequence[str]
    below: Sequence[str]


@dataclass(frozen=True, slots=True)
class Slip:
    """Something that is easily done wrong: how it is told of, and what the line may have been.

    What `closes` a bracket has to let all behind it parse: it may be closed further down.
    """

    told: re.Pattern[str]
    origins: Callable[[Place], Iterator[str]]
    closes: bool = False


def _indentation(place: Place) -> Iterator[str]:
    """Yield the line with the indentations around it, that of the line above first."""
    above = [line for line in reversed(place.above) if line.strip()]
    below = [line for line in place.below if line.strip()]
    near = [line[: width(line)] for line in (*above[:1], *below[:1], *above[1:])]
    if above and above[0].rstrip().endswith(":"):
        deeper = below[:1] if below and width(below[0]) > width(above[0]) else []
        near.insert(0, deeper[0][: width(deeper[0])] if deeper else near[0] + " " * 4)
    own = place.line[: width(place.line)]
    leaves = re.match(r"\s*(?:return|raise|continue|break)\b", above[0]) if above else None
    dead = above[0][: width(above[0])] if leaves else None
    if not (above and above[0].rstrip().endswith(":")):
        near.sort(key=lambda indent: abs(len(indent) - len(own)))
    for indent in (*near, own + " " * 4, own[:-4]):
        if indent not in {own, dead}:
            yield indent + place.line.lstrip()


def _keyword(place: Place) -> Iterator[str]:
    """Yield the line with a word as Python has it, first those that other languages have."""
    line = place.line
    code = _STRING.sub(lambda match: "\0" * len(match[0]), line)
    for foreign, own in _FOREIGN:
        for match in re.finditer(foreign, code):
            yield line[: match.start()] + own + line[match.end() :]
    known = {word for other in (*place.above, *place.below) for word in WORD.findall(other)}
    for match in WORD.finditer(code):
        if match[0] in _NO_SLIPS or match[0] in known:
            continue
        alike = get_close_matches(match[0], keyword.kwlist, n=2, cutoff=_ALIKE)
        swapped = [word for word in keyword.kwlist if sorted(word) == sorted(match[0])]
        for near in dict.fromkeys([*swapped, *alike]):
            yield line[: match.start()] + near + line[match.end() :]


def _not_closed(place: Place) -> Iterator[str]:
    for at in _ends(place.line):
        for sign in ")]}":
            yield place.line[:at] + sign + place.line[at:]


def _colon(place: Place) -> Iterator[str]:
    """Yield the line with one more colon: at its end, or where a block or a dictionary has one."""
    line, code = place.line, _code(place.line)
    heads = re.match(rf"\s*(?:{_BLOCKS})\b", code) is not None
    for at in _ends(line):
        before = _STRING.sub("", line[:at])
        opened = sum(map(before.count, "{[")) > sum(map(before.count, "}]"))
        if at == len(code) or (heads and "(" not in before) or opened or "lambda" in before:
            yield line[:at] + ":" + line[at:]


def _comma(place: Place) -> Iterator[str]:
    """Yield the line with one more comma, within brackets and not behind a string's prefix."""
    line = place.line
    opened = next((other for other in reversed(place.above) if other.strip()), "")
    continued = opened.rstrip().endswith(("(", "[", "{", ","))
    for at in _ends(line):
        before = _STRING.sub("", line[:at])
        depth = sum(before.count(sign) for sign in "([{") - sum(before.count(s) for s in ")]}")
        if (depth > 0 or continued) and line[at : at + 1] not in {'"', "'"}:
            yield line[:at] + "," + line[at:]


def _closed_twice(place: Place) -> Iterator[str]:
    for match in reversed([*re.finditer(r"[)\]}]", place.line)]):
        origin = place.line[: match.start()] + place.line[match.end() :]
        if not re.fullmatch(r"\s*[\w.]+\s*", origin):  # That would do nothing: it was called.
            yield origin


def _closed_by_another(place: Place) -> Iterator[str]:
    for match in reversed([*re.finditer(r"[)\]}]", place.line)]):
        for sign in ")]}":
            yield place.line[: match.start()] + sign + place.line[match.end() :]


def _quote(place: Place) -> Iterator[str]:
    """Yield the line with one more quote, of the kind that has no partner.

    First where strings end or begin, and no word of a text is left that the other lines do not
    know: `print("Hello, world)` has one string, `get("key, default)` has an argument behind it.
    """
    line = place.line
    known = {word for other in (*place.above, *place.below) for word in WORD.findall(other)}
    places = {match.start() for match in re.finditer(r"\b|(?<=\S)(?=[\s,)\]}:.]|$)", line)}
    places |= {*_ends(line), *(match.start() for match in _TOKEN.finditer(line))}
    places |= {match.end() for match in re.finditer(r"\b[fF](?=[^\"']*\{)", line)}

    def rank(quote: str, at: int) -> tuple[bool, int, int]:
        begins = line[:at].count(quote) % 2 == 0
        if begins:
            before = r"(?:^\s*|[(\[{]|[=,:]\s*|\breturn )[fF]?$"
            usual = re.search(before, line[:at]) is not None
        else:
            behind = r"[)\]},:.]|\s*(?:$|#)|\s+(?:if|for|in|and|or|not)\b"
            usual = re.match(behind, line[at:]) is not None
        code = _STRING.sub("", line[:at] + quote + line[at:]).partition("#")[0]
        words = _NAME.findall(code)
        unknown = sum(word not in known and not keyword.iskeyword(word) for word in words)
        return not usual, unknown, -at if begins else at

    for quote in "\"'":
        if line.count(quote) % 2:
            for at in sorted(places, key=lambda at: rank(quote, at)):
                # Two quotes in a row would be an empty text, or one that ends and begins at once.
                if quote not in {line[at - 1 : at], line[at : at + 1]}:
                    yield line[:at] + quote + line[at:]


def _compared_by_one_sign(place: Place) -> Iterator[str]:
    """Yield the line with a comparison in place of an assignment, where a condition stands."""
    if not re.match(r"\s*(?:if|elif|while|assert|return|not)\b|.*\bif\b", place.line):
        return
    for match in _ASSIGNED.finditer(place.line):
        yield place.line[: match.start()] + "==" + place.line[match.end() :]


def _ends(line: str) -> list[int]:
    """Return behind which characters something may be missing, from the right."""
    return sorted({match.end() for match in _TOKEN.finditer(_code(line))}, reverse=True)


def _code(line: str) -> str:
    """Return the line without its comment."""
    for match in re.finditer("#", line):
        if not re.search("[\"']", _STRING.sub("", line[: match.start()])):
            return line[: match.start()].rstrip()
    return line


SLIPS = tuple(
    Slip(re.compile(told), origins, closes=origins is _not_closed)
    for told, origins in (
        (r"indent", _indentation),
        (r"typo|keyword|misspel|\?$", _keyword),
        (r"comma\b|`,`", _comma),
        (r"':'|`:`|\":\"|\":|\bcolon", _colon),
        (r"unmatched|too many|extra|a statement", _closed_twice),
        (r"not match|wrong bracket", _closed_by_another),
        (
            r"closed|bracket|parenthes|(?:missing|expected) .?[)\]}]",
            _not_closed,
        ),
        (r"string|quote", _quote),
        (r"==|compar", _compared_by_one_sign),
    )
)
"""Where a message tells of none of them, they are likely in this order."""
