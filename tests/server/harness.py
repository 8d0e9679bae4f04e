"""The server in process: our client and the server on one event loop, over in-memory streams."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async

from copydecode import EngineConfig
from copydecode_lsp import app
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.client import Abilities, HeadlessClient
from copydecode_lsp.worker import Load
from tests.server import fake_engine

URI = "file:///tmp/example.py"
PATIENCE_S = 10.0


class Pipe:
    """A writer whose bytes a reader gets."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader(limit=2**26)

    def write(self, data: bytes) -> None:
        """Pass the bytes on."""
        self.reader.feed_data(data)

    def close(self) -> None:
        """Pass the end on."""
        self.reader.feed_eof()


@dataclass
class Pair:
    """A client and its server."""

    client: HeadlessClient
    server: CopydecodeServer

    async def resolve_first(self, span: lsp.Range, *diagnostics: lsp.Diagnostic) -> lsp.CodeAction:
        """List the actions of a range and resolve the first."""
        action = (await self.client.code_actions(URI, span, diagnostics))[0]
        assert isinstance(action, lsp.CodeAction)
        return await self.client.code_action_resolve_async(action)

    async def edit(self, instruction: str, span: lsp.Range | None = None) -> dict[str, Any]:
        """Run the applyEdit command on the example document."""
        argument: dict[str, Any] = {"uri": URI, "instruction": instruction}
        if span is not None:
            argument["range"] = as_json(span)
        answer = await self.client.execute("copydecode.applyEdit", argument)
        assert answer is not None
        return answer


@asynccontextmanager
async def connected(  # noqa: PLR0913  # each named at the call
    abilities: Abilities | None = None,
    *,
    load: Load = fake_engine.load,
    options: dict[str, Any] | None = None,
    config: EngineConfig | None = None,
    text: str | None = None,
    language: str = "python",
) -> AsyncIterator[Pair]:
    """Connect a client and a server, shake hands, open the example; shut down in order."""
    server = app.create(load, config)
    to_server, to_client = Pipe(), Pipe()
    server.protocol.set_writer(cast("Any", to_client))
    serving = asyncio.create_task(
        run_async(
            stop_event=threading.Event(),
            reader=cast("Any", to_server.reader),
            protocol=server.protocol,
        )
    )
    client = HeadlessClient(abilities)
    client.attach(cast("Any", to_client.reader), cast("Any", to_server))
    await client.handshake(options)
    if text is not None:
        client.open(URI, text, language)
    try:
        yield Pair(client, server)
    finally:
        await client.shutdown_async(None)
        to_server.close()
        to_client.close()
        await serving
        await client.close()
        assert server.close(PATIENCE_S)


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 -- other threads set what it looks at
            await asyncio.sleep(0.001)


async def failure(awaitable: Any) -> JsonRpcException:  # noqa: ANN401 -- any awaitable
    """Return the error that a request ends with."""
    try:
        answer = await asyncio.wait_for(awaitable, PATIENCE_S)
    except JsonRpcException as error:
        return error
    message = f"expected an error, got {answer!r}"
    raise AssertionError(message)


def lines(first: int, last: int) -> lsp.Range:
    """Return the range of whole lines, 1-based and inclusive."""
    return lsp.Range(lsp.Position(first - 1, 0), lsp.Position(last, 0))


def chars(line: int, start: int, end: int) -> lsp.Range:
    """Return the range of some characters of a 1-based line."""
    return lsp.Range(lsp.Position(line - 1, start), lsp.Position(line - 1, end))


def cursor(line: int, character: int = 0) -> lsp.Range:
    """Return an empty range on a 1-based line."""
    position = lsp.Position(line - 1, character)
    return lsp.Range(position, position)


def as_json(span: lsp.Range) -> dict[str, Any]:
    """Return a range as a client sends it."""
    return {
        "start": {"line": span.start.line, "character": span.start.character},
        "end": {"line": span.end.line, "character": span.end.character},
    }


def diagnostic(message: str, line: int) -> lsp.Diagnostic:
    """Return a diagnostic on the first character of a 1-based line."""
    span = lsp.Range(lsp.Position(line - 1, 0), lsp.Position(line - 1, 1))
    return lsp.Diagnostic(range=span, message=message)
