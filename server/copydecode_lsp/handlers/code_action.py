"""textDocument/codeAction: what could be edited here. Listing never waits for the model.

Where an edit is offered, its document is read ahead: in a long one the range says which lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Scope
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import range_of_scope, range_to_json, scope_of_range
from copydecode_lsp.features import ClientFeatures
from copydecode_lsp.instructions import Instruction, from_comments, from_diagnostic, overlaps
from copydecode_lsp.names import APPLY_EDIT, REWRITE_KIND
from copydecode_lsp.snapshots import Snapshot

TITLE_LENGTH = 80


def code_action(
    ls: CopydecodeServer, params: lsp.CodeActionParams
) -> list[lsp.CodeAction | lsp.Command]:
    """Answer with the actions for the newest snapshot."""
    snapshot = ls.snapshots.get(params.text_document.uri)
    offers = list_offers(snapshot, params, ls.last_instruction)
    if offers:
        ls.read_ahead.expect(snapshot, offers[0].instruction.scope)
    return [to_action(offer, snapshot, ls.features, ls.codec) for offer in offers]


@dataclass(frozen=True, slots=True)
class Offer:
    """One edit that could be made; `diagnostic` is the one that it would resolve."""

    title: str
    kind: lsp.CodeActionKind | str
    instruction: Instruction
    diagnostic: lsp.Diagnostic | None = None


def list_offers(
    snapshot: Snapshot, params: lsp.CodeActionParams, last_instruction: str | None
) -> list[Offer]:
    """Return the edits of the kinds asked for: diagnostics' first, then comments', the selection's.

    Raises:
        ScopeError: the range is outside the document.
    """
    lines = scope_of_range(params.range, snapshot.document)
    offers = _offers(snapshot, params, lines, last_instruction)
    return [offer for offer in offers if _wanted(offer.kind, params.context.only)]


def to_action(
    offer: Offer, snapshot: Snapshot, features: ClientFeatures, codec: PositionCodec
) -> lsp.CodeAction | lsp.Command:
    """Return an offer in the shape that the client can take."""
    command = _command(offer.title, snapshot, offer.instruction, codec)
    if not features.action_literals:
        return command
    action = lsp.CodeAction(
        title=offer.title,
        kind=offer.kind,
        diagnostics=[offer.diagnostic] if offer.diagnostic else None,
        tags=[lsp.CodeActionTag.LlmGenerated] if features.llm_tag else None,
    )
    if features.resolves_edits:
        action.data = to_data(snapshot, offer.instruction)
    else:
        action.command = command
    return action


def to_data(snapshot: Snapshot, instruction: Instruction) -> dict[str, object]:
    """Return what `codeAction/resolve` needs to compute the edit."""
    scope = instruction.scope
    return {
        "uri": snapshot.uri,
        "version": snapshot.version,
        "instruction": instruction.text,
        "scope": [scope.first, scope.last] if scope else None,
        "locked": scope is not None and scope.locked,
    }


def _offers(
    snapshot: Snapshot,
    params: lsp.CodeActionParams,
    lines: Scope | None,
    last_instruction: str | None,
) -> Iterator[Offer]:
    document = snapshot.document
    for diagnostic in params.context.diagnostics:
        instruction = from_diagnostic(diagnostic, document)
        if instruction and overlaps(instruction.scope, lines):
            title = _title("fix " + instruction.text)
            yield Offer(title, lsp.CodeActionKind.QuickFix, instruction, diagnostic)
    if lines is None:
        return
    for instruction in from_comments(document, lines):
        yield Offer(_title(instruction.text), REWRITE_KIND, instruction)
    if last_instruction and params.range.start != params.range.end:
        instruction = Instruction(last_instruction, lines)
        yield Offer(_title(last_instruction), REWRITE_KIND, instruction)


def _title(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > TITLE_LENGTH:
        words = words[: TITLE_LENGTH - 1].rstrip() + "…"
    return f"Apply AI edit: {words}"


def _wanted(
    kind: lsp.CodeActionKind | str, only: Sequence[lsp.CodeActionKind | str] | None
) -> bool:
    """Return whether the kind or one above it was asked for: `refactor` asks for `refactor.x`."""
    if only is None:
        return True
    name = _name(kind)
    return any(_name(o) in {"", name} or name.startswith(_name(o) + ".") for o in only)


def _name(kind: lsp.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, lsp.CodeActionKind) else kind


def _command(
    title: str, snapshot: Snapshot, instruction: Instruction, codec: PositionCodec
) -> lsp.Command:
    span = range_of_scope(instruction.scope, snapshot.document, codec)
    return lsp.Command(
        title=title,
        command=APPLY_EDIT,
        arguments=[
            {
                "uri": snapshot.uri,
                "range": range_to_json(span),
                "instruction": instruction.text,
                "version": snapshot.version,
                "locked": instruction.scope is not None and instruction.scope.locked,
                "fromAction": True,
            }
        ],
    )
