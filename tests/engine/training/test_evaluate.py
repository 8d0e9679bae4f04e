"""Scores are counted from the engine's real results."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edits import EditRequest, Scope
from copydecode.training.corpus import SourceFile
from copydecode.training.evaluate import (
    ROWS,
    Outcome,
    Trial,
    by_row,
    draw_trials,
    rule_is_exact,
    score,
    wilson,
)
from copydecode.training.sheets import (
    DIAGNOSTICS,
    EVERYDAY,
    FINDING,
    REFACTORS,
    SCRIPTING,
    WRITING,
    languages,
)


def test_trials_cover_every_kind_and_are_seeded(files: list[SourceFile]) -> None:
    """Targets differ from the text, but where nothing is to change."""
    trials = list(draw_trials(files, 2, seed=0))
    kinds = {trial.kind.removesuffix("-located") for trial in trials}
    in_files = {"misspelling in whole files", "delete in whole files"}
    assert kinds == {*EVERYDAY, *FINDING, *DIAGNOSTICS, *REFACTORS, *in_files}
    assert trials == list(draw_trials(files, 2, seed=0))
    assert trials != list(draw_trials(files, 2, seed=1))
    for trial in trials:
        assert oracle(Document(trial.request.text), Document(trial.target)).ops
        assert isinstance(trial.request, EditRequest)
        if trial.kind != "rewrite" and not trial.kind.startswith("unchanged"):
            assert trial.target != trial.request.text


_DRAWING = """
from hashlib import sha256
from pathlib import Path
import copydecode.edit as edit
from copydecode.training import evaluate
from copydecode.training.corpus import SourceFile
paths = sorted(Path(edit.__file__).parent.glob("*.py"))
files = [SourceFile("edit", path.name, path.read_text("utf-8")) for path in paths]
trials = evaluate.draw_trials([f for f in files if f.text.count("\\n") > 40], 2, 0)
print(sha256(repr([(t.kind, t.request, t.target) for t in trials]).encode()).hexdigest())
"""


def test_trials_are_the_same_in_every_process() -> None:
    """Whatever the order of sets, which is another one in each."""
    drawn = {
        subprocess.run(  # noqa: S603  # our own code
            [sys.executable, "-c", _DRAWING],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(drawn) == 1


@pytest.mark.parametrize("language", ["javascript", "typescript", "markdown"])
def test_trials_in_another_language_are_all_in_it(
    files: list[SourceFile], foreign_files: list[SourceFile], language: str
) -> None:
    """And of the kinds that are for it."""
    trials = list(draw_trials([*files, *foreign_files], 1, seed=0, language=language))
    assert {trial.request.language for trial in trials} == {language}
    kinds = {trial.kind.removesuffix("-located") for trial in trials}
    wanted = (*EVERYDAY, *FINDING, *SCRIPTING, *WRITING)
    assert kinds == {kind for kind in wanted if language in languages(kind)}


@pytest.mark.parametrize(
    ("kind", "text", "target", "expected"),
    [
        ("misspelling", "count = 1\nprint(coutn)\n", "count = 1\nprint(count)\n", True),
        ("misspelling", "count = 1\nprint(coutn)\n", "count = 1\nprint(other)\n", False),
        ("misspelling", "x = 1\nprint(coutn)\n", "x = 1\nprint(y)\n", False),
        ("delete", "a\nb\n", "a\n", None),
    ],
)
def test_the_rule_mends_what_the_prompt_gives_away(
    kind: str, text: str, target: str, expected: bool | None
) -> None:
    request = EditRequest(text, "undefined name 'coutn'", Scope(2, 2), None)
    assert rule_is_exact(Trial(kind, request, target)) is expected


def test_scores_count_exact_edits_and_errors() -> None:
    """An error is a miss; costs are medians of what ended."""
    outcomes = [
        Outcome("a", True, None, 4, 100, 0.1),  # noqa: FBT003  # exact
        Outcome("a", False, None, 6, 200, 0.3),  # noqa: FBT003  # exact
        Outcome("a", False, "TokenLimitError", 0, 0, 0.0),  # noqa: FBT003  # exact
        Outcome("b", False, "TokenLimitError", 0, 0, 0.0),  # noqa: FBT003  # exact
    ]
    first, second = score(outcomes)
    assert (first.kind, first.trials, first.exact, first.errors) == ("a", 3, 1, 1)
    assert (first.forwards, first.output_tokens) == (5, 150)
    assert first.milliseconds == pytest.approx(200)
    assert (second.rate, second.forwards) == (0, 0)


def test_rows_count_each_trial_of_their_kinds_once() -> None:
    """In the order of the table, and what belongs to no row behind it."""
    outcomes = [
        Outcome("other", True, None, 4, 100, 0.1),  # noqa: FBT003  # exact
        Outcome("bug", True, None, 4, 100, 0.1),  # noqa: FBT003  # exact
        Outcome("delete", True, None, 4, 100, 0.1),  # noqa: FBT003  # exact
        Outcome("find-move", False, None, 6, 200, 0.3),  # noqa: FBT003  # exact
        Outcome("delete in whole files", False, None, 6, 200, 0.3),  # noqa: FBT003  # exact
    ]
    rows = [(row.kind, row.exact, row.trials) for row in by_row(outcomes)]
    assert rows == [("line operations", 1, 2), ("mutation without location", 1, 1), ("other", 1, 1)]


def test_rows_are_made_of_kinds_that_there_are() -> None:
    kinds = [kind for kinds in ROWS.values() for kind in kinds]
    assert len(set(kinds)) == len(kinds)
    mixes = {*EVERYDAY, *FINDING, *DIAGNOSTICS, *REFACTORS}
    assert {kind.removesuffix("-located") for kind in kinds} <= mixes


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)],
)
def test_wilson(hits: int, n: int, low: float, high: float) -> None:
    """Against values computed by R's prop.test without continuity correction."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-3)
