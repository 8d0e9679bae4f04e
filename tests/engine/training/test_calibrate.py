"""The curve says how often edits are right that were as sure, and the figures count it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from copydecode.decode.confidence import Calibration
from copydecode.errors import ConfigError
from copydecode.training.calibrate import (
    above,
    calibration_error,
    counted,
    curve,
    draw,
    fit,
    reaching,
)
from copydecode.training.evaluate import Outcome

TRUE = Calibration(-0.5, 1.2, 1.5, 0)


def outcome(
    *,
    exact: bool,
    confidence: float | None = None,
    log_prob: float = -1.0,
    as_promised: bool = False,
) -> Outcome:
    return Outcome(
        *("a", exact, None, 1, 10, 0.1),
        changed=True,
        log_prob=log_prob,
        as_promised=as_promised,
        confidence=confidence,
    )


def drawn(count: int) -> list[Outcome]:
    """Outcomes that are right as often as `TRUE` says."""
    rng = Random(0)
    found = []
    for _ in range(count):
        log_prob = -math.exp(rng.uniform(-6, 2))
        kept = rng.random() < 0.5
        confidence = TRUE.confidence(log_prob, as_promised=kept)
        exact = rng.random() < confidence
        found.append(
            outcome(exact=exact, confidence=confidence, log_prob=log_prob, as_promised=kept)
        )
    return found


def test_the_fit_finds_the_curve_that_the_outcomes_were_drawn_by() -> None:
    fitted = fit(drawn(20_000))
    assert fitted.intercept == pytest.approx(TRUE.intercept, abs=0.1)
    assert fitted.slope == pytest.approx(TRUE.slope, abs=0.1)
    assert fitted.promised == pytest.approx(TRUE.promised, abs=0.1)
    assert fitted.cases == 20_000


@pytest.mark.parametrize("exact", [True, False])
def test_a_curve_through_cases_that_are_all_alike_is_finite(exact: bool) -> None:
    fitted = fit([outcome(exact=exact)] * 50)
    sure = fitted.confidence(-1.0, as_promised=False)
    assert (sure > 0.9) is exact
    assert 0.9 < max(sure, 1 - sure) < 1


def test_errors_and_what_proposes_no_change_do_not_count() -> None:
    kept = outcome(exact=True, confidence=0.5)
    others = [replace(kept, changed=False), replace(kept, error="TokenLimitError")]
    assert counted([kept, *others]) == [kept]
    with pytest.raises(ConfigError, match="none"):
        fit(others)
    assert curve(others) == []
    assert reaching(others, 0.9) is None
    assert above(others, 0.5).coverage == 0
    assert calibration_error(others) == 0


def test_the_curve_counts_the_surest_first() -> None:
    outcomes = [outcome(exact=i < 8, confidence=1 - i / 10) for i in range(10)]
    points = curve(outcomes[::-1])
    assert [point.coverage for point in points] == pytest.approx([i / 10 for i in range(1, 11)])
    assert [point.accuracy for point in points[:8]] == [1.0] * 8
    assert points[9].accuracy == pytest.approx(0.8)
    assert points[4].threshold == pytest.approx(0.6)
    most = reaching(outcomes, 0.85)
    assert most is not None
    assert (most.coverage, most.accuracy) == pytest.approx((0.9, 8 / 9))
    served = above(outcomes, 0.55)
    assert (served.coverage, served.accuracy) == pytest.approx((0.5, 1.0))


def test_edits_that_are_equally_sure_are_offered_together() -> None:
    """No threshold takes the right one of two."""
    outcomes = [outcome(exact=True, confidence=0.9), outcome(exact=False, confidence=0.9)]
    assert reaching(outcomes, 0.9) is None


def test_the_calibration_error_is_small_for_the_true_curve_and_large_for_another() -> None:
    outcomes = drawn(5000)
    assert calibration_error(outcomes) < 0.02
    off = [replace(o, confidence=min(1.0, (o.confidence or 0) + 0.2)) for o in outcomes]
    assert calibration_error(off) > 0.08


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    """Also of nothing, and whatever the file is called."""
    for index, outcomes in enumerate((drawn(30), [])):
        path = tmp_path / f"plot{index}"
        draw(outcomes, path, "a model")
        assert path.read_bytes().startswith(b"\x89PNG")
