"""Documents that are no files: untitled, virtual, only shown. No address is taken for a path."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from subprocess import DEVNULL

import pytest
from lsprotocol import types as lsp

from copydecode_lsp.client import HeadlessClient
from copydecode_lsp.snapshots import READ_ONLY_SCHEMES
from tests.server import fake_engine
from tests.server.harness import connected, cursor, diagnostic, failure, lines

ADDRESSES = (
    "untitled:Untitled-1",
    "untitled:",
    "vscode-vfs://github/owner/name/a%20b.py",
    "vscode-remote://ssh-remote%2Bhost/home/x.py",
    "memfs:/x.py?query#fragment",
    "zipfile:///a.zip::x.py",
    "inmemory://model/1",
    "file:",
    "no address at all",
    "",
)
TEXT = "name = 1\nprint(names)"
NAMES = diagnostic("undefined name 'names'", 2)


@pytest.mark.parametrize("uri", ADDRESSES)
async def test_a_document_is_edited_whatever_its_address(uri: str) -> None:
    async with connected() as pair:
        pair.client.open(uri, TEXT, "python")
        (action,) = await pair.client.code_actions(uri, cursor(2), [NAMES])
        assert isinstance(action, lsp.CodeAction)
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        assert pair.client.apply(resolved.edit) is None
        assert pair.client.documents[uri].text == "name = 1\nprint(name)"
        argument = {"uri": uri, "instruction": "delete", "retry": True}
        assert (await pair.client.execute("copydecode.applyEdit", argument) or {})["applied"]
        assert pair.client.documents[uri].text == ""
        # The instruction is remembered for documents that lie in no folder.
        pair.client.change(uri, TEXT)
        (again,) = await pair.client.code_actions(uri, lines(1, 1))
        assert again.title == "Apply AI edit: delete"
        status = await pair.client.execute("copydecode.showStatus", {"quiet": True})
        assert status is not None
        assert [receipt["uri"] for receipt in status["receipts"]] == [uri, uri]


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.e2e
async def test_an_untitled_document_is_edited_in_a_virtual_workspace_without_any_file(
    tmp_path: Path,
) -> None:
    """The working directory stays empty."""
    client = HeadlessClient()
    root = Path(__file__).parent.parent.parent
    code = (
        f"import sys; sys.path[:0] = [{str(root)!r}]\n"
        "import copydecode_lsp.app as app\n"
        "from tests.server import fake_engine\n"
        "sys.exit(app.serve_stdio(app.create(fake_engine.load)))\n"
    )
    process = [sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{code}"]
    await client.spawn(process, stderr=DEVNULL)
    folder = lsp.WorkspaceFolder("vscode-vfs://github/owner/name", "name")
    await client.initialize_async(
        lsp.InitializeParams(
            capabilities=client.abilities.to_lsp(),
            root_uri=folder.uri,
            workspace_folders=[folder],
        )
    )
    client.initialized(lsp.InitializedParams())
    for uri in ("untitled:Untitled-1", f"{folder.uri}/x.py"):
        client.open(uri, "a\nb\n", "rust")
        argument = {"uri": uri, "instruction": "put: x"}
        answer = await client.execute("copydecode.applyEdit", argument)
        assert (answer or {})["applied"]
        assert client.documents[uri].text == "x\n"
    assert await client.close() == 0
    assert files_in(tmp_path) == []


async def test_the_language_of_an_untitled_document_is_what_the_client_says() -> None:
    async with connected() as pair:
        pair.client.open("untitled:Untitled-1", TEXT, "rust")
        await pair.client.execute("copydecode.lastReceipt")
        assert pair.server.snapshots.get("untitled:Untitled-1").language == "rust"


@pytest.mark.parametrize("scheme", sorted(READ_ONLY_SCHEMES))
async def test_a_document_that_is_only_shown_is_offered_nothing_and_costs_nothing(
    scheme: str,
) -> None:
    backend = fake_engine.FakeBackend()
    uri = f"{scheme}:/tmp/example.py?ref=HEAD"
    async with connected(load=backend.load) as pair:
        pair.client.open(uri, TEXT, "python")
        assert await pair.client.code_actions(uri, cursor(2), [NAMES]) == []
        argument = {"uri": uri, "instruction": "delete"}
        error = await failure(pair.client.execute("copydecode.applyEdit", argument))
        data = {"uri": uri, "version": 1, "instruction": "delete", "scope": None}
        forged = lsp.CodeAction(title="t", data=data)
        same = await failure(pair.client.code_action_resolve_async(forged))
        async with asyncio.timeout(10):
            await pair.client.execute("copydecode.waitUntilReady", {"idle": True})
    assert error.code == lsp.LSPErrorCodes.RequestFailed
    assert error.data == same.data == {"kind": "ReadOnlyDocumentError"}
    assert (backend.runs, backend.remembered) == (0, None)
