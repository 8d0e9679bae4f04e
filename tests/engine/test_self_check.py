"""An edit adds an error where what it leaves fails in a way that the text before did not."""

from __future__ import annotations

import importlib.util

import pytest

from copydecode.self_check import MAX_CHARACTERS, is_gone, new_errors, unmended

TEXT = "import os\n\n\ndef f(count):\n    return count\n"


def errors(before: str, after: str) -> list[str]:
    return new_errors(before, after, "python")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    return coutn", ["undefined name 'coutn'"]),
        ("    return (count", ["syntax error: '(' was never closed"]),
        ("    pass\nreturn 1", ["'return' outside function"]),
        ("    return lambda x, x: x", ["duplicate argument 'x' in function definition"]),
        (
            "    return '%s' % (count, 1)",
            ["'...' % ... has 1 placeholder(s) but 2 substitution(s)"],
        ),
        ("    return len(count)", []),
        ("    return count", []),
    ],
)
def test_what_fails_and_did_not_before_is_an_error(line: str, expected: list[str]) -> None:
    assert errors(TEXT, TEXT.replace("    return count", line)) == expected


def test_what_is_merely_untidy_is_none() -> None:
    """Deleting an assignment often leaves an import unused: that is the fix that was asked for."""
    before = "import os\n\n\ndef f():\n    here = os.getcwd()\n    return 1\n"
    assert errors(before, before.replace("    here = os.getcwd()\n", "")) == []


def test_an_error_that_was_there_before_is_not_added_wherever_it_stands() -> None:
    """Nor how often: a name that comes from where we do not see may be used once more."""
    before = "print(a)\nprint(b)\n"
    assert errors(before, "\n\nprint(b)\nprint(a)\n") == []
    assert errors(before, "print(a)\nprint(a)\n") == []
    late = "x = 1\nfrom __future__ import annotations\n"
    assert errors(late, "\n" + late) == []


def test_the_same_redefinition_of_another_line_is_the_same_error() -> None:
    """Messages that tell a line are compared without it."""
    before = "def f(x):\n    def g():\n        return y\n        y = 1\n    return g\n"
    assert errors(before, "z = 1\n" + before) == []


@pytest.mark.parametrize(
    ("before", "after", "is_worse"),
    [
        ("x = (\ny = 1\n", "x = ()\ny = 1\n", False),  # Mended.
        ("def f(:\ny = )\n", "def f():\n    pass\ny = )\n", False),  # Another remains.
        ("x = 1\ny = )\n", "x = 2\ny = )\n", False),  # Elsewhere below, and stays.
        ("x = )\ny = 1\n", "x = )\ny = 2\nz = 3\n", False),  # Elsewhere above, and stays.
        ("def f(:\n", "def f((:\n", True),  # The line that changed still does not parse.
        ("x = 1\ny = 2 2\n", "x = 1 1\ny = 2 2\n", True),  # One comes before it.
    ],
)
def test_a_text_that_did_not_parse_may_not_get_worse(
    before: str, after: str, is_worse: bool
) -> None:
    found = errors(before, after)
    assert bool(found) is is_worse
    assert all(message.startswith("syntax error: ") for message in found)


def test_names_are_not_looked_at_where_the_text_before_did_not_parse() -> None:
    assert errors("x = (\n", "x = y\n") == []


def test_what_cannot_be_checked_has_no_errors() -> None:
    """Another language, a long text, and nesting that Python's parser gives up on."""
    assert new_errors("a = 1\n", "a = (\n", "javascript") == []
    assert new_errors("a = 1\n", "a = (\n", None) == []
    assert errors("", "(" * (MAX_CHARACTERS + 1)) == []
    deep = "-" * 50_000 + "1"
    assert errors("x = 1\n", deep) == []


def test_invalid_escapes_of_the_document_are_no_warnings_of_ours() -> None:
    assert errors('x = "\\d"\n', 'x = "\\d\\w"\n') == []


def test_without_pyflakes_only_syntax_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert errors("x = 1\n", "x = y\n") == []
    assert errors("x = 1\n", "x = (\n") != []


UNDEFINED = "import os\n\n\ndef f(count):\n    print(os, coutn)\n    return coutn\n"


@pytest.mark.parametrize(
    "words",
    [
        "undefined name 'coutn'",
        "F821 Undefined name `coutn`",
        'Name "coutn" is not defined  [name-defined]',
        "E0602: Undefined variable 'coutn' (undefined-variable)",
        'reportUndefinedVariable: "coutn" is not defined',
    ],
)
def test_a_name_that_is_still_undefined_is_not_mended(words: str) -> None:
    """One place of several is enough: a diagnostic is about one."""
    elsewhere = UNDEFINED.replace("import os", "import sys as os")
    assert unmended(UNDEFINED, UNDEFINED, "python", words) == ["undefined name 'coutn'"]
    assert unmended(UNDEFINED, elsewhere, "python", words) == ["undefined name 'coutn'"]
    assert unmended(UNDEFINED, UNDEFINED.replace("os, coutn", "os, count"), "python", words) == []


@pytest.mark.parametrize(
    ("before", "after", "words", "left"),
    [
        ("import os\n", "import os\n", "'os' imported but unused", ["'os' imported but unused"]),
        ("import os\n", "", "'os' imported but unused", []),
        ("import os\n", "import os\n", "Unused import os", ["'os' imported but unused"]),
        ("import os\n", "import os\n", "undefined name 'os'", []),  # No longer true.
        ("import os\n", "import os\n", "Import order is wrong: 'os'", []),  # Of another kind.
        ("import os.path\n", "import os.path\n", "Unused import os", []),  # Another import.
        ("x = y\n", "x = y\n", "'z' is not defined", []),
    ],
)
def test_what_a_diagnostic_says_is_looked_for_by_its_words(
    before: str, after: str, words: str, left: list[str]
) -> None:
    assert unmended(before, after, "python", words) == left


def test_a_syntax_error_is_mended_where_it_is_gone_or_comes_later() -> None:
    before = "def f()\n    return 1\n\n\nx = 1 1\n"
    mended = before.replace("f()", "f():")
    assert unmended(before, mended, "python", "SyntaxError: expected ':'", (1, 1)) == []
    assert unmended(before, before, "python", "expected ':'", (1, 1)) != []
    assert unmended(before, before, "python", "expected ':'", (5, 5)) == []  # Another one.
    assert unmended(before, before, "python", "expected ':'") == []  # Perhaps another one.
    assert unmended(before, before, "python", "undefined name 'y'", (1, 1)) == []


def test_nothing_is_said_of_other_languages_and_of_what_is_too_long() -> None:
    assert unmended("x = y\n", "x = y\n", "lua", "undefined name 'y'") == []
    long = "x = y\n" * MAX_CHARACTERS
    assert unmended(long, long, "python", "undefined name 'y'") == []


def test_what_a_diagnostic_says_is_gone_where_it_is_nowhere_so() -> None:
    words = "undefined name 'coutn'"
    assert not is_gone(UNDEFINED, UNDEFINED.replace("os, coutn", "os, count"), "python", words)
    assert is_gone(UNDEFINED, UNDEFINED.replace("coutn", "count"), "python", words)
    assert not is_gone(UNDEFINED, UNDEFINED, "python", "undefined name 'other'")
    assert not is_gone(UNDEFINED, "x = (\n", "python", words)
    assert not is_gone(UNDEFINED, "", "lua", words)
