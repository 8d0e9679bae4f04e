"""Edits that were computed or are under way: the same request gets the same edit by one decode.

A small cache by (model's configuration, snapshot, instruction with its scope), and beside it the
decodes that run, each shared by all requests that wait for it. Knows nothing of how edits are
computed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lsprotocol import types as lsp

from copydecode import EngineConfig, Program
from copydecode_lsp.failures import ReplacedError
from copydecode_lsp.instructions import Instruction
from copydecode_lsp.receipts import ReceiptJson
from copydecode_lsp.snapshots import Snapshot

KEPT = 32


@dataclass(frozen=True, slots=True)
class Key:
    """All that an edit depends on."""

    config: EngineConfig
    snapshot: Snapshot
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Part:
    """What a change was made for, and how often such edits are right."""

    instruction: Instruction
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A computed edit: its program, the text edits for its snapshot, the one decode's receipt.

    `whole` is about all of it, `parts` about each of the edits: an instruction that has parts makes
    each for one of them.
    """

    program: Program
    edits: tuple[lsp.TextEdit, ...]
    receipt: ReceiptJson
    whole: Part
    parts: tuple[Part, ...]


Listen = Callable[[str], None]
"""Gets each message of how far a decode is."""

Compute = Callable[[Listen], Awaitable[Proposal]]
"""Computes an edit, and says how far it is."""


@dataclass(eq=False)
class _Decode:
    """A decode under way."""

    snapshot: Snapshot
    task: asyncio.Task[Proposal]
    said: str | None = None
    replaced: bool = False
    waiting: list[Listen] = field(default_factory=list)

    def say(self, message: str) -> None:
        """Tell all who wait."""
        self.said = message
        for listen in self.waiting:
            listen(message)


class Proposals:
    """The last `KEPT` proposals, and the decodes under way. For the event loop only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Proposal] = OrderedDict()
        self._running: dict[Key, _Decode] = {}

    def kept(self, key: Key) -> Proposal | None:
        """Return a proposal that was computed before; it is not thereby the newest."""
        return self._kept.get(key)

    async def get(self, key: Key, compute: Compute, listen: Listen) -> Proposal:
        """Return the kept proposal, or that of the decode under way, or compute and keep it.

        A failure is not kept. Cancelling the caller's task leaves the decode to the others that
        wait for it; without any it is cancelled.

        Raises:
            ReplacedError: a newer request took the place of this one.
        """
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        decode = self._running.get(key)
        if decode is None or decode.snapshot is not key.snapshot:  # Closed and opened meanwhile.
            decode = self._begin(key, compute)
        decode.waiting.append(listen)
        if decode.said is not None:
            listen(decode.said)
        try:
            # Shielded: one who does not wait any more must not take it from the others.
            return await asyncio.shield(decode.task)
        except asyncio.CancelledError:
            if decode.replaced:
                message = "a newer request for these lines took the place of this one"
                raise ReplacedError(message) from None
            raise
        finally:
            decode.waiting.remove(listen)
            if not decode.waiting:
                self._end(key, decode)

    def replace(self, outdated: Callable[[Key], bool]) -> None:
        """Stop the decodes of outdated keys, queued ones too."""
        for key, decode in [*self._running.items()]:
            if outdated(key):
                decode.replaced = True
                self._end(key, decode)

    def _begin(self, key: Key, compute: Compute) -> _Decode:
        async def run() -> Proposal:
            proposal = self._kept[key] = await compute(decode.say)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return proposal

        decode = self._running[key] = _Decode(key.snapshot, asyncio.create_task(run()))
        return decode

    def _end(self, key: Key, decode: _Decode) -> None:
        """Forget a decode, and stop it where it is not done: who comes now begins another."""
        if self._running.get(key) is decode:
            del self._running[key]
        decode.task.cancel()
