"""Choosing tokens from logits, among those that are legal: greedily, or at a temperature.

A chooser looks at one block of logits at a time and is asked for its decisions in their order, each
once. Drafts therefore never change what is chosen: a drafted token is kept where the choice made
without it is the same. For a draft that is one token, that is speculative sampling (Leviathan et
al., arXiv 2211.17192): it is accepted with its own probability, and otherwise the choice has the
distribution of what is left. Knows nothing of grammars beyond a set of ids.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from copydecode.decode.literals import Ids, Literals

Choose = Callable[[int, Ids | None], int]
"""`(row, allowed)`: the token chosen by that row of a block's logits.

`allowed` holds the legal ids, sorted; None stands for all that may be text.
"""


class Chooser(Protocol):
    """Makes the decisions of one decode."""

    def over(self, logits: Tensor) -> Choose:
        """Return how to decide by the rows of `logits [R, V]`; `V` may be padded."""
        ...


class Greedy:
    """The best legal token; the lowest id of equals."""

    def __init__(self, literals: Literals, device: torch.device) -> None:
        self._text = _Text(literals, device)

    def over(self, logits: Tensor) -> Choose:
        """Return how to decide by the rows of `logits [R, V]`."""
        best_text: list[int] = []

        def choose(row: int, allowed: Ids | None) -> int:
            if allowed is None:
                if not best_text:  # All rows at once: a draft of text has many.
                    best_text.extend(self._text.masked(logits).argmax(dim=-1).tolist())
                return best_text[row]
            # Where few are legal, gathering them beats masking all: 26 us at any vocabulary.
            ids = torch.from_numpy(allowed).to(logits.device)
            return int(ids[logits[row, ids].argmax()])

        return choose


class Sampling:
    """A token drawn from the legal ones' distribution at a temperature, reproducible by a seed."""

    def __init__(
        self, literals: Literals, device: torch.device, temperature: float, seed: int = 0
    ) -> None:
        """`temperature` is above 0."""
        self._text = _Text(literals, device)
        self._temperature = temperature
        self._random = torch.Generator().manual_seed(seed)

    def over(self, logits: Tensor) -> Choose:
        """Return how to decide by the rows of `logits [R, V]`."""

        def choose(row: int, allowed: Ids | None) -> int:
            # One draw for one decision, whether it was drafted or not.
            draw = torch.rand((), generator=self._random)
            if allowed is None:
                return self._draw(self._text.masked(logits[row]), draw)
            ids = torch.from_numpy(allowed)
            return int(ids[self._draw(logits[row, ids.to(logits.device)], draw)])

        return choose

    def _draw(self, logits: Tensor, draw: Tensor) -> int:
        """Return the index where the cumulative distribution passes `draw`."""
        probabilities = (logits.double() / self._temperature).softmax(dim=-1).cpu()
        below = torch.searchsorted(probabilities.cumsum(dim=-1), draw.double(), right=True)
        legal = probabilities.nonzero()  # Rounding could step past the last one that is possible.
        return min(int(below), int(legal[-1]))


class _Text:
    """Masks what is never text."""

    def __init__(self, literals: Literals, device: torch.device) -> None:
        self._size = literals.size
        self._banned = torch.from_numpy(literals.never_text).to(device)

    def masked(self, logits: Tensor) -> Tensor:
        """Return logits `[..., size]` without padding; what is never text has no chance."""
        return logits[..., : self._size].index_fill(-1, self._banned, float("-inf"))
