"""What a missing import comes to."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from random import Random

import pytest

from copydecode.fixes.fix import Fix
from copydecode.fixes.imports import KNOWN_MODULES, KNOWN_NAMES, import_fix

LINES = [
    '"""Doc."""',
    "from __future__ import annotations",
    "",
    "import json",
    "from typing import (",
    "    Any,",
    ")  # import os",
    "",
    "import numpy as np",
    "",
    "print(os.sep)",
    "    import late",
]


def mended(lines: list[str], fix: Fix | None) -> list[str]:
    assert fix is not None
    return [*lines[: fix.line - 1], *fix.lines, *lines[fix.line - 1 + fix.replaces :]]


def fixed(message: str, *lines: str) -> list[str]:
    return mended(list(lines), import_fix(message, lines))


@pytest.mark.parametrize(
    "message",
    [
        "Undefined name `os`",
        "F821 undefined name 'os'",
        '"os" is not defined',
        "NameError: name 'os' is not defined. Did you forget to import 'os'?",
        'Name "os" is not defined  [name-defined]',
        "Undefined variable 'os'",
        "import os",
        "add the missing import of os",
        "Add the missing import for `os`",
        "os is not imported",
    ],
)
def test_messages_about_a_name_that_everyone_knows(message: str) -> None:
    assert import_fix(message, LINES) == Fix(5, ("import os",))


@pytest.mark.parametrize(
    "message",
    [
        "Undefined name `reslut`",
        "`os` imported but unused",
        "import os after line 3",
        "Undefined name `json`",
        "Undefined name `Any`",
        "Undefined name `late`",
        "Undefined name `re`",
    ],
)
def test_other_messages_are_left_alone(message: str) -> None:
    """Also those about names that are imported, and names that nothing uses."""
    assert import_fix(message, LINES) is None


def test_modules_stand_by_the_alphabet_before_what_is_imported_from_them() -> None:
    lines = ["import json", "import sys", "from typing import Any", "", "x = re.compile, Path()"]
    assert fixed("Undefined name `re`", *lines)[1] == "import re"
    assert fixed("Undefined name `Path`", *lines)[2] == "from pathlib import Path"


def test_where_kinds_are_mixed_the_module_decides_and_else_the_last_of_its_kind() -> None:
    mixed = ["from abc import ABC", "import json", "from typing import Any", "os.sep"]
    assert fixed("Undefined name `os`", *mixed)[2] == "import os"
    wild = ["import sys", "import json", "from abc import ABC", "os.sep"]
    assert fixed("Undefined name `os`", *wild)[2] == "import os"


def test_a_name_joins_the_others_of_its_module() -> None:
    line = "from typing import Any, overload"
    assert fixed("Undefined name `TYPE_CHECKING`", line, "x = TYPE_CHECKING")[0] == (
        "from typing import TYPE_CHECKING, Any, overload"
    )
    unsorted = "from typing import overload, Any"
    assert fixed("Undefined name `Union`", unsorted, "Union")[0] == f"{unsorted}, Union"
    opened = ["from typing import (", "    Any,", "    cast,", ")", "Union"]
    assert fixed("Undefined name `Union`", *opened)[2] == "    Union,"
    assert fixed("Undefined name `overload`", *opened, "@overload")[3] == "    overload,"


@pytest.mark.parametrize(
    "line",
    [
        "from typing import Any  # noqa",
        "from typing import (Any,",
        "from typing import Any, \\",
        "from typing import " + ", ".join(f"TypeName{k}" for k in range(6)),
    ],
)
def test_a_line_that_cannot_take_one_more_gets_one_before_it(line: str) -> None:
    rest = ["    cast)"] if line.endswith(("(Any,", "\\")) else []
    lines = [line, *rest, "x: Union"]
    assert fixed("Undefined name `Union`", *lines) == ["from typing import Union", *lines]


def test_sections_are_kept_apart() -> None:
    assert fixed("undefined name 'os'", "import attrs", "", "os.sep")[:3] == [
        *("import os", "", "import attrs")
    ]
    future = ["from __future__ import annotations", "", "os.sep"]
    assert fixed("undefined name 'os'", *future)[:3] == [future[0], "", "import os"]
    spaced = [future[0], "", "", "def f(): os.sep"]
    assert fixed("undefined name 'os'", *spaced) == [*future[:2], "import os", "", spaced[3]]
    lines = ["import os", "", "print(np.pi)"]
    assert fixed("undefined name 'np'", *lines)[:3] == ["import os", "", "import numpy as np"]


@pytest.mark.parametrize(
    "head",
    [
        [],
        ["#!/usr/bin/env python", "# Words."],
        ['"""One line."""', ""],
        ['"""Several', "", 'lines."""', ""],
        ["'plain'"],
    ],
)
def test_the_first_import_stands_behind_the_docstring(head: list[str]) -> None:
    assert fixed("undefined name 'os'", *head, "x = os.sep") == [
        *head,
        *("import os", "", "x = os.sep"),
    ]


def test_what_a_docstring_shows_is_no_import() -> None:
    example = ['"""Use it so:', "", "import json", "import sys", "import os", '"""', ""]
    assert fixed("undefined name 'os'", *example, "import re", "", "os.sep")[7:9] == [
        *("import os", "import re")
    ]


def test_a_name_that_is_used_as_a_variable_is_no_import() -> None:
    """A misspelt variable is commoner than a missing import of its name."""
    assert import_fix("undefined name 'date'", ["data = 1", "print(date)"]) is None
    assert import_fix("undefined name 'time'", ["times = 1", "print(time)"]) is None
    assert fixed("undefined name 'date'", "print(date(1, 2, 3))")[0] == (
        "from datetime import date"
    )
    assert fixed("undefined name 'wraps'", "@wraps", "def f(): ...")[0].startswith("from functools")


def test_a_module_that_has_its_own_name_is_told_by_its_use() -> None:
    assert fixed("undefined name 'datetime'", "datetime.timedelta(1)")[0] == "import datetime"
    assert fixed("undefined name 'datetime'", "datetime.now()")[0] == (
        "from datetime import datetime"
    )
    assert fixed("undefined name 'datetime'", "def f(when: datetime): ...")[0] == (
        "from datetime import datetime"
    )


def test_lines_may_have_their_ends_and_a_byte_order_mark() -> None:
    assert import_fix("undefined name 'os'", ["\ufeffimport json\r\n", "os.sep\r\n"]) == Fix(
        2, ("import os",)
    )
    assert import_fix("undefined name 'os'", []) is None


def test_what_is_left_alone_is_known() -> None:
    inserted, replaced = Fix(3, ("import os",)), Fix(3, ("x",), replaces=1)
    assert inserted.keeps_to(1, 2)
    assert not replaced.keeps_to(1, 2)
    assert not inserted.keeps_to(4, 5)
    assert inserted.instruction == "Insert before line 3:\n```python\nimport os\n```"
    assert replaced.instruction == "Replace line 3 with:\n```python\nx\n```"


def test_any_document_that_parses_parses_with_the_import_and_has_the_name() -> None:
    """Of sections drawn at random: plain, from, over several lines, futures, comments, code."""
    pieces = [
        "import json",
        "import zlib  # noqa",
        "from abc import ABC, abstractmethod",
        "from typing import (\n    Any,\n    cast,\n)",
        "from typing import (Any,\n    cast)",
        "from typing import Any, \\\n    cast",
        "import numpy",
        "from . import sibling",
        "",
        "# import os",
        '"""Like this:\nimport zlib\nimport os, re\n"""',
        "x = 1",
        "if x:\n    import late",
        "try:\n    import fast\nexcept ImportError:\n    fast = None",
    ]
    uses = {"os": "os.sep", "Path": "Path()", "Union": "Union[int]", "wraps": "wraps(x)"}
    rng = Random(4)
    for _ in range(400):
        head = [rng.choice(pieces) for _ in range(rng.randrange(9))]
        name = rng.choice(sorted(uses))
        start = rng.choice(["", '"""Doc."""\n', "from __future__ import annotations\n"])
        lines = (start + "\n".join([*head, f"y = {uses[name]}"])).split("\n")
        tree = ast.parse("\n".join(mended(lines, import_fix(f"undefined name '{name}'", lines))))
        aliases = [
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        assert aliases.count(name) == 1


def test_what_is_known_is_of_the_standard_library() -> None:
    assert {"os", "re", "typing"} <= KNOWN_MODULES
    assert KNOWN_NAMES["Path"] == "pathlib"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("queue", "queue.append(1)"),
        ("time", "time.hour"),
        ("string", "string.upper()"),
        ("types", "types.items()"),
        ("product", "product.price"),
        ("quote", "quote['price']"),
        ("random", "self.random.choice(random.x)"),
    ],
)
def test_what_the_module_does_not_have_is_a_variable_s(name: str, line: str) -> None:
    assert import_fix(f"undefined name '{name}'", [line]) is None


def test_texts_and_other_names_say_nothing_about_a_module() -> None:
    lines = ["class A(re.Pattern):", '    """See re.html."""', "    x = self.result  # re.txt"]
    assert import_fix("undefined name 're'", lines) is not None


def test_a_file_of_the_user_s_with_a_module_s_name_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "pprint.py").write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pprint", raising=False)
    assert import_fix("undefined name 'pprint'", ["pprint.pformat(x)"]) is not None
    assert not ran.exists()


def test_submodules_belong_to_their_package() -> None:
    assert import_fix("undefined name 'importlib'", ["importlib.resources.files(x)"]) is not None
    assert import_fix("undefined name 'os'", ["os.path.join(x)"]) is not None


@pytest.mark.parametrize(
    "message",
    [
        "rename the undefined name os to sys",
        "os is not defined here, use sys instead",
        "NameError: name 'os' is not defined. Did you mean: 'ops'?",
        "Undefined name `os` in `__all__`",
        'replace "os is not defined" with a better message',
    ],
)
def test_who_says_more_wants_something_else(message: str) -> None:
    assert import_fix(message, ["print(os.sep)"]) is None


def test_statements_with_more_behind_them_are_not_joined() -> None:
    star = ["from textwrap import *", "", "dedent(x)"]
    assert (
        mended(star, import_fix("undefined name 'dedent'", star))[0]
        == "from textwrap import dedent"
    )
    more = ["from typing import Any; x = 1", "", "cast(x, Any)"]
    assert mended(more, import_fix("undefined name 'cast'", more))[0] == "from typing import cast"
