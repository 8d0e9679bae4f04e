"""The one thread that owns the engine: it loads it, then runs edits, a few of them at once.

Only this module calls an engine. Edits come before all else, document by document in turn, so that
many of one hold up none of another; up to `EngineConfig.max_together` are under way, forward by
forward. An edit that is cancelled while it waits never starts; one that runs is stopped before its
next forward. Documents are read ahead while there is no edit; one that comes stops that before its
next forward. A model server that could not be used is tried again when an edit is asked for.
Knows nothing of LSP.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
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
from copydecode.errors import CopydecodeError, EditCancelledError, ModelError, RemoteError

OnOp = Callable[[Copy | Gen, Receipt], None]
OnFileOp = Callable[[str, Copy | Gen, Receipt], None]

R = TypeVar("R", EditResult, FilesEdit)
Editing = Generator[Any, Any, R]
"""An edit under way: what it asks for and is sent, its forwards, is the engine's alone."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Together(Protocol):
    """Runs several edits at once."""

    def __len__(self) -> int:
        """Return the number of edits that are under way."""
        ...

    def add(self, decode: Editing[Any], future: Future[Any], /) -> None:
        """Begin an edit; how it ends is set on the future, which is running."""
        ...

    def step(self) -> None:
        """Run the next forward."""
        ...


class Editor(Protocol):
    """The part of `copydecode.Engine` that the worker uses."""

    def together(self) -> Together:
        """Return what runs several edits at once."""
        ...

    def editing(
        self,
        request: EditRequest,
        *,
        cancelled: Callable[[], bool],
        on_op: OnOp,
    ) -> Editing[EditResult]:
        """Return an edit, to be run by that."""
        ...

    def editing_files(
        self,
        request: FilesRequest,
        *,
        cancelled: Callable[[], bool],
        on_op: OnFileOp,
    ) -> Editing[FilesEdit]:
        """Return an edit of several files, to be run like the others."""
        ...

    def read_ahead(
        self, text: str, scope: Scope | None, *, name: str | None, cancelled: Callable[[], bool]
    ) -> int:
        """Compute what edits of a document have in common, as far as it is not cancelled."""
        ...


Load = Callable[[EngineConfig], Editor]


@dataclass(eq=False)
class _Job(Generic[T]):
    """What somebody waits for, unless it is cancelled or stale."""

    stale: Callable[[], bool]
    cancelled: threading.Event = field(default_factory=threading.Event, init=False)
    future: Future[T] = field(default_factory=Future, init=False)


@dataclass(eq=False)
class _Edit(_Job[R]):
    """An edit, asked for at the time `submitted`; `begin` gets what says whether to stop.

    `document` is what takes turns with others in the queue.
    """

    begin: Callable[[Editor, Callable[[], bool]], Editing[R]]
    document: Hashable
    submitted: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class _Reading(_Job[bool]):
    """A document to be read ahead; `read` gets what says whether to stop."""

    read: Callable[[Editor, Callable[[], bool]], bool]


class _Queue:
    """Edits, document by document in turn, and behind them what can wait. For many threads."""

    def __init__(self) -> None:
        self._edits: dict[
            Hashable, deque[_Edit[Any]]
        ] = {}  # The document whose turn is next first.
        self._readings: deque[_Reading] = deque()
        self._running: Counter[Hashable] = Counter()
        self._changed = threading.Condition()
        self._ended = False

    @property
    def urgent(self) -> bool:
        """Whether an edit waits, or the end."""
        return bool(self._edits) or self._ended

    @property
    def lengths(self) -> tuple[int, int]:
        """How many edits wait, and how much else."""
        with self._changed:
            return sum(map(len, self._edits.values())), len(self._readings)

    def put_edit(self, edit: _Edit[Any]) -> None:
        """Add an edit, behind those of its document."""
        with self._changed:
            self._edits.setdefault(edit.document, deque()).append(edit)
            self._changed.notify()

    def put_behind(self, reading: _Reading) -> None:
        """Add what comes behind all edits, those that are to come too."""
        with self._changed:
            self._readings.append(reading)
            self._changed.notify()

    def take_out(self, job: _Job[Any]) -> None:
        """Forget a job that nobody waits for any more, if it still waits."""
        with self._changed:
            if isinstance(job, _Reading) and job in self._readings:
                self._readings.remove(job)
            if isinstance(job, _Edit) and job in self._edits.get(job.document, ()):
                self._remove(job)

    def end(self) -> None:
        """Have `get` wait no more, and give edits alone."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def get(self, *, wait: bool) -> _Edit[Any] | _Reading | None:
        """Take an edit; None where there is none.

        Of the documents with edits that is the one with the fewest under way, among equals the one
        whose last turn is longest ago. With `wait` it waits for one, or for what comes behind; None
        is then the end.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._edits or self._readings or self._ended)
            if self._edits:
                document = min(self._edits, key=lambda each: self._running[each])
                edit = self._edits[document][0]
                self._remove(edit)
                if document in self._edits:  # Others go first now.
                    self._edits[document] = self._edits.pop(document)
                self._running[document] += 1
                return edit
            if wait and self._readings and not self._ended:
                return self._readings.popleft()
            return None

    def done(self, edit: _Edit[Any]) -> None:
        """Count an edit that was taken as ended."""
        with self._changed:
            self._running[edit.document] -= 1
            if not self._running[edit.document]:
                del self._running[edit.document]

    def rest(self) -> list[_Edit[Any] | _Reading]:
        """Take all that is left."""
        with self._changed:
            left: list[_Edit[Any] | _Reading] = [*self._readings]
            for edits in self._edits.values():
                left += edits
            self._edits.clear()
            self._readings.clear()
            return left

    def _remove(self, edit: _Edit[Any]) -> None:
        edits = self._edits[edit.document]
        edits.remove(edit)
        if not edits:
            del self._edits[edit.document]


class Worker:
    """Owns the thread and its queue. Edits may be asked for before the engine is loaded."""

    def __init__(self, load: Load, on_recovery: Callable[[], None] = lambda: None) -> None:
        """`on_recovery` is called in the event loop when a later try to load succeeds."""
        self._load = load
        self._on_recovery = on_recovery
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
        self._loop = asyncio.get_running_loop()
        # A daemon, since a load cannot be interrupted and must not keep a dead server alive.
        self._thread = threading.Thread(
            target=self._live, args=(config,), name="engine", daemon=True
        )
        self._thread.start()

    async def ready(self) -> None:
        """Wait until the engine is loaded.

        Raises:
            CopydecodeError: why it could not be loaded, the last time that it was tried.
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

        def begin(editor: Editor, cancelled: Callable[[], bool]) -> Editing[EditResult]:
            return editor.editing(request, cancelled=cancelled, on_op=on_op)

        return await self._edited(_Edit(stale, begin, request.name))

    async def edit_files(
        self, request: FilesRequest, *, stale: Callable[[], bool], on_op: OnFileOp
    ) -> FilesEdit:
        """Queue an edit of several files and wait for it, as `edit`; errors as `edit`."""

        def begin(editor: Editor, cancelled: Callable[[], bool]) -> Editing[FilesEdit]:
            return editor.editing_files(request, cancelled=cancelled, on_op=on_op)

        names = tuple(file.name for file in request.files)
        return await self._edited(_Edit(stale, begin, names))

    async def _edited(self, edit: _Edit[R]) -> R:
        self._queue.put_edit(edit)
        return await self._answer_of(edit)

    async def read_ahead(
        self, text: str, scope: Scope | None, *, name: str | None, stale: Callable[[], bool]
    ) -> None:
        """Have a document read when no edit waits, and wait for it; cancelling the task stops it.

        Edits go first, also those that come later: what they interrupt goes on behind them.

        Raises:
            EditCancelledError, CopydecodeError: as `edit`.
        """

        def read(editor: Editor, cancelled: Callable[[], bool]) -> bool:
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
            reading = _Reading(stale, read)
            self._queue.put_behind(reading)
            done = await self._answer_of(reading)

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
        """Stop the edits that run and all that wait; returns at once."""
        self._closing.set()
        self._queue.end()

    def close(self, timeout_s: float) -> bool:
        """Stop, and return whether the thread ended within the time."""
        self.stop()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _end_unless_held(self) -> None:
        if self._retired and not self._holders:
            self._queue.end()

    async def _answer_of(self, job: _Job[T]) -> T:
        """Wait for a job; cancelling the caller's task stops it, or takes it out of the queue."""
        try:
            return await asyncio.wrap_future(job.future)
        except asyncio.CancelledError:
            job.cancelled.set()
            self._queue.take_out(job)
            raise

    def _live(self, config: EngineConfig) -> None:
        """Run to the end, and give back the engine: caches and pools refer to each other."""
        self._run(config)
        gc.collect()

    def _run(self, config: EngineConfig) -> None:
        loaded = self._loading(config)
        first: _Edit[Any] | None = None
        while isinstance(loaded, CopydecodeError) and (job := self._queue.get(wait=True)):
            if isinstance(job, _Edit) and isinstance(loaded, RemoteError):
                # The model server may be there by now.
                if not self._cancelled(job)():
                    loaded = self._loading(config)
                first = job
            if isinstance(loaded, CopydecodeError):
                for each in (
                    job,
                    *self._queue.rest(),
                ):  # Else each would wait for a try of its own.
                    _refuse(each, loaded)
                if isinstance(job, _Edit):
                    self._queue.done(job)
        if not isinstance(loaded, CopydecodeError):
            self._serve(loaded, config.max_together, first)
        for job in self._queue.rest():
            _refuse(job, _stopped())

    def _loading(self, config: EngineConfig) -> Editor | CopydecodeError:
        """Load the engine, and have `ready` tell of it; return it, or why there is none."""
        begin = time.monotonic()
        loaded: Editor | CopydecodeError
        try:
            loaded = self._load(config)
        except CopydecodeError as error:
            loaded = error
        except BaseException as error:  # noqa: BLE001 -- a thread's edge: the server must stay alive
            _log.debug("loading failed", exc_info=True)
            loaded = ModelError(f"the model {config.model_name!r} could not be loaded: {error}")
        _log.info("engine load ended after %.1f s", time.monotonic() - begin)
        again = self._loaded.done()
        future: Future[None] = Future() if again else self._loaded
        if isinstance(loaded, CopydecodeError):
            future.set_exception(loaded)
        else:
            future.set_result(None)
        self._loaded = future
        if again and not isinstance(loaded, CopydecodeError):
            with suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
                self._loop.call_soon_threadsafe(self._on_recovery)
        return loaded

    def _serve(self, editor: Editor, most: int, first: _Edit[Any] | None) -> None:
        """Run what is asked for until the end, `first` before all else, at most so many at once."""
        running = editor.together()
        if first is not None:
            self._begin(first, editor, running)
        while True:
            job: _Edit[Any] | _Reading | None = None
            if len(running) < most and not self._closing.is_set():
                job = self._queue.get(wait=not running)
            match job:
                case _Edit():
                    self._begin(job, editor, running)
                case _Reading():
                    self._read(job, editor)
                case None if running:
                    running.step()
                case None:
                    return

    def _begin(self, edit: _Edit[Any], editor: Editor, running: Together) -> None:
        """Have an edit run beside the others."""
        edit.future.add_done_callback(lambda _future: self._queue.done(edit))
        if not edit.future.set_running_or_notify_cancel():
            return  # The request was cancelled while it waited.
        edit.future.add_done_callback(_forget_traceback)
        cancelled = self._cancelled(edit)
        if cancelled():
            edit.future.set_exception(_stopped())
            return

        def editing() -> Editing[Any]:
            waited = time.monotonic() - edit.submitted
            try:
                result = yield from edit.begin(editor, cancelled)
            except (Exception, GeneratorExit):
                raise
            except BaseException as error:  # a panic in an extension module is none
                raise _panic(error) from error
            result.receipt.queue_s = waited
            return result

        running.add(editing(), edit.future)

    def _read(self, reading: _Reading, editor: Editor) -> None:
        """Read a document ahead and settle its future, exactly once."""
        future, cancelled = reading.future, self._cancelled(reading)
        if not future.set_running_or_notify_cancel():
            return
        if cancelled():
            future.set_exception(_stopped())
            return
        try:
            done = reading.read(editor, cancelled)
        except Exception as error:  # noqa: BLE001 -- a thread's edge: who waits is told
            future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 -- a panic in an extension module is none
            future.set_exception(_panic(error))
        else:
            future.set_result(done)

    def _cancelled(self, job: _Job[Any]) -> Callable[[], bool]:
        return lambda: job.cancelled.is_set() or self._closing.is_set() or job.stale()


def _refuse(job: _Job[Any], reason: CopydecodeError) -> None:
    if job.future.set_running_or_notify_cancel():
        job.future.set_exception(reason)


def _forget_traceback(future: Future[EditResult]) -> None:
    """Forget where an edit was stopped: nobody needs that, and it would hold a retired engine."""
    error = future.exception()
    if isinstance(error, EditCancelledError):
        error.__traceback__ = None


def _panic(error: BaseException) -> RuntimeError:
    return RuntimeError(f"{type(error).__name__}: {error}")


def _stopped() -> EditCancelledError:
    return EditCancelledError("the edit was cancelled before it began")
