"""The server object that every handler gets: pygls' server with our documents, worker and settings.

Knows nothing of single requests; `app` holds the table of handlers.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import attrs
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.workspace import PositionCodec

from copydecode import EditRequest, EngineConfig, Scope, __version__
from copydecode.config import RemoteApi
from copydecode.errors import BadInputError
from copydecode_lsp import forms, read_ahead
from copydecode_lsp.failures import invalid_params, refusal
from copydecode_lsp.features import ClientFeatures
from copydecode_lsp.history import History
from copydecode_lsp.instructions import Instruction, to_json
from copydecode_lsp.names import RECEIPT, RESOLVE_COMMAND
from copydecode_lsp.proposals import Proposals
from copydecode_lsp.read_ahead import ReadAhead
from copydecode_lsp.receipts import Receipts, edit_id
from copydecode_lsp.settings import Settings
from copydecode_lsp.snapshots import Snapshot, Snapshots
from copydecode_lsp.worker import Editor, Load, Worker

_arrived: ContextVar[Snapshots] = ContextVar("arrived")
"""The documents as they were when the message that is handled came."""

PlainParams = Any
"""The parameters of a request that LSP does not have: JSON as it came."""

_CHANGES = frozenset({lsp.TEXT_DOCUMENT_DID_CHANGE, lsp.NOTEBOOK_DOCUMENT_DID_CHANGE})

PLAIN_REQUESTS = frozenset({RECEIPT, RESOLVE_COMMAND})


@attrs.define
class PlainRequest:
    """A request that LSP does not have; its parameters stay JSON."""

    id: int | str
    method: str
    jsonrpc: str
    params: Any = None


class CopydecodeProtocol(LanguageServerProtocol):
    """pygls' protocol with its own document store and its generator command handler replaced.

    A command that pygls runs through its generator is not told of `$/cancelRequest`, and loses the
    client's progress token. As a coroutine it is one task, which a cancel request cancels.

    Every request gets an answer: pygls is silent to one that it cannot read, and to one that comes
    before `initialize` or after `shutdown`.
    """

    _server: CopydecodeServer

    @property
    def shut_down(self) -> bool:
        """Whether the client asked for shutdown."""
        return bool(self._shutdown)

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 -- any message
        """Read a message; one that cannot be read is answered, or its document given up."""
        if data.get("method") == lsp.INITIALIZED:
            data = {"params": {}, **data}  # Some clients leave them out: they are empty anyway.
        if data.get("method") in PLAIN_REQUESTS and "id" in data:
            return PlainRequest(
                data["id"], data["method"], str(data.get("jsonrpc")), data.get("params")
            )
        if data.get("method") == lsp.WORKSPACE_EXECUTE_COMMAND:
            data = {**data, "params": forms.with_answers(data.get("params"))}
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" not in data:
                self._handle_response(data.get("id", ""), error=error.to_response_error())
            elif "id" in data:
                self._send_response(data["id"], error=error.to_response_error())
            elif data["method"] in _CHANGES:
                self._server.snapshots.lose(data.get("params"))
            raise

    def handle_message(self, message: Any) -> None:  # noqa: ANN401 -- any message
        """Handle a message that may come now; answer a request that may not, drop the rest."""
        method = getattr(message, "method", None)
        problem = self._problem(getattr(message, "jsonrpc", None), method)
        if problem is None:
            # A coroutine begins when the messages that came with its own have been handled.
            _arrived.set(self._server.snapshots.view())
            super().handle_message(message)
        elif method is not None and hasattr(message, "id"):
            self._send_response(message.id, error=problem.to_response_error())

    def _problem(self, version: str | None, method: str | None) -> JsonRpcException | None:
        """Return why a message may not come now."""
        if version != self.VERSION:
            return refusal(lsp.ErrorCodes.InvalidRequest, "expected a JSON-RPC 2.0 message")
        if method is None or method == lsp.EXIT:
            return None
        if self._shutdown:
            return refusal(lsp.ErrorCodes.InvalidRequest, "the server is shutting down")
        if (self._workspace is None) != (method == lsp.INITIALIZE):
            if method == lsp.INITIALIZE:
                return refusal(lsp.ErrorCodes.InvalidRequest, "the server is initialized already")
            return refusal(lsp.ErrorCodes.ServerNotInitialized, "expected initialize first")
        return None

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(
        self, params: lsp.InitializeParams
    ) -> Generator[Any, Any, lsp.InitializeResult]:
        """Answer with what pygls works out of the handlers, and with what LSP does not have."""
        result = yield from super().lsp_initialize(params)
        result.capabilities.experimental = forms.PROVIDER
        return result

    @lsp_method(lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def lsp_workspace__did_change_workspace_folders(
        self, params: lsp.DidChangeWorkspaceFoldersParams
    ) -> Generator[Any, Any, None]:
        """Take over the client's folders; what was kept for one that was closed is dropped."""
        for folder in params.event.added:
            self.workspace.add_folder(folder)
        for folder in params.event.removed:
            self.workspace.remove_folder(folder.uri)
            self._server.history.forget(folder.uri)
            self._server.folder_settings.pop(folder.uri, None)
        yield self.fm.features[lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS], (params,), None

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]  # a coroutine on purpose
        self, params: lsp.ExecuteCommandParams
    ) -> Any:  # noqa: ANN401 -- whatever JSON the command answers
        """Run a registered command with the whole parameters."""
        if (handler := self.fm.commands.get(params.command)) is None:
            message = f"expected one of {', '.join(self.fm.commands)}, got {params.command!r}"
            raise invalid_params(message)
        return await handler(params)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: lsp.DidOpenTextDocumentParams) -> None:
        """Keep a document, and have it read ahead."""
        self._server.snapshots.open(params.text_document)
        self._server.read_ahead.expect(self._server.snapshots.get(params.text_document.uri))

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: lsp.DidChangeTextDocumentParams) -> None:
        """Change a document, and have it read ahead once it stays as it is."""
        self._change(params.text_document, params.content_changes)

    @lsp_method(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """Forget a document."""
        self._server.snapshots.close(params.text_document.uri)

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: lsp.DidOpenNotebookDocumentParams) -> None:
        """Keep a notebook's cells, each a document of its own.

        They are not read ahead before somebody changes one or asks for its actions: there may be
        hundreds, and each would take the place of a document that is worked on.
        """
        for cell in params.cell_text_documents:
            self._server.snapshots.open(cell, params.notebook_document.uri)

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(
        self, params: lsp.DidChangeNotebookDocumentParams
    ) -> None:
        """Open and close cells, then change them; where a cell stands in the notebook is all one.

        Raises:
            BadInputError: a cell's changes could not be made; those of the others are.
        """
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure is not None:
            for closed in cells.structure.did_close or ():
                self._server.snapshots.close(closed.uri)
            for opened in cells.structure.did_open or ():
                self._server.snapshots.open(opened, params.notebook_document.uri)
        problem: BadInputError | None = None
        for content in cells.text_content or ():
            try:
                self._change(content.document, content.changes)
            except BadInputError as error:
                problem = error
        if problem is not None:
            raise problem

    @lsp_method(lsp.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: lsp.DidCloseNotebookDocumentParams) -> None:
        """Forget a notebook's cells."""
        self._server.snapshots.close_notebook(params.notebook_document.uri)

    def _change(
        self,
        document: lsp.VersionedTextDocumentIdentifier,
        changes: Sequence[lsp.TextDocumentContentChangeEvent],
    ) -> None:
        """Change a document or a cell, and have it read ahead once it stays as it is."""
        snapshots = self._server.snapshots
        snapshots.change(document.uri, document.version, changes, self._server.codec)
        snapshot = snapshots.get(document.uri)
        self._server.read_ahead.expect(snapshot, quiet_s=read_ahead.QUIET_S)


@dataclass(slots=True)
class Loading:
    """What came of a worker's load: an engine, not kept alive by this, or why there is none."""

    editor: Callable[[], Editor | None] = lambda: None
    failure: str | None = None


class CopydecodeServer(LanguageServer):
    """The language server's state. One client, one engine, but while the next one is loaded.

    `settings` are the server's, `initial` those before a client was asked for its configuration.
    `worker` has the engine that edits, loaded with `loaded` (None: not `begun` yet); `wanted` is
    what it shall be loaded with.
    """

    protocol: CopydecodeProtocol

    def __init__(self, load: Load, config: EngineConfig) -> None:
        super().__init__(
            "copydecode",
            __version__,
            protocol_cls=CopydecodeProtocol,
            notebook_document_sync=lsp.NotebookDocumentSyncOptions(
                [lsp.NotebookDocumentFilterWithNotebook(notebook="*")]
            ),
        )
        self.initial = self.settings = Settings(config)
        self.folder_settings: dict[str, Settings] = {}
        self.initial_problems: list[str] = []
        self.setting_problems: list[str] = []
        self.features = ClientFeatures()
        self.root_uri: str | None = None  # That of a client that knows no workspace folders.
        self.snapshots = Snapshots()
        self.loaded: EngineConfig | None = None
        self.wanted: EngineConfig | None = None
        self.begun = asyncio.Event()
        self._told_remote: set[str] = set()
        self._load = load
        self._workers: list[Worker] = []
        self._loadings: dict[Worker, Loading] = {}
        self.worker = self.new_worker()
        self.read_ahead = ReadAhead(self.worker, self.snapshots, self._reads_ahead)
        self.proposals = Proposals()
        self.receipts = Receipts()
        self.history = History()

    @property
    def codec(self) -> PositionCodec:
        """Positions in the negotiated encoding."""
        return self.workspace.position_codec

    @property
    def arrived(self) -> Snapshots:
        """The documents as they were when the request that is handled came: its ranges mean them.

        A change that came right behind it may have been made before its handler began.
        """
        return _arrived.get()

    @property
    def config(self) -> EngineConfig:
        """The engine's configuration, as it is set for the server."""
        return self.settings.engine

    def settings_of(self, uri: str) -> Settings:
        """Return the settings of the folder that a document lies in, else the server's."""
        return self.folder_settings.get(self.folder_of(uri), self.settings)

    def config_of(self, uri: str) -> EngineConfig:
        """Return what edits of a document are made with: as the engine that edits was loaded."""
        config = self.settings_of(uri).engine
        return replace(
            self.loaded or config,
            limits=config.limits,
            scope_lock=config.scope_lock,
            self_check=config.self_check,
            max_document_bytes=config.max_document_bytes,
        )

    def new_worker(self) -> Worker:
        """Return another worker, not started; all are stopped and closed together."""
        loading = Loading()

        def load(config: EngineConfig) -> Editor:
            try:
                editor = self._load(config)
            except BaseException as error:
                loading.failure = str(error) or type(error).__name__
                raise
            loading.failure, loading.editor = None, weakref.ref(editor)
            return editor

        def recovered() -> None:
            if worker is self.worker and self.loaded is not None:
                self.tell_remote(self.loaded)

        worker = Worker(load, recovered)
        self._workers.append(worker)
        self._loadings[worker] = loading
        return worker

    @property
    def loading(self) -> Loading:
        """What came of the load of the engine that edits."""
        return self._loadings[self.worker]

    def stop(self) -> None:
        """Stop what runs and waits in every worker; returns at once."""
        self.read_ahead.stop()
        for worker in self._workers:
            worker.stop()

    def close(self, timeout_s: float) -> bool:
        """Stop, and return whether every worker's thread ended within the time."""
        for worker in self._workers:
            worker.stop()
        return all(worker.close(timeout_s) for worker in self._workers)

    @property
    def readable_folders(self) -> tuple[str, ...]:
        """The folders in which files that are not open may be read."""
        folders = tuple(folder.uri for folder in self.workspace.folders.values())
        return folders if self.root_uri is None else (self.root_uri,)

    def folder_of(self, uri: str) -> str:
        """Return the innermost workspace folder that a document lies in, "" where it is in none.

        A cell lies where its notebook does; an untitled document lies in none.
        """
        name = unquote(self.snapshots.home(uri))
        folders = [f for f in self.workspace.folders if _is_within(name, unquote(f))]
        return max(folders, key=len, default="")

    @staticmethod
    def request(
        config: EngineConfig,
        snapshot: Snapshot,
        instruction: Instruction,
        *,
        text: str | None = None,
        scope: Scope | None = None,
    ) -> EditRequest:
        """Return the engine's request; of another text, and about other lines, where given."""
        scope = scope or instruction.scope
        if scope is not None and not config.scope_lock:
            scope = replace(scope, locked=False)
        return EditRequest(
            text=snapshot.text if text is None else text,
            instruction=instruction.prompt,
            scope=scope,
            limits=config.limits,
            max_document_bytes=config.max_document_bytes,
            language=snapshot.language,
            name=snapshot.uri,
            erase=instruction.erase,
            # A notebook's cell alone does not say which names there are.
            self_check=config.self_check and instruction.diagnostic and not snapshot.is_cell,
            fix_elsewhere=instruction.diagnostic,
        )

    @staticmethod
    def edit_id(snapshot: Snapshot, instruction: Instruction) -> str:
        """Return what an edit, and the action that it is of, are known by."""
        # As it is carried out, by an action or by a command.
        words = replace(instruction, text=instruction.text.strip(), diagnostic=False)
        return edit_id(snapshot.uri, snapshot.version, to_json(words))

    def _reads_ahead(self, snapshot: Snapshot) -> bool:
        if snapshot.read_only:
            return False
        settings = self.settings_of(snapshot.uri)
        return settings.read_ahead and len(snapshot.text) <= settings.engine.max_document_bytes

    def tell_remote(self, config: EngineConfig) -> None:
        """Say, once for each host, that text leaves the machine."""
        host = config.remote_host
        if host is not None and host not in self._told_remote:
            self._told_remote.add(host)
            named = ", the file's name" if config.remote_api is RemoteApi.CHAT else ""
            self.show(
                lsp.MessageType.Info,
                f"copydecode: edits are made by the model server at {host}. The text around an "
                f"edit{named}, and its instruction, are sent there when it is asked for.",
            )

    def show(self, kind: lsp.MessageType, message: str) -> None:
        """Show the user a message."""
        self.window_show_message(lsp.ShowMessageParams(type=kind, message=message))


def _is_within(uri: str, folder: str) -> bool:
    return uri == folder or uri.startswith(folder.removesuffix("/") + "/")
