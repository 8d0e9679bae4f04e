"""Mistakes that come with what a tool says about them, in the tool's words.

pyflakes, ruff, mypy, pyright, pylint and Python itself, and now and then a person. The scope is
what an editor sends: the diagnostic's lines. Each maker puts in one mistake of its kind, or finds
one, and gives the mended lines that a programmer, or ruff's own fix, would. Knows nothing of tokens
or models.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from copydecode.fixes.imports import KNOWN_MODULES, KNOWN_NAMES, by_type
from copydecode.training.flaws import Flaw, Maker
from copydecode.training.syntax import Code, Function, documented, parse, read
from copydecode.training.tasks import RESERVED_NAMES, Lines, Material, code_names, indent_of

# Unused imports.

_MODULES = (
    *("argparse", "ast", "asyncio", "base64", "bisect", "collections", "contextlib", "copy"),
    *("csv", "dataclasses", "datetime", "decimal", "enum", "errno", "functools", "glob", "hashlib"),
    *("heapq", "importlib", "inspect", "io", "itertools", "json", "logging", "math", "operator"),
    *(
        "os",
        "os.path",
        "pathlib",
        "pickle",
        "platform",
        "pprint",
        "queue",
        "random",
        "re",
        "shutil",
    ),
    *("signal", "socket", "sqlite3", "string", "struct", "subprocess", "sys", "tempfile"),
    *("textwrap", "threading", "time", "traceback", "types", "typing", "unittest", "urllib.parse"),
    *("urllib.request", "uuid", "warnings", "weakref", "zipfile", "xml.etree.ElementTree"),
    *("numpy as np", "pandas as pd", "matplotlib.pyplot as plt", "requests", "yaml", "pytest"),
)


def unused_import(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Import a module or a name that nothing uses, or find one."""
    code = read(tuple(lines))
    if code is None:
        return None
    ways = rng.sample((_import_more, _import_found, _import_line, _import_line), 4)
    return next((flaw for way in ways if (flaw := way(code, rng))), None)


def _import_found(code: Code, rng: Random) -> Flaw | None:
    """Find an import that nothing uses: in a chunk there are many."""
    found = []
    for node in _imports(code):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        for alias in node.names:
            bound = alias.asname or alias.name.split(".")[0]
            if bound != "*" and _count(code.lines, bound) == 1 and alias.name != alias.asname:
                found.append((node, alias))
    if not found:
        return None
    node, alias = rng.choice(found)
    if alias.asname is None and _count(code.lines, alias.name.split(".")[-1]) > 1:
        return None
    return _unused(code, node, alias, rng)


def _import_line(code: Code, rng: Random) -> Flaw | None:
    """Add an import of its own line that nothing uses."""
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        text = f"import {rng.choice(_MODULES)}"
    else:
        name = rng.choice(tuple(KNOWN_NAMES))
        text = f"from {KNOWN_NAMES[name]} import {name}"
    match parse(text).body[0]:
        case ast.Import() | ast.ImportFrom() as node:
            alias = node.names[0]
        case _:
            return None
    words = (alias.asname or alias.name).split(".")
    if any(_count(code.lines, word) for word in words):
        return None
    places = [node.lineno for node in _imports(code) if code.fills_line(node)]
    places += [k + 1 for k in places]
    if not places or rng.random() < 0.15:  # noqa: PLR2004  # some are within a function
        places = [
            f.body[documented(f.body)].lineno
            for f in code.functions()
            if len(f.body) > documented(f.body) and _is_simple(f.body[documented(f.body)])
        ]
    futures = [
        node.end_lineno or node.lineno
        for node in _imports(code)
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    places = [k for k in places if k > max(futures, default=0) and k <= len(code.lines)]
    if not places:
        return None
    at = rng.choice(places)
    indent = indent_of(code.lines[at - 1])
    if not code.lines[at - 1].strip():
        indent = ""
    words_ = unused_words(node, alias, rng)
    return Flaw("unused-import", at, 0, (indent + text,), (), words_, (at, at))


def _import_more(code: Code, rng: Random) -> Flaw | None:  # noqa: PLR0911  # each a chunk without occasion
    """Add a name that nothing uses to an import of others."""
    choices = [
        node
        for node in _imports(code)
        if isinstance(node, ast.ImportFrom)
        and node.module in set(KNOWN_NAMES.values())
        and node.names[0].name != "*"
    ]
    if not choices:
        return None
    node = rng.choice(choices)
    name = rng.choice([n for n, module in KNOWN_NAMES.items() if module == node.module])
    if _count(code.lines, name):
        return None
    alias = ast.alias(name)
    words = unused_words(node, alias, rng)
    if code.fills_line(node):
        line = code.lines[node.lineno - 1]
        if line.rstrip().endswith(")") or "#" in line or len(line) > 80:  # noqa: PLR2004  # a long line
            return None
        names = [ast.unparse(other) for other in node.names]
        names.insert(rng.randint(0, len(names)), name)
        wrong = f"{indent_of(line)}from {'.' * node.level}{node.module} import {', '.join(names)}"
        right = line
        if wrong.replace(f"{name}, ", "").replace(f", {name}", "") != right:
            return None
        at = node.lineno
        return Flaw("unused-import", at, 1, (wrong,), (right,), words, (at, at))
    rows = [alias.lineno for alias in node.names]
    if len(set(rows)) < len(rows) or node.lineno in rows or (node.end_lineno or 0) in rows:
        return None
    at = rng.choice(rows)
    if not code.lines[at - 1].rstrip().endswith(","):
        return None
    wrong = f"{indent_of(code.lines[at - 1])}{name},"
    words = unused_words(node, alias, rng, by_name=True)
    return Flaw("unused-import", at, 0, (wrong,), (), words, (at, at))


def _unused(
    code: Code, node: ast.Import | ast.ImportFrom, alias: ast.alias, rng: Random
) -> Flaw | None:
    """Return the flaw of an import that is there."""
    kind = "unused-import"
    if code.fills_line(node):
        at = node.lineno
        line = code.lines[at - 1]
        if "#" in line or ";" in line:
            return None
        words = unused_words(node, alias, rng)
        right: tuple[str, ...] = ()
        if len(node.names) > 1:
            text = ast.unparse(alias)
            kept = re.sub(rf"\b{re.escape(text)}, |, {re.escape(text)}(?![\w.])", "", line, count=1)
            if kept == line or "(" in line:
                return None
            right = (kept,)
        return Flaw(kind, at, 1, (line,), right, words, (at, at))
    rows = [other.lineno for other in node.names]
    at = alias.lineno
    if rows.count(at) > 1 or len(rows) < 2 or at in {node.lineno, node.end_lineno}:  # noqa: PLR2004  # something has to be left
        return None
    line = code.lines[at - 1]
    if line.strip() != ast.unparse(alias) + ",":
        return None
    words = unused_words(node, alias, rng, by_name=True)
    return Flaw(kind, at, 1, (line,), (), words, (at, at))


def unused_words(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, rng: Random, *, by_name: bool = False
) -> str:
    """Say that an import is unused; `by_name` as only those tools do that point at the name."""
    module = "." * node.level + (node.module or "") if isinstance(node, ast.ImportFrom) else ""
    full = f"{module}.{alias.name}".replace("..", ".") if module else alias.name
    bound = alias.asname or alias.name
    renamed = f"{full} as {alias.asname}" if alias.asname else full
    pylint = f"{alias.name} imported from {module}" if module else f"import {renamed}"
    if not module and alias.asname:
        pylint = f"{alias.name} imported as {alias.asname}"
    ruff = f"`{full}` imported but unused"
    said = [
        ruff,
        f"F401 {ruff}",
        f"F401 [*] {ruff}",
        f'"{bound}" is not accessed',
        f'Import "{bound}" is not accessed',
        f'"{bound}" imported but unused',
    ]
    if not by_name:
        said += [
            f"'{renamed}' imported but unused",
            f"'{renamed}' imported but unused",
            f"F401 '{renamed}' imported but unused",
            f"Unused {pylint}",
            f"W0611: Unused {pylint} (unused-import)",
        ]
    if rng.random() < 0.15:  # noqa: PLR2004  # share of what people say
        said = [
            "unused import",
            "Remove the unused import",
            "remove this unused import",
            f"{bound} is never used",
            f"remove the unused import {bound}",
            f"Remove unused import of `{bound}`",
        ]
    return rng.choice(said)


# Missing imports.


IMPORT = (
    "{} is not imported",
    "import {}",
    "Import `{}`",
    "add the missing import of {}",
    "Add the missing import for `{}`",
)


def missing_import(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Take out an import that the chunk needs.

    The import is wanted back where it belongs by the alphabet: chunks where that says nothing are
    left alone. Half of the cases come with the use as scope, which cannot be locked, the others
    with the lines of the imports that it belongs to.
    """
    code = read(tuple(lines))
    choices = [] if code is None else list(_wanted_imports(code))
    if code is None or not choices:
        return None
    node, name = rng.choice(choices)
    at, line = node.lineno, lines[node.lineno - 1]
    wrong: tuple[str, ...] = ()
    if len(node.names) > 1:
        wrong = (re.sub(rf"\b{name}, |, {name}\b", "", line, count=1),)
    gone = not wrong
    section, uses = _section(code, node), _uses(code, name)
    words = undefined_words(name, rng)
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        first, last = section[0].lineno, section[-1].end_lineno or section[-1].lineno
        return Flaw("missing-import", at, 1, wrong, (line,), words, (first, last - gone))
    if rng.random() < 0.3:  # noqa: PLR2004  # share of what people say, without a place
        words = rng.choice((*IMPORT, "fix the missing import", "Add missing imports")).format(name)
        return Flaw("missing-import", at, 1, wrong, (line,), words, None)
    use = rng.choice(uses)
    use -= gone and use > at
    return Flaw("missing-import-located", at, 1, wrong, (line,), words, (use, use))


def _wanted_imports(code: Code) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Yield imports of known names that the chunk uses, where the others say where they belong."""
    for node in _imports(code):
        line = code.lines[node.lineno - 1]
        section = _section(code, node)
        if not code.fills_line(node) or re.search(r"[#;(]", line) or node.col_offset:
            continue
        if len(section) < 2 or not _is_sorted(section):  # noqa: PLR2004  # else nothing says where
            continue
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            known = [name for name in names if name in KNOWN_MODULES and len(names) == 1]
        elif node.level or names != sorted(names, key=by_type):
            continue
        else:
            known = [name for name in names if KNOWN_NAMES.get(name) == node.module]
        plain = {alias.name for alias in node.names if alias.asname is None}
        yield from ((node, name) for name in known if name in plain and _uses(code, name))


def _uses(code: Code, name: str) -> list[int]:
    """Return the lines that read a name; none where it is bound, but by an import."""
    names = [n for n in code.nodes if isinstance(n, ast.Name) and n.id == name]
    arguments = (n for n in code.nodes if isinstance(n, ast.arg))
    if any(not isinstance(n.ctx, ast.Load) for n in names) or name in {n.arg for n in arguments}:
        return []
    return sorted({n.lineno for n in names if code.first <= n.lineno <= code.last})


def undefined_words(name: str, rng: Random) -> str:
    """Say that a name is not defined."""
    return rng.choice(
        (
            f"Undefined name `{name}`",
            f"F821 Undefined name `{name}`",
            f"undefined name '{name}'",
            f"F821 undefined name '{name}'",
            f'"{name}" is not defined',
            f'Name "{name}" is not defined  [name-defined]',
            f'Name "{name}" is not defined',
            f"Undefined variable '{name}'",
            f"E0602: Undefined variable '{name}' (undefined-variable)",
            f"NameError: name '{name}' is not defined",
            f"NameError: name '{name}' is not defined. Did you forget to import '{name}'?",
        )
    )


def _section(code: Code, node: ast.stmt) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports that stand with one without an empty or other line between."""
    section: list[ast.Import | ast.ImportFrom] = []
    for other in code.tree.body:
        near = section and other.lineno == (section[-1].end_lineno or 0) + 1
        if isinstance(other, ast.Import | ast.ImportFrom) and (near or not section):
            section.append(other)
        elif node in section:
            break
        else:
            section = [other] if isinstance(other, ast.Import | ast.ImportFrom) else []
    return section if node in section else []


def _is_sorted(section: Sequence[ast.Import | ast.ImportFrom]) -> bool:
    """Return whether imports stand as isort and ruff sort them: plain ones before the others."""
    keys = [
        (isinstance(node, ast.ImportFrom), _module_of(node).lower(), len(node.names))
        for node in section
    ]
    modules = [key[:2] for key in keys]
    return modules == sorted(modules) and len(set(modules)) == len(modules)


def _module_of(node: ast.Import | ast.ImportFrom) -> str:
    return node.module or "." if isinstance(node, ast.ImportFrom) else node.names[0].name


# Unused variables.

_RESULTS = ("result", "res", "ret", "value", "out", "response", "data", "tmp", "rv", "obj", "x")
_PURE = ("None", "0", "1", "[]", "{}", '""', "True", "False", "-1", "()", "0.0", "''")


def unused_variable(  # noqa: PLR0911  # each a chunk without occasion, or one of the ways
    lines: Lines, rng: Random, material: Material
) -> Flaw | None:
    """Assign what nothing reads. What has an effect stays, without the name."""
    code = read(tuple(lines))
    if code is None:
        return None
    statements = [
        node
        for function in code.functions()
        for node in function.body
        for node in _statements(node)
        if code.fills_line(node) or not _is_simple(node)
    ]
    plain = [
        node
        for node in statements
        if not isinstance(node, Function | ast.ClassDef) and node.lineno >= code.first
    ]
    if not plain:
        return None
    name = rng.choice(_RESULTS) if rng.random() < 0.5 else rng.choice(material.names)  # noqa: PLR2004  # half and half
    if _count(lines, name) or name in RESERVED_NAMES or not name.islower():
        return None
    calls = [
        node
        for node in plain
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call | ast.Await)
        and code.fills_line(node)
    ]
    heads = [
        node.lineno
        for node in code.nodes
        if isinstance(node, ast.ExceptHandler) and node.type is not None and node.name is None
    ]
    heads = [k for k in heads if re.fullmatch(r"\s*except [^#:]+:", lines[k - 1])]
    way = rng.randrange(4)
    if way == 0 and heads:
        at, name = rng.choice(heads), rng.choice(("e", "e", "exc", "err", "error", "ex"))
        if _count(lines, name) or _rebinds(code, name):
            return None
        right = lines[at - 1]
        wrong = f"{right[:-1]} as {name}:"
        return Flaw("unused-variable", at, 1, (wrong,), (right,), unread_words(name, rng), (at, at))
    if way <= 2 and calls:  # noqa: PLR2004  # half and half
        at = rng.choice(calls).lineno
        right = lines[at - 1]
        indent = indent_of(right)
        wrong = f"{indent}{name} = {right.removeprefix(indent)}"
        return Flaw("unused-variable", at, 1, (wrong,), (right,), unread_words(name, rng), (at, at))
    node = rng.choice(plain)
    at = node.lineno
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return None
    values = [*_PURE]
    names = [m[0] for m in code_names(lines[at - 1]) if m[0] not in RESERVED_NAMES]
    values += names[:2]
    wrong = f"{indent_of(lines[at - 1])}{name} = {rng.choice(values)}"
    return Flaw("unused-variable", at, 0, (wrong,), (), unread_words(name, rng), (at, at))


def unread_words(name: str, rng: Random) -> str:
    """Say that a variable is not used."""
    said: tuple[str, ...] = (
        f"Local variable `{name}` is assigned to but never used",
        f"F841 Local variable `{name}` is assigned to but never used",
        f"F841 [*] Local variable `{name}` is assigned to but never used",
        f"local variable '{name}' is assigned to but never used",
        f"F841 local variable '{name}' is assigned to but never used",
        f"Unused variable '{name}'",
        f"W0612: Unused variable '{name}' (unused-variable)",
        f'"{name}" is not accessed',
        f'Variable "{name}" is not accessed',
    )
    if rng.random() < 0.15:  # noqa: PLR2004  # share of what people say
        said = (
            "unused variable",
            "Remove the unused variable",
            f"remove the unused variable {name}",
            f"Remove unused variable `{name}`",
            f"{name} is never used",
        )
    return rng.choice(said)


# Unreachable code.

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def unreachable(lines: Lines, rng: Random, material: Material) -> Flaw | None:
    """Put statements behind one that leaves the block."""
    code = read(tuple(lines))
    if code is None:
        return None
    ends = [
        block[-1]
        for block in code.blocks()
        if isinstance(block[-1], _ENDS) and (block[-1].end_lineno or 0) <= code.last
    ]
    ends = [node for node in ends if not lines[node.lineno - 1][: node.col_offset].strip()]
    if not ends:
        return None
    node = rng.choice(ends)
    indent = indent_of(lines[node.lineno - 1])
    count = 1 if rng.random() < 0.7 else 2  # noqa: PLR2004  # most are one line
    dead = []
    for _ in range(count):
        text = rng.choice(material.lines)
        if rng.random() < 0.3:  # noqa: PLR2004  # share of the usual ones
            text = rng.choice(("pass", "return None", "print('done')", "return", "raise"))
        dead.append(text)
    if not all(_is_statement(text) for text in dead):
        return None
    at = (node.end_lineno or node.lineno) + 1
    said = ["Code is unreachable", "Code is unreachable", "unreachable code"]
    if count == 1:
        said += [
            "Statement is unreachable  [unreachable]",
            "Statement is unreachable",
            "Unreachable code",
            "W0101: Unreachable code (unreachable)",
            "This code is unreachable",
            "Unreachable code detected",
        ]
    if rng.random() < 0.2:  # noqa: PLR2004  # share of what people say
        said = [
            "remove the dead code",
            "this is never reached, remove it",
            "Remove unreachable code",
        ]
    words = rng.choice(said)
    wrong = tuple(indent + text for text in dead)
    return Flaw("unreachable", at, 0, wrong, (), words, (at, at + count - 1))


# Syntax errors.

_BRACKETS = {")": "(", "]": "[", "}": "{"}


def syntax(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Break the syntax of one line, in a way that Python complains about that line."""
    code = read(tuple(lines))
    if code is None:
        return None
    slip = rng.choice(_SLIPS)
    numbers = [k for k in range(code.first, code.last + 1) if lines[k - 1].strip()]
    rng.shuffle(numbers)
    inside = code.strings()
    for at in numbers:
        if at in inside or "#" in lines[at - 1]:
            continue
        made = slip(lines, at, rng)
        if made is None:
            continue
        wrong, said, asked = made
        error = error_of(code, at, wrong)
        if error is None or error[2] != at:
            continue
        name, message, _ = error
        tools = [
            f"{name}: {message}",
            f"{name}: {message}",
            f"E999 {name}: {message}",
            message,
            message,
            *said,
            *(f"invalid-syntax: {text}" for text in said[:1]),
            *(f"{text}  [syntax]" for text in said[:1]),
        ]
        scope: tuple[int, int] | None = (at, at)
        words = rng.choice(tools)
        if rng.random() < 0.3:  # noqa: PLR2004  # share of what people say
            words = rng.choice((*asked, *asked, "fix the syntax error", "syntax error"))
            scope = scope if rng.random() < 0.4 else None  # noqa: PLR2004  # most do not select
        return Flaw("syntax", at, 1, (wrong,), (lines[at - 1],), words, scope)
    return None


def error_of(code: Code, at: int, wrong: str) -> tuple[str, str, int] | None:
    """Return the name, message and line of Python's error once a line reads `wrong`."""
    changed = (*code.lines[: at - 1], wrong, *code.lines[at:])
    try:
        parse(code.text(changed))
    except SyntaxError as error:
        message = re.sub(
            r" on line (\d+)", lambda m: f" on line {code.own(int(m[1]))}", error.msg or ""
        )
        message = re.sub(
            r"\(detected at line (\d+)\)",
            lambda m: f"(detected at line {code.own(int(m[1]))})",
            message,
        )
        return type(error).__name__, message, code.own(error.lineno or 0)
    return None


Slip = Callable[[Lines, int, Random], tuple[str, Sequence[str], Sequence[str]] | None]
"""Gives the wrong line, what ruff and pyright say of it, and what a person does."""


def _no_colon(
    lines: Lines, at: int, _rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    if not text.endswith(":"):
        return None
    return (
        text[:-1],
        ("Expected `:`, found newline", "Expected ':', found newline", 'Expected ":"'),
        ("missing colon", "fix the missing colon", "there is a colon missing", "Add the colon"),
    )


def _no_closing(
    lines: Lines, at: int, rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    ends = [m.start() for m in re.finditer(r"[)\]}]", text)]
    if not ends:
        return None
    k = ends[-1] if rng.random() < 0.7 else rng.choice(ends)  # noqa: PLR2004  # mostly the last
    opening = _BRACKETS[text[k]]
    said = [f'"{opening}" was not closed']
    if text.endswith(":"):
        said.insert(0, f"Expected `{text[k]}`, found newline")
    return (
        text[:k] + text[k + 1 :],
        said,
        (
            "missing bracket",
            f"missing {text[k]}",
            f"add the missing `{text[k]}`",
            "fix the missing closing bracket",
            "a bracket is not closed",
        ),
    )


def _closed_twice(
    lines: Lines, at: int, rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    ends = [m.start() for m in re.finditer(r"[)\]}]", text)]
    if not ends:
        return None
    k = rng.choice(ends)
    return (
        text[:k] + text[k] + text[k:],
        ("Expected a statement", "Expected expression"),
        ("one bracket too many", f"unmatched {text[k]}", "remove the extra bracket"),
    )


def _mismatched(
    lines: Lines, at: int, rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    ends = [m.start() for m in re.finditer(r"[)\]}]", text)]
    if not ends:
        return None
    k = rng.choice(ends)
    other = rng.choice([b for b in ")]}" if b != text[k]])
    return (
        text[:k] + other + text[k + 1 :],
        (f"Expected `,`, found `{other}`", f'"{_BRACKETS[text[k]]}" was not closed'),
        ("wrong bracket", "the brackets do not match", "fix the bracket"),
    )


def _no_quote(
    lines: Lines, at: int, rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    strings = [
        m
        for m in re.finditer(r"(?<![\"'])([\"'])(?:\\.|(?!\1).)+\1(?![\"'])", text)
        if m[0].strip()
    ]
    if not strings:
        return None
    match = rng.choice(strings)
    k = match.end() - 1 if rng.random() < 0.7 else match.start()  # noqa: PLR2004  # mostly the closing one
    return (
        text[:k] + text[k + 1 :],
        ("missing closing quote in string literal", "String literal is unterminated"),
        ("missing quote", "fix the missing quote", "add the missing quote", "unclosed string"),
    )


def _no_comma(
    lines: Lines, at: int, rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    commas = [m.start() for m in re.finditer(r",(?= )", text)]
    if not commas:
        return None
    k = rng.choice(commas)
    return (
        text[:k] + text[k + 1 :],
        ("Expected `,`, found name", "Expected `,`, found identifier"),
        ("missing comma", "fix the missing comma", "there is a comma missing"),
    )


def _one_equals(
    lines: Lines, at: int, rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    if not re.match(r"\s*(?:if|elif|while|assert|return)\b", text) or " == " not in text:
        return None
    k = rng.choice([m.start() for m in re.finditer(" == ", text)])
    return (
        f"{text[:k]} = {text[k + 4 :]}",
        ("Expected `:`, found `=`", 'Expected ":"'),
        ("this should compare", "= instead of ==", "should be a comparison"),
    )


_WORDS: Mapping[str, Sequence[str]] = {
    "return": ("retrun", "reutrn", "retun", "returm", "retrurn"),
    "import": ("improt", "imoprt", "ipmort", "imprt"),
    "from": ("form", "fro", "frmo", "fom"),
    "else": ("esle", "els", "elese", "otherwise"),
    "elif": ("else if", "elseif", "elsif", "elfi"),
    "class": ("calss", "clas", "classs"),
    "def": ("dfe", "deff", "df", "function", "func", "fn"),
    "while": ("whlie", "wihle", "whle"),
    "for": ("fro", "fr", "foreach"),
    "in": ("ni", "n", "of"),
    "raise": ("rasie", "riase", "throw", "raies"),
    "yield": ("yeild", "yiled", "yild"),
    "with": ("wiht", "whit", "wth"),
    "try": ("tyr", "rty", "ty"),
    "except": ("excpet", "exept", "catch", "expect"),
    "finally": ("finaly", "fianlly"),
    "and": ("&&", "adn", "nad"),
    "or": ("||",),
    "not": ("!", "nto"),
    "is": ("si", "iss"),
    "lambda": ("lamda", "lambada"),
    "await": ("awiat", "awit"),
    "async": ("asnyc", "aysnc"),
    "assert": ("asser", "asert", "assrt"),
    "del": ("delete", "dle"),
    "None": ("none None",),
}


def _keyword(lines: Lines, at: int, rng: Random) -> tuple[str, Sequence[str], Sequence[str]] | None:
    text = lines[at - 1]
    found = [m for m in re.finditer(r"\b[A-Za-z]+\b", text) if m[0] in _WORDS and m[0] != "None"]
    if not found:
        return None
    match = rng.choice(found)
    wrong = rng.choice(_WORDS[match[0]])
    return (
        text[: match.start()] + wrong + text[match.end() :],
        ("Simple statements must be separated by newlines or semicolons", "Expected expression"),
        ("typo", "fix the typo", "misspelt keyword", "fix the keyword", f"`{wrong}`?"),
    )


def _shifted(lines: Lines, at: int, rng: Random) -> tuple[str, Sequence[str], Sequence[str]] | None:
    """Move a line that has the same indentation as the ones around it."""
    text = lines[at - 1]
    around = [lines[k - 1] for k in (at - 1, at + 1) if 1 <= k <= len(lines)]
    indent = indent_of(text)
    if len(around) < 2 or any(indent_of(x) != indent or not x.strip() for x in around):  # noqa: PLR2004  # one on either side
        return None
    by = rng.choice((4, 4, 4, 1, 2, 8, -1, -2, -3))
    if len(indent) + by < 0 or (by < 0 and not indent):
        return None
    wrong = " " * (len(indent) + by) + text.lstrip()
    said = ("Unexpected indentation", "Unindent not expected")
    if by < 0:
        said = (
            "unindent does not match any outer indentation level",
            "Unindent amount does not match previous indent",
        )
    return (
        wrong,
        said[:1],
        ("fix the indentation", "wrong indentation", "indentation", "indent this right"),
    )


def _not_indented(
    lines: Lines, at: int, _rng: Random
) -> tuple[str, Sequence[str], Sequence[str]] | None:
    """Move the only line of a block out of it."""
    if not at > 1 or not lines[at - 2].endswith(":"):
        return None
    text, head = lines[at - 1], indent_of(lines[at - 2])
    follows = lines[at] if at < len(lines) else ""
    if len(indent_of(text)) <= len(head) or (follows and len(indent_of(follows)) > len(head)):
        return None
    return (
        head + text.lstrip(),
        ("Expected an indented block", "Expected indented block"),
        ("fix the indentation", "this has to be indented", "indent this line"),
    )


_SLIPS: tuple[Slip, ...] = (
    _no_colon,
    _no_colon,
    _no_colon,
    _no_closing,
    _no_closing,
    _no_closing,
    _closed_twice,
    _mismatched,
    _no_quote,
    _no_quote,
    _no_comma,
    _one_equals,
    _keyword,
    _keyword,
    _shifted,
    _shifted,
    _not_indented,
)


MAKERS: dict[str, Maker] = {
    "unused-import": unused_import,
    "unused-variable": unused_variable,
    "missing-import": missing_import,
    "unreachable": unreachable,
    "syntax": syntax,
}


# Helpers.


def _imports(code: Code) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports of the module itself."""
    return [
        node
        for node in code.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno >= code.first
    ]


def _count(lines: Lines, name: str) -> int:
    """Return in how many lines a name stands, in strings and comments too."""
    pattern = re.compile(rf"\b{re.escape(name)}\b")
    return sum(bool(pattern.search(line)) for line in lines)


def _rebinds(code: Code, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in code.nodes)


def _statements(node: ast.stmt) -> list[ast.stmt]:
    """Return a statement and those in it, but for the insides of functions and classes."""
    found = [node]
    if isinstance(node, Function | ast.ClassDef):
        return found
    for name in ("body", "orelse", "finalbody"):
        for child in getattr(node, name, []):
            if isinstance(child, ast.stmt):
                found += _statements(child)
    for handler in getattr(node, "handlers", []):
        for child in handler.body:
            found += _statements(child)
    return found


def _is_simple(node: ast.stmt) -> bool:
    return not hasattr(node, "body")


def _is_statement(text: str) -> bool:
    """Return whether a line is a simple statement."""
    try:
        body = parse(text).body
    except (SyntaxError, ValueError):
        return False
    return len(body) == 1 and _is_simple(body[0])
