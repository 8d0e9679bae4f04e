"""Percentiles, proportions and paired ratios. Pure arithmetic; knows nothing of servers."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

PERCENTILES = (50, 90, 95, 99)
_RESAMPLES = 2000


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, NaN of nothing."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def proportion(count: int, of: int) -> tuple[float, float, float]:
    """Return a proportion and its 95 % interval (Wilson), NaN of nothing."""
    if of == 0:
        return math.nan, math.nan, math.nan
    z, p = 1.96, count / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return p, max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long the second of two takes, from pairs that were measured together.

    `low` and `high` are the 95 % interval of `mean`, the geometric mean; `p` is that of the sign
    test, of what is seen if neither is faster.
    """

    mean: float
    low: float
    high: float
    pairs: int
    second_slower: int
    p: float


def ratio(pairs: Mapping[str, Sequence[tuple[float, float]]]) -> Ratio | None:
    """Compare pairs of durations, grouped by what was edited; None where there are none.

    The interval is a bootstrap over the groups, since repetitions of one edit are alike, and over
    the pairs where there is one group only.
    """
    logs = [[math.log(b / a) for a, b in group] for group in pairs.values() if group]
    if not logs:
        return None
    groups = [fmean(group) for group in logs] if len(logs) > 1 else logs[0]
    draw = random.Random(0)  # noqa: S311 -- not a secret
    means = sorted(fmean(draw.choices(groups, k=len(groups))) for _ in range(_RESAMPLES))
    every = list(chain.from_iterable(logs))
    slower, faster = sum(x > 0 for x in every), sum(x < 0 for x in every)
    return Ratio(
        math.exp(fmean(groups)),
        math.exp(percentile(means, 2.5)),
        math.exp(percentile(means, 97.5)),
        len(every),
        slower,
        sign_test(slower, faster),
    )


def sign_test(one: int, other: int) -> float:
    """Return how likely a split is that is at least so uneven, if both sides are equally likely."""
    n, few = one + other, min(one, other)
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(few + 1))
    return min(1.0, float(2 * tail / 2**n)) if n <= 1000 else _far_sign_test(n, few)  # noqa: PLR2004 -- big numbers


def _far_sign_test(n: int, few: int) -> float:
    """Return it by the normal distribution, for many pairs."""
    return math.erfc(max(0.0, n / 2 - few - 0.5) / math.sqrt(n / 2))
