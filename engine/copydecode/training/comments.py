"""Instructions that stand in the document, as comments that end in `AI!`.

The comment is put into a sheet before any case is made on it; the edit takes it out again and does
what it says. Its words are those that people write without quotes or line numbers. Its scope is the
one that the language server guesses: from the comment to the next empty line, not locked. Knows
nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from copydecode.edit.program import Copy, Op, Program
from copydecode.training.tasks import (
    NAME,
    Case,
    Lines,
    Material,
    by_line,
    code_names,
    indent_of,
    replace_lines,
)

KIND = "comment"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a comment asks for, and what becomes of the lines: `edit(lines, comment's number)`.

    None where what else was put into the lines has taken its meaning away. `name` is a name that it
    mentions, if it does.
    """

    words: str
    edit: Callable[[Lines, int], Program | None]
    name: str | None = None


def put_in(lines: list[str], rng: Random, material: Material) -> tuple[int, str, Wish] | None:
    """Draw a place and a comment for it: the line that it is to stand before, its text, its wish.

    None where the drawn place offers no occasion.
    """
    places = [k for k, line in enumerate(lines, 1) if line.strip()]
    if len(lines) < 3 or not places:  # noqa: PLR2004  # something has to be left
        return None
    at = rng.choice(places)
    wish = rng.choice(_WISHES)(lines, at, rng, material)
    if wish is None:
        return None
    marker = rng.choice(("AI!", "AI!", "AI!", "ai!"))
    opening, closing = material.language.comment
    return at, f"{indent_of(lines[at - 1])}{opening}{wish.words} {marker}{closing}", wish


def case_of(lines: Lines, number: int, wish: Wish) -> Case | None:
    """Return the case of the comment that stands in the given line, None where it means nothing."""
    program = wish.edit(lines, number)
    if program is None:
        return None
    mentions = []
    if wish.name is not None:
        pattern = re.compile(rf"\b{re.escape(wish.name)}\b")
        hits = [k for k, x in enumerate(lines, 1) if k != number and pattern.search(x)]
        mentions = [(wish.name, hits[0])] if hits else []
    scope = (number, _block_end(lines, number))
    return Case(KIND, wish.words, scope, program, tuple(mentions))


Maker = Callable[[Lines, int, Random, Material], Wish | None]


def _delete(lines: Lines, at: int, rng: Random, _material: Material) -> Wish | None:
    """Delete the next line or lines."""
    room = _block_end(lines, at) - at + 1
    count = rng.randint(1, min(3, room))
    if count == 1:
        what = rng.choice(
            ("this", "this line", "the next line", "the line below", "the following line")
        )
    else:
        what = rng.choice(("the next {} lines", "the {} lines below", "the following {} lines"))
        what = what.format(rng.choice((str(count), {2: "two", 3: "three"}[count])))
    verb = rng.choice(("delete", "remove", "drop", "Delete", "Remove"))
    return Wish(
        f"{verb} {what}", lambda now, number: replace_lines(now, number, number + count, ())
    )


def _delete_block(lines: Lines, at: int, rng: Random, _material: Material) -> Wish | None:
    """Delete all lines down to the next empty one."""
    if at == 1 and _block_end(lines, at) == len(lines):
        return None
    verb = rng.choice(("delete", "remove"))
    what = rng.choice(("this block", "all of this", "this whole block", "everything down to here"))
    if what.startswith("everything"):
        what = "everything up to the next empty line"
    return Wish(
        f"{verb} {what}",
        lambda now, number: replace_lines(now, number, _block_end(now, number), ()),
    )


def _delete_named(lines: Lines, at: int, rng: Random, material: Material) -> Wish | None:
    """Delete the line of the block that holds a name."""
    block = lines[at - 1 : _block_end(lines, at)]
    names = _names(block, material)
    whole = "\n".join(lines)
    names = [name for name in names if whole.count(name) == 1]
    if not names:
        return None
    name = rng.choice(names)
    verb = rng.choice(("delete", "remove", "drop"))
    what = rng.choice(("the line with {}", "the line that uses {}", "the {} line"))

    def edit(now: Lines, number: int) -> Program | None:
        hits = [k for k, x in enumerate(now, 1) if k != number and name in x]
        if len(hits) != 1:  # A mistake was put into it, or another comment names it.
            return None
        (hit,) = hits
        spans = [(1, number - 1), (number + 1, hit - 1), (hit + 1, len(now))]
        return Program(tuple(Copy(i, j) for i, j in spans if i <= j))

    return Wish(f"{verb} {what.format(name)}", edit, name)


def _duplicate(_lines: Lines, _at: int, rng: Random, _material: Material) -> Wish | None:
    """Repeat the next line."""
    what = rng.choice(("this line", "the next line", "the line below"))

    def edit(now: Lines, number: int) -> Program:
        ops: list[Op] = [Copy(1, number - 1)] if number > 1 else []
        return Program((*ops, Copy(number + 1, number + 1), Copy(number + 1, len(now))))

    return Wish(f"{rng.choice(('duplicate', 'repeat', 'copy'))} {what}", edit)


def _swap(lines: Lines, at: int, rng: Random, _material: Material) -> Wish | None:
    """Put the next two lines in the other order."""
    if _block_end(lines, at) == at:
        return None
    words = rng.choice(
        ("swap these two lines", "swap the next two lines", "exchange the next two lines")
    )

    def edit(now: Lines, number: int) -> Program:
        spans = [(1, number - 1), (number + 2, number + 2), (number + 1, number + 1)]
        spans.append((number + 3, len(now)))
        return Program(tuple(Copy(i, j) for i, j in spans if i <= j))

    return Wish(words, edit)


def _insert(_lines: Lines, _at: int, rng: Random, material: Material) -> Wish | None:
    """Put given code where the comment stands."""
    text = rng.choice(material.lines)
    verb = rng.choice(("add", "insert", "put"))
    words = rng.choice((f"{verb} {text} here", f"{verb} `{text}` here", f"{verb} here: {text}"))
    return Wish(
        words,
        lambda now, number: replace_lines(now, number, number, [indent_of(now[number - 1]) + text]),
    )


def _substitute(lines: Lines, at: int, rng: Random, material: Material) -> Wish | None:
    """Put another name in the place of one of the next line's."""
    names = code_names(lines[at - 1], material.language)
    if not names:
        return None
    old, new = rng.choice(names)[0], rng.choice(material.names)
    words = rng.choice(
        (
            "use {new} instead of {old}",
            "use {new} instead of {old} here",
            "replace {old} by {new}",
            "replace {old} with {new} here",
            "change {old} to {new}",
            "{old} should be {new}",
        )
    ).format(old=old, new=new)
    pattern = re.compile(rf"\b{re.escape(old)}\b")

    def edit(now: Lines, number: int) -> Program:
        return replace_lines(now, number, number + 1, [pattern.sub(new, now[number])])

    return Wish(words, edit, old) if new != old else None


def _rename(lines: Lines, at: int, rng: Random, material: Material) -> Wish | None:
    """Rename a name of the block everywhere."""
    block = lines[at - 1 : _block_end(lines, at)]
    names = _names(block, material)
    seldom = [x for x in names if sum(x in NAME.findall(line) for line in lines) <= 3]  # noqa: PLR2004  # keeps gold short
    if not seldom:
        return None
    old, new = rng.choice(seldom), rng.choice(material.names)
    if any(new in line for line in lines):
        return None
    words = rng.choice(
        (
            "rename {} to {}",
            "rename {} to {} everywhere",
            "call {} {} instead",
            "rename `{}` to `{}`",
        )
    ).format(old, new)
    pattern = re.compile(rf"\b{old}\b")

    def edit(now: Lines, number: int) -> Program:
        renamed = [x if k == number else pattern.sub(new, x) for k, x in enumerate(now, 1)]
        return _without(by_line(now, renamed), number)

    return Wish(words, edit, old)


_WISHES: tuple[Maker, ...] = (
    _delete,
    _delete,
    _delete_block,
    _delete_named,
    _duplicate,
    _swap,
    _insert,
    _substitute,
    _substitute,
    _rename,
)


def _names(lines: Lines, material: Material) -> list[str]:
    """Return the names in some lines that may be renamed, as often as they stand there."""
    language = material.language
    found = [m[0] for line in lines for m in code_names(line, language)]
    return [name for name in found if name not in language.reserved]


def _block_end(lines: Lines, number: int) -> int:
    """Return the last line before the next empty one, as the language server finds it."""
    while number < len(lines) and lines[number].strip():
        number += 1
    return number


def _without(program: Program, line: int) -> Program:
    """Return the program without the copy of one line."""
    ops: list[Op] = []
    for op in program.ops:
        if isinstance(op, Copy) and op.first <= line <= op.last:
            spans = [(op.first, line - 1), (line + 1, op.last)]
            ops += [Copy(i, j) for i, j in spans if i <= j]
        else:
            ops.append(op)
    return Program(tuple(ops))
