"""Counts how many edits come out exactly right, on code that the model never saw.

Runs the engine as a user would: text and instruction in, new text out, compared byte for byte with
the gold edit. Knows nothing of how the model was trained, only of its tasks.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.edit.resolve import resolve
from copydecode.engine import EditRequest, EditResult, Engine, Scope
from copydecode.errors import CopydecodeError
from copydecode.training.corpus import SourceFile
from copydecode.training.sheets import EVERYDAY, SheetMaker, whole_file_cases

IN_FILE = "in whole files"
"""Suffix of the kinds that are tried on files of any length, with the scope given."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One edit to try: `target` is the exact text wanted."""

    kind: str
    request: EditRequest
    target: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial; forwards, tokens and seconds are of the receipt, 0 where it failed."""

    kind: str
    exact: bool
    error: str | None
    forwards: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Score:
    """The trials of one kind: exact ones with a 95 % Wilson interval, medians of the costs."""

    kind: str
    trials: int
    exact: int
    low: float
    high: float
    forwards: float
    output_tokens: float
    milliseconds: float
    errors: int

    @property
    def rate(self) -> float:
        """The share of exact edits."""
        return self.exact / self.trials


def draw_trials(files: Sequence[SourceFile], per_kind: int, seed: int) -> Iterator[Trial]:
    """Yield `per_kind` trials of each kind: on chunks of 8 to 36 lines, then in whole files."""
    maker = SheetMaker(files)
    for kind in EVERYDAY:
        rng = Random(f"{seed}/{kind}")
        for _ in range(per_kind):
            sheet = maker.draw(rng, rng.randint(14 if kind == "snippet" else 8, 36), 1, {kind: 1.0})
            case = sfheet.cases[0]
            scope = Scope(*case.scope) if case.scope else None
            request = EditRequest(sheet.document.text, case.instruction, scope, "python")
            yield Trial(kind, request, resolve(case.program, sheet.document))
    rng = Random(f"{seed}/files")
    for kind, sheets in whole_file_cases(files, per_kind, rng).items():
        for sheet in sheets:
            case = sheet.cases[0]
            scope = Scope(*case.scope) if case.scope else None
            request = EditRequest(sheet.document.text, case.instruction, scope, "python")
            target = resolve(case.program, sheet.document)
            yield Trial(f"{kind} {IN_FILE}", request, target)


def run_trial(engine: Engine, trial: Trial) -> Outcome:
    """Run one edit; an error of the engine's counts as a miss."""
    try:
        result = engine.edit(trial.request)
    except CopydecodeError as error:
        return Outcome(trial.kind, False, type(error).__name__, 0, 0, 0.0)  # noqa: FBT003  # exact
    receipt = result.receipt
    return Outcome(
        trial.kind,
        _is_exact(result, trial),
        None,
        receipt.forwards,
        receipt.output_tokens,
        receipt.total_s,
    )


def score(outcomes: Sequence[Outcome]) -> list[Score]:
    """Summarise outcomes by kind, in the order of first appearance."""
    kinds: Mapping[str, list[Outcome]] = {o.kind: [] for o in outcomes}
    for outcome in outcomes:
        kinds[outcome.kind].append(outcome)
    scores = []
    for kind, found in kinds.items():
        exact = sum(o.exact for o in found)
        ended = [o for o in found if o.error is None]
        low, high = wilson(exact, len(found))

        def middle(value: Callable[[Outcome], float], ended: list[Outcome] = ended) -> float:
            return statistics.median(map(value, ended)) if ended else 0.0

        scores.append(
            Score(
                kind=kind,
                trials=len(found),
                exact=exact,
                low=low,
                high=high,
                forwards=middle(lambda o: o.forwards),
                output_tokens=middle(lambda o: o.output_tokens),
                milliseconds=middle(lambda o: 1000 * o.seconds),
                errors=len(found) - len(ended),
            )
        )
    return scores


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson, JASA 22:209, 1927)."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def _is_exact(result: EditResult, trial: Trial) -> bool:
    return result.text == trial.target
