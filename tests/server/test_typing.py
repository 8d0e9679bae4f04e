"""While the user types: an edit keeps what was typed, or is refused, or begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode_lsp import snapshots
from copydecode_lsp.client import Abilities, Call
from copydecode_lsp.names import FIX_ALL_KIND
from copydecode_lsp.propose import RESTARTS
from tests.server import fake_engine
from tests.server.harness import (
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

TEXT = "one\ntwo\nthree\nfour\n"
HOLD = diagnostic("hold: new", 3)


@dataclass
class Held(Pair):
    """A pair whose edit of line 3 ends when the backend may finish."""

    backend: fake_engine.FakeBackend

    async def begin(self, **argument: Any) -> Call:  # noqa: ANN401 -- JSON
        """Ask for line 3 to be replaced, and wait until its new text was written."""
        call = self.client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams(
                command="copydecode.applyEdit",
                arguments=[
                    {
                        "uri": URI,
                        "instruction": "hold: new",
                        "range": as_json(lines(3, 3)),
                        **argument,
                    }
                ],
                work_done_token="mine",  # noqa: S106 -- a progress token
            ),
        )
        await until(self.written)
        return call

    def written(self) -> bool:
        """Return whether the new text was written."""
        return any(
            "new text" in str(value.get("message")) for _, value in self.client.progress_seen
        )

    def decoding(self, run: int) -> bool:
        """Return whether a decode is under way."""
        return self.backend.runs == run

    async def seen(self) -> None:
        """Wait until the server has taken all that was sent: it takes messages in order."""
        await self.client.execute("copydecode.lastReceipt")

    async def done(self, call: Call) -> Any:  # noqa: ANN401 -- the answer
        """Let the edit end, and return its answer."""
        self.backend.finish.set()
        return await asyncio.wrap_future(call.answer)


@asynccontextmanager
async def held(abilities: Abilities | None = None, text: str = TEXT) -> AsyncIterator[Held]:
    backend = fake_engine.FakeBackend()
    # Words, which in Python would be unknown names.
    async with connected(abilities, load=backend.load, text=text, language="plaintext") as pair:
        yield Held(pair.client, pair.server, backend)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("zero\none\ntwo\nthree\nfour\n", "zero\none\ntwo\nnew\nfour\n"),
        ("one\nTWO\nthree\nfour\n", "one\nTWO\nnew\nfour\n"),
        ("two\nthree\nfour\n", "two\nnew\nfour\n"),
        ("one\ntwo\nthree\nfour\nfive\n", "one\ntwo\nnew\nfour\nfive\n"),
    ],
)
@pytest.mark.parametrize("document_changes", [True, False])
async def test_what_was_typed_elsewhere_during_an_edit_is_kept(
    typed: str, expected: str, document_changes: bool
) -> None:
    """Complaint 6 (avante#1975, zed#41271): the edit lands in its own lines, wherever they are."""
    async with held(Abilities(document_changes=document_changes)) as pair:
        call = await pair.begin()
        pair.client.change(URI, typed)
        answer = await pair.done(call)
        assert pair.client.documents[URI].text == expected
    assert (answer["applied"], answer["rebased"], answer["forwards"]) == (True, True, 1)


async def test_keystrokes_and_the_edit_are_put_together() -> None:
    """Complaint 6: with incremental changes, several in one message, and several messages."""
    async with held() as pair:
        call = await pair.begin()
        text, version = TEXT, 1
        keys = [
            [((3, 4), (3, 4), "!")],
            [((0, 0), (0, 0), "z"), ((0, 1), (0, 1), "\n")],
            [((1, 0), (2, 0), "")],
        ]
        for changes in keys:
            version += 1
            pair.client.text_document_did_change(
                lsp.DidChangeTextDocumentParams(
                    text_document=lsp.VersionedTextDocumentIdentifier(uri=URI, version=version),
                    content_changes=[
                        lsp.TextDocumentContentChangePartial(
                            range=lsp.Range(lsp.Position(*start), lsp.Position(*end)), text=new
                        )
                        for start, end, new in changes
                    ],
                )
            )
        text = "z\ntwo\nthree\nfour!\n"
        pair.client.documents[URI].text, pair.client.documents[URI].version = text, version
        await pair.done(call)
        assert pair.client.documents[URI].text == "z\ntwo\nnew\nfour!\n"


@pytest.mark.parametrize(
    "typed",
    [
        "one\ntwo\nTHREE\nfour\n",  # The line that is replaced.
        "one\ntwo\nfour\n",
        "one\ntwo\nabove\nthree\nfour\n",  # At its borders.
        "one\ntwo\nthree\nbelow\nfour\n",
        "all is new\n",
    ],
)
async def test_an_edit_never_overwrites_what_was_typed_in_its_lines(typed: str) -> None:
    """Complaint 2 (continue#13307): it ends at once, as modified, though the model goes on."""
    async with held() as pair:
        call = await pair.begin()
        pair.client.change(URI, typed)
        error = await failure(asyncio.wrap_future(call.answer))  # Nothing let it finish.
        assert error.code == lsp.LSPErrorCodes.ContentModified
        assert pair.client.documents[URI].text == typed
        assert (await pair.edit("delete"))["applied"]


async def test_a_lazy_edit_is_for_the_version_that_it_is_answered_at() -> None:
    async with held() as pair:
        (action,) = await pair.client.code_actions(URI, cursor(3), [HOLD])
        assert isinstance(action, lsp.CodeAction)
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, action)
        await until(lambda: pair.client.progress_seen)
        pair.client.change(URI, "zero\n" + TEXT)
        await pair.seen()
        resolved = await pair.done(call)
        assert pair.client.apply(resolved.edit) is None
        assert pair.client.documents[URI].text == "zero\none\ntwo\nnew\nfour\n"


async def test_an_edit_that_was_shown_is_taken_over_to_what_was_typed_since() -> None:
    """Complaints 6 and 15: no second decode, and nothing but the lines that were shown changes."""
    async with held() as pair:
        pair.backend.finish.set()
        (action,) = await pair.client.code_actions(URI, cursor(3), [HOLD])
        assert isinstance(action, lsp.CodeAction)
        await pair.client.code_action_resolve_async(action)
        pair.client.change(URI, "zero\n" + TEXT)
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        assert pair.client.apply(resolved.edit) is None
        assert pair.client.documents[URI].text == "zero\none\ntwo\nnew\nfour\n"
        # Now it is made: made again it would replace what it brought.
        error = await failure(pair.client.code_action_resolve_async(action))
        receipt = await pair.client.execute("copydecode.lastReceipt")
    assert error.code == lsp.LSPErrorCodes.ContentModified
    assert receipt is not None
    assert receipt["forwards"] == 1


async def test_changes_too_long_ago_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "REMEMBERED", 2)
    async with held() as pair:
        call = await pair.begin()
        for number in range(3):
            pair.client.change(URI, f"{number}\n" + TEXT)
        error = await failure(pair.done(call))
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_a_document_that_was_opened_again_is_another_one() -> None:
    """Complaint 6: its version may be the same, its text need not be."""
    async with held() as pair:
        call = await pair.begin()
        pair.client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
        )
        del pair.client.documents[URI]  # Some editors begin at version 1 again.
        pair.client.open(URI, "zero\n" + TEXT)
        error = await failure(asyncio.wrap_future(call.answer))
        assert error.code == lsp.LSPErrorCodes.ContentModified
        again = pair.client.documents[URI].text
    assert again == "zero\n" + TEXT


async def test_an_edit_that_crossed_its_document_s_close_is_for_no_version_of_it() -> None:
    """Complaint 6: found by `interleavings`, seed 29."""
    async with connected(text="a\nb\n") as pair:
        client = pair.client
        client.change(URI, "b\n")
        edit = lsp.TextDocumentEdit(
            lsp.OptionalVersionedTextDocumentIdentifier(URI, client.documents[URI].version),
            [lsp.TextEdit(lines(1, 1), "edited\n")],
        )
        client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
        )
        client.open(URI, "other\nb\n")
        client.change(URI, "another\nb\n")
        refused = client.apply(lsp.WorkspaceEdit(document_changes=[edit]))
        assert refused is not None
        assert client.documents[URI].text == "another\nb\n"


async def test_an_edit_that_is_to_be_tried_again_begins_anew_on_the_same_lines() -> None:
    async with held() as pair:
        call = await pair.begin(retry=True)
        pair.client.change(URI, "zero\n" + TEXT)
        pair.client.change(URI, "zero\none\ntwo\nTHREE\nfour\n")
        answer = await pair.done(call)
        assert pair.client.documents[URI].text == "zero\none\ntwo\nnew\nfour\n"
    assert (answer["applied"], answer["rebased"], answer["forwards"]) == (True, False, 2)
    shown = [v["kind"] for t, v in pair.client.progress_seen if t == "AI edit"]
    assert (shown.count("begin"), shown.count("end")) == (1, 1)


async def test_an_edit_is_tried_again_a_few_times_only() -> None:
    async with held() as pair:
        call = await pair.begin(retry=True)
        for number in range(RESTARTS + 1):
            await until(partial(pair.decoding, number + 1))
            pair.client.change(URI, TEXT.replace("three", f"three{number}"))
        error = await failure(asyncio.wrap_future(call.answer))
        assert pair.backend.runs == RESTARTS + 1
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_an_edit_whose_lines_are_gone_is_not_tried_again() -> None:
    async with held() as pair:
        call = await pair.begin(retry=True)
        pair.client.change(URI, "one\ntwo\nfour\n")
        error = await failure(asyncio.wrap_future(call.answer))
        assert pair.backend.runs == 1
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_an_edit_that_crossed_a_keystroke_is_sent_again_where_it_may_be() -> None:
    """The client refuses an edit for a version that is not its own any more."""
    async with held() as pair:
        pair.backend.finish.set()
        refused = 0
        apply = pair.client.apply

        def typing(edit: lsp.WorkspaceEdit) -> str | None:
            nonlocal refused
            if not refused:
                refused += 1
                pair.client.change(URI, "zero\n" + TEXT)
            return apply(edit)

        pair.client.apply = typing  # type: ignore[method-assign]
        answer = await asyncio.wrap_future((await pair.begin(retry=True)).answer)
        assert pair.client.documents[URI].text == "zero\none\ntwo\nnew\nfour\n"
    assert (answer["applied"], answer["rebased"], answer["forwards"]) == (True, True, 1)


@pytest.mark.parametrize("retry", [False, True])
async def test_a_range_means_the_version_that_it_was_sent_with(retry: bool) -> None:
    """Complaint 6: also where a keystroke came in the same breath, before the request began."""
    async with held() as pair:
        pair.backend.finish.set()
        argument = {
            "uri": URI,
            "instruction": "put: new",
            "range": as_json(lines(3, 3)),
            "retry": retry,
        }
        call = pair.client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams("copydecode.applyEdit", arguments=[argument]),
        )
        pair.client.change(URI, "zero\n" + TEXT)
        if retry:
            await asyncio.wrap_future(call.answer)
        else:
            error = await failure(asyncio.wrap_future(call.answer))
            assert error.code == lsp.LSPErrorCodes.ContentModified
        text = pair.client.documents[URI].text
    assert text == "zero\none\ntwo\n" + ("new" if retry else "three") + "\nfour\n"


FIXES = [diagnostic("hold: new", 2), diagnostic("put: newer", 4)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("zero\none\ntwo\nthree\nfour\n", "zero\none\nnew\nthree\nnewer\n"),
        ("one\ntwo\nTHREE\nfour\n", "one\nnew\nTHREE\nnewer\n"),
        ("one\nTWO\nthree\nfour\n", None),  # A line that is fixed.
        ("one\ntwo\nthree\nFOUR\n", None),
    ],
)
async def test_fixes_of_all_diagnostics_are_taken_over_together_or_not_at_all(
    typed: str, expected: str | None
) -> None:
    """Complaint 6: what was typed between the lines of one edit that several make."""
    async with held() as pair:
        kinds: list[lsp.CodeActionKind | str] = [FIX_ALL_KIND]
        (action,) = await pair.client.code_actions(URI, cursor(1), FIXES, kinds)
        assert isinstance(action, lsp.CodeAction)
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, action)
        await until(lambda: pair.decoding(1))
        pair.client.change(URI, typed)
        await pair.seen()
        if expected is None:
            error = await failure(pair.done(call))
            assert error.code == lsp.LSPErrorCodes.ContentModified
        else:
            assert pair.client.apply((await pair.done(call)).edit) is None
            assert pair.client.documents[URI].text == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("zero\n# hold: new AI!\ntwo\n", "zero\nnew\n"),
        ("# hold: newer AI!\ntwo\n", None),  # It asks for something else now.
    ],
)
async def test_a_comment_that_is_tried_again_goes_from_where_it_is_then(
    typed: str, expected: str | None
) -> None:
    async with held(Abilities(resolves_edits=False), "# hold: new AI!\ntwo\n") as pair:
        (action,) = await pair.client.code_actions(URI, cursor(1))
        assert isinstance(action, lsp.CodeAction)
        assert action.command is not None
        (argument,) = action.command.arguments or []
        assert isinstance(argument, dict)
        params = lsp.ExecuteCommandParams(action.command.command, [{**argument, "retry": True}])
        call = pair.client.call(lsp.WORKSPACE_EXECUTE_COMMAND, params)
        await until(lambda: pair.decoding(1))
        pair.client.change(URI, typed)
        await pair.seen()
        if expected is None:
            error = await failure(pair.done(call))
            assert error.code == lsp.LSPErrorCodes.ContentModified
        else:
            assert (await pair.done(call))["applied"]
            assert pair.client.documents[URI].text == expected
