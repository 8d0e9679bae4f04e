"""What may come over the wire: every request is answered, and no edit is made from a lost text."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from typing import Any, cast

import pytest
from lsprotocol import types as lsp
from pygls.io_ import run_async

from copydecode_lsp import app
from copydecode_lsp.base import CopydecodeServer
from tests.server import fake_engine
from tests.server.harness import URI, Pipe, connected, failure, lines

TEXT = "sesame\nb\n"
HELLO = {"id": 1, "method": "initialize", "params": {"capabilities": {}}}
OPEN = {
    "method": "textDocument/didOpen",
    "params": {
        "textDocument": {"uri": URI, "languageId": "x", "version": 1, "text": TEXT},
    },
}


class _Sent:
    """A writer that keeps what the server says."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.messages.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self) -> None:
        """Nothing is held."""


async def answers(*messages: dict[str, Any]) -> tuple[CopydecodeServer, dict[Any, Any]]:
    """Send messages to a new server; return it and its answers by request."""
    server = app.create(fake_engine.load)
    sent, pipe = _Sent(), Pipe()
    server.protocol.set_writer(cast("Any", sent))
    for message in messages:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        pipe.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    pipe.close()
    log = logging.getLogger("pygls.server")  # As pygls itself serves.
    await run_async(threading.Event(), cast("Any", pipe.reader), server.protocol, log)
    await asyncio.sleep(0)
    return server, {m["id"]: m for m in sent.messages if "id" in m and "method" not in m}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"textDocument": {"uri": URI}},
        {
            "textDocument": {"uri": URI},
            "range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}},
            "context": {"diagnostics": []},
        },
    ],
)
async def test_a_request_that_cannot_be_read_is_answered(params: dict[str, Any]) -> None:
    request = {"id": 2, "method": "textDocument/codeAction", "params": params}
    _server, got = await answers(HELLO, OPEN, request)
    assert got[2]["error"]["code"] == lsp.ErrorCodes.InvalidParams


async def test_an_answer_that_cannot_be_read_fails_its_request() -> None:
    server, _got = await answers(HELLO)
    request = server.protocol.send_request(
        lsp.WORKSPACE_APPLY_EDIT, lsp.ApplyWorkspaceEditParams(lsp.WorkspaceEdit()), msg_id="7"
    )
    body = {"jsonrpc": "2.0", "id": "7", "result": {"applied": {}, "failedChange": "x"}}
    with pytest.raises(Exception, match="In"):
        server.protocol.structure_message(body)
    assert request.done()
    assert request.exception() is not None


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ((), lsp.ErrorCodes.ServerNotInitialized),
        ((HELLO, {"id": 9, "method": "shutdown"}), lsp.ErrorCodes.InvalidRequest),
    ],
)
async def test_a_request_out_of_time_is_refused(
    before: tuple[dict[str, Any], ...], code: lsp.ErrorCodes
) -> None:
    command = {"command": "copydecode.waitUntilReady"}
    late = {"id": 2, "method": "workspace/executeCommand", "params": command}
    server, got = await answers(*before, late, OPEN)
    assert got[2]["error"]["code"] == code
    with pytest.raises(Exception, match="none at"):
        server.snapshots.get(URI)


async def test_a_second_initialize_is_refused() -> None:
    _server, got = await answers(HELLO, {**HELLO, "id": 2})
    assert "capabilities" in got[1]["result"]
    assert got[2]["error"]["code"] == lsp.ErrorCodes.InvalidRequest


@pytest.mark.parametrize(
    "change",
    [
        {"range": {"start": {"line": 1, "character": 0}, "end": {"line": 0, "character": 0}}},
        {"range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}}},
        {"range": None},
    ],
)
async def test_no_edit_is_made_of_a_text_that_a_change_was_lost_of(change: dict[str, Any]) -> None:
    """The client's text is another one; a later change would bring our version up to its own."""

    def changing(version: int, change: dict[str, Any]) -> dict[str, Any]:
        document = {"uri": URI, "version": version}
        params = {"textDocument": document, "contentChanges": [{"text": "new", **change}]}
        return {"method": "textDocument/didChange", "params": params}

    start = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    server, _got = await answers(HELLO, OPEN, changing(2, change), changing(3, {"range": start}))
    with pytest.raises(Exception, match="none at"):
        server.snapshots.get(URI)
    server, _got = await answers(HELLO, OPEN, {"method": "textDocument/didChange", "params": 3})
    with pytest.raises(Exception, match="none at"):
        server.snapshots.get(URI)


async def test_a_notebook_s_change_that_cannot_be_read_loses_its_cells_alone() -> None:
    notebook = {"uri": "file:///tmp/example.ipynb", "version": 1}
    opened = {
        "notebookDocument": {**notebook, "notebookType": "jupyter-notebook", "cells": []},
        "cellTextDocuments": [{"uri": "cell:1", "languageId": "x", "version": 1, "text": TEXT}],
    }
    changed = {"notebookDocument": notebook, "change": {"cells": 3}}
    open_notebook = {"method": "notebookDocument/didOpen", "params": opened}
    server, _got = await answers(HELLO, OPEN, open_notebook)
    assert len(server.snapshots.all()) == 2
    change = {"method": "notebookDocument/didChange", "params": changed}
    server, _got = await answers(HELLO, OPEN, open_notebook, change)
    assert [snapshot.uri for snapshot in server.snapshots.all()] == [URI]


async def test_documents_whose_names_are_no_utf8_stay_apart() -> None:
    async with connected() as pair:
        pair.client.open("file:///x%FF", "a\n")
        pair.client.open("file:///x%FE", "b\n")
        argument = {"uri": "file:///x%FF", "instruction": "nothing"}
        await pair.client.execute("copydecode.applyEdit", argument)
        assert pair.server.snapshots.get("file:///x%FF").text == "a\n"
        error = await failure(pair.client.code_actions("file:///x%FD", lines(1, 1)))
        assert error.code == lsp.ErrorCodes.InvalidParams


async def test_a_message_that_cannot_be_handled_is_not_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        app.log_to_stderr()
        version = {"uri": URI, "version": "sesame"}
        change = {"textDocument": version, "contentChanges": [{"text": TEXT}]}
        await answers(
            HELLO,
            {**OPEN, "jsonrpc": "1.0"},
            {"method": "textDocument/didChange", "params": change},
        )
    finally:
        root.handlers, root.level = handlers, level
    log = capsys.readouterr().err
    assert "sesame" not in log
    assert "JsonRpcInvalidParams" in log
