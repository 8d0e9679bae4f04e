"""What is left of a line whose import or variable nothing uses."""

from __future__ import annotations

import pytest

from copydecode.fixes.fix import Fix
from copydecode.fixes.unused import unused_fix


def left(message: str, line: str, *, scope: tuple[int, int] | None = (2, 2)) -> str | None:
    """Return a line in the middle of others as it becomes: empty where it goes."""
    margin = line[: len(line) - len(line.lstrip())]
    above = "def f():" if margin else "first = 1"
    below = [f"{margin}    pass"] if line.rstrip().endswith(":") or ":  #" in line else []
    fix = unused_fix(message, [above, line, *below, f"{margin}print(first)"], scope)
    if fix is None:
        return None
    assert (fix.line, fix.replaces) == (2, 1)
    return "\n".join(fix.lines)


@pytest.mark.parametrize(
    ("message", "line", "wanted"),
    [
        ("`os` imported but unused", "import os", ""),
        ("F401 [*] `os` imported but unused", "import os, sys", "import sys"),
        ("F401 'os.path' imported but unused", "import os.path", ""),
        ('"os.path" is not accessed', "import os.path", ""),
        ("'numpy as np' imported but unused", "import numpy as np", ""),
        ("Unused numpy imported as np", "import numpy as np", ""),
        ("W0611: Unused import os (unused-import)", "import os", ""),
        ("`a.b` imported but unused", "from a import b, c", "from a import c"),
        ("`.a.b` imported but unused", "from .a import c, b  # two", "from .a import c  # two"),
        ("Unused b imported from a", "from a import b", ""),
        ('Import "b" is not accessed', "from a import c as b, d", "from a import d"),
        ("unused import", "from a import b", ""),
        ("unused import", "from a import b, first", "from a import first"),
        ("unused import", "from a import b, c", None),
        ("Remove the unused import", "import os", ""),
        ("os is never used", "import os", ""),
        ("`os` imported but unused", "import sys", None),
        ("`os` imported but unused", "import os; import sys", None),
        ("`os` imported but unused", "from a import (os,", None),
        ("undefined name 'os'", "import os", None),
    ],
)
def test_imports(message: str, line: str, wanted: str | None) -> None:
    assert left(message, line) == wanted


@pytest.mark.parametrize(
    ("message", "line", "wanted"),
    [
        ("Local variable `x` is assigned to but never used", "x = 1", ""),
        ("F841 local variable 'x' is assigned to but never used", "x = first.y", ""),
        ("Unused variable 'x'", "    x = f(1)", "    f(1)"),
        ("Unused variable 'x'", "    x: int = await f(1)", "    await f(1)"),
        ("Unused variable 'x'", "    with open(p) as x:  # why", "    with open(p):  # why"),
        ("unused variable", "x = [first]", ""),
        ("Unused variable 'x'", "    x = (f(a=1))  # so", "    (f(a=1))  # so"),
        ("Unused variable 'x'", "    x: 'A=B' = f(1)", "    f(1)"),
        ("Unused variable 'x'", "x = y = 1", None),
        ("Unused variable 'x'", "x, y = 1, 2", None),
        ("Unused variable 'x'", "x += 1", None),
        ("Unused variable 'x'", "x = f(", None),
        ("Unused variable 'x'", "x == 1", None),
        ("Unused variable 'x'", "y = 1", None),
    ],
)
def test_variables(message: str, line: str, wanted: str | None) -> None:
    assert left(message, line) == wanted


def test_the_line_is_found_where_one_alone_is_meant() -> None:
    assert left("remove the unused import os", "import os", scope=None) == ""
    assert unused_fix("Unused variable 'x'", ["x = 1", "x = 2"], None) is None


def test_names_in_brackets_go_with_their_line() -> None:
    lines = ["from a import (", "    b,", "    c,", ")", "print(c)"]
    assert unused_fix("`a.b` imported but unused", lines, (2, 2)) == Fix(2, (), 1)
    alone = ["from a import (", "    b,", ")"]
    assert unused_fix("`a.b` imported but unused", alone, (2, 2)) is None
    assert unused_fix("`a.b` imported but unused", ["b = [", "    b,", "    c]"], (2, 2)) is None


def test_the_name_of_an_exception_goes() -> None:
    lines = ["try:", "    f()", "except E as x:", "    pass"]
    fix = unused_fix('Variable "x" is not accessed', lines, (3, 3))
    assert fix == Fix(3, ("except E:",), 1)


@pytest.mark.parametrize(
    "lines",
    [
        ["import os", "print(os.sep)"],
        ["import os", "def f():", "    return os"],
        ["import os", "__all__ = ['os']"],
    ],
)
def test_what_is_used_by_now_stays(lines: list[str]) -> None:
    assert unused_fix("F401 `os` imported but unused", lines, (1, 1)) is None


def test_a_variable_that_is_read_by_now_stays() -> None:
    lines = ["def f(a):", "    x = a", "    return x"]
    assert unused_fix("Unused variable 'x'", lines, (2, 2)) is None


def test_parameters_are_no_variables() -> None:
    lines = [
        "def get(",
        "    request,",
        "    limit: int = 10,",
        "    offset: int = 0,",
        "):",
        "    pass",
    ]
    assert unused_fix('"limit" is not accessed', lines, (3, 3)) is None
    call = ["f(", "    x = 1,", "    y = 2,", ")"]
    assert unused_fix("`x` is never used", call, (2, 2)) is None


@pytest.mark.parametrize(
    "message",
    [
        "don't remove the unused import os, add noqa",
        "keep the unused import os; it is needed for side effects",
        "add # noqa: F401 to the unused import os",
        "rename unused variable x to _",
        "Unused variable `x`. Prefix it with an underscore",
        "return the unused variable x",
        "`os` imported but unused; consider using `importlib.util.find_spec` to test for it",
        "remove unused import os and sys",
        "it is never used",
    ],
)
def test_who_says_more_wants_something_else(message: str) -> None:
    assert unused_fix(message, ["import os", "x = 1", "it = 2"], None) is None


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (["try:", "    import os", "    FOUND = True", "except ImportError:", "    pass"], 2),
        (["from app import os  # noqa: F401", "x = 1"], 1),
        (["from a import os as os", "x = 1"], 1),
        (["from a import b, \\", "    os", "x = b"], 2),
    ],
)
def test_an_import_may_be_there_for_something_else(lines: list[str], number: int) -> None:
    assert unused_fix("'os' imported but unused", lines, (number, number)) is None


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (["if a: x = run(a)", "b = 1"], 1),
        (["for i in a: x = run(i)", "b = 1"], 1),
        (["def f(r):", "    x = 0", "    x += r", "    return r"], 2),
        (["def f(r):", "    x = g()", "    del x"], 2),
        (["def f():", "    x = 0", "    def g():", "        nonlocal x", "        x = 1"], 2),
        (["def f(d):", "    x = 0.5", "    return d.query('score > @x and b')"], 2),
        (["def f():", "    x = 1", "    return locals()"], 2),
        (["x = 10", "", "def g():", "    return x"], 1),
        (["class A:", "    x: int = 0", "    def f(self):", "        self.x += 1"], 2),
        (["class A:", "    x = 0", "    y = 1", "", "print(A.x)"], 2),
    ],
)
def test_what_needs_the_variable_or_its_head_keeps_it(lines: list[str], number: int) -> None:
    if "@x" in lines[-1]:  # A letter alone stands in many texts.
        lines = [line.replace("x", "score_at") for line in lines]
        name = "score_at"
    else:
        name = "x"
    assert unused_fix(f"Unused variable '{name}'", lines, (number, number)) is None


def test_what_may_fail_in_a_try_stays() -> None:
    lines = ["try:", "    x = d['k']", "    f()", "except KeyError:", "    pass"]
    assert unused_fix("Unused variable 'x'", lines, (2, 2)) is None


def test_values_that_nest_too_deep_are_left_alone() -> None:
    assert unused_fix("unused variable x", ["x = " + "1+" * 5000 + "1"], (1, 1)) is None


def test_no_block_is_left_empty() -> None:
    lines = ["try:", "    import os", "except ImportError:", "    pass"]
    assert unused_fix("`os` imported but unused", lines, (2, 2)) is None
    more = ["if a:", "    import os", "    import sys"]
    assert unused_fix("`os` imported but unused", more, (2, 2)) == Fix(2, (), 1)
    assert unused_fix("Unused variable 'x'", ["def f():", "    x = 1"], (2, 2)) is None
    noted = ["def f(d):", "    if d:  # why", "        # so", "        x = 1", "", "    return 1"]
    assert unused_fix("Unused variable 'x'", noted, (4, 4)) is None
