"""Command copydecode.applyEdit: compute an edit and have it applied.

Its argument is {uri, range?, locked?, retry?, instruction}. No line outside the range changes,
unless `locked` is false. With `retry` an edit that the user typed into begins anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import scope_of_range, workspace_edit
from copydecode_lsp.failures import invalid_params
from copydecode_lsp.instructions import Instruction, require
from copydecode_lsp.names import APPLY_EDIT
from copydecode_lsp.propose import RESTARTS, Edit, propose

_SHAPE = f"{APPLY_EDIT} expects one argument {{uri, range?, locked?, retry?, instruction}}"


async def apply_edit(ls: CopydecodeServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """Answer `{applied, rebased, failureReason?, ...receipt}` after workspace/applyEdit.

    `applied` is false where the model proposes no change or the client refused it. An edit is sent
    whole or not at all. `rebased` says that the document had moved on in lines that stay.
    """
    argument = _argument(params)
    snapshot = ls.arrived.get(argument["uri"])
    if "version" in argument:
        snapshot = ls.snapshots.at(argument["uri"], argument["version"])
    if not ls.features.apply_edit:
        message = "the client does not support workspace/applyEdit"
        raise JsonRpcException(message=message, code=lsp.LSPErrorCodes.RequestFailed)
    text = require(argument["instruction"])
    span = _range(argument.get("range"))
    scope = scope_of_range(span, snapshot.document) if span else None
    if scope is not None:
        scope = replace(scope, locked=_switch(argument, "locked", default=True))
    restarts = RESTARTS if _switch(argument, "retry", default=False) else 0
    if not argument.get("fromAction"):
        ls.last_instruction = text
    edit = await propose(
        ls, snapshot, Instruction(text, scope), params.work_done_token, restarts=restarts
    )
    if not edit.edits:
        return {"applied": False, "rebased": edit.rebased, **edit.receipt}
    answer = await _apply(ls, edit, text)
    if not answer.applied and restarts and not ls.snapshots.is_current(edit.snapshot):
        # The user typed while the edit was on its way: it is rebased, or begins anew.
        edit = await propose(ls, snapshot, Instruction(text, scope), restarts=restarts)
        answer = await _apply(ls, edit, text)
    reason = {"failureReason": answer.failure_reason} if answer.failure_reason else {}
    return {"applied": answer.applied, "rebased": edit.rebased, **reason, **edit.receipt}


async def _apply(ls: CopydecodeServer, edit: Edit, text: str) -> lsp.ApplyWorkspaceEditResult:
    """Have the client apply an edit."""
    changes = workspace_edit(
        edit.snapshot.uri,
        edit.snapshot.version,
        edit.edits,
        versioned=ls.features.document_changes,
    )
    # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
    return await asyncio.shield(
        ls.workspace_apply_edit_async(
            lsp.ApplyWorkspaceEditParams(edit=changes, label=f"AI edit: {text}"[:80])
        )
    )


def _argument(params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    match params.arguments:
        case [argument] if isinstance(argument, dict):
            if isinstance(argument.get("uri"), str) and isinstance(
                argument.get("instruction"), str
            ):
                return argument
    raise invalid_params(_SHAPE)


def _switch(argument: dict[str, Any], name: str, *, default: bool) -> bool:
    match argument.get(name, default):
        case bool(value):
            return value
        case _:
            message = f"{_SHAPE}, with true or false for {name}"
            raise invalid_params(message)


def _range(value: object) -> lsp.Range | None:
    match value:
        case None:
            return None
        case {
            "start": {"line": int(line), "character": int(character)},
            "end": {"line": int(end_line), "character": int(end_character)},
        }:
            return lsp.Range(lsp.Position(line, character), lsp.Position(end_line, end_character))
        case _:
            raise invalid_params(_SHAPE + ", with a range {start, end}")
