"""An edit that the model is not sure of is applied only after a question, and says so."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode import EngineConfig, Scope
from copydecode_lsp import confirmation
from copydecode_lsp.client import Abilities
from copydecode_lsp.instructions import Instruction
from copydecode_lsp.names import FIX_ALL_KIND
from copydecode_lsp.settings import Confirm, Settings
from tests.server.fake_engine import SURE, UNSURE
from tests.server.harness import (
    URI,
    Pair,
    connected,
    cursor,
    diagnostic,
    failure,
    lines,
    until,
)

TEXT = "first = 1\nsecond = 2\nthird = 3\n"
ANNOTATING = Abilities(annotations=True)


@pytest.mark.parametrize(
    ("confirm", "confidence", "needed", "preferred"),
    [
        (Confirm.LOW_CONFIDENCE, 0.79, True, False),
        (Confirm.LOW_CONFIDENCE, 0.8, False, True),
        (Confirm.LOW_CONFIDENCE, None, False, False),
        (Confirm.ALWAYS, 1.0, True, False),
        (Confirm.ALWAYS, None, True, False),
        (Confirm.NEVER, 0.1, False, False),
        (Confirm.NEVER, 0.9, False, True),
        (Confirm.NEVER, None, False, False),
    ],
)
def test_what_is_asked_for_and_what_is_preferred(
    confirm: Confirm, confidence: float | None, needed: bool, preferred: bool
) -> None:
    settings = Settings(EngineConfig(), confirm=confirm, confidence_threshold=0.8)
    assert confirmation.needed(settings, confidence) is needed
    assert confirmation.is_preferred(settings, confidence) is preferred


def test_the_confidence_is_said_in_words_and_in_per_cent() -> None:
    settings = Settings(EngineConfig(), confidence_threshold=0.8)
    said = [confirmation.in_words(settings, value) for value in (0.93, 0.62, 0.2, None)]
    assert [words.split(":")[0] for words in said[:3]] == [
        "Likely right",
        "May be wrong",
        "Likely wrong",
    ]
    assert "93%" in said[0]
    assert "not known" in said[3]


def test_labels_are_short_and_in_one_line() -> None:
    assert confirmation.label(Instruction("do\n  this", None)) == "AI edit: do this"
    parts = (Instruction("a", Scope(1, 1)), Instruction("b", Scope(2, 2)))
    label = confirmation.label(Instruction("fix all", None, parts=parts))
    assert label == "AI edit: fix 2 diagnostics"
    assert len(confirmation.label(Instruction("long " * 50, None))) <= confirmation.LABEL_LENGTH


async def annotated(
    instruction: str, options: dict[str, Any] | None = None
) -> tuple[lsp.ChangeAnnotation, list[lsp.AnnotatedTextEdit]]:
    """Resolve a quick fix of line 2; return the one annotation, and the edits that are its."""
    async with connected(ANNOTATING, options=options, text=TEXT) as pair:
        action = await pair.resolve_first(cursor(2), diagnostic(instruction, 2))
    assert action.edit is not None
    assert action.edit.document_changes is not None
    (change,) = action.edit.document_changes
    assert isinstance(change, lsp.TextDocumentEdit)
    ((name, annotation),) = (action.edit.change_annotations or {}).items()
    edits = [e for e in change.edits if isinstance(e, lsp.AnnotatedTextEdit)]
    assert len(edits) == len(change.edits)
    assert {edit.annotation_id for edit in edits} == {name}
    return annotation, edits


@pytest.mark.parametrize(
    ("instruction", "options", "needs"),
    [
        ("unsure: 5", None, True),
        ("put: 5", None, False),
        ("unsure: 5", {"confirm": "never"}, False),
        ("put: 5", {"confirm": "always"}, True),
        ("put: 5", {"confidenceThreshold": 0.95}, True),
        ("unsure: 5", {"confidenceThreshold": 0.2}, False),
    ],
)
async def test_a_client_with_change_annotations_gets_one_that_says_it(
    instruction: str, options: dict[str, Any] | None, needs: bool
) -> None:
    annotation, edits = await annotated(instruction, options)
    assert annotation.needs_confirmation is needs
    assert annotation.label == f"AI edit: {instruction}"
    assert "%" in (annotation.description or "")
    assert [edit.new_text for edit in edits] == ["5"]


async def test_the_command_annotates_too_and_leaves_the_question_to_the_client() -> None:
    async with connected(ANNOTATING, text=TEXT) as pair:
        answer = await pair.edit("unsure: 5", lines(2, 2))
        assert answer["applied"] is True
        assert answer["confidence"] == UNSURE
        (annotation,) = pair.client.unconfirmed
        assert annotation.description == (
            "Likely wrong: about 25% of the edits that the model is as sure of are."
        )
        assert (await pair.edit("put: 6", lines(2, 2)))["confidence"] == SURE
        assert len(pair.client.unconfirmed) == 1
        assert pair.client.documents[URI].text == "first = 1\n6\nthird = 3\n"


@pytest.mark.parametrize("answer", ["Apply", "Discard", None])
async def test_without_annotations_the_command_asks_before_it_applies(answer: str | None) -> None:
    asked: list[list[str]] = []

    def choose(titles: list[str]) -> str | None:
        asked.append(titles)
        return answer

    async with connected(text=TEXT) as pair:
        pair.client.choose = choose
        result = await pair.edit("unsure: 5", lines(2, 2))
        assert asked == [["Apply", "Discard"]]
        applied = answer == "Apply"
        assert result["applied"] is applied
        assert result.get("discarded", False) is not applied
        assert result["confidence"] == UNSURE
        expected = TEXT.replace("second = 2", "5") if applied else TEXT
        assert pair.client.documents[URI].text == expected
        await pair.edit("put: 6", lines(3, 3))
        assert len(asked) == 1


@pytest.mark.parametrize("document_changes", [True, False])
async def test_what_is_typed_while_the_question_is_open_stays(document_changes: bool) -> None:
    """Also in a client whose edits carry no version."""
    async with connected(Abilities(document_changes=document_changes), text=TEXT) as pair:

        def choose(_titles: list[str]) -> str:
            pair.client.change(URI, "typed = 0\n" + TEXT)
            return "Apply"

        pair.client.choose = choose
        answer = await pair.edit("unsure: 5", lines(2, 2))
        assert (answer["applied"], answer["rebased"]) == (True, True)
        assert pair.client.documents[URI].text == "typed = 0\nfirst = 1\n5\nthird = 3\n"


async def test_where_the_user_typed_into_the_edit_the_answer_is_about_no_other() -> None:
    async with connected(text=TEXT) as pair:

        def choose(_titles: list[str]) -> str:
            pair.client.change(URI, TEXT.replace("second", "another"))
            return "Apply"

        pair.client.choose = choose
        argument = {"uri": URI, "instruction": "unsure: 5", "retry": True}
        span = {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 0}}
        error = await failure(
            pair.client.execute("copydecode.applyEdit", {**argument, "range": span})
        )
    assert error.code == lsp.LSPErrorCodes.ContentModified


async def test_an_action_that_is_resolved_without_annotations_comes_with_a_message() -> None:
    """It cannot be asked for; the edit is there, and not preferred."""
    async with connected(text=TEXT) as pair:
        action = await pair.resolve_first(cursor(2), diagnostic("unsure: 5", 2))
        await until(lambda: pair.client.messages)
    assert action.edit is not None
    assert action.is_preferred is False
    (message,) = pair.client.messages
    assert message.type == lsp.MessageType.Warning
    assert "look at this edit. Likely wrong" in message.message


async def listed(pair: Pair, instruction: str) -> lsp.CodeAction:
    action, *_ = await pair.client.code_actions(URI, cursor(2), [diagnostic(instruction, 2)])
    assert isinstance(action, lsp.CodeAction)
    return action


@pytest.mark.parametrize(("instruction", "preferred"), [("put: 5", True), ("unsure: 5", None)])
async def test_a_quick_fix_is_preferred_once_it_is_known_to_be_sure(
    instruction: str, preferred: bool | None
) -> None:
    """Listing asks no model: before it was resolved, and of a newer text, none is."""
    async with connected(ANNOTATING, text=TEXT) as pair:
        assert (await listed(pair, f" {instruction}")).is_preferred is None
        resolved = await pair.resolve_first(cursor(2), diagnostic(f" {instruction}", 2))
        assert resolved.is_preferred is bool(preferred)
        assert (await listed(pair, f" {instruction}")).is_preferred is preferred
        pair.client.change(URI, TEXT + "fourth = 4\n")
        assert (await listed(pair, f" {instruction}")).is_preferred is None


async def test_a_fix_that_changes_nothing_is_not_preferred() -> None:
    async with connected(ANNOTATING, text=TEXT) as pair:
        resolved = await pair.resolve_first(cursor(2), diagnostic("nothing", 2))
        assert resolved.is_preferred is None
        assert (await listed(pair, "nothing")).is_preferred is None
        assert resolved.edit is not None
        assert not resolved.edit.change_annotations


async def test_only_quick_fixes_are_preferred() -> None:
    async with connected(ANNOTATING, text="# put: 5 AI!\nx = 1\n") as pair:
        action = await pair.resolve_first(cursor(1))
        assert action.is_preferred is None
        (again,) = await pair.client.code_actions(URI, cursor(1))
        assert isinstance(again, lsp.CodeAction)
        assert again.is_preferred is None


BROKEN = diagnostic("put: x = (", 2)
UNKNOWN = diagnostic("put: x = unknown", 2)


@pytest.mark.parametrize(
    ("found", "problem"), [(BROKEN, "'(' was never closed"), (UNKNOWN, "undefined name 'unknown'")]
)
async def test_a_fix_that_adds_an_error_is_withheld_with_a_message(
    found: lsp.Diagnostic, problem: str
) -> None:
    """The message says which; the error, which is logged, only in its data."""
    async with connected(text=TEXT) as pair:
        error = await failure(pair.resolve_first(cursor(2), found))
        await until(lambda: pair.client.messages)
    assert error.code == lsp.LSPErrorCodes.RequestFailed
    assert problem not in error.message
    assert isinstance(error.data, dict)
    assert error.data["kind"] == "WithheldError"
    assert problem in error.data["found"][0]
    (message,) = pair.client.messages
    assert message.type == lsp.MessageType.Warning
    assert message.message.startswith("copydecode: the edit is withheld, since it would leave: ")
    assert problem in message.message


@pytest.mark.parametrize(
    ("uri", "language", "options"),
    [
        (URI, "python", {"selfCheck": False}),
        (URI, "lua", {}),
        ("vscode-notebook-cell:/tmp/a.ipynb#1", "python", {}),
    ],
)
async def test_what_cannot_or_shall_not_be_checked_is_offered(
    uri: str, language: str, options: dict[str, Any]
) -> None:
    async with connected(options=options) as pair:
        pair.client.open(uri, TEXT, language)
        action, *_ = await pair.client.code_actions(uri, cursor(2), [UNKNOWN])
        assert isinstance(action, lsp.CodeAction)
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        pair.client.apply(resolved.edit)
        assert "unknown" in pair.client.documents[uri].text


async def test_an_instruction_of_the_user_s_is_not_checked() -> None:
    """Who asks for a name may be about to define it."""
    async with connected(text=TEXT) as pair:
        answer = await pair.edit("put: x = unknown", lines(2, 2))
        assert answer["applied"] is True


async def test_of_all_fixes_those_that_add_errors_are_left_out() -> None:
    async with connected(text=TEXT) as pair:
        kinds: list[lsp.CodeActionKind | str] = [FIX_ALL_KIND]
        found = [diagnostic("unsure: 7", 1), UNKNOWN, diagnostic("put: 9", 3)]
        (action,) = await pair.client.code_actions(URI, lines(1, 3), found, kinds)
        assert isinstance(action, lsp.CodeAction)
        resolved = await pair.client.code_action_resolve_async(action)
        assert resolved.edit is not None
        pair.client.apply(resolved.edit)
        assert pair.client.documents[URI].text == "7\nsecond = 2\n9\n"
        await until(lambda: len(pair.client.messages) > 1)
        receipt = await pair.client.execute("copydecode.lastReceipt")
    assert receipt is not None
    assert receipt["confidence"] == UNSURE  # That of the least sure.
    left_out, unsure = (message.message for message in pair.client.messages)
    assert "2 of 3 fixes were tried; 1 withheld" in left_out
    assert "look at this edit" in unsure


async def test_of_all_fixes_each_has_the_annotation_of_its_own_diagnostic() -> None:
    """One that was rebased, too; so the unsure ones alone are asked for."""
    text = "zeroth = 0\n" + TEXT
    async with connected(ANNOTATING, text=text) as pair:
        kinds: list[lsp.CodeActionKind | str] = [FIX_ALL_KIND]
        found = [diagnostic("unsure: 7", 2), diagnostic("put: 9", 4)]
        (action,) = await pair.client.code_actions(URI, lines(1, 4), found, kinds)
        assert isinstance(action, lsp.CodeAction)
        await pair.client.code_action_resolve_async(action)
        pair.client.change(URI, "typed = 0\n" + text)
        resolved = await pair.client.code_action_resolve_async(action)
    assert resolved.edit is not None
    annotations = resolved.edit.change_annotations or {}
    assert resolved.edit.document_changes is not None
    (change,) = resolved.edit.document_changes
    assert isinstance(change, lsp.TextDocumentEdit)
    said = [
        (edit.new_text, annotations[edit.annotation_id])
        for edit in change.edits
        if isinstance(edit, lsp.AnnotatedTextEdit)
    ]
    assert [(text, a.label, a.needs_confirmation) for text, a in said] == [
        ("7", "AI edit: unsure: 7", True),
        ("9", "AI edit: put: 9", False),
    ]


async def test_the_status_has_the_settings() -> None:
    options = {"confirm": "always", "confidenceThreshold": 0.5, "selfCheck": False}
    async with connected(options=options, text=TEXT) as pair:
        status = await pair.client.execute("copydecode.showStatus", {"quiet": True})
    assert status is not None
    chosen = status["settings"]
    assert (chosen["confirm"], chosen["confidence_threshold"]) == ("always", 0.5)
    assert chosen["self_check"] is False
