"""Mistakes that are put into source code, and the cases of undoing them.

A mistake is put into a sheet before any of its cases is made, so that all of them see it. Knows
nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from copydecode.training.tasks import (
    NAME,
    RESERVED_NAMES,
    STRING_OR_COMMENT,
    Case,
    Lines,
    code_names,
    replace_lines,
)

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong line (1-based) and what it should be; `name` is a misspelt name, if that is it.

    `words` are those of its diagnostic, where they are known when it is put in.
    """

    line: int
    right: str
    name: str | None = None
    words: str = ""


def misspell_name(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Misspell one name of a line that the sheet also holds elsewhere, or a builtin."""
    text = lines[line - 1]
    others = {m[0] for k, other in enumerate(lines) if k != line - 1 for m in NAME.finditer(other)}
    choices = [
        m
        for m in code_names(text)
        if len(m[0]) >= 4 and (m[0] in others or m[0] in RESERVED_NAMES)  # noqa: PLR2004  # shorter names have too many neighbours
    ]
    if not choices:
        return None
    match = rng.choice(choices)
    wrong = misspell(match[0], rng)
    if wrong in others or wrong in RESERVED_NAMES or not wrong.isidentifier():
        return None
    broken = text[: match.start()] + wrong + text[match.end() :]
    return broken, Mistake(line, text, wrong)


def misspell(name: str, rng: Random) -> str:
    """Return the name with one slip of the fingers."""
    at = rng.randrange(len(name))
    match rng.randrange(6):
        case 0:
            at = min(at, len(name) - 2)
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        case 1:
            return name[:at] + name[at + 1 :]
        case 2:
            return name[:at] + name[at] + name[at:]
        case 3:
            return name[:at] + rng.choice(_LETTERS) + name[at + 1 :]
        case 4:
            return name[:at] + rng.choice(_LETTERS) + name[at:]
        case _:
            return name + "s" if not name.endswith("s") else name[:-1]


_MUTATIONS: tuple[tuple[str, str], ...] = (
    (r"==", "!="),
    (r"!=", "=="),
    (r"<=", "<"),
    (r">=", ">"),
    (r"(?<![<>=\-])<(?![<=])", "<="),
    (r"(?<![<>=\-])>(?![>=])", ">="),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r" \* ", " + "),
    (r"\band\b", "or"),
    (r"\bor\b", "and"),
    (r"\bTrue\b", "False"),
    (r"\bFalse\b", "True"),
    (r"\bis not\b", "is"),
    (r"\bis None\b", "is not None"),
    (r"\bnot in\b", "in"),
    (r"\bif not\b", "if"),
    (r"\bmin\b", "max"),
    (r"\bmax\b", "min"),
    (r"\b0\b", "1"),
    (r"\b1\b", "0"),
    (r"\+= ", "-= "),
    (r"\bbreak\b", "continue"),
)
_COMPILED_MUTATIONS = tuple((re.compile(pattern), wrong) for pattern, wrong in _MUTATIONS)


def mutate(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Swap one operator, constant or condition of a line for a wrong one."""
    text = lines[line - 1]
    hidden = [match.span() for match in STRING_OR_COMMENT.finditer(text)]
    found = [
        (match, wrong)
        for pattern, wrong in _COMPILED_MUTATIONS
        for match in pattern.finditer(text)
        if not any(start <= match.start() < end for start, end in hidden)
    ]
    if not found:
        return None
    match, wrong = rng.choice(found)
    return text[: match.start()] + wrong + text[match.end() :], Mistake(line, text)


UNDEFINED = (
    "Undefined name `{}`",
    "Undefined name `{}`",
    "undefined name '{}'",
    "undefined name '{}'",
    "F821 Undefined name `{}`",
    "name '{}' is not defined",
    "NameError: name '{}' is not defined",
    '"{}" is not defined',
    "Cannot find name '{}'.",
    "Unresolved reference '{}'",
    "Module has no attribute '{}'",
    "Fix the misspelt name `{}`",
    "typo in '{}'",
)
_BUG = ("Fix the bug", "fix the bug here", "This is wrong, fix it", "Correct the mistake", "bug")


def fix_misspelling(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    """Fix a misspelt name from its diagnostic, with the line as scope."""
    instruction = rng.choice(UNDEFINED).format(mistake.name)
    program = replace_lines(lines, mistake.line, mistake.line, [mistake.right])
    return Case("misspelling", instruction, (mistake.line, mistake.line), program)


def fix_mutation(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    """Undo a mutation, two times out of three with its line given."""
    program = replace_lines(lines, mistake.line, mistake.line, [mistake.right])
    instruction = rng.choice(_BUG)
    match rng.randrange(3):
        case 0:
            return Case("bug", instruction, None, program)
        case 1:
            return Case("bug-located", instruction, (mistake.line, mistake.line), program)
        case _:
            return Case("bug-located", f"{instruction} in line {mistake.line}", None, program)


Maker = Callable[[Lines, int, Random], tuple[str, Mistake] | None]
Undo = Callable[[Lines, Mistake, Random], Case]

MAKERS: dict[str, tuple[Maker, Undo]] = {
    "misspelling": (misspell_name, fix_misspelling),
    "bug": (mutate, fix_mutation),
}
"""For each kind: how to break a line (None where it offers no occasion), and the case about it."""
