"""What a syntax error comes to: the small change of one line with which the text parses.

A parser tells what is wrong and knows no fix; tried on what people and tools forget (a colon, a
bracket, a quote, a comma, an indentation, a misspelt keyword), it tells which one it is. Python
only, by the parser of the Python that runs. Knows nothing of models or editors.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from copydecode.fixes.fix import Fix
from copydecode.fixes.slips import SLIPS, WORD, Place, width

MOST_LINES = 60
"""So many lines above and below an error are parsed: 250 changes of 120 lines take up to 0.3 s."""

LONGEST_LINE = 400
"""Characters; of longer lines too many changes could be meant."""

MOST_CHARACTERS = 200_000
"""Where an error is looked for, the whole document is parsed, as `self_check` does."""

_PLACES = 3
"""A diagnostic of more lines is not about one of them."""

_CUTS = 8
"""So often what does not parse by itself is left out above an error."""

_NEAR = 3
"""Errors are told of so many lines late, at most: a parser goes on until nothing fits."""

_ABOVE = 30
"""So many lines above what a tool tells of, at most, may be what was not closed."""

_TOLD = re.compile(
    r"\s*(?:E\d{3}\s+)?(?:(?:SyntaxError|IndentationError|TabError|invalid-syntax|f-string)\b"
    r"|invalid syntax|expected (?:[`'\":(\[{)\]},]|indented|expression"
    r"|an? (?:indented block|statement|expression))|unexpected (?:indent|unindent)|unindent"
    r"|['\"`][(\[{]['\"`] was (?:never|not) closed|unmatched|closing parenthesis|unterminated"
    r"|missing closing quote|string literal is|(?:simple )?statements must be separated"
    r"|unexpected token|EOL while|EOF while)",
    re.IGNORECASE,
)
"""How Python, ruff, pyright and mypy begin to tell of a syntax error."""

_SUBJECTS = """
syntax colon comma bracket brackets brace braces parenthesis parentheses paren quote quotes string
indent indented indentation unindent typo keyword compare comparison closed unclosed unmatched
mismatched
"""
_AROUND = """
a an the this that there here it is are has have to be was in of on at for with one please fix mend
correct repair add insert remove put missing forgot forgotten extra many too wrong misspelt
misspelled closing opening not do does match should instead right line error errors invalid python
"""
_ABOUT_SYNTAX = frozenset(_SUBJECTS.split())
_SAYING_SO = frozenset([*_SUBJECTS.split(), *_AROUND.split()])
"""Of these, with a sign or a name quoted, people say what is wrong with the syntax."""

_ONLY_SYNTAX = re.compile(
    r"(?:E999\s+|E1\d\d\s+)?(?:SyntaxError:\s+|IndentationError:\s+|invalid-syntax:\s+)?(?:"
    r"invalid syntax|expected (?:':'|an indented block.*)|unexpected indent(?:ation)?"
    r"|unindent (?:not expected|does not match.*)|['\"][(\[{]['\"] was (?:never|not) closed"
    r"|unmatched ['\"`]?[)\]}]['\"`]?|closing parenthesis .* does not match .*"
    r"|unterminated (?:f-)?string literal.*|missing closing quote in string literal"
    r"|string literal is unterminated|expected (?:[`'\"]:[`'\"]|\":\"?)(?:, found newline)?"
    r"|(?:fix |add )?(?:the )?missing (?:colon|bracket|quote|comma|closing bracket))"
    r"(?:\s+\[syntax\])?\.?",
    re.IGNORECASE,
)
"""Messages of nothing but what a parser would refuse."""

_QUOTED_NAME = re.compile(r"[`'\"]([^\W\d]\w+)[`'\"]")
_DOUBTED = re.compile(r"\s*[`'\"]?[^\W\d]\w*[`'\"]?\s*\?\s*")
_HEADER = re.compile(r"\s*(?:(?:async\s+def|def|class)\b|@)")
_GOES_ON = re.compile(r"\s*(?:[)\]}]|(?:else|elif|except|finally)\b)")


def syntax_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return the change of one line that mends the syntax error that a message is about.

    Nothing is to be done (a fix without lines) where a message says no more than that a scope does
    not parse, and it does. None for other messages, and where no small change mends it. What was
    not closed above the scope is mended there: some tools tell where nothing fits any more.

    Args:
        message: of a tool, or what a person says of it.
        lines: those of the document.
        scope: the lines that it is about, 1-based and inclusive; else they are looked for.
    """
    if not (_TOLD.match(message) or message.endswith("[syntax]") or _is_said(message)):
        return None
    code = [line.rstrip("\r\n") for line in lines]
    if scope is None:
        return _anywhere(message, code)
    if scope[1] - scope[0] >= _PLACES:
        return None
    if (fix := _within(message, code, scope)) is not None or not _TOLD.match(message):
        return fix
    fix = _anywhere(message, code)
    return fix if fix is not None and 0 < scope[0] - fix.line <= _ABOVE else None


def _within(message: str, code: Sequence[str], scope: tuple[int, int]) -> Fix | None:
    """Return the fix of a line of the scope, or that it has nothing to be mended."""
    for number in range(scope[0], scope[1] + 1):
        part = _Part.around(code, number - 1)
        if (fix := _mended(message, part)) is not None:
            return fix
        if scope[0] == scope[1] and _ONLY_SYNTAX.fullmatch(message) and part.is_sound:
            return Fix(number)
    return None


def _is_said(message: str) -> bool:
    """Return whether a person speaks of a syntax error, and of nothing else."""
    if _DOUBTED.fullmatch(message):
        return True
    words = set(WORD.findall(_QUOTED_NAME.sub("", message).lower()))
    signs = "==" in message and "=" in message.replace("==", "")
    return (signs or not words.isdisjoint(_ABOUT_SYNTAX)) and words <= _SAYING_SO


def _anywhere(message: str, code: Sequence[str]) -> Fix | None:
    """Return the fix of the first error that has one: where the parser stops, or a line above."""
    first = 0
    if sum(map(len, code)) > MOST_CHARACTERS:
        return None
    for _ in range(_CUTS):
        rest = code[first:]
        if not any(line.strip() for line in rest):
            return None
        part = _Part(_head(rest), tuple(rest), first, first)
        error = part.error()
        if error is None:
            return None
        stopped = part.place_of(error)
        above = next((k for k in range(stopped - 1, -1, -1) if code[k].strip()), stopped)
        for at in dict.fromkeys((stopped, above)):
            fix = _mended(message, _Part.around(code, at))
            if fix is not None:
                return fix
        first = stopped + 1
    return None


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines of a document that are parsed together; `head` are the blocks that they stand in.

    The first one is line `first` of the document, and line `at` is looked at, both from 0; what was
    `cut` off ends so many lines above that, 0 where nothing was.
    """

    head: tuple[str, ...]
    lines: tuple[str, ...]
    first: int
    at: int
    cut: int = 0

    @classmethod
    def around(cls, code: Sequence[str], at: int) -> _Part:
        """Return the innermost function or class around a line, as much of it as is parsed.

        What does not parse above the line, because it begins in the middle of something, is cut.
        """
        first, last = _extent(code, at)
        part = cls(_head(code[first:last]), tuple(code[first:last]), first, at)
        for _ in range(_CUTS):
            error = part.error()
            if error is None or (stopped := part.place_of(error)) >= at:
                break
            rest = code[stopped + 1 : last]
            part = cls(_head(rest), tuple(rest), stopped + 1, at, at - stopped)
        return part

    @property
    def line(self) -> str:
        """The line that is looked at."""
        return self.lines[self.at - self.first]

    @property
    def is_sound(self) -> bool:
        """Whether it parses, and nothing right above had to be cut: that may be what is meant."""
        return not 0 < self.cut <= _NEAR and self.error() is None

    @property
    def place(self) -> Place:
        """The same line, and those around it."""
        row = self.at - self.first
        return Place(self.lines[row], self.lines[:row], self.lines[row + 1 :])

    def error(self, line: str | None = None) -> Exception | None:
        """Return what the parser says, with another text of the line if one is given."""
        row = self.at - self.first
        lines = self.lines if line is None else (*self.lines[:row], line, *self.lines[row + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Invalid escapes.
            try:
                ast.parse("\n".join((*self.head, *lines)) + "\n")
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                return error.with_traceback(None)
        return None

    def place_of(self, error: Exception) -> int:
        """Return the line of the document, from 0, that an error is about."""
        if not isinstance(error, SyntaxError) or error.lineno is None:
            return self.at
        row = error.lineno - 1 - len(self.head)
        return self.first + min(max(row, 0), len(self.lines) - 1)

    def parses(self, line: str) -> bool:
        """Return whether it does with another text of the line."""
        return self.error(line) is None

    def parses_so_far(self, line: str) -> bool:
        """Return whether it does up to another text of the line, whatever stands behind it."""
        row = self.at - self.first
        body = (" " * (width(line) + 1) + "pass",) if line.rstrip().endswith(":") else ()
        part = replace(self, lines=(*self.lines[:row], line, *body))
        error = part.error()
        tried = isinstance(error, SyntaxError) and "'except' or 'finally'" in (error.msg or "")
        return error is None or tried


def _extent(code: Sequence[str], at: int) -> tuple[int, int]:
    """Return from where to where, from 0, the innermost function or class around a line goes."""
    own = width(code[at])
    first = 0
    for k in range(at, -1, -1):
        if _HEADER.match(code[k]) and (k == at or width(code[k]) < own or not width(code[k])):
            first = k
            break
    while first and code[first - 1].lstrip().startswith("@"):
        first -= 1
    base = width(code[first])
    last = len(code)
    for k in range(at + 1, len(code)):
        if code[k - 1].lstrip().startswith("@"):  # What is decorated.
            continue
        if code[k].strip() and width(code[k]) <= base and not _GOES_ON.match(code[k]):
            last = k
            break
    return max(first, at - MOST_LINES), min(last, at + 1 + MOST_LINES)


def _head(lines: Sequence[str]) -> tuple[str, ...]:
    """Return headers of the blocks that lines stand in: one for each level that they fall back."""
    indents = [width(line) for line in lines if line.strip()]
    least = indents[0] if indents else 0
    levels = {0} if least else set()
    for indent in indents:
        if indent < least:
            least = indent
            levels.add(indent)
    return tuple(" " * level + "if _:" for level in sorted(levels))


def _mended(message: str, part: _Part) -> Fix | None:
    """Return the likeliest change of the part's line with which it parses.

    Else one with which it parses as far as the line, where it did not before: what stands behind
    may have an error of its own.
    """
    error, line = part.error(), part.line
    if error is None or not line.strip() or len(line) > LONGEST_LINE:
        return None
    meant = [slip for slip in SLIPS if _is_said(message) and slip.told.search(message.lower())]
    said = f"{error.msg if isinstance(error, SyntaxError) else ''} {message}".lower()
    likely = sorted(SLIPS, key=lambda slip: slip.told.search(said) is None)
    # What a message names is what is wrong.
    names = [name for name in _QUOTED_NAME.findall(message) if _count(name, line)]
    second, begins = None, not part.parses_so_far(line)
    for slip in meant or likely:
        for origin in dict.fromkeys(slip.origins(part.place)):
            fix = Fix(part.at + 1, (origin,), 1)
            kept = any(_count(name, origin) >= _count(name, line) for name in names)
            if kept or not origin.strip() or not fix.can_be_said:
                continue
            if part.parses(origin):
                return fix
            if begins and second is None and part.parses_so_far(origin):
                second = fix
    return second


def _count(name: str, line: str) -> int:
    return WORD.findall(line).count(name)
