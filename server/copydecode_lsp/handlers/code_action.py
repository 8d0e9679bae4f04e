"""textDocument/codeAction: what could be edited here. Listing never waits for the model.

Where an edit is offered, its document is read ahead: in a long one the range says which lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lsprotocol import types as lsp

from copydecode import Scope
from copydecode_lsp import confirmation
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.convert import range_to_json, scope_of_range
from copydecode_lsp.features import ClientFeatures
from copydecode_lsp.instructions import (
    Instruction,
    from_comments,
    from_diagnostic,
    overlaps,
    to_json,
    where_fixed,
)
from copydecode_lsp.names import APPLY_EDIT, FIX_ALL_KIND, REWRITE_KIND
from copydecode_lsp.proposals import Key
from copydecode_lsp.snapshots import Snapshot

TITLE_LENGTH = 80

OFFERED = 5
"""So many of the last instructions are offered for a selection."""

FIX_ALL = 16
"""So many diagnostics at most are fixed by one action: at 0.1 s each it ends within seconds."""

ASK_TITLE = "Apply AI edit…"


def code_action(
    ls: CopydecodeServer, params: lsp.CodeActionParams
) -> list[lsp.CodeAction | lsp.Command]:
    """Answer with the actions for the newest snapshot; none for one that cannot be edited."""
    snapshot = ls.snapshots.get(params.text_document.uri)
    if snapshot.read_only:
        return []
    recent = ls.history.of(ls.folder_of(snapshot.uri))[:OFFERED]
    offers = list_offers(snapshot, params, recent)
    if offers:
        first = offers[0].instruction
        ls.read_ahead.expect(snapshot, first.scope, erase=first.erase)
    actions = [
        to_action(offer, snapshot, ls.features, preferred=_is_preferred(ls, snapshot, offer))
        for offer in offers
    ]
    if ls.features.forms and _selects(params) and _wanted(REWRITE_KIND, params.context.only):
        actions.append(_asking(snapshot, params.range, ls.features))
    return actions


@dataclass(frozen=True, slots=True)
class Offer:
    """One edit that could be made; `diagnostic` is the one that it would resolve."""

    title: str
    kind: lsp.CodeActionKind | str
    instruction: Instruction
    diagnostic: lsp.Diagnostic | None = None


def list_offers(
    snapshot: Snapshot, params: lsp.CodeActionParams, recent: Sequence[str]
) -> list[Offer]:
    """Return the edits of the kinds asked for.

    Diagnostics' come first, then comments', the selection's with the last instructions, and the one
    that fixes all diagnostics.

    Raises:
        ScopeError: the range is outside the document.
    """
    lines = scope_of_range(params.range, snapshot.document)
    offers = _offers(snapshot, params, lines, recent)
    return [offer for offer in offers if _wanted(offer.kind, params.context.only)]


def to_action(
    offer: Offer, snapshot: Snapshot, features: ClientFeatures, *, preferred: bool = False
) -> lsp.CodeAction | lsp.Command:
    """Return an offer in the shape that the client can take."""
    if not features.action_literals:
        return _command(offer.title, snapshot, offer.instruction)
    action = lsp.CodeAction(
        title=offer.title,
        kind=offer.kind,
        diagnostics=[offer.diagnostic] if offer.diagnostic else None,
        is_preferred=preferred or None,
        tags=[lsp.CodeActionTag.LlmGenerated] if features.llm_tag else None,
    )
    if features.resolves_edits:
        action.data = to_data(snapshot, offer.instruction)
    else:
        action.command = _command(offer.title, snapshot, offer.instruction)
    return action


def to_data(snapshot: Snapshot, instruction: Instruction) -> dict[str, object]:
    """Return what `codeAction/resolve` needs to compute the edit."""
    return {
        "id": CopydecodeServer.edit_id(snapshot, instruction),
        "uri": snapshot.uri,
        "version": snapshot.version,
        "text": snapshot.digest,
        **to_json(instruction),
    }


def _is_preferred(ls: CopydecodeServer, snapshot: Snapshot, offer: Offer) -> bool:
    """Return whether a quick fix is known to be sure: listing asks no model, so it was resolved."""
    if offer.kind is not lsp.CodeActionKind.QuickFix or not ls.features.preferred:
        return False
    instruction = replace(offer.instruction, text=offer.instruction.text.strip())
    kept = ls.proposals.kept(Key(ls.config_of(snapshot.uri), snapshot, instruction))
    if kept is None or not kept.edits:
        return False
    return confirmation.is_preferred(ls.settings_of(snapshot.uri), kept.whole.confidence)


def _offers(
    snapshot: Snapshot,
    params: lsp.CodeActionParams,
    lines: Scope | None,
    recent: Sequence[str],
) -> Iterator[Offer]:
    document = snapshot.document
    for diagnostic in params.context.diagnostics:
        instruction = from_diagnostic(diagnostic, document)
        if instruction and overlaps(instruction.scope, lines):
            instruction = where_fixed(instruction, document, snapshot.language)
            title = _title("fix " + instruction.text)
            yield Offer(title, lsp.CodeActionKind.QuickFix, instruction, diagnostic)
    if lines is not None:
        for instruction in from_comments(document, lines):
            yield Offer(_title(instruction.text), REWRITE_KIND, instruction)
        for text in recent if _selects(params) else ():
            yield Offer(_title(text), REWRITE_KIND, Instruction(text, lines))
    parts = _fixes(params.context.diagnostics, snapshot)
    if _may_fix_all(params.context, len(parts)):
        title = _title(f"fix {len(parts)} diagnostic{'' if len(parts) == 1 else 's'} of this file")
        yield Offer(title, FIX_ALL_KIND, Instruction("fix all", None, parts=parts))


def _fixes(diagnostics: Sequence[lsp.Diagnostic], snapshot: Snapshot) -> tuple[Instruction, ...]:
    """Return how to fix the diagnostics, `FIX_ALL` at most, each once, from the top down."""
    document, language = snapshot.document, snapshot.language
    found = {
        where_fixed(i, document, language)
        for d in diagnostics
        if (i := from_diagnostic(d, document)) and i.scope
    }
    ordered = sorted(found, key=lambda i: (i.scope.first if i.scope else 0, i.text))
    return tuple(ordered[:FIX_ALL])


def _may_fix_all(context: lsp.CodeActionContext, count: int) -> bool:
    """Return whether to offer to fix all.

    Nobody has a model run at each save who did not ask for that by name: a client that asks for
    `source.fixAll` by itself gets none.
    """
    automatic = context.trigger_kind is lsp.CodeActionTriggerKind.Automatic
    if context.only is None:
        return count > 1 and not automatic
    return count > 0 and not (automatic and FIX_ALL_KIND not in map(_name, context.only))


def _selects(params: lsp.CodeActionParams) -> bool:
    return params.range.start != params.range.end


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


def _command(title: str, snapshot: Snapshot, instruction: Instruction) -> lsp.Command:
    argument = {**to_data(snapshot, instruction), "fromAction": True}
    return lsp.Command(title=title, command=APPLY_EDIT, arguments=[argument])


def _asking(
    snapshot: Snapshot, span: lsp.Range, features: ClientFeatures
) -> lsp.CodeAction | lsp.Command:
    """Return the action whose command has no instruction: the client asks by `command/resolve`."""
    argument: dict[str, Any] = {
        "uri": snapshot.uri,
        "version": snapshot.version,
        "range": range_to_json(span),
    }
    command = lsp.Command(title=ASK_TITLE, command=APPLY_EDIT, arguments=[argument])
    if not features.action_literals:
        return command
    return lsp.CodeAction(
        title=ASK_TITLE,
        kind=REWRITE_KIND,
        tags=[lsp.CodeActionTag.LlmGenerated] if features.llm_tag else None,
        command=command,
    )
