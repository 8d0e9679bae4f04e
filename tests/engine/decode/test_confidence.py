"""A calibration is a rising curve between 0 and 1, kept as JSON."""

from __future__ import annotations

import math

import pytest

from copydecode.decode.confidence import Calibration
from copydecode.decode.decisions import Choice, Decisions
from copydecode.decode.receipt import Receipt
from copydecode.errors import ModelFormatError

CURVE = Calibration(-0.5, 1.5, 2.0, 800)


def test_the_surer_the_more_often_right() -> None:
    """Also where a program is certain, or next to impossible."""
    log_probs = (-1e308, -100, -3, -0.5, -0.01, 0.0)
    values = [CURVE.confidence(log_prob, as_promised=False) for log_prob in log_probs]
    assert values == sorted(values)
    assert 0 <= values[0] < 0.01
    assert 0.99 < values[-1] <= 1


def test_what_is_as_the_words_promise_is_surer() -> None:
    assert CURVE.confidence(-1.0, as_promised=True) == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert CURVE.confidence(-1.0, as_promised=False) == pytest.approx(1 / (1 + math.exp(0.5)))


def test_it_comes_back_from_json() -> None:
    assert Calibration.from_json(CURVE.as_json()) == CURVE


@pytest.mark.parametrize("entry", [None, {"version": 1, "slope": 1.0}, {"version": 3}])
def test_none_and_one_of_another_version_is_uncalibrated(entry: object) -> None:
    assert Calibration.from_json(entry) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"version": 2, "intercept": 0.0, "slope": 1.0, "cases": 3},
        {"version": 2, "intercept": math.nan, "slope": 1.0, "promised": 1.0, "cases": 3},
        {"version": 2, "intercept": "0", "slope": 1.0, "promised": 1.0, "cases": 3},
        [1, 2],
        "sure",
        {"intercept": 1.0, "slope": 1.0, "cases": 3},
    ],
)
def test_a_broken_entry_is_refused(entry: object) -> None:
    with pytest.raises(ModelFormatError, match=r"copydecode\.calibration"):
        Calibration.from_json(entry)


def test_decisions_are_summed_and_the_weakest_and_the_nearest_known() -> None:
    """Those come first that were nearest to another token, however likely they were."""
    decisions = Decisions()
    assert (decisions.log_prob, decisions.weakest, decisions.nearest(3)) == (0.0, 0.0, [])
    for choice in (
        Choice(1, -0.1, 2, -3.0),
        Choice(3, -2.0, 4, -2.5),
        Choice(5, -2.2, 6, -4.0),
        Choice(7, 0.0, 7, -math.inf),
    ):
        assert decisions.take(choice) == choice.token
    assert decisions.log_prob == pytest.approx(-4.3)
    assert decisions.weakest == -2.2
    assert decisions.nearest(2) == [1, 2]
    assert decisions.nearest(9) == [1, 2, 0]  # In the last one no other was legal.


def test_a_fork_takes_the_other_token_where_one_is_legal() -> None:
    decisions = Decisions(fork=1)
    assert decisions.take(Choice(1, -0.1, 2, -3.0)) == 1
    assert decisions.take(Choice(3, -0.2, 4, -2.5)) == 4
    assert decisions.take(Choice(5, -0.3, 6, -4.0)) == 5
    assert decisions.log_probs == [-0.1, -2.5, -0.3]
    assert decisions.margins[1] == pytest.approx(-2.3)
    only = Decisions(fork=0)
    assert only.take(Choice(9, 0.0, 9, -math.inf)) == 9
    assert only.nearest(1) == []


def test_all_has_to_be_decided_as_promised() -> None:
    decisions = Decisions()
    assert not decisions.as_promised
    decisions.take(Choice(1, -0.1, 2, -3.0), 1)
    assert decisions.as_promised
    decisions.take(Choice(3, -0.1, 4, -3.0))
    assert not decisions.as_promised
    forked = Decisions(fork=0)
    assert forked.take(Choice(1, -0.1, 2, -3.0), 1) == 2
    assert not forked.as_promised


@pytest.mark.parametrize(("other", "expected"), [(0.4, 0.4), (None, None)])
def test_several_edits_together_are_as_sure_as_the_least_sure(
    other: float | None, expected: float | None
) -> None:
    parts = [
        Receipt(log_prob=-1.0, weakest_log_prob=-0.5, as_promised=True, confidence=0.6, retries=1),
        Receipt(log_prob=-2.0, weakest_log_prob=-0.7, confidence=other),
    ]
    total = Receipt.total(parts)
    assert (total.log_prob, total.weakest_log_prob, total.retries) == (-3.0, -0.7, 1)
    assert total.confidence == expected
    assert not total.as_promised
    assert Receipt.total([]).confidence is None
