"""What tests of single kinds of tasks share: sheets with one case, and what the rules say of it."""

from __future__ import annotations

from random import Random

from copydecode.edit.program import Copy, Gen
from copydecode.edit.resolve import resolve
from copydecode.edit.rules import Opening, Rules
from copydecode.training.sheets import SheetMaker
from copydecode.training.tasks import Case, Sheet

N = 40


def draw(maker: SheetMaker, kind: str, n: int = N) -> list[tuple[Sheet, Case, list[str]]]:
    """Return sheets of a kind, their case and the lines of the gold text."""
    rng = Random(kind)
    drawn = []
    for _ in range(n):
        sheet = maker.draw(rng, rng.randint(14, 36), 1, {kind: 1.0})
        (case,) = sheet.cases
        drawn.append((sheet, case, resolve(case.program, sheet.document).splitlines()))
    return drawn


def check_allowed(sheet: Sheet, case: Case) -> None:
    """Assert that each op of the gold program is one that the rules offer where it stands."""
    rules = Rules(len(sheet.lines), case.lock)
    before = None
    for op in case.program.ops:
        if isinstance(op, Gen):
            assert Opening.GEN in rules.openings(before)
        else:
            assert isinstance(op, Copy)
            assert Opening.COPY in rules.openings(before)
            assert any(a <= op.first <= b for a, b in rules.firsts(before))
            assert any(a <= op.last <= b for a, b in rules.lasts(before, op.first))
        before = op
    assert Opening.END in rules.openings(before)
