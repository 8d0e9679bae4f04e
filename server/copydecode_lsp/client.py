"""A headless LSP client: starts a server as a subprocess, keeps documents, applies its edits.

For the command line, the benchmark, the demo and the tests. It speaks plain LSP and knows nothing
of the engine.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from cattrs import Converter
from lsprotocol import types as lsp
from pygls.client import logger
from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async
from pygls.lsp.client import LanguageClient
from pygls.protocol import (
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    default_converter,
)
from pygls.workspace import PositionCodec

from copydecode import __version__
from copydecode_lsp.convert import apply_text_edits
from copydecode_lsp.names import HUNK

if TYPE_CHECKING:  # pygls defines them for type checkers only.
    from pygls.io_ import AsyncReader, AsyncWriter

STOP_S = 15.0
"""How long a server may take to exit before it is killed."""

OnProgress = Callable[[str, str | None], None]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the client tells the server that it can do."""

    encodings: tuple[lsp.PositionEncodingKind, ...] = (
        lsp.PositionEncodingKind.Utf32,
        lsp.PositionEncodingKind.Utf16,
    )
    action_literals: bool = True
    resolves_edits: bool = True
    llm_tag: bool = True
    preferred: bool = True
    document_changes: bool = True
    annotations: bool = False
    apply_edit: bool = True
    progress: bool = True
    hunks: bool = False
    forms: bool = False
    configuration: bool = False

    def to_lsp(self) -> lsp.ClientCapabilities:
        """Return the capabilities of `initialize`."""
        literals = lsp.ClientCodeActionLiteralOptions(
            code_action_kind=lsp.ClientCodeActionKindOptions(
                value_set=[lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.RefactorRewrite]
            )
        )
        tags = lsp.CodeActionTagOptions(value_set=[lsp.CodeActionTag.LlmGenerated])
        return lsp.ClientCapabilities(
            general=lsp.GeneralClientCapabilities(position_encodings=list(self.encodings)),
            text_document=lsp.TextDocumentClientCapabilities(
                code_action=lsp.CodeActionClientCapabilities(
                    code_action_literal_support=literals if self.action_literals else None,
                    data_support=self.resolves_edits,
                    resolve_support=lsp.ClientCodeActionResolveOptions(properties=["edit"])
                    if self.resolves_edits
                    else None,
                    tag_support=tags if self.llm_tag else None,
                    is_preferred_support=self.preferred,
                ),
                publish_diagnostics=lsp.PublishDiagnosticsClientCapabilities(data_support=True),
            ),
            workspace=lsp.WorkspaceClientCapabilities(
                apply_edit=self.apply_edit,
                configuration=self.configuration,
                did_change_configuration=lsp.DidChangeConfigurationClientCapabilities(
                    dynamic_registration=self.configuration
                ),
                workspace_edit=lsp.WorkspaceEditClientCapabilities(
                    document_changes=self.document_changes,
                    change_annotation_support=lsp.ChangeAnnotationsSupportOptions()
                    if self.annotations
                    else None,
                ),
            ),
            notebook_document=lsp.NotebookDocumentClientCapabilities(
                synchronization=lsp.NotebookDocumentSyncClientCapabilities()
            ),
            window=lsp.WindowClientCapabilities(work_done_progress=self.progress),
            experimental=self._experimental() or None,
        )

    def _experimental(self) -> dict[str, Any]:
        """Return what LSP does not have: the preview of hunks, and gopls' forms."""
        experimental: dict[str, Any] = {}
        if self.hunks:
            experimental["copydecode"] = {"hunks": True}
        if self.forms:
            experimental["interactiveResolve"] = {"inputTypes": ["string"]}
        return experimental


@dataclass(slots=True)
class OpenDocument:
    """The client's copy of an open document, or of a cell of an open notebook."""

    version: int
    text: str = field(repr=False)
    notebook: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request under way: its id, to cancel it by, and its answer."""

    id: str
    answer: Future[Any]


_NotebookFilter = (
    str
    | lsp.NotebookDocumentFilterNotebookType
    | lsp.NotebookDocumentFilterScheme
    | lsp.NotebookDocumentFilterPattern
    | None
)


def _converter() -> Converter:
    """Return pygls' converter with three mends.

    lsprotocol takes every code action that carries a command for a bare command, and cannot read
    which notebooks a server is for.
    """
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]

    def structure(value: Any, _type: object) -> lsp.Command | lsp.CodeAction:  # noqa: ANN401 -- JSON
        bare = isinstance(value.get("command"), str)
        kind: type[lsp.Command | lsp.CodeAction] = lsp.Command if bare else lsp.CodeAction
        return converter.structure(value, kind)

    converter.register_structure_hook(lsp.Command | lsp.CodeAction, structure)
    converter.register_structure_hook(_NotebookFilter, lambda value, _type: value)
    # The answers to requests that LSP does not have stay JSON.
    converter.register_structure_hook(JsonRPCResponseMessage, lambda data, cls: cls(**data))
    return converter


class _Protocol(LanguageServerProtocol):
    """pygls' protocol, but an answer that cannot be read fails its request, which else waits."""

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 -- any message
        """Read a message."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" not in data:
                self._handle_response(data.get("id", ""), error=error.to_response_error())
            raise


class HeadlessClient(LanguageClient):
    """One connection to one server. A failing request raises pygls' `JsonRpcException`."""

    def __init__(
        self,
        abilities: Abilities | None = None,
        on_progress: OnProgress = lambda _title, _message: None,
    ) -> None:
        super().__init__(
            "copydecode-headless",
            __version__,
            protocol_cls=_Protocol,
            converter_factory=_converter,
        )
        self.abilities = abilities or Abilities()
        self.on_progress = on_progress
        self.documents: dict[str, OpenDocument] = {}
        self.notebook_versions: dict[str, int] = {}
        self.messages: list[lsp.ShowMessageParams] = []
        self.configuration: dict[str | None, Any] = {}
        self.registered: list[str] = []
        self.unconfirmed: list[lsp.ChangeAnnotation] = []
        """Of the edits that were applied those that a user would have been asked for."""
        self.choose: Callable[[list[str]], str | None] = lambda _titles: None
        self.progress_seen: list[tuple[str, dict[str, Any]]] = []
        self.hunks_seen: list[Any] = []
        self.initialize_s = 0.0
        self.server_capabilities = lsp.ServerCapabilities()
        self.diagnostics: dict[str, list[lsp.Diagnostic]] = {}
        self._was_published = asyncio.Event()
        self.codec = PositionCodec()
        self._started = time.monotonic()
        self._titles: dict[lsp.ProgressToken, str] = {}
        for method, handler in (
            (lsp.WINDOW_SHOW_MESSAGE, self.messages.append),
            (lsp.WINDOW_SHOW_MESSAGE_REQUEST, self._choose),
            (lsp.WORKSPACE_CONFIGURATION, self._configure),
            (lsp.CLIENT_REGISTER_CAPABILITY, self._register),
            (lsp.WINDOW_WORK_DONE_PROGRESS_CREATE, self._create_progress),
            (lsp.PROGRESS, self._progress),
            (lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, self._publish),
            (HUNK, self.hunks_seen.append),
        ):
            # A partial, since pygls sets attributes on what it registers.
            self.feature(method)(partial(handler))
        if self.abilities.apply_edit:
            self.feature(lsp.WORKSPACE_APPLY_EDIT)(partial(self._apply_edit))

    async def spawn(self, command: Sequence[str], stderr: BinaryIO | int | None = None) -> None:
        """Start the server and talk to it over its stdin and stdout.

        pygls' own `start_io` pipes stderr and never reads it: a server that logs would block.
        """
        self._started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
        if process.stdin is None or process.stdout is None:
            message = "the server process has no stdin or stdout"
            raise RuntimeError(message)
        self._server = process
        self.attach(process.stdout, process.stdin)  # type: ignore[arg-type]  # write() needs no await
        watch = self._server_exit()  # type: ignore[no-untyped-call]
        self._async_tasks.append(asyncio.create_task(watch))

    def attach(self, reader: AsyncReader, writer: AsyncWriter) -> None:
        """Talk to a server over any pair of streams."""
        self.protocol.set_writer(writer)
        loop = run_async(
            stop_event=self._stop_event,
            reader=reader,
            protocol=self.protocol,
            logger=logger,
            error_handler=self.report_server_error,
        )
        self._async_tasks.append(asyncio.create_task(loop))

    async def handshake(
        self, options: dict[str, Any] | None = None, folders: Sequence[str] = ()
    ) -> lsp.InitializeResult:
        """Initialize, with workspace folders by their URIs.

        `initialize_s` is then the time from `spawn` to the answer, in seconds.
        """
        result = await self.initialize_async(
            lsp.InitializeParams(
                capabilities=self.abilities.to_lsp(),
                initialization_options=options,
                workspace_folders=[lsp.WorkspaceFolder(uri=uri, name=uri) for uri in folders],
            )
        )
        self.initialize_s = time.monotonic() - self._started
        self.server_capabilities = result.capabilities
        self.codec = PositionCodec(result.capabilities.position_encoding)
        self.initialized(lsp.InitializedParams())
        return result

    def open(self, uri: str, text: str, language: str = "plaintext") -> None:
        """Open a document at version 1, or, where it was open before, at the next version.

        An edit that was on its way while the document was closed is then for no version of it.
        """
        before = self.documents.get(uri)
        version = 1 if before is None else before.version + 1
        self.documents[uri] = OpenDocument(version, text)
        item = lsp.TextDocumentItem(uri=uri, language_id=language, version=version, text=text)
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))

    def open_notebook(self, uri: str, cells: Mapping[str, str], language: str = "python") -> None:
        """Open a notebook of code cells, given by their addresses, all at version 1."""
        self.notebook_versions[uri] = 1
        self.documents |= {cell: OpenDocument(1, text, uri) for cell, text in cells.items()}
        kind = lsp.NotebookCellKind.Code
        self.notebook_document_did_open(
            lsp.DidOpenNotebookDocumentParams(
                notebook_document=lsp.NotebookDocument(
                    uri=uri,
                    notebook_type="jupyter-notebook",
                    version=1,
                    cells=[lsp.NotebookCell(kind=kind, document=cell) for cell in cells],
                ),
                cell_text_documents=[
                    lsp.TextDocumentItem(uri=cell, language_id=language, version=1, text=text)
                    for cell, text in cells.items()
                ],
            )
        )

    def change(self, uri: str, text: str) -> None:
        """Replace a document's or a cell's whole text, as its next version."""
        document = self.documents[uri]
        document.version += 1
        document.text = text
        identifier = lsp.VersionedTextDocumentIdentifier(uri=uri, version=document.version)
        changes = [lsp.TextDocumentContentChangeWholeDocument(text=text)]
        if document.notebook is None:
            self.text_document_did_change(
                lsp.DidChangeTextDocumentParams(text_document=identifier, content_changes=changes)
            )
            return
        content = lsp.NotebookDocumentCellContentChanges(document=identifier, changes=changes)
        cells = lsp.NotebookDocumentCellChanges(text_content=[content])
        self.change_notebook(document.notebook, cells)

    def change_notebook(self, uri: str, cells: lsp.NotebookDocumentCellChanges) -> None:
        """Tell of changes of a notebook's cells, as its next version."""
        self.notebook_versions[uri] += 1
        identifier = lsp.VersionedNotebookDocumentIdentifier(self.notebook_versions[uri], uri)
        self.notebook_document_did_change(
            lsp.DidChangeNotebookDocumentParams(
                notebook_document=identifier, change=lsp.NotebookDocumentChangeEvent(cells=cells)
            )
        )

    async def code_actions(
        self,
        uri: str,
        span: lsp.Range,
        diagnostics: Sequence[lsp.Diagnostic] = (),
        only: Sequence[lsp.CodeActionKind | str] | None = None,
    ) -> list[lsp.CodeAction | lsp.Command]:
        """Ask for the code actions of a range."""
        context = lsp.CodeActionContext(diagnostics=list(diagnostics), only=only)
        answer = await self.text_document_code_action_async(
            lsp.CodeActionParams(
                text_document=lsp.TextDocumentIdentifier(uri), range=span, context=context
            )
        )
        return list(answer or [])

    async def execute(
        self, command: str, *arguments: object, token: str | None = None
    ) -> dict[str, Any] | None:
        """Run a command of the server and return its answer."""
        params = lsp.ExecuteCommandParams(
            command=command, arguments=list(arguments), work_done_token=token
        )
        answer: dict[str, Any] | None = await self.workspace_execute_command_async(params)
        return answer

    def call(self, method: str, params: object) -> Call:
        """Send a request that can be cancelled."""
        message_id = str(uuid.uuid4())
        return Call(message_id, self.protocol.send_request(method, params, msg_id=message_id))

    def cancel(self, call: Call) -> None:
        """Ask the server to cancel a request; it still answers."""
        self.cancel_request(lsp.CancelParams(id=call.id))

    async def published(self, uri: str) -> list[lsp.Diagnostic]:
        """Return a document's diagnostics, once the server has published some."""
        while uri not in self.diagnostics:
            self._was_published.clear()
            await self._was_published.wait()
        return self.diagnostics[uri]

    @property
    def pid(self) -> int | None:
        """The server's process; None where there is none, or none any more."""
        process = self._server
        return None if process is None or process.returncode is not None else process.pid

    def apply(self, edit: lsp.WorkspaceEdit) -> str | None:
        """Apply an edit to our copies, all of it or nothing, and tell the server of the changes.

        Returns why it was refused, None where it was applied.
        """
        changes: list[tuple[str, int | None, Sequence[lsp.TextEdit]]] = [
            (uri, None, edits) for uri, edits in (edit.changes or {}).items()
        ]
        for change in edit.document_changes or []:
            if not isinstance(change, lsp.TextDocumentEdit):
                return "expected text edits only"
            plain = [
                lsp.TextEdit(e.range, e.new_text)
                for e in change.edits
                if isinstance(e, (lsp.TextEdit, lsp.AnnotatedTextEdit))
            ]
            if len(plain) != len(change.edits):
                return "expected plain text edits only"
            changes.append((change.text_document.uri, change.text_document.version, plain))
        texts: dict[str, str] = {}
        for uri, version, edits in changes:
            document = self.documents.get(uri)
            if document is None:
                return f"{uri} is not open"
            if version not in {None, document.version}:
                return f"{uri} is at version {document.version}, the edit is for {version}"
            try:
                texts[uri] = apply_text_edits(document.text, edits, self.codec)
            except ValueError as error:
                return str(error)
        for uri, text in texts.items():
            self.change(uri, text)
        annotations = (edit.change_annotations or {}).values()
        self.unconfirmed += [a for a in annotations if a.needs_confirmation]
        return None

    async def close(self) -> int | None:
        """Shut the server down in order, or kill it after `STOP_S`; returns its exit code."""
        process = self._server
        if process is None:
            self._stop_event.set()
            if (writer := self.protocol.writer) is not None:
                writer.close()
        elif process.returncode is None:
            try:
                await asyncio.wait_for(self._leave(process), STOP_S)
            except TimeoutError:
                process.kill()
        if process is not None:
            await process.wait()
        await asyncio.gather(*self._async_tasks, return_exceptions=True)
        return process.returncode if process else None

    async def _leave(self, process: asyncio.subprocess.Process) -> None:
        try:
            await self.shutdown_async(None)
            self.exit(None)
        except (RuntimeError, ConnectionError, JsonRpcException):
            return  # The server is gone already.
        await process.wait()

    def _apply_edit(self, params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        reason = self.apply(params.edit)
        return lsp.ApplyWorkspaceEditResult(applied=reason is None, failure_reason=reason)

    def _publish(self, params: lsp.PublishDiagnosticsParams) -> None:
        self.diagnostics[params.uri] = list(params.diagnostics)
        self._was_published.set()

    def _configure(self, params: lsp.ConfigurationParams) -> list[Any]:
        return [self.configuration.get(item.scope_uri) for item in params.items]

    def _register(self, params: lsp.RegistrationParams) -> None:
        self.registered += [registration.method for registration in params.registrations]

    def _choose(self, params: lsp.ShowMessageRequestParams) -> lsp.MessageActionItem | None:
        titles = [action.title for action in params.actions or []]
        chosen = self.choose(titles)
        return None if chosen is None else lsp.MessageActionItem(chosen)

    def _create_progress(self, params: lsp.WorkDoneProgressCreateParams) -> None:
        self._titles[params.token] = ""

    def _progress(self, params: lsp.ProgressParams) -> None:
        value: dict[str, Any] = dict(params.value or {})
        kind = value.get("kind")
        if kind == "begin":
            self._titles[params.token] = str(value.get("title", ""))
        title = self._titles.get(params.token, "")
        self.progress_seen.append((title, value))
        self.on_progress(title, None if kind == "end" else value.get("message"))
