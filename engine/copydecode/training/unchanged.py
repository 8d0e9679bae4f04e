"""Instructions that leave nothing to do: the right answer is the text as it is.

A diagnostic of an earlier version, a state that holds already, a snippet that is applied. Their
words are those of the tasks that do change something: only the document tells them apart. Knows
nothing of tokens or models.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from random import Random

from copydecode.edit.program import Copy, Program
from copydecode.fixes.imports import KNOWN_MODULES
from copydecode.training import diagnostics, refactors
from copydecode.training.flaws import with_lock
from copydecode.training.mistakes import UNDEFINED, misspell
from copydecode.training.snippets import INTROS, elision_of, is_place
from copydecode.training.syntax import Code, Function, documented, read
from copydecode.training.tasks import (
    FENCE,
    RENAME,
    RESERVED_NAMES,
    Case,
    Lines,
    Maker,
    Material,
    code_names,
    fenced,
    indent_of,
)


def stale(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Tell of a diagnostic that is not there any more, with its line as scope."""
    code = read(tuple(lines))
    if code is None:
        return None
    numbers = [k for k in range(code.first, code.last + 1) if code_names(lines[k - 1])]
    if not numbers:
        return None
    at = rng.choice(numbers)
    text = lines[at - 1]
    match rng.randrange(6):
        case 0 | 1:
            wrong = misspell(rng.choice(code_names(text))[0], rng)
            words = rng.choice(UNDEFINED).format(wrong)
        case 2:
            imports = [
                node for node in code.tree.body if isinstance(node, ast.Import | ast.ImportFrom)
            ]
            at = rng.choice(imports).lineno if imports else at
            wrong = rng.choice(sorted(KNOWN_MODULES))
            node = ast.Import([ast.alias(wrong)])
            words = diagnostics.unused_words(node, node.names[0], rng)
        case 3:
            wrong = rng.choice(material.names)
            words = diagnostics.unread_words(wrong, rng)
        case _:
            wrong = ""
            words = _settled_syntax(text, rng)
    held = wrong and any(re.search(rf"\b{re.escape(wrong)}\b", line) for line in lines)
    if not words or held or not code.first <= at <= code.last or wrong in RESERVED_NAMES:
        return None
    return _nothing("unchanged-stale", words, (at, at), lines)


def _settled_syntax(text: str, rng: Random) -> str:
    """Name an error of syntax that a line, which has none, could have had."""
    said = []
    if text.rstrip().endswith(":"):
        said += ["SyntaxError: expected ':'", "expected ':'", "missing colon", 'Expected ":"']
        said += ["Expected `:`, found newline", "E999 SyntaxError: expected ':'"]
    for opening, closing in ("()", "[]", "{}"):
        if 0 < text.count(opening) == text.count(closing):
            said += [f"'{opening}' was never closed", f"SyntaxError: '{opening}' was never closed"]
            said += [f'"{opening}" was not closed', f"unmatched '{closing}'", "missing bracket"]
    if text.count('"') in {2, 4} or text.count("'") in {2, 4}:
        said += ["missing closing quote in string literal", "fix the missing quote"]
    if indent_of(text):
        said += ["unexpected indent", "IndentationError: unexpected indent"]
    return rng.choice(said) if said else ""


def held(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Ask for what is so already."""
    code = read(tuple(lines))
    if code is None:
        return None
    ways = list(_held(code, rng, material))
    if not ways:
        return None
    return _nothing("unchanged-held", rng.choice(ways), None, lines)


def _held(code: Code, rng: Random, material: Material) -> Iterator[str]:
    """Yield what could be asked for though it is so: one of each sort."""
    functions = [f for f in refactors.lone_functions(code) if f.body[0].lineno > f.lineno]
    rng.shuffle(functions)
    for sort in (_documented, _typed_result, _typed, _has_parameter):
        said = (words for f in functions if (words := sort(f, rng)))
        yield from itertools.islice(said, 1)
    imported = [
        alias.asname or alias.name
        for node in code.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    imported = [name for name in imported if name != "*" and "." not in name]
    if imported:
        yield rng.choice(diagnostics.IMPORT).format(rng.choice(imported))
    text = "\n".join(code.lines)
    present = [m[0] for line in code.lines for m in code_names(line)]
    old = rng.choice(material.names)
    if present and old not in text:
        yield rng.choice(RENAME).format(old, rng.choice(present))


def _documented(f: Function, rng: Random) -> str:
    return rng.choice(refactors.DOCUMENT).format(f=f.name) if documented(f.body) else ""


def _typed_result(f: Function, rng: Random) -> str:
    hint = ast.unparse(f.returns) if f.returns else ""
    return rng.choice(refactors.ANNOTATE_RESULT).format(f=f.name, t=hint) if hint else ""


def _typed(f: Function, rng: Random) -> str:
    typed = [(a.arg, ast.unparse(a.annotation)) for a in f.args.args if a.annotation]
    name, hint = rng.choice(typed) if typed else ("", "")
    return rng.choice(refactors.ANNOTATE).format(f=f.name, n=name, t=hint) if typed else ""


def _has_parameter(f: Function, rng: Random) -> str:
    names = [a.arg for a in f.args.args if a.arg not in {"self", "cls"}]
    return (
        rng.choice(refactors.ADD_PARAMETER).format(f=f.name, p=rng.choice(names)) if names else ""
    )


def applied(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Give a snippet that stands in the document as it is."""
    n = len(lines)
    if n < 6 or any(FENCE in line for line in lines):  # noqa: PLR2004  # nothing to elide
        return None
    first = rng.randrange(1, n - 2)
    last = min(n - 1, first + rng.randint(2, 5))
    part = lines[first : last + 1]
    if not is_place(lines, first + 1, last + 1) or not part[0].strip():
        return None
    elision = elision_of(rng, material.language)
    text = [indent_of(part[0]) + elision, *part, indent_of(part[-1]) + elision]
    return _nothing("unchanged-applied", f"{rng.choice(INTROS)}\n" + fenced(text, rng), None, lines)


MAKERS: dict[str, Maker] = {
    "unchanged-stale": stale,
    "unchanged-held": held,
    "unchanged-applied": applied,
}


def _nothing(kind: str, words: str, scope: tuple[int, int] | None, lines: Lines) -> Case:
    return with_lock(Case(kind, words, scope, Program((Copy(1, len(lines)),))))
