"""Parts of a document that an edit removes for certain, and several edits that become one.

The model is the scripted one of the server's tests: what it writes is in the instruction.
"""

from __future__ import annotations

import pytest

from copydecode import Copy, EditRequest, Gen, Scope, combine, shown
from copydecode.edit.document import Document
from copydecode.edit.resolve import apply_hunks
from copydecode.errors import DocumentTooLargeError, ScopeError
from tests.server import fake_engine

TEXT = "a\n# put this AI!\nb\nc\n"
COMMENT = (2, 17)


def request(instruction: str, text: str = TEXT, **more: object) -> EditRequest:
    return EditRequest(text, instruction, **{"erase": COMMENT, **more})  # type: ignore[arg-type]  # any field


def test_what_is_erased_is_gone_whatever_the_model_writes() -> None:
    told: list[object] = []
    result = fake_engine.load().edit(
        request("put: new", scope=Scope(2, 3, locked=False)),
        on_op=lambda op, _receipt: told.append(op),
    )
    assert result.text == "a\nnew\nc\n"
    assert told == [Copy(1, 1), Gen("new\n"), Copy(4, 4)]
    assert apply_hunks(Document(TEXT), result.hunks) == result.text
    assert [(hunk.first, hunk.end) for hunk in result.hunks] == [(2, 4)]


def test_copies_over_what_is_erased_leave_it_out() -> None:
    result = fake_engine.load().edit(request("put: new", scope=Scope(4, 4)))
    assert result.program.ops == (Copy(1, 1), Copy(3, 3), Gen("new\n"))
    assert [(hunk.first, hunk.end, hunk.text) for hunk in result.hunks] == [
        (2, 3, ""),
        (4, 5, "new\n"),
    ]


def test_an_instruction_that_nothing_was_done_about_stays() -> None:
    result = fake_engine.load().edit(request("nothing"))
    assert (result.text, result.hunks) == (TEXT, ())


def test_a_line_keeps_what_stands_before_what_is_erased() -> None:
    text = "a = 1  # put this AI!\nb\n"
    result = fake_engine.load().edit(request("put: new", text, scope=Scope(2, 2), erase=(5, 21)))
    assert result.text == "a = 1\nnew\n"


@pytest.mark.parametrize(
    ("text", "scope", "erase", "left"),
    [
        (TEXT, Scope(2, 3), COMMENT, ("a\nb\nc\n", Scope(2, 2))),
        (TEXT, Scope(2, 2), COMMENT, ("a\nb\nc\n", Scope(2, 2))),
        (TEXT, None, COMMENT, ("a\nb\nc\n", None)),
        ("a\n# AI!", Scope(2, 2), (2, 7), ("a\n", Scope(1, 1))),
        ("# AI!", Scope(1, 1), (0, 5), ("", None)),
        ("a # AI!\nb\n", Scope(1, 1), (1, 7), ("a\nb\n", Scope(1, 1))),
    ],
)
def test_a_scope_is_what_is_left_of_it_or_the_next_line(
    text: str, scope: Scope | None, erase: tuple[int, int], left: tuple[str, Scope | None]
) -> None:
    assert shown(text, scope, erase) == left


@pytest.mark.parametrize("erase", [(-1, 2), (3, 2), (0, 99)])
def test_what_is_erased_lies_within_the_text(erase: tuple[int, int]) -> None:
    with pytest.raises(ScopeError, match="characters to erase within 0 to"):
        fake_engine.load().edit(request("nothing", erase=erase))


def test_a_request_has_its_own_size_limit() -> None:
    engine = fake_engine.load()
    with pytest.raises(DocumentTooLargeError, match="at most 5 bytes"):
        engine.edit(request("nothing", max_document_bytes=5))
    assert engine.edit(request("nothing", max_document_bytes=50)).text == TEXT


def test_edits_one_after_the_other_make_one_edit_with_one_receipt() -> None:
    engine = fake_engine.load()
    first = engine.edit(EditRequest(TEXT, "put: x", Scope(1, 1)))
    second = engine.edit(EditRequest(first.text, "delete", Scope(4, 4)))
    both = combine(TEXT, [first, second])
    assert both.text == second.text == apply_hunks(Document(TEXT), both.hunks)
    assert [(hunk.first, hunk.end, hunk.text) for hunk in both.hunks] == [(1, 2, "x\n"), (4, 5, "")]
    assert both.receipt.forwards == first.receipt.forwards + second.receipt.forwards
    assert both.receipt.model == "scripted"


def test_no_edit_at_all_changes_nothing() -> None:
    none = combine(TEXT, [])
    assert (none.text, none.hunks, none.program.ops) == (TEXT, (), (Copy(1, 4),))
    assert combine("", []).program.ops == ()
