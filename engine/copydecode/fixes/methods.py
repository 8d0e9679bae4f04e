"""What a `self` that was forgotten comes to: in the head of a method, or before an attribute.

Python only, by the text's lines. Knows nothing of models or editors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.slips import width

_NO_SELF = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"^(?:E0213|E0211|N805)\b",
        r"\b(?:should|must) (?:have|take) (?:a )?[`'\"]?self\b",
        r"\bfirst (?:argument|parameter) of a method should be named [`'\"]?self\b",
        r"^method (?:must have|[`'\"]?\w+[`'\"]? has no) (?:at least one )?argument",
        r"^(?:the |a )?[`'\"]?self[`'\"]? is missing\.?$",
        r"^(?:missing|add)(?: the)? [`'\"]?self[`'\"]?\.?$",
        r"\btakes 0 positional arguments but 1 (?:was|were) given",
    )
)
_COUNTED = re.compile(
    r"\b(?P<name>\w+)\(\) takes (\d+) positional arguments? but (\d+) (?:was|were)"
)
_UNDEFINED = re.compile(
    r"\bundefined (?:name|variable) [`'\"]?(?P<name>[^\W\d]\w*)[`'\"]?"
    r"|[`'\"](?P<quoted>[^\W\d]\w*)[`'\"] is not defined",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(?P<head>\s+(?:async\s+)?def\s+(?P<name>\w+)\s*\()(?P<first>[^,():=]*)")


def self_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return the line with the `self` that a message says is missing.

    None for other messages, and where the line has no place for it.

    Args:
        message: of a tool, or what a person says.
        lines: those of the document.
        scope: the line that it is about, 1-based and inclusive.
    """
    if scope is None or scope[0] != scope[1]:
        return None
    code = [line.rstrip("\r\n") for line in lines]
    line = code[scope[0] - 1]
    counted = _COUNTED.search(message)
    found: str | None = None
    if any(form.search(message) for form in _NO_SELF) or (
        counted and int(counted[3]) == int(counted[2]) + 1
    ):
        found = _with_parameter(scope[0], code, counted["name"] if counted else None)
    elif match := _UNDEFINED.search(message):
        found = _as_attribute(match["name"] or match["quoted"], line, code)
    return None if found is None or found == line else Fix(scope[0], (found,), 1)


def _with_parameter(number: int, code: Sequence[str], name: str | None) -> str | None:
    """Return the head of a method with a first parameter for the object, or the class."""
    line = code[number - 1]
    match = _HEADER.match(line)
    if (
        match is None
        or match["first"].strip() in {"self", "cls"}
        or name not in {None, match["name"]}
    ):
        return None
    above = "".join(_decorators(number, code))
    if "@staticmethod" in above or not _is_in_class(number, code):
        return None
    first = "cls" if "@classmethod" in above else "self"
    rest = line[match.end("head") :]
    return match["head"] + first + ("" if rest.startswith(")") else ", ") + rest


def _as_attribute(name: str, line: str, code: Sequence[str]) -> str | None:
    """Return the line with a name as an attribute of `self`, where it is one in others."""
    attribute = re.compile(rf"\bself\.{re.escape(name)}\b")
    bare = re.compile(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=(?!=))")
    if not any(attribute.search(other) for other in code if other is not line):
        return None
    return bare.sub(f"self.{name}", line) if len(bare.findall(line)) == 1 else None


def _decorators(number: int, code: Sequence[str]) -> list[str]:
    found = []
    for line in reversed(code[: number - 1]):
        if not line.lstrip().startswith("@"):
            break
        found.append(line)
    return found


def _is_in_class(number: int, code: Sequence[str]) -> bool:
    """Return whether the innermost block around a line is no function."""
    own = width(code[number - 1])
    for line in reversed(code[: number - 1]):
        if (
            line.strip()
            and width(line) < own
            and not line.lstrip().startswith(("#", ")", "]", "}"))
        ):
            return re.match(r"\s*(?:async\s+)?def\b", line) is None
    return True
