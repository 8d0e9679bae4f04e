"""`copydecode apply`: one edit of one file, through the real server."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from rich.console import Console

from copydecode.errors import BadInputError
from copydecode_lsp.headless import (
    ExitCode,
    guarded,
    print_diff,
    read_text,
    server,
    unified_diff,
)
from copydecode_lsp.languages import language_of
from copydecode_lsp.names import APPLY_EDIT


class Output(Enum):
    """What to do with the edit."""

    DIFF = "diff"
    WRITE = "write"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Job:
    """One file, one instruction; `lines` is 1-based and inclusive."""

    path: Path
    instruction: str
    lines: tuple[int, int] | None
    model: str | None
    output: Output


class FileChangedError(BadInputError):
    """The file changed while its edit was computed."""


async def apply(job: Job, out: Console, err: Console) -> ExitCode:
    """Compute the edit and show or write it; every failure is said on `err`."""
    return await guarded(_apply(job, out, err), err)


async def _apply(job: Job, out: Console, err: Console) -> ExitCode:
    data, text = read_text(job.path)
    with err.status("Starting the server") as status:
        after, receipt = await _edit(
            job, text, lambda title, message: status.update(_status(title, message))
        )
    if job.output is Output.WRITE and after != text:
        write_atomically(job.path, data, after.encode("utf-8"))
    _show(job, text, after, receipt, out, err)
    return ExitCode.EDITED if after != text else ExitCode.NO_CHANGE


def write_atomically(path: Path, expected: bytes, data: bytes) -> None:
    """Replace a file's bytes in one step, keeping its mode; a link's target is replaced.

    Raises:
        FileChangedError: the file does not hold the `expected` bytes any more.
        BadInputError: the file cannot be written.
    """
    try:
        _replace(path, path.resolve(), expected, data)
    except OSError as error:
        message = f"expected a file that can be written: {error}"
        raise BadInputError(message) from error


def _replace(path: Path, target: Path, expected: bytes, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        shutil.copymode(target, temporary)
        if target.read_bytes() != expected:
            message = f"{path} changed while the edit was computed; nothing was written"
            raise FileChangedError(message)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


async def _edit(job: Job, text: str, on_progress: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401
    argument: dict[str, Any] = {"uri": job.path.resolve().as_uri(), "instruction": job.instruction}
    if job.lines is not None:
        first, last = job.lines
        argument["range"] = {
            "start": {"line": first - 1, "character": 0},
            "end": {"line": last, "character": 0},
        }
    async with server(job.model, on_progress) as client:
        uri = argument["uri"]
        client.open(uri, text, language_of(job.path))
        answer = await client.execute(APPLY_EDIT, argument, token="apply") or {}  # noqa: S106 -- a progress token
        if reason := answer.pop("failureReason", None):
            raise JsonRpcException(message=str(reason), code=lsp.LSPErrorCodes.RequestFailed)
        return client.documents[uri].text, answer


def _status(title: str, message: str | None) -> str:
    return f"{title}: {message}" if message else title


def _show(  # noqa: PLR0913, PLR0917 -- the end of one straight pipeline
    job: Job, before: str, after: str, receipt: dict[str, Any], out: Console, err: Console
) -> None:
    diff = unified_diff(job.path.name, before, after)
    written = job.output is Output.WRITE and before != after
    if job.output is Output.JSON:
        answer = {"file": str(job.path), "changed": before != after, "diff": diff, "text": after}
        out.file.write(json.dumps({**answer, "receipt": receipt}, indent=2) + "\n")
        return
    if before == after:
        err.print("The model proposes no change.")
    elif written:
        err.print(f"Wrote {job.path}.", markup=False, highlight=False)
    else:
        print_diff(out, diff)
