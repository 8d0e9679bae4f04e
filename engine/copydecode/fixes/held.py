"""What is asked for though it is so already: a docstring, a type, a parameter, an import, a name.

Nothing is to be done then, and a model that was taught to do things does some. Python only; the
function that is meant has to be named, and defined once. Knows nothing of models or editors.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence

from copydecode.decode.renaming import renaming
from copydecode.fixes.fix import Fix
from copydecode.fixes.imports import is_imported

MAX_CHARACTERS = 120
"""Who writes more asks for more than one thing."""

_OTHER = re.compile(
    r"\b(?:and|then|also|but|unless|lines?|remove|delete|drop|move|duplicate|repeat|insert|replace)\b"
    r"|\n",
    re.IGNORECASE,
)
"""Words that ask for more, or for something else than that a thing be there."""

_WORD = re.compile(r"\b[^\W\d]\w*\b")
_NAME = r"[`'\"]?([^\W\d]\w*)[`'\"]?"
_IMPORT = re.compile(
    rf"(?:(?:add (?:the missing )?import (?:of|for)|import) {_NAME}|{_NAME} is not imported)\.?",
    re.IGNORECASE,
)
_DOCSTRING = re.compile(r"\bdocstring\b|^document\b", re.IGNORECASE)
_RESULT = re.compile(r"\breturns?\b|->", re.IGNORECASE)
_TYPE = re.compile(r"\b(?:annotate|type|hint)\b|\bis an?\b", re.IGNORECASE)
_PARAMETER = re.compile(rf"\b(?:(?:parameter|argument)|take)\s+{_NAME}", re.IGNORECASE)
_HEADER = re.compile(r"\s*(?:async\s+)?def\s+(\w+)\b")
_HEADER_LINES = 30


def held(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return that nothing is to be done, where what a message asks for is so already.

    Args:
        message: what a person asks for; None for what asks for more than one thing.
        lines: those of the document.
        scope: the lines that it is about, 1-based and inclusive, where they are known.
    """
    words = message.strip()
    if len(words) > MAX_CHARACTERS or _OTHER.search(words):
        return None
    code = [line.rstrip("\r\n") for line in lines]
    first = scope[0] if scope else 1
    if match := _IMPORT.fullmatch(words):
        return Fix(first) if is_imported(match[1] or match[2], code) else None
    names = renaming(words)
    if names is not None and names.alone:
        gone = not any(names.old in _WORD.findall(line) for line in code)
        return Fix(first) if gone else None
    said = set(_WORD.findall(words))
    found = [(k, f) for k, f in _functions(code, said) if _is_so(words, said, f)]
    return Fix(found[0][0]) if len(found) == 1 else None


def _functions(code: Sequence[str], names: set[str]) -> Iterator[tuple[int, ast.FunctionDef]]:
    """Yield the one function of each name, with its line; its body is a docstring at most."""
    heads = [(k, m[1]) for k, line in enumerate(code) if (m := _HEADER.match(line))]
    for k, name in heads:
        if name not in names or [other for _, other in heads].count(name) > 1:
            continue
        for end in range(k + 1, min(k + _HEADER_LINES, len(code)) + 1):
            head = textwrap.dedent("\n".join(code[k:end]))
            begins = next((line.strip() for line in code[end:] if line.strip()), "")
            body = " 'documented'" if re.match(r"[rRuU]?[\"']", begins) else " ..."
            try:
                [function] = ast.parse(head + body).body
            except (SyntaxError, ValueError):
                continue
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield k + 1, function  # type: ignore[misc]  # both have all that is looked at
            break


def _is_so(words: str, said: set[str], function: ast.FunctionDef) -> bool:
    given = function.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    if _DOCSTRING.search(words):
        return ast.get_docstring(function) is not None
    if _RESULT.search(words):
        return _says(words, function.returns)
    if _TYPE.search(words):
        return any(p.arg in said and _says(words, p.annotation) for p in parameters)
    asked = _PARAMETER.search(words)
    return asked is not None and asked[1] in {p.arg for p in parameters}


def _says(words: str, annotation: ast.expr | None) -> bool:
    """Return whether a type stands in some words, and is not a part of another one."""
    if annotation is None:
        return False
    kind = re.escape(_plain(ast.unparse(annotation)))
    return re.search(rf"(?<![\w.\[|]){kind}(?![\w.\[|])", _plain(words)) is not None


def _plain(text: str) -> str:
    """Return some words or a type without quotes, and without the spaces within types."""
    text = re.sub(r"[`'\"]", "", text)
    return re.sub(r"\s*([|,\[])\s*|\s+(?=\])", r"\1", text)
