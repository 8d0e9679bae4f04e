"""codeAction/resolve: compute the edit of an action that was listed before."""

from __future__ import annotations

from typing import Any

from lsprotocol import types as lsp

from copydecode_lsp import confirmation
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import workspace_edit
from copydecode_lsp.failures import invalid_params
from copydecode_lsp.instructions import Instruction, from_json
from copydecode_lsp.propose import propose


async def resolve(ls: CopydecodeServer, action: lsp.CodeAction) -> lsp.CodeAction:
    """Answer with the action and its edit of the newest version; the same action gets the same."""
    uri, version, instruction = from_data(action.data)
    snapshot = ls.snapshots.at(uri, version, digest_of(action.data))
    snapshot.require_editable()
    proposal = await propose(ls, snapshot, instruction)
    settings, confidence = ls.settings_of(uri), proposal.whole.confidence
    annotations: list[lsp.ChangeAnnotation] = []
    if not proposal.edits:
        ls.show(lsp.MessageType.Info, "copydecode: the model proposes no change.")
    elif ls.features.annotations:
        annotations = confirmation.annotate(settings, proposal.parts)
    elif confirmation.needed(settings, confidence):
        # It cannot be asked for: who resolves an action applies it.
        words = confirmation.in_words(settings, confidence)
        ls.show(lsp.MessageType.Warning, f"copydecode: look at this edit. {words}")
    quick_fix = action.kind == lsp.CodeActionKind.QuickFix
    if quick_fix and proposal.edits and ls.features.preferred:
        action.is_preferred = confirmation.is_preferred(settings, confidence)
    action.edit = workspace_edit(
        proposal.snapshot.uri,
        proposal.snapshot.version,
        proposal.edits,
        versioned=ls.features.document_changes,
        annotations=annotations,
    )
    return action


def digest_of(data: Any) -> str | None:  # noqa: ANN401 -- JSON as it came
    """Return the digest of the text that an action was listed for, where its data has one."""
    match data:
        case {"text": str(digest)}:
            return digest
        case _:
            return None


def from_data(data: Any) -> tuple[str, int, Instruction]:  # noqa: ANN401 -- JSON as it came
    """Read an action's data: uri, version, instruction.

    Raises:
        JsonRpcException: InvalidParams, where the data is not one that we sent.
    """
    match data:
        case {"uri": str(uri), "version": int(version)} if instruction := from_json(data):
            return uri, version, instruction
        case _:
            message = "expected an action with data {uri, version, instruction, scope, locked}"
            raise invalid_params(message)
