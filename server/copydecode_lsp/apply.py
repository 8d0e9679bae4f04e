"""`copydecode apply`: one edit of one file or several, through the real server."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from rich.console import Console

from copydecode.errors import BadInputError
from copydecode_lsp.client import OnProgress
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
    """One instruction for one file or several; those of the `context` may be copied from.

    `lines` is 1-based and inclusive, for one file alone. `settings` are the server's.
    """

    paths: tuple[Path, ...]
    instruction: str
    lines: tuple[int, int] | None
    model: str | None
    output: Output
    context: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Edited:
    """A file: its bytes and text as they were, and its text with the edit."""

    path: Path
    data: bytes
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


class FileChangedError(BadInputError):
    """The file changed while its edit was computed."""


async def apply(job: Job, out: Console, err: Console) -> ExitCode:
    """Compute the edit and show or write it; every failure is said on `err`."""
    return await guarded(_apply(job, out, err), err)


async def _apply(job: Job, out: Console, err: Console) -> ExitCode:
    if job.lines is not None and len(job.paths) + len(job.context) > 1:
        message = "expected one file with --lines, got several"
        raise BadInputError(message)
    read = {path: read_text(path) for path in (*job.paths, *job.context)}
    texts = {path: text for path, (_, text) in read.items()}
    with err.status("Starting the server") as status:
        after, receipt, doubts = await _edit(
            job, texts, lambda title, message: status.update(_status(title, message))
        )
    files = [_Edited(path, *read[path], after[path]) for path in job.paths]
    changed = [file for file in files if file.changed]
    if job.output is Output.WRITE:
        write_all([(file.path, file.data, file.after.encode("utf-8")) for file in changed])
    _show(job, files, receipt, out, err)
    for doubt in doubts:
        err.print(doubt, markup=False, highlight=False)
    return ExitCode.EDITED if changed else ExitCode.NO_CHANGE


def write_atomically(path: Path, expected: bytes, data: bytes) -> None:
    """Replace a file's bytes in one step, keeping its mode; a link's target is replaced.

    Raises:
        FileChangedError: the file does not hold the `expected` bytes any more.
        BadInputError: the file cannot be written.
    """
    write_all([(path, expected, data)])


def write_all(changes: Sequence[tuple[Path, bytes, bytes]]) -> None:
    """Replace the expected bytes of each file by others, as `write_atomically`: of all or of none.

    Each is replaced in one step, when all are ready; where one then cannot be, those before it get
    their bytes back. Errors as of `write_atomically`.
    """
    staged: list[tuple[Path, Path]] = []  # A new file, and what it takes the place of.
    try:
        try:
            for path, _, data in changes:
                target = path.resolve()
                staged.append((_stage(target, data), target))
            for (path, expected, _), (_, target) in zip(changes, staged, strict=True):
                if target.read_bytes() != expected:
                    message = f"{path} changed while the edit was computed; nothing was written"
                    raise FileChangedError(message)
            _replace(staged, [expected for _, expected, _ in changes])
        finally:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        message = f"expected a file that can be written: {error}"
        raise BadInputError(message) from error


def _stage(target: Path, data: bytes) -> Path:
    """Return a new file beside another one, with its mode and the data."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        shutil.copymode(target, temporary)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _replace(staged: Sequence[tuple[Path, Path]], expected: Sequence[bytes]) -> None:
    """Put new files in place; where one cannot be, put back what those before it held."""
    for index, (temporary, target) in enumerate(staged):
        try:
            temporary.replace(target)
        except OSError:
            for (_, done), data in zip(staged[:index], expected, strict=False):
                _stage(done, data).replace(done)
            raise


async def _edit(
    job: Job, texts: Mapping[Path, str], on_progress: OnProgress
) -> tuple[dict[Path, str], dict[str, Any], list[str]]:
    """Return the text of each file with the edit, the receipt, and what speaks against the edit."""
    uris = {path: path.resolve().as_uri() for path in texts}
    argument: dict[str, Any] = {"instruction": job.instruction}
    if len(job.paths) == 1 and not job.context:
        argument["uri"] = uris[job.paths[0]]
    else:
        argument["uris"] = [path.resolve().as_uri() for path in job.paths]
        argument["context"] = [path.resolve().as_uri() for path in job.context]
    if job.lines is not None:
        first, last = job.lines
        argument["range"] = {
            "start": {"line": first - 1, "character": 0},
            "end": {"line": last, "character": 0},
        }
    folders = [_folder(job).as_uri()]
    async with server(job.model, on_progress, dict(job.settings), folders) as client:
        for path, text in texts.items():
            client.open(uris[path], text, language_of(path))
        answer = await client.execute(APPLY_EDIT, argument, token="apply") or {}  # noqa: S106 -- a progress token
        if reason := answer.pop("failureReason", None):
            raise JsonRpcException(message=str(reason), code=lsp.LSPErrorCodes.RequestFailed)
        doubts = [str(a.description) for a in client.unconfirmed]
        return {path: client.documents[uri].text for path, uri in uris.items()}, answer, doubts


def _folder(job: Job) -> Path:
    """Return the innermost folder that all files lie in: a model is told their paths from there."""
    return Path(os.path.commonpath([p.resolve().parent for p in (*job.paths, *job.context)]))


def _status(title: str, message: str | None) -> str:
    return f"{title}: {message}" if message else title


def _show(
    job: Job, files: Sequence[_Edited], receipt: dict[str, Any], out: Console, err: Console
) -> None:
    folder = _folder(job)
    shown: list[dict[str, Any]] = []
    for file in files:
        name = file.path.name if len(files) == 1 else _within(folder, file.path)
        diff = unified_diff(name, file.before, file.after)
        shown.append(
            {
                "file": str(file.path),
                "changed": file.changed,
                "diff": diff,
                "text": file.after,
            }
        )
    if job.output is Output.JSON:
        answer = shown[0] if len(files) == 1 else {"files": shown}
        out.file.write(json.dumps({**answer, "receipt": receipt}, indent=2) + "\n")
        return
    if not any(file.changed for file in files):
        err.print("The model proposes no change.")
    elif job.output is Output.WRITE:
        for file in files:
            if file.changed:
                err.print(f"Wrote {file.path}.", markup=False, highlight=False)
    else:
        print_diff(out, "".join(one["diff"] for one in shown))


def _within(folder: Path, path: Path) -> str:
    return path.resolve().relative_to(folder).as_posix()
