"""What a syntax error comes to: the small change of one line with which the text parses.

A parser tells what is wrong and knows no fix; tried on what people and tools forget (a colon, a
bracket, a quote, a comma, an indentation, a misspelt keyword), it tells which one it is. Python
only, by the parser of the Python that runs. Knows nothing of models or editors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.messages import plain
from copydecode.fixes.part import Part, width
from copydecode.fixes.slips import SLIPS, WORD, Place, Slip

LONGEST_LINE = 200
"""Characters; of longer lines too many changes could be meant."""

MOST_CHARACTERS = 200_000
"""Where an error is looked for, the whole document is parsed, as `self_check` does."""

MOST_PARSED = 12_000
"""Lines that are parsed for one error, in 0.1 to 0.2 s: what is not found by then, is not."""

_PLACES = 3
"""A diagnostic of more lines is not about one of them."""

_CUTS = 8
"""So many errors are looked at, where it is not said where one stands."""

_NEAR = 3
"""Errors are told of so many lines late, at most: a parser goes on until nothing fits."""

_ABOVE = 30
"""So many lines above what a tool tells of, at most, may be what was not closed."""

_UNCLEAR = (
    r"invalid syntax(?:\. Perhaps you forgot a comma\??)?|expected (?:an )?expression"
    r"|unexpected token"
    r"|expected (?:a )?(?:statement|newline)|expected [`'\"][^\w\s]+[`'\"]?,? found [^\n]+"
    r"|expected [`'\"]\w+[`'\"], found [`'\"][^\w\s]+[`'\"]"
    r"|(?:simple )?statements must be separated by newlines(?: or semicolons)?"
)
_TOLD = re.compile(
    r"(?:(?:SyntaxError|IndentationError|TabError|invalid-syntax): )?(?P<said>"
    rf"(?P<unclear>{_UNCLEAR})"
    r"|expected ['\"`](?::|[(\[{)\]},])['\"`]?(?:, found [^\n]+)?"
    r"|expected (?:an )?indented block[^\n]*|unexpected (?:indent(?:ation)?|unindent)"
    r"|unindent (?:not expected|does not|amount does)[^\n]*"
    r"|(?:unexpected indentation|inconsistent use of tabs)[^\n]*"
    r"|['\"`][(\[{]['\"`] was (?:never|not) closed|unmatched ['\"`]?[)\]}]['\"`]?"
    r"|closing parenthesis .* does not match [^\n]*|unterminated (?:f-)?string literal[^\n]*"
    r"|missing closing quote in string literal|string literal is unterminated|missing parentheses"
    r"|(?:invalid syntax\. maybe you meant|cannot assign to [^\n]* maybe you meant) '=='[^\n]*)",
    re.IGNORECASE,
)
"""How Python, ruff, pyright and mypy tell of what may be a slip; `unclear` if not of which."""

_SETTLED = re.compile(
    r"(?:(?:SyntaxError|IndentationError|TabError|invalid-syntax): )?(?:invalid syntax"
    r"|expected (?:[`'\"]:[`'\"]|\":\"?)(?:, found newline)?|expected (?:an )?indented block[^\n]*"
    r"|unexpected indent(?:ation)?|unindent (?:not expected|does not match)[^\n]*"
    r"|['\"][(\[{]['\"] was (?:never|not) closed|unmatched ['\"`]?[)\]}]['\"`]?"
    r"|closing parenthesis .* does not match [^\n]*|unterminated (?:f-)?string literal[^\n]*"
    r"|missing closing quote in string literal|string literal is unterminated)",
    re.IGNORECASE,
)
"""Messages of nothing but what a parser refuses: where it does not, they are out of date."""

_SUBJECTS = """
syntax colon comma bracket brackets brace braces parenthesis parentheses paren quote quotes string
indent indented indentation unindent typo keyword compare comparison closed unclosed unmatched
mismatched
"""
_AROUND = """
a an the this that there here it is are has have to be was in of on at for with one please fix mend
correct repair add insert put missing forgot forgotten extra many too wrong misspelt misspelled
closing opening not do does match should right line error invalid python
"""
_ABOUT_SYNTAX = frozenset(_SUBJECTS.split())
_SAYING_SO = frozenset([*_SUBJECTS.split(), *_AROUND.split()])
"""Of these, with a sign or a name quoted, people say what is wrong with the syntax."""

_SAID = re.compile(
    rf"[`'\"]?{WORD.pattern}[`'\"]?\s*\?|= instead of ==|(?:this|it) should be ==(?: instead of =)?"
    r"|(?:please )?remove (?:the |an? |one )?(?:extra|additional|unmatched|superfluous) bracket",
    re.IGNORECASE,
)
"""Other ways to say it."""

_QUOTED_NAME = re.compile(r"[`'\"]([^\W\d]\w+)[`'\"]")


def syntax_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return the change of one line that mends the syntax error that a message is about.

    Nothing is to be done (a fix without lines) where a tool tells of nothing but a syntax error and
    the document parses as far as there. None for other messages, and where no small change mends
    it. What was not closed above the scope is mended there: some tools tell where nothing fits any
    more.

    Args:
        message: of a tool, or what a person says of it.
        lines: those of the document.
        scope: the lines that it is about, 1-based and inclusive; else they are looked for.
    """
    words = plain(message)
    told = _TOLD.fullmatch(words)
    if told is None and not _is_said(words):
        return None
    code = [line.rstrip("\r\n") for line in lines]
    if scope is None:
        return _anywhere(words, code)
    if scope[1] - scope[0] >= _PLACES:
        return None
    for number in range(scope[0], scope[1] + 1):
        if (fix := _mended(words, Part.around(code, number - 1))) is not None:
            return fix
    if _SETTLED.fullmatch(words) and scope[0] == scope[1] and _parses_beyond(code, scope[0]):
        return Fix(scope[0])
    fix = _anywhere(words, code) if told else None
    return fix if fix is not None and 0 < scope[0] - fix.line <= _ABOVE else None


def _is_said(words: str) -> bool:
    """Return whether a person speaks of a syntax error, and of nothing else."""
    if _SAID.fullmatch(words):
        return True
    said = set(WORD.findall(_QUOTED_NAME.sub("", words).lower()))
    return not said.isdisjoint(_ABOUT_SYNTAX) and said <= _SAYING_SO


def _parses_beyond(code: Sequence[str], number: int) -> bool:
    """Return whether a document has no error up to some lines behind a line (1-based)."""
    if sum(map(len, code)) > MOST_CHARACTERS:
        return False
    part = Part((), tuple(code), 0, 0)
    error = part.error()
    return error is None or part.place_of(error) >= number + _NEAR


def _anywhere(words: str, code: Sequence[str]) -> Fix | None:
    """Return the fix of the first error that has one: where the parser stops, or a line above."""
    if sum(map(len, code)) > MOST_CHARACTERS:
        return None
    first = 0
    for _ in range(_CUTS):
        if not any(line.strip() for line in code[first:]):
            return None
        part = Part.of(code, first, len(code), first)
        error = part.error()
        if error is None:
            return None
        stopped = part.place_of(error)
        above = next((k for k in range(stopped - 1, -1, -1) if code[k].strip()), stopped)
        for at in dict.fromkeys((stopped, above)):
            fix = _mended(words, Part.around(code, at))
            if fix is not None and _is_past(
                stopped, [*code[:at], *fix.lines, *code[at + 1 :]], first
            ):
                return fix
        first = stopped + 1
    return None


def _is_past(stopped: int, code: Sequence[str], first: int) -> bool:
    """Return whether the parser gets further than to where it stopped, from line `first` on."""
    part = Part.of(code, first, len(code), first)
    error = part.error()
    return error is None or part.place_of(error) > stopped


def _mended(words: str, part: Part) -> Fix | None:
    """Return the likeliest change of the part's line with which it parses.

    Else one with which it parses as far as the line, where it did not before: what stands behind
    may have an error of its own. Not where that goes on the line: something is closed further down.
    """
    error, line = part.error(), part.line
    if error is None or not line.strip() or len(line) > LONGEST_LINE:
        return None
    place = Place(line, part.lines[: part.row], part.lines[part.row + 1 :])
    below = next((other for other in place.below if other.strip()), "")
    # What a message names is what is wrong.
    names = [name for name in _QUOTED_NAME.findall(words) if _count(name, line)]
    second, begins = None, not part.parses_so_far(line)
    left = MOST_PARSED // len(part.lines)
    for slip in _likely(words, error):
        for origin in dict.fromkeys(slip.origins(place)):
            fix = Fix(part.at + 1, (origin,), 1)
            kept = any(_count(name, origin) >= _count(name, line) for name in names)
            goes_on = width(below) > width(origin) and not origin.rstrip().endswith(":")
            if kept or not origin.strip() or not fix.can_be_said:
                continue
            if (left := left - 1) < 0:
                return second
            if part.parses(origin):
                return fix
            may_follow = begins and second is None and not (goes_on or slip.closes)
            if may_follow and part.parses_so_far(origin):
                second = fix
    return second


def _likely(words: str, error: Exception) -> list[Slip]:
    """Return the slips that a message may be about, the likeliest first.

    All of them where neither it nor the parser says which.
    """
    lower = words.lower()
    if (told := _TOLD.fullmatch(words)) is None:
        meant = [slip for slip in SLIPS if slip.told.search(lower)]
        return meant or list(SLIPS)
    said = f"{error.msg if isinstance(error, SyntaxError) else ''} {lower}".lower()
    likely = sorted(SLIPS, key=lambda slip: slip.told.search(said) is None)
    if told["unclear"]:
        return likely
    return [slip for slip in likely if slip.told.search(said)]


def _count(name: str, line: str) -> int:
    return WORD.findall(line).count(name)
