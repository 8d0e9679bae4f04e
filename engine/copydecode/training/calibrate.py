"""Fits how often a model is right to how sure it was, and counts how far that holds elsewhere.

An edit counts that came out and changes something: where nothing is proposed, nothing is to be
confirmed. Knows nothing of how edits are made: outcomes in, figures out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from copydecode.decode.confidence import Calibration, feature
from copydecode.decode.model import read_config
from copydecode.errors import ConfigError
from copydecode.training.evaluate import Outcome

_log = logging.getLogger(__name__)

COVERAGES = tuple(range(10, 101, 10))
"""In per cent."""

_BINS = 10
_NEWTON_STEPS = 50
_RIDGE = 1e-6  # All cases may be equally sure.

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """The surest edits, a share `coverage` of all: down to which confidence, and how many right."""

    coverage: float
    threshold: float
    accuracy: float


def counted(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes that propose a change."""
    return [outcome for outcome in outcomes if outcome.error is None and outcome.changed]


def fit(outcomes: Sequence[Outcome]) -> Calibration:
    """Return the logistic curves through the outcomes that propose a change.

    Its targets are Platt's, a little away from 0 and 1, so that it exists where all are right.

    Raises:
        ConfigError: there are none.
    """
    cases = counted(outcomes)
    if not cases:
        message = "expected edits that change something to calibrate on, found none"
        raise ConfigError(message)
    right = np.array([case.exact for case in cases])
    hits = int(right.sum())
    targets = np.where(right, (hits + 1) / (hits + 2), 1 / (len(cases) - hits + 2))
    rows = [(1.0, feature(case.log_prob), float(case.as_promised)) for case in cases]
    features = np.array(rows)  # [N, 3]
    weights = np.zeros(features.shape[1])
    for _ in range(_NEWTON_STEPS):
        chances = 1 / (1 + np.exp(-(features @ weights)))
        curvature = (features * (chances * (1 - chances))[:, None]).T @ features
        step = features.T @ (chances - targets) + _RIDGE * weights
        weights -= np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), step)
    intercept, slope, promised = (round(float(weight), 4) for weight in weights)
    return Calibration(intercept, slope, promised, len(cases))


def save(folder: Path, calibration: Calibration) -> None:
    """Write the calibration into the `config.json` of a model of ours.

    Raises:
        ModelFormatError, ModelNotFoundError: there is none.
    """
    values = read_config(folder)
    entry = {**values.get("copydecode", {}), "calibration": calibration.as_json()}
    text = json.dumps({**values, "copydecode": entry}, indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def curve(outcomes: Sequence[Outcome]) -> list[Point]:
    """Return a point for each of `COVERAGES`; none where nothing has a confidence."""
    sure, right = _ranked(outcomes)
    if not len(sure):
        return []
    sizes = [max(1, round(len(sure) * coverage / 100)) for coverage in COVERAGES]
    return [_point(sure, right, size) for size in sizes]


def reaching(outcomes: Sequence[Outcome], accuracy: float) -> Point | None:
    """Return the point of the most edits of which this share is right, None where none are."""
    sure, right = _ranked(outcomes)
    shares = right.cumsum() / np.arange(1, len(right) + 1)
    # Edits as sure as one another are offered together.
    last = np.append(sure[1:] < sure[:-1], True)[: len(sure)]
    reached = np.flatnonzero((shares >= accuracy) & last)
    return _point(sure, right, int(reached[-1]) + 1) if len(reached) else None


def above(outcomes: Sequence[Outcome], threshold: float) -> Point:
    """Return the point of the edits that are at least so sure; all of no edits are right."""
    sure, right = _ranked(outcomes)
    size = int((sure >= threshold).sum())
    share = float(right[:size].mean()) if size else 1.0
    return Point(size / max(1, len(sure)), threshold, share)


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """Return how far confidence and share of right ones are apart, over ten bins of equal size."""
    sure, right = _ranked(outcomes)
    parts = np.array_split(np.arange(len(sure)), _BINS)
    gaps = [len(p) * abs(float(sure[p].mean() - right[p].mean())) for p in parts if len(p)]
    return sum(gaps) / max(1, len(sure))


def draw(outcomes: Sequence[Outcome], path: Path, title: str) -> None:
    """Draw accuracy by coverage, and by confidence, where matplotlib (extra `train`) is there."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # an extra
    except ImportError:
        _log.warning("no %s: matplotlib is not installed (pip install copydecode[train])", path)
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  # an extra

    sure, right = _ranked(outcomes)
    figure, (left, other) = plt.subplots(1, 2, figsize=(10, 4.5))
    count = np.arange(1, len(right) + 1)
    left.plot(100 * count / max(1, len(right)), 100 * right.cumsum() / count)
    left.set(xlabel="% of edits, surest first", ylabel="% of them right", ylim=(0, 102))
    parts = [part for part in np.array_split(np.arange(len(sure)), _BINS) if len(part)]
    other.plot([0, 1], [0, 1], color="grey", linestyle=":")
    other.plot([sure[p].mean() for p in parts], [right[p].mean() for p in parts], marker="o")
    other.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, dpi=110, format="png")
    plt.close(figure)


def _ranked(outcomes: Sequence[Outcome]) -> tuple[Values, Values]:
    """Return confidence and whether it was right of what is counted `[N]`, the surest first."""
    known = [(c.confidence, c.exact) for c in counted(outcomes) if c.confidence is not None]
    known.sort(key=lambda pair: -pair[0])
    sure = np.array([pair[0] for pair in known], dtype=np.float64)
    return sure, np.array([pair[1] for pair in known], dtype=np.float64)


def _point(sure: Values, right: Values, size: int) -> Point:
    return Point(size / len(sure), float(sure[size - 1]), float(right[:size].mean()))
