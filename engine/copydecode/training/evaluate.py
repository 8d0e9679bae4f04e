"""Counts how many edits come out exactly right, on code that the model never saw.

Runs the engine as a user would: text and instruction in, new text out, compared byte for byte with
the gold edit. Knows nothing of how the model was trained, only of its tasks.
"""

from __future__ import annotations

import dataclasses
import math
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from copydecode.decode.prompt import similar_names
from copydecode.edit.resolve import resolve
from copydecode.edits import EditRequest, EditResult, Scope
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.training import comments
from copydecode.training.corpus import SourceFile
from copydecode.training.sheets import (
    DIAGNOSTICS,
    EVERYDAY,
    FINDING,
    REFACTORS,
    SCRIPTING,
    WRITING,
    SheetMaker,
    languages,
    whole_file_cases,
)
from copydecode.training.tasks import Case, Sheet

_QUOTED = re.compile(r"[`'\"](\w+)[`'\"]")

IN_FILE = "in whole files"
"""Suffix of the kinds that are tried on files of any length, with the scope given."""


ROWS: Mapping[str, tuple[str, ...]] = {
    "line operations": (
        *("delete", "duplicate", "move", "insert", "replace", "rewrite", "comment"),
        *("find-delete", "find-duplicate", "find-move", "find-range", "find-all", "find-insert"),
        "find-replace",
    ),
    "located misspelling or undefined name": ("misspelling", "attribute"),
    "unused import or variable, missing import": (
        *("unused-import", "unused-variable", "missing-import", "missing-import-located"),
    ),
    "syntax": ("syntax",),
    "other complaints of linters": ("lint", "arguments", "needless", "unreachable"),
    "rename in a function": ("rename-local",),
    "rename everywhere": ("rename", "rename-seldom", "rename-method"),
    "snippet in one place": ("snippet", "snippet-anchor"),
    "snippet in several places": ("snippet-several",),
    "unchanged": ("unchanged", "unchanged-stale", "unchanged-held", "unchanged-applied"),
    "refactorings": ("wrap", "unwrap", "add-parameter", "annotate", "docstring"),
    "rewrites": ("f-string", "dict-get", "pathlib", "simplify"),
    "mutation with its line": ("bug-located",),
    "mutation without location": ("bug",),
}
"""What several kinds of tasks come to, for a table that can be read at a glance."""

DIAGNOSTIC = ("misspelling", "bug-located", "unused-", "missing-", "unreachable", "syntax")
"""How the kinds begin that are a diagnostic's fix: a message about a line."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One edit to try: `target` is the exact text wanted."""

    kind: str
    request: EditRequest
    target: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial; forwards, tokens and seconds are of the receipt, 0 where it failed.

    So are `log_prob`, `as_promised`, `confidence` and `retries`, as the receipt has them. `changed`
    says that something was proposed.
    """

    kind: str
    exact: bool
    error: str | None
    forwards: int
    output_tokens: int
    seconds: float
    changed: bool = False
    log_prob: float = 0.0
    as_promised: bool = False
    confidence: float | None = None
    retries: int = 0
    check_s: float = 0.0


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


def draw_trials(
    files: Sequence[SourceFile], per_kind: int, seed: int, language: str = "python"
) -> Iterator[Trial]:
    """Yield `per_kind` trials of each kind that is for a language.

    On chunks of 8 to 36 lines, then, for Python, in whole files.
    """
    files = [file for file in files if file.language == language]
    maker = SheetMaker(files)
    for kind in (*EVERYDAY, *FINDING, *SCRIPTING, *WRITING, *DIAGNOSTICS, *REFACTORS):
        if language not in languages(kind):
            continue
        rng = Random(f"{seed}/{kind}")
        for _ in range(per_kind):
            shortest = 14 if kind.startswith("snippet") else 8
            sheet = maker.draw(rng, rng.randint(shortest, 36), 1, {kind: 1.0})
            yield trial(sheet.cases[0].kind, sheet, sheet.cases[0])
    if language != "python":
        return
    rng = Random(f"{seed}/files")
    for kind, sheets in whole_file_cases(files, per_kind, rng).items():
        for sheet in sheets:
            yield trial(f"{kind} {IN_FILE}", sheet, sheet.cases[0])


def trial(kind: str, sheet: Sheet, case: Case) -> Trial:
    """Return a case of a sheet as an edit to try."""
    scope = None
    if case.scope is not None:
        scope = Scope(*case.scope, locked=case.lock is not None)
    document, erase = sheet.document, None
    if kind == comments.KIND and scope is not None:
        # The server takes the comment out of what the model sees.
        start = document.starts[scope.first - 1]
        erase = start, start + len(document.lines[scope.first - 1])
    request = EditRequest(document.text, case.instruction, scope, sheet.language, erase=erase)
    return Trial(kind, request, resolve(case.program, document))


def run_trial(engine: Engine, trial: Trial, *, self_check: bool = False) -> Outcome:
    """Run one edit; an error of the engine's counts as a miss.

    With `self_check` the kinds that come from a diagnostic are checked, as the server does it.
    """
    checked = self_check and trial.kind.startswith(DIAGNOSTIC)
    try:
        result = engine.edit(replace(trial.request, self_check=checked))
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
        changed=result.text != trial.request.text,
        log_prob=receipt.log_prob,
        as_promised=receipt.as_promised,
        confidence=receipt.confidence,
        retries=receipt.retries,
        check_s=receipt.check_s,
    )


def rule_is_exact(trial: Trial) -> bool | None:
    """Return whether a rule without a model makes this edit; None where there is no such rule.

    The rule mends a misspelt name by the first of the similar names that the prompt lists: what it
    gets right, the prompt has given away.
    """
    request = trial.request
    if not trial.kind.startswith("misspelling") or request.scope is None:
        return None
    lines = request.text.split("\n")
    names = similar_names(request.instruction, lines, request.language)
    quoted = _QUOTED.search(request.instruction)
    if not names or quoted is None:
        return False
    at = request.scope.first - 1
    lines[at] = re.sub(rf"\b{quoted[1]}\b", names[0], lines[at], count=1)
    return "\n".join(lines) == trial.target


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


def by_row(outcomes: Sequence[Outcome]) -> list[Score]:
    """Summarise outcomes by the rows of `ROWS`; those of whole files are left out.

    Each trial counts the same. Kinds of no row are one of their own.
    """
    rows = {kind: row for row, kinds in ROWS.items() for kind in kinds}
    on_chunks = [o for o in outcomes if not o.kind.endswith(IN_FILE)]
    named = [dataclasses.replace(o, kind=rows.get(o.kind, o.kind)) for o in on_chunks]
    order = list(ROWS)
    scores = score(named)
    return sorted(scores, key=lambda s: order.index(s.kind) if s.kind in ROWS else len(order))


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
