"""Lines that are put in the place of others, for a case that asks for these back.

What `mistakes` does within one line, over any number of them. Flaws are put into a sheet before any
of its cases is made; all are made on the same lines and are apart. Knows nothing of tokens
or models.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.edit.program import Copy, Program
from copydecode.training.tasks import Case, Lines, Material, replace_lines


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong from line `first` on, and what should stand there.

    `old` is how many lines of the sheet as it was give way to `wrong`. `scope` are the lines, of
    the sheet with the flaw in it, that the instruction comes with. Where nothing was put in,
    because the sheet had it already, `wrong` are its own lines.
    """

    kind: str
    first: int
    old: int
    wrong: tuple[str, ...]
    right: tuple[str, ...]
    instruction: str
    scope: tuple[int, int] | None

    @property
    def grown(self) -> int:
        """How many lines the sheet has gained."""
        return len(self.wrong) - self.old

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The lines, of the sheet with the flaw in it, that other flaws leave alone."""
        # Where lines are missing, their neighbours say so.
        end = self.first + len(self.wrong) - 1
        wrong = (self.first, end) if self.wrong else (self.first - 1, self.first)
        return (wrong, self.scope) if self.scope else (wrong,)


_LINE = re.compile(r"\b((?:on|at|from|imported) line )(\d+)\b")
"""How tools name another line than the diagnostic's own."""

Maker = Callable[[Lines, Random, Material], Flaw | None]


def put_in(lines: list[str], flaws: Sequence[Flaw]) -> list[Flaw]:
    """Put flaws that are apart, all made on the same lines, into these.

    Returns them with the line numbers that hold once all were put in.
    """
    for flaw in sorted(flaws, key=lambda flaw: flaw.first, reverse=True):
        lines[flaw.first - 1 : flaw.first - 1 + flaw.old] = flaw.wrong
    return [_placed(flaw, flaws) for flaw in flaws]


def apart(flaw: Flaw, others: Iterable[Flaw]) -> bool:
    """Return whether flaws made on the same lines can be put into them together.

    Their lines have to be apart, and of what has no scope there is one of a kind: else nothing
    would say which one is meant.
    """
    for other in others:
        if flaw.kind == other.kind and None in {flaw.scope, other.scope}:
            return False
        if any(a <= d and c <= b for a, b in _before(flaw) for c, d in _before(other)):
            return False
    return True


def shifted(number: int, flaws: Iterable[Flaw]) -> int:
    """Return where a line, of those that the flaws were made on, stands once they were put in."""
    return number + sum(flaw.grown for flaw in flaws if number >= flaw.first + flaw.old)


def _before(flaw: Flaw) -> Iterator[tuple[int, int]]:
    """Yield the lines that a flaw is about, as they were numbered before it.

    Where lines come or go, the neighbours say so.
    """
    margin = int(flaw.grown != 0 or not flaw.right)
    yield flaw.first - margin, flaw.first + flaw.old - 1 + margin
    if flaw.scope:
        end = flaw.first + len(flaw.wrong)
        first, last = (k - flaw.grown if k >= end else k for k in flaw.scope)
        yield first, last


def _placed(flaw: Flaw, flaws: Sequence[Flaw]) -> Flaw:
    """Return a flaw as it is numbered once all were put in."""
    others = [other for other in flaws if other is not flaw]
    first = shifted(flaw.first, others)

    def place(number: int) -> int:
        if number >= flaw.first + len(flaw.wrong):
            return shifted(number - flaw.grown, flaws)
        return number - flaw.first + first if number >= flaw.first else shifted(number, others)

    scope = flaw.scope and (place(flaw.scope[0]), place(flaw.scope[1]))
    words = _LINE.sub(lambda m: f"{m[1]}{place(int(m[2]))}", flaw.instruction)
    return dataclasses.replace(flaw, first=first, scope=scope, instruction=words)


def case_of(lines: Lines, flaw: Flaw) -> Case:
    """Return the case of undoing a flaw."""
    last = flaw.first + len(flaw.wrong) - 1
    program = replace_lines(lines, flaw.first, last, flaw.right)
    return with_lock(Case(flaw.kind, flaw.instruction, flaw.scope, program))


def with_lock(case: Case) -> Case:
    """Return a case whose first copy ends before the lock: none may run from there into it."""
    match case.lock, case.program.ops:
        case (int(first), int()), (Copy(1, last), *rest) if 1 < first <= last:
            program = Program((Copy(1, first - 1), Copy(first, last), *rest))
            return dataclasses.replace(case, program=program)
        case _:
            return case
