"""Editing tasks whose place has to be found: the instruction says what a line holds, not where.

The makers are like those of `tasks`, and each case also tells which text of its instruction stands
in which line (`Case.mentions`): training may ask for that line where the text ends. Knows nothing
of tokens or models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from copydecode.edit.program import Copy, Op, Program
from copydecode.training.tasks import (
    FENCE,
    NAME,
    Case,
    Lines,
    Maker,
    Material,
    code_names,
    fenced,
    foreign_lines,
    indent_of,
    rename_to,
    replace_lines,
)

_LONGEST_QUOTE = 70
"""Lines longer than this are not quoted whole: nobody would."""


def delete(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Delete the line with a given text."""
    found = _place(lines, rng, material)
    if found is None or len(lines) < 2:  # noqa: PLR2004  # something has to be left
        return None
    number, words, text = found
    verb = rng.choice(("Delete", "Remove", "delete", "remove", "Drop"))
    return Case(
        "find-delete",
        f"{verb} {words}",
        None,
        replace_lines(lines, number, number, ()),
        ((text, number),),
    )


def duplicate(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Duplicate the line with a given text."""
    found = _place(lines, rng, material)
    if found is None:
        return None
    number, words, text = found
    verb = rng.choice(("Duplicate", "duplicate", "Repeat", "Double"))
    program = Program((Copy(1, number), Copy(number, len(lines))))
    return Case("find-duplicate", f"{verb} {words}", None, program, ((text, number),))


def move(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Move the line with a given text to before or after another such line, or to an end."""
    found, other, n = _place(lines, rng, material), _place(lines, rng, material), len(lines)
    if found is None or other is None:
        return None
    number, words, text = found
    target, place, target_text = other
    mentions = [(text, number)]
    match rng.randrange(6):
        case 0:
            after = 0
            where = rng.choice(("to the top", "to the start of the file", "up to the top"))
        case 1:
            after = n
            where = rng.choice(("to the end", "to the end of the file", "to the bottom"))
        case k:
            after = target if k % 2 else target - 1
            join = rng.choice(("to ", "")) + ("after" if k % 2 else "before")
            where = f"{join} {place}"
            mentions.append((target_text, target))
    if after in {number - 1, number} or target == number:
        return None
    if after < number:
        spans = [(1, after), (number, number), (after + 1, number - 1), (number + 1, n)]
    else:
        spans = [(1, number - 1), (number + 1, after), (number, number), (after + 1, n)]
    program = Program(tuple(Copy(i, j) for i, j in spans if i <= j))
    verb = rng.choice(("Move", "move"))
    return Case("find-move", f"{verb} {words} {where}", None, program, tuple(mentions))


def delete_range(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Delete all lines from one with a given text to another one."""
    begun = _place(lines, rng, material)
    if begun is None or len(lines) < 4:  # noqa: PLR2004  # something has to be left
        return None
    first, words, text = begun
    candidates = [k for k in _quotable(lines) if first < k <= first + 8]
    if not candidates:
        return None
    last = rng.choice(candidates)
    if first == 1 and last == len(lines):
        return None
    end = lines[last - 1].strip()
    quote = _quote(end, rng)
    template = rng.choice(
        (
            "{verb} from {a} to {b}",
            "{verb} everything from {a} to {b}",
            "{verb} all lines from {a} up to and including {b}",
            "{verb} the lines from {a} through {b}",
        )
    )
    verb = rng.choice(("Delete", "Remove", "delete", "remove"))
    return Case(
        "find-range",
        template.format(verb=verb, a=words, b=quote),
        None,
        replace_lines(lines, first, last, ()),
        ((text, first), (end, last)),
    )


def delete_all(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Delete every line that holds a given name."""
    counts = Counter(name for line in lines for name in _names(line))
    choices = [name for name, count in counts.items() if 1 <= count <= 4 and count < len(lines)]  # noqa: PLR2004  # keeps gold short
    several = [name for name in choices if counts[name] > 1]
    if several and rng.random() < 0.7:  # noqa: PLR2004  # most have more than one line
        choices = several
    # A name inside a longer one would leave open what "contains" means.
    choices = [x for x in choices if not any(x in y and x != y for y in counts)]
    if not choices:
        return None
    name = rng.choice(choices)
    hits = [k for k, line in enumerate(lines, 1) if name in line]
    if len(hits) != counts[name]:
        return None
    template = rng.choice(
        (
            "{} all lines that contain {}",
            "{} all lines with {}",
            "{} every line that contains {}",
            "{} every line with {}",
            "{} the lines with {} in them",
            "{} each line that mentions {}",
        )
    )
    verb = rng.choice(("Delete", "Remove", "delete", "remove"))
    quote = _quote(name, rng)
    keep = [k for k in range(1, len(lines) + 1) if k not in hits]
    return Case(
        "find-all",
        template.format(verb, quote),
        None,
        Program(tuple(_copies(keep))),
        ((name, hits[0]),),
    )


def insert(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Insert given text before or after the line with a given text."""
    found = _place(lines, rng, material)
    if found is None:
        return None
    number, words, text = found
    before = rng.random() < 0.5  # noqa: PLR2004  # half and half
    after = number - 1 if before else number
    where = ("before " if before else "after ") + words
    verb = rng.choice(("Insert", "Add", "insert", "add"))
    new = foreign_lines(lines, number, rng, material)
    if len(new) == 1 and rng.random() < 0.5:  # noqa: PLR2004  # half of the short ones in the line
        bare = new[0].strip()
        given = _quote(bare, rng)
        new = [indent_of(lines[number - 1]) + bare]
        order = (f"{verb} {given} {where}", f"{verb} {where}: {given}")
        instruction = rng.choice(order)
    else:
        instruction = f"{verb} {where}:\n" + fenced(new, rng, material.language)
    program = replace_lines(lines, after + 1, after, new)
    return Case("find-insert", instruction, None, program, ((text, number),))


def replace(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Replace the line with a given text by another text."""
    found = _place(lines, rng, material)
    if found is None:
        return None
    number, words, text = found
    new = foreign_lines(lines, number, rng, material)
    verb, join = rng.choice(
        (("Replace", "by"), ("Replace", "with"), ("replace", "by"), ("Change", "to"))
    )
    if len(new) == 1 and rng.random() < 0.5:  # noqa: PLR2004  # half of the short ones in the line
        bare = new[0].strip()
        new = [indent_of(lines[number - 1]) + bare]
        instruction = f"{verb} {words} {join} {_quote(bare, rng)}"
    else:
        instruction = f"{verb} {words} {join}:\n" + fenced(new, rng, material.language)
    program = replace_lines(lines, number, number, new)
    return Case("find-replace", instruction, None, program, ((text, number),))


def rename_seldom(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Rename a name that stands in one or two lines."""
    return rename_to(lines, rng, material, kind="rename-seldom", most=2)


_NOTHING = (
    "Do nothing",
    "do nothing",
    "Leave everything as it is",
    "No change",
    "Change nothing",
    "Keep the code as it is",
    "keep all lines",
)


def unchanged(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Change nothing: none is asked for, or what is to be changed is not there."""
    name = rng.choice(material.names)
    text = "\n".join(lines)
    absent = rng.choice(
        (
            f"Rename `{name}` to `{rng.choice(material.names)}`",
            f"Delete the line with {_quote(name, rng)}",
            f"Delete all lines that contain {_quote(name, rng)}",
            f"Delete the line {_quote(rng.choice(material.lines), rng)}",
        )
    )
    given = rng.random() < 0.5  # noqa: PLR2004  # half and half
    held = name in text or any(line.strip() in absent for line in lines if line.strip())
    if not given and held:
        return None
    instruction = rng.choice(_NOTHING) if given else absent
    return Case("unchanged", instruction, None, Program((Copy(1, len(lines)),)))


MAKERS: dict[str, Maker] = {
    "find-delete": delete,
    "find-duplicate": duplicate,
    "find-move": move,
    "find-range": delete_range,
    "find-all": delete_all,
    "find-insert": insert,
    "find-replace": replace,
    "rename-seldom": rename_seldom,
    "unchanged": unchanged,
}


# Helpers.


def _copies(numbers: Sequence[int]) -> list[Op]:
    """Return the copies of rising lines, as few as there can be."""
    ops: list[Op] = []
    for number in numbers:
        match ops:
            case [*_, Copy(first, last)] if last == number - 1:
                ops[-1] = Copy(first, number)
            case _:
                ops.append(Copy(number, number))
    return ops


def _quotable(lines: Lines) -> list[int]:
    """Return the numbers of the lines whose text, without indentation, no other line contains."""
    bare = [line.strip() for line in lines]
    return [
        k
        for k, text in enumerate(bare, 1)
        if 3 <= len(text) <= _LONGEST_QUOTE  # noqa: PLR2004  # a shorter one says nothing
        and FENCE not in text
        and sum(text in other for other in bare) == 1
    ]


def _place(lines: Lines, rng: Random, material: Material) -> tuple[int, str, str] | None:
    """Draw a line, words for it and the text in them that stands in no other line."""
    if rng.random() < 0.65:  # noqa: PLR2004  # share of lines that are quoted whole
        numbers = _quotable(lines)
        if not numbers:
            return None
        number = rng.choice(numbers)
        text = lines[number - 1].strip()
        quote = _quote(text, rng)
        template = rng.choice(
            (
                "the line {}",
                "the line {}",
                "the line that says {}",
                "the line that reads {}",
                "the line: {}",
                "{}",
                "line {}",
            )
        )
        return number, template.format(quote), text
    counts = Counter(name for line in lines for name in _names(line))
    text_of_all = "\n".join(lines)
    choices = [
        (k, m[0])
        for k, line in enumerate(lines, 1)
        for m in code_names(line, material.language)
        if counts[m[0]] == 1
        and m[0] not in material.language.reserved
        and text_of_all.count(m[0]) == 1
    ]
    if not choices:
        return None
    number, name = rng.choice(choices)
    template = rng.choice(
        (
            "the line with {}",
            "the line with {}",
            "the line that contains {}",
            "the line that mentions {}",
            "the line containing {}",
            "the line with {} in it",
        )
    )
    return number, template.format(_quote(name, rng)), name


def _quote(text: str, rng: Random) -> str:
    """Put a text in quotes that it does not hold, one time in four in none."""
    marks = [mark for mark in ("`", "`", "'", '"', "") if not mark or mark not in text]
    mark = rng.choice(marks)
    return f"{mark}{text}{mark}"


def _names(line: str) -> dict[str, None]:
    """Return the names of a line, each once and in their order: a set's is another in each run."""
    return dict.fromkeys(match[0] for match in NAME.finditer(line))
