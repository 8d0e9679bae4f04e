"""The real process over stdio and TCP: start-up, logs, exit codes, a client that goes away."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from lsprotocol import types as lsp

from copydecode_lsp.client import HeadlessClient
from tests.server.harness import PATIENCE_S, URI, as_json, lines, until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parent.parent.parent
FAKE = [sys.executable, "-m", "tests.server.fake_server"]
TEXT = "secret = 1\nb\n"


def frame(message: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def opening() -> bytes:
    capabilities = {"workspace": {"applyEdit": True}}
    parameters = {"processId": None, "rootUri": None, "capabilities": capabilities}
    sent = frame({"id": 1, "method": "initialize", "params": parameters})
    return sent + frame({"method": "initialized", "params": {}})


async def raw(*words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *FAKE, *words, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def spawned() -> AsyncIterator[HeadlessClient]:
    client = HeadlessClient()
    await client.spawn(FAKE, stderr=DEVNULL)
    await client.handshake()
    client.open(URI, TEXT, "python")
    try:
        yield client
    finally:
        assert await client.close() == 0


async def test_an_edit_goes_all_the_way() -> None:
    async with spawned() as client:
        await client.execute(
            "copydecode.applyEdit",
            {"uri": URI, "instruction": "delete", "range": as_json(lines(1, 1))},
        )
        assert client.documents[URI].text == "b\n"


async def test_exit_after_shutdown_is_zero_and_without_it_is_one() -> None:
    for leave, code in (
        (frame({"id": 2, "method": "shutdown"}) + frame({"method": "exit"}), 0),
        (frame({"method": "exit"}), 1),
    ):
        process = await raw()
        await asyncio.wait_for(process.communicate(opening() + leave), PATIENCE_S)
        assert process.returncode == code


def endless_edit() -> bytes:
    item = {"uri": URI, "languageId": "x", "version": 1, "text": "a\n"}
    argument = {"uri": URI, "instruction": "wait"}
    command = {"command": "copydecode.applyEdit", "arguments": [argument], "workDoneToken": "t"}
    opened = frame({"method": "textDocument/didOpen", "params": {"textDocument": item}})
    return opened + frame({"id": 3, "method": "workspace/executeCommand", "params": command})


async def test_a_client_that_goes_away_during_a_decode_ends_the_process() -> None:
    """Complaint 7: the decode ends too, or the engine's thread would not have (exit code 70)."""
    process = await raw()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(opening() + endless_edit())
    heard = b""
    while b'"report"' not in heard:  # Said from inside the decode.
        heard += await asyncio.wait_for(process.stdout.read(1000), PATIENCE_S)
    process.stdin.close()
    _out, log = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 1
    assert b"Traceback" not in log, log.decode()


async def test_the_log_holds_no_document_text() -> None:
    process = await raw()
    text = {"uri": URI, "languageId": "x", "version": 1, "text": "sesame street\n"}
    messages = [
        frame({"method": "textDocument/didOpen", "params": {"textDocument": text}}),
        frame({"method": "textDocument/didChange", "params": {"textDocument": text}}),
        frame({"id": 2, "method": "sesame/open", "params": {"text": "sesame street"}}),
        frame({"id": 3, "method": "shutdown"}),
        frame({"method": "exit"}),
    ]
    _out, log = await asyncio.wait_for(
        process.communicate(opening() + b"".join(messages)), PATIENCE_S
    )
    assert b"sesame street" not in log
    assert b"pygls" in log


async def test_the_model_loads_also_where_initialized_has_no_params_or_comes_twice() -> None:
    process = await raw()
    initialized = frame({"method": "initialized"})
    begin = opening().removesuffix(frame({"method": "initialized", "params": {}}))
    ready = {"command": "copydecode.waitUntilReady", "arguments": []}
    messages = [
        begin,
        initialized,
        initialized,
        frame({"id": 2, "method": "workspace/executeCommand", "params": ready}),
    ]
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"".join(messages))
    answers = b""
    while b'"id": 2' not in answers and b'"id":2' not in answers:
        answers += await asyncio.wait_for(process.stdout.read(1024), PATIENCE_S)
    assert b"error" not in answers
    end = [frame({"id": 3, "method": "shutdown"}), frame({"method": "exit"})]
    await asyncio.wait_for(process.communicate(b"".join(end)), PATIENCE_S)
    assert process.returncode == 0


async def test_one_interrupt_ends_a_server_on_a_terminal() -> None:
    command = [sys.executable, "-m", "copydecode_lsp", "serve", "--model", "none"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(opening())
    await asyncio.wait_for(process.stdout.read(64), PATIENCE_S)  # It runs.
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 4


async def test_a_server_that_ends_fails_the_requests_under_way() -> None:
    client = HeadlessClient()
    await client.spawn([sys.executable, "-c", "import sys; sys.stdin.readline()"], stderr=DEVNULL)
    with pytest.raises(RuntimeError, match="exited"):
        await client.handshake()
    assert await client.close() == 0


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Process, int]]:
    process = await raw("--tcp")
    assert process.stderr is not None
    line = b""
    while b"serving on" not in line:
        line = await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)
        assert line, "the server ended"
    address = re.search(rb"\('127\.0\.0\.1', (\d+)\)", line)
    assert address is not None
    try:
        yield process, int(address[1])
        await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_one_client_is_served_over_tcp_on_loopback() -> None:
    async with listening() as (process, port):
        client = HeadlessClient()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client.attach(cast("Any", reader), cast("Any", writer))
        await client.handshake()
        client.open(URI, TEXT)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await client.execute("copydecode.applyEdit", {"uri": URI, "instruction": "put: x"})
        await until(lambda: client.documents[URI].text == "x\n")
        await client.shutdown_async(None)
        client.exit(None)
    assert process.returncode == 0
    await client.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"Content-Length: 100\r\n\r\n{",
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(opening()) + opening(),
    ],
)
async def test_a_tcp_connection_that_breaks_or_is_no_lsp_ends_the_process(sent: bytes) -> None:
    async with listening() as (process, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
        await writer.wait_closed()
    assert process.returncode == 1


@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_tcp_connection_that_drops_during_a_decode_ends_it_and_the_process(
    abruptly: bool,
) -> None:
    """Complaint 7: nobody waits for the answer any more."""
    async with listening() as (process, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(opening() + endless_edit())
        heard = b""
        while b'"report"' not in heard:
            heard += await asyncio.wait_for(reader.read(1000), PATIENCE_S)
        if abruptly:  # A reset in place of an end.
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        else:
            writer.close()
    assert process.returncode == 1


async def test_what_is_printed_does_not_disturb_the_protocol() -> None:
    script = (
        "import os, sys\n"
        "from copydecode_lsp import app\n"
        "from tests.server import fake_engine\n"
        "def load(config):\n"
        "    print('printed', end='', flush=True)\n"
        "    os.write(1, b'written')\n"
        "    return fake_engine.load(config)\n"
        "sys.exit(app.serve_stdio(app.create(load)))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    command = {"command": "copydecode.waitUntilReady"}
    wait = frame({"id": 2, "method": "workspace/executeCommand", "params": command})
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(opening() + wait)
    heard = b""
    while b'"id": 2' not in heard:
        heard += await asyncio.wait_for(process.stdout.read(1000), PATIENCE_S)
    process.stdin.close()
    rest, log = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert b"printed" not in heard + rest
    assert b"written" not in heard + rest
    assert b"printed" in log
    assert b"written" in log


async def test_a_port_that_is_taken_is_said() -> None:
    taken = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    words = [sys.executable, "-m", "copydecode_lsp", "serve", "--tcp", str(port)]
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE)
    _out, log = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    taken.close()
    await taken.wait_closed()
    assert process.returncode == 2
    assert b"cannot serve on 127.0.0.1" in log
    assert b"Traceback" not in log


async def test_initialize_is_answered_before_torch_is_imported() -> None:
    """The real server: its loaded modules are asked for right after initialize."""
    script = (
        "import sys\n"
        "from copydecode_lsp import app\n"
        "server = app.create()\n"
        "@server.command('test.modules')\n"
        "async def modules(_params):\n"
        "    return [m for m in ('torch', 'xgrammar', 'transformers') if m in sys.modules]\n"
        "sys.exit(app.serve_stdio(server))\n"
    )
    client = HeadlessClient()
    await client.spawn([sys.executable, "-c", script], stderr=DEVNULL)
    # Without `initialized` the load never begins, so whatever is there came with initialize.
    await client.initialize_async(lsp.InitializeParams(capabilities=lsp.ClientCapabilities()))
    answer: object = await client.execute("test.modules")
    assert answer == []
    assert await client.close() == 0
