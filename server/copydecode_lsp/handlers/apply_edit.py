"""Command copydecode.applyEdit: compute an edit and have it applied.

Its argument is {uri, range?, locked?, instruction}. No line outside the range changes, unless
`locked` is false.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import scope_of_range, workspace_edit
from copydecode_lsp.failures import StaleDocumentError, invalid_params
from copydecode_lsp.instructions import Instruction, require
from copydecode_lsp.names import APPLY_EDIT
from copydecode_lsp.propose import propose

_SHAPE = f"{APPLY_EDIT} expects one argument {{uri, range?, locked?, instruction}}"


async def apply_edit(ls: CopydecodeServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """Answer `{applied, failureReason?, ...receipt}` after the client's workspace/applyEdit.

    `applied` is false where the model proposes no change or the client refused it. An edit is sent
    whole or not at all.
    """
    argument = _argument(params)
    snapshot = ls.snapshots.get(argument["uri"])
    if argument.get("version", snapshot.version) != snapshot.version:
        message = f"the action was for version {argument['version']}, the document has moved on"
        raise StaleDocumentError(message)
    if not ls.features.apply_edit:
        message = "the client does not support workspace/applyEdit"
        raise JsonRpcException(message=message, code=lsp.LSPErrorCodes.RequestFailed)
    text = require(argument["instruction"])
    span = _range(argument.get("range"))
    scope = scope_of_range(span, snapshot.document) if span else None
    if scope is not None:
        scope = replace(scope, locked=_locked(argument))
    if not argument.get("fromAction"):
        ls.last_instruction = text
    proposal = await propose(ls, snapshot, Instruction(text, scope), params.work_done_token)
    if not proposal.edits:
        return {"applied": False, **proposal.receipt}
    edit = workspace_edit(
        snapshot.uri, snapshot.version, proposal.edits, versioned=ls.features.document_changes
    )
    # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
    answer = await asyncio.shield(
        ls.workspace_apply_edit_async(
            lsp.ApplyWorkspaceEditParams(edit=edit, label=f"AI edit: {text}"[:80])
        )
    )
    reason = {"failureReason": answer.failure_reason} if answer.failure_reason else {}
    return {"applied": answer.applied, **reason, **proposal.receipt}


def _argument(params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    match params.arguments:
        case [argument] if isinstance(argument, dict):
            if isinstance(argument.get("uri"), str) and isinstance(
                argument.get("instruction"), str
            ):
                return argument
    raise invalid_params(_SHAPE)


def _locked(argument: dict[str, Any]) -> bool:
    match argument.get("locked", True):
        case bool(locked):
            return locked
        case _:
            raise invalid_params(_SHAPE + ", with true or false for locked")


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
