"""Edits of several files through the real server over stdio: all of them or none, none outside."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode_lsp.client import Abilities, Call, HeadlessClient
from copydecode_lsp.convert import apply_text_edits
from copydecode_lsp.names import APPLY_EDIT, LAST_RECEIPT
from tests.server.harness import PATIENCE_S, as_json, failure, lines, until
from tests.server.test_stdio import FAKE

pytestmark = pytest.mark.e2e

A = "import os\r\ndef area(r):\r\n    return r\r\nprint(1)\r\n"
B = "SIDES = 4\n"
MOVE = (
    '<program><file path="a.py"/><copy lines="1-1"/><copy lines="4-4"/>'
    '<file path="lib/b.py"/><copy lines="5-5"/><copy lines="2-3"/></program>'
)
MOVED_A, MOVED_B = "import os\r\nprint(1)\r\n", "SIDES = 4\ndef area(r):\n    return r\n"


class Editor(HeadlessClient):
    """A client that also edits files that it has not open, as editors do, and keeps each edit."""

    def __init__(self, abilities: Abilities | None = None) -> None:
        super().__init__(abilities)
        self.edits: list[lsp.WorkspaceEdit] = []

    def apply(self, edit: lsp.WorkspaceEdit) -> str | None:
        """Apply all of an edit or nothing."""
        self.edits.append(edit)
        parts: list[tuple[str, Sequence[Any]]] = list((edit.changes or {}).items())
        for change in edit.document_changes or []:
            assert isinstance(change, lsp.TextDocumentEdit)
            uri, version = change.text_document.uri, change.text_document.version
            document = self.documents.get(uri)
            if version != (document.version if document else None):
                return f"{uri} is at another version"
            parts.append((uri, change.edits))
        for uri, edits in parts:
            if uri in self.documents:
                self.change(uri, apply_text_edits(self.documents[uri].text, edits, self.codec))
            else:
                path = path_of(uri)
                with path.open(encoding="utf-8", newline="") as file:
                    text = file.read()
                bom, text = text[: text.startswith("\ufeff")], text.removeprefix("\ufeff")
                new = bom + apply_text_edits(text, edits, self.codec)
                path.write_text(new, encoding="utf-8", newline="")
        return None


def path_of(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


@dataclass
class Place:
    """A workspace folder, what lies beside it, and a client that has the folder open."""

    root: Path
    client: Editor
    kept: dict[Path, bytes] = field(default_factory=dict)

    def write(self, name: str, data: str | bytes) -> str:
        """Write a file, relative to the folder; return its URI."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return (self.root / name).as_uri()

    async def edit(
        self, program: str, *uris: str, context: Sequence[str] = (), **more: object
    ) -> dict[str, Any]:
        """Have the model write a program over files."""
        answer = await self.client.execute(APPLY_EDIT, argument(program, uris, context, **more))
        assert answer is not None
        return answer

    async def refused(self, *uris: str, context: Sequence[str] = ()) -> str:
        """Return why files cannot be edited; nothing has changed then."""
        before = self.all()
        error = await failure(self.edit(MOVE, *uris, context=context))
        assert self.all() == before
        assert not self.client.edits
        return error.message

    def begin(self, program: str, *uris: str, **more: object) -> Call:
        """Begin an edit that ends when `finish` is called."""
        given = argument(f"{self.root.parent}/finish write:{program}", uris, (), **more)
        params = lsp.ExecuteCommandParams(APPLY_EDIT, [given], work_done_token="mine")  # noqa: S106
        return self.client.call(lsp.WORKSPACE_EXECUTE_COMMAND, params)

    async def begun(self) -> None:
        """Wait until the model writes the second file."""
        await until(lambda: any("b.py: " in (m or "") for m in said(self.client)))

    async def finish(self) -> None:
        """Let the model end its program, once the server has seen all that it was sent."""
        await self.client.execute(LAST_RECEIPT)  # Answered behind the changes before it.
        (self.root.parent / "finish").touch()

    def all(self) -> Mapping[Path, bytes]:
        """Return every file, within the folder and beside it."""
        files = [p for p in self.root.parent.rglob("*") if p.is_file()]
        return {path: path.read_bytes() for path in files}


def argument(
    program: str, uris: Sequence[str], context: Sequence[str], **more: object
) -> dict[str, Any]:
    instruction = program if "write:" in program else f"write:{program}"
    return {"uris": [*uris], "context": [*context], "instruction": instruction, **more}


def said(client: HeadlessClient) -> list[str | None]:
    return [value.get("message") for _, value in client.progress_seen]


@asynccontextmanager
async def working(
    tmp_path: Path, *, folders: Sequence[Path] | None = None, abilities: Abilities | None = None
) -> AsyncIterator[Place]:
    root = tmp_path / "workspace"
    root.mkdir()
    client = Editor(abilities)
    await client.spawn(FAKE, stderr=DEVNULL)
    await client.handshake(
        {"maxDocumentBytes": 1000},
        [path.as_uri() for path in ([root] if folders is None else folders)],
    )
    try:
        yield Place(root, client)
    finally:
        assert await client.close() == 0


async def test_a_function_moves_between_an_open_document_and_a_file_on_disk(tmp_path: Path) -> None:
    """One edit with the version of each; each file keeps its line ends."""
    async with working(tmp_path) as place:
        a, b = place.write("a.py", "not what is open"), place.write("lib/b.py", B)
        place.client.open(a, A, "python")
        answer = await place.edit(MOVE, a, b)
        assert answer["applied"]
        assert (answer["files"], answer["together"]) == (2, True)
        [edit] = place.client.edits
        versions = [
            (change.text_document.uri, change.text_document.version)
            for change in edit.document_changes or []
            if isinstance(change, lsp.TextDocumentEdit)
        ]
        assert versions == [(a, 1), (b, None)]
        assert place.client.documents[a].text == MOVED_A
        assert (place.root / "lib/b.py").read_bytes() == MOVED_B.encode()
        receipt = await place.client.execute(LAST_RECEIPT)
        assert receipt is not None
        assert receipt["id"] == answer["id"]


async def test_a_client_without_document_changes_gets_the_changes_of_all(tmp_path: Path) -> None:
    async with working(tmp_path, abilities=Abilities(document_changes=False)) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        await place.edit(MOVE, a, b)
        [edit] = place.client.edits
        assert edit.document_changes is None
        assert list(edit.changes or {}) == [a, b]
        assert (place.root / "a.py").read_bytes() == MOVED_A.encode()


async def test_a_file_of_the_context_is_copied_from_and_not_written(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        program = '<program><file path="a.py"/><copy lines="5-5"/></program>'
        await place.edit(program, a, context=[b])
        assert (place.root / "a.py").read_bytes() == b"SIDES = 4\r\n"
        assert (place.root / "lib/b.py").read_bytes() == B.encode()


async def test_a_byte_order_mark_stays_in_a_file_that_is_not_open(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a = place.write("a.py", "\ufeffx\r\ny")
        await place.edit('<program><file path="a.py"/><gen>z\n</gen></program>', a)
        assert (place.root / "a.py").read_bytes() == "\ufeffz".encode()


async def test_files_that_stay_as_they_are_make_no_edit(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        answer = await place.edit("<program></program>", a, b)
        assert not answer["applied"]
        assert answer["files"] == 0
        assert not place.client.edits


async def test_no_path_leads_out_of_the_workspace(tmp_path: Path) -> None:
    """Neither `..` nor a link, to be edited or to be copied from; it is said which one does."""
    async with working(tmp_path) as place:
        inside = place.write("a.py", A)
        outside = place.write("../outside.py", "secret = 1\n")
        place.write("../workspace2/b.py", B)
        (place.root / "link.py").symlink_to(tmp_path / "outside.py")
        (place.root / "folder").symlink_to(tmp_path / "workspace2")
        (place.root / "circle").symlink_to(place.root / "circle")
        root = place.root.as_uri()
        for uri in (
            outside,
            f"{root}/../outside.py",
            f"{root}/%2e%2e/outside.py",
            f"{root}/link.py",
            f"{root}/folder/b.py",
            f"{root}2/b.py",
            f"{root}/../nothing.py",
        ):
            for uris, context in (([inside, uri], []), ([inside], [uri])):
                message = await place.refused(*uris, context=context)
                assert "in the workspace folders" in message
                assert Path(uri).name in message
                assert "secret" not in message
        assert "leads to" in await place.refused(f"{root}/link.py")
        assert "circle" in await place.refused(f"{root}/circle")


async def test_a_folder_is_the_workspace_as_long_as_it_is_open_and_by_whatever_name(
    tmp_path: Path,
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "workspace")
    async with working(tmp_path, folders=[link]) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        await place.edit(MOVE, f"{link.as_uri()}/a.py", f"{link.as_uri()}/lib/b.py")
        assert (place.root / "a.py").read_bytes() == MOVED_A.encode()
        place.client.edits.clear()
        folder = lsp.WorkspaceFolder(uri=link.as_uri(), name="link")
        place.client.workspace_did_change_workspace_folders(
            lsp.DidChangeWorkspaceFoldersParams(
                lsp.WorkspaceFoldersChangeEvent(added=[], removed=[folder])
            )
        )
        assert "none is open" in await place.refused(a, b)


async def test_the_root_of_a_client_that_knows_no_folders_is_one(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", Editor())
    a, b = place.write("a.py", A), place.write("lib/b.py", B)
    await place.client.spawn(FAKE, stderr=DEVNULL)
    await place.client.initialize_async(
        lsp.InitializeParams(
            capabilities=place.client.abilities.to_lsp(), root_uri=place.root.as_uri()
        )
    )
    place.client.initialized(lsp.InitializedParams())
    assert "outside.py" in await place.refused(a, place.write("../outside.py", B))
    assert (await place.edit(MOVE, a, b))["applied"]
    assert await place.client.close() == 0


async def test_a_link_that_stays_in_the_workspace_is_followed(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        b = place.write("lib/b.py", B)
        (place.root / "a.py").symlink_to(place.root / "lib/b.py")
        program = '<program><file path="a.py"/><gen>x\n</gen></program>'
        await place.edit(program, f"{place.root.as_uri()}/a.py")
        assert (place.root / "lib/b.py").read_bytes() == b"x\n"
        assert "once" in (await failure(place.edit(MOVE, f"{place.root.as_uri()}/a.py", b))).message


async def test_a_document_that_is_open_under_another_name_is_the_one_that_is_meant(
    tmp_path: Path,
) -> None:
    """What is on disk is not what the user sees."""
    async with working(tmp_path) as place:
        b = place.write("lib/b.py", "old\n")
        place.client.open(b, B, "python")
        program = '<program><file path="lib/b.py"/><copy lines="1-1"/><gen>x\n</gen></program>'
        await place.edit(program, f"{place.root.as_uri()}/lib/../lib/b.py")
        assert place.client.documents[b].text == "SIDES = 4\nx\n"


async def test_without_a_workspace_folder_only_open_documents_are_edited(tmp_path: Path) -> None:
    async with working(tmp_path, folders=()) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        place.client.open(a, A, "python")
        assert "none is open" in await place.refused(a, b)
        place.client.open(b, B, "python")
        await place.edit(MOVE.replace("lib/", ""), a, b)
        assert place.client.documents[b].text == MOVED_B


async def test_what_is_no_text_file_is_refused_by_name(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        inside = place.write("a.py", A)
        os.mkfifo(place.root / "pipe.py")  # Nobody writes to it: reading it would wait for ever.
        for name, data, why in (
            ("latin.py", b"\xe9 = 1\n", "UTF-8"),
            ("nul.py", b"a\0", "zero byte"),
            ("big.py", b"x" * 1001, "at most 1000 bytes"),
        ):
            message = await place.refused(inside, place.write(name, data))
            assert why in message
            assert name in message
        root = place.root.as_uri()
        assert "pipe.py" in await place.refused(inside, f"{root}/pipe.py")
        assert "nothing.py" in await place.refused(inside, f"{root}/nothing.py")
        assert "workspace" in await place.refused(inside, root)
        assert "untitled:1" in await place.refused(inside, "untitled:1")
        assert "once" in await place.refused(inside, inside)
        assert "once" in await place.refused(inside, context=[inside])


async def test_lines_typed_where_the_edit_leaves_a_file_alone_stay(tmp_path: Path) -> None:
    """In an open document and in a file that another program writes."""
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        place.client.open(a, A, "python")
        call = place.begin(MOVE, a, b)
        await place.begun()
        place.client.change(a, A.replace("import os", "import os, sys"))
        place.write("lib/b.py", "SIDES = 5\n")
        await place.finish()
        answer = await asyncio.wait_for(asyncio.wrap_future(call.answer), PATIENCE_S)
        assert answer["rebased"]
        assert place.client.documents[a].text == MOVED_A.replace("import os", "import os, sys")
        assert (place.root / "lib/b.py").read_text() == MOVED_B.replace("4", "5")


async def test_a_file_opened_meanwhile_is_edited_as_it_is_open(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        call = place.begin(MOVE, a, b)
        await place.begun()
        place.client.open(b, "SIDES = 6\n", "python")
        await place.finish()
        await asyncio.wait_for(asyncio.wrap_future(call.answer), PATIENCE_S)
        assert place.client.documents[b].text == MOVED_B.replace("4", "6")
        assert (place.root / "lib/b.py").read_bytes() == B.encode()


DUPLICATE = '<program><file path="lib/b.py"/><copy lines="5-5"/><copy lines="2-3"/></program>'


@pytest.mark.parametrize("program", [MOVE, DUPLICATE])
@pytest.mark.parametrize("is_open", [True, False])
async def test_one_file_that_changes_where_it_is_edited_or_copied_from_stops_the_edit_of_all(
    tmp_path: Path, program: str, *, is_open: bool
) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        other = A.replace("return r", "return 3 * r")
        if is_open:
            place.client.open(a, A, "python")
        call = place.begin(program, a, b)
        await place.begun()
        if is_open:
            place.client.change(a, other)
        else:
            place.write("a.py", other)
        await place.finish()
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.ContentModified
        assert "a.py" in error.message
        assert not place.client.edits
        assert (place.root / "lib/b.py").read_bytes() == B.encode()


async def test_with_retry_it_begins_anew_on_what_the_files_are_then(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        call = place.begin(MOVE, a, b, retry=True)
        await place.begun()
        place.write("a.py", A.replace("return r", "return 3 * r"))
        await place.finish()
        answer = await asyncio.wait_for(asyncio.wrap_future(call.answer), PATIENCE_S)
        assert answer["applied"]
        assert answer["forwards"] == 2
        assert (place.root / "lib/b.py").read_text() == MOVED_B.replace("return r", "return 3 * r")


@pytest.mark.parametrize("how", ["deleted", "closed", "linked"])
async def test_a_file_that_goes_away_stops_the_edit_of_all(tmp_path: Path, how: str) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        if how == "closed":
            place.client.open(a, A, "python")
        call = place.begin(MOVE, a, b)
        await place.begun()
        if how == "closed":
            place.client.text_document_did_close(
                lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(a))
            )
        else:
            (place.root / "a.py").unlink()
        if how == "linked":
            place.write("../outside.py", A)
            (place.root / "a.py").symlink_to(tmp_path / "outside.py")
        await place.finish()
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.ContentModified
        assert not place.client.edits
        assert (place.root / "lib/b.py").read_bytes() == B.encode()


async def test_cancelling_ends_the_edit_of_all(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        call = place.begin(MOVE, a, b)
        await place.begun()
        place.client.cancel(call)
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.RequestCancelled
        assert not place.client.edits
        assert (await place.edit(MOVE, a, b))["applied"]  # The worker is free again.


async def test_progress_names_each_file(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        a, b = place.write("a.py", A), place.write("lib/b.py", B)
        call = place.begin(MOVE, a, b)
        await place.begun()
        await place.finish()
        await asyncio.wait_for(asyncio.wrap_future(call.answer), PATIENCE_S)
        assert "a.py: copied line 1" in said(place.client)
        assert "lib/b.py: new text, 2 lines; 1 hunk" in said(place.client)


async def test_an_argument_of_another_shape_is_refused(tmp_path: Path) -> None:
    async with working(tmp_path) as place:
        given = argument(MOVE, [place.write("a.py", A)], ())
        wrong: tuple[dict[str, object], ...] = (
            {"uris": []},
            {"uris": "file:///a.py"},
            {"uris": [1]},
            {"uris": ["file:///a.py"] * 101},
            {"context": "file:///a.py"},
            {"uri": "file:///a.py"},
            {"range": as_json(lines(1, 1))},
            {"retry": 1},
            {"instruction": " "},
        )
        for changed in wrong:
            error = await failure(place.client.execute(APPLY_EDIT, {**given, **changed}))
            assert error.code == lsp.ErrorCodes.InvalidParams
