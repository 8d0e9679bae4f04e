"""Where the texts that an instruction speaks of stand among the lines that the model sees.

"Rename `reslut` to `result`" is easy to carry out for one who is told that `reslut` stands in lines
3, 7 and 12, and a model of a few million parameters looks up names badly. So a search does it: each
quoted text, each name of the document and each line of a fenced block is followed, or preceded, by
the numbers of its lines in the prompt. What to make of them is the model's choice. Knows nothing of
tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from copydecode.decode.window import prose

MAX_LINES = 12
"""At most so many numbers are given for one text."""

MAX_NOTES = 24
"""At most so many texts of an instruction are looked up."""

MAX_BLOCK_LINES = 3
"""A line of a block that stands in more lines than this says nothing about its place."""

MIN_LIKENESS = 0.75
"""Lines of a block less like a line of the document than this (`difflib` ratio) are new."""

_QUOTED = re.compile(
    r"`(?P<a>[^`\n]+)`|(?<!\w)'(?P<b>[^'\n]+)'(?!\w)|\"(?P<c>[^\"\n]+)\""
    r"|\u2018(?P<d>[^\u2019\n]+)\u2019|\u201c(?P<e>[^\u201d\n]+)\u201d"
)
_QUOTES = frozenset("`'\"\u2019\u201d")
_WORD = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_SHORTEST_LINE = 6
_SHORTEST_NAME = 3

_SPEECH_WORDS = (
    "a above add after all already an and any apply are argument as assigned at be because before "
    "being below between block bottom but by call called can change class code comment consider "
    "contain containing contains copy could defined delete did directly do does double drop "
    "duplicate each end error every everything expected file find fix following for found from "
    "function give given has have here if import imported in including insert instead into is it "
    "its keep last leave like line lines list local make mean mentions method missing more move "
    "must name named never new not nothing occurs of on only or out over place please possible put "
    "read reads redefinition remove rename repeat replace rest return rewrite same says selected "
    "selection should snippet so some start statement syntax takes text that the their them then "
    "there these this those through to too top turn type undefined unexpected unused up use used "
    "using value variable was we where which while with within without word write wrong you"
)
_SPEECH = frozenset(_SPEECH_WORDS.split())
"""Words that instructions are made of: looked up only where they are quoted."""


@dataclass(frozen=True, slots=True)
class Note:
    """The lines of one text, by their numbers, rising; none where it stands nowhere.

    The text begins at the instruction's character `start`, and the note belongs before character
    `at`: behind a text in words, before a line of a block. `exact` is false where the lines are
    only like the text.
    """

    start: int
    at: int
    lines: tuple[int, ...]
    exact: bool = True

    def __str__(self) -> str:
        """Return what a prompt says: `3,7`, `~3` for a line that is only alike, `-` for none."""
        numbers = ",".join(map(str, self.lines[:MAX_LINES]))
        more = ",.." if len(self.lines) > MAX_LINES else ""
        return f"{'' if self.exact else '~'}{numbers or '-'}{more}"


def notes(instruction: str, lines: Sequence[str]) -> list[Note]:
    """Return where the texts of an instruction stand in `lines`, in the order of their places.

    Quoted texts come with a note also where they are not found. A name that is not quoted is one
    that the lines hold and that instructions are not made of; a line that is not quoted is one that
    the instruction holds whole.
    """
    words = prose(instruction)
    bare = [line.strip() for line in lines]
    found = [*_quoted(words, bare)]
    found += _names(words, bare, [(note.start, note.at) for note in found])
    found.sort(key=lambda note: note.at)
    found += _of_block(instruction, len(words), bare, fuzzy=True)
    return found[:MAX_NOTES]


def spoken_of(instruction: str, lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the first and the last line that hold what an instruction speaks of.

    Names that are not quoted count where nothing else is found. None where nothing is.
    """
    words = prose(instruction)
    bare = [line.strip() for line in lines]
    found = [*_quoted(words, bare), *_of_block(instruction, len(words), bare, fuzzy=False)]
    if not any(note.lines for note in found):
        found = [*_names(words, bare, [])]
    numbers = [number for note in found for number in note.lines]
    return (min(numbers), max(numbers)) if numbers else None


def _quoted(words: str, bare: Sequence[str]) -> Iterator[Note]:
    """Yield a note at each line of the document in the words, and at each quoted text."""
    taken: list[tuple[int, int]] = []
    for start, end in whole_lines(words, bare):
        behind = end + (words[end : end + 1] in _QUOTES)
        taken.append((start - 1, behind))
        yield Note(start, behind, _standing(words[start:end], bare))
    for match in _QUOTED.finditer(words):
        start, end = match.span()
        if not any(a < end and start < b for a, b in taken):
            text = match[match.lastgroup or 0].strip()
            if any(map(str.isalnum, text)):  # "expected ':'" is about no line with a colon.
                yield Note(start, end, _standing(text, bare))


def _names(words: str, bare: Sequence[str], taken: Sequence[tuple[int, int]]) -> Iterator[Note]:
    """Yield a note at each name of the document in the words, but in the places that are taken.

    Behind "rename" any word is a name.
    """
    before = ""
    for match in _WORD.finditer(words):
        name, (start, end) = match[0], match.span()
        known, before = before == "rename", name.lower()
        if not known and (len(name) < _SHORTEST_NAME or name.lower() in _SPEECH):
            continue
        if any(a < end and start < b for a, b in taken):
            continue
        if numbers := _standing(name, bare):
            yield Note(start, end, numbers)


def _standing(text: str, bare: Sequence[str]) -> tuple[int, ...]:
    """Return the lines that are a text; else those that hold it, a name as a whole word.

    Of a dotted name that stands nowhere ("'typing.Any' imported but unused") the last part counts.
    """
    whole = tuple(k for k, line in enumerate(bare, 1) if line == text)
    if whole or not text:
        return whole
    if _WORD.fullmatch(text):
        pattern = re.compile(rf"\b{re.escape(text)}\b")
        return tuple(k for k, line in enumerate(bare, 1) if pattern.search(line))
    inside = tuple(k for k, line in enumerate(bare, 1) if text in line)
    if not inside and _DOTTED.fullmatch(text):
        return _standing(text.rsplit(".", maxsplit=1)[-1], bare)
    return inside


def whole_lines(words: str, bare: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where lines of the document stand in the words, longer ones first, none twice."""
    spans: list[tuple[int, int]] = []
    for line in sorted({x for x in bare if len(x) >= _SHORTEST_LINE}, key=lambda x: (-len(x), x)):
        start = words.find(line)
        if start >= 0 and not any(a < start + len(line) and start < b for a, b in spans):
            spans.append((start, start + len(line)))
            yield spans[-1]


def _of_block(instruction: str, start: int, bare: Sequence[str], *, fuzzy: bool) -> Iterator[Note]:
    """Yield a note at each line of a fenced block that stands in the document or is like one."""
    known = [line for line in dict.fromkeys(bare) if len(line) >= _SHORTEST_LINE]
    at, inside = start, False
    for text in instruction[start:].splitlines(keepends=True):
        line = text.strip()
        if line.startswith("```"):
            inside = not inside
        elif inside and len(line) >= _SHORTEST_NAME:
            numbers = tuple(k for k, other in enumerate(bare, 1) if other == line)
            if 1 <= len(numbers) <= MAX_BLOCK_LINES:
                yield Note(at, at, numbers)
            elif (
                fuzzy and not numbers and (like := get_close_matches(line, known, 1, MIN_LIKENESS))
            ):
                numbers = tuple(k for k, other in enumerate(bare, 1) if other == like[0])
                yield Note(at, at, numbers[:MAX_BLOCK_LINES], exact=False)
        at += len(text)
