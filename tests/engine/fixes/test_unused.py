"""What is left of a line whose import or variable nothing uses."""

from __future__ import annotations

import pytest

from copydecode.fixes.fix import Fix
from copydecode.fixes.unused import unused_fix


def left(message: str, line: str, *, scope: tuple[int, int] | None = (2, 2)) -> str | None:
    """Return a line in the middle of others as it becomes: empty where it goes."""
    fix = unused_fix(message, ["first = 1", line, "print(first)"], scope)
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
        ('Variable "x" is not accessed', "except E as x:", "except E:"),
        ("Unused variable 'x'", "    with open(p) as x:  # why", "    with open(p):  # why"),
        ("unused variable", "x = [first]", ""),
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


def test_no_block_is_left_empty() -> None:
    lines = ["try:", "    import os", "except ImportError:", "    pass"]
    assert unused_fix("`os` imported but unused", lines, (2, 2)) is None
    more = ["try:", "    import os", "    import sys", "except ImportError:", "    pass"]
    assert unused_fix("`os` imported but unused", more, (2, 2)) == Fix(2, (), 1)
    assert unused_fix("Unused variable 'x'", ["def f():", "    x = 1"], (2, 2)) is None
