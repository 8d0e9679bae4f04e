"""Cells of notebooks are documents of their own: synced, listed, edited, versioned."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import DEVNULL

import pytest
from lsprotocol import types as lsp

from copydecode_lsp.client import HeadlessClient
from tests.server import fake_engine
from tests.server.harness import (
    PATIENCE_S,
    URI,
    Pair,
    as_json,
    connected,
    cursor,
    diagnostic,
    failure,
    lines,
    until,
)

NOTEBOOK = "file:///work/plots.ipynb"
FIRST, SECOND = (f"vscode-notebook-cell:/work/plots.ipynb#W{n}sZmlsZQ%3D%3D" for n in range(2))
CELLS = {FIRST: "name = 1\nprint(names)", SECOND: "a\nb\nc\n"}
NAMES = diagnostic("undefined name 'names'", 2)


@asynccontextmanager
async def notebook(load: fake_engine.FakeBackend | None = None) -> AsyncIterator[Pair]:
    backend = load or fake_engine.FakeBackend()
    async with connected(load=backend.load) as pair:
        pair.client.open_notebook(NOTEBOOK, CELLS)
        await pair.client.execute("copydecode.lastReceipt")  # It is open.
        yield pair


async def edit(client: HeadlessClient, uri: str, instruction: str, span: lsp.Range) -> object:
    argument = {"uri": uri, "instruction": instruction, "range": as_json(span)}
    return await client.execute("copydecode.applyEdit", argument)


async def restructure(
    pair: Pair,
    order: list[str],
    *,
    opened: list[lsp.TextDocumentItem] | None = None,
    closed: tuple[str, ...] = (),
) -> None:
    cells = [lsp.NotebookCell(kind=lsp.NotebookCellKind.Code, document=uri) for uri in order]
    array = lsp.NotebookCellArrayChange(start=0, delete_count=2, cells=cells)
    structure = lsp.NotebookDocumentCellChangeStructure(
        array=array,
        did_open=opened,
        did_close=[lsp.TextDocumentIdentifier(uri) for uri in closed],
    )
    pair.client.change_notebook(NOTEBOOK, lsp.NotebookDocumentCellChanges(structure=structure))
    await pair.client.execute("copydecode.lastReceipt")  # It is made.


@pytest.mark.e2e
async def test_a_cell_is_listed_and_edited_over_stdio() -> None:
    client = HeadlessClient()
    await client.spawn([sys.executable, "-m", "tests.server.fake_server"], stderr=DEVNULL)
    result = await client.handshake()
    sync = result.capabilities.notebook_document_sync
    assert isinstance(sync, lsp.NotebookDocumentSyncOptions)
    (selector,) = sync.notebook_selector
    assert isinstance(selector, lsp.NotebookDocumentFilterWithNotebook)
    assert (selector.notebook, selector.cells) == ("*", None)
    client.open_notebook(NOTEBOOK, CELLS)
    (action,) = await client.code_actions(FIRST, cursor(2), [NAMES])
    assert isinstance(action, lsp.CodeAction)
    resolved = await client.code_action_resolve_async(action)
    assert resolved.edit is not None
    (change,) = resolved.edit.document_changes or []
    assert isinstance(change, lsp.TextDocumentEdit)
    assert (change.text_document.uri, change.text_document.version) == (FIRST, 1)
    assert client.apply(resolved.edit) is None
    await edit(client, FIRST, "put: x", lines(1, 1))
    await edit(client, SECOND, "delete", lines(2, 2))
    assert client.documents[FIRST].text == "x\nprint(name)"
    assert client.documents[SECOND].text == "a\nc\n"
    assert (client.documents[FIRST].version, client.documents[SECOND].version) == (3, 2)
    assert await client.close() == 0


async def test_a_cell_has_a_language_of_its_own_and_no_lines_of_the_others() -> None:
    async with notebook() as pair:
        item = lsp.TextDocumentItem("cell:note", "markdown", 7, "Some words\n")
        await restructure(pair, [FIRST, "cell:note", SECOND], opened=[item])
        snapshot = pair.server.snapshots.get("cell:note")
        assert (snapshot.language, snapshot.version) == ("markdown", 7)
        assert pair.server.snapshots.get(FIRST).language == "python"
        error = await failure(pair.client.code_actions(FIRST, cursor(4)))
    assert error.message == "expected lines within 1 to 2, found 4 to 4"


async def test_a_cell_is_changed_in_the_negotiated_encoding_by_its_own_version() -> None:
    async with notebook() as pair:
        pair.client.change(SECOND, "\U0001f40d = 1\n")
        identifier = lsp.VersionedTextDocumentIdentifier(uri=SECOND, version=9)
        span = lsp.Range(lsp.Position(0, 4), lsp.Position(0, 5))
        change = lsp.TextDocumentContentChangePartial(range=span, text="2")
        content = lsp.NotebookDocumentCellContentChanges(document=identifier, changes=[change])
        pair.client.change_notebook(
            NOTEBOOK, lsp.NotebookDocumentCellChanges(text_content=[content])
        )
        await pair.client.execute("copydecode.lastReceipt")
        snapshot = pair.server.snapshots.get(SECOND)
        assert (snapshot.version, snapshot.text) == (9, "\U0001f40d = 2\n")
        assert pair.server.snapshots.get(FIRST).version == 1


async def test_an_edit_of_a_cell_is_rebased_on_what_was_typed_into_it() -> None:
    backend = fake_engine.FakeBackend()
    async with notebook(backend) as pair:
        waiting = asyncio.create_task(edit(pair.client, SECOND, "hold: x", lines(2, 2)))
        await until(lambda: backend.runs)
        pair.client.change(SECOND, "new\na\nb\nc\n")
        pair.client.change(FIRST, "another cell\n")
        await restructure(pair, [SECOND, FIRST])
        backend.finish.set()
        answer = await waiting
        assert pair.client.documents[SECOND].text == "new\na\nx\nc\n"
    assert isinstance(answer, dict)
    assert answer["rebased"] is True


async def test_cells_that_change_places_stay_open_and_one_that_is_deleted_does_not() -> None:
    async with notebook() as pair:
        before = pair.server.snapshots.get(FIRST)
        await restructure(pair, [SECOND, FIRST])
        assert pair.server.snapshots.get(FIRST) is before
        await restructure(pair, [FIRST], closed=(SECOND,))
        error = await failure(pair.client.code_actions(SECOND, cursor(1)))
        assert error.code == lsp.ErrorCodes.InvalidParams
        again = lsp.TextDocumentItem(SECOND, "python", 1, "again\n")
        # A cell that is moved by being deleted and put back in one step stays.
        await restructure(pair, [SECOND, FIRST], opened=[again], closed=(SECOND,))
        assert pair.server.snapshots.get(SECOND).text == "again\n"


async def test_closing_a_cell_during_its_edit_stops_the_decode() -> None:
    backend = fake_engine.FakeBackend()
    async with notebook(backend) as pair:
        waiting = asyncio.create_task(edit(pair.client, SECOND, "wait", lines(1, 1)))
        await until(lambda: backend.runs)
        await restructure(pair, [FIRST], closed=(SECOND,))
        error = await failure(waiting)
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_closing_a_notebook_closes_its_cells_and_no_other_document() -> None:
    async with notebook() as pair:
        pair.client.open(URI, "a\n")
        pair.client.notebook_document_did_close(
            lsp.DidCloseNotebookDocumentParams(
                lsp.NotebookDocumentIdentifier(NOTEBOOK),
                [lsp.TextDocumentIdentifier(uri) for uri in CELLS],
            )
        )
        await pair.client.execute("copydecode.lastReceipt")
        assert [snapshot.uri for snapshot in pair.server.snapshots.all()] == [URI]


async def test_a_change_that_does_not_fit_loses_its_cell_alone() -> None:
    async with notebook() as pair:
        backwards = lsp.Range(lsp.Position(1, 0), lsp.Position(0, 0))
        changes: list[tuple[str, lsp.TextDocumentContentChangeEvent]] = [
            (FIRST, lsp.TextDocumentContentChangePartial(range=backwards, text="x")),
            (SECOND, lsp.TextDocumentContentChangeWholeDocument(text="new\n")),
        ]
        contents = [
            lsp.NotebookDocumentCellContentChanges(
                document=lsp.VersionedTextDocumentIdentifier(uri=uri, version=2), changes=[change]
            )
            for uri, change in changes
        ]
        pair.client.change_notebook(
            NOTEBOOK, lsp.NotebookDocumentCellChanges(text_content=contents)
        )
        await pair.client.execute("copydecode.lastReceipt")
        assert [(s.uri, s.text) for s in pair.server.snapshots.all()] == [(SECOND, "new\n")]


async def test_a_notebook_s_properties_change_no_cell() -> None:
    async with notebook() as pair:
        change = lsp.NotebookDocumentChangeEvent(metadata=None, cells=None)
        identifier = lsp.VersionedNotebookDocumentIdentifier(2, NOTEBOOK)
        pair.client.notebook_document_did_change(
            lsp.DidChangeNotebookDocumentParams(identifier, change)
        )
        await pair.client.execute("copydecode.lastReceipt")
        assert {s.uri: s.text for s in pair.server.snapshots.all()} == CELLS


async def test_cells_are_read_ahead_where_somebody_works_on_them() -> None:
    backend = fake_engine.FakeBackend()
    async with notebook(backend) as pair:
        async with asyncio.timeout(PATIENCE_S):
            await pair.client.execute("copydecode.waitUntilReady", {"idle": True})
            assert backend.remembered is None
            await pair.client.code_actions(FIRST, cursor(2), [NAMES])
            await pair.client.execute("copydecode.waitUntilReady", {"idle": True})
            assert backend.remembered is not None
            pair.client.change(SECOND, "changed\n")
            await pair.client.execute("copydecode.waitUntilReady", {"idle": True})
        assert backend.remembered == "changed\n"


async def test_a_cell_has_the_instructions_of_its_notebook_s_folder() -> None:
    async with notebook() as pair:
        pair.server.workspace.add_folder(lsp.WorkspaceFolder("file:///work", "work"))
        await edit(pair.client, FIRST, "nothing", lines(1, 1))
        (action,) = await pair.client.code_actions(SECOND, lines(1, 1))
        assert action.title == "Apply AI edit: nothing"
        assert pair.server.history.of("file:///work") == ("nothing",)
