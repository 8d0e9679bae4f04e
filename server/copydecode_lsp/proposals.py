"""Edits that were computed, so that the same request gets the same edit without a second decode.

A small cache by (snapshot, instruction), with a lock a key so that two requests for the same edit
decode once. It knows nothing of how edits are computed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from lsprotocol import types as lsp

from copydecode_lsp.instructions import Instruction
from copydecode_lsp.receipts import ReceiptJson
from copydecode_lsp.snapshots import Snapshot

KEPT = 32


@dataclass(frozen=True, slots=True)
class Proposal:
    """A computed edit: the text edits for its snapshot, and the receipt of the one decode."""

    edits: tuple[lsp.TextEdit, ...]
    receipt: ReceiptJson


_Key = tuple[Snapshot, Instruction]


class Proposals:
    """The last `KEPT` proposals. For the event loop only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, Proposal] = OrderedDict()
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def get(
        self,
        snapshot: Snapshot,
        instruction: Instruction,
        compute: Callable[[], Awaitable[Proposal]],
    ) -> Proposal:
        """Return the kept proposal, or compute and keep it; a failure is not kept."""
        key = (snapshot, instruction)
        # Held here, or the weak dictionary would drop it while others wait for it.
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if (kept := self._kept.get(key)) is None:
                kept = self._kept[key] = await compute()
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return kept
