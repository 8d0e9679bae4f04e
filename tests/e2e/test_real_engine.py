"""The real engine behind the real server, on random weights: settings, limits, bad input."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode_lsp.client import HeadlessClient
from copydecode_lsp.names import APPLY_EDIT, WAIT_UNTIL_READY
from tests.e2e.conftest import CONTEXT
from tests.server.harness import until

pytestmark = pytest.mark.e2e

URI = "file:///tmp/example.py"
TEXT = "a = 1\nb = 2\nc = 3\n"
LAST_LINE = {"start": {"line": 2, "character": 0}, "end": {"line": 3, "character": 0}}
PATIENCE_S = 60.0


@asynccontextmanager
async def serving(model: Path, **settings: object) -> AsyncIterator[HeadlessClient]:
    client = HeadlessClient()
    await client.spawn([sys.executable, "-m", "copydecode_lsp", "serve"], stderr=DEVNULL)
    await client.handshake({"model": str(model), "threads": 1, **settings})
    client.open(URI, TEXT, "python")
    try:
        yield client
    finally:
        assert await client.close() == 0


async def refusal(client: HeadlessClient, **argument: object) -> JsonRpcException:
    before = client.documents[URI].text
    with pytest.raises(JsonRpcException) as caught:
        await client.execute(APPLY_EDIT, {"uri": URI, "instruction": "fix it", **argument})
    assert client.documents[URI].text == before
    return caught.value


def kind(error: JsonRpcException) -> object:
    assert isinstance(error.data, dict)
    return error.data["kind"]


async def test_bad_input_is_refused_by_the_real_engine(random_model: Path) -> None:
    async with serving(random_model, maxDocumentBytes=5000, maxNewTokens=1) as client:
        assert kind(await refusal(client)) == "TokenLimitError"
        assert kind(await refusal(client, instruction=" ")) == "EmptyInstructionError"
        assert kind(await refusal(client, uri="file:///no")) == "UnknownDocumentError"
        outside = {**LAST_LINE, "end": {"line": 9, "character": 0}}
        assert kind(await refusal(client, range=outside)) == "ScopeError"
        assert kind(await refusal(client, instruction="word " * CONTEXT)) == "ContextTooLongError"
        client.change(URI, "a\0b\n")
        assert kind(await refusal(client)) == "BinaryDocumentError"
        client.change(URI, "x = 1\n" * 1000)
        assert kind(await refusal(client)) == "DocumentTooLargeError"


async def test_cancelling_stops_the_real_decode(endless_model: Path) -> None:
    # A minute of decoding and more: the context is its only bound.
    async with serving(endless_model, deadlineSeconds=None, maxNewTokens=100_000) as client:
        await client.execute(WAIT_UNTIL_READY)
        params = lsp.ExecuteCommandParams(
            command=APPLY_EDIT,
            arguments=[{"uri": URI, "instruction": "fix it", "range": LAST_LINE}],
            work_done_token="mine",  # noqa: S106 -- a progress token
        )
        call = client.call(lsp.WORKSPACE_EXECUTE_COMMAND, params)
        # Said from inside the decode: the copy of the lines before the locked scope.
        await until(lambda: ("report", "copied lines 1-2") in said(client))
        client.cancel(call)
        with pytest.raises(JsonRpcException) as caught:
            await asyncio.wait_for(asyncio.wrap_future(call.answer), PATIENCE_S)
    assert caught.value.code == lsp.LSPErrorCodes.RequestCancelled


def said(client: HeadlessClient) -> list[tuple[object, object]]:
    return [(value["kind"], value.get("message")) for _, value in client.progress_seen]


@pytest.mark.parametrize(
    ("text", "expected"), [(None, "ModelNotFoundError"), ("no model", "ModelFormatError")]
)
async def test_what_is_no_model_is_said_and_the_server_lives(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    path = tmp_path / "model"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    async with serving(path) as client:
        with pytest.raises(JsonRpcException) as caught:
            await client.execute(WAIT_UNTIL_READY)
        assert kind(caught.value) == expected
        assert str(path) in caught.value.message
        assert kind(await refusal(client)) == expected
    assert [m.type for m in client.messages] == [lsp.MessageType.Error]
