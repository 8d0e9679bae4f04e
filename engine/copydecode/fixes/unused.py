"""What an unused import or variable comes to: the line without it.

As ruff and autoflake mend them: an import goes, or its name in a list does; of an assignment the
call stays and the rest goes; `as name` goes. Python only, by the statement in one line. Knows
nothing of models or editors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.slips import width

_NAME = r"[`'\"]?(?P<name>\.*[^\W\d][\w.]*)[`'\"]?"
_UNUSED = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"local variable {_NAME} is assigned to but never used",
        rf"{_NAME}(?: as (?P<alias>\w+))?[`'\"]? imported but unused",
        r"\bunused (?P<alias>\w+) imported from [\w.]+",
        rf"\bunused {_NAME} imported as (?P<alias>\w+)",
        rf"\bunused import {_NAME} as (?P<alias>\w+)",
        rf"\bunused (?:local )?(?:import|variable)(?: of)? {_NAME}",
        r"[`'\"](?P<name>[^\W\d][\w.]*)[`'\"] is not accessed",
        rf"^{_NAME} is (?:never|not) used\.?$",
    )
)
_UNNAMED = re.compile(
    r"\s*(?:please\s+)?(?:remove|delete|drop)?\s*(?:the|this)?\s*unused (?:import|variable)\s*[.]?",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s*(?:[\w.]+\s+as\s+)?(?P<name>[\w.]+)\s*,?\s*(?:#.*)?")
_IMPORT = re.compile(r"(?P<head>\s*(?:from\s+[\w.]+\s+)?import\s+)(?P<names>[\w., \t]+)")
_BOUND = re.compile(r"\s*(?P<name>[^\W\d]\w*)(?:\s*:[^=]+)?\s*=(?!=)\s*(?P<value>.*)", re.DOTALL)
_AS = re.compile(
    r"(?P<head>\s*(?:except|(?:async\s+)?with)\b[^#]*?)\s+as\s+(?P<name>\w+)(?P<tail>\s*:.*)"
)


def unused_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return the fix of the import or variable that a message says nothing uses.

    None for other messages, where more than one line is in question, and where a block would be
    left empty.

    Args:
        message: of a tool, or what a person says.
        lines: those of the document.
        scope: the line that it is about, 1-based and inclusive; else it is looked for.
    """
    code = [line.rstrip("\r\n") for line in lines]
    name = unused_name(message)
    if name is None and scope is not None and scope[0] == scope[1] and _UNNAMED.fullmatch(message):
        name = _alone(scope[0], code)
    if name is None:
        return None
    fixes = [
        fix
        for number in (range(1, len(code) + 1) if scope is None else range(scope[0], scope[1] + 1))
        if (fix := _fixed(name, number, code)) is not None
    ]
    return fixes[0] if len(fixes) == 1 else None


def unused_name(message: str) -> str | None:
    """Return what a message says is not used, such as `os.path`; None for other messages."""
    found = next((m for form in _UNUSED if (m := form.search(message))), None)
    if found is None:
        return None
    groups = found.groupdict()
    name: str = groups.get("alias") or groups["name"]
    return name.lstrip(".").removesuffix(".")


def _alone(number: int, code: Sequence[str]) -> str | None:
    """Return the one name that a line brings in, or that of several that no other line has."""
    line, names = code[number - 1], list[str]()
    if match := _IMPORT.match(line):
        names = [part.strip().rpartition(" as ")[2].strip() for part in match["names"].split(",")]
    elif match := _AS.fullmatch(line) or _BOUND.fullmatch(line) or _ITEM.fullmatch(line):
        names = [match["name"]]
    if len(names) == 1:
        return names[0]
    others = "\n".join([*code[: number - 1], *code[number:]])
    names = [name for name in names if not re.search(rf"\b{re.escape(name)}\b", others)]
    return names[0] if len(names) == 1 else None


def _fixed(name: str, number: int, code: Sequence[str]) -> Fix | None:
    line = code[number - 1]
    bare = name.rpartition(".")[2]
    if re.search(rf"\b{re.escape(bare)}\b", line) is None:
        return None
    if match := _IMPORT.match(line):
        return _without_import(name, number, code, match)
    if match := _AS.fullmatch(line):
        text = match["head"] + match["tail"]
        return Fix(number, (text,), 1) if match["name"] == bare else None
    match = _BOUND.fullmatch(line)
    if match and match["name"] == bare:
        return _without_variable(number, code, match["value"])
    item = _ITEM.fullmatch(line)
    if item and item["name"] in {name, bare} and _is_listed(number, code):
        return Fix(number, (), 1)
    return None


def _without_import(
    name: str, number: int, code: Sequence[str], match: re.Match[str]
) -> Fix | None:
    line = code[number - 1]
    rest = line[match.end() :].strip()
    if rest and not rest.startswith("#"):
        return None
    names = [part.strip() for part in match["names"].split(",")]
    kept = [part for part in names if not _is_called(part, name)]
    if len(kept) + 1 != len(names) or not all(names):
        return None
    if not kept:
        return _gone(number, code)
    text = match["head"] + ", ".join(kept)
    return Fix(number, (f"{text}  {rest}" if rest else text,), 1)


def _is_called(part: str, name: str) -> bool:
    """Return whether an item of an import, such as `b as c`, is what a name such as `a.b` means."""
    item, _, alias = part.partition(" as ")
    return name in {item.strip(), alias.strip()} or name.endswith(f".{item.strip()}")


def _without_variable(number: int, code: Sequence[str], value: str) -> Fix | None:
    """Return the fix of an assignment: what is called stays."""
    try:
        body = ast.parse(value.strip()).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [ast.Expr(expression)]:
            kinds = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
            if not any(isinstance(node, kinds) for node in ast.walk(expression)):
                return _gone(number, code)
            indent = re.match(r"\s*", code[number - 1])
            return Fix(number, ((indent[0] if indent else "") + value,), 1)
        case _:
            return None


def _gone(number: int, code: Sequence[str]) -> Fix | None:
    """Return the fix that deletes a line, None where its block would be empty."""
    above = next((line for line in reversed(code[: number - 1]) if line.strip()), "")
    below = next((line for line in code[number:] if line.strip()), "")
    opens = above.rstrip().endswith(":") and width(above) < width(code[number - 1])
    if opens and width(below) < width(code[number - 1]):
        return None
    return Fix(number, (), 1)


def _is_listed(number: int, code: Sequence[str]) -> bool:
    """Return whether a line stands in the brackets of an import, with others."""
    k = number - 2
    while k >= 0 and _ITEM.fullmatch(code[k]):
        k -= 1
    opens = k >= 0 and re.fullmatch(r"\s*from\s+[\w.]+\s+import\s*\(\s*(?:#.*)?", code[k])
    others = number - 2 > k or (number < len(code) and not code[number].strip().startswith(")"))
    return bool(opens) and others
