"""Forwards that decodes ask for and others run: alone here, several decodes at once in `together`.

A decode is a generator. It yields each forward that it needs and is sent the logits, so it does not
know what else runs between two of its forwards, or with one of them. Knows nothing of programs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from copydecode.decode.model import C
from copydecode.decode.prefix import Prefix

R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Ask(Generic[C]):
    """Append `tokens`, at least one, to a sequence; `last` rows of logits are wanted.

    `check` raises what ends the decode before this forward: a cancel, a deadline.
    """

    prefix: Prefix[C]
    tokens: Sequence[int]
    last: int
    check: Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Logits `[last, V]`; the forward took `seconds` and served `together` decodes."""

    logits: Tensor
    seconds: float
    together: int = 1


Forwards = Generator[Ask[C], Answer, R]
"""What asks for forwards and returns an `R`."""


def alone(decode: Forwards[C, R]) -> R:
    """Run a decode to its end, each forward when it is asked for.

    Raises:
        Exception: whatever the decode, a `check` or a forward raises.
    """
    with closing(decode):
        try:
            ask = next(decode)
            while True:
                ask.check()
                ask = decode.send(run(ask))
        except StopIteration as end:
            result: R = end.value
            return result


def run(ask: Ask[C]) -> Answer:
    """Run one forward."""
    started = time.perf_counter()
    logits = ask.prefix.feed(ask.tokens, ask.last)
    return Answer(logits, time.perf_counter() - started)
