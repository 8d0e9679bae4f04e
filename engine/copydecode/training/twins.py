"""Puts lines into a chunk once more, as they are or almost: hard negatives for where a copy ends.

Where a line, an empty one or its like stands twice, what a copy ends with does not say where it
ends: its number has to. Knows nothing of tasks or tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from copydecode.training.languages import Language
from copydecode.training.tasks import code_names, indent_of

_RUNS = 3
_LONGEST_RUN = 3
_CHANGED = 0.5
_EMPTY = 0.2


def put_in(
    lines: Sequence[str],
    code: Sequence[int],
    names: Sequence[str],
    rng: Random,
    language: Language,
) -> tuple[list[str], list[int]]:
    """Return as many lines with up to three short runs once more, and which of them are code.

    A run comes behind itself, or behind another line of its indentation. In half of the runs one
    name is another one then; now and then it is an empty line that is doubled. `code` are the
    numbers of the lines outside of strings that go on, from 1: only these are repeated, and only
    behind them something is put.
    """
    new, numbers = list(lines), list(code)
    for _ in range(rng.randint(1, _RUNS)):
        if not numbers:
            break
        first = rng.choice(numbers)
        last = first
        while last + 1 in numbers and last - first + 1 < _LONGEST_RUN and rng.random() < 0.5:  # noqa: PLR2004  # half and half
            last += 1
        indent = indent_of(new[first - 1])
        alike = [k for k in numbers if indent_of(new[k - 1]) == indent and k > last]
        at = rng.choice(alike) if alike and rng.random() < 0.5 else last  # noqa: PLR2004  # half
        run = [""] if rng.random() < _EMPTY else new[first - 1 : last]
        if run != [""] and rng.random() < _CHANGED:
            run = _changed(run, names, rng, language)
        new[at:at] = run
        numbers = [k + len(run) * (k > at) for k in numbers]
        if run != [""]:
            numbers = sorted([*numbers, *range(at + 1, at + len(run) + 1)])
    # As long as before: a window holds no more.
    return new[: len(lines)], [k for k in numbers if k <= len(lines)]


def _changed(
    run: Sequence[str], names: Sequence[str], rng: Random, language: Language
) -> list[str]:
    """Return lines with one name of theirs in place of another."""
    found = [(k, match) for k, line in enumerate(run) for match in code_names(line, language)]
    if not found:
        return list(run)
    at, match = rng.choice(found)
    line = run[at][: match.start()] + rng.choice(names) + run[at][match.end() :]
    return [line if k == at else other for k, other in enumerate(run)]
