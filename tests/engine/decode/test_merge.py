"""A snippet is worked into a document by rule where its place and meaning leave no doubt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.decode.merge import is_elision, merge
from copydecode.edit.program import Copy

PYTHON = """\
import os

def load(path, mode):
    with open(path) as file:
        return file.read()

class Store:
    def __init__(self, root):
        self.root = root  # a folder
        self.names = list(root.names, 3)

    def close(self):
        self.root = None

        self.names = []
        return True
"""

SCRIPT = """\
export function first(items) {
  if (!items) {
    throw new TypeError('items');
  }
  return items[0];
}

const options = {
  deep: true,
  limit: 10,
};
"""

PROSE = """\
# Title

Some words.

## Use

- one
- two
- three
"""


def merged(document: str, snippet: str, scope: tuple[int, int] | None = None) -> str | None:
    """Return the text that the merge makes, None where it is in doubt."""
    lines = document.splitlines()
    ops = merge(lines, snippet.splitlines(), scope)
    return None if ops is None else written(lines, ops)


def written(lines: Sequence[str], ops: Sequence[Copy | tuple[str, ...]]) -> str:
    """Return the text of a program."""
    text = ""
    for op in ops:
        part = lines[op.first - 1 : op.last] if isinstance(op, Copy) else op
        text += "".join(f"{line}\n" for line in part)
    return text


@pytest.mark.parametrize(
    ("document", "snippet", "old", "new"),
    [
        pytest.param(
            PYTHON,
            "# ...\n    with open(path, mode) as file:\n        return file.read()\n# ...",
            "",
            None,
            id="no line in front says where",
        ),
        pytest.param(
            PYTHON,
            "# ... existing code ...\ndef load(path, mode):\n    with open(path, mode) as file:\n"
            "        return file.read()\n# ...",
            "open(path)",
            "open(path, mode)",
            id="in place of a line",
        ),
        pytest.param(
            PYTHON,
            "...\n    def close(self):\n        print(self)\n        self.root = None\n...",
            "(self):\n        self.root = None",
            "(self):\n        print(self)\n        self.root = None",
            id="between lines",
        ),
        pytest.param(
            PYTHON,
            "# rest of the code unchanged\n    def close(self):\n        print(self)\n    # ...",
            "(self):\n        self.root = None",
            "(self):\n        print(self)\n        self.root = None",
            id="behind one line",
        ),
        pytest.param(
            PYTHON,
            "...\ndef load(path, mode):\n        return file.read()\n...",
            "    with open(path) as file:\n",
            "",
            id="a line goes",
        ),
        pytest.param(
            PYTHON,
            "import json\nimport os\n# ... existing code ...",
            "import os",
            "import json\nimport os",
            id="on top",
        ),
        pytest.param(
            PYTHON,
            "# ...\n        self.names = []\n        return True\n\n    def open(self):\n"
            "        return False",
            "return True\n",
            "return True\n\n    def open(self):\n        return False\n",
            id="at the end",
        ),
        pytest.param(
            PYTHON,
            "# ...\ndef close(self):\n    print(self)\n    self.root = None\n# ...",
            "(self):\n        self.root = None",
            "(self):\n        print(self)\n        self.root = None",
            id="cut off to the margin",
        ),
        pytest.param(
            PYTHON,
            "class Store:\n    # ...\n    def close(self):\n        print(self)\n"
            "        self.root = None\n    # ...",
            "(self):\n        self.root = None",
            "(self):\n        print(self)\n        self.root = None",
            id="with the head of what it is in",
        ),
        pytest.param(
            PYTHON,
            "# ...\n        self.root=root\n        self.size = 0\n"
            "        self.names = list(root.names,3)  # as before\n# ...",
            "a folder\n",
            "a folder\n        self.size = 0\n",
            id="context that drifts stays",
        ),
        pytest.param(
            PYTHON,
            "# ...\n    def close(self):\n        self.root = None\n        self.names = []\n"
            "        print(self)\n        return True",
            "        return True",
            "        print(self)\n        return True",
            id="empty lines left out stay",
        ),
        pytest.param(
            PYTHON,
            "# ...\ndef load(path, mode='r'):\n    # ...",
            "",
            None,
            id="a changed line alone says not where",
        ),
        pytest.param(
            SCRIPT,
            "// ... existing code ...\n  if (!items) {\n    return null;\n  }\n// ...",
            "throw new TypeError('items')",
            "return null",
            id="script",
        ),
        pytest.param(
            SCRIPT,
            "{/* ... */}\nconst options = {\n  deep: true,\n  wide: false,\n  limit: 10\n};",
            "deep: true,\n",
            "deep: true,\n  wide: false,\n",
            id="script, a comma is missing",
        ),
        pytest.param(
            PROSE,
            "<!-- ... -->\n- one\n- two and a half\n- three",
            "two",
            "two and a half",
            id="prose",
        ),
        pytest.param(
            PROSE,
            "# Title\n\u2026\n## Use\n\nAs follows:\n\n- one\n\u2026",
            "- one",
            "As follows:\n\n- one",
            id="prose, with its section",
        ),
    ],
)
def test_a_snippet_says_what_stands_where(
    document: str, snippet: str, old: str, new: str | None
) -> None:
    expected = None if new is None else document.replace(old, new)
    assert expected is None or document.count(old) == 1
    assert merged(document, snippet) == expected


def test_places_follow_each_other() -> None:
    snippet = (
        "import os\n# ...\n    with open(path) as file:\n        print(path)\n"
        "        return file.read()\n# ...\n        self.root = root\n"
        "        self.names = []\n\n    def close(self):\n# ..."
    )
    changed = PYTHON.replace("        return file", "        print(path)\n        return file")
    assert merged(PYTHON, snippet) == changed.replace("list(root.names, 3)", "[]")
    turned = "\n# ...\n".join(reversed(snippet.removesuffix("\n# ...").split("\n# ...\n")))
    assert merged(PYTHON, turned) is None


def test_a_whole_definition_takes_the_place_of_the_one_of_its_name() -> None:
    """Lines that it repeats stay as the document has them; what its header says may differ."""
    elided = merged(
        PYTHON,
        """\
class Store:
    # ... existing code ...
    def __init__(self, root, size=3):
        self.root = root
        self.names = list(root.names, size)

    # ... existing code ...
""",
    )
    assert elided == PYTHON.replace("(self, root)", "(self, root, size=3)").replace(
        "(root.names, 3)", "(root.names, size)"
    )
    alone = merged(PYTHON, "def load(path, mode):\n    return open(path).read()\n")
    old = "    with open(path) as file:\n        return file.read()\n"
    assert alone == PYTHON.replace(old, "    return open(path).read()\n")


@pytest.mark.parametrize(
    "snippet",
    [
        # New lines behind the header, or a new body?
        "# ...\ndef load(path, mode):\n    return path\n# ...\n",
        # More of it is left out.
        "# ...\ndef load(path):\n    x = 1\n    # ...\n",
        # There is none of this name.
        "# ...\ndef store(path):\n    return path\n# ...\n",
        # A part of it alone.
        "# ...\ndef load(path):\n# ...\n",
    ],
)
def test_a_definition_may_be_in_doubt(snippet: str) -> None:
    assert merged(PYTHON, snippet) is None


def test_several_edits_may_stand_between_the_same_lines() -> None:
    lines = [f"line {k}" for k in range(9)]
    snippet = ["line 1", "new", "line 2", "line 4", "other", "line 6"]
    expected = [Copy(1, 2), ("new",), Copy(3, 3), Copy(5, 5), ("other",), Copy(7, 9)]
    assert merge(lines, snippet) == expected


@pytest.mark.parametrize(
    ("document", "snippet"),
    [
        pytest.param("a = 1\nb = 2\na = 1\nc = 3", "a = 1\nnew()\n...", id="two places"),
        pytest.param("a = 1\n\nb = 2", "a = 1\nnew()\nb = 2", id="which side of an empty line"),
        pytest.param("a = 1\n\nb = 2", "a = 1\nb = 2", id="an empty line may go or be left out"),
        pytest.param("a = 1\nb = 2", "a=1\nb=2", id="white space alone differs"),
        pytest.param("a = 1\nb = 2\nc = 3", "a = 1\nb = 4\n...", id="like the next line"),
        pytest.param("a = 1\nb = 2\nc = 3", "a = 1\nnew()", id="no elision, and lines follow"),
        pytest.param("a = 1\n  b()\nc = 3", "a = 1\nif a:\n    b()\n...", id="indented anew"),
        pytest.param("a = 1\n# ...\nc = 3", "a = 1\nnew()\n# ...", id="an elision stands there"),
        pytest.param("a = 1\nc = 3", "a = 1\n# ... as in `f` ...\nnew()\n...", id="perhaps one"),
        pytest.param("a = 1\nc = 3", "a = 1\nnew()  # as before\n...", id="remembered wrong"),
        pytest.param("a = 1\nc = 3", "new()\n...", id="nothing stands there"),
        pytest.param("a = 1\nc = 3", "...\n", id="nothing is shown"),
        pytest.param("", "a = 1", id="nothing is there"),
        pytest.param("{\n}", "}", id="a bracket alone"),
        pytest.param(
            "def f():\n    a()\n    b()",
            "def f():\n    c()\n    return 1\n# ...",
            id="the whole block may be new",
        ),
        pytest.param(
            "def f():\n    a()\ndef g():\n    return 1",
            "# ...\ndef f():\n    b()\n    return 1",
            id="lines of another block do not go",
        ),
        pytest.param(
            "a = 1;\nif (b) {\n  c();\n}",
            "a = 1;\nif (d) {\n  e();\n}\n// ...",
            id="a block may replace one",
        ),
        pytest.param(
            "a = 1\n" + "b = 2\n" * 20 + "c = 3", "a = 1\nnew(\nc = 3", id="so many do not go"
        ),
    ],
)
def test_where_there_is_doubt_nothing_is_said(document: str, snippet: str) -> None:
    assert merged(document, snippet) is None


def test_a_bracket_that_is_new_ends_no_block_of_the_document() -> None:
    document = "function f(a) {\n  if (a) {\n    b();\n  }\n  c();\n}\n"
    snippet = "function f(a) {\n  for (;;) {\n    d();\n  }\n  // ..."
    assert merged(document, snippet) is None  # One block may stand in place of the other.
    snippet = snippet.replace(
        "function f(a) {", "function f(a) {\n  e();\n  g = {\n    x: [],\n  };"
    )
    assert merged(document, snippet) is None
    document = document.replace("  if (a) {\n    b();\n  }\n", "  b();\n") + "{\n  c();\n  }\n"
    snippet = "function f(a) {\n  for (;;) {\n    d();\n  }\n  // ..."
    assert merged(document, snippet) == document.replace("a) {\n", "a) {\n" + snippet[16:-8])


def test_what_stands_there_already_changes_nothing() -> None:
    snippet = "# ...\ndef close(self):\n    self.root = None\n\n    self.names = []\n# ..."
    assert merge(PYTHON.splitlines(), snippet.splitlines()) == [Copy(1, 16)]


def test_lines_outside_the_scope_do_not_change() -> None:
    snippet = "...\n    def close(self):\n        print(self)\n        self.root = None\n..."
    assert merged(PYTHON, snippet, (13, 14)) == merged(PYTHON, snippet)
    assert merged(PYTHON, snippet, (12, 12)) == merged(PYTHON, snippet)
    assert merged(PYTHON, snippet, (14, 16)) is None
    assert merged(PYTHON, snippet, (1, 11)) is None


@pytest.mark.parametrize(
    "line",
    [
        "...",
        "  \u2026",
        "[...]",
        "# ...",
        "// ... existing code ...",
        "/* unchanged */",
        "{/* ... rest of the component ... */}",
        "<!-- (other code) -->",
        "-- existing code here",
        "    # rest of the function unchanged",
        "# ... other methods ...",
        "# ... (rest of the file stays the same) ...",
        "... existing code ...",
    ],
)
def test_elisions_are_dots_or_comments_that_say_so(line: str) -> None:
    assert is_elision(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x = ...",
        "def f(): ...",
        "existing_code()",
        "the rest of the code is unchanged",
        "# Other methods",
        "# Note that `items` may be empty.",
        "-----",
        "- more of it",
        "## Classes",
    ],
)
def test_other_lines_are_no_elisions(line: str) -> None:
    assert is_elision(line) is False


@pytest.mark.parametrize("line", ["# the same key for both", "// ... and then some"])
def test_comments_may_be_elisions(line: str) -> None:
    assert is_elision(line) is None


FILLER = st.lists(st.sampled_from(["", "}", "  x = 1", "same()", "call(a, b)"]), max_size=6)


@given(FILLER, FILLER, FILLER, FILLER)
def test_a_hunk_between_lines_of_its_own_is_found_or_in_doubt(
    above: list[str], gone: list[str], new: list[str], below: list[str]
) -> None:
    lines = [*above, "first()", *gone, "last()", *below]
    ops = merge(lines, ["# ...", "first()", *new, "last()", "# ..."])
    if ops is not None:
        right = [*above, "first()", *new, "last()", *below]
        assert written(lines, ops).split() == " ".join(right).split()  # Empty lines may stay.


@given(st.lists(st.sampled_from(["a()", "b()", "c()", "d()"]), max_size=4))
def test_a_hunk_among_other_lines_is_found(new: list[str]) -> None:
    lines = [f"line({k})" for k in range(9)]
    ops = merge(lines, ["...", *lines[3:5], *new, *lines[6:8], "..."])
    assert ops is not None
    assert written(lines, ops).split() == [*lines[:5], *new, *lines[6:]]
