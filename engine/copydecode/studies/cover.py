"""How much of a new text stands in the old one, and what copying it could gain at most.

Pure functions over sequences of tokens: matching statistics by a suffix automaton, the greedy and
the best cover by copied spans of a least length, the kernel's curve s(N) and the bound that follows
from it. Knows nothing of tokenizers, lines or models.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence


class Curve:
    """s(N): how many times faster one forward of N tokens is than N decodes.

    Linear between the measured points in log N and log s, constant outside of them.
    """

    def __init__(self, points: Mapping[float, float]) -> None:
        """`points` are N and s(N), all positive, at least one."""
        measured = sorted(points.items())
        self._lengths = [math.log(n) for n, _ in measured]
        self._speeds = [math.log(s) for _, s in measured]

    def __call__(self, n: float) -> float:
        """Return s(n)."""
        x = math.log(n)
        right = bisect_right(self._lengths, x)
        if right == 0:
            return math.exp(self._speeds[0])
        if right == len(self._lengths):
            return math.exp(self._speeds[-1])
        x0, x1 = self._lengths[right - 1], self._lengths[right]
        y0, y1 = self._speeds[right - 1], self._speeds[right]
        return math.exp(y0 + (y1 - y0) * (x - x0) / (x1 - x0))

    def cost(self, n: int) -> float:
        """Return the time of one forward of n tokens in decodes; an empty span costs nothing."""
        return n / self(n) if n else 0.0


def bound(tokens: int, spans: Iterable[int], curve: Curve) -> float:
    """Return the paper's bound on the speed-up, `T / (T_gen + sum N_k / s(N_k))`.

    `spans` are the lengths of the copied spans. The program's own tokens are left out, as there.
    """
    spans = list(spans)
    return tokens / (tokens - sum(spans) + sum(map(curve.cost, spans)))


def matching_ends(source: Sequence[int], target: Sequence[int]) -> list[int]:
    """Return for each position of the target the longest match with the source that ends there.

    Linear in both: a suffix automaton of the source reads the target.
    """
    automaton = _Automaton(source)
    lengths: list[int] = []
    state, length = 0, 0
    for token in target:
        while state and token not in automaton.next[state]:
            state = automaton.link[state]
            length = automaton.length[state]
        if token in automaton.next[state]:
            state = automaton.next[state][token]
            length += 1
        else:
            length = 0
        lengths.append(length)
    return lengths


def greedy_cover(source: Sequence[int], target: Sequence[int], least: int) -> list[int]:
    """Return the spans that a copier takes from left to right, the longest at each place."""
    # Read backwards, the longest match that ends at a place is the longest that begins there.
    starts = matching_ends(source[::-1], target[::-1])[::-1]
    spans: list[int] = []
    at = 0
    while at < len(target):
        if starts[at] >= least:
            spans.append(starts[at])
            at += starts[at]
        else:
            at += 1
    return spans


def best_cover(source: Sequence[int], target: Sequence[int], least: int) -> int:
    """Return how many tokens copied spans of a least length can cover at most.

    With `d[j]` the best over the first j tokens and `L[j]` the longest match that ends there,
    `d[j] = max(d[j - 1], max(d[k] + j - k for k in j - L[j] .. j - least))`. The left end of that
    range never falls, so a queue of falling `d[k] - k` gives each maximum: linear.
    """
    ends = matching_ends(source, target)
    best = [0] * (len(target) + 1)
    queue: deque[int] = deque()
    for j in range(1, len(target) + 1):
        best[j] = best[j - 1]
        if j >= least:
            k = j - least
            while queue and best[queue[-1]] - queue[-1] <= best[k] - k:
                queue.pop()
            queue.append(k)
        while queue and queue[0] < j - ends[j - 1]:
            queue.popleft()
        if queue:
            best[j] = max(best[j], best[queue[0]] + j - queue[0])
    return best[-1]


class _Automaton:
    """The suffix automaton of a sequence (Blumer et al., 1985); state 0 is the empty match."""

    def __init__(self, sequence: Sequence[int]) -> None:
        self.next: list[dict[int, int]] = [{}]
        self.link = [-1]
        self.length = [0]
        last = 0
        for token in sequence:
            last = self._extend(last, token)

    def _extend(self, last: int, token: int) -> int:
        new = self._add({}, self.length[last] + 1)
        state = last
        while state >= 0 and token not in self.next[state]:
            self.next[state][token] = new
            state = self.link[state]
        if state < 0:
            self.link[new] = 0
            return new
        found = self.next[state][token]
        if self.length[found] == self.length[state] + 1:
            self.link[new] = found
            return new
        clone = self._add(dict(self.next[found]), self.length[state] + 1)
        self.link[clone] = self.link[found]
        self.link[found] = self.link[new] = clone
        while state >= 0 and self.next[state].get(token) == found:
            self.next[state][token] = clone
            state = self.link[state]
        return new

    def _add(self, following: dict[int, int], length: int) -> int:
        self.next.append(following)
        self.link.append(-1)
        self.length.append(length)
        return len(self.next) - 1
