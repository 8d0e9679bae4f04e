"""How an instruction is carried out: one edit, or for one with parts an edit a part, in order.

Knows nothing of how the result reaches the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from lsprotocol import types as lsp

from copydecode import (
    Document,
    EditRequest,
    EditResult,
    Hunk,
    Scope,
    combine,
    is_gone,
    is_untidy,
)
from copydecode.errors import (
    BadInputError,
    EditCancelledError,
    EditStoppedError,
    WithheldError,
)
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.instructions import Instruction, overlaps, place_of_import
from copydecode_lsp.proposals import Key, Part
from copydecode_lsp.snapshots import Snapshot
from copydecode_lsp.worker import OnOp, Worker


async def carry_out(
    ls: CopydecodeServer,
    worker: Worker,
    key: Key,
    *,
    stale: Callable[[], bool],
    on_op: OnOp,
) -> tuple[EditResult, tuple[Part, ...]]:
    """Return the edit of the snapshot's text; `stale` and `on_op` are as `Worker.edit` has them.

    With it comes for each hunk what it was made for: the part whose lines it touches, or all.

    All parts are made by the one worker, with the one configuration, whatever is set meanwhile.

    The parts of an instruction are locked to their own lines. What is not used comes last: once
    errors are mended it often is. A part whose lines another one changed is left out (its
    diagnostic may be gone), and so is one that the model cannot do; what was left out is said to
    the user, but for what has been mended by another part. Their ops are told at the end, over the
    snapshot's lines.

    Raises:
        CopydecodeError: as `Worker.edit`; with parts only where none of them could be done.
    """
    snapshot, instruction = key.snapshot, key.instruction
    if not instruction.parts:
        request = ls.request(key.config, snapshot, instruction)
        result = await worker.edit(request, stale=stale, on_op=on_op)
        return result, _parts_of(result, Part(instruction, result.receipt.confidence), ())
    results: list[EditResult] = []
    parts: list[Part] = []
    failure: BadInputError | EditStoppedError | None = None
    withheld = settled = 0
    whole = combine(snapshot.text, results)
    for part in sorted(instruction.parts, key=lambda part: is_untidy(part.text)):
        current = Document(whole.text)
        scope = place_of_import(part.text, current, snapshot.language)
        scope = scope or moved(part.scope, whole.hunks)
        if await _is_settled(snapshot, whole.text, part):
            settled += 1
            continue
        if scope is None:
            continue
        request = ls.request(key.config, snapshot, part, text=whole.text, scope=scope)
        try:
            results.append(await _edit(worker, request, stale))
        except EditCancelledError:
            raise
        except (BadInputError, EditStoppedError) as error:
            failure = error
            withheld += isinstance(error, WithheldError)
            continue
        parts.append(Part(part, results[-1].receipt.confidence))
        whole = combine(snapshot.text, results)
    if failure is not None and not results:
        raise failure
    _tell(ls, len(results), len(instruction.parts) - settled, withheld)
    for op in whole.program.line_ops:
        on_op(op, whole.receipt)
    await asyncio.sleep(0)  # What they make the event loop do is done before the edit is there.
    return whole, _parts_of(whole, Part(instruction, whole.receipt.confidence), parts)


def _tell(ls: CopydecodeServer, done: int, wanted: int, withheld: int) -> None:
    """Say what was left out, if anything was."""
    if done < wanted:
        held = f"{withheld} withheld, since they would leave errors; " if withheld else ""
        ls.show(
            lsp.MessageType.Info,
            f"copydecode: {done} of {wanted} fixes were tried; {held}ask again for the others.",
        )


def _parts_of(result: EditResult, whole: Part, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return what each hunk was made for: the one part whose lines it touches, else `whole`."""
    found = []
    for hunk in result.hunks:
        lines = Scope(hunk.first, max(hunk.first, hunk.end - 1))
        touched = [part for part in parts if overlaps(part.instruction.scope, lines)]
        found.append(touched[0] if len(touched) == 1 else whole)
    return tuple(found)


async def _is_settled(snapshot: Snapshot, text: str, part: Instruction) -> bool:
    """Return whether a diagnostic has gone with what was done for others."""
    if text == snapshot.text:
        return False
    # In a thread: the event loop has others to answer.
    return await asyncio.to_thread(is_gone, snapshot.text, text, snapshot.language, part.text)


def moved(scope: Scope | None, changes: Sequence[Hunk]) -> Scope | None:
    """Return where lines are after the changes; None where a change touches them."""
    if scope is None:
        return None
    by = 0
    for hunk in changes:
        if hunk.end <= scope.first:
            by += len(Document(hunk.text)) - (hunk.end - hunk.first)
        elif hunk.first <= scope.last:
            return None
    return Scope(scope.first + by, scope.last + by, locked=scope.locked)


async def _edit(worker: Worker, request: EditRequest, stale: Callable[[], bool]) -> EditResult:
    return await worker.edit(request, stale=stale, on_op=lambda _op, _receipt: None)
