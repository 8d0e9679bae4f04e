"""What the headless commands share: the server's command line, exit codes, files, diffs.

Knows nothing of argparse; each command is a function of plain values.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from pygls.exceptions import JsonRpcException
from rich.console import Console
from rich.text import Text

from copydecode import errors
from copydecode_lsp.client import Abilities, HeadlessClient, OnProgress


class ExitCode(IntEnum):
    """What a headless command ends with."""

    EDITED = 0
    NO_CHANGE = 1
    BAD_INPUT = 2
    NO_MODEL = 3
    STOPPED = 4
    SERVER = 5


class ServerGoneError(Exception):
    """The server ended before it answered; the message holds the end of its log."""


def exit_code_of(error: JsonRpcException) -> ExitCode:
    """Return the exit code for an LSP error, by the kind in its data."""
    kind = error.data.get("kind") if isinstance(error.data, dict) else None
    cls = getattr(errors, str(kind), None)
    return exit_code_for(cls) if isinstance(cls, type) else ExitCode.SERVER


def exit_code_for(cls: type) -> ExitCode:
    """Return the exit code for a class of `copydecode.errors`."""
    if issubclass(cls, (errors.BadInputError, errors.ConfigError)):
        return ExitCode.BAD_INPUT
    if issubclass(cls, errors.ModelError):
        return ExitCode.NO_MODEL
    return ExitCode.STOPPED if issubclass(cls, errors.EditStoppedError) else ExitCode.SERVER


async def guarded(work: Awaitable[ExitCode], err: Console) -> ExitCode:
    """Await a command's work; where it fails, say why on `err` and return its exit code."""
    try:
        return await work
    except errors.CopydecodeError as error:
        complain(err, str(error))
        return exit_code_for(type(error))
    except JsonRpcException as error:
        complain(err, error.message)
        return exit_code_of(error)
    except ServerGoneError as error:
        complain(err, str(error))
        return ExitCode.SERVER


def server_command(model: str | None) -> list[str]:
    """Return the command line of our own server over stdio."""
    command = [sys.executable, "-m", "copydecode_lsp", "serve"]
    return command if model is None else [*command, "--model", model]


@contextlib.asynccontextmanager
async def server(
    model: str | None,
    on_progress: OnProgress = lambda _title, _message: None,
    settings: dict[str, Any] | None = None,
    folders: Sequence[str] = (),
    command: Sequence[str] | None = None,
) -> AsyncIterator[HeadlessClient]:
    """Start our server, or the one of a command line, shake hands, shut it down at the end.

    `folders` are the workspace's, by URI.

    Raises:
        ServerGoneError: it ended by itself.
    """
    # What the server would have confirmed is applied to the client's copy, and can be told.
    client = HeadlessClient(Abilities(annotations=True), on_progress)
    with tempfile.TemporaryFile() as log:
        try:
            await client.spawn(command or server_command(model), stderr=log)
            await client.handshake(settings, folders)
            yield client
        except RuntimeError as error:
            # What pygls raises on requests to a server that is gone.
            await client.close()
            log.seek(0)
            tail = log.read()[-2000:].decode(errors="replace").strip()
            message = f"the server ended before it answered\n{tail}"
            raise ServerGoneError(message) from error
        finally:
            await client.close()


def read_text(path: Path) -> tuple[bytes, str]:
    """Return a file's bytes, and its text with every line end and byte order mark in place.

    Raises:
        BadInputError: it cannot be read.
        BinaryDocumentError: it is not UTF-8 text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"expected a readable file: {error}"
        raise errors.BadInputError(message) from error
    if b"\0" in data:
        message = f"expected a text file, found a zero byte in {path}"
        raise errors.BinaryDocumentError(message)
    try:
        return data, data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"expected UTF-8 text in {path}, found other bytes at offset {error.start}"
        raise errors.BinaryDocumentError(message) from error


def unified_diff(name: str, old: str, new: str) -> str:
    """Return a unified diff that `patch` takes, empty where the texts are equal."""
    # A lone CR ends no line for `patch`.
    before, after = (io.StringIO(text, newline="\n").readlines() for text in (old, new))
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm="\n")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def print_diff(console: Console, diff: str) -> None:
    """Print a diff: coloured on a terminal, byte for byte elsewhere."""
    if not console.is_terminal:
        sys.stdout.buffer.write(diff.encode("utf-8"))
        sys.stdout.buffer.flush()
        return
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in diff.splitlines():
        style = "bold" if line.startswith(("+++", "---")) else styles.get(line[:1], "")
        console.print(Text(line, style=style), soft_wrap=True)


def complain(console: Console, message: str) -> None:
    """Say what went wrong, in one line however wide the terminal."""
    console.print(Text(f"copydecode: {message}", style="red"), soft_wrap=True)


def seconds(value: float) -> str:
    """Return a duration for people."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
