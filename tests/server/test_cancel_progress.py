"""Cancelling, and telling how far an edit is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode import Copy, Engine, EngineConfig, Gen, Receipt
from copydecode_lsp import progress
from copydecode_lsp.client import Abilities, Call, HeadlessClient
from copydecode_lsp.progress import count_hunks, describe
from tests.server import fake_engine
from tests.server.harness import PATIENCE_S, URI, Pair, as_json, connected, failure, lines, until

TEXT = "a\nb\n"


def start(
    pair: Pair, instruction: str, token: str | None = None, span: lsp.Range | None = None
) -> Call:
    argument: dict[str, Any] = {"uri": URI, "instruction": instruction}
    if span is not None:
        argument["range"] = as_json(span)
    return pair.client.call(
        lsp.WORKSPACE_EXECUTE_COMMAND,
        lsp.ExecuteCommandParams(
            command="copydecode.applyEdit",
            arguments=[argument],
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
        queued = start(pair, "delete", span=lines(1, 1))
        pair.client.cancel(queued)
        error = await failure(asyncio.wrap_future(queued.answer))
        assert error.code == lsp.LSPErrorCodes.RequestCancelled
        assert not running.answer.done()
        pair.client.cancel(running)
        await failure(asyncio.wrap_future(running.answer))
        assert (await pair.edit("nothing"))["forwards"] == 2
        assert pair.client.documents[URI].text == TEXT


async def test_a_newer_request_for_the_same_lines_takes_the_place_of_the_older() -> None:
    """Complaint 7: who asks again does not wait for what he does not want any more."""
    async with connected(text=TEXT) as pair:
        older = start(pair, "wait", "mine", lines(1, 1))
        await until(lambda: "report" in kinds(pair.client))
        newer = start(pair, "put: x", span=lines(1, 1))
        error = await failure(asyncio.wrap_future(older.answer))
        answer = await asyncio.wrap_future(newer.answer)
        assert pair.client.documents[URI].text == "x\nb\n"
    assert error.code == lsp.LSPErrorCodes.RequestCancelled
    assert error.data == {"kind": "ReplacedError"}
    assert (answer["applied"], answer["forwards"]) == (True, 2)


async def test_a_newer_request_takes_the_place_of_one_that_waits() -> None:
    backend = fake_engine.FakeBackend()
    async with connected(load=backend.load, text=TEXT) as pair:
        running = start(pair, "wait", "mine")
        await until(lambda: "report" in kinds(pair.client))
        older, newer = (start(pair, f"put: {n}", span=lines(1, 1)) for n in (1, 2))
        error = await failure(asyncio.wrap_future(older.answer))
        assert error.data == {"kind": "ReplacedError"}
        assert not running.answer.done()
        pair.client.cancel(running)
        await asyncio.wrap_future(newer.answer)
        assert pair.client.documents[URI].text == "2\nb\n"
    assert backend.runs == 2


async def test_the_same_lines_are_the_same_where_they_moved_and_others_are_left_alone() -> None:
    async with connected(text=TEXT) as pair:
        older = start(pair, "wait", "mine", lines(2, 2))
        await until(lambda: "report" in kinds(pair.client))
        pair.client.change(URI, "zero\n" + TEXT)
        other = start(pair, "nothing", span=lines(2, 2))
        await pair.client.execute("copydecode.lastReceipt")  # It has come before that.
        assert not older.answer.done()
        same = start(pair, "put: y", span=lines(3, 3))
        error = await failure(asyncio.wrap_future(older.answer))
        assert error.data == {"kind": "ReplacedError"}
        assert (await asyncio.wrap_future(other.answer))["hunks"] == 0
        assert (await asyncio.wrap_future(same.answer))["applied"]
        assert pair.client.documents[URI].text == "zero\na\ny\n"


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
    assert values[1]["message"] == "new text, 1 line; 1 hunk"
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
        (Copy(3, 3), "copied line 3; 1 hunk"),
        (Gen("a\nb\n"), "new text, 2 lines; 1 hunk"),
        (Gen("a"), "new text, 1 line; 1 hunk"),
        (Gen(""), "new text, 0 lines"),
    ],
)
def test_ops_are_described_in_counts(op: Copy | Gen, text: str) -> None:
    assert describe([op], Receipt()) == text


def test_the_speed_is_that_of_what_the_model_writes() -> None:
    receipt = Receipt(
        forwards=9,
        generated_tokens=30,
        forced_tokens=10,
        spliced_tokens=500,
        prefill_s=9,
        decode_s=1.5,
        grammar_s=0.5,
    )
    assert describe([Copy(1, 2)], receipt) == "copied lines 1-2; 20 tokens/s"


@pytest.mark.parametrize(
    ("ops", "hunks"),
    [
        ([], 0),
        ([Copy(1, 3)], 0),
        ([Copy(1, 1), Copy(2, 3)], 0),
        ([Copy(1, 1), Gen(""), Copy(2, 3)], 0),
        ([Copy(1, 1), Copy(3, 3)], 1),
        ([Copy(1, 1), Gen("x\n"), Gen("y\n"), Copy(3, 3)], 1),
        ([Gen("x\n"), Copy(1, 1), Gen("y\n"), Copy(3, 3), Gen("z\n")], 3),
    ],
)
def test_hunks_are_counted_as_they_close(ops: list[Copy | Gen], hunks: int) -> None:
    assert count_hunks(ops) == hunks
