"""Both directions of a connection, held against the Language Server Protocol.

`watched` listens on our client's streams. Each message has to be what the meta-model says
(`metamodel`; our own methods have schemas here), and to fit its conversation: a request is answered
once, a server says only what it may say now and what the client announced, and a progress begins
before it reports and ends once. The fixture in `conftest.py` does so in every test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NotRequired, TypedDict, cast
from unittest.mock import patch

from lsprotocol import types as lsp

from copydecode_lsp import names
from copydecode_lsp.client import HeadlessClient
from tests.server.metamodel import Type, breaches

Json = dict[str, Any]

_SCALARS = Mapping[str, int | float | str | bool | None]

_BEFORE_INITIALIZED = {
    lsp.WINDOW_SHOW_MESSAGE,
    lsp.WINDOW_LOG_MESSAGE,
    lsp.WINDOW_SHOW_MESSAGE_REQUEST,
    lsp.TELEMETRY_EVENT,
}
"""What a server may send before it has answered `initialize`."""

_ANNOUNCED = {
    lsp.WORKSPACE_CONFIGURATION: "workspace.configuration",
    lsp.WORKSPACE_WORKSPACE_FOLDERS: "workspace.workspaceFolders",
    lsp.WINDOW_WORK_DONE_PROGRESS_CREATE: "window.workDoneProgress",
    lsp.WINDOW_SHOW_DOCUMENT: "window.showDocument.support",
    names.HUNK: "experimental.copydecode.hunks",
}
"""What a server may send to clients only that announce it.

workspace/applyEdit is not among it: a client that runs copydecode.applyEdit asks for one, and ALE,
which applies them, announces that it does not.
"""

_PROGRESS: dict[object, type] = {
    "begin": lsp.WorkDoneProgressBegin,
    "report": lsp.WorkDoneProgressReport,
    "end": lsp.WorkDoneProgressEnd,
}


_FORMS = ("experimental", "interactiveResolve")


class Hunk(TypedDict):
    """The parameters of copydecode/hunk."""

    uri: str
    version: int
    edit: int
    index: int
    range: lsp.Range
    newText: str
    final: bool


class ReceiptParams(TypedDict):
    """The parameters of copydecode/receipt."""

    id: NotRequired[str]


class FormField(TypedDict):
    """A field of a form, as gopls has it."""

    id: str
    description: str
    type: Mapping[str, lsp.LSPAny]
    required: NotRequired[bool]
    default: NotRequired[lsp.LSPAny]
    error: NotRequired[str]


class ResolvableCommand(TypedDict):
    """The parameters and the answer of command/resolve; `ExecuteCommandParams` and a form."""

    command: str
    arguments: NotRequired[list[lsp.LSPAny]]
    formFields: NotRequired[list[FormField]]
    formAnswers: NotRequired[list[lsp.LSPAny]]
    workDoneToken: NotRequired[int | str]


@dataclass(frozen=True)
class Own:
    """A method that LSP does not have: who sends it, its parameters, its answer if it has one."""

    sender: str
    params: Type
    answer: Type = None
    is_request: bool = True


OWN = {
    names.HUNK: Own("server", Hunk, is_request=False),
    names.RECEIPT: Own("client", ReceiptParams | None, _SCALARS | None),
    names.RESOLVE_COMMAND: Own("client", ResolvableCommand, ResolvableCommand),
}
"""Every method of ours. A new one needs its schema here."""

COMMANDS: dict[str, Type] = {
    names.APPLY_EDIT: _SCALARS,
    names.LAST_RECEIPT: _SCALARS | None,
    names.WAIT_UNTIL_READY: None,
}
"""What our commands answer, where it is simple; that of others is LSP's `any`."""


@dataclass
class Party:
    """One end of a connection: the requests that wait for their answer, and all ids so far."""

    name: str
    waiting: dict[int | str, Json] = field(default_factory=dict)
    ids: set[int | str] = field(default_factory=set)


@dataclass
class Conversation:
    """What was said so far between a client and a server, and what was wrong about it."""

    breaches: list[str] = field(default_factory=list)
    client: Party = field(default_factory=lambda: Party("client"))
    server: Party = field(default_factory=lambda: Party("server"))
    capabilities: Json = field(default_factory=dict)
    is_initialized: bool = False
    progress: dict[int | str, str] = field(default_factory=dict)
    """What became of each token: asked for, told, begun."""

    def hear(self, body: bytes, *, from_server: bool) -> None:
        """Check one message, as it stands on the wire."""
        sender, other = (self.server, self.client)[:: 1 if from_server else -1]
        message = json.loads(body)
        if not isinstance(message, dict):
            self._tell(sender, "a message", [f"expected an object, got {message!r}"])
        elif "method" in message:
            self._hear_question(message, sender)
        else:
            self._hear_answer(message, sender, other)

    def _tell(self, sender: Party, what: str, found: Iterable[str]) -> None:
        self.breaches += [f"{what} from the {sender.name}: {breach}" for breach in found]

    def _hear_question(self, message: Json, sender: Party) -> None:
        method = str(message["method"])
        if method == lsp.WORKSPACE_EXECUTE_COMMAND and self._announces(_FORMS):
            # The experimental protocol of forms adds the answers to LSP's own parameters.
            plain = {k: v for k, v in message.get("params", {}).items() if k != "formAnswers"}
            message = {**message, "params": plain}
        found = list(_of_schema(message, sender.name)) or list(self._of_turn(message, sender))
        self._tell(sender, method, found)
        if "id" in message:
            sender.waiting[message["id"]] = message
            sender.ids.add(message["id"])
        params = message.get("params")
        if not isinstance(params, dict) or found:
            return
        if method == lsp.INITIALIZE:
            self.capabilities = params["capabilities"]
        elif method == lsp.WINDOW_WORK_DONE_PROGRESS_CREATE:
            self.progress[params["token"]] = "asked for"
        elif "workDoneToken" in params:
            self.progress[params["workDoneToken"]] = "told"

    def _of_turn(self, message: Json, sender: Party) -> Iterator[str]:
        """Yield why the message, right by itself, may not be said now, or to this client."""
        method = message["method"]
        if message.get("id") in sender.ids:
            yield "expected an id of its own"
        if sender is self.client:
            return
        if not self.is_initialized and method not in _BEFORE_INITIALIZED:
            yield "expected not before the answer to initialize"
        if method in _ANNOUNCED and not self._announces(_ANNOUNCED[method].split(".")):
            yield f"the client did not announce {_ANNOUNCED[method]}"
        if method.endswith("/refresh") and not self._announces(
            [*method.split("/")[:-1], "refreshSupport"]
        ):
            yield "the client did not announce its refreshSupport"
        match method:
            case lsp.PROGRESS:
                yield from self._of_progress(message["params"])
            case lsp.WORKSPACE_APPLY_EDIT:
                yield from self._of_edit(message["params"]["edit"])
            case lsp.CLIENT_REGISTER_CAPABILITY:
                for registration in message["params"]["registrations"]:
                    yield from self._of_registration(registration)
            case _:
                pass

    def _of_progress(self, params: Json) -> Iterator[str]:
        """Begin, reports, one end; with a token that was told, or asked for and granted."""
        token, value = params["token"], params["value"]
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind not in _PROGRESS:
            yield f"expected a kind of work-done progress, got {kind!r}"
            return
        yield from breaches(value, _PROGRESS[kind], "value")
        before = self.progress.get(token)
        if before != ("told" if kind == "begin" else "begun"):
            yield f"{kind}: got a token that is {before or 'unknown'}"
        if kind == "end":
            self.progress.pop(token, None)
        else:
            self.progress[token] = "begun"

    def _of_registration(self, registration: Json) -> Iterator[str]:
        method = registration["method"]
        options = registration.get("registerOptions")
        kind = lsp.METHOD_TO_TYPES.get(method, (None,) * 4)[3]
        if kind is not None and options is not None:
            yield from breaches(options, kind, f"{method} registerOptions")
        if not self._announces([*method.split("/"), "dynamicRegistration"]):
            yield f"the client did not announce the dynamic registration of {method}"

    def _of_edit(self, edit: Json) -> Iterator[str]:
        announced = ["workspace", "workspaceEdit"]
        if "documentChanges" in edit and not self._announces([*announced, "documentChanges"]):
            yield "documentChanges: the client did not announce them"
        annotated = "changeAnnotations" in edit or any(
            "annotationId" in change
            for changes in edit.get("documentChanges", [])
            for change in [changes, *changes.get("edits", [])]
        )
        if annotated and not self._announces([*announced, "changeAnnotationSupport"]):
            yield "changeAnnotations: the client did not announce them"

    def _hear_answer(self, message: Json, sender: Party, other: Party) -> None:
        question = other.waiting.pop(message.get("id") or "", None)
        if question is None:
            self._tell(sender, "an answer", [f"no request waits for {message.get('id')!r}"])
            return
        method, params = question["method"], question.get("params")
        found = list(_of_answer(message, method, params))
        if not found and "result" in message:
            found = list(self._of_result(message["result"], method))
        self._tell(sender, f"the answer to {method}", found)
        if method == lsp.INITIALIZE:
            self.is_initialized = True
        elif not isinstance(params, dict):
            return
        elif method == lsp.WINDOW_WORK_DONE_PROGRESS_CREATE and "token" in params:
            granted = "result" in message
            self.progress[params["token"]] = "told" if granted else "refused"
        elif "workDoneToken" in params:
            state = self.progress.pop(params["workDoneToken"], None)
            if state == "begun":
                late = "expected its progress to end first"
                self._tell(sender, f"the answer to {method}", [late])

    def _of_result(self, result: Any, method: str) -> Iterator[str]:  # noqa: ANN401 -- JSON
        """Yield what an answer holds that the client did not announce."""
        match method:
            case lsp.INITIALIZE:
                chosen = result["capabilities"].get("positionEncoding", "utf-16")
                general = self.capabilities.get("general", {})
                if chosen not in ["utf-16", *general.get("positionEncodings", [])]:
                    yield f"positionEncoding: the client did not announce {chosen}"
            case lsp.TEXT_DOCUMENT_CODE_ACTION:
                for action in result or []:
                    yield from self._of_action(action)
            case lsp.CODE_ACTION_RESOLVE:
                yield from self._of_action(result)
            case _:
                pass

    def _of_action(self, action: Json) -> Iterator[str]:
        announced = ["textDocument", "codeAction"]
        if isinstance(action.get("command"), str):
            return
        if not self._announces([*announced, "codeActionLiteralSupport"]):
            yield "a code action: the client announced commands only"
        for name, ability in (
            ("data", "dataSupport"),
            ("tags", "tagSupport"),
            ("disabled", "disabledSupport"),
            ("isPreferred", "isPreferredSupport"),
        ):
            if name in action and not self._announces([*announced, ability]):
                yield f"{name}: the client did not announce its {ability}"
        yield from self._of_edit(action.get("edit", {}))

    def _announces(self, path: Iterable[str]) -> bool:
        found: Any = self.capabilities
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found is not None and found is not False


def _of_schema(message: Json, sender: str) -> Iterator[str]:
    """Yield what a request or a notification is not as its method has it."""
    method = message["method"]
    own = OWN.get(method)
    if own is None and method not in lsp.METHOD_TO_TYPES:
        yield "LSP has no such method, and conformance.OWN no schema of it"
    elif own is None:
        way = lsp.message_direction(method)
        if way != "both" and not way.startswith(sender):
            yield f"not for the {sender} to send"
        yield from breaches(message, lsp.METHOD_TO_TYPES[method][0])
    else:
        if own.sender != sender:
            yield f"not for the {sender} to send"
        if own.is_request != ("id" in message):
            yield f"expected a {'request' if own.is_request else 'notification'}"
        known = {"jsonrpc", "id", "method", "params"}
        if message.get("jsonrpc") != "2.0" or message.keys() - known:
            yield f"expected a message of JSON-RPC, got one of {sorted(message)}"
        yield from breaches(message.get("params"), own.params, "params")


def _of_answer(message: Json, method: str, params: Any) -> Iterator[str]:  # noqa: ANN401 -- JSON
    """Yield what an answer is not as the method of its request has it."""
    if "error" in message:
        yield from breaches(message, lsp.ResponseErrorMessage)
    elif method in OWN or method not in lsp.METHOD_TO_TYPES:
        yield from breaches(message, lsp.ExecuteCommandResponse)
        if method in OWN:
            yield from breaches(message.get("result"), OWN[method].answer, "result")
    else:
        yield from breaches(message, lsp.METHOD_TO_TYPES[method][1])
        if method == lsp.WORKSPACE_EXECUTE_COMMAND and params and params["command"] in COMMANDS:
            yield from breaches(message.get("result"), COMMANDS[params["command"]], "result")


class _HeardReader:
    """A stream of framed messages, whose bodies are heard as they are read."""

    def __init__(self, reader: Any, hear: Callable[[bytes], None]) -> None:  # noqa: ANN401 -- any
        self.readline = reader.readline
        self._reader = reader
        self._hear = hear

    async def readexactly(self, count: int) -> bytes:
        """Return a body."""
        body: bytes = await self._reader.readexactly(count)
        self._hear(body)
        return body


class _HeardWriter:
    """A stream of framed messages, whose bodies are heard before they are written."""

    def __init__(self, writer: Any, hear: Callable[[bytes], None]) -> None:  # noqa: ANN401 -- any
        self.close = writer.close
        self._writer = writer
        self._hear = hear

    def write(self, data: bytes) -> Any:  # noqa: ANN401 -- as the writer's
        """Pass a message on."""
        self._hear(data.partition(b"\r\n\r\n")[2])
        return self._writer.write(data)


@contextmanager
def watched() -> Iterator[list[Conversation]]:
    """Hear every connection that a client of ours makes within; yields what was heard."""
    heard: list[Conversation] = []
    attach = HeadlessClient.attach

    def attach_watched(client: HeadlessClient, reader: Any, writer: Any) -> None:  # noqa: ANN401
        conversation = Conversation()
        heard.append(conversation)
        attach(
            client,
            cast("Any", _HeardReader(reader, partial(conversation.hear, from_server=True))),
            cast("Any", _HeardWriter(writer, partial(conversation.hear, from_server=False))),
        )

    with patch.object(HeadlessClient, "attach", attach_watched):
        yield heard
