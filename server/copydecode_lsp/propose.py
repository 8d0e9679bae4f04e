"""From a snapshot and an instruction to an edit of the newest version: cache, queue, progress.

The model writes a program over the snapshot, however the document moves on meanwhile. Where it then
has moved on in lines that the program copies, the program is taken over to the newest version;
elsewhere the edit is stale. Shared by the handlers that compute edits, so that they need not know
each other.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import accumulate

from lsprotocol import types as lsp

from copydecode import (
    Copy,
    Document,
    Gen,
    Program,
    Receipt,
    Scope,
    follow,
    hunks,
    rebase,
    so_far,
)
from copydecode.errors import EditCancelledError, RebaseError, WithheldError
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.carry_out import carry_out
from copydecode_lsp.convert import hunk_to_text_edit
from copydecode_lsp.failures import StaleDocumentError
from copydecode_lsp.instructions import Instruction, require
from copydecode_lsp.preview import Preview
from copydecode_lsp.progress import describe, reporting
from copydecode_lsp.proposals import Key, Listen, Part, Proposal
from copydecode_lsp.receipts import ReceiptJson
from copydecode_lsp.snapshots import Snapshot, Snapshots
from copydecode_lsp.worker import Worker

RESTARTS = 3
"""How often an edit that is to be tried again begins anew: who types on gets no edit at all."""

_NAMED = 3
"""So many errors are told one by one."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The text edits for the newest snapshot, and the receipt of the decode that they come from.

    `rebased` says that the model saw an older one. `whole` is what the edit was made for, `parts`
    what each of the text edits was.
    """

    snapshot: Snapshot
    edits: tuple[lsp.TextEdit, ...]
    receipt: ReceiptJson
    rebased: bool
    whole: Part
    parts: tuple[Part, ...]


async def propose(
    ls: CopydecodeServer,
    snapshot: Snapshot,
    instruction: Instruction,
    token: lsp.ProgressToken | None = None,
    *,
    restarts: int = 0,
) -> Edit:
    """Compute the edit, or take the one that was computed before or is being computed.

    Where the document moves on in the lines that the edit is about, it begins anew on the newest
    version, at most `restarts` times. It takes the place of every older request for another edit of
    the same lines.

    Raises:
        EmptyInstructionError: there is nothing to do.
        ReplacedError: a newer request took its place.
        StaleDocumentError: the document moved on, before or meanwhile, in lines that the edit
            changes.
        CopydecodeError: whatever the engine raised.
    """
    # Stripped, so that a command and a lazy edit of the same words are one request.
    instruction = replace(instruction, text=require(instruction.text))
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
        asked = Key(ls.config_of(snapshot.uri), snapshot, instruction)
        ls.proposals.replace(
            lambda older: older != asked and _same_lines(ls.snapshots, older, asked)
        )
        while True:
            try:
                return await _propose(ls, snapshot, instruction, report.say)
            except StaleDocumentError:
                if restarts == 0:
                    raise
                restarts -= 1
                snapshot, instruction = _moved(ls.snapshots, snapshot, instruction)


async def _propose(
    ls: CopydecodeServer, snapshot: Snapshot, instruction: Instruction, say: Listen
) -> Edit:
    worker, key = ls.worker, Key(ls.config_of(snapshot.uri), snapshot, instruction)

    async def compute(say: Listen) -> Proposal:
        with worker.held():
            return await _compute(ls, worker, key, say)

    with worker.held():  # Until the decode begins, and holds it by itself.
        proposal = await ls.proposals.get(key, compute, say)
    newest = ls.snapshots.newest(snapshot)
    if newest is snapshot:
        edits = proposal.edits
    else:
        edits = _text_edits(ls, newest, _rebased(ls.snapshots, snapshot, proposal.program))
    parts = proposal.parts
    if len(edits) != len(parts):  # Rebased, two changes can have become one.
        parts = (proposal.whole,) * len(edits)
    rebased = newest is not snapshot
    return Edit(newest, edits, proposal.receipt, rebased, proposal.whole, parts)


async def _compute(ls: CopydecodeServer, worker: Worker, key: Key, say: Listen) -> Proposal:
    snapshot = key.snapshot
    loop = asyncio.get_running_loop()
    watch = _Watch(ls.snapshots, snapshot)
    preview = None
    if ls.features.hunks:
        preview = Preview(ls.protocol.notify, snapshot.uri, ls.codec)

    def tell(message: str, ops: list[Copy | Gen]) -> None:
        say(message)
        if preview is not None:
            program = so_far(ops, snapshot.document)
            preview.show(hunks(program, snapshot.document), snapshot.document, snapshot.version)

    def on_op(op: Copy | Gen, receipt: Receipt) -> None:
        watch.ops.append(op)
        watch.receipt = receipt
        loop.call_soon_threadsafe(tell, describe(watch.ops, receipt), list(watch.ops))

    with _receipt_of_failure(ls, key, watch):
        ls.snapshots.require_current(snapshot)
        try:
            result, parts = await carry_out(ls, worker, key, stale=watch.stale, on_op=on_op)
        except EditCancelledError:
            if watch.reason is not None:
                raise watch.reason from None
            raise
        except WithheldError as error:
            ls.show(lsp.MessageType.Warning, withheld(error))
            raise
    if preview is not None:
        with suppress(StaleDocumentError):  # Those who wait for the edit are told of that.
            newest = ls.snapshots.newest(snapshot)
            program = _rebased(ls.snapshots, snapshot, result.program)
            preview.end(hunks(program, newest.document), newest.document, newest.version)
    receipt = ls.receipts.add(ls.edit_id(snapshot, key.instruction), snapshot.uri, result)
    edits = _text_edits(ls, snapshot, result.program)
    whole = Part(key.instruction, result.receipt.confidence)
    return Proposal(result.program, edits, receipt, whole, parts)


def withheld(error: WithheldError) -> str:
    """Return what the user is told of an edit that leaves errors."""
    first = ", ".join(error.found[:_NAMED])
    more = f" and {len(error.found) - _NAMED} more" if len(error.found) > _NAMED else ""
    return f"copydecode: the edit is withheld, since it would leave: {first}{more}."


@contextmanager
def _receipt_of_failure(ls: CopydecodeServer, key: Key, watch: _Watch) -> Iterator[None]:
    """Leave a receipt where the block fails: with what, after how long, how far it had come."""
    asked = time.monotonic()
    try:
        yield
    except BaseException as error:
        kind = EditCancelledError if isinstance(error, asyncio.CancelledError) else type(error)
        failed = time.monotonic()
        began = failed if watch.began is None else watch.began
        receipt = replace(watch.receipt, queue_s=began - asked, total_s=failed - began)
        name = ls.edit_id(key.snapshot, key.instruction)
        ls.receipts.add_failure(name, key.snapshot.uri, kind.__name__, receipt)
        raise


class _Watch:
    """Whether a decode can still come to something, by what it told and how its document changed.

    All in the worker's thread: it tells the ops and asks, the first time when the edit `began`.
    """

    def __init__(self, snapshots: Snapshots, snapshot: Snapshot) -> None:
        self.ops: list[Copy | Gen] = []
        self.receipt = Receipt()
        self.began: float | None = None
        self.reason: StaleDocumentError | None = None
        self._snapshots = snapshots
        self._snapshot = snapshot
        self._seen: tuple[Snapshot, int] = (snapshot, 0)

    def stale(self) -> bool:
        """Return whether the program could not be rebased even if it copied all that is left.

        A program that comes back to lines that it left out would be given up too early: none does
        but one that moves lines that the user just changed.
        """
        if self.began is None:
            self.began = time.monotonic()
        try:
            newest, told = self._snapshots.newest(self._snapshot), len(self.ops)
            if newest is self._seen[0] and (newest is self._snapshot or told == self._seen[1]):
                return False
            self._seen = newest, told
            _rebased(self._snapshots, self._snapshot, so_far(self.ops, self._snapshot.document))
        except StaleDocumentError as error:
            self.reason = error
        return self.reason is not None


def _same_lines(snapshots: Snapshots, one: Key, other: Key) -> bool:
    """Return whether two edits are about the same lines of one document, as it is now."""
    try:
        here, first = _moved(snapshots, one.snapshot, one.instruction)
        there, second = _moved(snapshots, other.snapshot, other.instruction)
    except StaleDocumentError:
        return False  # The one whose lines are gone ends by itself.
    return here is there and _lines(first.scope) == _lines(second.scope)


def _rebased(snapshots: Snapshots, snapshot: Snapshot, program: Program) -> Program:
    """Return a program over a snapshot as one over the newest.

    Raises:
        StaleDocumentError: the document was closed, or changed in lines that are not copied.
    """
    changes = snapshots.changes_since(snapshot)
    if changes is None:
        raise _stale(snapshot)
    try:
        return rebase(program, len(snapshot.document), changes)
    except RebaseError as error:
        raise _stale(snapshot) from error


def _moved(
    snapshots: Snapshots, snapshot: Snapshot, instruction: Instruction
) -> tuple[Snapshot, Instruction]:
    """Return the newest snapshot, and the instruction about the same lines in it.

    Raises:
        StaleDocumentError: the document was closed, or these lines are gone, or what is to be
            erased is not what it was.
    """
    newest, changes = snapshots.newest(snapshot), snapshots.changes_since(snapshot)
    if changes is None:
        raise _stale(snapshot)
    if not changes:
        return newest, instruction

    def followed(first: int, last: int) -> tuple[int, int]:
        if (lines := follow(first, last, len(snapshot.document), changes)) is None:
            raise _stale(snapshot)
        return lines

    def moved(instruction: Instruction) -> Instruction:
        scope, erase = instruction.scope, instruction.erase
        if scope is not None:
            first, last = followed(scope.first, scope.last)
            scope = replace(scope, first=first, last=last)
        if erase is not None:
            here = _lines_around(erase, snapshot.document)
            there = followed(*here)
            begin, text = _place(here, snapshot.document)
            begin_now, text_now = _place(there, newest.document)
            if text_now != text:
                raise _stale(snapshot)
            erase = (erase[0] - begin + begin_now, erase[1] - begin + begin_now)
        parts = tuple(moved(part) for part in instruction.parts)
        return replace(instruction, scope=scope, erase=erase, parts=parts)

    return newest, moved(instruction)


def _lines_around(span: tuple[int, int], document: Document) -> tuple[int, int]:
    """Return the first and last line that hold some characters, 1-based."""
    ends = [*accumulate(len(line) for line in document.lines)]
    first = bisect_right(ends, span[0]) + 1
    return first, max(first, bisect_left(ends, span[1]) + 1)


def _place(lines: tuple[int, int], document: Document) -> tuple[int, str]:
    """Return the offset at which lines begin, and their text."""
    before, text = document.lines[: lines[0] - 1], document.lines[lines[0] - 1 : lines[1]]
    return sum(map(len, before)), "".join(text)


def _lines(scope: Scope | None) -> tuple[int, int] | None:
    return None if scope is None else (scope.first, scope.last)


def _text_edits(
    ls: CopydecodeServer, snapshot: Snapshot, program: Program
) -> tuple[lsp.TextEdit, ...]:
    changes = hunks(program, snapshot.document)
    return tuple(hunk_to_text_edit(hunk, snapshot.document, ls.codec) for hunk in changes)


def _stale(snapshot: Snapshot) -> StaleDocumentError:
    message = f"the document has moved on from version {snapshot.version} where the edit changes it"
    return StaleDocumentError(message)
