"""How many torch threads to use: measured, since the number of cores says little.

Threads that share busy cores wait for each other by spinning. On two cores with other work, one
forward of 64 tokens (6M parameters) took 15 ms with one thread and 70 to 900 ms with two. Knows
nothing of prompts or programs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from copydecode.decode.model import EmbeddedModel

GAIN = 0.8
"""More threads have to take at most this part of the time: they lose more when it gets busy."""

_BLOCKS = (1, 64, 1, 16, 1, 64, 1, 16)  # Tokens of the forwards that are timed: decisions, splices.

Measure = Callable[[int, float], float]
"""`(threads, limit) -> seconds`; may give up once it is over the limit, in seconds."""


def choose(model: EmbeddedModel) -> int:
    """Set torch to the number of threads that is fastest here and now; return it."""
    most = torch.get_num_threads()
    if model.device.type != "cpu" or most == 1:
        return most
    candidates = [threads for threads in (1, 2, 4, 8, 16, 32) if threads < most]

    def measure(threads: int, limit: float) -> float:
        torch.set_num_threads(threads)
        return _time(model, limit)

    threads = fastest([*candidates, most], measure)
    torch.set_num_threads(threads)
    return threads


def fastest(candidates: Sequence[int], measure: Measure) -> int:
    """Return the first of the rising candidates that no later one beats by the gain."""
    best, least = candidates[0], measure(candidates[0], float("inf"))
    for threads in candidates[1:]:
        limit = GAIN * least
        elapsed = measure(threads, limit)
        if elapsed > limit:
            break  # Still more would wait still more.
        best, least = threads, elapsed
    return best


def _time(model: EmbeddedModel, limit: float) -> float:
    cache = model.new_cache()
    model.forward([0, 1], cache, 1)  # The first forward also starts the threads.
    started = time.perf_counter()
    for count in _BLOCKS:
        cache.crop(min(cache.length, model.context // 2))
        model.forward([token % 2 for token in range(min(count, model.context // 2))], cache, 1)
        if time.perf_counter() - started > limit:
            break
    return time.perf_counter() - started
