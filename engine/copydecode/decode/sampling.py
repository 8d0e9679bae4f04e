"""Choosing tokens from logits, among those that are legal: greedily, or at a temperature.

A chooser looks at one block of logits at a time and is asked for its decisions in their order, each
once. Drafts therefore never change what is chosen: a drafted token is kept where the choice made
without it is the same. For a draft that is one token, that is speculative sampling (Leviathan et
al., arXiv 2211.17192): it is accepted with its own probability, and otherwise the choice has the
distribution of what is left. How sure each decision was is noted as it is made, of the same logits.
Knows nothing of grammars beyond a set of ids.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from copydecode.decode.decisions import Choice, Decisions
from copydecode.decode.literals import Ids, Literals


class Choose(Protocol):
    """Decides by the rows of a block's logits, each once and in their order."""

    def __call__(self, row: int, allowed: Ids | None, promised: int | None = None) -> int:
        """Return the token that a row chooses.

        `allowed` holds the legal ids, sorted; None stands for all that may be text. `promised` is
        the legal one that the instruction itself says will stand here, if it says.
        """
        ...


class Chooser(Protocol):
    """Makes the decisions of one decode."""

    def over(self, logits: Tensor) -> Choose:
        """Return how to decide by the rows of `logits [R, V]`; `V` may be padded."""
        ...


class Greedy:
    """The best legal token, the lowest id of equals; or one that is promised and nearly as good.

    Within `lenience`, in nats, of the best one, what the instruction promises is chosen: "rename
    `a` to `b`" says how each line with `a` will read, and a small model makes slips where it writes
    a long line again. (Leviathan et al., arXiv 2211.17192, A.5, are lenient with any draft, to
    accept more of them: here only words of the user's count, and what is gained are right edits.)
    """

    def __init__(
        self,
        literals: Literals,
        device: torch.device,
        decisions: Decisions | None = None,
        lenience: float = 0.0,
    ) -> None:
        """`decisions` gets what is decided."""
        self._text = _Text(literals, device)
        self._decisions = decisions or Decisions()
        self._lenience = lenience

    def over(self, logits: Tensor) -> Choose:
        """Return how to decide by the rows of `logits [R, V]`."""
        text: list[Choice] = []

        def choose(row: int, allowed: Ids | None, promised: int | None = None) -> int:
            if allowed is None:
                if not text:  # All rows at once: a draft of text has many.
                    text.extend(_best(self._text.masked(logits)))
                choice = text[row]
            else:
                # Where few are legal, gathering them beats masking all: 26 us at any vocabulary.
                (choice,) = _best(_gathered(logits[row], allowed)[None])
                choice = _named(choice, allowed)
            if promised is not None and promised != choice.token and self._lenience:
                choice = self._lenient(choice, promised, logits[row])
            return self._decisions.take(choice, promised)

        return choose

    def _lenient(self, choice: Choice, promised: int, logits: Tensor) -> Choice:
        """Return the choice of a promised token by a row `[V]`, if it is nearly as good.

        It counts as sure as what it takes the place of: the words speak for it, and how sure the
        model was of a slip says nothing about it.
        """
        behind = float(logits[choice.token].float() - logits[promised].float())
        if behind > self._lenience:
            return choice
        return Choice(promised, choice.log_prob, choice.token, choice.log_prob)


class Sampling:
    """A token drawn from the legal ones' distribution at a temperature, reproducible by a seed."""

    def __init__(
        self,
        literals: Literals,
        device: torch.device,
        temperature: float,
        seed: int = 0,
        decisions: Decisions | None = None,
    ) -> None:
        """`temperature` is above 0; `decisions` gets what is decided."""
        self._text = _Text(literals, device)
        self._decisions = decisions or Decisions()
        self._temperature = temperature
        self._random = torch.Generator().manual_seed(seed)

    def over(self, logits: Tensor) -> Choose:
        """Return how to decide by the rows of `logits [R, V]`."""

        def choose(row: int, allowed: Ids | None, promised: int | None = None) -> int:  # noqa: ARG001  # what is drawn is not to be bent
            # One draw for one decision, whether it was drafted or not.
            draw = torch.rand((), generator=self._random)
            if allowed is None:
                return self._decisions.take(self._drawn(self._text.masked(logits[row]), draw))
            choice = self._drawn(_gathered(logits[row], allowed), draw)
            return self._decisions.take(_named(choice, allowed))

        return choose

    def _drawn(self, logits: Tensor, draw: Tensor) -> Choice:
        """Return what is drawn from `logits [V]`, and the best of the others."""
        index = self._draw(logits, draw)
        log_probs = logits.double().log_softmax(dim=-1).cpu()
        drawn = float(log_probs[index])
        log_probs[index] = float("-inf")
        other = int(log_probs.argmax())
        return Choice(index, drawn, other, float(log_probs[other]))

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


def _gathered(logits: Tensor, allowed: Ids) -> Tensor:
    """Return the logits `[A]` of the allowed ids, of a row `[V]`."""
    return logits[torch.from_numpy(allowed).to(logits.device)]


def _named(choice: Choice, allowed: Ids) -> Choice:
    """Return a choice among the places of `allowed` as one among its ids."""
    return choice._replace(token=int(allowed[choice.token]), other=int(allowed[choice.other]))


def _best(logits: Tensor) -> list[Choice]:
    """Return for each row of `logits [R, V]` the best index and the next best."""
    if logits.device.type != "cpu" and logits.shape[1] > 1:
        # Only what is asked for leaves the device.
        top, indices = logits.float().topk(2, dim=-1)
        weighed = torch.cat([top, logits.float().logsumexp(-1, keepdim=True)], dim=-1)
        rows = zip(indices.tolist(), weighed.tolist(), strict=True)
        return [Choice(i, a - whole, k, b - whole) for (i, k), (a, b, whole) in rows]
    # numpy takes a third of the time that torch takes for it, hardly more than the argmax alone.
    values: NDArray[np.float32] = logits.float().cpu().numpy()
    every = np.arange(len(values))
    best = values.argmax(axis=-1)
    values = values - values[every, best][:, None]
    probabilities = np.exp(values)
    log_probs = -np.log(probabilities.sum(axis=-1))
    values[every, best] = -np.inf
    others = values.argmax(axis=-1)
    after = values[every, others] + log_probs
    columns = (best, log_probs, others, after)
    return [Choice(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
