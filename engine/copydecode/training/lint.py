"""Lines that run but that linters and type checkers complain about, in their words.

Most are spoilt by a pattern and mended to what they were; what ruff can fix, it fixes to the very
same text. Knows nothing of tokens or models.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.training.flaws import Flaw, Maker
from copydecode.training.mistakes import misspell
from copydecode.training.syntax import Code, Function, documented, parse, read
from copydecode.training.tasks import (
    RESERVED_NAMES,
    STRING_OR_COMMENT,
    Lines,
    Material,
    indent_of,
)


@dataclass(frozen=True, slots=True)
class Spoiler:
    """A pattern of good lines, what takes its place, and what is said of that.

    `code` is ruff's. The words, and `wrong`, may have the pattern's groups in braces. With
    `in_strings` the pattern is looked for in strings, too.
    """

    code: str
    pattern: re.Pattern[str]
    wrong: str
    said: tuple[str, ...]
    in_strings: bool = False


def _spoiler(code: str, pattern: str, wrong: str, *said: str, in_strings: bool = False) -> Spoiler:
    return Spoiler(code, re.compile(pattern), wrong, said, in_strings)


_NAME = r"[A-Za-z_][\w.]*"

SPOILERS: tuple[Spoiler, ...] = (
    _spoiler(
        "E711",
        r" is None\b",
        " == None",
        "Comparison to `None` should be `cond is None`",
        "comparison to None should be 'if cond is None:'",
        "use `is None`",
        "compare with is",
    ),
    _spoiler(
        "E711",
        r" is not None\b",
        " != None",
        "Comparison to `None` should be `cond is not None`",
        "comparison to None should be 'if cond is not None:'",
        "use `is not None`",
    ),
    _spoiler(
        "E712",
        rf"(?<=if )(?!not )(?P<x>{_NAME})(?=:$)",
        "{x} == True",
        "Avoid equality comparisons to `True`; use `{x}:` for truth checks",
        "comparison to True should be 'if cond is True:' or 'if cond:'",
        "do not compare to True",
    ),
    _spoiler(
        "E712",
        rf"(?<=if )not (?P<x>{_NAME})(?=:$)",
        "{x} == False",
        "Avoid equality comparisons to `False`; use `not {x}:` for false checks",
        "comparison to False should be 'if cond is False:' or 'if not cond:'",
        "do not compare to False",
    ),
    _spoiler(
        "E713",
        rf"(?<=if )(?P<x>{_NAME}) not in (?P<y>{_NAME})(?=:$)",
        "not {x} in {y}",
        "Test for membership should be `not in`",
        "test for membership should be 'not in'",
        "use `not in`",
        'C0117: Consider changing "not {x} in {y}" to "{x} not in {y}" (unnecessary-negation)',
    ),
    _spoiler(
        "E714",
        rf"(?<=if )(?P<x>{_NAME}) is not (?P<y>{_NAME})(?=:$)",
        "not {x} is {y}",
        "Test for object identity should be `is not`",
        "test for object identity should be 'is not'",
        "use `is not`",
    ),
    _spoiler(
        "E722",
        r"(?<=except) Exception(?=:$)",
        "",
        "Do not use bare `except`",
        "do not use bare 'except'",
        "W0702: No exception type(s) specified (bare-except)",
        "catch Exception only",
        "no bare except",
    ),
    _spoiler(
        "F541",
        r"(?<![\w\"'])(?P<s>\"[^\"{}\\]+\"|'[^'{}\\]+')(?![\"'])",
        "f{s}",
        "f-string without any placeholders",
        "f-string is missing placeholders",
        "W1309: Using an f-string that does not have any interpolated variables "
        "(f-string-without-interpolation)",
        "needless f prefix",
        in_strings=True,
    ),
    _spoiler(
        "E703",
        r"(?<=[\w)\]\"'])$",
        ";",
        "Statement ends with an unnecessary semicolon",
        "statement ends with a semicolon",
        "W0301: Unnecessary semicolon (unnecessary-semicolon)",
        "remove the semicolon",
        in_strings=True,
    ),
    _spoiler(
        "UP004",
        r"(?<=^class )(?P<c>\w+)(?=:$)",
        "{c}(object)",
        "Class `{c}` inherits from `object`",
        "R0205: Class '{c}' inherits from object, can be safely removed from bases in python3 "
        "(useless-object-inheritance)",
        "no need for object here",
    ),
    _spoiler(
        "SIM118",
        rf"(?<=\bfor )(?P<k>\w+) in (?P<d>{_NAME})(?=:$)",
        "{k} in {d}.keys()",
        "Use `key in dict` instead of `key in dict.keys()`",
        "C0201: Consider iterating the dictionary directly instead of calling .keys() "
        "(consider-iterating-dictionary)",
        "no need for keys()",
    ),
    _spoiler(
        "C408",
        r"(?<= = )\{\}$",
        "dict()",
        "Unnecessary `dict()` call (rewrite as a literal)",
        "R1735: Consider using '{{}}' instead of a call to 'dict'. (use-dict-literal)",
        "use a literal",
    ),
    _spoiler(
        "C408",
        r"(?<= = )\[\]$",
        "list()",
        "Unnecessary `list()` call (rewrite as a literal)",
        "R1734: Consider using [] instead of list() (use-list-literal)",
        "use a literal",
    ),
    _spoiler(
        "F632",
        r" == (?P<s>\"\w+\"|'\w+'|\d+)",
        " is {s}",
        "Use `==` to compare constant literals",
        "use ==/!= to compare constant literals (str, bytes, int, float, tuple)",
        'SyntaxWarning: "is" with a literal. Did you mean "=="?',
        "compare with ==",
        in_strings=True,
    ),
    _spoiler(
        "F901",
        r"(?<=raise NotImplemented)Error",
        "",
        "`raise NotImplemented` should be `raise NotImplementedError`",
        "'raise NotImplemented' should be 'raise NotImplementedError'",
        "E0711: NotImplemented raised - should raise NotImplementedError (notimplemented-raised)",
        "Exceptions must derive from BaseException",
    ),
    _spoiler(
        "W291",
        r"(?<=\S)$",
        "  ",
        "Trailing whitespace",
        "trailing whitespace",
        "C0303: Trailing whitespace (trailing-whitespace)",
        "remove the trailing spaces",
        in_strings=True,
    ),
    _spoiler(
        "E225",
        rf"(?<=^)(?P<x>\s*{_NAME}) = ",
        "{x}=",
        "Missing whitespace around operator",
        "missing whitespace around operator",
        "spaces around the =",
    ),
    _spoiler(
        "E231",
        r", ",
        ",",
        "Missing whitespace after `,`",
        "missing whitespace after ','",
        "space after the comma",
    ),
    _spoiler(
        "E203",
        r"(?<=\w):$",
        " :",
        "Whitespace before ':'",
        "whitespace before ':'",
        "no space before the colon",
    ),
    _spoiler(
        "B904",
        r"(?<=\)) from \w+$",
        "",
        "Within an `except` clause, raise exceptions with `raise ... from err` or "
        "`raise ... from None` to distinguish them from errors in exception handling",
        "W0707: Consider explicitly re-raising using 'from' (raise-missing-from)",
        "chain the exception",
    ),
    _spoiler(
        "UP015",
        rf"(?<=\bopen\()(?P<x>{_NAME})\)",
        '{x}, "r")',
        "Unnecessary mode argument",
        "needless mode",
    ),
    _spoiler(
        "C416",
        rf"\blist\((?P<x>{_NAME})\)",
        "[x for x in {x}]",
        "Unnecessary list comprehension (rewrite using `list()`)",
        "R1721: Unnecessary use of a comprehension, use list({x}) instead. "
        "(unnecessary-comprehension)",
        "use list()",
    ),
    _spoiler(
        "C400",
        rf"(?<= = )\[(?P<e>{_NAME}) for (?P<x>\w+) in (?P<y>{_NAME})\]$",
        "list({e} for {x} in {y})",
        "Unnecessary generator (rewrite as a list comprehension)",
        "use a list comprehension",
    ),
    _spoiler(
        "RUF013",
        r"\b(?P<x>\w+): (?P<t>str|int|bool|float|bytes) \| None = None",
        "{x}: {t} = None",
        "PEP 484 prohibits implicit `Optional`",
        'Incompatible default for parameter "{x}" (default has type "None", parameter has type '
        '"{t}")  [assignment]',
        'Incompatible default for argument "{x}" (default has type "None", argument has type '
        '"{t}")  [assignment]',
        'Expression of type "None" cannot be assigned to parameter of type "{t}"',
        "{x} may be None",
    ),
    _spoiler(
        "ANN204",
        r"(?<=def )(?P<f>__init__)(?P<a>\(.*\)) -> None(?=:$)",
        "{f}{a}",
        "Missing return type annotation for special method `__init__`",
        "Function is missing a return type annotation  [no-untyped-def]",
        'Return type annotation is missing for function "__init__"',
        "add the return type",
    ),
    _spoiler(
        "D400",
        r"(?<=\w)\.(?=\"\"\"$)",
        "",
        "First line should end with a period",
        "the docstring should end with a full stop",
        in_strings=True,
    ),
    _spoiler(
        "D210",
        r"(?<=\"\"\")(?P<x>[A-Z][^\"]*)(?=\"\"\"$)",
        " {x} ",
        "No whitespaces allowed surrounding docstring text",
        "no spaces around the docstring's text",
        in_strings=True,
    ),
    _spoiler(
        "COM812",
        r"(?<=[\w)\]\"'])(?<!^\)),$",
        "",
        "Trailing comma missing",
        "missing trailing comma",
        "add the trailing comma",
        in_strings=True,
    ),
    _spoiler(
        "Q000",
        r"(?<![\w\"'])\"(?P<s>[^\"'\\{}]+)\"(?![\"'])",
        "'{s}'",
        "Single quotes found but double quotes preferred",
        "use double quotes",
        "double quotes, please",
        in_strings=True,
    ),
)


_EVERYWHERE = frozenset({"W291", "E203", "E225", "E231", "E703", "Q000"})


def lint(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Spoil a line in a way that a linter has words for."""
    code = read(tuple(lines))
    if code is None:
        return None
    inside = code.strings()
    # What fits everywhere would leave no room for the others.
    for spoiler in sorted(rng.sample(SPOILERS, 8), key=lambda s: s.code in _EVERYWHERE):
        numbers = [k for k in range(code.first, code.last + 1) if k not in inside]
        rng.shuffle(numbers)
        for at in numbers:
            flaw = _spoilt(code, at, spoiler, rng)
            if flaw is not None:
                return flaw
    return None


def _spoilt(code: Code, at: int, spoiler: Spoiler, rng: Random) -> Flaw | None:
    text = code.lines[at - 1]
    hidden = [m.span() for m in STRING_OR_COMMENT.finditer(text)]
    found = [
        m
        for m in spoiler.pattern.finditer(text)
        if "#" not in text
        and (spoiler.in_strings or not any(a <= m.start() < b for a, b in hidden))
    ]
    if not found:
        return None
    match = rng.choice(found)
    groups = match.groupdict()
    wrong = text[: match.start()] + spoiler.wrong.format(**groups) + text[match.end() :]
    fits = _FITS.get(spoiler.code)
    if (fits and not fits(code, at, text)) or not _parses(code, at, (wrong,)):
        return None
    words = rng.choice(spoiler.said).format(**groups)
    if words == spoiler.said[0].format(**groups):
        words = rng.choice((words, f"{spoiler.code} {words}", f"{spoiler.code} [*] {words}"))
    return Flaw("lint", at, 1, (wrong,), (text,), words, (at, at))


def _chains(code: Code, at: int, text: str) -> bool:
    """Return whether a line ends a raise from the exception that is being handled."""
    name = text.rsplit(" ", 1)[-1]
    within = [
        node for node in code.nodes if isinstance(node, ast.ExceptHandler) and node.name == name
    ]
    raises = (r for h in within for r in ast.walk(h) if isinstance(r, ast.Raise))
    return any(r.end_lineno == at for r in raises)


def _is_one_string(code: Code, at: int, text: str) -> bool:
    return not _is_docstring(code, at, text) and text.count('"') + text.count("'") == 2  # noqa: PLR2004  # its ends


def _ends_statement(code: Code, at: int, _text: str) -> bool:
    """Return whether a simple statement ends with a line."""
    statements = (s for block in code.blocks() for s in block)
    return any(s.end_lineno == at and not hasattr(s, "body") for s in statements)


def _lacks_comma(code: Code, at: int, text: str) -> bool:
    """Return whether a line is the last one of several between brackets."""
    closing = code.lines[at].strip() if at < len(code.lines) else ""
    return closing[:1] in {")", "]", "}"} and not re.search(r"[(*]|\blambda\b", text)


def _is_docstring(code: Code, at: int, _text: str) -> bool:
    """Return whether a line is all of a docstring."""
    owners = (n for n in code.nodes if isinstance(n, Function | ast.ClassDef))
    return any(
        documented(n.body) and n.body[0].lineno == n.body[0].end_lineno == at for n in owners
    )


_FITS: Mapping[str, Callable[[Code, int, str], bool]] = {
    "ANN204": lambda code, at, _: any(method.lineno == at for _, method in code.methods()),
    "B904": _chains,
    "COM812": _lacks_comma,
    "D210": _is_docstring,
    "D400": _is_docstring,
    "E225": lambda code, at, _: any(
        s.lineno == at and isinstance(s, ast.Assign) for block in code.blocks() for s in block
    ),
    "E231": lambda _, __, text: '"' not in text and "'" not in text,
    "E703": _ends_statement,
    "F541": _is_one_string,
    "F632": lambda _, __, text: bool(re.match(r"\s*(?:if|elif|while|return|assert)\b", text)),
    "Q000": _is_one_string,
    "RUF013": lambda code, at, _: any(
        isinstance(node, ast.arg) and node.lineno == at for node in code.nodes
    ),
}
"""Whether the linter would see a line as the pattern does, where that alone does not say it."""


# Mistakes that take a look at more than a line.


def arguments(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Forget `self` or an argument, give one too many, or misspell a keyword."""
    code = read(tuple(lines))
    if code is None:
        return None
    ways = rng.sample((_no_self, _no_self_before, _wrong_keyword, _wrong_count), 4)
    made = next((made for way in ways if (made := way(code, rng))), None)
    if made is None:
        return None
    at, wrong, said = made
    if not _parses(code, at, (wrong,)):
        return None
    return Flaw("arguments", at, 1, (wrong,), (lines[at - 1],), rng.choice(said), (at, at))


def _no_self(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    """Leave out the first parameter of a method."""
    heads = [
        (method, m)
        for _, method in code.methods()
        if method.lineno >= code.first
        and not method.decorator_list
        and [a.arg for a in method.args.args[:1]] == ["self"]
        and (m := re.search(r"\bdef \w+\(self(?:, |(?=\)))", code.lines[method.lineno - 1]))
    ]
    if not heads:
        return None
    method, match = rng.choice(heads)
    text = code.lines[method.lineno - 1]
    wrong = re.sub(r"\(self(?:, )?", "(", text[: match.end()]) + text[match.end() :]
    count = len(method.args.args) - 1
    said = [
        "First argument of a method should be named `self`",
        "N805 First argument of a method should be named `self`",
        "N805 first argument of a method should be named 'self'",
        'Instance methods should take a "self" parameter',
        "Self argument missing for a non-static method (or an invalid type for self)  [misc]",
        f"E0213: Method '{method.name}' should have \"self\" as first argument (no-self-argument)",
        f"TypeError: {method.name}() takes {count} positional argument"
        f"{'' if count == 1 else 's'} but {count + 1} were given",
        "missing self",
        "self is missing",
        "add self",
    ]
    if count == 0:
        said += [
            'Method must have at least one argument. Did you forget the "self" argument?  [misc]',
            f"E0211: Method '{method.name}' has no argument (no-method-argument)",
        ]
        said = [text for text in said if not text.startswith(("First", "N805", "Self", "E0213"))]
    return method.lineno, wrong, said


def _no_self_before(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    """Leave out the `self.` of an attribute that other lines have it with."""
    found = []
    for _, method in code.methods():
        for node in ast.walk(method):
            match node:
                case ast.Attribute(ast.Name("self"), name, ast.Load()) if (
                    node.lineno == node.end_lineno and node.lineno >= code.first
                ):
                    found.append((node.lineno, name))
    text_of = code.lines
    choices = [
        (at, name)
        for at, name in found
        if text_of[at - 1].count(f"self.{name}") == 1
        and name not in RESERVED_NAMES
        and not _STRINGS.search(text_of[at - 1])
        and any(f"self.{name}" in line for k, line in enumerate(text_of, 1) if k != at)
        and not any(re.search(rf"(?<![.\w]){name}\b", line) for line in text_of)
    ]
    if not choices:
        return None
    at, name = rng.choice(choices)
    wrong = text_of[at - 1].replace(f"self.{name}", name)
    return (
        at,
        wrong,
        (
            f"Undefined name `{name}`",
            f"F821 Undefined name `{name}`",
            f"undefined name '{name}'",
            f'"{name}" is not defined',
            f'Name "{name}" is not defined  [name-defined]',
            f"NameError: name '{name}' is not defined. Did you mean: 'self.{name}'?",
            f"E0602: Undefined variable '{name}' (undefined-variable)",
            "missing self",
        ),
    )


_STRINGS = re.compile(r"[\"'#]")


def _wrong_keyword(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    """Misspell the name of a keyword argument that stands elsewhere, too."""
    choices = []
    for node in code.nodes:
        if not isinstance(node, ast.Call):
            continue
        callee = node.func.attr if isinstance(node.func, ast.Attribute) else None
        callee = node.func.id if isinstance(node.func, ast.Name) else callee
        for keyword in node.keywords:
            name = keyword.arg
            if callee and name and len(name) > 3 and keyword.lineno >= code.first:  # noqa: PLR2004  # shorter names have too many neighbours
                choices.append((keyword.lineno, name, callee))
    choices = [
        (at, name, callee)
        for at, name, callee in choices
        if len(re.findall(rf"\b{name}=", code.lines[at - 1])) == 1
        and "#" not in code.lines[at - 1]
        and len(re.findall(rf"\b{name}\b", "\n".join(code.lines))) > 1
    ]
    if not choices:
        return None
    at, name, callee = rng.choice(choices)
    slip = misspell(name, rng)
    if not slip.isidentifier() or any(slip in line for line in code.lines):
        return None
    wrong = re.sub(rf"\b{name}=", f"{slip}=", code.lines[at - 1])
    return (
        at,
        wrong,
        (
            f'No parameter named "{slip}"',
            f'No parameter named "{slip}"',
            f'Unexpected keyword argument "{slip}" for "{callee}"  [call-arg]',
            f'Unexpected keyword argument "{slip}" for "{callee}"; did you mean "{name}"?  '
            "[call-arg]",
            f"E1123: Unexpected keyword argument '{slip}' in function call "
            "(unexpected-keyword-arg)",
            f"TypeError: {callee}() got an unexpected keyword argument '{slip}'",
            f"TypeError: {callee}() got an unexpected keyword argument '{slip}'. "
            f"Did you mean '{name}'?",
            f"typo in `{slip}`",
        ),
    )


def _wrong_count(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    """Leave out an argument that is called like its parameter, or add one that there is not."""
    functions = {f.name: f for f in code.functions()}
    methods = {f.name for _, f in code.methods()}
    found = []
    for node in code.nodes:
        match node:
            case ast.Call(ast.Name(name)) if name in functions and name not in methods:
                skipped = 0
            case ast.Call(ast.Attribute(ast.Name("self"), name)) if name in methods:
                skipped = 1
            case _:
                continue
        parameters = functions[name].args
        line = code.lines[node.lineno - 1] if node.lineno >= code.first else ""
        if parameters.vararg or parameters.kwarg or node.keywords or line.count(f"{name}(") != 1:
            continue
        given = re.search(rf"\b{name}\(([\w, .]*)\)", line)
        names = [a.arg for a in (*parameters.posonlyargs, *parameters.args)][skipped:]
        if given and len(names) >= len(node.args) and "#" not in line:
            found.append((node.lineno, name, names, len(parameters.defaults), skipped, given))
    if not found:
        return None
    at, name, names, optional, skipped, given = rng.choice(found)
    line = code.lines[at - 1]
    values = [text.strip() for text in given[1].split(",") if text.strip()]
    alike = [k for k, (a, b) in enumerate(zip(names, values, strict=False)) if a == b]
    alike = [k for k in alike if k == len(values) - 1 and k < len(names) - optional]
    if alike and rng.random() < 0.7:  # noqa: PLR2004  # where it can be left out, it mostly is
        left, gone = values[:-1], values[-1]
        said = (
            f'Missing positional argument "{gone}" in call to "{name}"  [call-arg]',
            f'Argument missing for parameter "{gone}"',
            f"E1120: No value for argument '{gone}' in function call (no-value-for-parameter)",
            f"TypeError: {name}() missing 1 required positional argument: '{gone}'",
            f"missing argument {gone}",
            f"pass {gone}, too",
        )
    elif len(values) == len(names):
        count = len(names)
        left = [*values, rng.choice(("None", "True", "0", "False", *values))]
        said = (
            f'Too many arguments for "{name}"  [call-arg]',
            f"Expected {count} positional argument{'' if count == 1 else 's'}",
            "E1121: Too many positional arguments for function call (too-many-function-args)",
            f"TypeError: {name}() takes {count + skipped} positional "
            f"argument{'' if count + skipped == 1 else 's'} but {count + skipped + 1} were given",
            "one argument too many",
            "remove the last argument, there is none",
        )
    else:
        return None
    return at, line[: given.start(1)] + ", ".join(left) + line[given.end(1) :], said


def attribute(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Misspell a name behind a dot that stands elsewhere, too."""
    code = read(tuple(lines))
    if code is None:
        return None
    whole = "\n".join(lines)
    owners = {id(n): c.name for c, m in code.methods() for n in ast.walk(m)}
    found = [
        (node, node.value.id)
        for node in code.nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.lineno >= code.first
        and len(node.attr) > 3  # noqa: PLR2004  # shorter names have too many neighbours
        and lines[node.lineno - 1].count(f".{node.attr}") == 1
        and len(re.findall(rf"\b{node.attr}\b", whole)) > 1
        and "#" not in lines[node.lineno - 1]
    ]
    if not found:
        return None
    node, owner = rng.choice(found)
    at, slip = node.lineno, misspell(node.attr, rng)
    if not slip.isidentifier() or slip in whole:
        return None
    wrong = re.sub(rf"\.{node.attr}\b", f".{slip}", lines[at - 1])
    if wrong == lines[at - 1] or not _parses(code, at, (wrong,)):
        return None
    kind = owners.get(id(node), "") if owner == "self" else ""
    kind = kind or "".join(part.capitalize() for part in owner.split("_"))
    said = (
        f'Cannot access attribute "{slip}" for class "{kind}"',
        f'Cannot access attribute "{slip}" for class "{kind}*"',
        f'"{kind}" has no attribute "{slip}"  [attr-defined]',
        f'"{kind}" has no attribute "{slip}"; maybe "{node.attr}"?  [attr-defined]',
        f"AttributeError: '{kind}' object has no attribute '{slip}'",
        f"AttributeError: '{kind}' object has no attribute '{slip}'. Did you mean: '{node.attr}'?",
        f"E1101: Instance of '{kind}' has no '{slip}' member (no-member)",
        f"E1101: Instance of '{kind}' has no '{slip}' member; maybe '{node.attr}'? (no-member)",
        f"no attribute `{slip}`",
        f"`{slip}` is misspelt",
        f"typo in {slip}",
    )
    return Flaw("attribute", at, 1, (wrong,), (lines[at - 1],), rng.choice(said), (at, at))


def needless(lines: Lines, rng: Random, _material: Material) -> Flaw | None:
    """Put in a line that does nothing: a `pass`, a last `return`, an import once more, a print."""
    code = read(tuple(lines))
    if code is None:
        return None
    ways = [*rng.sample((_useless_return, _import_again, _left_print), 3), _needless_pass]
    if rng.random() < 0.3:  # noqa: PLR2004  # it fits everywhere
        ways.reverse()
    made = next((made for way in ways if (made := way(code, rng))), None)
    if made is None:
        return None
    at, wrong, said = made
    return Flaw("needless", at, 0, (wrong,), (), rng.choice(said), (at, at))


def _needless_pass(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    statements = [s for b in code.blocks() for s in b if code.fills_line(s)]
    statements = [s for s in statements if not isinstance(s, ast.Pass)]
    if not statements:
        return None
    node = rng.choice(statements)
    return (
        node.lineno + 1,
        f"{indent_of(code.lines[node.lineno - 1])}pass",
        (
            "Unnecessary `pass` statement",
            "PIE790 [*] Unnecessary `pass` statement",
            "W0107: Unnecessary pass statement (unnecessary-pass)",
            "needless pass",
            "remove the pass",
        ),
    )


def _useless_return(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    ends = []
    for f in code.functions():
        last = f.body[-1]
        returns = any(isinstance(n, ast.Return | ast.Raise | ast.Yield) for n in ast.walk(f))
        whole = (f.end_lineno or 0) < code.last and f.lineno >= code.first
        if not returns and whole and code.fills_line(last) and len(f.body) > 1:
            ends.append(last)
    if not ends:
        return None
    node = rng.choice(ends)
    return (
        node.lineno + 1,
        f"{indent_of(code.lines[node.lineno - 1])}{rng.choice(('return', 'return None'))}",
        (
            "Useless `return` statement at end of function",
            "PLR1711 [*] Useless `return` statement at end of function",
            "R1711: Useless return at end of function or method (useless-return)",
            "needless return",
            "remove the useless return",
        ),
    )


def _import_again(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    imports = [n for n in code.tree.body if isinstance(n, ast.Import) and code.fills_line(n)]
    plain = [n for n in imports if len(n.names) == 1 and not n.names[0].asname]
    plain = [n for n in plain if "." not in n.names[0].name and "#" not in code.lines[n.lineno - 1]]
    after = [
        n.lineno + 1
        for n in code.tree.body
        if isinstance(n, ast.Import | ast.ImportFrom) and code.fills_line(n)
    ]
    if not plain:
        return None
    node = rng.choice(plain)
    name, first = node.names[0].name, node.lineno
    return (
        rng.choice([k for k in after if k > first]),
        code.lines[first - 1],
        (
            f"Redefinition of unused `{name}` from line {first}: `{name}` redefined here",
            f"F811 [*] Redefinition of unused `{name}` from line {first}: `{name}` redefined here",
            f"redefinition of unused '{name}' from line {first}",
            f"W0404: Reimport '{name}' (imported line {first}) (reimported)",
            f'Name "{name}" already defined (possibly by an import)  [no-redef]',
            "imported twice",
            f"`{name}` is imported twice",
        ),
    )


def _left_print(code: Code, rng: Random) -> tuple[int, str, Sequence[str]] | None:
    statements = [
        s for f in code.functions() for s in f.body if code.fills_line(s) and s.lineno > code.first
    ]
    names = [n for s in statements for n in ast.walk(s) if isinstance(n, ast.Name)]
    names = [n for n in names if n.id not in RESERVED_NAMES and isinstance(n.ctx, ast.Load)]
    if not names or any("print(" in line for line in code.lines):
        return None
    name = rng.choice(names)
    text = rng.choice((f"print({name.id})", f'print("{name.id}", {name.id})', "print('here')"))
    return (
        name.lineno,
        indent_of(code.lines[name.lineno - 1]) + text,
        (
            "`print` found",
            "T201 `print` found",
            "print found.",
            "remove the debug print",
            "Remove the print",
            "delete this print statement",
        ),
    )


MAKERS: dict[str, Maker] = {
    "lint": lint,
    "arguments": arguments,
    "attribute": attribute,
    "needless": needless,
}


# Helpers.


def _parses(code: Code, at: int, wrong: Sequence[str]) -> bool:
    """Return whether the part of the chunk still parses with other text in a line's place."""
    try:
        parse(code.text((*code.lines[: at - 1], *wrong, *code.lines[at:])))
    except (SyntaxError, ValueError):
        return False
    return True
