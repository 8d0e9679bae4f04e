"""The cost curve and what follows from it."""

from __future__ import annotations

import pytest
import torch

from copydecode.decode.cost import FREE, CostCurve, measure, minimum_span
from tests.engine.decode.scripted import FunctionModel


def test_the_curve_is_straight_between_its_points_and_beyond() -> None:
    curve = CostCurve(((1, 1.0), (9, 5.0), (10, 15.0)))
    assert [curve(n) for n in (1, 5, 9, 10, 11)] == [1.0, 3.0, 5.0, 15.0, 25.0]
    assert FREE(1) == FREE(1000) == 1.0


def test_a_measured_curve_rises_and_the_model_is_left_alone() -> None:
    model = FunctionModel(lambda _read: torch.zeros(4))
    curve = measure(model, widths=(1, 4, 16))
    assert [tokens for tokens, _ in curve.points] == [1, 4, 16]
    seconds = [second for _, second in curve.points]
    assert seconds == sorted(seconds)
    assert all(second > 0 for second in seconds)


def test_a_short_context_bounds_the_widths() -> None:
    model = FunctionModel(lambda _read: torch.zeros(4), context=20)
    assert [tokens for tokens, _ in measure(model, widths=(1, 8, 32)).points] == [1, 8]


@pytest.mark.parametrize(
    ("curve", "decisions", "expected"),
    [
        (FREE, 2.0, 3),  # Two forwards for the op, against one a token.
        (FREE, 4.0, 5),
        (CostCurve(((1, 1.0), (2, 2.0))), 2.0, 512),  # Nothing is ever cheaper copied.
        (CostCurve(((1, 1.0), (101, 51.0))), 2.0, 5),  # 1 + 1 + n / 2 < n.
    ],
)
def test_the_minimum_span_is_where_copying_is_cheaper(
    curve: CostCurve, decisions: float, expected: int
) -> None:
    assert minimum_span(curve, decisions) == expected
