"""What is practised when: the mixes of tasks and the lengths of sheets along a run.

A curriculum is a sequence of stages, each up to a share of the run. Knows nothing of files, tokens
or models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from copydecode.training.sheets import (
    COPYING,
    DIAGNOSTICS,
    EVERYDAY,
    FINDING,
    REFACTORS,
    SCRIPTING,
    WRITING,
)

WRITTEN_FOR = 40
"""The lines of a model's window that the lengths of the stages are meant for."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a run, up to the share `until` of it.

    `mix` is how often each kind is drawn, relative to the others. A sheet has at most `longest`
    lines; the bound grows evenly from the first to the second number. `noise` is the share of
    steps on sheets of random names and signs. Of programs that are line numbers alone only the
    first `decisions` are practised, all where it is None: the place is found with the first two or
    three, and four times as many cases are seen in the same time.
    """

    until: float
    mix: Mapping[str, float]
    longest: tuple[float, float]
    noise: float
    decisions: int | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one step practises: kinds and their weights on sheets of about `lines` lines.

    `cases` is how many cases a sheet has, relative to the configured number; `decisions` is where
    programs are cut, None for nowhere.
    """

    mix: Mapping[str, float]
    lines: int
    noise: bool
    cases: float
    decisions: int | None


def _joined(*parts: tuple[float, Mapping[str, float]]) -> dict[str, float]:
    """Return one mix of several, each with the share that it is to have."""
    mix: dict[str, float] = {}
    for share, part in parts:
        total = sum(part.values())
        for kind, weight in part.items():
            mix[kind] = mix.get(kind, 0.0) + share * weight / total
    return mix


_POINTING = {
    "find-delete": 5.0,
    "find-duplicate": 3.0,
    "find-range": 2.0,
    "find-all": 1.0,
    "find-move": 1.0,
}
"""Kinds whose only decisions are line numbers."""

_ALL = _joined(
    (0.27, EVERYDAY),
    (0.2, FINDING),
    (0.25, DIAGNOSTICS),
    (0.09, REFACTORS),
    (0.06, SCRIPTING),
    (0.02, WRITING),
    (0.11, COPYING),
)

_UNPROMISED = _joined(
    (
        0.45,
        {
            **DIAGNOSTICS,
            "syntax": 6,
            "lint": 4,
            "attribute": 2.5,
            "unused-variable": 2.5,
            "unchanged-stale": 2.5,
        },
    ),
    (0.22, REFACTORS),
    (0.05, {"rewrite": 3, "bug": 2}),
    (0.08, SCRIPTING),
    (0.03, WRITING),
    (0.08, FINDING),
    (0.06, EVERYDAY),
    (0.03, COPYING),
)

CURRICULA: Mapping[str, tuple[Stage, ...]] = {
    # Points at given lines, copies text, then all that `EVERYDAY` holds.
    "everyday": (
        Stage(0.4, _joined((0.7, COPYING), (0.3, EVERYDAY)), (8, 29.3), 0.5),
        Stage(0.6, EVERYDAY, (29.3, 40), 0.1),
        Stage(1.0, EVERYDAY, (40, 40), 0.1),
    ),
    # For a model that has learnt the first one: finds lines by what they hold.
    "finding": (
        Stage(0.25, _joined((0.8, _POINTING), (0.2, EVERYDAY)), (6, 12), 0.6, 4),
        Stage(0.5, _joined((0.2, _POINTING), (0.35, FINDING), (0.45, EVERYDAY)), (12, 28), 0.2),
        Stage(0.7, _joined((0.4, FINDING), (0.6, EVERYDAY)), (28, 40), 0.1),
        Stage(1.0, _joined((0.35, FINDING), (0.65, EVERYDAY)), (40, 40), 0.05),
    ),
    # Behind the second one: what it has pushed back, text copied exactly, at full length.
    "consolidating": (
        Stage(1.0, _joined((0.25, FINDING), (0.5, EVERYDAY), (0.25, COPYING)), (40, 40), 0.05),
    ),
    # For comparisons: what is learnt first, on short sheets.
    "short": (Stage(1.0, _joined((0.7, COPYING), (0.3, EVERYDAY)), (8, 18), 0.5),),
    # For a model whose prompts did not say yet where texts stand.
    "looking-up": (
        Stage(1.0, _joined((0.45, FINDING), (0.35, EVERYDAY), (0.2, COPYING)), (40, 40), 0.05),
    ),
    # From random weights: text is copied and lines are found on short sheets first.
    "whole": (
        Stage(0.15, _joined((0.4, COPYING), (0.4, _POINTING), (0.2, EVERYDAY)), (6, 16), 0.5, 8),
        Stage(
            0.4,
            _joined((0.4, EVERYDAY), (0.3, FINDING), (0.15, COPYING), (0.15, DIAGNOSTICS)),
            (16, 40),
            0.15,
        ),
        Stage(1.0, _ALL, (40, 40), 0.03),
    ),
    # Behind another one: all that there is, at full length.
    "all": (Stage(1.0, _ALL, (40, 40), 0.03),),
    # Behind that: mostly what no rule promises, so that the weights have to know it.
    "unpromised": (Stage(1.0, _UNPROMISED, (40, 40), 0.02),),
    # Behind any of them: all languages, with what their own tools complain of.
    "languages": (
        Stage(
            1.0,
            _joined((0.3, FINDING), (0.35, EVERYDAY), (0.25, SCRIPTING), (0.1, WRITING)),
            (40, 40),
            0.05,
        ),
    ),
}

_GROUPS = (
    (
        ("misspelling", "bug", "rewrite", "delete", "duplicate", "move", "comment", *DIAGNOSTICS),
        1.0,
    ),
    ((*_POINTING, "unchanged"), 2.0),
    (("rename", "rename-seldom", "insert", "replace", "find-insert", "find-replace"), 1.0),
    (("snippet", "snippet-anchor", "snippet-several"), 0.75),
    (tuple(SCRIPTING), 1.0),
    (tuple(REFACTORS), 0.5),
    (tuple(WRITING), 1.0),
)
"""Few long cases in a batch would pad all others: kinds of like length come together."""

_OF_CODE = frozenset({*DIAGNOSTICS, *REFACTORS, *SCRIPTING, *WRITING})
"""Kinds whose sheets have to be code or prose: there are none of names at random."""

_SHORTEST = 6


def lesson(curriculum: str, progress: float, rng: Random) -> Lesson:
    """Draw what a step practises at a share of the run.

    Raises:
        KeyError: there is no such curriculum.
    """
    begun = 0.0
    stages = CURRICULA[curriculum]
    for stage in stages:
        if progress < stage.until or stage is stages[-1]:
            break
        begun = stage.until
    grown = min(1.0, (progress - begun) / (stage.until - begun))
    longest = stage.longest[0] + grown * (stage.longest[1] - stage.longest[0])
    weights = [sum(stage.mix.get(kind, 0.0) for kind in kinds) for kinds, _ in _GROUPS]
    kinds, cases = rng.choices(_GROUPS, weights)[0]
    mix = {kind: stage.mix[kind] for kind in kinds if kind in stage.mix}
    lines = round(rng.uniform(min(_SHORTEST, longest), longest))
    if "snippet-several" in kinds:
        lines = max(lines, min(18, round(stage.longest[1])), 8)
    if not _OF_CODE.isdisjoint(mix):
        lines = max(lines, 8)
    decisions = stage.decisions if "find-delete" in kinds else None
    noise = rng.random() < stage.noise and _OF_CODE.isdisjoint(mix)
    return Lesson(mix, lines, noise, cases, decisions)
