"""Curricula name tasks that there are, and lessons keep to their stages."""

from __future__ import annotations

from random import Random

import pytest

from copydecode.training.curriculum import CURRICULA, lesson
from copydecode.training.sheets import (
    DIAGNOSTICS,
    EVERYDAY,
    FINDING,
    REFACTORS,
    SCRIPTING,
    WRITING,
)

KINDS = {*EVERYDAY, *FINDING, *SCRIPTING, *WRITING, *DIAGNOSTICS, *REFACTORS}


@pytest.mark.parametrize("name", CURRICULA)
def test_stages_follow_each_other_to_the_end_and_practise_what_there_is(name: str) -> None:
    stages = CURRICULA[name]
    ends = [stage.until for stage in stages]
    assert ends == sorted(set(ends))
    assert ends[-1] == 1.0
    for stage in stages:
        assert stage.mix.keys() <= KINDS
        assert sum(stage.mix.values()) > 0


@pytest.mark.parametrize("name", CURRICULA)
def test_lessons_are_within_the_bounds_of_their_stage(name: str) -> None:
    """Kinds of one lesson are of one stage; snippets alone need some length."""
    rng = Random(0)
    begun = 0.0
    for stage in CURRICULA[name]:
        for part in (0.01, 0.5, 0.99):
            progress = begun + part * (stage.until - begun)
            for _ in range(50):
                todo = lesson(name, progress, rng)
                assert todo.mix.items() <= stage.mix.items()
                assert todo.lines <= max(8, *stage.longest)
                assert todo.decisions in {None, stage.decisions}
        begun = stage.until


def test_every_kind_of_a_mix_is_practised() -> None:
    """No kind is left out because it belongs to no group."""
    rng = Random(0)
    seen = {kind for _ in range(500) for kind in lesson("all", 0.9, rng).mix}
    assert seen == KINDS


def test_lengths_grow_within_a_stage() -> None:
    early = max(lesson("finding", 0.26, Random(seed)).lines for seed in range(200))
    late = max(lesson("finding", 0.49, Random(seed)).lines for seed in range(200))
    assert early < late


def test_programs_are_cut_for_numbers_alone() -> None:
    """Cut text would never be learnt."""
    for seed in range(200):
        todo = lesson("finding", 0.1, Random(seed))
        assert (todo.decisions is not None) == ("find-delete" in todo.mix)
