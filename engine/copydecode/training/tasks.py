"""Editing tasks with exact gold programs, cut from real source code.

A `Sheet` is one chunk of a file, perhaps with mistakes put in (`mistakes`), and several `Case`s on
it: all see the same document, so that training reads it once. Each maker in `MAKERS` returns a case
on the given lines or None where they offer no occasion. Everything is drawn from the given
`Random`, so a seed names a data set. Knows nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, Op, Program
from copydecode.training.languages import PYTHON, Language

FENCE = "```"

REACHING_OUT = frozenset({"move", "rename", "rename-seldom", "comment", "missing-import-located"})
"""Kinds that change lines outside their scope, which says what they are about: never locked."""

_LOCKED_INSERTS = 0.35
"""How many insertions are beside a scope: what becomes of a missing import is one (`imports`)."""

_WITH_AN_EMPTY_LINE = 0.15
"""How many given texts have an empty line, which is easily passed over."""

Lines = Sequence[str]

NAME = re.compile(r"\b[A-Za-z_][A-Za-z_0-9]{2,}\b")
STRING_OR_COMMENT = PYTHON.hidden
RESERVED_NAMES = PYTHON.reserved


@dataclass(frozen=True, slots=True)
class Case:
    """One instruction on a sheet and the program that carries it out.

    `scope` is 1-based and inclusive. `kind` names the task for statistics. `mentions` are texts of
    the instruction, in their order, each with the line of the sheet that it stands in.
    """

    kind: str
    instruction: str
    scope: tuple[int, int] | None
    program: Program
    mentions: tuple[tuple[str, int], ...] = ()

    @property
    def lock(self) -> tuple[int, int] | None:
        """The lines that alone may change: the scope, but where the task reaches out of it."""
        return None if self.kind in REACHING_OUT else self.scope


@dataclass(frozen=True, slots=True)
class Sheet:
    """Lines without terminators and the cases on them."""

    lines: tuple[str, ...]
    cases: tuple[Case, ...]
    language: str = "python"

    @property
    def document(self) -> Document:
        """The lines as a document with LF line ends."""
        return Document("".join(line + "\n" for line in self.lines))


@dataclass(frozen=True, slots=True)
class Material:
    """What a maker draws from: names and lines of other code in the sheet's language."""

    names: Sequence[str]
    lines: Sequence[str]
    language: Language = PYTHON


Maker = Callable[[Lines, Random, Material], Case | None]


def replace_lines(lines: Lines, first: int, last: int, text: Lines) -> Program:
    """Return the program that puts `text` in place of lines `first` to `last` (none if less)."""
    ops: list[Op] = []
    if first > 1:
        ops.append(Copy(1, first - 1))
    if text:
        ops.append(Gen("".join(line + "\n" for line in text)))
    if last < len(lines):
        ops.append(Copy(last + 1, len(lines)))
    return Program(tuple(ops))


def code_names(line: str, language: Language = PYTHON) -> list[re.Match[str]]:
    """Return the names in a line that stand outside strings and comments."""
    hidden = [match.span() for match in language.hidden.finditer(line)]
    return [
        match
        for match in NAME.finditer(line)
        if match[0] not in language.keywords
        and not any(start <= match.start() < end for start, end in hidden)
    ]


# Cases on any sheet.


def delete(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Delete given lines."""
    if len(lines) < 2:  # noqa: PLR2004  # something has to be left
        return None
    first, last = _span(len(lines), rng)
    verb = rng.choice(("Delete", "Remove", "delete", "remove", "Drop"))
    instruction, scope = _lines_phrase(verb, first, last, rng)
    return Case("delete", instruction, scope, replace_lines(lines, first, last, ()))


def duplicate(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Duplicate given lines in place."""
    first, last = _span(len(lines), rng)
    verb = rng.choice(("Duplicate", "duplicate", "Repeat", "Double"))
    instruction, scope = _lines_phrase(verb, first, last, rng)
    program = Program((Copy(1, last), Copy(first, len(lines))))
    if scope and first > 1:  # No copy under a lock runs from before the scope into it.
        program = Program((Copy(1, first - 1), Copy(first, last), Copy(first, len(lines))))
    return Case("duplicate", instruction, scope, program)


def move(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Move given lines to before or after another line, or to an end of the document."""
    n = len(lines)
    if n < 4:  # noqa: PLR2004  # there is nowhere to move to
        return None
    first, last = _span(n, rng)
    targets = [k for k in range(n + 1) if not first - 1 <= k <= last]
    if not targets:
        return None
    after = rng.choice(targets)
    if after == 0:
        place = rng.choice(("to the top", "to the start of the file", "before line 1"))
    elif after == n:
        place = rng.choice(("to the end", "to the end of the file", f"after line {n}"))
    else:
        place = rng.choice((f"after line {after}", f"before line {after + 1}"))
    verb = rng.choice(("Move", "move"))
    instruction, scope = _lines_phrase(verb, first, last, rng, place)
    if after < first:
        spans = [(1, after), (first, last), (after + 1, first - 1), (last + 1, n)]
    else:
        spans = [(1, first - 1), (last + 1, after), (first, last), (after + 1, n)]
    program = Program(tuple(Copy(i, j) for i, j in spans if i <= j))
    return Case("move", instruction, scope, program)


RENAME = (
    "Rename `{}` to `{}`",
    "rename '{}' to '{}'",
    "rename {} to {}",
    "Rename the name `{}` to `{}`",
    "Replace `{}` by `{}` everywhere",
)


def rename(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Rename a name everywhere in the sheet."""
    return rename_to(lines, rng, material, kind="rename", most=4)


def rename_to(
    lines: Lines, rng: Random, material: Material, *, kind: str, most: int
) -> Case | None:
    """Rename a name that stands in at most `most` lines, which keeps gold programs short."""
    counts: dict[str, int] = {}
    for line in lines:
        for name in {m[0] for m in NAME.finditer(line)}:
            counts[name] = counts.get(name, 0) + 1
    choices = [
        name
        for line in lines
        for name in (m[0] for m in code_names(line, material.language))
        if counts[name] <= most and name not in material.language.reserved and name != "self"
    ]
    if not choices:
        return None
    old, new = rng.choice(choices), rng.choice(material.names)
    if new in counts or new in material.language.reserved or new == old:
        return None
    pattern = re.compile(rf"\b{old}\b")
    renamed = [pattern.sub(new, line) for line in lines]
    template = rng.choice(RENAME)
    scope = None
    where = [k for k, (a, b) in enumerate(zip(lines, renamed, strict=True), 1) if a != b]
    if rng.random() < 0.3:  # noqa: PLR2004  # some editors send the place of the cursor
        scope = (where[0], where[0])
    program = by_line(lines, renamed)
    return Case(kind, template.format(old, new), scope, program, ((old, where[0]),))


def insert(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Insert given text after or before a line, which a lock may hold."""
    n = len(lines)
    if rng.random() < _LOCKED_INSERTS:
        return _insert_at_scope(lines, rng, material)
    after = rng.randrange(n + 1)
    text = foreign_lines(lines, after, rng, material)
    if after == 0:
        place = "before line 1"
    else:
        place = rng.choice((f"after line {after}", f"before line {after + 1}"))
        if after == n:
            place = rng.choice(("at the end", f"after line {after}"))
    instruction = _insertion(place, text, rng, material)
    return Case("insert", instruction, None, replace_lines(lines, after + 1, after, text))


def _insert_at_scope(lines: Lines, rng: Random, material: Material) -> Case:
    """Insert beside lines that alone may change, by the program that their lock allows."""
    n = len(lines)
    first, last = _span(n, rng, longest=4)
    before = rng.random() < 0.5  # noqa: PLR2004  # half and half
    text = foreign_lines(lines, first if before else last, rng, material)
    one = first == last
    if one and rng.random() < 0.6:  # noqa: PLR2004  # most name the line, as the engine does
        place = f"before line {first}" if before else f"after line {last}"
    else:
        what = rng.choice(("this line", "it") if one else ("these lines", "the selected lines"))
        what = rng.choice((what, "the selection"))
        side = rng.choice(("before", "above") if before else ("after", "below"))
        place = f"{side} {what}"
    ops: list[Op] = [Copy(1, first - 1)] if first > 1 else []
    new = Gen("".join(line + "\n" for line in text))
    if before:
        ops += [new, Copy(first, n)]
    else:
        ops += [Copy(first, last), new, *([Copy(last + 1, n)] if last < n else [])]
    instruction = _insertion(place, text, rng, material)
    return Case("insert", instruction, (first, last), Program(tuple(ops)))


def _insertion(place: str, text: Lines, rng: Random, material: Material) -> str:
    verb = rng.choice(("Insert", "Add", "insert", "add"))
    return f"{verb} {place}:\n" + fenced(text, rng, material.language)


def replace(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Replace given lines by given text."""
    first, last = _span(len(lines), rng, longest=3)
    text = foreign_lines(lines, first, rng, material)
    verb = rng.choice(("Replace", "replace", "Change"))
    join = rng.choice(("by", "with"))
    where = f"line {first}" if first == last else f"lines {first}-{last}"
    scope = None
    if rng.random() < 0.4:  # noqa: PLR2004  # share of selections
        where, scope = rng.choice(("this", "the selection", "the selected lines")), (first, last)
    instruction = f"{verb} {where} {join}:\n" + fenced(text, rng, material.language)
    return Case("replace", instruction, scope, replace_lines(lines, first, last, text))


def rewrite(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Write a line again as it is: the plainest exercise in copying text from the document."""
    first, last = _span(len(lines), rng, longest=2)
    instruction, scope = _lines_phrase(rng.choice(("Rewrite", "rewrite")), first, last, rng)
    program = replace_lines(lines, first, last, lines[first - 1 : last])
    return Case("rewrite", instruction, scope, program)


MAKERS: dict[str, Maker] = {
    "delete": delete,
    "duplicate": duplicate,
    "move": move,
    "rename": rename,
    "insert": insert,
    "replace": replace,
    "rewrite": rewrite,
}


# Helpers.


def by_line(old: Lines, new: Lines) -> Program:
    """Return the program between texts that differ line by line, without realigning them."""
    if len(old) != len(new):
        message = f"expected {len(old)} lines, found {len(new)}"
        raise ValueError(message)
    ops: list[Op] = []
    for number, (a, b) in enumerate(zip(old, new, strict=True), start=1):
        match ops:
            case [*_, Copy(first, last)] if a == b and last == number - 1:
                ops[-1] = Copy(first, number)
            case [*_, Gen(text)] if a != b:
                ops[-1] = Gen(f"{text}{b}\n")
            case _:
                ops.append(Copy(number, number) if a == b else Gen(f"{b}\n"))
    return Program(tuple(ops))


def _span(n: int, rng: Random, longest: int = 8) -> tuple[int, int]:
    """Draw lines `first..last`, one line half of the time, never all of a longer document."""
    length = 1 if rng.random() < 0.5 else rng.randint(2, longest)  # noqa: PLR2004  # half are single lines
    length = max(1, min(length, n - 1))
    first = rng.randint(1, n - length + 1)
    return first, first + length - 1


def _lines_phrase(
    verb: str, first: int, last: int, rng: Random, place: str = ""
) -> tuple[str, tuple[int, int] | None]:
    """Name the lines in words, or call them selected and give the scope."""
    rest = f" {place}" if place else ""
    if rng.random() < 0.4:  # noqa: PLR2004  # share of selections
        what = rng.choice(("these lines", "the selected lines", "the selection", "this"))
        return f"{verb} {what}{rest}", (first, last)
    if first == last:
        return f"{verb} line {first}{rest}", None
    what = rng.choice(
        (f"lines {first}-{last}", f"lines {first} to {last}", f"lines {first} through {last}")
    )
    return f"{verb} {what}{rest}", None


def indent_of(line: str) -> str:
    """Return the white space that a line begins with."""
    return line[: len(line) - len(line.lstrip())]


def fenced(text: Lines, rng: Random, language: Language = PYTHON) -> str:
    """Return lines as a fenced block of code."""
    opening = rng.choice((*(FENCE + word for word in language.fences), FENCE))
    return "\n".join([opening, *text, FENCE])


def foreign_lines(lines: Lines, near: int, rng: Random, material: Material) -> list[str]:
    """Draw one or two lines of other code, indented like the line that they come to stand at.

    There may be an empty line before, between or behind them.
    """
    model = lines[min(max(near - 1, 0), len(lines) - 1)]
    indent = indent_of(model)
    count = 1 if rng.random() < 0.7 else 2  # noqa: PLR2004  # most insertions are one line
    text = [indent + rng.choice(material.lines) for _ in range(count)]
    if rng.random() < _WITH_AN_EMPTY_LINE:
        text.insert(rng.randrange(len(text) + 1), "")
    return text
