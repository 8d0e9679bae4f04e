"""Matching spans, covers and the bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.studies import paper
from copydecode.studies.cover import Curve, best_cover, bound, greedy_cover, matching_ends

SEQUENCE = st.lists(st.integers(0, 2), max_size=14)


def is_in(part: list[int], whole: list[int]) -> bool:
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


@given(SEQUENCE, SEQUENCE)
def test_matching_ends_are_the_longest(source: list[int], target: list[int]) -> None:
    for end, length in enumerate(matching_ends(source, target), start=1):
        assert is_in(target[end - length : end], source)
        assert length == end or not is_in(target[end - length - 1 : end], source)


@given(SEQUENCE, SEQUENCE, st.integers(1, 4))
def test_the_greedy_cover_is_that_of_its_definition(
    source: list[int], target: list[int], least: int
) -> None:
    spans, at = [], 0
    while at < len(target):
        longest = max(n for n in range(len(target) - at + 1) if is_in(target[at : at + n], source))
        if longest >= least:
            spans.append(longest)
        at += longest if longest >= least else 1
    assert greedy_cover(source, target, least) == spans


@given(SEQUENCE, SEQUENCE, st.integers(1, 4))
def test_no_choice_of_spans_covers_more(source: list[int], target: list[int], least: int) -> None:
    best = [0]
    for end in range(1, len(target) + 1):
        spans = [n for n in range(least, end + 1) if is_in(target[end - n : end], source)]
        best.append(max([best[-1], *(best[end - n] + n for n in spans)]))
    assert best_cover(source, target, least) == best[-1]
    assert sum(greedy_cover(source, target, least)) <= best[-1]


def test_the_curve_goes_through_its_points_and_is_flat_outside() -> None:
    curve = Curve({2: 1.0, 8: 4.0})
    assert [curve(n) for n in (1, 2, 4, 8, 100)] == pytest.approx([1, 1, 2, 4, 4])
    assert curve.cost(8) == pytest.approx(2)
    assert curve.cost(0) == 0


def test_the_bound_is_that_of_the_paper() -> None:
    curve = Curve({1: 1.0, 10: 10.0})
    assert bound(100, [], curve) == 1
    assert bound(100, [50, 40], curve) == pytest.approx(100 / (10 + 5 + 4))


def test_the_papers_kernel_gives_the_papers_bounds_at_the_mean_span() -> None:
    curve = Curve(paper.kernel_points())
    for name in ("probe", "fix-python", "fix-js"):
        row = paper.CEILINGS[name]
        cost = row.copied / curve(row.copied / row.spans)
        assert row.tokens / (row.tokens - row.copied + cost) == pytest.approx(row.bound_mean)
