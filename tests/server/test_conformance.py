"""The check itself: each kind of breach is found and told, and what LSP allows is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lsprotocol import types as lsp

from tests.server.conformance import Conversation
from tests.server.metamodel import Type, breaches

POINT = {"line": 0, "character": 0}
SPAN = {"start": POINT, "end": POINT}
EDIT = {"range": SPAN, "newText": "x"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (EDIT, lsp.TextEdit),
        ({"processId": None, "rootUri": None, "capabilities": {}}, lsp.InitializeParams),
        ({"uri": "file:///a", "version": None}, lsp.OptionalVersionedTextDocumentIdentifier),
        ({"title": "x", "kind": "refactor.of.ours", "data": None}, lsp.CodeAction),
        ([{"title": "x", "command": "y"}, {"title": "x", "edit": {}}], lsp.CodeActionResult),
        ({"kind": "report", "percentage": 7}, lsp.WorkDoneProgressReport),
        ({"anything": [1, None]}, lsp.LSPAny),
    ],
)
def test_what_the_meta_model_allows_is_no_breach(value: object, kind: Type) -> None:
    assert list(breaches(value, kind)) == []


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ({**EDIT, "more": 1}, lsp.TextEdit, "more: TextEdit has no such property"),
        ({"range": SPAN}, lsp.TextEdit, "newText: expected by TextEdit, absent"),
        ({**EDIT, "newText": None}, lsp.TextEdit, "newText: expected str, got None"),
        ({**POINT, "line": -1}, lsp.Position, "line: expected a value within the limits of its"),
        ({**POINT, "line": 2**31}, lsp.Position, "line: expected a value within the limits of its"),
        ({**POINT, "line": True}, lsp.Position, "line: expected int, got True"),
        ({**POINT, "line": 1.0}, lsp.Position, "line: expected int, got 1.0"),
        ({"uri": "x"}, lsp.OptionalVersionedTextDocumentIdentifier, "version: expected by"),
        ({"title": "x", "tags": [9]}, lsp.CodeAction, "tags[0]: expected a value of CodeActionTag"),
        ({"title": "x", "edit": None}, lsp.CodeAction, "edit: expected to be absent where"),
        ({"kind": "end"}, lsp.WorkDoneProgressReport, "kind: expected a value within the limits"),
        ([{"title": "x", "edit": {"z": 1}}], lsp.CodeActionResult, "[0].edit.z: WorkspaceEdit has"),
        ({"changes": {"a": [1]}}, lsp.WorkspaceEdit, "changes['a'][0]: expected an object"),
    ],
)
def test_a_breach_of_the_meta_model_is_told_with_its_place(
    value: object, kind: Type, told: str
) -> None:
    (breach,) = breaches(value, kind)
    assert breach.startswith(told)


class Talk:
    """A conversation after `initialize`, with what the client announced."""

    def __init__(self, capabilities: dict[str, Any]) -> None:
        self.heard = Conversation()
        params = {"processId": None, "rootUri": None, "capabilities": capabilities}
        self.client({"id": 1, "method": "initialize", "params": params})
        self.server({"id": 1, "result": {"capabilities": {}}})

    def client(self, message: dict[str, Any]) -> None:
        self._hear(message, from_server=False)

    def server(self, message: dict[str, Any]) -> None:
        self._hear(message, from_server=True)

    def _hear(self, message: dict[str, Any], *, from_server: bool) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.heard.hear(body, from_server=from_server)

    def breach(self) -> str:
        (breach,) = self.heard.breaches
        return breach


COMMAND = {"id": 2, "method": "workspace/executeCommand", "params": {"command": "x"}}
PROGRESS = {"window": {"workDoneProgress": True}}
CREATE = {"id": "s", "method": "window/workDoneProgress/create", "params": {"token": "t"}}


def progress(kind: str, **more: object) -> dict[str, Any]:
    return {"method": "$/progress", "params": {"token": "t", "value": {"kind": kind, **more}}}


def test_a_request_is_answered_once_by_its_id() -> None:
    talk = Talk({})
    talk.client(COMMAND)
    talk.server({"id": 2, "result": None})
    assert talk.heard.breaches == []
    talk.server({"id": 2, "result": None})
    assert talk.breach() == "an answer from the server: no request waits for 2"


def test_an_answer_has_a_result_or_an_error_and_not_both() -> None:
    for answer in ({"id": 2}, {"id": 2, "result": 1, "error": {"code": 1, "message": "x"}}):
        talk = Talk({})
        talk.client(COMMAND)
        talk.server(answer)
        assert talk.breach().startswith("the answer to workspace/executeCommand from the server: ")


def test_an_id_is_not_used_again() -> None:
    talk = Talk({})
    talk.client(COMMAND)
    talk.server({"id": 2, "result": None})
    talk.client(COMMAND)
    assert "expected an id of its own" in talk.breach()


def test_a_method_of_nobody_s_and_one_of_the_other_side_s_are_told() -> None:
    talk = Talk({})
    talk.server({"method": "copydecode/unheardOf", "params": {}})
    assert "LSP has no such method" in talk.breach()
    talk = Talk({})
    talk.server({"method": "initialized", "params": {}})
    assert "not for the server to send" in talk.breach()


def test_a_server_sends_nothing_before_initialize_is_answered() -> None:
    talk = Talk({})
    talk.heard = Conversation()
    talk.server({"method": "window/logMessage", "params": {"type": 3, "message": "x"}})
    assert talk.heard.breaches == []
    talk.server({"id": "r", "method": "client/registerCapability", "params": {"registrations": []}})
    assert "not before the answer to initialize" in talk.breach()


def test_a_server_uses_only_what_the_client_announced() -> None:
    edit = {"documentChanges": [{"textDocument": {"uri": "a", "version": 1}, "edits": [EDIT]}]}
    message = {"id": "s", "method": "workspace/applyEdit", "params": {"edit": edit}}
    whole = {"workspace": {"workspaceEdit": {"documentChanges": True}}}
    talk = Talk(whole)
    talk.server(message)
    assert talk.heard.breaches == []
    talk = Talk({})
    talk.server(message)
    assert "documentChanges: the client did not announce them" in talk.breach()
    talk = Talk({})
    talk.server({"id": "c", "method": "workspace/configuration", "params": {"items": []}})
    assert "did not announce workspace.configuration" in talk.breach()


def test_an_action_has_tags_for_clients_that_know_them_only() -> None:
    literals: dict[str, Any] = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}
    talk = Talk({"textDocument": {"codeAction": literals}})
    params = {"textDocument": {"uri": "a"}, "range": SPAN, "context": {"diagnostics": []}}
    talk.client({"id": 2, "method": "textDocument/codeAction", "params": params})
    talk.server({"id": 2, "result": [{"title": "x", "tags": [1]}]})
    assert "tags: the client did not announce its tagSupport" in talk.breach()


def test_a_progress_begins_reports_and_ends_once_with_a_token_that_was_granted() -> None:
    talk = Talk(PROGRESS)
    talk.server(CREATE)
    talk.client({"id": "s", "result": None})
    talk.server(progress("begin", title="x"))
    talk.server(progress("report"))
    talk.server(progress("end"))
    assert talk.heard.breaches == []
    talk.server(progress("end"))
    assert "end: got a token that is unknown" in talk.breach()


def test_a_progress_does_not_begin_before_its_token_is_granted() -> None:
    talk = Talk(PROGRESS)
    talk.server(CREATE)
    talk.server(progress("begin", title="x"))
    assert "begin: got a token that is asked for" in talk.breach()


def test_a_request_s_progress_ends_before_its_answer() -> None:
    talk = Talk({})
    talk.client({**COMMAND, "params": {"command": "x", "workDoneToken": "t"}})
    talk.server(progress("begin", title="x"))
    talk.server({"id": 2, "result": None})
    assert "expected its progress to end first" in talk.breach()


def test_a_position_encoding_that_was_not_offered_is_told() -> None:
    talk = Talk({"general": {"positionEncodings": ["utf-8"]}})
    assert talk.heard.breaches == []  # UTF-16, which every client takes.
    params: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
    talk.client({"id": 2, "method": "initialize", "params": params})
    talk.server({"id": 2, "result": {"capabilities": {"positionEncoding": "utf-8"}}})
    assert "the client did not announce utf-8" in talk.breach()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"uri": "a"}, "params.version: expected by Hunk, absent"),
        ({"uri": "a", "more": 1}, "params.more: Hunk has no such property"),
    ],
)
def test_our_own_notifications_have_schemas(params: dict[str, Any], told: str) -> None:
    talk = Talk({"experimental": {"copydecode": {"hunks": True}}})
    talk.server({"method": "copydecode/hunk", "params": params})
    assert f"copydecode/hunk from the server: {told}" in talk.heard.breaches
