"""The one thread that owns the engine: it loads it, then runs one edit at a time, in order.

Only this module calls an engine. An edit that is cancelled while it waits never starts; one that
runs is stopped before its next forward. Knows nothing of LSP.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from copydecode import Copy, EditRequest, EditResult, EngineConfig, Gen
from copydecode.errors import CopydecodeError, EditCancelledError, ModelError

OnOp = Callable[[Copy | Gen], None]

_log = logging.getLogger(__name__)


class Editor(Protocol):
    """The part of `copydecode.Engine` that the worker uses."""

    def edit(
        self,
        request: EditRequest,
        *,
        cancelled: Callable[[], bool],
        on_op: OnOp,
    ) -> EditResult:
        """Run the model and return the edit."""


Load = Callable[[EngineConfig], Editor]


@dataclass(eq=False)
class _Job:
    request: EditRequest
    stale: Callable[[], bool]
    on_op: OnOp
    cancelled: threading.Event = field(default_factory=threading.Event)
    future: Future[EditResult] = field(default_factory=Future)
    submitted: float = field(default_factory=time.monotonic)


class Worker:
    """Owns the thread and its queue. Edits may be asked for before the engine is loaded."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._loaded: Future[None] = Future()
        self._loaded.set_running_or_notify_cancel()  # From here on nobody can cancel it.

    def start(self, config: EngineConfig) -> None:
        """Start the thread and load the engine in it; a second call does nothing."""
        if self._thread is not None:
            return
        # A daemon, since a load cannot be interrupted and must not keep a dead server alive.
        self._thread = threading.Thread(
            target=self._run, args=(config,), name="engine", daemon=True
        )
        self._thread.start()

    async def ready(self) -> None:
        """Wait until the engine is loaded.

        Raises:
            CopydecodeError: why it could not be loaded.
        """
        await asyncio.wrap_future(self._loaded)

    async def edit(
        self, request: EditRequest, *, stale: Callable[[], bool], on_op: OnOp
    ) -> EditResult:
        """Queue an edit and wait for it; cancelling the caller's task stops the decode.

        `stale` is asked before every forward, in the worker's thread, and ends the edit where it
        is true; `on_op` is called in the worker's thread too.

        Raises:
            EditCancelledError: `stale` was true, or the worker is closing.
            CopydecodeError: whatever the engine raised, or why it could not be loaded.
        """
        job = _Job(request, stale, on_op)
        self._queue.put(job)
        try:
            return await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.cancelled.set()
            raise

    def stop(self) -> None:
        """Stop the running edit and all that wait; returns at once."""
        self._closing.set()
        self._queue.put(None)

    def close(self, timeout_s: float) -> bool:
        """Stop, and return whether the thread ended within the time."""
        self.stop()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self, config: EngineConfig) -> None:
        editor: Editor | None = None
        failure: CopydecodeError | None = None
        begin = time.monotonic()
        try:
            editor = self._load(config)
        except CopydecodeError as error:
            failure = error
        except BaseException as error:  # noqa: BLE001 -- a thread's edge: the server must stay alive
            _log.debug("loading failed", exc_info=True)
            failure = ModelError(f"the model {config.model!r} could not be loaded: {error}")
        _log.info("engine load ended after %.1f s", time.monotonic() - begin)
        if failure is None:
            self._loaded.set_result(None)
        else:
            self._loaded.set_exception(failure)
        while not self._closing.is_set() and (job := self._queue.get()) is not None:
            self._answer(job, editor, failure)
        self._refuse_waiting()

    def _answer(self, job: _Job, editor: Editor | None, failure: CopydecodeError | None) -> None:
        """Run one job and settle its future, exactly once."""
        waited = time.monotonic() - job.submitted

        def cancelled() -> bool:
            return job.cancelled.is_set() or self._closing.is_set() or job.stale()

        if not job.future.set_running_or_notify_cancel():
            return  # The request was cancelled while it waited.
        if editor is None or cancelled():
            job.future.set_exception(failure or _stopped())
            return
        try:
            result = editor.edit(job.request, cancelled=cancelled, on_op=job.on_op)
        except Exception as error:  # noqa: BLE001 -- a thread's edge: the waiting request answers
            job.future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 -- a panic in an extension module is none
            job.future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
        else:
            result.receipt.queue_s = waited
            job.future.set_result(result)

    def _refuse_waiting(self) -> None:
        while not self._queue.empty():
            job = self._queue.get()
            if job is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(_stopped())


def _stopped() -> EditCancelledError:
    return EditCancelledError("the edit was cancelled before it began")
