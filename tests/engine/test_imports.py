"""Where a missing import goes."""

from __future__ import annotations

import pytest

from copydecode.imports import KNOWN_MODULES, import_section, missing_import

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


@pytest.mark.parametrize(
    ("message", "module"),
    [
        ("Undefined name `os`", "os"),
        ("F821 undefined name 'Path'", "pathlib"),
        ('"deque" is not defined', "collections"),
        ("NameError: name 're' is not defined. Did you forget to import 're'?", "re"),
        ("Undefined name `reslut`", None),
        ("`os` imported but unused", None),
    ],
)
def test_messages_about_names_that_everyone_knows(message: str, module: str | None) -> None:
    assert missing_import(message) == module


@pytest.mark.parametrize(
    ("module", "section"), [("os", (4, 7)), ("typing", (4, 7)), ("numpy", (9, 9))]
)
def test_the_section_is_that_of_its_like(module: str, section: tuple[int, int]) -> None:
    assert import_section(LINES, module) == section


def test_the_first_section_is_taken_where_nothing_says_more() -> None:
    lines = ["import attrs", "", "import numpy"]
    assert import_section(lines, "os") == (1, 1)
    assert import_section(["x = os.sep"], "os") is None
    assert import_section(LINES[:3], "os") is None
    assert import_section(["import (", "x"], "os") is None


def test_what_is_known_is_of_the_standard_library() -> None:
    assert {"os", "re", "typing"} <= KNOWN_MODULES
