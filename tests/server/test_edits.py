"""Computing edits: resolve, the applyEdit command, versions, the cache, receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode import EditRequest, EditResult, FilesEdit, FilesRequest, Scope
from copydecode_lsp import proposals
from copydecode_lsp.client import Abilities
from copydecode_lsp.handlers.resolve import from_data
from copydecode_lsp.names import FIX_ALL_KIND
from copydecode_lsp.worker import Editing, OnFileOp, OnOp, Together
from tests.server import fake_engine
from tests.server.harness import (
    URI,
    Pair,
    as_json,
    chars,
    connected,
    cursor,
    diagnostic,
    failure,
    lines,
    until,
)

TEXT = "first\nname = 1\nprint(names)\n"
NAMES = diagnostic("undefined name 'names'", 3)
WAIT = diagnostic("wait", 1)


async def listed(pair: Pair, found: lsp.Diagnostic) -> lsp.CodeAction:
    action = (await pair.client.code_actions(URI, found.range, [found]))[0]
    assert isinstance(action, lsp.CodeAction)
    return action


async def test_resolving_gives_a_versioned_edit_that_fixes_the_line() -> None:
    async with connected(text=TEXT) as pair:
        action = await pair.resolve_first(cursor(3), NAMES)
        assert action.edit is not None
        (change,) = action.edit.document_changes or []
        assert isinstance(change, lsp.TextDocumentEdit)
        assert change.text_document.version == 1
        (edit,) = change.edits
        assert isinstance(edit, lsp.TextEdit)
        assert (edit.range, edit.new_text) == (chars(3, 10, 11), "")  # The s of names.
        assert pair.client.apply(action.edit) is None
        assert pair.client.documents[URI].text == "first\nname = 1\nprint(name)\n"


async def test_a_client_without_document_changes_gets_changes() -> None:
    async with connected(Abilities(document_changes=False), text=TEXT) as pair:
        action = await pair.resolve_first(cursor(3), NAMES)
    assert action.edit is not None
    assert action.edit.document_changes is None
    assert list(action.edit.changes or {}) == [URI]


@pytest.mark.parametrize("encoding", list(lsp.PositionEncodingKind))
async def test_positions_are_in_the_negotiated_encoding(
    encoding: lsp.PositionEncodingKind,
) -> None:
    text = "x = '\U0001f40d'\r\nlast = '\U0001f40d'"
    async with connected(Abilities(encodings=(encoding,)), text=text) as pair:
        assert pair.server.server_capabilities.position_encoding == encoding
        await pair.edit("put: y", cursor(2))
        assert pair.client.documents[URI].text == "x = '\U0001f40d'\r\ny"


async def test_incremental_changes_are_in_the_negotiated_encoding() -> None:
    utf16 = Abilities(encodings=(lsp.PositionEncodingKind.Utf16,))
    async with connected(utf16, text="\U0001f40d\x0cone\u2028two\nlast\n") as pair:
        client = pair.client
        span = lsp.Range(lsp.Position(0, 3), lsp.Position(0, 6))
        client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=2),
                content_changes=[lsp.TextDocumentContentChangePartial(range=span, text="1")],
            )
        )
        # The server takes messages in order, so the change is made when it answers this.
        await client.execute("copydecode.lastReceipt")
        assert pair.server.snapshots.get(URI).version == 2
        assert pair.server.snapshots.get(URI).text == "\U0001f40d\x0c1\u2028two\nlast\n"


async def test_resolving_twice_decodes_once() -> None:
    async with connected(text=TEXT) as pair:
        action = await listed(pair, NAMES)
        one, other = await asyncio.gather(
            pair.client.code_action_resolve_async(action),
            pair.client.code_action_resolve_async(action),
        )
        again = await pair.client.code_action_resolve_async(action)
        assert one.edit == other.edit == again.edit
        receipt = await pair.client.execute("copydecode.lastReceipt")
    assert receipt is not None
    assert receipt["forwards"] == 1


async def test_a_previewer_that_lists_and_resolves_again_gets_the_same_edit() -> None:
    """Complaint 15 (fzf-lua#1057): what was shown is what is applied, by one decode."""
    another = diagnostic("another", 2)
    async with connected(text=TEXT) as pair:
        shown = await pair.resolve_first(another.range, another)
        applied = await pair.resolve_first(another.range, another)
        assert shown.edit == applied.edit
        assert shown.edit is not None
        answer = await pair.edit(" another ", lines(2, 2))
        assert pair.client.documents[URI].text == "first\n1\nprint(names)\n"
    assert answer["forwards"] == 1


async def test_requests_for_one_edit_at_the_same_time_share_its_decode() -> None:
    """Complaint 15: also while it is decoded, and where one of them is a command."""
    recorder = Recorder()
    another = diagnostic("another", 2)
    async with connected(load=lambda _config: recorder, text=TEXT) as pair:
        action = await listed(pair, another)
        resolved = [pair.client.code_action_resolve_async(action) for _ in range(3)]
        answer, *actions = await asyncio.gather(pair.edit("another", lines(2, 2)), *resolved)
    assert recorder.scopes == [Scope(2, 2)]
    assert answer["applied"]
    assert [a.edit == actions[0].edit for a in actions] == [True] * 3


async def test_another_model_decodes_anew() -> None:
    """Complaint 15: what is kept is kept for one model and its settings."""
    another = diagnostic("another", 2)
    async with connected(text=TEXT) as pair:
        first = await pair.resolve_first(another.range, another)
        pair.server.loaded = replace(pair.server.config, model="other")
        second = await pair.resolve_first(another.range, another)
    assert first.edit != second.edit


async def test_of_more_proposals_than_are_kept_the_oldest_is_decoded_anew() -> None:
    def put(number: int) -> lsp.Diagnostic:
        return diagnostic(f"put: {number}", 2)

    async with connected(text=TEXT) as pair:
        for number in [*range(proposals.KEPT), 0, proposals.KEPT, 0, 1]:
            await pair.resolve_first(cursor(2), put(number))
        receipt = await pair.client.execute("copydecode.lastReceipt")
    assert receipt is not None
    # 0 was asked for again in time, 1 was not.
    assert receipt["forwards"] == proposals.KEPT + 2


async def test_a_new_version_is_decoded_anew() -> None:
    async with connected(text=TEXT) as pair:
        await pair.resolve_first(cursor(3), NAMES)
        pair.client.change(URI, TEXT)
        await pair.resolve_first(cursor(3), NAMES)
        receipt = await pair.client.execute("copydecode.lastReceipt")
    assert receipt is not None
    assert receipt["forwards"] == 2


async def test_an_action_for_an_older_version_is_refused_as_modified() -> None:
    async with connected(text=TEXT) as pair:
        action = await listed(pair, NAMES)
        pair.client.change(URI, "new\n" + TEXT)
        error = await failure(pair.client.code_action_resolve_async(action))
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_closing_the_document_during_the_decode_stops_it() -> None:
    async with connected(text=TEXT) as pair:
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, await listed(pair, WAIT))
        await until(lambda: pair.client.progress_seen)
        pair.client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
        )
        error = await failure(asyncio.wrap_future(call.answer))
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_no_change_proposed_is_an_empty_edit_and_said() -> None:
    async with connected(text=TEXT) as pair:
        action = await pair.resolve_first(cursor(1), diagnostic("nothing", 1))
        assert action.edit is not None
        assert (action.edit.document_changes, action.edit.changes) == ((), None)
        await until(lambda: pair.client.messages)
    assert pair.client.messages[0].type == lsp.MessageType.Info


async def test_the_command_has_the_client_apply_the_edit() -> None:
    async with connected(text=TEXT) as pair:
        answer = await pair.edit("delete", lines(1, 2))
        assert pair.client.documents[URI].text == "print(names)\n"
    assert answer["applied"] is True
    assert (answer["hunks"], answer["model"], answer["uri"]) == (1, "scripted", URI)


@pytest.mark.parametrize("document_changes", [True, False])
async def test_all_hunks_of_an_edit_are_one_step_to_undo(
    document_changes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editors undo by the edit that is applied: there is one, of one document."""
    abilities = Abilities(resolves_edits=False, document_changes=document_changes)
    asked: list[lsp.WorkspaceEdit] = []
    async with connected(abilities, text=TEXT, language="plaintext") as pair:
        apply = pair.client.apply

        def applying(edit: lsp.WorkspaceEdit) -> str | None:
            asked.append(edit)
            return apply(edit)

        monkeypatch.setattr(pair.client, "apply", applying)
        found = [diagnostic("put: 1st", 1), diagnostic("put: 3rd", 3)]
        (action,) = await pair.client.code_actions(URI, cursor(1), found, [FIX_ALL_KIND])
        assert isinstance(action, lsp.CodeAction)
        assert action.command is not None
        await pair.client.execute(action.command.command, *(action.command.arguments or []))
        assert pair.client.documents[URI].text == "1st\nname = 1\n3rd\n"
    (edit,) = asked
    if document_changes:
        (change,) = edit.document_changes or []
        assert isinstance(change, lsp.TextDocumentEdit)
        assert len(change.edits) == 2
    else:
        assert [len(edits) for edits in (edit.changes or {}).values()] == [2]


async def test_cannot_undo_in_one_step__an_edit_in_several_places_is_one_request_to_apply() -> None:
    """Complaint 10 (tabnine-nvim#203, zed#62147): an editor makes one step of one request."""
    seen: list[lsp.WorkspaceEdit] = []
    async with connected(text="wrong\nb\nwrong\n", language="plaintext") as pair:
        apply = pair.client.apply

        def applied(edit: lsp.WorkspaceEdit) -> str | None:
            seen.append(edit)
            return apply(edit)

        pair.client.apply = applied  # type: ignore[method-assign]
        found = [diagnostic("put: right", line) for line in (1, 3)]
        actions = await pair.client.code_actions(
            URI, lines(1, 3), found, [lsp.CodeActionKind.SourceFixAll]
        )
        (action,) = actions
        assert isinstance(action, lsp.CodeAction)
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        assert pair.client.apply(resolved.edit) is None
        assert pair.client.documents[URI].text == "right\nb\nright\n"
    (edit,) = seen
    (change,) = edit.document_changes or []
    assert isinstance(change, lsp.TextDocumentEdit)
    assert len(change.edits) == 2


async def test_an_action_is_not_taken_for_one_of_another_text_with_its_version() -> None:
    """An editor that closes a document and opens another text there begins at version 1 again."""
    async with connected(text="a\nb\n", language="plaintext") as pair:
        (action,) = await pair.client.code_actions(URI, cursor(2), [diagnostic("put: c", 2)])
        assert isinstance(action, lsp.CodeAction)
        identifier = lsp.TextDocumentIdentifier(URI)
        pair.client.text_document_did_close(lsp.DidCloseTextDocumentParams(identifier))
        item = lsp.TextDocumentItem(URI, "plaintext", 1, "b\na\n")
        pair.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))
        with pytest.raises(JsonRpcException, match="another text") as error:
            await pair.client.code_action_resolve_async(action)
        assert error.value.code == lsp.LSPErrorCodes.ContentModified


async def test_the_command_without_a_range_is_about_the_whole_document() -> None:
    async with connected(text=TEXT) as pair:
        await pair.edit("put: all")
        assert pair.client.documents[URI].text == "all\n"


async def test_the_command_says_when_nothing_changes() -> None:
    async with connected(text=TEXT) as pair:
        answer = await pair.edit("nothing")
    assert (answer["applied"], answer["hunks"]) == (False, 0)


async def test_the_command_says_when_the_client_refuses() -> None:
    async with connected(text=TEXT) as pair:
        pair.client.documents[URI].version = 7  # As if a change were on its way.
        answer = await pair.edit("delete")
        assert pair.client.documents[URI].text == TEXT
    assert answer["applied"] is False
    assert "version 7" in answer["failureReason"]


async def test_an_empty_document_can_be_edited() -> None:
    async with connected(text="") as pair:
        await pair.edit("put: new", cursor(1))
        assert pair.client.documents[URI].text == "new\n"


async def test_there_is_no_receipt_before_the_first_edit() -> None:
    async with connected() as pair:
        assert await pair.client.execute("copydecode.lastReceipt") is None


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"uri": URI, "version": 1, "instruction": "x"},
        {"uri": URI, "version": "1", "instruction": "x", "scope": None},
        {"uri": URI, "version": 1, "instruction": "x", "scope": [1], "locked": True},
        {"uri": URI, "version": 1, "instruction": "x", "scope": [1, 2]},
    ],
)
async def test_data_that_we_did_not_send_is_refused(data: object) -> None:
    async with connected(text=TEXT) as pair:
        error = await failure(
            pair.client.code_action_resolve_async(lsp.CodeAction(title="t", data=data))
        )
    assert error.code == lsp.ErrorCodes.InvalidParams


def test_data_without_a_scope_is_about_the_whole_document() -> None:
    data = {"uri": URI, "version": 1, "instruction": "x", "scope": None}
    assert from_data(data)[2].scope is None


class Recorder:
    """An engine that notes which scopes it was asked to edit."""

    def __init__(self) -> None:
        self.engine = fake_engine.load()
        self.scopes: list[Scope | None] = []

    def together(self) -> Together:
        return self.engine.together()

    def editing(
        self, request: EditRequest, *, cancelled: Callable[[], bool], on_op: OnOp
    ) -> Editing[EditResult]:
        self.scopes.append(request.scope)
        return self.engine.editing(request, cancelled=cancelled, on_op=on_op)

    def editing_files(
        self, request: FilesRequest, *, cancelled: Callable[[], bool], on_op: OnFileOp
    ) -> Editing[FilesEdit]:
        return self.engine.editing_files(request, cancelled=cancelled, on_op=on_op)

    def read_ahead(
        self, text: str, scope: Scope | None, *, name: str | None, cancelled: Callable[[], bool]
    ) -> int:
        return self.engine.read_ahead(text, scope, name=name, cancelled=cancelled)


@pytest.mark.parametrize("resolves", [True, False])
async def test_a_diagnostic_locks_its_lines_and_a_comment_locks_none(resolves: bool) -> None:
    """What lines a comment is about is a guess; the command and the lazy edit do the same."""
    recorder = Recorder()
    text = "# nothing AI!\nname = 1\nprint(names)\n"
    abilities = Abilities(resolves_edits=resolves)
    async with connected(abilities, load=lambda _config: recorder, text=text) as pair:
        actions = await pair.client.code_actions(URI, cursor(3), [NAMES])
        for action in reversed(actions):  # The comment's first: it changes nothing.
            assert isinstance(action, lsp.CodeAction)
            if action.command:
                await pair.client.execute(action.command.command, *(action.command.arguments or []))
            else:
                await pair.client.code_action_resolve_async(action)
    assert recorder.scopes == [Scope(1, 3, locked=False), Scope(3, 3)]


async def test_lines_that_an_instruction_names_stand_above_a_range_that_binds_nothing() -> None:
    recorder = Recorder()
    argument = {"uri": URI, "instruction": "put: line 3", "range": as_json(lines(1, 1))}
    async with connected(load=lambda _config: recorder, text=TEXT) as pair:
        for locked in (False, True):
            await pair.client.execute("copydecode.applyEdit", {**argument, "locked": locked})
    assert recorder.scopes == [None, Scope(1, 1)]


async def test_a_selection_is_locked_unless_the_command_says_no() -> None:
    recorder = Recorder()
    argument = {"uri": URI, "instruction": "nothing", "range": as_json(lines(1, 2))}
    async with connected(load=lambda _config: recorder, text=TEXT) as pair:
        for extra in ({}, {"locked": True}, {"locked": False}):
            await pair.client.execute("copydecode.applyEdit", {**argument, **extra})
        error = await failure(
            pair.client.execute("copydecode.applyEdit", {**argument, "locked": "no"})
        )
    assert error.code == lsp.ErrorCodes.InvalidParams
    # The second is the first one's proposal.
    assert recorder.scopes == [Scope(1, 2), Scope(1, 2, locked=False)]
