"""What users of other tools complain about, and what an edit is asked for by: PEERS' 1, 2, 5, 9."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode_lsp import forms
from copydecode_lsp.client import Abilities
from copydecode_lsp.handlers import code_action
from copydecode_lsp.history import KEPT, History
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

APPLY = "copydecode.applyEdit"
FORMS = Abilities(forms=True)
THREE = "value = 1\nvalues\nx\nvalued\nvalues\n"
UNDEFINED = [
    diagnostic("undefined name 'values'", 2),
    diagnostic("undefined name 'valued'", 4),
    diagnostic("undefined name 'values'", 5),
]


async def resolve_command(pair: Pair, **params: object) -> dict[str, Any]:
    answer: dict[str, Any] = await pair.client.protocol.send_request_async(
        "command/resolve", {"command": APPLY, "arguments": [{"uri": URI}], **params}
    )
    return answer


async def fix_all(
    pair: Pair, found: list[lsp.Diagnostic], only: str = "source.fixAll.copydecode"
) -> list[lsp.CodeAction]:
    actions = await pair.client.code_actions(URI, cursor(1), found, [only])
    return [action for action in actions if isinstance(action, lsp.CodeAction)]


# "No way to ask for input over LSP"


async def test_no_way_to_ask_for_input__a_client_with_forms_asks_for_the_instruction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with connected(FORMS, text="a\nb\n") as pair:
        (action,) = await pair.client.code_actions(URI, lines(1, 1))
        assert isinstance(action, lsp.CodeAction)
        assert action.command is not None
        assert (action.title, action.kind) == (code_action.ASK_TITLE, "refactor.rewrite.copydecode")
        asked = {
            "command": action.command.command,
            "arguments": [*(action.command.arguments or [])],
        }
        form = await resolve_command(pair, **asked)
        assert form["formFields"] == [
            {
                "id": "instruction",
                "description": "What should the AI edit do?",
                "type": {"kind": "string"},
                "required": True,
            }
        ]
        answers = [{"id": "instruction", "value": "put: new"}]
        ready = await resolve_command(pair, **asked, formAnswers=answers)
        assert ready == {**asked, "formAnswers": answers}
        with monkeypatch.context() as patched:  # LSP's own type has no formAnswers.
            patched.setattr(pair.client.protocol, "get_message_type", lambda _method: None)
            call = pair.client.call("workspace/executeCommand", {**asked, "formAnswers": answers})
        await asyncio.wait_for(asyncio.wrap_future(call.answer), PATIENCE_S)
        assert pair.client.documents[URI].text == "new\nb\n"
        # The next form begins with it.
        again = await resolve_command(pair)
    assert again["formFields"][0]["default"] == "put: new"


@pytest.mark.breaks_protocol("command/resolve without a command")
@pytest.mark.parametrize("answers", [[{"id": "instruction", "value": " "}], [" "], [{"id": "x"}]])
async def test_no_way_to_ask_for_input__a_bad_answer_is_asked_for_again(
    answers: object,
) -> None:
    async with connected(FORMS, text="a\n") as pair:
        form = await resolve_command(pair, formAnswers=answers)
        error = await failure(pair.client.protocol.send_request_async("command/resolve", {}))
    assert form["formFields"][0]["error"] == "expected an instruction, found none"
    assert error.code == lsp.ErrorCodes.InvalidParams


async def test_a_command_that_needs_no_input_is_ready_as_it_is() -> None:
    complete = [{"uri": URI, "instruction": "delete"}]
    async with connected(FORMS, text="a\n") as pair:
        assert await resolve_command(pair, arguments=complete) == {
            "command": APPLY,
            "arguments": complete,
        }
        other = await resolve_command(pair, command="copydecode.lastReceipt", arguments=[])
        experimental = pair.server.server_capabilities.experimental
    assert "formFields" not in other
    assert experimental == {"interactiveResolveProvider": {"kinds": ["command"]}}


def test_answers_by_position_count_too() -> None:
    """As gopls had it before answers got ids."""
    params = {"command": APPLY, "arguments": [{"uri": URI}], "formAnswers": ["delete"]}
    assert forms.with_answers(params)["arguments"] == [{"uri": URI, "instruction": "delete"}]
    assert forms.with_answers({"command": "other"}) == {"command": "other"}


async def test_no_way_to_ask_for_input__other_clients_choose_among_the_last_instructions() -> None:
    async with connected(text="a\nb\n") as pair:
        for instruction in ("nothing", "put: new"):
            await pair.edit(instruction, lines(1, 1))
        offered: list[list[str]] = []

        def choose(titles: list[str]) -> str:
            offered.append(titles)
            return titles[1]

        pair.client.choose = choose
        answer = await pair.client.execute(APPLY, {"uri": URI, "range": as_json(lines(1, 1))})
        assert offered == [["1. put: new", "2. nothing"]]
        assert answer is not None
        assert (answer["applied"], answer["hunks"]) == (False, 0)
        pair.client.choose = lambda _titles: None
        answer = await pair.client.execute(APPLY, {"uri": URI})
    assert answer == {"applied": False, "cancelled": True}


async def test_without_anything_to_choose_from_a_missing_instruction_is_an_error() -> None:
    async with connected(text="a\n") as pair:
        error = await failure(pair.client.execute(APPLY, {"uri": URI}))
    assert error.code == lsp.ErrorCodes.InvalidParams


async def test_the_last_instructions_are_offered_newest_first_and_a_bounded_number() -> None:
    async with connected(text="a\nb\n") as pair:
        for n in range(code_action.OFFERED + 2):
            await pair.edit(f"put: {n}", lines(1, 1))
        actions = await pair.client.code_actions(URI, lines(1, 1))
    newest = range(code_action.OFFERED + 1, 1, -1)
    assert [a.title for a in actions] == [f"Apply AI edit: put: {n}" for n in newest]


def test_a_folder_keeps_its_own_instructions_bounded_and_each_once() -> None:
    history = History()
    for n in range(KEPT + 5):
        history.add("a", str(n))
    history.add("a", "7")
    history.add("b", "other")
    assert history.of("a")[:2] == ("7", str(KEPT + 4))
    assert len(history.of("a")) == KEPT
    history.forget("a")
    assert (history.of("a"), history.of("b")) == ((), ("other",))


async def test_instructions_of_another_folder_are_not_offered() -> None:
    async with connected(text="a\n") as pair:
        for name in ("file:///tmp", "file:///other"):
            pair.server.workspace.add_folder(lsp.WorkspaceFolder(name, name))
        await pair.edit("nothing")
        pair.client.open("file:///other/b.py", "b\n")
        assert await pair.client.code_actions("file:///other/b.py", lines(1, 1)) == []
        assert len(await pair.client.code_actions(URI, lines(1, 1))) == 1
        pair.client.workspace_did_change_workspace_folders(
            lsp.DidChangeWorkspaceFoldersParams(
                lsp.WorkspaceFoldersChangeEvent(
                    added=[lsp.WorkspaceFolder("file:///new", "new")],
                    removed=[lsp.WorkspaceFolder("file:///tmp", "tmp")],
                )
            )
        )
        assert await pair.client.code_actions(URI, lines(1, 1)) == []
        assert set(pair.server.workspace.folders) == {"file:///other", "file:///new"}


# "Silent overwrite or deletion", "The edit does not match the text"


async def test_the_comment_goes_with_its_edit_whatever_the_model_writes() -> None:
    text = "a = 1\n    # put: new AI!\nb\n\nc\n"
    async with connected(text=text) as pair:
        action = await pair.resolve_first(cursor(3))
        assert action.edit is not None
        assert pair.client.apply(action.edit) is None
        assert pair.client.documents[URI].text == "a = 1\nnew\n\nc\n"


async def test_silent_deletion__a_comment_whose_edit_changed_nothing_stays() -> None:
    async with connected(text="# nothing AI!\nb\n") as pair:
        action = await pair.resolve_first(cursor(2))
        assert action.edit == lsp.WorkspaceEdit(document_changes=())


async def test_the_comment_goes_as_well_where_a_client_gets_a_command() -> None:
    async with connected(Abilities(resolves_edits=False), text="# put: new AI!\nb\n") as pair:
        (action,) = await pair.client.code_actions(URI, cursor(2))
        assert isinstance(action, lsp.CodeAction)
        assert action.command is not None
        await pair.client.execute(APPLY, *(action.command.arguments or []))
        assert pair.client.documents[URI].text == "new\n"
        error = await failure(pair.client.execute(APPLY, {"uri": URI, "fromAction": True}))
    assert error.code == lsp.ErrorCodes.InvalidParams


async def test_a_snippet_needs_no_words() -> None:
    async with connected(text="a\n") as pair:
        error = await failure(pair.client.execute(APPLY, {"uri": URI, "snippet": "b\n"}))
        assert "no such script" in error.message  # It reached the model, which knows no such edit.
        error = await failure(pair.client.execute(APPLY, {"uri": URI, "snippet": 3}))
        assert error.code == lsp.ErrorCodes.InvalidParams
        error = await failure(pair.client.execute(APPLY, {"uri": URI, "snippet": " "}))
    assert error.data == {"kind": "EmptyInstructionError"}


# Fixing all diagnostics of a file


async def test_all_diagnostics_are_fixed_by_one_edit_of_the_version_they_are_of() -> None:
    async with connected(text=THREE) as pair:
        (action,) = await fix_all(pair, [*reversed(UNDEFINED), UNDEFINED[0]])
        assert action.title == "Apply AI edit: fix 3 diagnostics of this file"
        resolved = await pair.client.code_action_resolve_async(action)
        again = await pair.client.code_action_resolve_async(action)
        assert resolved.edit == again.edit
        assert resolved.edit is not None
        assert pair.client.apply(resolved.edit) is None
        assert pair.client.documents[URI].text == "value = 1\nvalue\nx\nvalue\nvalue\n"
        receipt = await pair.client.execute("copydecode.lastReceipt")
    assert receipt is not None
    assert (receipt["hunks"], receipt["forwards"]) == (2, 1 + 2 + 3)


async def test_what_was_not_used_before_errors_were_mended_is_left_alone() -> None:
    """A name misspelt where it is used gives two diagnostics, and one is mended with the other."""
    text = "def f():\n    count = 1\n    return counts\n"
    unused = diagnostic("local variable 'count' is assigned to but never used", 2)
    async with connected(text=text) as pair:
        (action,) = await fix_all(pair, [unused, diagnostic("undefined name 'counts'", 3)])
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        pair.client.apply(resolved.edit)
        assert pair.client.documents[URI].text == text.replace("counts", "count")
    assert pair.client.messages == []


async def test_a_diagnostic_whose_line_was_fixed_or_cannot_be_is_left_out_and_said() -> None:
    found = [diagnostic("delete", 1), diagnostic("put: x", 1), diagnostic("endless", 2)]
    async with connected(text="a\nb\nc\n") as pair:
        (action,) = await fix_all(pair, [*found, diagnostic("put: 3", 3)])
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        pair.client.apply(resolved.edit)
        assert pair.client.documents[URI].text == "b\n3\n"
        await until(lambda: pair.client.messages)
    assert "2 of 4 fixes were tried" in pair.client.messages[0].message


async def test_where_no_diagnostic_can_be_fixed_the_reason_is_the_answer() -> None:
    async with connected(text="a\n") as pair:
        (action,) = await fix_all(pair, [diagnostic("endless", 1)])
        error = await failure(pair.client.code_action_resolve_async(action))
    assert error.data == {"kind": "TokenLimitError"}


async def test_a_small_edit_scans_the_whole_file__so_many_diagnostics_are_fixed_at_most() -> None:
    count = code_action.FIX_ALL + 9
    async with connected(text="x\n" * count) as pair:
        (action,) = await fix_all(pair, [diagnostic("nothing", n + 1) for n in range(count)])
    assert isinstance(action.data, dict)
    assert len(action.data["parts"]) == code_action.FIX_ALL


@pytest.mark.parametrize(
    ("only", "automatic", "offered"),
    [
        (None, False, True),
        (None, True, False),
        (["source.fixAll"], False, True),
        (["source.fixAll"], True, False),
        (["source.fixAll.copydecode"], True, True),
    ],
)
async def test_no_model_runs_at_each_save_unless_it_was_asked_for_by_name(
    only: list[lsp.CodeActionKind | str] | None, automatic: bool, offered: bool
) -> None:
    kinds = lsp.CodeActionTriggerKind
    async with connected(text=THREE) as pair:
        context = lsp.CodeActionContext(
            diagnostics=UNDEFINED,
            only=only,
            trigger_kind=kinds.Automatic if automatic else kinds.Invoked,
        )
        actions = await pair.client.text_document_code_action_async(
            lsp.CodeActionParams(lsp.TextDocumentIdentifier(URI), cursor(1), context)
        )
    assert bool(actions) is offered


async def test_no_action_calls_itself_preferred_and_each_says_who_wrote_it() -> None:
    async with connected(FORMS, text="# nothing AI!\nvalue\nvalues\n") as pair:
        found = [diagnostic("undefined name 'values'", 3), diagnostic("put: x", 2)]
        actions = await pair.client.code_actions(URI, lines(1, 3), found)
    literal = [action for action in actions if isinstance(action, lsp.CodeAction)]
    assert len(literal) == len(actions) == 5
    assert all(action.is_preferred is None for action in literal)
    assert all(action.tags == (lsp.CodeActionTag.LlmGenerated,) for action in literal)
