"""The hunks of an edit, told while it is computed, to clients that ask for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode_lsp.client import Abilities
from copydecode_lsp.features import ClientFeatures
from copydecode_lsp.names import FIX_ALL_KIND
from tests.server import fake_engine
from tests.server.harness import URI, Pair, as_json, chars, connected, diagnostic, lines, until

HUNKS = Abilities(hunks=True)
TEXT = "one\ntwo\nthree\nfour\n"


def seen(pair: Pair) -> list[tuple[Any, ...]]:
    """Return what was told: version, index, first line, last line, text, final."""
    return [
        (h.version, h.index, h.range.start.line, h.range.end.line, h.newText, h.final)
        for h in pair.client.hunks_seen
    ]


async def test_new_text_is_shown_before_the_edit_is_done() -> None:
    """Complaint 8: at once, and again when it is known which lines it replaces."""
    backend = fake_engine.FakeBackend()
    async with connected(HUNKS, load=backend.load, text=TEXT) as pair:
        call = pair.client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams(
                command="copydecode.applyEdit",
                arguments=[{"uri": URI, "instruction": "hold: new", "range": as_json(lines(2, 3))}],
            ),
        )
        await until(lambda: len(pair.client.hunks_seen) == 2)
        assert not call.answer.done()
        assert seen(pair) == [(1, 0, 1, 1, "new\n", False), (1, 0, 1, 2, "new", False)]
        backend.finish.set()
        await asyncio.wrap_future(call.answer)
        assert seen(pair)[2:] == [(1, 0, 1, 2, "new", True)]
        assert {h.uri for h in pair.client.hunks_seen} == {URI}
        await pair.edit("put: x", lines(1, 1))
        assert len({h.edit for h in pair.client.hunks_seen}) == 2


async def test_the_final_hunks_are_the_edit_for_the_version_that_it_is_answered_at() -> None:
    """Complaint 6: also where the user typed meanwhile."""
    backend = fake_engine.FakeBackend()
    async with connected(HUNKS, load=backend.load, text=TEXT) as pair:
        data = {
            "uri": URI,
            "version": 1,
            "instruction": "hold: new",
            "scope": [2, 2],
            "locked": True,
        }
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, lsp.CodeAction(title="t", data=data))
        await until(lambda: len(pair.client.hunks_seen) == 2)
        pair.client.change(URI, "zero\n" + TEXT)
        await pair.client.execute("copydecode.lastReceipt")  # It has come.
        backend.finish.set()
        action = await asyncio.wrap_future(call.answer)
    (change,) = action.edit.document_changes
    (edit,) = change.edits
    assert seen(pair)[2:] == [(2, 0, 2, 2, "new", True)]
    assert (edit.range, edit.new_text) == (chars(3, 0, 3), "new")
    assert change.text_document.version == 2


async def test_of_an_edit_that_several_make_the_final_hunks_are_the_last() -> None:
    found = [diagnostic("put: 7", 1), diagnostic("put: 8", 3)]
    async with connected(HUNKS, text=TEXT) as pair:
        kinds: list[lsp.CodeActionKind | str] = [FIX_ALL_KIND]
        (action,) = await pair.client.code_actions(URI, lines(1, 1), found, kinds)
        assert isinstance(action, lsp.CodeAction)
        await pair.client.code_action_resolve_async(action)
        await pair.client.execute("copydecode.lastReceipt")  # All that was told before has come.
    assert seen(pair)[-2:] == [(1, 0, 0, 0, "7", True), (1, 1, 2, 2, "8", True)]


async def test_an_edit_that_fails_has_no_final_hunk() -> None:
    async with connected(HUNKS, text=TEXT) as pair:
        call = pair.client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams(
                "copydecode.applyEdit",
                arguments=[{"uri": URI, "instruction": "hold: x", "range": as_json(lines(2, 2))}],
            ),
        )
        await until(lambda: len(pair.client.hunks_seen) == 2)
        pair.client.cancel(call)
        await asyncio.wait([asyncio.wrap_future(call.answer)])
        await pair.edit("nothing")
    assert [h.final for h in pair.client.hunks_seen] == [False, False]


async def test_a_client_that_does_not_ask_is_not_told() -> None:
    async with connected(text=TEXT) as pair:
        assert (await pair.edit("put: x"))["applied"]
    assert pair.client.hunks_seen == []


@pytest.mark.parametrize(
    ("experimental", "told"),
    [
        ({"copydecode": {"hunks": True}}, True),
        ({"copydecode": {"hunks": False}}, False),
        ({"copydecode": {"hunks": 1}}, False),
        ({"copydecode": {}}, False),
        ({"copydecode": True}, False),
        ({"other": {}}, False),
        (True, False),
        (None, False),
    ],
)
def test_hunks_are_for_clients_that_say_so(experimental: object, told: bool) -> None:
    capabilities = lsp.ClientCapabilities(experimental=experimental)
    assert ClientFeatures.of(capabilities).hunks is told
