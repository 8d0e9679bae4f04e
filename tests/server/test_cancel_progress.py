"""Cancelling, and telling how far an edit is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode import Copy, Engine, EngineConfig, Gen
from copydecode_lsp import progress
from copydecode_lsp.client import Abilities, Call, HeadlessClient
from copydecode_lsp.progress import describe
from tests.server import fake_engine
from tests.server.harness import PATIENCE_S, URI, Pair, connected, failure, until

TEXT = "a\nb\n"


def start(pair: Pair, instruction: str, token: str | None = None) -> Call:
    return pair.client.call(
        lsp.WORKSPACE_EXECUTE_COMMAND,
        lsp.ExecuteCommandParams(
            command="copydecode.applyEdit",
            arguments=[{"uri": URI, "instruction": instruction}],
            work_done_token=token,
        ),
    )


def kinds(client: HeadlessClient) -> list[str]:
    return [str(value["kind"]) for title, value in client.progress_seen if title == "AI edit"]


async def test_cancelling_a_command_stops_its_decode() -> None:
    async with connected(text=TEXT) as pair:
        call = start(pair, "wait", "mine")
        await until(lambda: "report" in kinds(pair.client))
        pair.client.cancel(call)
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.RequestCancelled
        assert (await pair.edit("delete"))["applied"]
    assert kinds(pair.client)[:2] == ["begin", "report"]
    assert "end" in kinds(pair.client)


async def test_cancelling_a_resolve_stops_its_decode() -> None:
    async with connected(text=TEXT) as pair:
        data = {"uri": URI, "version": 1, "instruction": "wait", "scope": None}
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, lsp.CodeAction(title="t", data=data))
        await until(lambda: "begin" in kinds(pair.client))
        pair.client.cancel(call)
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.RequestCancelled
        assert (await pair.edit("delete"))["applied"]


async def test_cancelling_a_queued_edit_keeps_it_from_starting() -> None:
    async with connected(text=TEXT) as pair:
        running = start(pair, "wait", "first")
        await until(lambda: "report" in kinds(pair.client))
        queued = start(pair, "delete")
        pair.client.cancel(queued)
        error = await failure(asyncio.wrap_future(queued.answer))
        assert error.code == lsp.LSPErrorCodes.RequestCancelled
        assert not running.answer.done()
        pair.client.cancel(running)
        await failure(asyncio.wrap_future(running.answer))
        assert (await pair.edit("nothing"))["forwards"] == 2
        assert pair.client.documents[URI].text == TEXT


async def test_cancelling_an_edit_during_the_load_works() -> None:
    gate = threading.Event()

    def load(config: EngineConfig | None) -> Engine:
        assert gate.wait(PATIENCE_S)
        return fake_engine.load(config)

    async with connected(load=load, text=TEXT) as pair:
        call = start(pair, "delete")
        pair.client.cancel(call)
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.RequestCancelled
        gate.set()
        assert (await pair.edit("nothing"))["forwards"] == 1


async def test_cancelling_one_of_two_resolves_leaves_their_decode_to_the_other() -> None:
    async with connected(text=TEXT) as pair:
        data = {"uri": URI, "version": 1, "instruction": "wait", "scope": None}
        action = lsp.CodeAction(title="t", data=data)
        calls = [pair.client.call(lsp.CODE_ACTION_RESOLVE, action) for _ in range(2)]
        await until(lambda: kinds(pair.client).count("begin") == 2)
        pair.client.cancel(calls[0])
        await failure(asyncio.wrap_future(calls[0].answer))
        assert not calls[1].answer.done()
        pair.client.cancel(calls[1])
        await failure(asyncio.wrap_future(calls[1].answer))
        # Nobody waits for it now, so it has ended, and the next one runs.
        assert (await pair.edit("nothing"))["forwards"] == 2


async def test_cancelling_from_the_progress_display_stops_the_decode() -> None:
    async with connected(text=TEXT) as pair:
        call = start(pair, "wait", "mine")
        await until(lambda: "report" in kinds(pair.client))
        pair.client.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams("mine"))
        error = await failure(asyncio.wrap_future(call.answer))
    assert error.code == lsp.LSPErrorCodes.RequestCancelled


async def test_shutdown_stops_the_running_decode() -> None:
    async with connected(text=TEXT) as pair:
        call = start(pair, "wait", "mine")
        await until(lambda: "report" in kinds(pair.client))
    # Leaving the block shut the server down, and its worker ended in time.
    assert call.answer.done()


async def test_the_client_s_token_is_used_at_once_and_ops_are_reported() -> None:
    async with connected(text=TEXT) as pair:
        call = start(pair, "put: secret", "mine")
        await asyncio.wrap_future(call.answer)
        await until(lambda: "end" in kinds(pair.client))
    values: list[dict[str, Any]] = [v for t, v in pair.client.progress_seen if t == "AI edit"]
    assert [value["kind"] for value in values] == ["begin", "report", "end"]
    assert values[0]["cancellable"] is True
    assert values[1]["message"] == "new text, 1 line"
    assert "secret" not in str(values)


async def test_a_short_edit_without_a_token_shows_no_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "DELAY_S", PATIENCE_S)  # Short, however busy the machine is.
    async with connected(text=TEXT) as pair:
        await pair.edit("delete")
    assert kinds(pair.client) == []


async def test_a_client_without_progress_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY_S", 0.0)
    async with connected(Abilities(progress=False), text=TEXT) as pair:
        call = start(pair, "wait")
        for _ in range(5):  # Far more turns of the event loop than a progress would need.
            await pair.client.execute("copydecode.lastReceipt")
        pair.client.cancel(call)
        await failure(asyncio.wrap_future(call.answer))
    assert pair.client.progress_seen == []


async def test_a_long_load_is_shown() -> None:
    gate = threading.Event()

    def load(config: EngineConfig | None) -> Engine:
        assert gate.wait(PATIENCE_S)
        return fake_engine.load(config)

    async with connected(load=load, text=TEXT) as pair:
        await until(lambda: pair.client.progress_seen)
        gate.set()
        await pair.client.execute("copydecode.waitUntilReady")
        await until(lambda: len(pair.client.progress_seen) == 2)
    assert [(title, value["kind"]) for title, value in pair.client.progress_seen] == [
        ("Loading the model", "begin"),
        ("Loading the model", "end"),
    ]


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Copy(1, 40), "copied lines 1-40"),
        (Copy(3, 3), "copied line 3"),
        (Gen("a\nb\n"), "new text, 2 lines"),
        (Gen("a"), "new text, 1 line"),
        (Gen(""), "new text, 0 lines"),
    ],
)
def test_ops_are_described_in_counts(op: Copy | Gen, text: str) -> None:
    assert describe(op) == text
