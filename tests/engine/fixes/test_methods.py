"""Where a `self` goes that was forgotten."""

from __future__ import annotations

import pytest

from copydecode.fixes.fix import Fix
from copydecode.fixes.methods import self_fix

CLASS = ["class Shop:", "    def open(self):", "        self._door = 1", ""]


def mended(message: str, *lines: str) -> str | None:
    """Return the last line as it becomes, None where no fix is known."""
    text = [*CLASS, *lines]
    fix = self_fix(message, text, (len(text), len(text)))
    if fix is None:
        return None
    assert (fix.line, fix.replaces) == (len(text), 1)
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
        ("    def close(*doors, **more):  # all", "    def close(self, *doors, **more):  # all"),
        ("    def close(", "    def close(self, "),
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
    ],
)
@pytest.mark.parametrize(
    "message",
    ["undefined name '_door'", "E0602: Undefined variable '_door'", '"_door" is not defined'],
)
def test_an_attribute_without_its_object(message: str, line: str, wanted: str | None) -> None:
    assert mended(message, line) == wanted


def test_names_that_are_no_attribute_and_other_messages_are_left_alone() -> None:
    assert mended("undefined name '_window'", "        return _window") is None
    assert mended("'_door' is not accessed", "        _door = 1") is None
    assert self_fix("missing self", CLASS, None) is None
    assert self_fix("missing self", CLASS, (1, 2)) is None
    assert self_fix("missing self", ["class A:\r\n", "    def f():\r\n"], (2, 2)) == Fix(
        2, ("    def f(self):",), 1
    )
