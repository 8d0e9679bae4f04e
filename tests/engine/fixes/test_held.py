"""What is asked for and is so already."""

from __future__ import annotations

import pytest

from copydecode.fixes.fix import Fix
from copydecode.fixes.held import held
from copydecode.fixes.messages import MAX_CHARACTERS

LINES = [
    "import json",
    "from typing import Any as Thing, cast",
    "",
    "def load(path: str | None, *, strict: bool = False) -> dict[str, int]:",
    '    """Load."""',
    "    return {}",
    "",
    "async def save(",
    "    path: 'str',",
    "    data,",
    ") -> None:",
    "    x = data",
    "",
    "def twice(): pass",
    "def twice(): pass",
]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("Add a docstring to `load`", 4),
        ("Document load", 4),
        ("Add the return type `dict[str, int]` to `load`", 4),
        ("load returns dict[str,int], annotate it", 4),
        ("annotate save to return None", 8),
        ("Add `-> None` to `save`", 8),
        ("Annotate `path` of `load` as `str | None`", 4),
        ("annotate path as str in save", 8),
        ("the parameter strict of load is a bool", 4),
        ("Add the type hint `strict: bool` to `load`", 4),
        ("Change the type of `path` in `save` to `str`", 8),
        ("add a parameter strict to load", 4),
        ("`save` should take `data`", 8),
        ("import json", 1),
        ("`cast` is not imported", 1),
        ("add the missing import of Thing", 1),
        ("rename the_reader to writer", 1),
        ("Rename the name `reader` to `writer`", 1),
        ("Replace `reader` by `writer` everywhere", 1),
    ],
)
def test_nothing_is_to_be_done(words: str, line: int) -> None:
    assert held(words, LINES, None) == Fix(line)


@pytest.mark.parametrize(
    "words",
    [
        "Add a docstring to `save`",
        "Add the return type `str` to `load`",
        "make the return type of load int",
        "annotate save to return None | int",
        "Annotate `path` of `load` as `str`",
        "annotate path as str | None in save",
        "annotate data as bool in save",
        "add a parameter timeout to load",
        "add a parameter strict to save",
        "add a parameter strict to load and pass it on",
        "Add a docstring to `twice`",
        "Add a docstring to `other`",
        "import os",
        "`Any` is not imported",
        "rename load to read",
        "rename load to reader and writer",
        "rename variables to snake_case",
        "change spaces to tabs",
        "change reader to writer in the docs",
        "rename reader to writer",  # Is that a name?
        "Update the docstring of load",
        "Translate the docstring of load to German",
        "document load as deprecated",
        "load must not return dict[str, int]",
        "Change the return type of load from dict[str, int] to Mapping[str, int]",
        "load should take path as bytes",
        "make the parameter strict of load keyword-only",
        "the parameter strict of load defaults to True",
        "raise TypeError if path is a str in load",
        "W0613: Unused argument 'strict' in load",
        "Argument `path` to load has incompatible type `int`; expected `str | None`",
        "delete line 3",
        "Remove the line that reads `async def save() -> None:`",
        "remove the parameter strict of load",
        "",
        "Document `load` " + "." * MAX_CHARACTERS,
    ],
)
def test_something_is(words: str) -> None:
    assert held(words, LINES, None) is None


def test_a_selection_is_kept_to() -> None:
    assert held("import json", LINES, (6, 6)) == Fix(6)


def test_a_call_of_a_text_is_no_docstring_and_an_import_elsewhere_none_here() -> None:
    lines = ["def f(a):", "    'a'.join(a)", "def g():", "    import os"]
    assert held("add a docstring to f", lines, None) is None
    assert held("import os", lines, None) is None


def test_heads_that_do_not_parse_are_left_alone() -> None:
    assert held("Document load", ["def load(", "    a b", "):", '    """Doc."""'], None) is None
