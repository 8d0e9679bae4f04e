"""The language server: the one table from method to handler, and how it is served.

Importing it imports neither torch nor any model code; the engine comes with the worker's load.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async

from copydecode import Engine, EngineConfig
from copydecode.errors import CopydecodeError
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.failures import to_lsp
from copydecode_lsp.handlers.apply_edit import apply_edit
from copydecode_lsp.handlers.code_action import code_action
from copydecode_lsp.handlers.configuration import did_change_configuration, did_change_folders
from copydecode_lsp.handlers.initialize import initialize, initialized, shutdown
from copydecode_lsp.handlers.last_receipt import last_receipt
from copydecode_lsp.handlers.receipt import receipt
from copydecode_lsp.handlers.resolve import resolve
from copydecode_lsp.handlers.resolve_command import resolve_command
from copydecode_lsp.handlers.show_status import show_status
from copydecode_lsp.handlers.wait_until_ready import wait_until_ready
from copydecode_lsp.names import (
    APPLY_EDIT,
    FIX_ALL_KIND,
    LAST_RECEIPT,
    RECEIPT,
    RESOLVE_COMMAND,
    REWRITE_KIND,
    SHOW_STATUS,
    WAIT_UNTIL_READY,
)
from copydecode_lsp.worker import Load

LOOPBACK = "127.0.0.1"

_Handler = Callable[[CopydecodeServer, Any], Any]

_ACTION_OPTIONS = lsp.CodeActionOptions(
    code_action_kinds=[lsp.CodeActionKind.QuickFix, REWRITE_KIND, FIX_ALL_KIND],
    resolve_provider=True,
)

_FEATURES: tuple[tuple[str, _Handler, object], ...] = (
    (lsp.INITIALIZE, initialize, None),
    (lsp.INITIALIZED, initialized, None),
    (lsp.SHUTDOWN, shutdown, None),
    (lsp.TEXT_DOCUMENT_CODE_ACTION, code_action, _ACTION_OPTIONS),
    (lsp.CODE_ACTION_RESOLVE, resolve, None),
    (RESOLVE_COMMAND, resolve_command, None),
    (RECEIPT, receipt, None),
    (lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, did_change_configuration, None),
    (lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, did_change_folders, None),
)

_COMMANDS: tuple[tuple[str, _Handler], ...] = (
    (APPLY_EDIT, apply_edit),
    (LAST_RECEIPT, last_receipt),
    (SHOW_STATUS, show_status),
    (WAIT_UNTIL_READY, wait_until_ready),
)


def create(load: Load = Engine.load, config: EngineConfig | None = None) -> CopydecodeServer:
    """Return a server with all handlers registered; `load` makes its engine."""
    server = CopydecodeServer(load, config or EngineConfig())
    for method, handler, options in _FEATURES:
        server.feature(method, options)(_failing_clearly(handler))
    for name, handler in _COMMANDS:
        server.command(name)(_failing_clearly(handler))
    return server


def serve_stdio(server: CopydecodeServer) -> int:
    """Serve one client over stdin and stdout; returns the exit code that LSP asks for.

    Stdout is the protocol's alone: what else is printed, by whatever library, goes to stderr.
    """
    protocol_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server.start_io(stdout=protocol_out)
    return 0 if server.protocol.shut_down else 1


def serve_tcp(server: CopydecodeServer, host: str, port: int) -> int:
    """Serve one client over TCP, and nobody else; returns the exit code that LSP asks for."""
    try:
        asyncio.run(_serve_first(server, host, port))
    except SystemExit:
        _log.debug("the client asked to exit")
    except OSError as error:
        _log.error("cannot serve on %s port %d: %s", host, port, error)
        return 2
    return 0 if server.protocol.shut_down else 1


async def _serve_first(server: CopydecodeServer, host: str, port: int) -> None:
    """Serve the first connection; pygls' own `start_tcp` lets a second one take its answers."""
    first: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    first = asyncio.get_running_loop().create_future()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if first.done():
            writer.close()
        else:
            first.set_result((reader, writer))

    listener = await asyncio.start_server(connected, host, port)
    for listening in listener.sockets:
        _log.info("serving on %s", listening.getsockname())
    reader, writer = await first
    listener.close()
    server.protocol.set_writer(writer)
    try:
        await run_async(
            stop_event=threading.Event(),
            reader=_LspReader(reader),
            protocol=server.protocol,
            logger=logging.getLogger("pygls.server"),
            error_handler=server.report_server_error,
        )
    except (EOFError, OSError, ValueError) as error:
        _log.error("the connection ended: %s", error)
    finally:
        writer.close()


class _LspReader:
    """Reads from a stream; refuses what is no LSP, as a web page's request to a local port."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self.readexactly = stream.readexactly

    async def readline(self) -> bytes:
        """Return the next line of a header."""
        line = await self._stream.readline()
        if line.strip() and not line.startswith(b"Content-"):
            message = "expected a header of the Language Server Protocol"
            raise ValueError(message)
        return line


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log to stderr, since stdout is the protocol, and no document text above debug."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    if level > logging.DEBUG:
        handler.addFilter(_without_payloads)
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # A line for each request else.
    logging.basicConfig(level=level, handlers=[handler], force=True)


_log = logging.getLogger(__name__)


def _without_payloads(record: logging.LogRecord) -> bool:
    """Keep message bodies out of the log: pygls logs what it sends at info, and bad messages."""
    if not record.name.startswith("pygls"):
        return True
    if record.name == "pygls.server":
        if record.exc_info and record.exc_info[0]:
            # A message that could not be read: the traceback quotes it.
            record.msg, record.args = f"{record.msg}: %s", (record.exc_info[0].__name__,)
            record.exc_info = None
        return True
    if record.levelno < logging.WARNING:
        return False
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, JsonRpcException):
        # An answer that we gave on purpose: its message is enough.
        record.msg, record.args = "request failed: %s", (error.message,)
        record.exc_info = None
    elif record.args and record.levelno >= logging.ERROR:
        record.msg, record.args = record.msg.split("%", 1)[0], None
    return True


def _failing_clearly(handler: _Handler) -> _Handler:
    """Turn the errors that we raise on purpose into LSP errors, at this one place."""
    if asyncio.iscoroutinefunction(handler):

        @wraps(handler)
        async def answer_later(ls: CopydecodeServer, params: Any) -> Any:  # noqa: ANN401
            try:
                return await handler(ls, params)
            except CopydecodeError as error:
                raise to_lsp(error) from error

        return answer_later

    @wraps(handler)
    def answer(ls: CopydecodeServer, params: Any) -> Any:  # noqa: ANN401
        try:
            return handler(ls, params)
        except CopydecodeError as error:
            raise to_lsp(error) from error

    return answer
