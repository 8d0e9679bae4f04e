"""From several files and an instruction to text edits of what they are now: all of them or none.

The model writes over the texts as they were; a file that has moved on since is taken over as one
document is (`propose`), and where one cannot be, the edit of all is stale. That holds for files on
disk as for open documents, also where one was opened meanwhile, and for lines that went to another
file: those have to be as they were. Knows nothing of how the edit reaches the client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types as lsp

from copydecode import (
    Change,
    Copy,
    Document,
    FileEdit,
    FilesRequest,
    FileText,
    Gen,
    Program,
    Receipt,
    change_between,
    follow,
    hunks,
    rebase,
    so_far,
)
from copydecode.errors import BadInputError, EditCancelledError, RebaseError
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import hunk_to_text_edit, workspace_edit
from copydecode_lsp.failures import StaleDocumentError, UnknownDocumentError
from copydecode_lsp.instructions import Instruction, to_json
from copydecode_lsp.progress import describe, reporting
from copydecode_lsp.receipts import ReceiptJson, edit_id
from copydecode_lsp.snapshots import Snapshot, Snapshots
from copydecode_lsp.workspace_files import Files, WorkspaceFile


@dataclass(frozen=True, slots=True)
class FileChange:
    """The text edits of one file, for a version; None is one that is not open."""

    uri: str
    version: int | None
    edits: tuple[lsp.TextEdit, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of all files that change, and the receipt of what they come from.

    `confidence` is how often such edits are right, None where nobody knows. `rebased` says that the
    model saw an older text of one of the files.
    """

    files: tuple[FileChange, ...]
    receipt: ReceiptJson
    rebased: bool
    confidence: float | None


async def gather(
    ls: CopydecodeServer, documents: Snapshots, uris: Sequence[str], context: Sequence[str]
) -> tuple[WorkspaceFile, ...]:
    """Return the files that are meant, with those of `documents` that are open; errors as there."""
    files = _files(ls, documents, [*uris, *context])
    return await asyncio.to_thread(files.gather, uris, context)


async def propose_files(
    ls: CopydecodeServer,
    files: Sequence[WorkspaceFile],
    instruction: Instruction,
    token: lsp.ProgressToken | None = None,
) -> Changes:
    """Compute the edit of the files.

    Raises:
        StaleDocumentError: a file changed, before or meanwhile, where the edit changes it or takes
            lines from it.
        CopydecodeError: whatever the engine raised.
    """
    task = asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()

    async with reporting(
        ls.work_done_progress,
        "AI edit",
        token=token,
        may_create=ls.features.progress,
        on_cancel=cancel,
    ) as report:
        await ls.begun.wait()  # Until then it is not known what the engine is loaded with.
        loop = asyncio.get_running_loop()
        watch = _Watch(ls.snapshots, files)

        def on_op(path: str, op: Copy | Gen, receipt: Receipt) -> None:
            ops = watch.told(path, op)
            loop.call_soon_threadsafe(report.say, f"{path}: {describe(ops, receipt)}")

        name = edit_id(
            files[0].uri,
            files[0].snapshot.version,
            {
                **to_json(instruction),
                "files": [[f.uri, f.snapshot.version, f.editable] for f in files],
            },
        )
        worker = ls.worker
        with worker.held(), _receipt_of_failure(ls, name, files[0].uri):
            try:
                edit = await worker.edit_files(
                    _request(ls, files, instruction), stale=watch.stale, on_op=on_op
                )
            except EditCancelledError:
                if watch.reason is not None:
                    raise watch.reason from None
                raise
        now = await _newest(ls, files)
        # From here to the end nothing is waited for: the client gets what is true at one time.
        pairs = list(zip(files, edit.files, strict=True))
        changes = [_change(ls, file, made, now[file.uri]) for file, made in pairs]
        receipt = ls.receipts.add_files(name, files[0].uri, edit)
        rebased = any(now[file.uri][0].text != file.snapshot.text for file in files)
        made_of = tuple(change for change in changes if change.edits)
        return Changes(made_of, receipt, rebased, edit.receipt.confidence)


@contextmanager
def _receipt_of_failure(ls: CopydecodeServer, name: str, uri: str) -> Iterator[None]:
    """Leave a receipt where the block fails: with what, and after how long."""
    asked = time.monotonic()
    try:
        yield
    except BaseException as error:
        kind = EditCancelledError if isinstance(error, asyncio.CancelledError) else type(error)
        receipt = Receipt(total_s=time.monotonic() - asked)
        ls.receipts.add_failure(name, uri, kind.__name__, receipt)
        raise


def workspace_edit_of(
    changes: Sequence[FileChange],
    *,
    versioned: bool,
    annotations: Sequence[lsp.ChangeAnnotation] = (),
) -> lsp.WorkspaceEdit:
    """Return the one edit of several files; else as `convert.workspace_edit`.

    There is at most one annotation: that of all changes.
    """
    if not versioned:
        return lsp.WorkspaceEdit(changes={change.uri: list(change.edits) for change in changes})
    each = [
        workspace_edit(
            c.uri, c.version, c.edits, versioned=True, annotations=[*annotations] * len(c.edits)
        )
        for c in changes
    ]
    return lsp.WorkspaceEdit(
        document_changes=[change for one in each for change in one.document_changes or ()],
        change_annotations=each[0].change_annotations if each else None,
    )


class _Watch:
    """Whether the edit can still come to something, by what was told and how documents changed.

    All in the worker's thread. What happens on disk is looked at when the edit is there.
    """

    def __init__(self, snapshots: Snapshots, files: Sequence[WorkspaceFile]) -> None:
        self.reason: StaleDocumentError | None = None
        self._snapshots = snapshots
        self._open = [file for file in files if file.location is None and file.editable]
        self._ops: dict[str, list[Copy | Gen]] = {file.path: [] for file in files}
        self._seen: dict[str, tuple[Snapshot, int]] = {}

    def told(self, path: str, op: Copy | Gen) -> list[Copy | Gen]:
        """Remember an op; return all of its file."""
        self._ops[path].append(op)
        return list(self._ops[path])

    def stale(self) -> bool:
        """Return whether an edited document changed where what is told of it does not allow it."""
        try:
            for file in self._open:
                self._look(file)
        except StaleDocumentError as error:
            self.reason = error
        return self.reason is not None

    def _look(self, file: WorkspaceFile) -> None:
        newest, ops = self._snapshots.newest(file.snapshot), self._ops[file.path]
        seen = newest, len(ops)
        if newest is file.snapshot or self._seen.get(file.path) == seen:
            return
        self._seen[file.path] = seen
        changes = self._snapshots.changes_since(file.snapshot)
        program = so_far(ops, file.snapshot.document)
        _rebased(file, program, changes, file.snapshot.document)


_Newest = tuple[Snapshot, int | None, tuple[Change, ...] | None]
"""What a file is now, the version of that (None: it is not open), and the changes up to it."""


async def _newest(ls: CopydecodeServer, files: Sequence[WorkspaceFile]) -> dict[str, _Newest]:
    """Return what each file is now.

    Raises:
        StaleDocumentError: an open document was closed, or a file cannot be read any more.
    """
    looked: dict[str, tuple[Snapshot, Path | None]] = {}
    for file in files:
        if file.location is not None:
            find = _files(ls, ls.snapshots.view(), [file.uri]).find
            try:
                looked[file.uri] = await asyncio.to_thread(find, file.uri)
            except BadInputError as error:
                raise StaleDocumentError(str(error)) from error
    found: dict[str, _Newest] = {}
    for file in files:
        changes: tuple[Change, ...] | None
        now, location = looked.get(file.uri, (file.snapshot, None))
        newest = now if location is not None else ls.snapshots.newest(now)
        with suppress(UnknownDocumentError):  # Opened while the others were looked at.
            newest = ls.snapshots.get(file.uri)
        if file.location is None:
            changes = ls.snapshots.changes_since(file.snapshot)
        else:
            change = change_between(file.snapshot.document, newest.document)
            changes = () if change is None else (change,)
        version = None if newest is now and location is not None else newest.version
        found[file.uri] = newest, version, changes
    return found


def _change(ls: CopydecodeServer, file: WorkspaceFile, made: FileEdit, now: _Newest) -> FileChange:
    """Return the change of a file as it is now.

    Raises:
        StaleDocumentError: it changed where the edit changes it, or in lines that went elsewhere.
    """
    newest, version, changes = now
    document = newest.document
    program = _rebased(file, made.program, changes, document, made.lent)
    edits = tuple(hunk_to_text_edit(hunk, document, ls.codec) for hunk in hunks(program, document))
    return FileChange(newest.uri, version, edits if file.editable else ())


def _rebased(
    file: WorkspaceFile,
    program: Program,
    changes: tuple[Change, ...] | None,
    document: Document,
    lent: Sequence[tuple[int, int]] = (),
) -> Program:
    """Return a program over a file as one over what it is now, the `document`."""
    old = file.snapshot.document
    message = f"{file.path} has moved on where the edit changes it, or takes lines from it"
    if changes is None:
        raise StaleDocumentError(message)
    for first, last in lent:
        there = follow(first, last, len(old), changes)
        if there is None or document.span(*there) != old.span(first, last):
            raise StaleDocumentError(message)
    if not file.editable:
        return Program()
    try:
        return rebase(program, len(old), changes)
    except RebaseError as error:
        raise StaleDocumentError(message) from error


def _request(
    ls: CopydecodeServer, files: Sequence[WorkspaceFile], instruction: Instruction
) -> FilesRequest:
    configs = [ls.config_of(file.uri) for file in files]
    return FilesRequest(
        files=tuple(
            FileText(
                path=file.path,
                text=file.snapshot.text,
                language=file.snapshot.language,
                name=file.uri,
                editable=file.editable,
            )
            for file in files
        ),
        instruction=instruction.prompt,
        limits=configs[0].limits,
        max_document_bytes=min(config.max_document_bytes for config in configs),
    )


def _files(ls: CopydecodeServer, documents: Snapshots, uris: Sequence[str]) -> Files:
    """Return where files are looked for, as it is now."""
    limits = {uri: ls.config_of(uri).max_document_bytes for uri in uris}
    return Files(documents, ls.readable_folders, limits)
