"""What a forward costs on this machine as a function of its tokens, measured once.

How long drafts pay, and from which length a copied span does, follows from it. Knows nothing of
grammars or programs.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from copydecode.decode.model import C, Model, SharingModel

CONTEXT = 256
"""Tokens in the cache while the curve is measured: a short prompt."""

WIDTHS = (1, 8, 32, 128)
"""Where the curve is measured; between them it is taken as straight."""

SHARING = 4
"""Sequences that share a forward, one token each, while that is measured."""

REPEATS = 3
BUDGET_S = 2.0
"""No wider forward is timed once this is spent: what is known is drawn on as a straight line."""


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Seconds per forward at some numbers of tokens, both rising.

    `sequence` is what each further sequence costs in a forward that several share, beyond what its
    tokens do; None where they cannot.
    """

    points: tuple[tuple[int, float], ...]
    sequence: float | None = None

    def __call__(self, tokens: int) -> float:
        """Return the seconds of a forward over `tokens` tokens: straight lines between points."""
        if len(self.points) == 1:
            return self.points[0][1]
        index = bisect_left(self.points, tokens, key=lambda point: point[0])
        index = min(max(index, 1), len(self.points) - 1)
        (n0, s0), (n1, s1) = self.points[index - 1 : index + 1]
        return s0 + (s1 - s0) * (tokens - n0) / (n1 - n0)

    def sharing_pays(self, tokens: int, more: int) -> bool:
        """Return whether `more` tokens cost less in a forward of `tokens` others than alone.

        Beyond the widest forward that was measured they do not: there is next to nothing to gain,
        and a short block would wait for the long ones.
        """
        if self.sequence is None or tokens + more > self.points[-1][0]:
            return False
        return self(tokens + more) - self(tokens) + self.sequence < self(more)


FREE = CostCurve(((1, 1.0),))
"""A forward costs the same whatever its width: nearly so on a GPU, and the way to draft most."""


def measure(model: Model[C], widths: Sequence[int] = WIDTHS) -> CostCurve:
    """Time forwards of several widths behind a short prompt; about 0.1 s for a small model.

    On a CPU it is this thread's own time that counts, and the best of a few: what else the machine
    does at that moment would make wide forwards, which are interrupted, look dear for good.
    """
    clock = time.thread_time if model.device.type == "cpu" else time.perf_counter
    cache = model.new_cache()
    context = min(CONTEXT, model.context // 2)
    model.forward([0] * context, cache, 0)
    points: list[tuple[int, float]] = []
    begun = time.perf_counter()

    def best(run: Callable[[], object]) -> float:
        """Return the least seconds of a few runs, without the first, which is slower."""
        seconds = []
        for _ in range(REPEATS + 1):
            started = clock()
            run()
            seconds.append(clock() - started)
        return min(seconds[1:])

    for width in widths:
        late = time.perf_counter() - begun > BUDGET_S and len(points) > 1
        if late or context + width > model.context:
            break

        def one(width: int = width) -> None:
            cache.crop(context)
            model.forward([0] * width, cache, width).cpu()

        # Noise must not make a wider forward look cheaper.
        floor = points[-1][1] if points else 0.0
        points.append((width, max(floor, best(one))))
    curve = CostCurve(tuple(points))
    if not (isinstance(model, SharingModel) and model.can_share):
        return curve
    caches = [cache.copy(context) for _ in range(SHARING)]

    def several() -> None:
        for each in caches:
            each.crop(context)
        model.forward_together([([0], each, 1) for each in caches])

    sequence = (best(several) - curve(SHARING)) / (SHARING - 1)
    return replace(curve, sequence=max(0.0, sequence))


def minimum_span(curve: CostCurve, decisions: float = 2.0, longest: int = 512) -> int:
    """Return m*: the fewest tokens that are cheaper copied than written (Liu, arXiv 2604.18170).

    A copy op takes `decisions` forwards to write, of which one carries its span; a gen takes one
    forward for each of the span's tokens. Beyond `longest` the answer is `longest`.
    """
    for tokens in range(1, longest):
        copied = (decisions - 1) * curve(1) + curve(1 + tokens)
        if copied < tokens * curve(1):
            return tokens
    return longest
