"""The worker: one edit at a time, in order, each stopped when nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from copydecode import Copy, EditRequest, EditResult, Engine, EngineConfig, Gen
from copydecode.errors import EditCancelledError, ModelError, ModelNotFoundError
from copydecode_lsp.worker import Load, Worker
from tests.server import fake_engine
from tests.server.harness import PATIENCE_S, until


@asynccontextmanager
async def started(
    load: Load = fake_engine.load, config: EngineConfig | None = None
) -> AsyncIterator[Worker]:
    worker = Worker(load)
    worker.start(config or EngineConfig())
    try:
        yield worker
    finally:
        assert worker.close(PATIENCE_S)


async def edit(
    worker: Worker,
    instruction: str,
    on_op: Callable[[Copy | Gen], None] = lambda _op: None,
    stale: Callable[[], bool] = lambda: False,
) -> EditResult:
    return await worker.edit(
        EditRequest("a\nb\n", instruction), stale=stale, on_op=lambda op, _receipt: on_op(op)
    )


async def test_edits_run_in_order_and_their_wait_is_on_the_receipt() -> None:
    async with started() as worker:
        results = await asyncio.gather(*(edit(worker, "delete") for _ in range(3)))
    assert [result.receipt.forwards for result in results] == [1, 2, 3]
    assert all(result.receipt.queue_s > 0 for result in results)


async def test_an_edit_asked_for_before_the_load_ends_waits_for_it() -> None:
    gate = threading.Event()

    def load(config: EngineConfig | None) -> Engine:
        assert gate.wait(PATIENCE_S)
        return fake_engine.load(config)

    async with started(load) as worker:
        waiting = asyncio.create_task(edit(worker, "delete"))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        assert (await waiting).text == ""


async def test_cancelling_the_caller_stops_the_decode() -> None:
    began: list[object] = []
    async with started() as worker:
        running = asyncio.create_task(edit(worker, "wait", began.append))
        await until(lambda: began)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await edit(worker, "delete")).text == ""


async def test_an_edit_cancelled_in_the_queue_never_starts() -> None:
    began: list[object] = []
    async with started() as worker:
        first = asyncio.create_task(edit(worker, "wait", began.append))
        await until(lambda: began)
        second = asyncio.create_task(edit(worker, "delete"))
        await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        await asyncio.wait([first, second])
        assert (await edit(worker, "delete")).receipt.forwards == 2


async def test_a_stale_edit_ends_as_cancelled() -> None:
    began: list[object] = []
    stale = threading.Event()
    async with started() as worker:
        running = asyncio.create_task(edit(worker, "wait", began.append, stale.is_set))
        await until(lambda: began)
        stale.set()
        with pytest.raises(EditCancelledError):
            await running


async def test_stopping_ends_the_running_edit_and_those_that_wait() -> None:
    began: list[object] = []
    async with started() as worker:
        running = asyncio.create_task(edit(worker, "wait", began.append))
        await until(lambda: began)
        waiting = asyncio.create_task(edit(worker, "delete"))
        await asyncio.sleep(0)
        worker.stop()
        for task in (running, waiting):
            with pytest.raises(EditCancelledError):
                await task


async def test_a_failed_load_fails_every_edit_with_its_reason() -> None:
    async with started(config=EngineConfig("missing")) as worker:
        with pytest.raises(ModelNotFoundError, match="nothing at missing"):
            await worker.ready()
        for _ in range(2):
            with pytest.raises(ModelNotFoundError, match="nothing at missing"):
                await edit(worker, "delete")


async def test_a_load_that_fails_unforeseen_is_a_model_error() -> None:
    async with started(config=EngineConfig("broken")) as worker:
        with pytest.raises(ModelError, match="'broken' could not be loaded: no space left"):
            await worker.ready()


async def test_a_bug_in_the_engine_leaves_the_worker_alive() -> None:
    async with started() as worker:
        with pytest.raises(RuntimeError, match="no such script"):
            await edit(worker, "crash")
        assert (await edit(worker, "delete")).text == ""


class _PanicError(BaseException):
    """As extension modules written in Rust raise it: no Exception."""


async def test_a_panic_in_the_engine_leaves_the_worker_alive() -> None:
    def panic(_op: Copy | Gen) -> None:
        raise _PanicError

    def load(_config: EngineConfig) -> Engine:
        raise _PanicError

    async with started() as worker:
        with pytest.raises(RuntimeError, match="_PanicError"):
            await edit(worker, "nothing", panic)
        assert (await edit(worker, "delete")).text == ""
    async with started(load) as worker:
        with pytest.raises(ModelError, match="could not be loaded"):
            await worker.ready()


def test_a_worker_that_never_started_closes() -> None:
    assert Worker(fake_engine.load).close(0)
