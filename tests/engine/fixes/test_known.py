"""Which fixes are known, in which words, and what reaches the model of them."""

from __future__ import annotations

import pytest

from copydecode import EditRequest, Scope
from copydecode.edit.document import Document
from copydecode.fixes.fix import Fix
from copydecode.fixes.known import known_fix
from copydecode.fixes.settled import settled
from copydecode.view import View, precisely

LINES = ["import os", "", "def f(a)", "    return sys.argv"]


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (Fix(3, ("x = 1",)), "Insert before line 3:\n```python\nx = 1\n```"),
        (Fix(3, ("x = 1",), 1), "Replace line 3 with:\n```python\nx = 1\n```"),
        (Fix(3, ("x = 1",), 2), "Replace lines 3-4 with:\n```python\nx = 1\n```"),
        (Fix(3, (), 1), "Delete line 3."),
        (Fix(3), "Change nothing."),
    ],
)
def test_words_leave_nothing_open(fix: Fix, words: str) -> None:
    assert fix.instruction == words


def test_a_fix_keeps_to_lines_or_does_not() -> None:
    assert Fix(3, ("x",)).keeps_to(3, 3)
    assert Fix(4, ("x",)).keeps_to(3, 3)
    assert not Fix(5, ("x",)).keeps_to(3, 3)
    assert Fix(3, (), 1).keeps_to(3, 3)
    assert not Fix(3, (), 2).keeps_to(3, 3)
    assert Fix(1).keeps_to(3, 3)


@pytest.mark.parametrize(
    ("message", "scope", "fix"),
    [
        ("undefined name 'sys'", (4, 4), Fix(2, ("import sys",))),
        ("expected ':'", (3, 3), Fix(3, ("def f(a):",), 1)),
        ("undefined name 'gone'", (4, 4), Fix(4)),
        ("Unused variable 'gone'", (4, 4), Fix(4)),
        ("rename a to b", (4, 4), None),
    ],
)
def test_each_sort_is_known(message: str, scope: tuple[int, int], fix: Fix | None) -> None:
    assert known_fix(message, LINES, scope) == fix


@pytest.mark.parametrize(
    "message",
    [
        "Undefined name `gone`",
        "NameError: name 'gone' is not defined",
        "E0602: Undefined variable 'gone' (undefined-variable)",
        "Cannot find name 'gone'.",
        "Module has no attribute 'gone'",
        "Fix the misspelt name `gone`",
        "`gone` is misspelt",
        "typo in 'gone'",
        "F401 [*] `gone` imported but unused",
        "F841 Local variable `gone` is assigned to but never used",
        '"gone" is not accessed',
    ],
)
def test_what_names_nothing_of_the_document_is_out_of_date(message: str) -> None:
    assert settled(message, LINES, (1, 1)) == Fix(1)
    assert settled(message, [*LINES, "print(gone)"], (1, 1)) is None
    assert settled(message, LINES, None) is None


@pytest.mark.parametrize("message", ["import gone", "rename gone to f", "add a parameter 'gone'"])
def test_what_asks_for_something_new_is_not(message: str) -> None:
    assert settled(message, LINES, (1, 1)) is None


def test_what_is_unused_is_known() -> None:
    lines = ["import os", "", "print(1)"]
    assert known_fix("`os` imported but unused", lines, (1, 1)) == Fix(1, (), 1)


def asked(
    message: str, scope: Scope | None, language: str = "python", *, elsewhere: bool = False
) -> EditRequest:
    text = "\n".join(LINES)
    request = EditRequest(text, message, scope, language, fix_elsewhere=elsewhere)
    return precisely(request, View(Document(text)))


def test_the_model_is_asked_in_the_fix_s_words() -> None:
    precise = asked("expected ':'", Scope(3, 3))
    assert precise.instruction == "Replace line 3 with:\n```python\ndef f(a):\n```"
    assert precise.scope == Scope(3, 3)
    assert asked("expected ':'", None).scope == Scope(3, 3)


def test_not_where_other_lines_are_locked_nor_in_another_language() -> None:
    assert asked("Undefined name `sys`", Scope(4, 4)).instruction == "Undefined name `sys`"
    assert asked("expected ':'", Scope(3, 3), "javascript").instruction == "expected ':'"


def test_a_fix_may_be_elsewhere_where_the_request_says_so() -> None:
    precise = asked("Undefined name `sys`", Scope(4, 4), elsewhere=True)
    assert precise.instruction == "Insert before line 2:\n```python\nimport sys\n```"
    assert precise.scope == Scope(2, 2)
