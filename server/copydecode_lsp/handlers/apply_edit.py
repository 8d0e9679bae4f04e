"""Command copydecode.applyEdit: compute an edit and have it applied.

Its argument is {uri, range?, locked?, retry?, instruction?, snippet?}. No line outside the range
changes, unless `locked` is false; then lines that the instruction names stand above the range.
With `retry` an edit that the user typed into begins anew. Or it is {uris, context?, retry?,
instruction?, snippet?}: one edit of several files, all or none, which may take lines from those of
the context too.
Without an instruction and a snippet the user is asked for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound

from copydecode import Scope, named_lines
from copydecode_lsp import confirmation
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import scope_of_range, workspace_edit
from copydecode_lsp.failures import StaleDocumentError, invalid_params
from copydecode_lsp.instructions import APPLY_SNIPPET, Instruction, from_json, require
from copydecode_lsp.names import APPLY_EDIT
from copydecode_lsp.proposals import Part
from copydecode_lsp.propose import RESTARTS, Edit, propose
from copydecode_lsp.propose_files import gather, propose_files, workspace_edit_of
from copydecode_lsp.snapshots import Snapshot

_SHAPE = (
    f"{APPLY_EDIT} expects one argument {{uri, range?, locked?, retry?, instruction?, snippet?}}, "
    "and an instruction unless the user can be asked"
)

MAX_FILES = 100
"""So many files are read for one edit at most, and as many to copy from."""

_FILES_SHAPE = (
    f"{APPLY_EDIT} of several files expects one argument {{uris, context?, retry?, instruction?, "
    f"snippet?}}, with 1 to {MAX_FILES} uris"
)

APPLY, DISCARD = "Apply", "Discard"

_ASKED = 5
"""So many recent instructions are offered: each is a button of its own."""


async def apply_edit(ls: CopydecodeServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """Answer `{applied, rebased, failureReason?, ...receipt}` after workspace/applyEdit.

    `applied` is false where the model proposes no change or the client refused it, together with
    `discarded` where the user was asked whether to apply it and did not want to, and, together
    with `cancelled` and without a receipt, where the user was asked for an instruction and gave
    none. An edit is sent whole or not at all. `rebased` says that the document had moved on in
    lines that stay.
    """
    argument = _argument(params)
    if "uris" in argument:
        return await _apply_to_files(ls, argument, params.work_done_token)
    snapshot = ls.arrived.get(argument["uri"])
    if "version" in argument:
        # What an action was listed for: its own text, not another one with that version.
        digest = argument.get("text") if argument.get("fromAction") else None
        snapshot = ls.snapshots.at(argument["uri"], argument["version"], digest)
    snapshot.require_editable()
    instruction = await _instruction(ls, snapshot, argument)
    if instruction is None:
        return {"applied": False, "cancelled": True}
    restarts = RESTARTS if _switch(argument, "retry", default=False) else 0
    edit = await propose(ls, snapshot, instruction, params.work_done_token, restarts=restarts)
    if not edit.edits:
        return {"applied": False, "rebased": edit.rebased, **edit.receipt}
    if not await _is_wanted(ls, snapshot.uri, edit.whole):
        return {"applied": False, "discarded": True, "rebased": edit.rebased, **edit.receipt}
    if not ls.snapshots.is_current(edit.snapshot):
        # The user typed while the question was open: it was about this edit, and no other.
        edit = await propose(ls, snapshot, instruction)
    answer = await _apply(ls, edit)
    if not answer.applied and restarts and not ls.snapshots.is_current(edit.snapshot):
        # The user typed while the edit was on its way: it is rebased, or begins anew.
        edit = await propose(ls, snapshot, instruction, restarts=restarts)
        if not await _is_wanted(ls, snapshot.uri, edit.whole):
            return {"applied": False, "discarded": True, "rebased": edit.rebased, **edit.receipt}
        answer = await _apply(ls, edit)
    reason = {"failureReason": answer.failure_reason} if answer.failure_reason else {}
    return {"applied": answer.applied, "rebased": edit.rebased, **reason, **edit.receipt}


async def _apply_to_files(
    ls: CopydecodeServer, argument: dict[str, Any], token: lsp.ProgressToken | None
) -> dict[str, Any]:
    """Answer as `apply_edit`, of several files.

    Raises:
        BadInputError: a file is not one that may be read, or edited with the others.
        StaleDocumentError: one changed meanwhile where the edit changes it.
    """
    uris, context = _uris(argument, "uris"), _uris(argument, "context")
    if not uris or {"uri", "range", "fromAction", "version"} & argument.keys():
        raise invalid_params(_FILES_SHAPE)
    restarts = RESTARTS if _switch(argument, "retry", default=False) else 0
    files = await gather(ls, ls.arrived, uris, context)
    instruction = await _words(ls, uris[0], argument, scope=None)
    if instruction is None:
        return {"applied": False, "cancelled": True}
    changes = None
    while changes is None:
        try:
            changes = await propose_files(ls, files, instruction, token)
        except StaleDocumentError:
            if restarts == 0:
                raise
            restarts, token = restarts - 1, None  # The client's has ended.
            files = await gather(ls, ls.snapshots.view(), uris, context)
    if not changes.files:
        return {"applied": False, "rebased": changes.rebased, **changes.receipt}
    whole = Part(instruction, changes.confidence)
    if not await _is_wanted(ls, uris[0], whole):
        return {"applied": False, "discarded": True, **changes.receipt}
    edit = workspace_edit_of(
        changes.files,
        versioned=ls.features.document_changes,
        annotations=_annotations(ls, uris[0], [whole]),
    )
    answer = await _send(ls, edit, instruction)
    reason = {"failureReason": answer.failure_reason} if answer.failure_reason else {}
    return {"applied": answer.applied, "rebased": changes.rebased, **reason, **changes.receipt}


async def _is_wanted(ls: CopydecodeServer, uri: str, whole: Part) -> bool:
    """Return whether to apply an edit: where it needs that, and the client will not ask, we do."""
    settings = ls.settings_of(uri)
    confidence, label = whole.confidence, confirmation.label(whole.instruction)
    if ls.features.annotations or not confirmation.needed(settings, confidence):
        return True
    words = confirmation.in_words(settings, confidence)
    # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
    chosen = await asyncio.shield(
        ls.window_show_message_request_async(
            lsp.ShowMessageRequestParams(
                type=lsp.MessageType.Warning,
                message=f"copydecode: apply this? {label}. {words}",
                actions=[lsp.MessageActionItem(title) for title in (APPLY, DISCARD)],
            )
        )
    )
    return chosen is not None and chosen.title == APPLY


def _annotations(
    ls: CopydecodeServer, uri: str, parts: Sequence[Part]
) -> list[lsp.ChangeAnnotation]:
    """Return what the client is told of each change, where it can be told."""
    return confirmation.annotate(ls.settings_of(uri), parts) if ls.features.annotations else []


async def _apply(ls: CopydecodeServer, edit: Edit) -> lsp.ApplyWorkspaceEditResult:
    """Have the client apply an edit."""
    changes = workspace_edit(
        edit.snapshot.uri,
        edit.snapshot.version,
        edit.edits,
        versioned=ls.features.document_changes,
        annotations=_annotations(ls, edit.snapshot.uri, edit.parts),
    )
    return await _send(ls, changes, edit.whole.instruction)


async def _send(
    ls: CopydecodeServer, changes: lsp.WorkspaceEdit, instruction: Instruction
) -> lsp.ApplyWorkspaceEditResult:
    """Have the client apply changes, whatever its capabilities say: ALE says no, and applies them.

    Raises:
        JsonRpcException: RequestFailed, where the client does not know the request.
    """
    params = lsp.ApplyWorkspaceEditParams(edit=changes, label=confirmation.label(instruction))
    try:
        # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
        return await asyncio.shield(ls.workspace_apply_edit_async(params))
    except JsonRpcMethodNotFound as error:
        message = "the client does not support workspace/applyEdit"
        raise JsonRpcException(message=message, code=lsp.LSPErrorCodes.RequestFailed) from error


async def _instruction(
    ls: CopydecodeServer, snapshot: Snapshot, argument: dict[str, Any]
) -> Instruction | None:
    """Return what to do; None where the user was asked and did not say."""
    if argument.get("fromAction"):
        if (instruction := from_json(argument)) is None:
            raise invalid_params(_SHAPE)
        return instruction
    span = _range(argument.get("range"))
    scope = scope_of_range(span, snapshot.document) if span else None
    if scope is not None:
        scope = replace(scope, locked=_switch(argument, "locked", default=True))
    return await _words(ls, snapshot.uri, argument, scope)


async def _words(
    ls: CopydecodeServer, uri: str, argument: dict[str, Any], scope: Scope | None
) -> Instruction | None:
    """Return the instruction that the argument has, or that the user chooses."""
    snippet, text = argument.get("snippet"), argument.get("instruction")
    if text is None and snippet is not None:
        return Instruction(APPLY_SNIPPET, scope, require(snippet))
    if text is None and (text := await _ask(ls, uri)) is None:
        return None
    text = require(text)
    ls.history.add(ls.folder_of(uri), text)
    if scope is not None and not scope.locked and named_lines(text):
        # A range that binds nothing is where the cursor happens to be: the words know better.
        scope = None
    return Instruction(text, scope, snippet)


async def _ask(ls: CopydecodeServer, uri: str) -> str | None:
    """Have the user choose among the last instructions; plain LSP has no way to ask for a new one.

    Raises:
        JsonRpcException: InvalidParams, where none was given so far.
    """
    recent = ls.history.of(ls.folder_of(uri))[:_ASKED]
    if not recent:
        raise invalid_params(_SHAPE)
    titles = {f"{n}. {' '.join(text.split())[:60]}": text for n, text in enumerate(recent, 1)}
    # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
    chosen = await asyncio.shield(
        ls.window_show_message_request_async(
            lsp.ShowMessageRequestParams(
                type=lsp.MessageType.Info,
                message="copydecode: which edit?",
                actions=[lsp.MessageActionItem(title) for title in titles],
            )
        )
    )
    return titles.get(chosen.title) if chosen else None


def _argument(params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    match params.arguments:
        case [dict() as argument] if "uris" in argument or isinstance(argument.get("uri"), str):
            if all(isinstance(argument.get(n), str | None) for n in ("instruction", "snippet")):
                return argument
    raise invalid_params(_SHAPE)


def _uris(argument: dict[str, Any], name: str) -> list[str]:
    match argument.get(name, []):
        case [*uris] if all(isinstance(uri, str) for uri in uris) and len(uris) <= MAX_FILES:
            return uris
        case _:
            raise invalid_params(_FILES_SHAPE)


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
