"""What an unused import or variable comes to: the line without it.

As ruff mends them: an import goes, or its name in a list does; of an assignment what is called
stays and the rest goes; `as name` goes. Python only, where the lines around parse. Knows nothing of
models or editors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from copydecode.fixes.fix import Fix
from copydecode.fixes.messages import NAME, first_match, forms, plain
from copydecode.fixes.part import FAILURES, Part, width

_DOTTED = rf"\.*{NAME}(?:\.{NAME})*"
_ANY = rf"[`'\"]?(?P<name>{_DOTTED})[`'\"]?"
_IMPORT = forms(
    rf"{_ANY}(?: as (?P<alias>\w+))?[`'\"]? imported but unused",
    r"unused (?P<alias>\w+) imported from [\w.]+",
    rf"unused {_ANY} imported as (?P<alias>\w+)",
    rf"unused import {_ANY}(?: as (?P<alias>\w+))?",
    rf"import [`'\"](?P<name>{_DOTTED})[`'\"] is not accessed",
    rf"(?:please )?(?:remove|delete|drop) (?:the |this )?unused import(?: of)? {_ANY}",
)
_VARIABLE = forms(
    rf"local variable {_ANY} is assigned to but never used",
    rf"unused (?:local )?variable {_ANY}",
    rf"variable [`'\"](?P<name>{NAME})[`'\"] is not accessed",
    rf"(?:please )?(?:remove|delete|drop) (?:the |this )?unused (?:local )?variable {_ANY}",
)
_EITHER = forms(
    rf"[`'\"](?P<name>{_DOTTED})[`'\"] is not accessed",
    rf"{_ANY} is (?:never|not) used",
)
_UNNAMED = re.compile(
    r"(?:please )?(?:remove |delete |drop )?(?:the |this )?unused (?:import|variable)",
    re.IGNORECASE,
)
_IMPORT_LINE = re.compile(r"(\s*(?:from\s+[\w.]+\s+)?import\s+)[\w., \t]*[\w.](\s*(?:#.*)?)")
_KEPT = re.compile(r"#\s*(?:noqa|pylint|pyright|type:)")
"""Somebody has said that it is meant so."""

_NO_NAMES = frozenset({"it", "this", "that", "import", "variable", "which"})
_EFFECTS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
_MAY_FAIL = (ast.Attribute, ast.Subscript, ast.BinOp)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A name that a statement or a handler of one line binds, and what is left without it.

    `called` is what tools may call it. Where no `text` is left the line goes, unless it is `alone`
    in its block.
    """

    name: str
    called: tuple[str, ...]
    text: str | None
    alone: bool = False
    imported: bool = False


def unused_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return the fix of the import or variable that a message says nothing uses.

    None for other messages, where more than one line is in question, where a block would be left
    empty, and where the name is read, or stands in a string of its own as in `__all__`.

    Args:
        message: of a tool, or what a person says.
        lines: those of the document.
        scope: the line that it is about, 1-based and inclusive; else it is looked for.
    """
    words = plain(message)
    name = unused_name(words)
    if name is None and not (scope and scope[0] == scope[1] and _UNNAMED.fullmatch(words)):
        return None
    code = [line.rstrip("\r\n") for line in lines]
    first, last = scope or (1, len(code))
    fixes: list[Fix] = []
    for number in range(first, last + 1):
        if name is not None and name.rpartition(".")[2] not in code[number - 1]:
            continue
        fixes += _fixes(words, name, number, code)
        if len(fixes) > 1:
            return None
    return fixes[0] if fixes else None


def unused_name(words: str) -> str | None:
    """Return what plain words say is not used, such as `os.path`; None for other words."""
    match = first_match(words, (*_IMPORT, *_VARIABLE, *_EITHER))
    if match is None:
        return None
    groups = match.groupdict()
    name: str = (groups.get("alias") or groups["name"]).lstrip(".")
    return None if name.lower() in _NO_NAMES else name


def _fixes(words: str, name: str | None, number: int, code: Sequence[str]) -> list[Fix]:
    part = Part.around(code, number - 1).sound()
    try:
        tree = part.tree()
    except FAILURES:
        return []
    found = [bound for bound in _bound(tree, part) if name is None or name in bound.called]
    if first_match(words, _IMPORT) or "import" in words:
        found = [bound for bound in found if bound.imported]
    found = [bound for bound in found if not _is_read(bound, number, tree, part, code)]
    if len(found) != 1 or _KEPT.search(code[number - 1]):
        return []
    [bound] = found
    if bound.text is None and bound.alone:
        return []
    left = () if bound.text is None else (bound.text,)
    lines = (*part.lines[: part.row], *left, *part.lines[part.row + 1 :])
    return [] if replace(part, lines=lines).error() else [Fix(number, left, 1)]


def _is_read(bound: _Bound, number: int, tree: ast.Module, part: Part, code: Sequence[str]) -> bool:
    """Return whether a name is used after all: the message is of an earlier text then."""
    if any(
        _reads(node, bound.name)
        for node in ast.walk(tree)
        if part.own(getattr(node, "lineno", 0)) != number - 1
    ):
        return True
    if not bound.imported and width(part.line) and not _is_of_class(tree, part):
        return False
    # What is no function's own is used anywhere, as an attribute too, if it is a class's; of a text
    # that does not parse as a whole its words are asked.
    dotted = "" if width(part.line) and not bound.imported else r"(?<!\.)"
    word = re.compile(rf"{dotted}(?<!\w){re.escape(bound.name)}\b")
    others = (line.partition("#")[0] for k, line in enumerate(code, 1) if k != number)
    return any(word.search(line) and not _imports(line) for line in others)


def _reads(node: ast.AST, name: str) -> bool:
    """Return whether a node needs a name: reads or unbinds it, adds to it, or has it in a text."""
    match node:
        case ast.Name(other, ast.Load() | ast.Del()):
            return other == name or (other == "locals" and isinstance(node.ctx, ast.Load))
        case ast.AugAssign(ast.Name(other)):
            return other == name
        case ast.Global(names) | ast.Nonlocal(names):
            return name in names
        case ast.Constant(str(text)):
            return re.search(rf"\b{re.escape(name)}\b", text) is not None and len(name) > 1
        case _:
            return False


def _is_of_class(tree: ast.Module, part: Part) -> bool:
    """Return whether the part's line is a statement in the body of a class."""
    return any(
        part.own(statement.lineno) == part.at
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
    )


def _imports(line: str) -> bool:
    return re.match(r"\s*(?:from|import)\b", line) is not None


def _bound(tree: ast.Module, part: Part) -> Iterator[_Bound]:
    """Yield the names that the part's line binds, if it does nothing else."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list):
                continue
            for statement in block:
                if part.own(getattr(statement, "lineno", 0)) == part.at:
                    yield from _of_statement(statement, block, part, tries=_tries(tree, statement))
                elif isinstance(statement, ast.ImportFrom):
                    yield from _of_list(statement, part)
        for handler in getattr(node, "handlers", []):
            if part.own(handler.lineno) == part.at and handler.name:
                text = _without_as(part.line, handler.name)
                if text is not None:
                    yield _Bound(handler.name, (handler.name,), text)


def _tries(tree: ast.Module, statement: ast.stmt) -> bool:
    """Return whether a statement stands where a failure is caught."""
    return any(
        any(statement is inner for guarded in node.body for inner in ast.walk(guarded))
        for node in ast.walk(tree)
        if isinstance(node, ast.Try | ast.TryStar)
    )


def _of_statement(
    node: ast.stmt, block: Sequence[ast.stmt], part: Part, *, tries: bool
) -> Iterator[_Bound]:
    line = part.line
    if line.encode()[: node.col_offset].strip():  # The head of its block stands in the line, too.
        return
    if isinstance(node, ast.With | ast.AsyncWith):
        name = node.items[0].optional_vars if len(node.items) == 1 else None
        if isinstance(name, ast.Name) and (text := _without_as(line, name.id)) is not None:
            yield _Bound(name.id, (name.id,), text)
        return
    on_line = sum(s.lineno <= node.lineno <= (s.end_lineno or 0) for s in block)
    if node.lineno != node.end_lineno or on_line > 1:
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        if not tries:  # It may be there to be tried.
            yield from _of_import(node, block, line)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from _of_value(node, block, line, tries=tries)


def _of_value(
    node: ast.Assign | ast.AnnAssign, block: Sequence[ast.stmt], line: str, *, tries: bool
) -> Iterator[_Bound]:
    """Yield the one name that a value is given: what is called stays."""
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
    if len(targets) != 1 or not isinstance(target := targets[0], ast.Name) or node.value is None:
        return
    nodes = [*ast.walk(node.value)]
    if any(isinstance(other, _EFFECTS) for other in nodes):
        before = node.annotation if isinstance(node, ast.AnnAssign) else target
        rest = line.encode()[before.end_col_offset :].decode()
        text = line[: width(line)] + rest.partition("=")[2].strip()
        yield _Bound(target.id, (target.id,), text)
    elif not (tries and any(isinstance(other, _MAY_FAIL) for other in nodes)):
        yield _Bound(target.id, (target.id,), None, len(block) == 1)


def _of_import(
    node: ast.Import | ast.ImportFrom, block: Sequence[ast.stmt], line: str
) -> Iterator[_Bound]:
    names = node.names
    module = "" if isinstance(node, ast.Import) else (node.module or "")
    for alias in names:
        bound = alias.asname or alias.name.partition(".")[0]
        called = _called(module, alias)
        if alias.asname == alias.name:  # It is there to be imported from here.
            continue
        if len(names) == 1:
            yield _Bound(bound, called, None, len(block) == 1, imported=True)
            continue
        head = _IMPORT_LINE.fullmatch(line)
        if head is None:
            continue
        kept = ", ".join(ast.unparse(other) for other in names if other is not alias)
        yield _Bound(bound, called, head[1] + kept + head[2], imported=True)


def _of_list(node: ast.ImportFrom, part: Part) -> Iterator[_Bound]:
    """Yield the name that a line in the brackets of an import has for itself, where others stay."""
    here = [alias for alias in node.names if part.own(alias.lineno) == part.at]
    alone = re.fullmatch(r"\s*[\w.]+(?:\s+as\s+\w+)?,?\s*(?:#.*)?", part.line)
    head = part.lines[part.row - (here[0].lineno - node.lineno)] if here else ""
    if len(here) == 1 and len(node.names) > 1 and alone and "(" in head:
        bound = here[0].asname or here[0].name
        called = _called(node.module or "", here[0])
        yield _Bound(bound, called, None, imported=True)


def _called(module: str, alias: ast.alias) -> tuple[str, ...]:
    """Return what tools call an imported name: by itself, with its module, or as it is renamed."""
    full = f"{module}.{alias.name}".lstrip(".")
    if alias.asname:
        return alias.asname, full, alias.name
    return alias.name, full


def _without_as(line: str, name: str) -> str | None:
    """Return the head of a block without `as name`; None where it is not that simple."""
    text, count = re.subn(rf"\s+as\s+{re.escape(name)}(?=\s*:)", "", line)
    return text if count == 1 else None
