"""The worker: a few edits at once, fairly in turn, each stopped when nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from copydecode import Copy, EditRequest, EditResult, Engine, EngineConfig, Gen
from copydecode.errors import (
    EditCancelledError,
    ModelError,
    ModelNotFoundError,
    RemoteUnreachableError,
)
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
    name: str | None = None,
) -> EditResult:
    return await worker.edit(
        EditRequest("a\nb\n", instruction, name=name),
        stale=stale,
        on_op=lambda op, _receipt: on_op(op),
    )


def at_once(most: int) -> EngineConfig:
    return EngineConfig(max_together=most)


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
    async with started(config=at_once(1)) as worker:
        first = asyncio.create_task(edit(worker, "wait", began.append))
        await until(lambda: began)
        second = asyncio.create_task(edit(worker, "delete"))
        await asyncio.sleep(0)
        assert worker.waiting == (1, 0)
        second.cancel()
        await asyncio.wait([second])
        assert worker.waiting == (0, 0)
        assert not first.done()
        first.cancel()
        await asyncio.wait([first])
        assert (await edit(worker, "delete")).receipt.forwards == 2


async def test_a_short_edit_ends_while_long_ones_go_on() -> None:
    began: list[object] = []
    async with started(config=at_once(3)) as worker:
        long = [asyncio.create_task(edit(worker, "wait", began.append)) for _ in range(2)]
        await until(lambda: len(began) == 2)
        assert (await edit(worker, "slow: x")).text == "x\n"
        assert not any(task.done() for task in long)
        for task in long:
            task.cancel()
        await asyncio.wait(long)


async def test_no_more_edits_run_at_once_than_are_set() -> None:
    began: list[object] = []
    async with started(config=at_once(2)) as worker:
        tasks = [asyncio.create_task(edit(worker, "wait", began.append)) for _ in range(5)]
        await until(lambda: len(began) == 2)
        for ended in range(1, 4):
            assert worker.waiting == (4 - ended, 0)
            tasks[ended - 1].cancel()
            await until(lambda: worker.waiting[0] == 3 - ended)  # noqa: B023  # awaited here
            assert len(began) <= 2 + ended
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.mark.parametrize("most", [1, 2])
async def test_many_edits_of_one_document_hold_up_none_of_another(most: int) -> None:
    """They take turns, whoever asked first."""
    order: list[str] = []
    gate: list[object] = []

    def tell(name: str) -> Callable[[Copy | Gen], None]:
        return lambda _op: order.append(name)

    async with started(config=at_once(most)) as worker:
        first = [
            asyncio.create_task(edit(worker, "wait", gate.append, name="a")) for _ in range(most)
        ]
        await until(lambda: len(gate) == most)
        asked = [*["a"] * 20, "b", "b", "c"]
        rest = [
            asyncio.create_task(edit(worker, "nothing", tell(name), name=name)) for name in asked
        ]
        await until(lambda: worker.waiting == (len(asked), 0))
        for task in first:
            task.cancel()
        await asyncio.wait([*first, *rest])
    assert "".join(order[:5]) in {"abcab", "bcaba", "bcbaa"}
    assert sorted(order) == sorted(asked)


async def test_a_bug_in_one_edit_leaves_those_beside_it_alone() -> None:
    began: list[object] = []
    ended = threading.Event()
    async with started() as worker:
        beside = asyncio.create_task(edit(worker, "wait", began.append, ended.is_set))
        await until(lambda: began)
        with pytest.raises(RuntimeError, match="no such script"):
            await edit(worker, "crash")
        assert (await edit(worker, "delete")).text == ""
        assert not beside.done()
        ended.set()
        with pytest.raises(EditCancelledError):
            await beside


async def test_a_retired_worker_ends_with_the_last_edit_under_way() -> None:
    began: list[object] = []
    async with started(config=at_once(2)) as worker:
        tasks = [asyncio.create_task(edit(worker, "wait", began.append)) for _ in range(2)]
        await until(lambda: len(began) == 2)
        last = asyncio.create_task(edit(worker, "delete"))
        await until(lambda: worker.waiting == (1, 0))
        worker.retire()
        tasks[0].cancel()
        assert (await last).text == ""
        assert not tasks[1].done()
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert worker.close(PATIENCE_S)


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
    async with started(config=at_once(1)) as worker:
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


async def test_edits_that_wait_while_a_server_is_tried_again_fail_with_the_first() -> None:
    gate = threading.Event()
    tries: list[object] = []

    def load(_config: EngineConfig) -> Engine:
        tries.append(None)
        assert len(tries) == 1 or gate.wait(PATIENCE_S)
        message = "expected a model server"
        raise RemoteUnreachableError(message)

    async with started(load) as worker:
        with pytest.raises(RemoteUnreachableError):
            await worker.ready()
        first = asyncio.create_task(edit(worker, "delete"))
        await until(lambda: len(tries) == 2)
        others = [asyncio.create_task(edit(worker, "delete")) for _ in range(3)]
        await until(lambda: worker.waiting == (3, 0))
        gate.set()
        failures = await asyncio.gather(first, *others, return_exceptions=True)
    assert [type(each) for each in failures] == [RemoteUnreachableError] * 4
    assert len(tries) == 2


async def test_an_edit_that_is_cancelled_while_a_server_is_tried_again_never_starts() -> None:
    gate = threading.Event()
    tries: list[object] = []

    def load(config: EngineConfig) -> Engine:
        tries.append(None)
        if len(tries) == 1:
            message = "expected a model server"
            raise RemoteUnreachableError(message)
        assert gate.wait(PATIENCE_S)
        return fake_engine.load(config)

    async with started(load) as worker:
        with pytest.raises(RemoteUnreachableError):
            await worker.ready()
        cancelled = asyncio.create_task(edit(worker, "delete"))
        await until(lambda: len(tries) == 2)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        gate.set()
        assert (await edit(worker, "delete")).receipt.forwards == 1  # It is the first one.
        await worker.ready()


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
