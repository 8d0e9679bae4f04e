"""What a model of ours says of itself in its config.json reaches the backend, or is refused."""

from __future__ import annotations

import pytest

from copydecode.backends.serving import Serving
from copydecode.decode.confidence import Calibration
from copydecode.errors import ModelFormatError

CALIBRATION = Calibration(-0.5, 1.5, 2.0, 800)


def test_a_calibration_is_read() -> None:
    values = {"copydecode": {"calibration": CALIBRATION.as_json()}}
    assert Serving.from_json(values, 2048).calibration == CALIBRATION


def test_a_model_without_one_is_uncalibrated() -> None:
    assert Serving.from_json({"copydecode": {}}, 2048).calibration is None


def test_a_broken_one_is_refused() -> None:
    values = {"copydecode": {"calibration": {"version": 2}}}
    with pytest.raises(ModelFormatError, match="calibration"):
        Serving.from_json(values, 2048)
