"""Reading ahead: when, which lines, and never before an edit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest
from lsprotocol import types as lsp

from copydecode import EditRequest, EditResult, FilesEdit, FilesRequest, Scope
from copydecode_lsp import read_ahead
from copydecode_lsp.worker import Editing, OnFileOp, OnOp, Together
from tests.server import fake_engine
from tests.server.harness import (
    PATIENCE_S,
    URI,
    Pair,
    connected,
    cursor,
    diagnostic,
    failure,
    lines,
    until,
)

TEXT = "a = 1\nb = aa\n"
SLOW = "slow\n" + TEXT
UNDEFINED = diagnostic("undefined name 'aa'", 2)


class Reader:
    """An engine that notes its calls in order, and reads a text with `slow` until it is stopped."""

    def __init__(self) -> None:
        self.engine = fake_engine.load()
        self.calls: list[tuple[str, str]] = []
        self.scopes: list[Scope | None] = []
        self.gate = threading.Event()
        self.gate.set()

    def load(self, _config: object) -> Reader:
        assert self.gate.wait(PATIENCE_S)
        return self

    def together(self) -> Together:
        return self.engine.together()

    def editing(
        self, request: EditRequest, *, cancelled: Callable[[], bool], on_op: OnOp
    ) -> Editing[EditResult]:
        self.calls.append(("edit", request.text))
        return self.engine.editing(request, cancelled=cancelled, on_op=on_op)

    def editing_files(
        self, request: FilesRequest, *, cancelled: Callable[[], bool], on_op: OnFileOp
    ) -> Editing[FilesEdit]:
        return self.engine.editing_files(request, cancelled=cancelled, on_op=on_op)

    def read_ahead(
        self, text: str, scope: Scope | None, *, name: str | None, cancelled: Callable[[], bool]
    ) -> int:
        self.calls.append(("read", text))
        self.scopes.append(scope)
        while text.startswith("slow") and not cancelled():
            time.sleep(0.002)
        return self.engine.read_ahead(text, scope, name=name, cancelled=cancelled)


async def idle(pair: Pair) -> None:
    await pair.client.execute("copydecode.waitUntilReady", {"idle": True})


def close(pair: Pair, uri: str = URI) -> None:
    pair.client.text_document_did_close(
        lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
    )


async def test_an_opened_document_is_read_before_its_first_edit() -> None:
    async with connected(text=TEXT) as pair:
        await idle(pair)
        assert (await pair.edit("nothing"))["reused_tokens"] == 2


async def test_a_changed_document_is_read_when_it_is_quiet_and_only_as_it_is_then() -> None:
    reader = Reader()
    async with connected(load=reader.load, text=TEXT) as pair:
        await idle(pair)
        for version in ("v2\n", "v3\n", "v4\n"):
            pair.client.change(URI, version)
        await idle(pair)
    assert reader.calls == [("read", TEXT), ("read", "v4\n")]


async def test_an_edit_does_not_wait_for_the_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "QUIET_S", 10 * PATIENCE_S)
    reader = Reader()
    async with connected(load=reader.load, text=TEXT) as pair:
        await idle(pair)
        pair.client.change(URI, "new\n")
        await pair.client.code_actions(URI, cursor(1), [diagnostic("x", 1)])  # Waits as well.
        await pair.edit("nothing")
    assert reader.calls == [("read", TEXT), ("edit", "new\n")]


async def test_where_an_edit_is_offered_its_lines_are_read() -> None:
    reader = Reader()
    async with connected(load=reader.load, text=TEXT) as pair:
        await idle(pair)
        await pair.client.code_actions(URI, cursor(2))  # Offers nothing.
        await pair.client.code_actions(URI, cursor(2), [UNDEFINED], [lsp.CodeActionKind.Refactor])
        await idle(pair)
        assert reader.scopes == [None]
        await pair.client.code_actions(URI, cursor(2), [UNDEFINED])
        await idle(pair)
    assert reader.scopes == [None, Scope(2, 2)]


async def test_an_edit_stops_what_is_read_and_it_goes_on_behind() -> None:
    reader = Reader()
    async with connected(load=reader.load, text=SLOW) as pair:
        await until(lambda: reader.calls)
        await pair.edit("nothing")
        await until(lambda: len(reader.calls) == 3)
    assert reader.calls == [("read", SLOW), ("edit", SLOW), ("read", SLOW)]


async def test_edits_go_before_all_that_waits_to_be_read() -> None:
    reader = Reader()
    reader.gate.clear()
    async with connected(load=reader.load, text=TEXT) as pair:
        pair.client.open("file:///other", "other\n")
        edit = pair.client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams(
                "copydecode.applyEdit", arguments=[{"uri": URI, "instruction": "nothing"}]
            ),
        )
        await pair.client.execute("copydecode.lastReceipt")  # The edit has come before that.
        reader.gate.set()
        await until(edit.answer.done)
        await idle(pair)
    assert reader.calls == [("edit", TEXT), ("read", TEXT), ("read", "other\n")]


async def test_of_one_document_the_newer_request_replaces_the_older() -> None:
    reader = Reader()
    async with connected(load=reader.load, text=SLOW) as pair:
        await until(lambda: reader.calls)
        await pair.client.code_actions(URI, lines(2, 3), [diagnostic("x", 3)])
        await until(lambda: len(reader.calls) == 2)
        pair.client.change(URI, TEXT)
        await idle(pair)
    assert reader.calls == [("read", SLOW), ("read", SLOW), ("read", TEXT)]
    assert reader.scopes == [None, Scope(3, 3), None]


async def test_a_closed_document_is_dropped() -> None:
    reader = Reader()
    reader.gate.clear()
    async with connected(load=reader.load, text=TEXT) as pair:
        close(pair)
        await pair.client.execute("copydecode.lastReceipt")  # It is closed.
        reader.gate.set()
        await idle(pair)
        assert reader.calls == []
        pair.client.open(URI, SLOW)
        await until(lambda: reader.calls)
        close(pair)
        await idle(pair)
    assert reader.calls == [("read", SLOW)]


async def test_nothing_is_read_where_it_is_switched_off() -> None:
    reader = Reader()
    async with connected(load=reader.load, text=TEXT, options={"readAhead": False}) as pair:
        pair.client.change(URI, "new\n")
        await pair.client.code_actions(URI, cursor(1), [diagnostic("x", 1)])
        await idle(pair)
    assert reader.calls == []


async def test_a_shutdown_ends_what_is_read() -> None:
    reader = Reader()
    async with connected(load=reader.load, text=SLOW):
        await until(lambda: reader.calls)
    # Leaving the block shut the server down, and its worker ended in time.
    assert reader.calls == [("read", SLOW)]


async def test_a_failure_to_read_ahead_leaves_edits_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader()

    def fail(*_arguments: object, **_more: object) -> int:
        raise MemoryError(TEXT)

    monkeypatch.setattr(reader, "read_ahead", fail)
    caplog.set_level(logging.DEBUG, "copydecode_lsp")
    async with connected(load=reader.load, text=TEXT) as pair:
        await idle(pair)
        assert (await pair.edit("delete"))["applied"]
    assert "MemoryError" in caplog.text
    assert TEXT not in caplog.text


@pytest.mark.parametrize("argument", [1, {"idle": 1}, {"ready": True}])
async def test_what_to_wait_for_has_a_shape(argument: object) -> None:
    async with connected() as pair:
        error = await failure(pair.client.execute("copydecode.waitUntilReady", argument))
    assert error.code == lsp.ErrorCodes.InvalidParams
