"""The real server with the engine on a model server: one like vLLM, and a chat model."""

from __future__ import annotations

import json
import socket

import pytest
from pygls.exceptions import JsonRpcException

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import API_KEY
from copydecode_lsp.cli import main
from copydecode_lsp.headless import server
from copydecode_lsp.names import APPLY_EDIT, LAST_RECEIPT, SHOW_STATUS, WAIT_UNTIL_READY
from tests.engine.backends.chat_stand_in import MODEL, ChatStandIn
from tests.engine.backends.stand_in import KEY, StandIn

pytestmark = pytest.mark.e2e

URI = "file:///tmp/example.py"
TEXT = "a = 1\nb = 2\nc = 3\n"
DELETE = {"uri": URI, "instruction": "delete line 2"}


async def test_a_model_server_may_be_started_after_the_editor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(API_KEY, KEY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = f"127.0.0.1:{port}"
    async with server(None, settings={"remoteUrl": f"http://{host}"}) as client:
        client.open(URI, TEXT, "python")
        for ask in (WAIT_UNTIL_READY, APPLY_EDIT):
            with pytest.raises(JsonRpcException, match=f"expected a model server at {host}"):
                await client.execute(ask, *([DELETE] if ask == APPLY_EDIT else []))
        assert client.documents[URI].text == TEXT
        with StandIn(EMBEDDED_FOLDER, port):
            await client.execute(APPLY_EDIT, DELETE)
            receipt = await client.execute(LAST_RECEIPT)
        assert client.documents[URI].text == "a = 1\nc = 3\n"
        assert receipt is not None
        assert receipt["remote"] == host


async def test_a_chat_model_makes_edits_and_a_bad_answer_leaves_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(API_KEY, KEY)
    with ChatStandIn() as chat:
        settings = {"remoteUrl": chat.url, "remoteApi": "chat"}
        async with server(None, settings=settings) as client:
            client.open(URI, TEXT, "python")
            await client.execute(WAIT_UNTIL_READY)
            chat.says("Sure!", "Sure, here it is: <program>")
            with pytest.raises(JsonRpcException, match="found none in two answers") as caught:
                await client.execute(APPLY_EDIT, DELETE)
            assert caught.value.data == {"kind": "NoProgramError"}
            assert client.documents[URI].text == TEXT
            chat.says("No.", '```\n<program><copy lines="1-1"/><copy lines="3-3"/></program>\n```')
            await client.execute(APPLY_EDIT, DELETE)
            receipt = await client.execute(LAST_RECEIPT)
            status = await client.execute(SHOW_STATUS, {"quiet": True})
        assert client.documents[URI].text == "a = 1\nc = 3\n"
    assert receipt is not None
    assert receipt["remote"] == chat.url.removeprefix("http://")
    assert (receipt["model"], receipt["retries"], receipt["confidence"]) == (MODEL, 1, None)
    assert receipt["estimated"]
    assert status is not None
    assert status["settings"]["remote_api"] == "chat"
    assert KEY not in str(status)
    assert "File: example.py" in str(chat.requests)
    assert "/tmp" not in str(chat.requests)  # noqa: S108  # what is not sent


def test_the_doctor_tries_the_chat_model_of_its_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(API_KEY, KEY)
    with ChatStandIn() as chat:
        chat.models = None
        chat.says('<program><copy lines="1-1"/><copy lines="3-3"/></program>')
        words = ["--remote", chat.url, "--remote-api", "chat", "--remote-model", MODEL]
        assert main(["doctor", "--json", *words]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["selfTest"]["right"]
    assert report["status"]["model"]["name"] == MODEL
    assert report["status"]["remote"] == chat.url.removeprefix("http://")
