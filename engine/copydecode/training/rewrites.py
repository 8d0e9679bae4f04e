"""Code that could be said better: the better text stood there, or can be said to have.

f-strings, `dict.get`, `pathlib`, conditions and loops in fewer lines. The older form is put in, the
instruction asks for the newer one, in a linter's words or a person's. Knows nothing of tokens or
models.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.training.flaws import Flaw, Maker
from copydecode.training.syntax import Code, Function, parse, read
from copydecode.training.tasks import RESERVED_NAMES, Lines, Material, indent_of


@dataclass(frozen=True, slots=True)
class Older:
    """The older form of some lines: it takes the place of `count` lines from `at` on.

    `right` is what these should be. Linters' words are in `said` where they point at all of these
    lines: an unneeded `else` or a loop that appends are shown by one line, which is not enough.
    """

    at: int
    count: int
    wrong: tuple[str, ...]
    right: tuple[str, ...]
    said: Sequence[str]


Way = Callable[[Code, Random], Older | None]


def _maker(kind: str, *ways: Way) -> Maker:
    """Return the maker of a kind that has several ways, each of which may find no place."""

    def make(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
        code = read(tuple(lines))
        if code is None:
            return None
        older = next((o for way in rng.sample(ways, len(ways)) if (o := way(code, rng))), None)
        if older is None or not _is_apt(code, older):
            return None
        scope: tuple[int, int] | None = (older.at, older.at + len(older.wrong) - 1)
        words = rng.choice(older.said)
        return Flaw(kind, older.at, older.count, older.wrong, older.right, words, scope)

    return make


def _is_apt(code: Code, older: Older) -> bool:
    """Return whether both forms parse, and nobody would break their lines."""
    if max(map(len, (*older.wrong, *older.right))) > 100:  # noqa: PLR2004  # as most formatters do
        return False
    before, after = code.lines[: older.at - 1], code.lines[older.at - 1 + older.count :]
    for text in (older.wrong, older.right):
        lines = (*before, *text, *after)
        last = code.last + len(text) - older.count
        try:
            parse("\n".join((*code.head, *lines[code.first - 1 : last])))
        except (SyntaxError, ValueError):
            return False
    return True


# f-strings.

_F_STRING = re.compile(r"(?<![\w\"'])f(?P<q>[\"'])(?P<s>(?:(?!(?P=q))[^\\])*)(?P=q)(?![\"'])")
_FIELD = re.compile(r"\{([A-Za-z_][\w.]*(?:\[\w+\])?)(![rs])?\}")


def _f_string(code: Code, rng: Random) -> Older | None:
    """Turn an f-string of plain fields into a call of `format`, or into a `%`."""
    found = [
        (at, match, fields)
        for at in _plain_lines(code)
        for match in _F_STRING.finditer(code.lines[at - 1])
        if (fields := _FIELD.findall(match["s"]))
        and len(fields) == match["s"].count("{") == match["s"].count("}")
        and code.lines[at - 1].count(match["q"]) == 2  # noqa: PLR2004  # its ends
    ]
    if not found:
        return None
    at, match, fields = rng.choice(found)
    text, quote = code.lines[at - 1], match["q"]
    names = [name for name, _ in fields]
    words = [
        "Convert this to an f-string",
        "use an f-string",
        "Use an f-string here",
        "make this an f-string",
        "rewrite as f-string",
        "C0209: Formatting a regular string which could be an f-string (consider-using-f-string)",
    ]
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        literal = _FIELD.sub(lambda m: "{" + (m[2] or "") + "}", match["s"])
        older = f"{quote}{literal}{quote}.format({', '.join(names)})"
        words += ["Use f-string instead of `format` call"] * 2
        words += ["UP032 [*] Use f-string instead of `format` call"]
    else:
        if "%" in match["s"]:
            return None
        literal = _FIELD.sub(lambda m: "%r" if m[2] == "!r" else "%s", match["s"])
        single = len(names) == 1 and rng.random() < 0.6  # noqa: PLR2004  # most leave the tuple out
        values = names[0] if single else f"({', '.join(names)}{',' if len(names) == 1 else ''})"
        older = f"{quote}{literal}{quote} % {values}"
        words += ["Replace the % formatting by an f-string", "no % formatting, please"]
    wrong = text[: match.start()] + older + text[match.end() :]
    return Older(at, 1, (wrong,), (text,), words)


# dict.get.


def _dict_get(code: Code, rng: Random) -> Older | None:
    """Turn an assignment from `get` into a test of the key."""
    found = [
        (node.lineno, target.id, call)
        for block in code.blocks()
        for node in block
        if code.fills_line(node)
        and isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(target := node.targets[0], ast.Name)
        and isinstance(call := node.value, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "get"
        and len(call.args) in {1, 2}
        and not call.keywords
    ]
    if found:
        at, target_name, call = rng.choice(found)
        owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        key, *rest = (ast.unparse(argument) for argument in call.args)
        if '"' in code.lines[at - 1]:
            key, rest = key.replace("'", '"'), [text.replace("'", '"') for text in rest]
        right = code.lines[at - 1]
    else:
        made = _assignment(code, rng)
        if made is None:
            return None
        at, target_name, names = made
        owner, key = rng.choice(names), rng.choice(('"name"', '"id"', '"type"', '"value"', "key"))
        rest = [rng.choice(("0", '""', "[]", "False", "default"))] if rng.random() < 0.6 else []  # noqa: PLR2004  # most have a default
        right = (
            f"{indent_of(code.lines[at - 1])}{target_name} = {owner}.get({', '.join((key, *rest))})"
        )
    default = rest[0] if rest else "None"
    indent = indent_of(right)
    wrong: tuple[str, ...] = (
        f"{indent}{target_name} = {owner}[{key}] if {key} in {owner} else {default}",
    )
    if rng.random() < 0.6:  # noqa: PLR2004  # most are statements
        wrong = (
            f"{indent}if {key} in {owner}:",
            f"{indent}    {target_name} = {owner}[{key}]",
            f"{indent}else:",
            f"{indent}    {target_name} = {default}",
        )
    got = f"{owner}.get({key}, {default})"
    words = [
        f"Use `{target_name} = {got}` instead of an `if` block",
        f"SIM401 Use `{target_name} = {got}` instead of an `if` block",
        "Consider using the dict.get method",
        "R1715: Consider using dict.get for getting values from a dict if a key is present or a "
        "default if not (consider-using-get)",
        "use dict.get",
        "Use `.get()` here",
        "simplify with get",
        f"use {owner}.get",
    ]
    if not rest:
        # What the linter proposes has the default in it.
        words = words[2:]
    return Older(at, 1, wrong, (right,), words)


def _assignment(code: Code, rng: Random) -> tuple[int, str, list[str]] | None:
    """Draw an assignment to a plain name that fills a line, and the names in what it assigns."""
    found = []
    for block in code.blocks():
        for node in block:
            match node:
                case ast.Assign([ast.Name(target)], value) if code.fills_line(node):
                    names = [n.id for n in ast.walk(value) if isinstance(n, ast.Name)]
                    names = [n for n in names if n not in RESERVED_NAMES and n != target]
                    if names:
                        found.append((node.lineno, target, names))
    return rng.choice(found) if found else None


# pathlib.

PATHS: tuple[tuple[str, str, str, str], ...] = (
    (
        "os.path.exists({})",
        "Path({}).exists()",
        "PTH110",
        "`os.path.exists()` should be replaced by `Path.exists()`",
    ),
    (
        "os.path.isfile({})",
        "Path({}).is_file()",
        "PTH113",
        "`os.path.isfile()` should be replaced by `Path.is_file()`",
    ),
    (
        "os.path.isdir({})",
        "Path({}).is_dir()",
        "PTH112",
        "`os.path.isdir()` should be replaced by `Path.is_dir()`",
    ),
    (
        "os.path.basename({})",
        "Path({}).name",
        "PTH119",
        "`os.path.basename()` should be replaced by `Path.name`",
    ),
    (
        "os.path.dirname({})",
        "Path({}).parent",
        "PTH120",
        "`os.path.dirname()` should be replaced by `Path.parent`",
    ),
    (
        "os.path.getsize({})",
        "Path({}).stat().st_size",
        "PTH202",
        "`os.path.getsize` should be replaced by `Path.stat().st_size`",
    ),
    (
        "os.path.expanduser({})",
        "Path({}).expanduser()",
        "PTH111",
        "`os.path.expanduser()` should be replaced by `Path.expanduser()`",
    ),
    (
        "os.path.islink({})",
        "Path({}).is_symlink()",
        "PTH114",
        "`os.path.islink()` should be replaced by `Path.is_symlink()`",
    ),
    (
        "os.path.isabs({})",
        "Path({}).is_absolute()",
        "PTH117",
        "`os.path.isabs()` should be replaced by `Path.is_absolute()`",
    ),
    ("os.getcwd()", "Path.cwd()", "PTH109", "`os.getcwd()` should be replaced by `Path.cwd()`"),
    ("os.stat({})", "Path({}).stat()", "PTH116", "`os.stat()` should be replaced by `Path.stat()`"),
    ("open({})", "Path({}).open()", "PTH123", "`open()` should be replaced by `Path.open()`"),
    (
        'os.path.join({}, "data")',
        'Path({}) / "data"',
        "PTH118",
        "`os.path.join()` should be replaced by `Path` with `/` operator",
    ),
    (
        "os.path.join({}, {other})",
        "Path({}) / {other}",
        "PTH118",
        "`os.path.join()` should be replaced by `Path` with `/` operator",
    ),
    (
        "os.remove({})",
        "Path({}).unlink()",
        "PTH107",
        "`os.remove()` should be replaced by `Path.unlink()`",
    ),
    (
        "os.unlink({})",
        "Path({}).unlink()",
        "PTH108",
        "`os.unlink()` should be replaced by `Path.unlink()`",
    ),
    (
        "os.rmdir({})",
        "Path({}).rmdir()",
        "PTH106",
        "`os.rmdir()` should be replaced by `Path.rmdir()`",
    ),
    (
        "os.mkdir({})",
        "Path({}).mkdir()",
        "PTH102",
        "`os.mkdir()` should be replaced by `Path.mkdir()`",
    ),
    (
        "os.makedirs({})",
        "Path({}).mkdir(parents=True)",
        "PTH103",
        "`os.makedirs()` should be replaced by `Path.mkdir(parents=True)`",
    ),
    (
        "os.makedirs({}, exist_ok=True)",
        "Path({}).mkdir(parents=True, exist_ok=True)",
        "PTH103",
        "`os.makedirs()` should be replaced by `Path.mkdir(parents=True)`",
    ),
)
"""What `os` has, what `pathlib` has for it, ruff's code and ruff's words."""

ACTIONS = frozenset({"PTH107", "PTH108", "PTH106", "PTH102", "PTH103"})
"""What is a statement of its own."""


def _pathlib(code: Code, rng: Random) -> Older | None:
    """Put a call of `os` in the place of what a variable is given, or of a statement."""
    made = _assignment(code, rng)
    if made is None:
        return None
    at, target, names = made
    older, newer, rule, words = rng.choice(PATHS)
    indent = indent_of(code.lines[at - 1])
    head = indent if rule in ACTIONS else f"{indent}{target} = "
    other = rng.choice(names)
    wrong, right = (head + form.format(names[0], other=other) for form in (older, newer))
    said = (
        words,
        f"{rule} {words}",
        f"{rule} [*] {words}",
        "use pathlib",
        "Use pathlib here",
        "rewrite with pathlib",
        "Use `Path` instead of `os`",
        f"replace {older.split('(')[0]} by pathlib",
    )
    return Older(at, 1, (wrong,), (right,), said)


# Fewer lines.


def _ternary(code: Code, rng: Random) -> Older | None:
    """Write a conditional expression as an `if` with two branches."""
    found = []
    for block in code.blocks():
        for node in block:
            match node:
                case ast.Assign([ast.Name()], ast.IfExp() as choice) if code.fills_line(node):
                    found.append((node, choice))
    if not found:
        return None
    node, choice = rng.choice(found)
    right = code.lines[node.lineno - 1]
    target, indent = ast.unparse(node.targets[0]), indent_of(right)
    test, yes, no = (_source(code, part) for part in (choice.test, choice.body, choice.orelse))
    if right.strip() != f"{target} = {yes} if {test} else {no}":
        return None
    wrong = (
        f"{indent}if {test}:",
        f"{indent}    {target} = {yes}",
        f"{indent}else:",
        f"{indent}    {target} = {no}",
    )
    proposed = f"{target} = {yes} if {test} else {no}"
    said = (
        f"Use ternary operator `{proposed}` instead of `if`-`else`-block",
        f"SIM108 Use ternary operator `{proposed}` instead of `if`-`else`-block",
        "use a conditional expression",
        "Use a ternary",
        "make this one line",
        "write this as one assignment",
    )
    return Older(node.lineno, 1, wrong, (right,), said)


def _return_test(code: Code, rng: Random) -> Older | None:
    """Write a returned comparison as an `if` that returns True, and False behind it."""
    found = []
    for block in code.blocks():
        for node in block:
            match node:
                case ast.Return(ast.Compare() as test) if code.fills_line(node):
                    found.append((node.lineno, test))
    if not found:
        return None
    at, test = rng.choice(found)
    right, indent = code.lines[at - 1], indent_of(code.lines[at - 1])
    condition = _source(code, test)
    if right.strip() != f"return {condition}":
        return None
    wrong: tuple[str, ...] = (
        f"{indent}if {condition}:",
        f"{indent}    return True",
        f"{indent}return False",
    )
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        wrong = (*wrong[:2], f"{indent}else:", f"{indent}    return False")
    said = (
        f"Return the condition `{condition}` directly",
        f"SIM103 Return the condition `{condition}` directly",
        "R1703: The if statement can be replaced with 'return bool(test)' "
        "(simplifiable-if-statement)",
        "return the condition",
        "simplify",
        "simplify this if",
    )
    return Older(at, 1, wrong, (right,), said)


def _no_else(code: Code, rng: Random) -> Older | None:
    """Put what follows an `if` that returns into an `else`."""
    found: list[tuple[ast.If, list[ast.stmt]]] = []
    for block in code.blocks():
        for k, node in enumerate(block[:-1]):
            rest = block[k + 1 :]
            end = rest[-1].end_lineno or 0
            if (
                isinstance(node, ast.If)
                and not node.orelse
                and isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue)
                and isinstance(rest[-1], ast.Return | ast.Raise)
                and rest[0].lineno - (node.end_lineno or 0) == 1
                and end - rest[0].lineno < 3  # noqa: PLR2004  # keeps gold short
                and end <= code.last
                and not any(isinstance(s, Function | ast.ClassDef) for s in rest)
                and not code.strings() & set(range(rest[0].lineno, end + 1))
                and not code.lines[node.lineno - 1].lstrip().startswith("elif")
            ):
                found.append((node, rest))
    if not found:
        return None
    node, rest = rng.choice(found)
    first, last = rest[0].lineno, rest[-1].end_lineno or rest[-1].lineno
    right = code.lines[first - 1 : last]
    indent = indent_of(right[0])
    wrong = (f"{indent}else:", *("    " + x if x.strip() else x for x in right))
    said = (
        "remove the else",
        "no else needed",
        "dedent this, the else is not needed",
        "this needs no else",
    )
    return Older(first, len(right), wrong, tuple(right), said)


def _comprehension(code: Code, rng: Random) -> Older | None:
    """Write a list comprehension as a loop that appends."""
    found = []
    for block in code.blocks():
        for node in block:
            match node:
                case ast.Assign([ast.Name(target)], ast.ListComp(element, [loop])) if (
                    code.fills_line(node) and not loop.is_async and len(loop.ifs) <= 1
                ):
                    found.append((node, target, element, loop))
    if not found:
        return None
    node, target, element, loop = rng.choice(found)
    right, indent = code.lines[node.lineno - 1], indent_of(code.lines[node.lineno - 1])
    each, item, whole = (_source(code, part) for part in (element, loop.target, loop.iter))
    test = _source(code, loop.ifs[0]) if loop.ifs else ""
    if right.strip() != f"{target} = [{each} for {item} in {whole}{' if ' * bool(test)}{test}]":
        return None
    body: tuple[str, ...] = (f"{indent}    {target}.append({each})",)
    if test:
        body = (f"{indent}    if {test}:", "    " + body[0])
    wrong = (f"{indent}{target} = []", f"{indent}for {item} in {whole}:", *body)
    said = (
        "use a list comprehension",
        "Rewrite as a list comprehension",
        "make this a comprehension",
        "turn the loop into a comprehension",
    )
    return Older(node.lineno, 1, wrong, (right,), said)


def _source(code: Code, node: ast.expr) -> str:
    """Return the text of an expression that stands in one line."""
    if node.lineno != node.end_lineno:
        return ""
    line = code.lines[node.lineno - 1].encode()
    return line[node.col_offset : node.end_col_offset].decode()


def _plain_lines(code: Code) -> Iterator[int]:
    """Yield the lines outside of long strings that have no comment."""
    inside = code.strings()
    yield from (
        k
        for k in range(code.first, code.last + 1)
        if k not in inside and "#" not in code.lines[k - 1]
    )


MAKERS: dict[str, Maker] = {
    "f-string": _maker("f-string", _f_string),
    "dict-get": _maker("dict-get", _dict_get),
    "pathlib": _maker("pathlib", _pathlib),
    "simplify": _maker("simplify", _ternary, _return_test, _no_else, _comprehension),
}
