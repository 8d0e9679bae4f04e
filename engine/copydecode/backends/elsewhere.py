"""What models on a server have in common: their names, what is not to be had of them, the asking.

Knows nothing of what is asked for, of tokens or of programs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from copydecode.backends.backend import FilesFormat
from copydecode.backends.remote import Answer, T, Wire
from copydecode.config import Limits
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards, Pause
from copydecode.decode.receipt import Receipt
from copydecode.errors import (
    DeadlineExceededError,
    EditCancelledError,
    RemoteMismatchError,
    RemoteRefusedError,
)

WAIT_S = 0.02
"""So long an edit waits for a piece of an answer before it asks again whether it was cancelled."""

LAST_WORD_S = 0.25
"""So long a server that has written what ends a request may take to end it, too."""


def served(wire: Wire, wanted: str | None, path: str = "/v1/models") -> tuple[str, int | None]:
    """Return the model's name on the server, and its longest sequence where that is told.

    Raises:
        RemoteError: there is none of that name, or without a name there is not just one.
    """
    answer = wire.get(path)
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        message = f"expected a model server with {path} at {wire.host}, found none"
        raise RemoteMismatchError(message)
    models: dict[str, Any] = {str(row["id"]): row for row in rows if "id" in row}
    if wanted is None and len(models) == 1:
        wanted = next(iter(models))
    if wanted is None:
        message = (
            f"expected a model's name, since {wire.host} serves {_names(models)}: set remoteModel"
        )
        raise RemoteRefusedError(message)
    if wanted not in models:
        message = f"expected {wire.host} to serve {wanted!r}, found {_names(models)}"
        raise RemoteRefusedError(message)
    limit = models[wanted].get("max_model_len")
    return wanted, limit if isinstance(limit, int) and limit > 0 else None


def ended(wire: Wire, answer: Answer[T]) -> Answer[T]:
    """Wait for an answer's end and return it.

    Raises:
        RemoteError: it has none, or what it has is an error.
    """
    answer.finished()
    wire.forget(answer)
    if answer.failure is not None:
        raise answer.failure
    return answer


def _names(models: dict[str, Any]) -> str:
    return ", ".join(map(repr, list(models)[:5])) or "none"


class Elsewhere:
    """A backend whose model is on a server: no forward is run here, and nothing is kept."""

    files: FilesFormat[Any] | None = None  # One program over several files is not asked for yet.
    cached_documents = 0
    cache_bytes = 0
    parameters = 0

    def __init__(self, name: str, wire: Wire) -> None:
        self.name = name
        self.wire = wire
        self.remote: str | None = wire.host

    def confidence(self, decisions: Decisions) -> float | None:  # noqa: ARG002  # the protocol's
        """Return None: what a server says of probabilities is not of the legal tokens alone."""
        return None

    def read_ahead(
        self,
        shown: object,  # noqa: ARG002  # the protocol's
        *,
        name: str | None = None,  # noqa: ARG002  # the protocol's
        cancelled: Callable[[], bool] = lambda: False,  # noqa: ARG002  # the protocol's
    ) -> int:
        """Read nothing: no text leaves the machine before an edit is asked for."""
        return 0

    def pays(self, tokens: int, more: int) -> bool:  # noqa: ARG002  # the protocol's
        """Return False: no forward is run here."""
        return False


class Exchange:
    """The requests of one edit: waited for, until it has to stop, and counted.

    Whoever drives the generators goes on with others while they wait for the server.
    """

    def __init__(
        self, wire: Wire, receipt: Receipt, limits: Limits, cancelled: Callable[[], bool]
    ) -> None:
        self.receipt = receipt
        self._wire = wire
        self._limits = limits
        self._cancelled = cancelled
        self._started = time.perf_counter()
        self._first: float | None = None

    @contextmanager
    def counted(self, answer: Answer[Any], sent: int) -> Iterator[None]:
        """Close an answer at the end, and put into the receipt what it came to.

        `sent` is how many tokens its request has, where the server does not say so.
        """
        began, self._first = time.perf_counter(), None
        try:
            yield
        finally:
            self._wire.forget(answer)
            self._count(answer, sent, began)

    def each(self, answer: Answer[T], take: Callable[[T], bool]) -> Forwards[None]:
        """Have `take` take what comes, until it wants no more or nothing is left.

        Raises:
            EditCancelledError, DeadlineExceededError: it has to stop.
        """
        going = True
        while going:
            yield Pause(lambda: answer.ready, self.check_time)
            if not answer.ready:
                self._wire.wait(WAIT_S)
            over = answer.ended  # Asked first: what came before the end is there then.
            while going and (piece := answer.take()) is not None:
                self._first = self._first or time.perf_counter()
                going = take(piece)
            going = going and not over

    def last_word(self, answer: Answer[Any]) -> Forwards[None]:
        """Let an answer end by itself: it tells what it cost, and its connection stays."""
        until = time.perf_counter() + LAST_WORD_S
        while not answer.ended and time.perf_counter() < until:
            yield Pause(lambda: answer.ended, self.check_time)
            if not answer.ended:
                while answer.take() is not None:
                    pass
                self._wire.wait(WAIT_S)

    def check_time(self) -> None:
        """Raise where the edit was cancelled, or is over its deadline."""
        if self._cancelled():
            message = "the edit was cancelled"
            raise EditCancelledError(message)
        deadline = self._limits.deadline_s
        if deadline is not None and time.perf_counter() - self._started > deadline:
            message = f"expected the edit to end within {deadline} s, found no end"
            raise DeadlineExceededError(message)

    def _count(self, answer: Answer[Any], sent: int, began: float) -> None:
        receipt, now = self.receipt, time.perf_counter()
        if receipt.requests == 1:
            receipt.prefill_s += (self._first or now) - began
            receipt.decode_s += now - (self._first or now)
            receipt.reused_tokens += answer.cached_tokens or 0
        else:
            receipt.decode_s += now - began
        receipt.resent += answer.repeats
        receipt.sent_tokens += sent if answer.prompt_tokens is None else answer.prompt_tokens
        if answer.cached_tokens is None or receipt.cached_tokens is None:
            receipt.cached_tokens = None
        else:
            receipt.cached_tokens += answer.cached_tokens
