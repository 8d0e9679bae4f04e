"""When a document is read ahead, so that its first edit need not wait for that.

For the event loop only. It knows which document was opened, has been quiet since its last change,
or had actions listed; how and before what else it is read is the worker's, the tokens the engine's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from copydecode import Scope, shown
from copydecode.errors import CopydecodeError
from copydecode_lsp.snapshots import Snapshot, Snapshots
from copydecode_lsp.worker import Worker

QUIET_S = 0.3
"""A document is read this long after its last change: who types makes a new version sooner."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Expected:
    """What is read for a document, or waits for that, not before the loop's time `at`."""

    task: asyncio.Task[None]
    at: float


class ReadAhead:
    """Has the newest snapshot of each document read, one request a document at a time."""

    def __init__(
        self, worker: Worker, snapshots: Snapshots, wanted: Callable[[Snapshot], bool]
    ) -> None:
        """`wanted` says whether a document is to be read ahead at all."""
        self._stopped = False
        self._wanted = wanted
        self._worker = worker
        self._snapshots = snapshots
        self._expected: dict[str, _Expected] = {}

    def expect(
        self,
        snapshot: Snapshot,
        scope: Scope | None = None,
        quiet_s: float = 0.0,
        erase: tuple[int, int] | None = None,
    ) -> None:
        """Have a document read for edits of `scope`, in place of what was asked for it before.

        `erase` is what these edits erase, as the engine's requests have it.
        `quiet_s` is how long it has to stay as it is first, in seconds; a wait that was begun for
        it goes on. A snapshot that is not the newest any more, or was closed, is not read.
        """
        if self._stopped or not self._wanted(snapshot):
            return
        at = asyncio.get_running_loop().time() + quiet_s
        if (before := self._expected.get(snapshot.uri)) is not None:
            before.task.cancel()
            at = max(at, before.at)
        task = asyncio.create_task(self._read(snapshot, scope, erase, at))
        self._expected[snapshot.uri] = _Expected(task, at)
        task.add_done_callback(lambda done: self._forget(snapshot.uri, done))

    async def idle(self) -> None:
        """Wait until there is nothing to be read ahead."""
        while self._expected:
            await asyncio.wait([expected.task for expected in self._expected.values()])

    def use(self, worker: Worker) -> None:
        """Have another worker read from here on, and first what it has not read: all documents."""
        self._worker = worker
        for expected in self._expected.values():
            expected.task.cancel()
        for snapshot in self._snapshots.all():
            self.expect(snapshot)

    def stop(self) -> None:
        """Read nothing any more."""
        self._stopped = True
        for expected in self._expected.values():
            expected.task.cancel()

    async def _read(
        self,
        snapshot: Snapshot,
        scope: Scope | None,
        erase: tuple[int, int] | None,
        at: float,
    ) -> None:
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        text = snapshot.text
        try:
            if erase is not None:
                text, scope = shown(text, scope, erase)
            await self._worker.read_ahead(
                text,
                scope,
                name=snapshot.uri,
                stale=lambda: not self._snapshots.is_current(snapshot),
            )
        except CopydecodeError as error:
            _log.debug("nothing was read ahead: %s", error)
        except Exception as error:  # noqa: BLE001 -- nobody waits for it: an edit will say what is wrong
            _log.warning("reading ahead failed: %s", type(error).__name__)

    def _forget(self, uri: str, task: asyncio.Task[None]) -> None:
        if (expected := self._expected.get(uri)) is not None and expected.task is task:
            del self._expected[uri]
