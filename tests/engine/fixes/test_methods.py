"""Where a `self` goes that was forgotten."""

from __future__ import annotations

import pytest

from copydecode.fixes.fix import Fix
from copydecode.fixes.methods import self_fix

CLASS = ["class Shop:", "    def open(self):", "        self._door = 1", ""]


def mended(message: str, *lines: str, behind: str | None = None) -> str | None:
    """Return the last line as it becomes, None where no fix is known; `behind` is its body."""
    number = len(CLASS) + len(lines)
    if lines[-1].rstrip().endswith(":") or behind:
        lines = (*lines, behind or " " * (len(lines[-1]) - len(lines[-1].lstrip()) + 4) + "pass")
    fix = self_fix(message, [*CLASS, *lines], (number, number))
    if fix is None:
        return None
    assert (fix.line, fix.replaces) == (number, 1)
    return fix.lines[0]


@pytest.mark.parametrize(
    "message",
    [
        "N805 First argument of a method should be named `self`",
        "E0213: Method 'close' should have \"self\" as first argument (no-self-argument)",
        'Instance methods should take a "self" parameter',
        'Method must have at least one argument. Did you forget the "self" argument?  [misc]',
        "E0211: Method 'close' has no argument (no-method-argument)",
        "TypeError: close() takes 1 positional argument but 2 were given",
        "missing self",
        "self is missing",
    ],
)
def test_the_head_of_a_method(message: str) -> None:
    assert mended(message, "    def close(door):") == "    def close(self, door):"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("    def close():", "    def close(self):"),
        ("    async def close() -> None:", "    async def close(self) -> None:"),
        ("    def close(*doors, **more):", "    def close(self, *doors, **more):"),
        ("    def close(self):", None),
        ("    def close(cls):", None),
        ("        self.close()", None),
        ("def close():", None),
    ],
)
def test_heads_of_other_forms(line: str, wanted: str | None) -> None:
    assert mended("TypeError: close() takes 0 positional arguments but 1 was given", line) == wanted


def test_what_is_no_method_of_an_object_is_left_alone() -> None:
    assert mended("missing self", "    @staticmethod", "    def close():") is None
    class_method = mended("missing self", "    @classmethod", "    def close():")
    assert class_method == "    def close(cls):"
    assert mended("missing self", "    def close(self):", "        def inner():") is None
    other = "TypeError: open() takes 0 positional arguments but 1 was given"
    assert mended(other, "    def close():") is None
    assert (
        mended(
            "TypeError: close() takes 1 positional arguments but 3 were given", "    def close(a):"
        )
        is None
    )


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("        return _door", "        return self._door"),
        ("        f(x._door, _door)", "        f(x._door, self._door)"),
        ("        _door, _door", None),
        ("        x._door", None),
        ("        f(_door=1)", None),
        ("        (_door := 1)", None),
        ("        return lambda _door: x", None),
        ("        print('the _door', x)", None),
        ("        print('the _door', _door)", None),
        ("        # _door", None),
    ],
)
@pytest.mark.parametrize(
    "message",
    ["undefined name '_door'", "E0602: Undefined variable '_door'", '"_door" is not defined'],
)
def test_an_attribute_without_its_object(message: str, line: str, wanted: str | None) -> None:
    assert mended(message, "    def look(self):", line) == wanted
    assert mended(message, "    @staticmethod", "    def look():", line) is None
    assert mended(message, "    @classmethod", "    def look(cls):", line) is None
    assert mended(message, "def look():", "    " + line.lstrip()) is None


def test_names_that_are_no_attribute_and_other_messages_are_left_alone() -> None:
    head = "    def look(self):"
    assert mended("undefined name '_window'", head, "        return _window") is None
    assert mended("'_door' is not accessed", head, "        _door = 1") is None
    meant = "name '_door' is not defined. Did you mean: 'door'?"
    assert mended(meant, head, "        return _door") is None
    assert mended("rename undefined name '_door'", head, "        return _door") is None
    elsewhere = ["class User:", "    def f(self, a):", "        return _door"]
    assert mended("undefined name '_door'", *elsewhere) is None
    assert self_fix("missing self", CLASS, None) is None
    assert self_fix("missing self", CLASS, (1, 2)) is None
    lines = ["class A:\r\n", "    def f():\r\n", "        return 1\r\n"]
    assert self_fix("missing self", lines, (2, 2)) == Fix(2, ("    def f(self):",), 1)


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("    def close(this, door):", "        this.door = door"),
        ("    def close(slef):", "        pass"),
        ("    def close(door):", "        door.shut()"),
        ("    def __new__(mcs):", "        pass"),
        ("    def __init_subclass__(**more):", "        pass"),
    ],
)
def test_a_first_parameter_that_may_be_the_object_has_none_before_it(line: str, body: str) -> None:
    assert mended("missing self", line, behind=body) is None


def test_a_body_that_has_self_already_is_certain() -> None:
    used = "        self.shut(door.key)"
    wanted = "    def close(self, door):"
    assert mended("missing self", "    def close(door):", behind=used) == wanted
    validated = ("    @validator('x')", "    def close(door):")
    assert mended("missing self", *validated) is None
    assert mended("missing self", *validated, behind=used) == wanted


def test_functions_in_other_blocks_are_no_methods() -> None:
    message = "TypeError: f() takes 1 positional argument but 2 were given"
    lines = [
        "try:",
        "    from a import f",
        "except ImportError:",
        "    def f(a):",
        "        return 1",
    ]
    assert self_fix(message, lines, (4, 4)) is None


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("config", "self.config = config"),
        ("json", "return json.loads(self.text)"),
        ("helper", "return helper(self)"),
    ],
)
def test_a_name_that_may_be_another_thing_is_no_attribute(name: str, line: str) -> None:
    lines = [
        "class A:",
        "    def run(self):",
        f"        return self.{name}",
        "",
        "    def other(self):",
        f"        {line}",
    ]
    assert self_fix(f"undefined name '{name}'", lines, (6, 6)) is None


@pytest.mark.parametrize(
    "lines",
    [
        ["    def door(make):", "        def new():", "            return 1", "        return new"],
        ["    def door(n):", "        return n", "    OTHER = door(3)"],
        ["    def __lt__(a, b):", "        return key(a) < key(b)"],
        ["    def door(", "        n,", "    ):", "        return n"],
    ],
)
def test_what_makes_methods_or_is_called_by_the_class_has_no_self(lines: list[str]) -> None:
    number = len(CLASS) + 1
    assert self_fix("missing self", [*CLASS, *lines], (number, number)) is None
