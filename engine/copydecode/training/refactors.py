"""Changes that keep or widen what code does: rename in a function, wrap, parameters, types, docs.

Makers like those of `tasks`, on chunks that parse. What an instruction leaves open has one answer
here: a new parameter comes last, a docstring stub is the name in words. Knows nothing of tokens or
models.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from random import Random

from copydecode.training.flaws import with_lock
from copydecode.training.syntax import Code, Function, documented, read
from copydecode.training.tasks import (
    RESERVED_NAMES,
    Case,
    Lines,
    Maker,
    Material,
    by_line,
    indent_of,
    replace_lines,
)

_MOST_LINES = 6
"""A name that stands in more lines of a function would make for long programs."""

Place = tuple[int, int, int]
"""Line, from 1, and the characters from where to where."""


# Renaming.


def rename_local(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Rename a parameter or a variable of one function; elsewhere the name stays."""
    code = read(tuple(lines))
    if code is None:
        return None
    found = [
        (function, name, places)
        for function in lone_functions(code)
        for name, places in _locals(code, function)
        if len({line for line, _, _ in places}) <= _MOST_LINES
    ]
    # Names that stand elsewhere, too, show what the function is named for.
    shared = [x for x in found if _stands_outside(lines, x[0], x[1])]
    if shared and rng.random() < 0.5:  # noqa: PLR2004  # half and half
        found = shared
    new = _new_name(lines, rng, material)
    if not found or new is None:
        return None
    function, old, places = rng.choice(found)
    f = function.name
    what = "parameter" if old in _parameters(function) else "variable"
    scope = None
    if rng.random() < 0.4:  # noqa: PLR2004  # share of selections
        scope = (_first_line(function), function.end_lineno or function.lineno)
        templates: tuple[str, ...] = (
            "Rename `{old}` to `{new}`",
            "rename {old} to {new}",
            "rename {old} to {new} here",
            "Rename '{old}' to '{new}' in this function",
            "Rename the {what} `{old}` to `{new}`",
            "rename {what} {old} to {new}",
        )
    else:
        templates = (
            "Rename `{old}` to `{new}` in `{f}`",
            "rename {old} to {new} in {f}",
            "In `{f}` rename `{old}` to `{new}`",
            "in {f}, rename {old} to {new}",
            "Rename the {what} `{old}` of `{f}` to `{new}`",
            "rename the {what} {old} in {f} to {new}",
            "Rename '{old}' to '{new}' in the function '{f}' only",
            "in function {f} call {old} {new} instead",
        )
    words = rng.choice(templates).format(old=old, new=new, what=what, f=f)
    renamed = _put(lines, places, new)
    mentions = _mentions(words, ((old, places[0][0]), (f, function.lineno)))
    program = by_line(lines, renamed)
    return with_lock(Case("rename-local", words, scope, program, mentions))


def rename_method(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Rename a method where it is defined and where it is called on anything."""
    code = read(tuple(lines))
    if code is None:
        return None
    found = []
    for owner, method in code.methods():
        if method.name.startswith("__") or method.name in RESERVED_NAMES:
            continue
        places = [_name_of(code, method)]
        for node in code.nodes:
            if isinstance(node, ast.Attribute) and node.attr == method.name:
                end = _character(code, node.end_lineno or 0, node.end_col_offset or 0)
                places.append((node.end_lineno or 0, end - len(node.attr), end))
        if _all_places(lines, method.name, places) and len(places) <= _MOST_LINES:
            found.append((owner.name, method.name, sorted(places)))
    several = [x for x in found if len(x[2]) > 1]
    if several and rng.random() < 0.7:  # noqa: PLR2004  # most are called somewhere
        found = several
    new = _new_name(lines, rng, material)
    if not found or new is None:
        return None
    owner_name, old, places = rng.choice(found)
    words = rng.choice(
        (
            "Rename the method `{old}` to `{new}`",
            "rename method {old} to {new}",
            "Rename `{owner}.{old}` to `{new}`",
            "rename the method {old} of {owner} to {new}",
            "Rename '{old}' to '{new}' and update its callers",
            "rename {old}() to {new}()",
        )
    ).format(old=old, new=new, owner=owner_name)
    renamed = _put(lines, places, new)
    mentions = _mentions(words, ((old, places[0][0]),))
    return Case("rename-method", words, None, by_line(lines, renamed), mentions)


def _locals(code: Code, function: Function) -> Iterator[tuple[str, list[Place]]]:
    """Yield the names that a function binds, with all places where they mean that.

    Names that stand in strings or comments, or that a function inside binds again, are left out:
    what a rename would do with them can be argued about.
    """
    inner = [n for n in ast.walk(function) if isinstance(n, Function | ast.Lambda | ast.ClassDef)]
    rebound = {a for n in inner if n is not function for a in _bound_inside(n)}
    declared = {
        name
        for n in ast.walk(function)
        if isinstance(n, ast.Global | ast.Nonlocal)
        for name in n.names
    }
    places: dict[str, list[Place]] = {}
    bound: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(name):
                if isinstance(node.ctx, ast.Store):
                    bound.add(name)
            case ast.arg(name):
                bound.add(name)
            case _:
                continue
        start = _character(code, node.lineno, node.col_offset)
        places.setdefault(name, []).append((node.lineno, start, start + len(name)))
    taken = rebound | declared | RESERVED_NAMES | {"self", "cls", "_"}
    first, last = _first_line(function), function.end_lineno or function.lineno
    for name in sorted(bound - taken):
        elsewhere = _other_places(code.lines, name, first, last)
        mine = sorted(set(places[name]))
        found = all(code.lines[k - 1][start:end] == name for k, start, end in mine)
        if len(name) > 1 and found and elsewhere <= set(mine):
            yield name, mine


def _other_places(lines: Lines, name: str, first: int, last: int) -> set[Place]:
    """Return where a name stands as a word of some lines, but as an attribute or a keyword."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)(?!=[^=])")
    return {
        (k, m.start(), m.end())
        for k in range(first, last + 1)
        for m in pattern.finditer(lines[k - 1])
    }


def _bound_inside(node: Function | ast.Lambda | ast.ClassDef) -> Iterator[str]:
    for n in ast.walk(node):
        if isinstance(n, ast.arg):
            yield n.arg
        elif isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
            yield n.id


def _stands_outside(lines: Lines, function: Function, name: str) -> bool:
    first, last = _first_line(function), function.end_lineno or function.lineno
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(line) for k, line in enumerate(lines, 1) if not first <= k <= last)


def _all_places(lines: Lines, name: str, places: Sequence[Place]) -> bool:
    """Return whether a word stands at these places and at no others."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    found = {(k, m.start(), m.end()) for k, x in enumerate(lines, 1) for m in word.finditer(x)}
    return found == set(places)


# Wrapping.

_ERRORS = (
    *("ValueError", "KeyError", "TypeError", "OSError", "AttributeError", "IndexError"),
    *("Exception", "RuntimeError", "ImportError", "FileNotFoundError", "StopIteration"),
)


def wrap(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Put selected statements into a try, an if, a with or a loop."""
    code = read(tuple(lines))
    if code is None:
        return None
    runs = [
        (block[i], block[j])
        for block in code.blocks()
        for i in range(len(block))
        for j in range(i, min(i + 3, len(block)))
        if _whole(code, block[i], block[j])
    ]
    if not runs:
        return None
    begin, end = rng.choice(runs)
    first, last = _first_line(begin), end.end_lineno or end.lineno
    names = [
        n.id for n in ast.walk(begin) if isinstance(n, ast.Name) and n.id not in RESERVED_NAMES
    ]
    before, after, words = _wrapping(rng, rng.choice(names) if names else "ready")
    indent = indent_of(lines[first - 1])
    body = ["    " + x if x.strip() else x for x in lines[first - 1 : last]]
    text = [indent + before, *body, *(indent + x for x in after)]
    if max(map(len, text)) > 110:  # noqa: PLR2004  # would be wrapped by hand
        return None
    verb, join = rng.choice(
        (("Wrap", "in"), ("wrap", "in"), ("Surround", "with"), ("Put", "into"), ("wrap", "with"))
    )
    scope: tuple[int, int] | None = (first, last)
    what = rng.choice(("this", "the selection", "these lines", "the selected lines", "it"))
    if rng.random() < 0.25:  # noqa: PLR2004  # some name the lines
        what = f"line {first}" if first == last else f"lines {first}-{last}"
        scope = None
    return with_lock(
        Case(
            "wrap", f"{verb} {what} {join} {words}", scope, replace_lines(lines, first, last, text)
        )
    )


def _wrapping(rng: Random, name: str) -> tuple[str, tuple[str, ...], str]:
    """Return a header, what comes behind the body, and words for both."""
    match rng.randrange(5):
        case 0 | 1:
            error = rng.choice(_ERRORS)
            act = rng.choice(("pass", "pass", "raise", "return None", "continue", f"{name} = None"))
            words = rng.choice(
                (
                    f"try/except {error}: {act}",
                    f"a try that catches {error} and does `{act}`",
                    f"a try block with `except {error}: {act}`",
                )
            )
            if act == "pass":
                plain = (f"try/except {error}", f"a try/except {error}", f"try, except {error}")
                words = rng.choice((words, *plain))
            return "try:", (f"except {error}:", f"    {act}"), words
        case 2 | 3:
            test = rng.choice(
                (name, f"{name} is not None", f"not {name}", f"{name}:", f"len({name}) > 0")
            ).rstrip(":")
            words = rng.choice((f"`if {test}`", f"if {test}:", f"an if {test}", f"`if {test}:`"))
            return f"if {test}:", (), words
        case _:
            head = rng.choice(
                (
                    f"with suppress({rng.choice(_ERRORS)}):",
                    "with self.lock:",
                    "with lock:",
                    f"with open({name}) as f:",
                    f"for item in {name}:",
                    "while True:",
                )
            )
            return head, (), rng.choice((f"`{head}`", head, f"`{head[:-1]}`"))


def unwrap(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Take away the header of a block and keep its body."""
    code = read(tuple(lines))
    if code is None:
        return None
    choices = [
        node
        for node in code.nodes
        if isinstance(node, ast.If | ast.With | ast.For | ast.While)
        and node.lineno >= code.first
        and not getattr(node, "orelse", [])
        and node.body[0].lineno == node.lineno + 1
        and not lines[node.lineno - 1].lstrip().startswith(("elif", "async"))
        and _whole(code, node.body[0], node.body[-1])
    ]
    if not choices:
        return None
    node = rng.choice(choices)
    first, last = node.lineno, node.end_lineno or node.lineno
    head = lines[first - 1].strip()
    step = len(indent_of(lines[first])) - len(indent_of(head and lines[first - 1]))
    text = [x[step:] if x.strip() else x for x in lines[first:last]]
    word = head.split()[0]
    quoted = rng.choice((f"`{head}`", head.rstrip(":"), f"the `{word}`", f"the {word}"))
    words = rng.choice(
        (
            "Remove {} but keep its body",
            "remove {} and keep what is in it",
            "Unwrap {}",
            "take away {} and dedent its body",
            "always do this, without {}",
        )
    ).format(quoted)
    return with_lock(Case("unwrap", words, (first, last), replace_lines(lines, first, last, text)))


def _whole(code: Code, begin: ast.stmt, end: ast.stmt) -> bool:
    """Return whether statements fill some few lines that can be indented."""
    first, last = _first_line(begin), end.end_lineno or end.lineno
    if not code.first <= first <= last <= code.last or last - first >= _MOST_LINES:
        return False
    if isinstance(begin, Function | ast.ClassDef | ast.Import | ast.ImportFrom):
        return False
    if code.lines[first - 1].lstrip().startswith("elif") or last >= len(code.lines):
        return False
    if isinstance(begin, ast.Expr) and isinstance(begin.value, ast.Constant):
        return False
    text = "\n".join(code.lines[first - 1 : last])
    return '"""' not in text and "'''" not in text and ";" not in text


# Parameters, types, docstrings.

_PARAMETERS = (
    *("timeout", "verbose", "debug", "strict", "encoding", "limit", "name", "key", "default"),
    *("callback", "path", "mode", "force", "dry_run", "logger", "context", "config", "prefix"),
    *("retries", "depth", "flags", "options", "size", "offset", "session", "cache"),
)
_TYPES = (
    *("int", "str", "bool", "float", "bytes", "object", "Any", "Path", "list[str]", "list[int]"),
    *("dict[str, Any]", "dict[str, int]", "str | None", "int | None", "Callable[..., Any]"),
    *("Iterable[str]", "Sequence[int]", "Mapping[str, str]", "tuple[int, ...]", "type[Any]"),
    *("set[str]", "float | None", "datetime", "Iterator[str]", "Optional[str]", "List[int]"),
)
_DEFAULTS = ("None", "None", "False", "True", "0", "1", '""', "()", "10", '"utf-8"')


ADD_PARAMETER = (
    "Add a parameter `{p}` to `{f}`",
    "add parameter {p} to {f}",
    "give {f} a parameter {p}",
    "Add the argument `{p}` to `{f}`",
    "add an argument {p} to {f}",
    "`{f}` should take `{p}`",
)
ANNOTATE = (
    "Annotate `{n}` of `{f}` as `{t}`",
    "annotate {n} as {t} in {f}",
    "the parameter {n} of {f} is a {t}",
    "Add the type hint `{n}: {t}` to `{f}`",
    "Type `{n}` of `{f}` as `{t}`",
    "Change the type of `{n}` in `{f}` to `{t}`",
)
ANNOTATE_RESULT = (
    "Add the return type `{t}` to `{f}`",
    "{f} returns {t}, annotate it",
    "annotate {f} to return {t}",
    "Add `-> {t}` to `{f}`",
)
DOCUMENT = (
    "Add a docstring to `{f}`",
    "add a docstring stub to {f}",
    "Document `{f}`",
    "write a docstring for {f}",
)


def add_parameter(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Give a function one more parameter, the last one, and pass it on by name where asked."""
    code = read(tuple(lines))
    if code is None:
        return None
    name = rng.choice(_PARAMETERS)
    choices = [f for f in _headed(code) if name not in _words(code, f) and not f.args.kwonlyargs]
    if not choices:
        return None
    function = rng.choice(choices)
    args = function.args
    text = name
    if rng.random() < 0.4:  # noqa: PLR2004  # share of typed ones
        text += f": {rng.choice(_TYPES)}"
    if args.defaults or rng.random() < 0.6:  # noqa: PLR2004  # share of those with a default
        value = rng.choice(_DEFAULTS)
        text += f" = {value}" if ":" in text else f"={value}"
    head = lines[function.lineno - 1]
    at = _end_of_parameters(code, function)
    plain = [*args.posonlyargs, *args.args]
    if args.vararg or args.kwarg:
        star = args.vararg or args.kwarg
        if star is None:
            return None
        at = _character(code, star.lineno, star.col_offset)
        at = head.rindex("*" if args.vararg else "**", 0, at)
        new = f"{head[:at]}{text}, {head[at:]}"
    else:
        new = f"{head[:at]}{', ' if plain else ''}{text}{head[at:]}"
    changed = list(lines)
    changed[function.lineno - 1] = new
    words = rng.choice(ADD_PARAMETER).format(p=text, f=function.name)
    mentions = [(function.name, function.lineno)]
    calls = list(_calls_to_pass_to(code, function))
    if calls and rng.random() < 0.6:  # noqa: PLR2004  # most that can pass it on
        callee, line, end = rng.choice(calls)
        old = changed[line - 1]
        comma = "" if old[end - 1] == "(" else ", "
        changed[line - 1] = f"{old[:end]}{comma}{name}={name}{old[end:]}"
        words += rng.choice(
            (
                " and pass it on to `{}`",
                " and pass it to {}",
                " and hand it to {}",
                ", passed on to `{}`",
                " and forward it to {}",
            )
        ).format(callee)
        mentions.append((callee, line))
    scope = None
    if rng.random() < 0.3:  # noqa: PLR2004  # share of selections
        scope = (_first_line(function), function.end_lineno or function.lineno)
    program = by_line(lines, changed)
    return with_lock(
        Case("add-parameter", words, scope, program, _mentions(words, tuple(mentions)))
    )


def annotate(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Add, change or take away a type in the head of a function."""
    code = read(tuple(lines))
    functions = [] if code is None else list(_headed(code))
    if code is None or not functions:
        return None
    function = rng.choice(functions)
    f, head, kind = function.name, lines[function.lineno - 1], rng.choice(_TYPES)
    arguments = [a for a in function.args.args if a.arg not in {"self", "cls"}]
    argument = rng.choice(arguments) if arguments and rng.random() < 0.6 else None  # noqa: PLR2004  # the others are of results
    remove = rng.random() < 0.2  # noqa: PLR2004  # share of those taken away
    node = argument.annotation if argument else function.returns
    if node is None and remove:
        return None
    if argument:
        name = argument.arg
        end = _character(code, function.lineno, argument.col_offset) + len(name)
        stop = _character(code, function.lineno, argument.end_col_offset or 0)
        rest, default = head[stop:], re.match(r"\s*=\s*", head[stop:])
        if remove:
            new = head[:end] + (f"={rest[default.end() :]}" if default else rest)
        else:
            spaced = f" = {rest[default.end() :]}" if default else rest
            new = f"{head[:end]}: {kind}{spaced}"
    else:
        name = "the return value"
        at = _end_of_parameters(code, function) + 1
        stop = at if node is None else _character(code, node.lineno, node.end_col_offset or 0)
        kind = "None" if rng.random() < 0.3 else kind  # noqa: PLR2004  # the most frequent one
        new = head[:at] + ("" if remove else f" -> {kind}") + head[stop:]
    if new == head or len(new) > 110:  # noqa: PLR2004  # would be wrapped by hand
        return None
    templates: tuple[str, ...]
    if remove and argument:
        templates = ("Remove the type of `{n}` in `{f}`", "remove the type hint of {n} in {f}")
    elif remove:
        templates = ("Remove the return type of `{f}`", "remove the return type from {f}")
    elif argument:
        templates = ANNOTATE[:-1] if node is None else ANNOTATE[-1:]
    else:
        templates = ANNOTATE_RESULT
        if node is not None:
            templates = (
                "Change the return type of `{f}` to `{t}`",
                "{f} should return {t}",
                "make the return type of {f} {t}",
            )
    words = rng.choice(templates).format(n=name, f=f, t=kind)
    scope = (function.lineno, function.lineno) if rng.random() < 0.3 else None  # noqa: PLR2004  # share of selections
    program = replace_lines(lines, function.lineno, function.lineno, [new])
    mentions = _mentions(words, ((f, function.lineno),))
    return with_lock(Case("annotate", words, scope, program, mentions))


def docstring(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Add a docstring with given words, or the name's words as a stub."""
    code = read(tuple(lines))
    if code is None:
        return None
    choices = [
        f
        for f in lone_functions(code)
        if not documented(f.body)
        and f.body[0].lineno > f.lineno
        and lines[f.body[0].lineno - 2].rstrip().endswith(":")
    ]
    if not choices:
        return None
    function = rng.choice(choices)
    f, at = function.name, function.body[0].lineno
    text = " ".join(f.strip("_").split("_")).capitalize()
    if rng.random() < 0.5 or not f.strip("_"):  # noqa: PLR2004  # half and half
        verb = rng.choice(("Return", "Compute", "Check", "Write", "Read", "Handle", "Make", "Set"))
        things = " ".join(rng.choice(material.names).strip("_").split("_")).lower()
        text = f"{verb} the {things}"
        words = rng.choice(
            (
                "Add the docstring `{t}.` to `{f}`",
                "document {f}: {t}.",
                'add the docstring "{t}." to {f}',
                "Add a docstring to `{f}` that says {t}.",
            )
        )
    else:
        said = [*DOCUMENT, "Add a docstring"]
        if function.lineno == at - 1 and not f.startswith("_"):
            # Tools point at the line of the name: the lock has room for more in a head of one line.
            method = any(other is function for _, other in code.methods())
            said += [
                f"Missing docstring in public {'method' if method else 'function'}",
                f"{'D102' if method else 'D103'} Missing docstring in public "
                f"{'method' if method else 'function'}",
                "C0116: Missing function or method docstring (missing-function-docstring)",
            ]
        words = rng.choice(said)
    named = "{f}" in words
    words = words.format(f=f, t=text)
    scope = None
    if not named or rng.random() < 0.3:  # noqa: PLR2004  # share of selections
        scope = (function.lineno, at - 1)
        by_hand = named or words == "Add a docstring"
        if by_hand and rng.random() < 0.3 and function.end_lineno:  # noqa: PLR2004  # some select all of it
            scope = (function.lineno, function.end_lineno)
    new = f'{indent_of(lines[at - 1])}"""{text}."""'
    program = replace_lines(lines, at, at - 1, [new])
    mentions = _mentions(words, ((f, function.lineno),))
    return with_lock(Case("docstring", words, scope, program, mentions))


def lone_functions(code: Code) -> Iterator[Function]:
    """Yield the functions that are the only ones of their name: it says which one is meant."""
    functions = [f for f in code.functions() if f.lineno >= code.first]
    heads = [re.search(r"\bdef\s+(\w+)", line) for line in code.lines]
    names = [head[1] for head in heads if head]
    yield from (f for f in functions if names.count(f.name) == 1)


def _headed(code: Code) -> Iterator[Function]:
    """Yield the functions whose head is one line."""
    for function in lone_functions(code):
        line = code.lines[function.lineno - 1]
        if line.endswith(":") and function.body[0].lineno > function.lineno and "#" not in line:
            yield function


def _end_of_parameters(code: Code, function: Function) -> int:
    """Return where in its line the bracket closes that holds the parameters."""
    line = code.lines[function.lineno - 1]
    depth = 0
    for at in range(line.index("(", _name_of(code, function)[2]), len(line)):
        depth += int(line[at] in "([{") - int(line[at] in ")]}")
        if depth == 0:
            return at
    return len(line)


def _calls_to_pass_to(code: Code, function: Function) -> Iterator[tuple[str, int, int]]:
    """Yield calls in a function's body that stand once: name, line, where the bracket closes."""
    calls = [n for s in function.body for n in ast.walk(s) if isinstance(n, ast.Call)]
    names = [_called(call) for call in calls]
    for call, name in zip(calls, names, strict=True):
        starred = any(isinstance(a, ast.Starred) for a in call.args)
        starred = starred or any(k.arg is None for k in call.keywords)
        generator = any(isinstance(a, ast.GeneratorExp) for a in call.args)
        if call.lineno != call.end_lineno or starred or generator or call.lineno < code.first:
            continue
        end = _character(code, call.lineno, call.end_col_offset or 0) - 1
        line = code.lines[call.lineno - 1]
        short = name and name not in RESERVED_NAMES and len(line) < 90  # noqa: PLR2004  # room for more
        if short and names.count(name) == 1 and line[end] == ")" and line[end - 1] != ",":
            if line[: end + 1].count("f'") or line[: end + 1].count('f"'):
                continue  # Before 3.12 places in f-strings are not told.
            yield name, call.lineno, end


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


MAKERS: dict[str, Maker] = {
    "rename-local": rename_local,
    "rename-method": rename_method,
    "wrap": wrap,
    "unwrap": unwrap,
    "add-parameter": add_parameter,
    "annotate": annotate,
    "docstring": docstring,
}


# Helpers.


def _put(lines: Lines, places: Sequence[Place], text: str) -> list[str]:
    """Return the lines with a text at some places of theirs."""
    changed = list(lines)
    for number, start, end in sorted(places, reverse=True):
        line = changed[number - 1]
        changed[number - 1] = line[:start] + text + line[end:]
    return changed


def _character(code: Code, line: int, byte: int) -> int:
    """Return the character of a line that an offset in bytes is."""
    return len(code.lines[line - 1].encode()[:byte].decode(errors="ignore"))


def _first_line(node: ast.stmt) -> int:
    """Return a statement's first line, decorators included."""
    if isinstance(node, Function | ast.ClassDef) and node.decorator_list:
        return node.decorator_list[0].lineno
    return node.lineno


def _name_of(code: Code, function: Function) -> Place:
    """Return where a function's name stands in its head."""
    line = code.lines[function.lineno - 1]
    match = re.compile(r"def\s+").search(
        line, _character(code, function.lineno, function.col_offset)
    )
    start = match.end() if match else 0
    return function.lineno, start, start + len(function.name)


def _parameters(function: Function) -> set[str]:
    return {n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)}


def _words(code: Code, function: Function) -> set[str]:
    last = function.end_lineno or function.lineno
    return set(re.findall(r"\w+", "\n".join(code.lines[function.lineno - 1 : last])))


def _new_name(lines: Lines, rng: Random, material: Material) -> str | None:
    """Draw a name that does not stand in the lines."""
    name = rng.choice(material.names)
    taken = name in RESERVED_NAMES or any(name in line for line in lines)
    return None if taken else name


def _mentions(words: str, names: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the names that stand in the words, in their order, with their lines."""
    found = [(words.find(name), name, line) for name, line in names]
    return tuple((name, line) for at, name, line in sorted(found) if at >= 0)
