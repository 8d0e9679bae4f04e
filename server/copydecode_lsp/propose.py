"""From a snapshot and an instruction to a proposal: cache, queue, progress, stale guard.

Shared by the handlers that compute edits, so that they need not know each other.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lsprotocol import types as lsp

from copydecode import Copy, EditRequest, Gen
from copydecode.errors import EditCancelledError
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import hunk_to_text_edit
from copydecode_lsp.instructions import Instruction, require
from copydecode_lsp.progress import describe, reporting
from copydecode_lsp.proposals import Key, Listen, Proposal
from copydecode_lsp.snapshots import Snapshot


async def propose(
    ls: CopydecodeServer,
    snapshot: Snapshot,
    instruction: Instruction,
    token: lsp.ProgressToken | None = None,
) -> Proposal:
    """Compute the edit, or return the one that was computed before or is being computed.

    Raises:
        EmptyInstructionError: there is nothing to do.
        StaleDocumentError: the document moved on, before or meanwhile.
        CopydecodeError: whatever the engine raised.
    """
    # Stripped, so that a command and a lazy edit of the same words are one request.
    instruction = replace(instruction, text=require(instruction.text))
    task = asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()

    async def compute(say: Listen) -> Proposal:
        return await _compute(ls, snapshot, instruction, say)

    async with reporting(
        ls.work_done_progress,
        "AI edit",
        token=token,
        may_create=ls.features.progress,
        on_cancel=cancel,
    ) as report:
        proposal = await ls.proposals.get(
            Key(ls.config, snapshot, instruction), compute, report.say
        )
    ls.snapshots.require_current(snapshot)
    return proposal


async def _compute(
    ls: CopydecodeServer, snapshot: Snapshot, instruction: Instruction, say: Listen
) -> Proposal:
    ls.snapshots.require_current(snapshot)
    loop = asyncio.get_running_loop()
    request = EditRequest(
        text=snapshot.text,
        instruction=instruction.text,
        scope=instruction.scope,
        language=snapshot.language,
        name=snapshot.uri,
    )

    def on_op(op: Copy | Gen) -> None:
        loop.call_soon_threadsafe(say, describe(op))

    try:
        result = await ls.worker.edit(
            request, stale=lambda: not ls.snapshots.is_current(snapshot), on_op=on_op
        )
    except EditCancelledError:
        ls.snapshots.require_current(snapshot)
        raise
    edits = tuple(hunk_to_text_edit(hunk, snapshot.document, ls.codec) for hunk in result.hunks)
    return Proposal(edits, ls.receipts.add(snapshot.uri, result))
