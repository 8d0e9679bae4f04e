"""What a `self` that was forgotten comes to: in the head of a method, or before an attribute.

Python only, where the function around parses. Knows nothing of models or editors.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.imports import KNOWN_NAMES
from copydecode.fixes.messages import NAME, first_match, forms, plain, quoted
from copydecode.fixes.part import FAILURES, Part, width

_NO_SELF = forms(
    rf"method {quoted()} (?:should have [`'\"]self[`'\"] as first argument|has no argument)",
    r"first argument of a method should be named [`'\"]self[`'\"]",
    r"instance methods should take a [`'\"]self[`'\"] parameter",
    r"self argument missing for a non-static method(?: \(or an invalid type for self\))?",
    r"method must have at least one argument\. did you forget the [`'\"]self[`'\"] argument\?",
    r"(?:the |a )?[`'\"]?self[`'\"]? is missing",
    r"(?:please )?(?:missing|add)(?: the)? [`'\"]?self[`'\"]?",
)
_COUNTED = re.compile(
    rf"(?:TypeError: )?(?:\w+\.)?(?P<name>{NAME})\(\) takes (?P<takes>\d{{1,2}}) positional"
    r" arguments? but (?P<given>\d{1,2}) (?:was|were) given",
    re.IGNORECASE,
)
_UNDEFINED = re.compile(
    rf"undefined (?:name|variable) {quoted()}"
    rf"|(?:NameError: )?(?:name )?{quoted('also')} is not defined",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(?P<head>\s+(?:async\s+)?def\s+(?P<name>\w+)\s*\()(?=\s*\S)")
_OF_CLASSES = frozenset(
    {"__new__", "__init_subclass__", "__class_getitem__", "_generate_next_value_"}
)
_PLAIN_DECORATORS = frozenset(
    {"property", "abstractmethod", "override", "classmethod", "contextmanager"}
)
_LIKE_SELF = re.compile(r"_*(?:self\w*|slef|sefl|this|me|obj|c|cls|klass|mcs)?_*", re.IGNORECASE)
_CLASS = re.compile(r"\s*class\b")
_DEF = re.compile(r"\s*(?:async\s+)?def\b")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def self_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return the line with the `self` that a message says is missing.

    None for other messages, and where the line has no place for it: in functions of no class,
    static ones, and those whose first parameter may be the object by another name.

    Args:
        message: of a tool, or what a person says.
        lines: those of the document.
        scope: the line that it is about, 1-based and inclusive.
    """
    words = plain(message)
    if scope is None or scope[0] != scope[1] or not words:
        return None
    code = [line.rstrip("\r\n") for line in lines]
    counted, undefined = _COUNTED.fullmatch(words), _UNDEFINED.fullmatch(words)
    found: str | None = None
    if counted is not None and int(counted["given"]) == int(counted["takes"]) + 1:
        found = _with_parameter(scope[0], code, counted["name"])
    elif first_match(words, _NO_SELF):
        found = _with_parameter(scope[0], code, None)
    elif undefined is not None:
        found = _as_attribute(undefined["name"] or undefined["also"], scope[0], code)
    return None if found is None else Fix(scope[0], (found,), 1)


def _with_parameter(number: int, code: Sequence[str], name: str | None) -> str | None:
    """Return the head of a method with a first parameter for the object, or the class."""
    line, part = code[number - 1], Part.around(code, number - 1).sound()
    match, function = _HEADER.match(line), _function_at(part)
    if match is None or function is None or not _is_in_class(number, code):
        return None
    if name not in {None, function.name} or function.name in _OF_CLASSES:
        return None
    decorators = {ast.unparse(d).rpartition(".")[2] for d in function.decorator_list}
    first = "cls" if "classmethod" in decorators else "self"
    given = [*function.args.posonlyargs, *function.args.args]
    body = [node for s in function.body for node in ast.walk(s)]
    reads = {n.id for n in body if isinstance(n, ast.Name)}
    objects = {
        n.value.id for n in body if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    certain = first in reads  # The body has it already.
    # A function that makes another one, or that the class itself calls, is no method yet.
    makes = any(isinstance(node, _Function) for node in body)
    around = _class_around(number, code)
    bare = re.compile(rf"(?<![\w.]){re.escape(function.name)}\b")
    called = any(bare.search(other) for other in around if other is not line)
    has_both = function.name.startswith("__") and len(given) > 1
    if not certain and (makes or called or has_both or "(Interface)" in "".join(around[:1])):
        return None
    if given and _LIKE_SELF.fullmatch(given[0].arg):
        return None
    if not certain and (not decorators <= _PLAIN_DECORATORS or (given and given[0].arg in objects)):
        return None
    rest = line[match.end() :]
    return match["head"] + first + ("" if rest.startswith(")") else ", ") + rest


def _function_at(part: Part) -> _Function | None:
    """Return the function that begins in the part's line, if that parses."""
    try:
        tree = part.tree()
    except FAILURES:
        return None
    functions = (node for node in ast.walk(tree) if isinstance(node, _Function))
    return next((f for f in functions if part.own(f.lineno) == part.at), None)


def _as_attribute(name: str, number: int, code: Sequence[str]) -> str | None:
    """Return the line with a name as an attribute of `self`, where its class has that."""
    line, part = code[number - 1], Part.around(code, number - 1).sound()
    if name in KNOWN_NAMES or name in sys.stdlib_module_names:
        return None
    attribute = re.compile(rf"\bself\.{re.escape(name)}\b")
    around = (other.partition("#")[0] for other in _class_around(number, code) if other is not line)
    # Where it is given to the attribute, or called with the object, it is another thing.
    other_thing = rf"\bself\.{re.escape(name)}\b|\b{re.escape(name)}\(\s*self\b"
    if not any(map(attribute.search, around)) or re.search(other_thing, line):
        return None
    try:
        tree = part.tree()
    except FAILURES:
        return None
    found = [node for node in _read_in_methods(tree, name) if part.own(node.lineno) == part.at]
    if len(found) != 1 or len(re.findall(rf"(?<![\w.]){re.escape(name)}\b", line)) != 1:
        return None
    at = len(line.encode()[: found[0].col_offset].decode())
    return f"{line[:at]}self.{line[at:]}"


def _read_in_methods(tree: ast.Module, name: str) -> Iterator[ast.Name]:
    """Yield where a name is read in functions that have a `self`, and nothing else binds it."""
    for function in ast.walk(tree):
        if not isinstance(function, _Function):
            continue
        given = [*function.args.posonlyargs, *function.args.args]
        if not given or given[0].arg != "self":
            continue
        nodes = [node for statement in function.body for node in ast.walk(statement)]
        bound = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        bound |= {n.arg for n in [*nodes, *ast.walk(function.args)] if isinstance(n, ast.arg)}
        bound |= {n.name for n in nodes if isinstance(n, ast.ClassDef | _Function)}
        bound |= {n.asname or n.name for n in nodes if isinstance(n, ast.alias)}
        if name not in bound:
            yield from (n for n in nodes if isinstance(n, ast.Name) and n.id == name)


def _class_around(number: int, code: Sequence[str]) -> Sequence[str]:
    """Return the lines of the class around a line: those between what has less indentation."""
    first = last = number - 1
    least = width(code[first])
    while first > 0 and not (_CLASS.match(code[first]) and width(code[first]) < least):
        if code[first].strip() and not width(code[first]) and _DEF.match(code[first]):
            return ()
        first -= 1
    base = width(code[first]) if _CLASS.match(code[first]) else -1
    while last + 1 < len(code) and (not code[last + 1].strip() or width(code[last + 1]) > base):
        last += 1
    return code[first : last + 1]


def _is_in_class(number: int, code: Sequence[str]) -> bool:
    """Return whether the innermost function or class around a line is a class.

    Also where the text begins further in than the line.
    """
    own = width(code[number - 1])
    for line in reversed(code[: number - 1]):
        if line.strip() and width(line) < own and (_CLASS.match(line) or _DEF.match(line)):
            return _CLASS.match(line) is not None
        if (
            line.strip()
            and not width(line)
            and re.match(r"(?:if|else|elif|try|except|with)\b", line)
        ):
            return False
    return True
