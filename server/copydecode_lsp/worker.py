"""The one thread that owns the engine: it loads it, then runs one edit at a time, in order.

Only this module calls an engine. An edit that is cancelled while it waits never starts; one that
runs is stopped before its next forward. Documents are read ahead while no edit waits; an edit that
comes stops that before its next forward. Knows nothing of LSP.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from copydecode import (
    Copy,
    EditRequest,
    EditResult,
    EngineConfig,
    FilesEdit,
    FilesRequest,
    Gen,
    Receipt,
    Scope,
)
from copydecode.errors import CopydecodeError, EditCancelledError, ModelError

OnOp = Callable[[Copy | Gen, Receipt], None]
OnFileOp = Callable[[str, Copy | Gen, Receipt], None]
T = TypeVar("T")

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

    def edit_files(
        self,
        request: FilesRequest,
        *,
        cancelled: Callable[[], bool],
        on_op: OnFileOp,
    ) -> FilesEdit:
        """Run the model and return the edit of several files."""

    def read_ahead(
        self, text: str, scope: Scope | None, *, name: str | None, cancelled: Callable[[], bool]
    ) -> int:
        """Compute what edits of a document have in common, as far as it is not cancelled."""


Load = Callable[[EngineConfig], Editor]


@dataclass(eq=False)
class _Job(Generic[T]):
    """Work with an engine; it gets what says whether to stop."""

    work: Callable[[Editor, Callable[[], bool]], T]
    stale: Callable[[], bool]
    cancelled: threading.Event = field(default_factory=threading.Event)
    future: Future[T] = field(default_factory=Future)


class _Queue:
    """Edits in order, and behind them all what can wait. For any number of threads that put."""

    def __init__(self) -> None:
        self._edits: deque[_Job[Any] | None] = deque()
        self._others: deque[_Job[bool]] = deque()
        self._held = threading.Semaphore(0)

    @property
    def urgent(self) -> bool:
        """Whether an edit waits, or the end."""
        return bool(self._edits)

    @property
    def lengths(self) -> tuple[int, int]:
        """How many edits wait, and how much else."""
        return len(self._edits), len(self._others)

    @property
    def empty(self) -> bool:
        """Whether nothing waits at all."""
        return not (self._edits or self._others)

    def put_edit(self, job: _Job[Any] | None) -> None:
        """Add an edit; None is the end."""
        self._edits.append(job)
        self._held.release()

    def put_behind(self, job: _Job[bool]) -> None:
        """Add what comes behind all edits, those that are to come too."""
        self._others.append(job)
        self._held.release()

    def get(self) -> _Job[Any] | None:
        """Take the next one; wait for it where there is none."""
        self._held.acquire()
        return self._edits.popleft() if self._edits else self._others.popleft()


class Worker:
    """Owns the thread and its queue. Edits may be asked for before the engine is loaded."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._queue = _Queue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._loaded: Future[None] = Future()
        self._loaded.set_running_or_notify_cancel()  # From here on nobody can cancel it.
        self._holders = 0
        self._retired = False

    @property
    def waiting(self) -> tuple[int, int]:
        """How many edits wait, and how many documents to be read ahead; from any thread."""
        return self._queue.lengths

    def start(self, config: EngineConfig) -> None:
        """Start the thread and load the engine in it; a second call does nothing."""
        if self._thread is not None:
            return
        # A daemon, since a load cannot be interrupted and must not keep a dead server alive.
        self._thread = threading.Thread(
            target=self._live, args=(config,), name="engine", daemon=True
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
        submitted = time.monotonic()

        def work(editor: Editor, cancelled: Callable[[], bool]) -> EditResult:
            waited = time.monotonic() - submitted
            result = editor.edit(request, cancelled=cancelled, on_op=on_op)
            result.receipt.queue_s = waited
            return result

        job = _Job(work, stale)
        self._queue.put_edit(job)
        return await _answer_of(job)

    async def edit_files(
        self, request: FilesRequest, *, stale: Callable[[], bool], on_op: OnFileOp
    ) -> FilesEdit:
        """Queue an edit of several files and wait for it, as `edit`; errors as `edit`."""
        submitted = time.monotonic()

        def work(editor: Editor, cancelled: Callable[[], bool]) -> FilesEdit:
            waited = time.monotonic() - submitted
            result = editor.edit_files(request, cancelled=cancelled, on_op=on_op)
            result.receipt.queue_s = waited
            return result

        job = _Job(work, stale)
        self._queue.put_edit(job)
        return await _answer_of(job)

    async def read_ahead(
        self, text: str, scope: Scope | None, *, name: str | None, stale: Callable[[], bool]
    ) -> None:
        """Have a document read when no edit waits, and wait for it; cancelling the task stops it.

        Edits go first, also those that come later: what they interrupt goes on behind them.

        Raises:
            EditCancelledError, CopydecodeError: as `edit`.
        """

        def work(editor: Editor, cancelled: Callable[[], bool]) -> bool:
            """Return whether it was read to its end, or is not wanted any more."""
            interrupted = False

            def stop() -> bool:
                nonlocal interrupted
                interrupted = interrupted or self._queue.urgent
                return interrupted or cancelled()

            editor.read_ahead(text, scope, name=name, cancelled=stop)
            return not interrupted

        done = False
        while not done:
            job = _Job(work, stale)
            self._queue.put_behind(job)
            done = await _answer_of(job)

    def retire(self) -> None:
        """Run the edits that wait, then end and let the engine go; returns at once.

        Nothing may be asked for any more but by those who hold it.
        """
        self._retired = True
        self._end_unless_held()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep a worker that is retired from ending: edits can be asked for inside the block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            self._end_unless_held()

    def stop(self) -> None:
        """Stop the running edit and all that wait; returns at once."""
        self._closing.set()
        self._queue.put_edit(None)

    def close(self, timeout_s: float) -> bool:
        """Stop, and return whether the thread ended within the time."""
        self.stop()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _end_unless_held(self) -> None:
        if self._retired and not self._holders:
            self._queue.put_edit(None)

    def _live(self, config: EngineConfig) -> None:
        """Run to the end, and give back the engine: caches and pools refer to each other."""
        self._run(config)
        gc.collect()

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

    def _answer(self, job: _Job[T], editor: Editor | None, failure: CopydecodeError | None) -> None:
        """Run one job and settle its future, exactly once."""

        def cancelled() -> bool:
            return job.cancelled.is_set() or self._closing.is_set() or job.stale()

        if not job.future.set_running_or_notify_cancel():
            return  # The request was cancelled while it waited.
        if editor is None or cancelled():
            job.future.set_exception(failure or _stopped())
            return
        try:
            result = job.work(editor, cancelled)
        except EditCancelledError as error:
            # Nobody needs its traceback, which would hold on to a retired engine.
            job.future.set_exception(error.with_traceback(None))
        except Exception as error:  # noqa: BLE001 -- a thread's edge: the waiting request answers
            job.future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 -- a panic in an extension module is none
            job.future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
        else:
            job.future.set_result(result)

    def _refuse_waiting(self) -> None:
        while not self._queue.empty:
            job = self._queue.get()
            if job is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(_stopped())


async def _answer_of(job: _Job[T]) -> T:
    """Wait for a job; cancelling the caller's task stops it."""
    try:
        return await asyncio.wrap_future(job.future)
    except asyncio.CancelledError:
        job.cancelled.set()
        raise


def _stopped() -> EditCancelledError:
    return EditCancelledError("the edit was cancelled before it began")
