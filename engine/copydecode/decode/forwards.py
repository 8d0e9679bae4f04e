"""Forwards that decodes ask for and others run: alone here, several decodes at once in `together`.

A decode is a generator. It yields each forward that it needs and is sent the logits, so it does not
know what else runs between two of its forwards, or with one of them. Knows nothing of programs.
Importing it does not import torch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # At run time it would import torch.
    from torch import Tensor

    from copydecode.decode.prefix import Prefix

R = TypeVar("R")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Append `tokens`, at least one, to a sequence; `last` rows of logits are wanted.

    `check` raises what ends the decode before this forward: a cancel, a deadline.
    """

    prefix: Prefix[Any]
    tokens: Sequence[int]
    last: int
    check: Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Logits `[last, V]`; the forward took `seconds` and served `together` decodes."""

    logits: Tensor
    seconds: float
    together: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """Let others go first until it is `ready`, or nobody else asks for anything.

    They are about to compute what this decode would have to compute, too.
    """

    ready: Callable[[], bool]
    check: Callable[[], None]


Forwards = Generator[Ask | Pause, Answer, R]
"""What asks for forwards and returns an `R`; only an `Ask` is answered."""


def alone(decode: Forwards[R]) -> R:
    """Run a decode to its end, each forward when it is asked for.

    Raises:
        Exception: whatever the decode, a `check` or a forward raises.
    """
    try:
        ask = next(decode)
        while True:
            try:
                ask.check()
                answer = _answer(ask) if isinstance(ask, Ask) else None
            except BaseException as error:  # noqa: BLE001  # the decode's: it raises it again
                ask = decode.throw(error)
            else:
                ask = next(decode) if answer is None else decode.send(answer)
    except StopIteration as end:
        result: R = end.value
        return result


def answers(asks: Sequence[Ask]) -> list[Answer | BaseException]:
    """Run one forward for several decodes of one model, or for one; return what each is sent.

    Where a forward for several fails, each gets one of its own, so that only those fail that have
    to.
    """
    if len(asks) > 1:
        try:
            return [*_shared(asks)]
        except Exception as error:  # noqa: BLE001  # whose it is shows when each runs alone
            _log.warning("a forward for %d decodes failed: %s", len(asks), type(error).__name__)
    found: list[Answer | BaseException] = []
    for ask in asks:
        try:
            found.append(_answer(ask))
        except BaseException as error:  # noqa: BLE001  # this decode's alone
            found.append(error)
    return found


def _answer(ask: Ask) -> Answer:
    started = time.perf_counter()
    logits = ask.prefix.feed(ask.tokens, ask.last)
    return Answer(logits, time.perf_counter() - started)


def _shared(asks: Sequence[Ask]) -> list[Answer]:
    from copydecode.decode.prefix import feed_together  # noqa: PLC0415  # imports torch

    started = time.perf_counter()
    logits = feed_together([(ask.prefix, ask.tokens, ask.last) for ask in asks])
    seconds = time.perf_counter() - started
    return [Answer(rows, seconds, len(asks)) for rows in logits]
