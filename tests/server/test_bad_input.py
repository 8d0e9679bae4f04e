"""Each bad input: a clear error, nothing changed, the server alive."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode import EngineConfig
from copydecode_lsp.client import Abilities
from tests.server.fake_engine import CONTEXT_LINES
from tests.server.harness import URI, Pair, as_json, connected, cursor, failure, lines, until

TEXT = "a\nb\n"
PARAMS = lsp.ErrorCodes.InvalidParams
FAILED = lsp.LSPErrorCodes.RequestFailed


async def still_alive(pair: Pair, text: str) -> None:
    assert pair.client.documents[URI].text == text
    pair.client.change(URI, TEXT)
    assert (await pair.edit("delete", lines(1, 1)))["applied"]
    assert pair.client.documents[URI].text == "b\n"


@pytest.mark.parametrize(
    ("text", "argument", "code", "message"),
    [
        (TEXT, {"instruction": ""}, PARAMS, "expected an instruction"),
        (TEXT, {"instruction": " \n"}, PARAMS, "expected an instruction"),
        (TEXT, {"uri": "file:///other"}, PARAMS, "none at file:///other"),
        (TEXT, {"range": as_json(lines(2, 9))}, PARAMS, "lines within 1 to 2"),
        (TEXT, {"range": {"start": 1}}, PARAMS, "a range {start, end}"),
        (TEXT, {"uri": 3}, PARAMS, "{uri, range?, locked?, retry?, instruction?, snippet?}"),
        (TEXT, {"version": 9}, lsp.LSPErrorCodes.ContentModified, "version 9"),
        ("a\0b", {}, FAILED, "binary"),
        ("x\n" * (CONTEXT_LINES + 1), {}, FAILED, f"less than {CONTEXT_LINES} tokens"),
        ("x" * 60_000, {}, FAILED, "at most 50000 bytes"),
        (TEXT, {"instruction": "endless"}, FAILED, "within 8 tokens"),
        (TEXT, {"instruction": "late"}, FAILED, "within 1 s"),
        (TEXT, {"instruction": "crash"}, lsp.ErrorCodes.InternalError, "no such script"),
    ],
)
async def test_a_bad_edit_is_a_clear_error(
    text: str, argument: dict[str, Any], code: int, message: str
) -> None:
    config = EngineConfig(max_document_bytes=50_000)
    async with connected(config=config, text=text) as pair:
        error = await failure(
            pair.client.execute(
                "copydecode.applyEdit", {"uri": URI, "instruction": "delete", **argument}
            )
        )
        assert error.code == code
        assert message in error.message
        await still_alive(pair, text)


@pytest.mark.parametrize("arguments", [[], [1], [{"uri": URI}], [{}, {}]])
async def test_a_command_without_its_argument_is_refused(arguments: list[object]) -> None:
    async with connected(text=TEXT) as pair:
        error = await failure(pair.client.execute("copydecode.applyEdit", *arguments))
        assert error.code == PARAMS
        await still_alive(pair, TEXT)


async def test_an_unknown_command_is_refused_with_the_known_ones() -> None:
    async with connected(text=TEXT) as pair:
        error = await failure(pair.client.execute("copydecode.fly"))
        assert error.code == PARAMS
        assert "copydecode.applyEdit" in error.message
        await still_alive(pair, TEXT)


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("missing", "ModelNotFoundError", "nothing at missing"),
        ("garbage", "ModelFormatError", "config.json in garbage"),
        ("broken", "ModelError", "could not be loaded"),
    ],
)
async def test_a_model_that_cannot_be_loaded_is_shown_and_fails_each_edit(
    model: str, kind: str, message: str
) -> None:
    async with connected(options={"model": model}, text=TEXT) as pair:
        await until(lambda: pair.client.messages)
        (shown,) = pair.client.messages
        assert shown.type == lsp.MessageType.Error
        assert message in shown.message
        for instruction in ("delete", "nothing"):
            error = await failure(pair.edit(instruction))
            assert error.code == FAILED
            assert error.message in shown.message
            assert error.data == {"kind": kind}
        assert pair.client.documents[URI].text == TEXT
        assert await pair.client.code_actions(URI, cursor(1)) == []


async def test_a_client_that_cannot_apply_edits_is_told() -> None:
    async with connected(Abilities(apply_edit=False), text=TEXT) as pair:
        error = await failure(pair.edit("delete"))
        assert pair.client.documents[URI].text == TEXT
    assert error.code == FAILED
    assert "workspace/applyEdit" in error.message


async def test_a_client_that_says_it_cannot_apply_edits_and_can_gets_its_edit() -> None:
    """ALE does so: its capabilities say false, and what comes is applied."""
    async with connected(Abilities(apply_edit=False), text=TEXT) as pair:

        def applied(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
            assert pair.client.apply(params.edit) is None
            return lsp.ApplyWorkspaceEditResult(applied=True)

        pair.client.feature(lsp.WORKSPACE_APPLY_EDIT)(applied)
        await pair.edit("delete")
        assert pair.client.documents[URI].text != TEXT


async def test_a_change_to_an_unknown_document_leaves_the_server_alive() -> None:
    async with connected(text=TEXT) as pair:
        pair.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                text_document=lsp.VersionedTextDocumentIdentifier(uri="file:///no", version=2),
                content_changes=[lsp.TextDocumentContentChangeWholeDocument(text="x")],
            )
        )
        await still_alive(pair, TEXT)
    assert [m.type for m in pair.client.messages] == [lsp.MessageType.Error]


async def test_bad_settings_are_shown_and_the_defaults_used() -> None:
    options = {"threads": "many", "deadlineSeconds": -1, "maxNewTokens": 9}
    async with connected(options=options, text=TEXT) as pair:
        await until(lambda: len(pair.client.messages) == 2)
        assert [m.type for m in pair.client.messages] == [lsp.MessageType.Warning] * 2
        assert (pair.server.config.threads, pair.server.config.limits.max_new_tokens) == (None, 9)
        await still_alive(pair, TEXT)
