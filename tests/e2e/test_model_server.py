"""The real server with the engine on a model server that answers as vLLM does."""

from __future__ import annotations

import socket

import pytest
from pygls.exceptions import JsonRpcException

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import API_KEY
from copydecode_lsp.headless import server
from copydecode_lsp.names import APPLY_EDIT, LAST_RECEIPT, WAIT_UNTIL_READY
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
