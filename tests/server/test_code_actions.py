"""Listing: which actions are offered, as which kind, in which shape. It never calls the model."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from copydecode import EngineConfig
from copydecode_lsp.client import Abilities
from tests.server.fake_engine import load
from tests.server.harness import URI, connected, cursor, diagnostic, failure, lines

TEXT = "a = 1\n# double it AI!\nb = a\n\nc = bb\n"
UNDEFINED = diagnostic("undefined name 'bb'", 5)


async def titles(
    span: lsp.Range,
    *diagnostics: lsp.Diagnostic,
    only: list[lsp.CodeActionKind | str] | None = None,
) -> list[str]:
    async with connected(text=TEXT) as pair:
        actions = await pair.client.code_actions(URI, span, diagnostics, only)
        return [action.title for action in actions]


async def test_a_diagnostic_in_the_range_is_offered_as_its_quick_fix() -> None:
    async with connected(text=TEXT) as pair:
        (action, _comment) = await pair.client.code_actions(URI, cursor(5), [UNDEFINED])
    assert isinstance(action, lsp.CodeAction)
    assert action.title == "Apply AI edit: fix undefined name 'bb'"
    assert action.kind == lsp.CodeActionKind.QuickFix
    assert action.diagnostics is not None
    assert [d.message for d in action.diagnostics] == [UNDEFINED.message]
    assert isinstance(action.data, dict)
    assert action.data.pop("id")
    assert action.data.pop("text")  # A digest: test_edits tells what for.
    assert action.data == {
        "uri": URI,
        "version": 1,
        "instruction": "undefined name 'bb'",
        "scope": [5, 5],
        "locked": True,
        "diagnostic": True,
    }
    assert action.edit is None


async def test_a_diagnostic_elsewhere_is_not_offered() -> None:
    assert await titles(cursor(1), UNDEFINED) == []


async def test_a_comment_is_offered_as_a_rewrite() -> None:
    async with connected(text=TEXT) as pair:
        (action,) = await pair.client.code_actions(URI, cursor(3))
    assert isinstance(action, lsp.CodeAction)
    assert action.title == "Apply AI edit: double it"
    assert action.kind == "refactor.rewrite.copydecode"
    assert action.diagnostics is None


async def test_a_selection_is_offered_the_last_instruction_given() -> None:
    async with connected(text=TEXT) as pair:
        assert await pair.client.code_actions(URI, lines(1, 1)) == []
        await pair.edit("nothing", lines(1, 1))
        (action,) = await pair.client.code_actions(URI, lines(1, 1))
        assert action.title == "Apply AI edit: nothing"
        assert await pair.client.code_actions(URI, cursor(1)) == []


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, ["fix undefined name 'bb'", "double it"]),
        ([lsp.CodeActionKind.QuickFix], ["fix undefined name 'bb'"]),
        ([lsp.CodeActionKind.Refactor], ["double it"]),
        ([lsp.CodeActionKind.RefactorRewrite], ["double it"]),
        (["refactor.rewrite.copydecode"], ["double it"]),
        (["refactor.rewrite.other"], []),
        (["refactor.re"], []),
        ([""], ["fix undefined name 'bb'", "double it", "fix 1 diagnostic of this file"]),
        (["source"], ["fix 1 diagnostic of this file"]),
        (["source.fixAll.copydecode"], ["fix 1 diagnostic of this file"]),
        ([], []),
    ],
)
async def test_only_the_kinds_asked_for_are_offered(
    only: list[lsp.CodeActionKind | str] | None, expected: list[str]
) -> None:
    found = await titles(lines(1, 5), UNDEFINED, only=only)
    assert found == [f"Apply AI edit: {title}" for title in expected]


async def test_a_client_that_does_not_resolve_gets_a_command() -> None:
    async with connected(Abilities(resolves_edits=False), text=TEXT) as pair:
        (action, _comment) = await pair.client.code_actions(URI, cursor(5), [UNDEFINED])
        assert isinstance(action, lsp.CodeAction)
        assert action.data is None
        assert action.command is not None
        answer = await pair.client.execute(
            action.command.command, *(action.command.arguments or [])
        )
        assert answer is not None
        # An action's own instruction is not one that the user gave.
        assert await pair.client.code_actions(URI, lines(1, 1)) == []


async def test_a_client_without_action_literals_gets_bare_commands() -> None:
    async with connected(Abilities(action_literals=False), text=TEXT) as pair:
        actions = await pair.client.code_actions(URI, cursor(5), [UNDEFINED])
    assert [type(action) for action in actions] == [lsp.Command, lsp.Command]


@pytest.mark.parametrize("supported", [True, False])
async def test_actions_are_tagged_as_generated_where_the_client_knows_tags(
    supported: bool,
) -> None:
    async with connected(Abilities(llm_tag=supported), text=TEXT) as pair:
        (action,) = await pair.client.code_actions(URI, cursor(3))
    assert isinstance(action, lsp.CodeAction)
    assert list(action.tags or []) == ([lsp.CodeActionTag.LlmGenerated] if supported else [])


async def test_long_titles_are_cut() -> None:
    async with connected(text="x\n") as pair:
        (action,) = await pair.client.code_actions(URI, cursor(1), [diagnostic("m " * 90, 1)])
    assert len(action.title) <= 100
    assert action.title.endswith("…")


async def test_listing_makes_no_model_call() -> None:
    engine = load()
    async with connected(load=lambda _config: engine, text=TEXT) as pair:
        await pair.client.code_actions(URI, lines(1, 5), [UNDEFINED])
        answer = await pair.edit("nothing")
    assert answer["forwards"] == 1


async def test_listing_works_though_the_model_could_not_be_loaded() -> None:
    async with connected(config=EngineConfig("missing"), text=TEXT) as pair:
        assert await pair.client.code_actions(URI, cursor(3))


async def test_an_unknown_document_is_an_error() -> None:
    async with connected() as pair:
        error = await failure(pair.client.code_actions(URI, cursor(1)))
    assert error.code == lsp.ErrorCodes.InvalidParams
    assert URI in error.message


async def test_a_range_outside_the_document_is_an_error() -> None:
    async with connected(text=TEXT) as pair:
        error = await failure(pair.client.code_actions(URI, cursor(99)))
        assert error.code == lsp.ErrorCodes.InvalidParams
        assert error.message == "expected lines within 1 to 5, found 99 to 99"
        assert await pair.client.code_actions(URI, cursor(3))


async def test_an_empty_document_offers_nothing() -> None:
    async with connected(text="") as pair:
        assert await pair.client.code_actions(URI, cursor(1)) == []


async def test_the_server_advertises_what_it_does() -> None:
    async with connected() as pair:
        capabilities = pair.server.server_capabilities
    options = capabilities.code_action_provider
    assert isinstance(options, lsp.CodeActionOptions)
    assert options.resolve_provider
    assert capabilities.execute_command_provider is not None
    assert "copydecode.applyEdit" in capabilities.execute_command_provider.commands
    sync = capabilities.text_document_sync
    assert isinstance(sync, lsp.TextDocumentSyncOptions)
    assert (sync.open_close, sync.change) == (True, lsp.TextDocumentSyncKind.Incremental)
