"""What is asked for though it is so already: a docstring, a type, a parameter, an import, a name.

Nothing is to be done then, and a model that was taught to do things does some. Python only; the
function that is meant has to be named, and defined once. Knows nothing of models or editors.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from copydecode.decode.renaming import renaming
from copydecode.fixes.fix import Fix
from copydecode.fixes.imports import is_imported
from copydecode.fixes.messages import NAME, first_match, forms, plain
from copydecode.fixes.part import FAILURES

_F, _P = (rf"[`'\"]?(?P<{group}>{NAME})[`'\"]?" for group in "fp")
_T = r"[`'\"]?(?P<t>[^`]+?)[`'\"]?"
_IMPORT = re.compile(
    rf"(?:add (?:the missing )?import (?:of|for)|import) {_P}|{_F} is not imported", re.IGNORECASE
)
_DOCSTRING, _RESULT, _TYPE, _PARAMETER = (
    forms(*(f"(?:please )?{pattern}" for pattern in patterns))
    for patterns in (
        (rf"(?:add|write) (?:a|the) docstring(?: stub)? (?:to|for) {_F}", rf"document {_F}"),
        (
            rf"add (?:the |a )?return type {_T} to {_F}",
            rf"{_F} returns {_T}, annotate it",
            rf"annotate {_F} to return {_T}",
            rf"add [`'\"]?-> (?P<t>[^`]+?)[`'\"]? to {_F}",
        ),
        (
            rf"annotate {_P} of {_F} as {_T}",
            rf"annotate {_P} as {_T} in {_F}",
            rf"the parameter {_P} of {_F} is an? {_T}",
            rf"add the type hint [`'\"]?(?P<p>{NAME}): (?P<t>[^`]+?)[`'\"]? to {_F}",
            rf"type {_P} of {_F} as {_T}",
            rf"change the type of {_P} in {_F} to {_T}",
        ),
        (
            rf"add (?:a |the |an )?(?:parameter|argument) {_P} to {_F}",
            rf"give {_F} a parameter {_P}",
            rf"{_F} should take {_P}",
        ),
    )
)
_RENAME = re.compile(
    r"(?i:(?:please )?(?:rename|replace) )"
    r"(?i:(?:the (?:name|variable|function|method|class|parameter) )?)"
    rf"(?:`{NAME}`|(?=\w*(?:_|\w[A-Z]))\w+) (?:to|by|with) `?{NAME}`?(?: everywhere)?"
)
"""With a name that is none of the sentence's words."""

_HEADER = re.compile(r"\s*(?:async\s+)?def\s+(\w+)\b")
_HEADER_LINES = 30
_STRING = re.compile(r"[rRuU]?(?:\"\"\".*|\'\'\'.*|\"[^\"]*\"|'[^']*')")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def held(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return that nothing is to be done, where what a message asks for is so already.

    None for what is asked for in other words, or along with something else.

    Args:
        message: what a person asks for.
        lines: those of the document.
        scope: the lines that it is about, 1-based and inclusive, where they are known.
    """
    words = plain(message)
    code = [line.rstrip("\r\n") for line in lines]
    first = scope[0] if scope else 1
    if match := _IMPORT.fullmatch(words):
        return Fix(first) if is_imported(match["p"] or match["f"], code) else None
    if _RENAME.fullmatch(words):
        names = renaming(words)
        gone = names is not None and names.alone
        return Fix(first) if gone and not _stands(names.old if names else "", code) else None
    if match := first_match(words, _DOCSTRING):
        return _held(match, code, documents=True)
    match = first_match(words, (*_RESULT, *_TYPE, *_PARAMETER))
    return _held(match, code) if match else None


def _stands(name: str, code: Sequence[str]) -> bool:
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(line) for line in code)


def _held(match: re.Match[str], code: Sequence[str], *, documents: bool = False) -> Fix | None:
    groups = match.groupdict()
    found = next(_functions(code, groups["f"]), None)
    if found is None:
        return None
    number, function = found
    given = function.args
    parameters = {p.arg: p for p in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    parameter = parameters.get(groups["p"]) if groups.get("p") else None
    if documents:
        is_so = ast.get_docstring(function) is not None
    elif groups.get("t"):
        is_so = _is(groups["t"], parameter.annotation if parameter else function.returns)
        is_so = is_so and (parameter is not None or not groups.get("p"))
    else:
        is_so = parameter is not None
    return Fix(number) if is_so else None


def _functions(code: Sequence[str], name: str) -> Iterator[tuple[int, _Function]]:
    """Yield the function of a name, if there is one only; its body is a docstring at most."""
    heads = [(k, m[1]) for k, line in enumerate(code) if (m := _HEADER.match(line))]
    if Counter(other for _, other in heads)[name] != 1:
        return
    k = next(k for k, other in heads if other == name)
    for end in range(k + 1, min(k + _HEADER_LINES, len(code)) + 1):
        head = textwrap.dedent("\n".join(code[k:end]))
        begins = next((line.strip() for line in code[end:] if line.strip()), "")
        body = " 'documented'" if _STRING.fullmatch(begins) else " ..."
        try:
            [function] = ast.parse(head + body).body
        except FAILURES:
            continue
        if isinstance(function, _Function):
            yield k + 1, function
        return


def _is(asked: str, annotation: ast.expr | None) -> bool:
    """Return whether a type is what is asked for, but for quotes and spaces."""
    return annotation is not None and _plain(ast.unparse(annotation)) == _plain(asked)


def _plain(kind: str) -> str:
    return re.sub(r"[\s`'\"]", "", kind)
