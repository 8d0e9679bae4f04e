"""Mistakes that are put into source code, and the cases of undoing them.

A mistake is put into a sheet before any of its cases is made, so that all of them see it. Knows
nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
    """A wrong line (1-based) and what it should be.

    `name` is a misspelt name, and `meant` the right one, if that is it. `words` are those of its
    diagnostic, where they are known when it is put in.
    """

    line: int
    right: str
    name: str | None = None
    words: str = ""
    meant: str | None = None


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
    return broken, Mistake(line, text, wrong, match[0])


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
_MISSING_OR_EXCESS: tuple[tuple[str, str], ...] = (
    (r" [+-] 1\b", ""),
    (r"\.(?:strip|lower|upper|copy|items|rstrip)\(\)", ""),
    (r" (?:and|or) (?:not )?[\w.]+(?=:$|$)", ""),
    (r"(?<=if )(?=[\w.]+:$)", "not "),
    (r"(?<=return )(?!True|False|None|self)(?=[\w.]+$)", "not "),
    (r"\bnot (?=[\w.]+:?$)", ""),
    (r"(?<=range\()[\w.]+(?=\))", r"\g<0> + 1"),
    (r"(?<=\blen\()[\w.]+\)", r"\g<0> - 1"),
    (r"(?<=\w\[)(?:i|j|k|n|at|index|idx|pos|start|end|\w+_index)(?=\])", r"\g<0> + 1"),
    (r"\breturn (?=[\w.]+\()", ""),
    (r"\bawait ", ""),
    (r"\bself\.(?=\w+ = )", ""),
)
_COMPILED_MUTATIONS = tuple((re.compile(pattern), wrong) for pattern, wrong in _MUTATIONS)
_COMPILED_OTHERS = tuple((re.compile(pattern), wrong) for pattern, wrong in _MISSING_OR_EXCESS)
_PAIR = re.compile(r"(?<=\()([\w.]+), ([\w.]+)(?=[,)])")
_BINDS_ONLY = re.compile(r"\s*(?:(?:async )?def|class|import|from|del|@|\w+:|[\w.]+,?$)")
_BOUND = re.compile(r"(?:^\s*|\bfor |\bas |[(,] ?)([a-z_]\w+)(?=(?:: .*)? = |=|,|: |\)| in )")
_NEAR = 8
"""A variable is taken for one that stands at most so many lines away."""


def mutate(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Put a wrong operator, constant or name into a line, or too much or too little."""
    text = lines[line - 1]
    ways: tuple[Callable[[], list[tuple[int, int, str]]], ...] = (
        lambda: _swapped(text, _COMPILED_MUTATIONS),
        lambda: _swapped(text, _COMPILED_OTHERS),
        lambda: _misused(lines, line),
    )
    for way in rng.sample(ways, len(ways)):
        found = way()
        if found:
            start, end, wrong = rng.choice(found)
            return text[:start] + wrong + text[end:], Mistake(line, text)
    return None


def _swapped(
    text: str, mutations: Sequence[tuple[re.Pattern[str], str]]
) -> list[tuple[int, int, str]]:
    """Return where patterns stand outside of strings, and what takes their place."""
    hidden = [match.span() for match in STRING_OR_COMMENT.finditer(text)]
    return [
        (match.start(), match.end(), match.expand(wrong))
        for pattern, wrong in mutations
        for match in pattern.finditer(text)
        if not any(start <= match.start() < end for start, end in hidden)
    ]


def _misused(lines: Lines, line: int) -> list[tuple[int, int, str]]:
    """Return names of a line with others that stand near, and pairs of arguments swapped."""
    text = lines[line - 1]
    if _BINDS_ONLY.match(text):
        return []
    names = [m for m in code_names(text) if _is_variable(m)]
    near = lines[max(0, line - 1 - _NEAR) : line - 1]
    others = {m[1] for other in near for m in _BOUND.finditer(other)} - RESERVED_NAMES
    found = [
        (m.start(), m.end(), other) for m in names for other in sorted(others) if other != m[0]
    ]
    pairs = [m for m in _PAIR.finditer(text) if m[1] != m[2] and not text.lstrip().startswith("#")]
    return found + [(m.start(), m.end(), f"{m[2]}, {m[1]}") for m in pairs]


def _is_variable(match: re.Match[str]) -> bool:
    """Return whether a name is that of a value which a line reads."""
    text = match.string
    before, after = text[: match.start()], text[match.end() :]
    read = not before.endswith(".") and bool(before.strip()) and not re.match(r"\(| ?[=:]", after)
    return read and match[0].islower() and match[0] not in RESERVED_NAMES


UNDEFINED = (
    "Undefined name `{}`",
    "Undefined name `{}`",
    "undefined name '{}'",
    "undefined name '{}'",
    "F821 Undefined name `{}`",
    "F821 undefined name '{}'",
    "name '{}' is not defined",
    "NameError: name '{}' is not defined",
    '"{}" is not defined',
    '"{}" is not defined',
    'Name "{}" is not defined  [name-defined]',
    'Name "{}" is not defined',
    "Undefined variable '{}'",
    "E0602: Undefined variable '{}' (undefined-variable)",
    "Cannot find name '{}'.",
    "Unresolved reference '{}'",
    "Module has no attribute '{}'",
    "Fix the misspelt name `{}`",
    "typo in '{}'",
    "`{}` is misspelt",
    "there is a typo in `{}`",
)
_BUG = (
    "Fix the bug",
    "fix the bug here",
    "This is wrong, fix it",
    "Correct the mistake",
    "bug",
    "Find and fix the bug",
    "there is a bug",
    "something is wrong here",
    "fix the mistake",
    "this gives the wrong result",
)


def fix_misspelling(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    """Fix a misspelt name from its diagnostic, with the line as scope."""
    words = rng.choice(UNDEFINED)
    if words.startswith("NameError") and rng.random() < 0.5:  # noqa: PLR2004  # Python guesses some
        words += f". Did you mean: '{mistake.meant}'?"
    instruction = words.format(mistake.name)
    program = replace_lines(lines, mistake.line, mistake.line, [mistake.right])
    return Case("misspelling", instruction, (mistake.line, mistake.line), program)


def fix_mutation(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    """Undo a mutation, two times out of three with its line given."""
    return _fix(lines, mistake, rng, rng.randrange(3))


def fix_located_mutation(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    """Undo a mutation, with its line given: where there is another one, nothing else says which."""
    return _fix(lines, mistake, rng, rng.randint(1, 2))


def _fix(lines: Lines, mistake: Mistake, rng: Random, way: int) -> Case:
    program = replace_lines(lines, mistake.line, mistake.line, [mistake.right])
    instruction = rng.choice(_BUG)
    match way:
        case 0:
            owner = _owner(lines, mistake.line)
            if owner and rng.random() < 0.4:  # noqa: PLR2004  # share of those that name the function
                instruction = rng.choice(_BUG_IN).format(owner)
            return Case("bug", instruction, None, program)
        case 1:
            return Case("bug-located", instruction, (mistake.line, mistake.line), program)
        case _:
            return Case("bug-located", f"{instruction} in line {mistake.line}", None, program)


_BUG_IN = (
    "Fix the bug in `{}`",
    "fix the bug in {}",
    "{} is wrong",
    "`{}` gives the wrong result",
    "there is a bug in {}",
    "{} does not work, fix it",
)


def _owner(lines: Lines, line: int) -> str | None:
    """Return the name of the function that a line stands in, by the indentation."""
    indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    for text in reversed(lines[: line - 1]):
        depth = len(text) - len(text.lstrip())
        if text.strip() and depth < indent:
            indent = depth
            if head := re.match(r"\s*(?:async )?def (\w+)", text):
                return head[1]
    return None


Maker = Callable[[Lines, int, Random], tuple[str, Mistake] | None]
Undo = Callable[[Lines, Mistake, Random], Case]

MAKERS: dict[str, tuple[Maker, Undo]] = {
    "misspelling": (misspell_name, fix_misspelling),
    "bug": (mutate, fix_mutation),
}
"""For each kind: how to break a line (None where it offers no occasion), and the case about it."""
