"""Edits of Markdown: words, versions and links; lists; headings and sections; what linters say.

Places are named by their words, as people do ("the section Usage", "the list under Options").
Makers are like those of `tasks` and `mistakes`. Of the grammar they know headings, items on one
line, links and fences. Knows nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.edit.program import Copy, Op, Program
from copydecode.training.languages import MARKDOWN
from copydecode.training.mistakes import Maker as PutIn
from copydecode.training.mistakes import Mistake, Undo, misspell
from copydecode.training.snippets import Hunk, splice
from copydecode.training.tasks import (
    FENCE,
    NAME,
    Case,
    Lines,
    Maker,
    Material,
    by_line,
    code_names,
    replace_lines,
)

_HEADING = re.compile(r"(#{1,6}) +(\S.*?)(?: #+)?$")
_ITEM = re.compile(r"( *)([-*+]|(\d+)([.)])) +(\S.*)$")
_LINK = re.compile(r"(?<!!)\[([^\]\[]{2,40})\]\((https?://[^)\s]+|[\w./#-]+)\)")
_URL = re.compile(r"https?://[^\s)>\]\"'`,]+[\w/]")
_VERSION = re.compile(r"(?<![\w./-])v?\d+\.\d+(?:\.\d+)?(?![\w.]*\w)")

_LONGEST_QUOTE = 70
"""Lines longer than this are not quoted whole: nobody would."""


# Words, versions, links.


def change(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Put one word, version or link in the place of another, everywhere."""
    ways = (_new_version, _new_version, _new_link, _new_target, _new_word, _new_word)
    found = rng.choice(ways)(lines, rng, material)
    if found is None:
        return None
    words, mention, changed = found
    if changed == list(lines):
        return None
    first = next(k for k, (a, b) in enumerate(zip(lines, changed, strict=True), 1) if a != b)
    return Case("md-change", words, None, by_line(lines, changed), ((mention, first),))


_Found = tuple[str, str, list[str]]


def _replaced(lines: Lines, old: str, new: str) -> list[str]:
    pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
    return [pattern.sub(lambda _: new, line) for line in lines]


def _new_version(lines: Lines, rng: Random, _material: Material) -> _Found | None:
    versions = [m[0] for line in lines for m in _VERSION.finditer(line)]
    if not versions:
        return None
    old = rng.choice(versions)
    numbers = [int(n) for n in re.findall(r"\d+", old)]
    at = rng.randrange(len(numbers))
    numbers = [n + (k == at) if k <= at else 0 for k, n in enumerate(numbers)]
    new = "v" * old.startswith("v") + ".".join(map(str, numbers))
    if sum(old in line for line in lines) > 4 or any(new in line for line in lines):  # noqa: PLR2004  # keeps gold short
        return None
    ways = [
        f"Replace {_quoted(old, rng)} by {_quoted(new, rng)}",
        f"Update {old} to {new}",
        f"Change version {old} to {new}",
        f"bump {old} to {new}",
        f"{_quoted(old, rng)} should be {_quoted(new, rng)}",
    ]
    changed = _replaced(lines, old, new)
    return rng.choice(ways), old, changed


def _new_link(lines: Lines, rng: Random, material: Material) -> _Found | None:
    """Change where an address leads to."""
    urls = [m[0] for line in lines for m in _URL.finditer(line)]
    if not urls:
        return None
    old = rng.choice(urls)
    if any(old in other and old != other for other in urls):  # It would be part of a longer one.
        return None
    new = _other_url(old, rng, material)
    if sum(old in line for line in lines) > 3 or new == old:  # noqa: PLR2004  # keeps gold short
        return None
    ways = [
        f"Replace the link {old} by {new}",
        f"Change {old} to {new}",
        f"Replace {_quoted(old, rng)} with {_quoted(new, rng)}",
        f"The address {old} has moved to {new}",
    ]
    return rng.choice(ways), old, [line.replace(old, new) for line in lines]


def _other_url(old: str, rng: Random, material: Material) -> str:
    head, _, tail = old.rstrip("/").rpartition("/")
    word = rng.choice(material.names).lower()
    if head.endswith("/"):
        return f"{head}{word}.org/"
    return rng.choice((f"{head}/{word}", f"{head}/{tail}/{word}", f"{head}/{word}/{tail}"))


def _new_target(lines: Lines, rng: Random, material: Material) -> _Found | None:
    """Change where a link leads to that is named by its text, or its text."""
    links = [(k, m) for k, line in enumerate(lines) for m in _LINK.finditer(line)]
    links = [(k, m) for k, m in links if sum(m[1] in line for line in lines) == 1]
    if not links:
        return None
    number, match = rng.choice(links)
    line = lines[number]
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        new = (
            _other_url(match[2], rng, material)
            if "/" in match[2]
            else f"{rng.choice(material.names)}.md"
        )
        words = rng.choice(
            ("Point the link {} to {}", "Let the link {} lead to {}", "Link {} to {}")
        )
        changed = line[: match.start(2)] + new + line[match.end(2) :]
    else:
        new = " ".join(rng.sample(material.names, 2))
        words = rng.choice(("Rename the link {} to {}", "Change the text of the link {} to {}"))
        changed = line[: match.start(1)] + new + line[match.end(1) :]
    rest = [*lines[:number], changed, *lines[number + 1 :]]
    return words.format(_quoted(match[1], rng), _quoted(new, rng)), match[1], rest


def _new_word(lines: Lines, rng: Random, material: Material) -> _Found | None:
    counts: dict[str, int] = {}
    for line in lines:
        for name in set(NAME.findall(line)):
            counts[name] = counts.get(name, 0) + 1
    choices = [
        name
        for line in lines
        for name in (m[0] for m in code_names(line, MARKDOWN))
        if counts[name] <= 3 and len(name) > 3 and name.lower() not in MARKDOWN.reserved  # noqa: PLR2004  # keeps gold short
    ]
    if not choices:
        return None
    old, new = rng.choice(choices), rng.choice(material.names)
    if new in counts or sum(old in line for line in lines) != counts[old]:
        return None
    pattern = re.compile(rf"\b{old}\b")
    ways = [
        f"Replace {_quoted(old, rng)} by {_quoted(new, rng)}",
        f"Replace the word {_quoted(old, rng)} with {_quoted(new, rng)}",
        f"Say {_quoted(new, rng)} instead of {_quoted(old, rng)}",
        f"Change {old} to {new} everywhere",
    ]
    words = rng.choice(ways)
    # The one to be found comes first in all but one of the ways.
    return words, old, [pattern.sub(new, line) for line in lines]


# Lists.


@dataclass(frozen=True, slots=True)
class _List:
    """Items of one line each in lines `first..last`, all with the same indentation and marker."""

    first: int
    last: int
    indent: str
    marker: str
    gap: str

    def item(self, text: str, number: int) -> str:
        """Return a line of the list; `number` is its place, from 0."""
        if self.marker in "-*+":
            return f"{self.indent}{self.marker}{self.gap}{text}"
        begun = int(self.marker[:-1])
        return f"{self.indent}{begun + number}{self.marker[-1]}{self.gap}{text}"


def _lists(lines: Lines) -> Iterator[_List]:
    """Yield the lists with at least two items, none of them in a fence, numbered ones in order."""
    outside = _outside(lines)
    number = 1
    while number <= len(lines):
        match = _ITEM.match(lines[number - 1]) if outside[number - 1] else None
        last = number
        while match and last < len(lines) and (other := _ITEM.match(lines[last])):
            step = last - number + 1
            follows = other[2] == match[2]
            if match[3]:
                follows = (
                    bool(other[3])
                    and int(other[3]) == int(match[3]) + step
                    and match[4] == other[4]
                )
            if not follows or other[1] != match[1]:
                break
            last += 1
        ended = last == len(lines) or not lines[last].startswith(
            ((match[1] if match else "") + "  ", "\t")
        )
        if match and last > number and ended:
            gap = lines[number - 1][match.end(2) : match.start(5)]
            yield _List(number, last, match[1], match[2], gap)
        number = last + 1


def list_item(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Add an item to a list, before or behind another or at an end, or take one out.

    What follows in a numbered list gets its new number.
    """
    found = list(_lists(lines))
    if not found:
        return None
    items = rng.choice(found)
    texts = [_text_of(lines[k - 1]) for k in range(items.first, items.last + 1)]
    at = rng.randrange(len(texts))
    quote = _part(texts[at], lines, rng)
    if quote is None:
        return None
    mention = (quote, items.first + at)
    new = _item_text(rng, material)
    match rng.randrange(4):
        case 0:
            if len(texts) < 3:  # noqa: PLR2004  # one item is no list
                return None
            del texts[at]
            what = rng.choice(("the item", "the list item", "the bullet point", "the point about"))
            words = f"{rng.choice(('Remove', 'Delete', 'Drop'))} {what} {_quoted(quote, rng)}"
        case 1 if (heading := _heading_above(lines, items, found)) is not None:
            number, title = heading
            texts.append(new)
            mention = (title, number)
            verb = rng.choice(("Add", "add", "Append"))
            words = rng.choice(
                (
                    f"{verb} {_quoted(new, rng)} to the list under {_quoted(title, rng)}",
                    f"{verb} the item {_quoted(new, rng)} at the end of the list under {title}",
                    f"{verb} to the list in {title}: {new}",
                )
            )
        case _:
            before = rng.random() < 0.4  # noqa: PLR2004  # most stand behind
            texts.insert(at + (not before), new)
            where = rng.choice(("before", "above")) if before else rng.choice(("after", "below"))
            what = rng.choice(("a list item", "an item", "a bullet point", "the item", "a point"))
            verb = rng.choice(("Add", "Insert", "add"))
            other = _quoted(quote, rng)
            words = rng.choice(
                (
                    f"{verb} {what} {_quoted(new, rng)} {where} {other}",
                    f"{verb} {what} {where} {other}: {new}",
                )
            )
    wanted = [items.item(text, k) for k, text in enumerate(texts)]
    hunks = _differences(lines, items.first, items.last, wanted)
    return Case("md-list", words, None, splice(lines, hunks), (mention,))


def _text_of(line: str) -> str:
    match = _ITEM.match(line)
    return match[5] if match else ""


def _item_text(rng: Random, material: Material) -> str:
    """Return the text of an item of another list, or a new one."""
    for _ in range(10):
        match = _ITEM.match(rng.choice(material.lines))
        if match and FENCE not in match[5]:
            return match[5]
    return f"`{rng.choice(material.names)}`: {' '.join(rng.sample(material.names, 3))}"


def _heading_above(lines: Lines, items: _List, others: Sequence[_List]) -> tuple[int, str] | None:
    """Return the heading that a list stands under, where it is the only list there."""
    headings = list(_headings(lines))
    above = [(number, title) for number, _, title in headings if number < items.first]
    if not above:
        return None
    number, title = above[-1]
    end = min((k for k, _, _ in headings if k > number), default=len(lines) + 1)
    alone = sum(number < other.first < end for other in others) == 1
    unique = sum(title in line for line in lines) == 1
    return (number, title) if alone and unique else None


def _differences(lines: Lines, first: int, last: int, wanted: Sequence[str]) -> list[Hunk]:
    """Return the hunk that makes lines `first..last` what is wanted, common ends left out."""
    old, new = list(lines[first - 1 : last]), list(wanted)
    while old and new and old[0] == new[0]:
        old, new, first = old[1:], new[1:], first + 1
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return [Hunk(first, len(old), tuple(new))]


# Headings and sections.


def _outside(lines: Lines) -> list[bool]:
    """Return for each line whether it is outside of fenced code, if the first one is."""
    outside, fenced = [], False
    for line in lines:
        edge = line.lstrip().startswith((FENCE, "~~~"))
        outside.append(not fenced and not edge)
        fenced ^= edge
    return outside


def _headings(lines: Lines) -> Iterator[tuple[int, int, str]]:
    """Yield number, level and text of each heading."""
    outside = _outside(lines)
    for number, line in enumerate(lines, 1):
        match = _HEADING.match(line) if outside[number - 1] else None
        if match:
            yield number, len(match[1]), match[2]


def heading(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Change a heading's text or level, take it away, or make one."""
    found = [h for h in _headings(lines) if sum(h[2] in line for line in lines) == 1]
    found = [h for h in found if 2 < len(h[2]) <= _LONGEST_QUOTE]  # noqa: PLR2004  # it has to be quoted
    if not found:
        return None
    number, level, title = rng.choice(found)
    quote = _quoted(title, rng)
    new = " ".join(rng.sample(material.names, rng.choice((1, 2)))).capitalize()
    match rng.randrange(4):
        case 0:
            levels = {level - 1, level + 1, 2, 3} & {*range(1, 7)} - {level}
            other = rng.choice(sorted(levels))
            ways = [
                f"Make {quote} a level {other} heading",
                f"Make the heading {quote} level {other}",
                f"{quote} should be a level {other} heading",
                f"Change the heading {quote} to {'#' * other}",
            ]
            if other == level + 1:
                ways += [f"Demote the heading {quote}", f"Make {quote} one level deeper"]
            if other == level - 1:
                ways += [f"Promote the heading {quote}", f"Make {quote} one level higher"]
            text, words = [f"{'#' * other} {title}"], rng.choice(ways)
        case 1:
            ways = [
                f"Rename the heading {quote} to {_quoted(new, rng)}",
                f"Change the heading {quote} to {_quoted(new, rng)}",
                f"Rename the section {quote} to {_quoted(new, rng)}",
                f"Call the section {quote} {_quoted(new, rng)} instead",
            ]
            text, words = [f"{'#' * level} {new}"], rng.choice(ways)
        case 2:
            ways = [f"Remove the heading {quote}", f"Delete only the heading {quote}"]
            text, words = [], rng.choice(ways)
            if len(lines) == 1:
                return None
        case _:
            text = [f"{'#' * level} {new}", "", lines[number - 1]]
            ways = [
                f"Add a heading {_quoted(new, rng)} before {quote}",
                f"Insert the heading {_quoted(new, rng)} above {quote}, at the same level",
                f"Put a heading {_quoted(new, rng)} above {quote}",
            ]
            program = splice(lines, [Hunk(number, 0, tuple(text[:-1]))])
            return Case("md-heading", rng.choice(ways), None, program, ((title, number),))
    program = replace_lines(lines, number, number, text)
    return Case("md-heading", words, None, program, ((title, number),))


def section(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Remove a section, move it before another, or add one."""
    headings = list(_headings(lines))
    found = []
    for index, (number, level, title) in enumerate(headings):
        ends = [k for k, deep, _ in headings[index + 1 :] if deep <= level]
        if sum(title in line for line in lines) == 1 and ends:
            found.append((number, ends[0] - 1, level, title))
    if not found:
        return None
    first, last, level, title = rng.choice(found)
    quote = _quoted(title, rng)
    match rng.randrange(3):
        case 0:
            words = rng.choice(
                ("Remove the section {}", "Delete the {} section", "Drop {}, all of it")
            )
            if (first, last) == (1, len(lines)):
                return None
            program = replace_lines(lines, first, last, ())
            return Case("md-section", words.format(quote), None, program, ((title, first),))
        case 1:
            new = " ".join(rng.sample(material.names, 2)).capitalize()
            text = rng.choice([x for x in material.lines if not _HEADING.match(x)])
            added = (f"{'#' * level} {new}", "", text, "")
            words = rng.choice(
                (
                    f"Add a section {_quoted(new, rng)} before {quote}: {text}",
                    f"Insert a section {_quoted(new, rng)} above {quote} that says: {text}",
                )
            )
            program = splice(lines, [Hunk(first, 0, added)])
            return Case("md-section", words, None, program, ((title, first),))
        case _:
            others = [x for x in found if x[2] == level and not first <= x[0] <= last + 1]
            if not others:
                return None
            target, _, _, other = rng.choice(others)
            words = rng.choice(
                ("Move the section {} before {}", "Put {} in front of the section {}")
            )
            n = len(lines)
            if target < first:
                spans = [(1, target - 1), (first, last), (target, first - 1), (last + 1, n)]
            else:
                spans = [(1, first - 1), (last + 1, target - 1), (first, last), (target, n)]
            ops: tuple[Op, ...] = tuple(Copy(i, j) for i, j in spans if i <= j)
            mentions = ((title, first), (other, target))
            instruction = words.format(quote, _quoted(other, rng))
            return Case("md-section", instruction, None, Program(ops), mentions)


# What linters say.


def _lint(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Break a rule of markdownlint in a line; the words are its own."""
    text = lines[line - 1]
    if not _outside(lines)[line - 1]:
        return None
    ways: list[tuple[str, str, str]] = []
    if match := _HEADING.match(text):
        marks, title = match[1], match[2]
        ways.append(
            (
                f"{marks}{title}",
                "MD018/no-missing-space-atx",
                "No space after hash on atx style heading",
            )
        )
        ways.append(
            (
                f"{marks}  {title}",
                "MD019/no-multiple-space-atx",
                "Multiple spaces after hash on atx style heading",
            )
        )
        if title[-1].isalnum():
            sign = rng.choice(".:,;")
            said = f"Trailing punctuation in heading [Punctuation: '{sign}']"
            ways.append((f"{text}{sign}", "MD026/no-trailing-punctuation", said))
    if (match := _ITEM.match(text)) and match[2] in "-*":
        marker = match[2]
        other = "*" if marker == "-" else "-"
        names = {"-": "dash", "*": "asterisk"}
        said = f"Unordered list style [Expected: {names[marker]}; Actual: {names[other]}]"
        ways.append((f"{match[1]}{other}{text[match.end(2) :]}", "MD004/ul-style", said))
        wide = f"{match[1]}{marker}  {match[5]}"
        said = "Spaces after list markers [Expected: 1; Actual: 2]"
        ways.append((wide, "MD030/list-marker-space", said))
    if (match := re.search(r"<(https?://[^>]+)>", text)) and "`" not in text:
        bare = text[: match.start()] + match[1] + text[match.end() :]
        ways.append((bare, "MD034/no-bare-urls", f'Bare URL used [Context: "{match[1]}"]'))
    if text.strip():
        spaces = rng.choice((1, 3))
        said = f"Trailing spaces [Expected: 0 or 2; Actual: {spaces}]"
        ways.append((text + " " * spaces, "MD009/no-trailing-spaces", said))
    ways = [way for way in ways if way[0] != text]
    if not ways:
        return None
    broken, rule, said = rng.choice(ways)
    words = rng.choice(
        (f"{rule}: {said}", f"{rule}: {said}", said, f"{said} ({rule.partition('/')[0]})")
    )
    return broken, Mistake(line, text, words=words)


_UNKNOWN = (
    '"{}": Unknown word.',
    '"{}": Unknown word.  cSpell',
    'Misspelled word: "{}"',
    "Possible spelling mistake found: '{}'",
    "typo in '{}'",
    "Fix the spelling of `{}`",
)


def _misspell(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Misspell a word that stands elsewhere, too."""
    text = lines[line - 1]
    others = {m[0] for k, other in enumerate(lines) if k != line - 1 for m in NAME.finditer(other)}
    choices = [m for m in code_names(text, MARKDOWN) if len(m[0]) > 4 and m[0] in others]  # noqa: PLR2004  # shorter ones have too many neighbours
    if not choices:
        return None
    match = rng.choice(choices)
    wrong = misspell(match[0], rng)
    if wrong in others or re.search(rf"\b{wrong}\b", text):
        return None
    words = rng.choice(_UNKNOWN).format(wrong)
    broken = text[: match.start()] + wrong + text[match.end() :]
    return broken, Mistake(line, text, wrong, words)


def _mend(kind: str) -> Undo:
    def undo(lines: Lines, mistake: Mistake, _rng: Random) -> Case:
        program = replace_lines(lines, mistake.line, mistake.line, [mistake.right])
        return Case(kind, mistake.words, (mistake.line, mistake.line), program)

    return undo


# Helpers.


def _part(text: str, lines: Lines, rng: Random) -> str | None:
    """Return words that name an item: all of it, its beginning, or a word of its own."""
    if len(text) <= _LONGEST_QUOTE and rng.random() < 0.6:  # noqa: PLR2004  # most are quoted whole
        part = text
    else:
        words = [m[0] for m in code_names(text, MARKDOWN)]
        if not words:
            return None
        part = rng.choice(words)
    return part if sum(part in line for line in lines) == 1 and len(part) > 2 else None  # noqa: PLR2004  # it has to tell


def _quoted(text: str, rng: Random) -> str:
    """Put a text in quotes that it does not hold, or in none."""
    mark = rng.choice([mark for mark in ("`", "'", '"', "", "") if not mark or mark not in text])
    return f"{mark}{text}{mark}"


MAKERS: dict[str, Maker] = {
    "md-change": change,
    "md-list": list_item,
    "md-heading": heading,
    "md-section": section,
}
MISTAKES: dict[str, tuple[PutIn, Undo]] = {
    "md-lint": (_lint, _mend("md-lint")),
    "md-spelling": (_misspell, _mend("md-spelling")),
}
"""As `mistakes.MAKERS`."""
