"""Several decodes at once: whose forward is next, and who shares it.

Each decode waits for one forward at a time. The one that has waited longest is next; others that
wait share its forward where that costs less than one of their own. So decodes join and leave at any
forward, a short one is not held up by a long one, and where sharing never pays they take turns.
One that would compute what another is about to lets that go first.
What a decode is sent is what it would be sent alone. For one thread. Knows nothing of texts, models
or who asks for a decode. Importing it does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic

from copydecode.decode.forwards import Answer, Ask, Forwards, Pause, R, answers

Pays = Callable[[int, int], bool]
"""`(tokens, more)`: whether `more` tokens cost less in a forward of `tokens` others than alone."""


@dataclass(eq=False, slots=True)
class _Decode(Generic[R]):
    """A decode that waits for a forward, and the future of its result."""

    run: Forwards[R]
    future: Future[R]
    ask: Ask | Pause


class Together(Generic[R]):
    """The decodes under way, the one that has waited longest first."""

    def __init__(self, pays: Pays) -> None:
        self._pays = pays
        self._waiting: list[_Decode[R]] = []

    def __len__(self) -> int:
        """Return the number of decodes that are under way."""
        return len(self._waiting)

    def add(self, decode: Forwards[R], future: Future[R]) -> None:
        """Begin a decode; its result, or why it has none, is set on a future that is running."""
        self._advance(decode, future, lambda: next(decode))

    def step(self) -> None:
        """Run the next forward and let the decodes that it served go on.

        Before it, all that wait are asked whether they have to end: one that was cancelled has no
        further forward.
        """
        decodes, self._waiting = self._waiting, []
        for decode in decodes:
            try:
                decode.ask.check()
            except BaseException as error:  # noqa: BLE001  # the decode's: it raises it again
                self._send(decode, error)
            else:
                self._waiting.append(decode)
        self._wake()
        served, asks = self._next()
        for decode, answer in zip(served, answers(asks), strict=True):
            self._send(decode, answer)

    def _wake(self) -> None:
        """Let those go on that are ready; where nobody asks for a forward, the first one."""
        idle = not any(isinstance(decode.ask, Ask) for decode in self._waiting)
        for decode in [*self._waiting]:
            if isinstance(decode.ask, Pause) and (idle or decode.ask.ready()):
                idle = False
                self._waiting.remove(decode)
                self._advance(decode.run, decode.future, decode.run.__next__)

    def _next(self) -> tuple[list[_Decode[R]], list[Ask]]:
        """Take those whose forward is next, and what they ask for."""
        served: list[_Decode[R]] = []
        asks: list[Ask] = []
        left: list[_Decode[R]] = []
        tokens = 0
        for decode in self._waiting:
            ask = decode.ask
            if isinstance(ask, Ask) and (not asks or self._pays(tokens, len(ask.tokens))):
                served.append(decode)
                asks.append(ask)
                tokens += len(ask.tokens)
            else:
                left.append(decode)
        self._waiting = left
        return served, asks

    def _send(self, decode: _Decode[R], answer: Answer | BaseException) -> None:
        run = decode.run
        if isinstance(answer, BaseException):
            self._advance(run, decode.future, lambda: run.throw(answer))
        else:
            self._advance(run, decode.future, lambda: run.send(answer))

    def _advance(
        self, run: Forwards[R], future: Future[R], go_on: Callable[[], Ask | Pause]
    ) -> None:
        """Let a decode go on to its next forward, or to its end."""
        try:
            ask = go_on()
        except StopIteration as end:
            future.set_result(end.value)
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._waiting.append(_Decode(run, future, ask))
