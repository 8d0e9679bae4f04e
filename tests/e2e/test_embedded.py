"""The whole way with the embedded model: our server, our client, real weights."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types as lsp

import copydecode
from copydecode.config import CONFIDENCE_THRESHOLD
from copydecode_lsp import pyflakes_diagnostics
from copydecode_lsp.client import HeadlessClient
from copydecode_lsp.headless import server

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parent.parent.parent
WEIGHTS = Path(copydecode.__file__).parent / "models" / "embedded" / "model.safetensors"
URI = "file:///tmp/ledger.py"
TEXT = (
    "def total(items):\n"
    "    result = 0\n"
    "    for item in items:\n"
    "        result += item.price\n"
    "    return result\n"
    "\n"
    "\n"
    "def largest(items):\n"
    "    return max(items)\n"
)


@pytest.fixture(autouse=True)
def _weights() -> None:
    assert WEIGHTS.is_file(), f"the embedded model's weights are missing: {WEIGHTS}"


async def edited(argument: dict[str, object], text: str = TEXT) -> AsyncIterator[str]:
    async with server(None) as client:
        client.open(URI, text, "python")
        await client.execute("copydecode.applyEdit", {"uri": URI, **argument})
        yield client.documents[URI].text


async def test_given_lines_are_deleted() -> None:
    span = {"start": {"line": 5, "character": 0}, "end": {"line": 9, "character": 0}}
    async for text in edited({"instruction": "Delete lines 6 to 9", "range": span}):
        assert text == "".join(TEXT.splitlines(keepends=True)[:5])


async def test_several_files_are_edited_one_after_the_other_and_applied_at_once() -> None:
    """The embedded model was not taught programs over files; each keeps its line ends."""
    other = URI.replace("ledger", "other")
    async with server(None) as client:
        client.open(URI, TEXT, "python")
        client.open(other, "a = 1\r\nb = 2\r\nc = 3", "python")
        argument = {"uris": [URI, other], "instruction": "Delete line 2"}
        answer = await client.execute("copydecode.applyEdit", argument)
        assert answer is not None
        assert (answer["applied"], answer["files"], answer["together"]) == (True, 2, False)
        assert client.documents[URI].text == TEXT.replace("    result = 0\n", "")
        assert client.documents[other].text == "a = 1\r\nc = 3"


async def test_fix_all_adds_every_missing_import_where_it_belongs() -> None:
    """Each by itself, where the document imports once the others are there."""
    text = "import sys\n\n\ndef f():\n    return re.X, os.sep, json.dumps(sys.argv)\n"
    async with server(None) as client:
        client.open(URI, text, "python")
        span = lsp.Range(lsp.Position(4, 0), lsp.Position(4, 40))
        found = [lsp.Diagnostic(span, f"Undefined name `{name}`") for name in ("re", "os", "json")]
        kinds = [lsp.CodeActionKind.SourceFixAll]
        (action,) = await client.code_actions(URI, span, found, kinds)
        assert isinstance(action, lsp.CodeAction)
        resolved = await client.code_action_resolve_async(action)
        assert resolved.edit is not None
        assert client.apply(resolved.edit) is None
        assert client.documents[URI].text == f"import json\nimport os\nimport re\n{text}"


OFFLINE = """
import sys

def refuse(event, _arguments):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"}:
        print("a connection:", event, file=sys.stderr, flush=True)
        raise OSError(event)

sys.addaudithook(refuse)
from copydecode_lsp.cli import main
sys.exit(main(["serve"]))
"""


@pytest.mark.parametrize(
    ("message", "line", "wrong", "right"),
    [
        ("SyntaxError: expected ':'", 3, "for item in items", "for item in items:"),
        # Told of where nothing fits any more.
        ("Expected `,`, found `+=`", 4, "for item in sorted(items:", "for item in sorted(items):"),
        ("Local variable `x` is assigned to but never used", 3, "x = 1\n    for i in items:", None),
    ],
)
async def test_a_diagnostic_that_everyone_would_mend_alike_is_mended_so(
    message: str, line: int, wrong: str, right: str | None
) -> None:
    text = TEXT.replace("for item in items:", wrong)
    wanted = TEXT.replace("for item in items:", right or "for i in items:")
    async with server(None) as client:
        client.open(URI, text, "python")
        span = lsp.Range(lsp.Position(line - 1, 4), lsp.Position(line - 1, 9))
        diagnostic = lsp.Diagnostic(span, message)
        (action,) = await client.code_actions(
            URI, span, [diagnostic], [lsp.CodeActionKind.QuickFix]
        )
        assert isinstance(action, lsp.CodeAction)
        resolved = await client.code_action_resolve_async(action)
        assert resolved.edit is not None
        client.apply(resolved.edit)
        assert client.documents[URI].text == wanted


async def test_my_code_leaves_the_machine__no_connection_is_opened_by_the_embedded_model() -> None:
    """Complaint 13 (vscode#328623, zed#47393): neither when it is loaded nor by an edit."""
    with tempfile.TemporaryFile() as log:
        client = HeadlessClient()
        await client.spawn([sys.executable, "-c", OFFLINE], stderr=log)
        await client.handshake()
        client.open(URI, TEXT, "python")
        argument = {"uri": URI, "instruction": "Delete line 6"}
        await client.execute("copydecode.applyEdit", argument)
        assert await client.close() == 0
        log.seek(0)
        assert b"a connection" not in log.read()


async def test_a_code_action_resolves_to_the_same_edit_twice_and_applies() -> None:
    text = TEXT.replace("return result", "return resultt")
    async with server(None) as client:
        client.open(URI, text, "python")
        (found,) = pyflakes_diagnostics.diagnose(text, "ledger.py", client.codec)
        actions = await client.code_actions(URI, found.range, [found])
        (action,) = actions
        assert isinstance(action, lsp.CodeAction)
        one = await client.code_action_resolve_async(action)
        receipt = await client.execute("copydecode.lastReceipt")
        other = await client.code_action_resolve_async(action)
        assert one.edit == other.edit
        assert one.edit is not None
        assert client.apply(one.edit) is None
        # Whatever the model wrote, lines outside the diagnostic's hunk keep every byte.
        assert client.documents[URI].text.startswith("def total(items):\n    result = 0\n")
    assert receipt is not None
    # 0 where the prompt's own forward verified all that was drafted behind it.
    assert 0 <= int(receipt["forwards"]) < int(receipt["output_tokens"])
    assert int(receipt["prompt_tokens"]) > 0


async def test_a_document_is_read_before_its_first_edit_is_asked_for() -> None:
    async with server(None) as client:
        client.open(URI, TEXT, "python")
        await client.execute("copydecode.waitUntilReady", {"idle": True})
        span = {"start": {"line": 5, "character": 0}, "end": {"line": 9, "character": 0}}
        argument = {"uri": URI, "instruction": "Delete lines 6 to 9", "range": span}
        receipt = await client.execute("copydecode.applyEdit", argument)
        assert client.documents[URI].text == "".join(TEXT.splitlines(keepends=True)[:5])
    assert receipt is not None
    # What is left is the instruction and the marks around it.
    assert 50 < receipt["prompt_tokens"] - 20 < receipt["reused_tokens"]


def test_the_demo_runs() -> None:
    """It fixes its mistake; a model that cannot would end with 1."""
    ended = subprocess.run(
        [sys.executable, "-m", "copydecode_lsp", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the mistake is fixed" in ended.stdout


@pytest.mark.parametrize("debug", ["", 'print("debug")\n'])
async def test_the_example_of_the_vs_code_extension_is_edited_as_its_walkthrough_says(
    debug: str,
) -> None:
    """Its AI! comment, and "delete this line", in any order, and neither with a question."""
    example = ROOT.joinpath("vscode-client/walkthrough/example.py.txt").read_text(encoding="utf-8")
    before = example.replace('print("debug")\n', debug)
    async with server(None) as client:
        client.open(URI, before, "python")
        line = before[: before.index("AI!")].count("\n")
        at = lsp.Range(lsp.Position(line, 0), lsp.Position(line, 0))
        [action] = await client.code_actions(URI, at, [], None)
        assert isinstance(action, lsp.CodeAction)
        resolved = await client.code_action_resolve_async(action)
        assert resolved.edit is not None
        client.apply(resolved.edit)
        comment = "    # rename reslut to result AI!\n"
        renamed = before.replace(comment, "").replace("reslut", "result")
        assert client.documents[URI].text == renamed
        receipt = await client.execute("copydecode.lastReceipt") or {}
        assert receipt["confidence"] > CONFIDENCE_THRESHOLD


@pytest.mark.parametrize("renamed", [False, True])
async def test_the_examples_line_is_deleted_before_its_comment_and_after_it(renamed: bool) -> None:
    example = ROOT.joinpath("vscode-client/walkthrough/example.py.txt").read_text(encoding="utf-8")
    comment = "    # rename reslut to result AI!\n"
    before = example.replace(comment, "").replace("reslut", "result") if renamed else example
    line = before[: before.index("debug")].count("\n")
    span = {"start": {"line": line, "character": 0}, "end": {"line": line + 1, "character": 0}}
    argument = {"instruction": "delete this line", "range": span, "locked": False}
    async for text in edited(argument, before):
        assert text == before.replace('print("debug")\n', "")
