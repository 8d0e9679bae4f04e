"""Works a snippet with elided code into a document by rule, where that leaves no doubt.

A chat assistant shows lines of context, new lines, and `# ... existing code ...` for all the rest.
The context says where; it stays as the document has it, whose comments, commas and white space are
not always repeated exactly. Where two places, or two meanings, are possible there is no answer.
Knows nothing of tokens, words or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from copydecode.edit.program import Copy

NewLines = tuple[str, ...]
"""Lines of new text, without terminators."""

MAX_GONE = 12
"""Not more lines than these go beyond those that a snippet shows in their place."""

MAX_LIKENESS = 0.6
"""A new line this like (`difflib` ratio) the next line of the document may be meant for it."""

SHORTEST = 4
"""Lines of fewer characters, such as brackets, name no place."""

_MARK = r"(?:#|//|/\*+|<!--|\{/\*|--|;|%)"
_COMMENT = re.compile(rf"\s*{_MARK}\s*(?P<text>.*?)\s*(?:\*/\}}?|-->)?\s*")
_DOTS = re.compile(r"[\[(]?\s*(?:\.{3}|\u2026)\s*[\])]?")
_SAYING = r"existing|rest|remain(?:s|ing|der)?|unchanged|unmodified|omitted|elided|same|previous"
_SPEECH = re.compile(
    rf"(?:(?:{_SAYING}|rest of (?:the |this |your )?\w+|stays?|kept|keep|code|lines?|contents?|of"
    r"|the|this|your|other|more|all"
    r"|everything|else|functions?|methods?|class(?:es)?|modules?|files?|body|imports?|logic"
    r"|implementation|definitions?|sections?|here|as|is|are|and|before|above|below|goes)\b\s*)+",
    re.IGNORECASE,
)
_REMARK = re.compile(
    rf"\s+{_MARK}\s*(?:same )?(?:as before|unchanged|existing|no changes?)\s*(?:\*/|-->)?$",
    re.IGNORECASE,
)
_LAST_COMMENT = re.compile(r"(?<=\S)\s+(?:#|//|/\*)\s.*$")
_HEADER = re.compile(
    r"\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:def|class|function\*?)\s+(?P<name>[A-Za-z_$][\w$]*)"
)
_QUOTES = ('"""', "'''", "```", "`")
_END = re.compile(r"(?:return|raise)\b")
_LOOSE = re.compile(r"\s*([=,])\s*")


def is_elision(line: str) -> bool | None:
    """Return whether a line stands for code that was left out, None where it may.

    It is dots, or a comment that says so: "existing code", "... other methods ...".
    """
    comment = _COMMENT.fullmatch(line)
    text = comment["text"] if comment else line.strip()
    if _DOTS.fullmatch(text):
        return True
    dotted = text.startswith(("...", "\u2026", "[...", "(..."))
    if not dotted and comment is None:
        return False
    inner = text.strip(" .,:\u2026()[]")
    says = re.search(rf"\b(?:{_SAYING})\b", inner, re.IGNORECASE) is not None
    if _SPEECH.fullmatch(inner) and (says or dotted or text.startswith(("(", "["))):
        return True
    return None if dotted or says else False


def merge(
    lines: Sequence[str], snippet: Sequence[str], scope: tuple[int, int] | None = None
) -> list[Copy | NewLines] | None:
    """Return the program that works a snippet into a document, None where there is doubt.

    Args:
        lines: the document's, without terminators.
        snippet: its lines, likewise.
        scope: the only lines (1-based and inclusive) that may change; None for all.
    """
    document = [_Line.of(line) for line in lines]
    chunks = _chunks(snippet, {line.text for line in document})
    readings: list[_Reading] = []
    at = 0
    for chunk in chunks:
        reading = _read(chunk, document, at)
        if reading is None or any(_REMARK.search(line) for line in reading.new):
            return None
        readings.append(reading)
        at = reading.end
    hunks = [hunk for reading in readings for hunk in _hunks(reading, lines)]
    first, last = scope or (1, len(lines))
    if not _is_solid([line for chunk in chunks for line in chunk.lines]):
        return None
    if any(hunk.first < first - 1 or hunk.last > last for hunk in hunks):
        return None
    ops: list[Copy | NewLines] = []
    at = 0
    for hunk in [*hunks, _Reading(len(lines), len(lines), (), len(lines))]:
        ops += [Copy(at + 1, hunk.first)] if at < hunk.first else []
        ops += [hunk.new] if hunk.new else []
        at = hunk.last
    return ops


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Lines that a snippet shows together, and the elisions before and behind them, if any."""

    lines: Sequence[str]
    before: str | None
    behind: str | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """New lines in place of those from `first` up to before `last`, counted from 0.

    The chunk that says so stands for what the document has up to before line `end`.
    """

    first: int
    last: int
    new: NewLines
    end: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Where `size` lines of a chunk stand: lines `start` up to before `end` of the document.

    Those are indented by `shift` more; `exact` says that nothing else differs.
    """

    start: int
    end: int
    size: int
    shift: str
    exact: bool

    def shifted(self, lines: Sequence[str]) -> NewLines:
        """Return lines of the chunk, indented as the document's are."""
        return tuple(self.shift + line if line.strip() else line for line in lines)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the document: its white space in front, its text, and that as it is compared."""

    indent: str
    text: str
    keys: frozenset[str]

    @classmethod
    def of(cls, line: str) -> _Line:
        text = line.strip()
        keys = {_key(text), _key(_LAST_COMMENT.sub("", text))}
        return cls(_indent(line), text, frozenset(keys))

    def is_repeated_by(self, shown: str) -> bool:
        """Return whether a line of a snippet is this one; where that has more, it is a change."""
        text = _REMARK.sub("", shown.strip())
        return text == self.text or (len(text) < len(self.text) and _key(text) in self.keys)

    def shift(self, shown: str) -> str | None:
        """Return what a line of a snippet lacks of the indentation, None where it has another."""
        indent = _indent(shown)
        return self.indent.removesuffix(indent) if self.indent.endswith(indent) else None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _width(line: str) -> int:
    return len(_indent(line))


def _key(text: str) -> str:
    return _LOOSE.sub(r"\1", text).rstrip(",;")


def _is_solid(lines: Sequence[str]) -> bool:
    return any(len(line.strip()) >= SHORTEST for line in lines)


def _chunks(snippet: Sequence[str], known: set[str]) -> list[_Chunk]:
    """Return what a snippet shows between elisions; nothing where it is in doubt what one is.

    A line that says so and stands in the document, too, may be shown or not.
    """
    found: list[_Chunk] = []
    begin, before = 0, None
    for number, line in enumerate([*snippet, "..."]):
        ends = number == len(snippet)
        elided, stands = is_elision(line), _REMARK.sub("", line.strip()) in known
        if not ends and ((elided and stands) or (elided is None and not stands)):
            return []
        if not elided:
            continue
        solid = [k for k in range(begin, number) if snippet[k].strip()]
        if solid:
            found.append(_Chunk(snippet[solid[0] : solid[-1] + 1], before, None if ends else line))
        begin, before = number + 1, line
    return found


def _read(chunk: _Chunk, document: Sequence[_Line], at: int) -> _Reading | None:
    """Return what a chunk means for the lines from `at` on, None where that is in doubt."""
    return _located(chunk, document, at) or _redefined(chunk, document, at)


def _redefined(chunk: _Chunk, document: Sequence[_Line], at: int) -> _Reading | None:
    """Return that a chunk is a whole definition, in place of the only one of its name.

    It is whole where all lines are deeper than its first, and what is left out behind it is not.
    Behind a first line that stays and an elision the rest may be new lines as well as a new body.
    """
    header = _HEADER.match(chunk.lines[0])
    if header is None or not _is_body(chunk.lines, len(_indent(chunk.lines[0]))):
        return None
    if chunk.behind and len(_indent(chunk.behind)) > len(_indent(chunk.lines[0])):
        return None
    same = [
        number
        for number, line in enumerate(document)
        if (other := _HEADER.match(line.text)) and other["name"] == header["name"]
    ]
    if len(same) != 1 or same[0] < at:
        return None
    start = same[0]
    elided = chunk.before is not None or chunk.behind is not None
    if elided and document[start].is_repeated_by(chunk.lines[0]):
        return None
    end = _end(document, start)
    gone = document[start:end]
    shift = gone[0].shift(chunk.lines[0])
    if shift is None or len(gone) > MAX_GONE + len(chunk.lines):
        return None
    shown = [shift + line if line.strip() else line for line in chunk.lines]
    new = tuple(_as_it_is(shown, gone)) if _is_balanced(shown, ()) else None
    return None if new is None else _Reading(start, end, new, end)


def _end(document: Sequence[_Line], start: int) -> int:
    """Return where the definition ends that begins with line `start`."""
    width, end = len(document[start].indent), start + 1
    for number, line in enumerate(document[start + 1 :], start + 2):
        if line.text and not _is_inside(line.indent, line.text, width):
            break
        end = number if line.text else end
    return end


def _as_it_is(shown: Sequence[str], gone: Sequence[_Line]) -> Iterator[str]:
    """Yield the lines shown; those that repeat one of the document's are as that is."""
    left = list(gone)
    for text in shown:
        known = next((k for k, line in enumerate(left) if line.is_repeated_by(text)), None)
        if known is None or left[known].shift(text):
            yield text
        else:
            yield left[known].indent + left[known].text
            del left[: known + 1]


def _is_body(lines: Sequence[str], width: int) -> bool:
    """Return whether lines are a header of this indentation and at least one line inside."""
    inside = [line for line in lines[1:] if line.strip()]
    return bool(inside) and all(_is_inside(_indent(x), x.strip(), width) for x in inside)


def _is_inside(indent: str, text: str, width: int) -> bool:
    """Return whether a line belongs to what begins at an indentation, as its last bracket does."""
    return len(indent) > width or (len(indent) == width and text.startswith((")", "]", "}")))


def _located(chunk: _Chunk, document: Sequence[_Line], at: int) -> _Reading | None:
    """Return what a chunk means that begins with lines of the document."""
    heads = list(_heads(chunk.lines, document, at))
    longest = max((head.size for head in heads), default=0)
    heads = [head for head in heads if head.size == longest]
    if longest == len(chunk.lines):  # All of it is there: what follows is behind the first such.
        end = heads[0].end
        return _Reading(end, end, (), end) if heads[0].exact else None
    if len(heads) == 1 and _is_solid(chunk.lines[:longest]):
        return _read_behind(heads[0], chunk, document)
    return _on_top(chunk, document) if not heads and chunk.before is None else None


def _read_behind(head: _Run, chunk: _Chunk, document: Sequence[_Line]) -> _Reading | None:
    """Return what a chunk means whose first lines, but not all, stand in one place."""
    rest = chunk.lines[head.size :]
    tail = _tail(rest, document, head)
    if tail is None:
        return _added(chunk, rest, document, head)
    new = head.shifted(rest[: len(rest) - tail.size])
    span = _span(document, head.end, tail.start, keep=bool(new))
    if span is None:
        return None
    gone = document[slice(*span)]
    solid = not gone or _is_solid(rest[len(new) :])
    above, below = document[head.end - 1], document[tail.start]
    if not _may_go(gone, new, above.indent if above.text else below.indent, below.indent):
        return None if solid else _added(chunk, rest, document, head)
    if not solid and _is_balanced(rest, ()):
        return None  # The last line may be a new bracket, and nothing goes.
    return _Reading(*span, new, tail.end)


def _may_go(gone: Sequence[_Line], new: Sequence[str], above: str, below: str) -> bool:
    """Return whether lines may go for new ones: not many, and of the same block, brackets even.

    `above` and `below` are how the lines beside them are indented.
    """
    if len(gone) > MAX_GONE + len(new):
        return False
    around = [_width(line) for line in new if line.strip()] or [len(above)]
    floor = min(*around, len(below))
    outside = any(len(line.indent) < floor for line in gone if line.text)
    return not gone or (not outside and _is_balanced(new, [line.text for line in gone]))


def _heads(shown: Sequence[str], document: Sequence[_Line], at: int) -> Iterator[_Run]:
    """Yield where the first lines of a chunk stand, as many as stand there."""
    for start in range(at, len(document)):
        shift = document[start].shift(shown[0])
        if shift is not None and document[start].is_repeated_by(shown[0]):
            wide, size, exact = _matching(_from(document, start, len(document)), shown, shift)
            yield _Run(start, start + wide, size, shift, exact)


def _tail(shown: Sequence[str], document: Sequence[_Line], head: _Run) -> _Run | None:
    """Return where the last lines of a chunk stand: most of them, in the nearest place."""
    found: _Run | None = None
    for end in range(head.end + 1, len(document) + 1):
        if document[end - 1].is_repeated_by(shown[-1]):
            wide, size, exact = _matching(
                _from(document, end - 1, head.end - 1), shown[::-1], head.shift
            )
            if size > (found.size if found else 0):
                found = _Run(end - wide, end, size, head.shift, exact)
    return found


def _from(document: Sequence[_Line], begin: int, end: int) -> Iterator[_Line]:
    """Yield lines on the way from `begin` to before `end`, which may be above."""
    return (document[k] for k in range(begin, end, 1 if begin <= end else -1))


def _matching(document: Iterable[_Line], shown: Sequence[str], shift: str) -> tuple[int, int, bool]:
    """Return how many lines of the document the first ones shown are, and how many those are.

    Empty lines of the document need not be shown. The third says that nothing differs but `shift`.
    """
    wide = size = 0
    exact = True
    for number, line in enumerate(document):
        if size == len(shown):
            break
        text = shown[size]
        if line.is_repeated_by(text) and (not line.text or line.shift(text) == shift):
            exact = exact and number == wide and text.strip() == line.text
            wide, size = number + 1, size + 1
        elif line.text:
            break
    return wide, size, exact


def _span(
    document: Sequence[_Line], first: int, last: int, *, keep: bool
) -> tuple[int, int] | None:
    """Return which lines between those shown go, None where that is in doubt.

    Empty lines at their ends are more of those shown beside them, or are to `keep`; else they go
    with the lines where one is shown on the other side.
    """
    solid = [k for k in range(first, last) if document[k].text]
    if not solid:
        return (first, last) if first == last else None
    above, below = not document[first - 1].text, not document[last].text
    while above and first < last and not document[first].text:
        first += 1
    while below and first < last and not document[last - 1].text:
        last -= 1
    if keep:
        return solid[0], solid[-1] + 1
    lost = (solid[0] > first and not below) or (solid[-1] + 1 < last and not above)
    return None if lost else (first, last)


def _added(
    chunk: _Chunk, rest: Sequence[str], document: Sequence[_Line], head: _Run
) -> _Reading | None:
    """Return that the rest of a chunk stands behind its first lines, if it may not replace any."""
    follow = [line.text for line in document[head.end :] if re.search(r"\w", line.text)]
    texts = [line.strip() for line in rest]
    if (head.end < len(document) and chunk.behind is None) or not _is_balanced(rest, ()):
        return None
    body = _width(rest[0])
    if _END.match(texts[-1]) and _width(rest[-1]) == body > _width(chunk.behind or ""):
        return None  # All of a block is shown, up to its end: that may be new altogether.
    if not set(texts).isdisjoint(follow[: len(texts)]):  # Indented anew, or in another order.
        return None
    if follow and SequenceMatcher(None, texts[0], follow[0]).ratio() > MAX_LIKENESS:
        return None
    return _Reading(head.end, head.end, head.shifted(rest), head.end)


def _on_top(chunk: _Chunk, document: Sequence[_Line]) -> _Reading | None:
    """Return that a snippet's first lines come before the document's first one, which it shows."""
    tail = _tail(chunk.lines, document, _Run(0, 0, 0, "", exact=True))
    if tail is None or tail.start > 0:
        return None
    new = tuple(chunk.lines[: len(chunk.lines) - tail.size])
    return _Reading(0, 0, new, tail.end) if _is_balanced(new, ()) else None


def _is_balanced(new: Sequence[str], gone: Sequence[str]) -> bool:
    """Return whether new lines leave as many brackets and quotes open as those that go."""
    return _left_open(new) == _left_open(gone)


def _left_open(lines: Sequence[str]) -> tuple[int, ...]:
    text = "".join(line for line in lines if not _COMMENT.fullmatch(line))
    brackets = [text.count(a) - text.count(b) for a, b in ("()", "[]", "{}")]
    return (*brackets, *(text.count(quote) % 2 for quote in _QUOTES))


def _hunks(reading: _Reading, lines: Sequence[str]) -> Iterator[_Reading]:
    """Yield what a reading changes: lines that stay between others are no part of that."""
    old, new = lines[reading.first : reading.last], reading.new
    first = at = 0
    for a, b, size in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        if size and not _is_solid(old[a : a + size]):
            continue
        if first < a or at < b:
            begin, end = reading.first + first, reading.first + a
            yield _Reading(begin, end, new[at:b], end)
        first, at = a + size, b + size
