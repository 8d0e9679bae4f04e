"""How sure a model was of each decision of one decode, and the one that it is made to take.

Knows nothing of tensors, tokens' meaning or calibration: numbers in, a few numbers out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple


class Choice(NamedTuple):
    """A token that was chosen, and the likeliest other one, with the logs of their probabilities.

    The probabilities are those among the legal tokens, at temperature 1. Where no other is legal,
    its probability is 0.
    """

    token: int
    log_prob: float
    other: int
    other_log_prob: float


@dataclass(slots=True)
class Decisions:
    """What was decided so far, in order; what is forced or spliced was never decided.

    At the decision `fork`, counted from 0, the other token is taken, where one is legal. A copy
    that an acceptance policy took back leaves its decisions here. `own` counts the decisions that
    no words promised, or that went another way.
    """

    fork: int | None = None
    log_probs: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    """By how many nats what was taken is likelier than the likeliest other."""
    own: int = 0

    def take(self, choice: Choice, promised: int | None = None) -> int:
        """Note a decision and return its token; `promised` is what the words say it will be."""
        token, log_prob, other, other_log_prob = choice
        if len(self.log_probs) == self.fork and other_log_prob > -math.inf:
            token, log_prob, other_log_prob = other, other_log_prob, log_prob
        self.log_probs.append(log_prob)
        self.margins.append(log_prob - other_log_prob)
        self.own += token != promised
        return token

    @property
    def log_prob(self) -> float:
        """The log of the probability of them all together."""
        return math.fsum(self.log_probs)

    @property
    def as_promised(self) -> bool:
        """Whether all was decided as the words promise it."""
        return self.own == 0 < len(self.log_probs)

    @property
    def weakest(self) -> float:
        """The log of the least of their probabilities; 0 where nothing was decided."""
        return min(self.log_probs, default=0.0)

    def nearest(self, count: int, within: float = math.inf) -> list[int]:
        """Return the decisions that were nearest to another one, at most so many, nearest first.

        Those where no other was legal are left out, and those whose other is less likely by
        `within` nats or more.
        """
        free = [index for index, margin in enumerate(self.margins) if margin < within]
        return sorted(free, key=self.margins.__getitem__)[:count]
