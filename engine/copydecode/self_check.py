"""Which errors an edit would add to a Python text, as far as that can be said without running it.

The text is parsed, and looked at by pyflakes where that is installed. Only what would fail counts
(an unknown name, a `return` outside a function), not what is merely untidy: mending one line often
leaves an import unused. Errors are the same by what they say and name, wherever they stand
and however often: a name that was unknown already comes from where we do not see.
Knows nothing of models, requests or editors; no other language is looked at.
"""

from __future__ import annotations

import ast
import importlib.util
import warnings
from collections.abc import Iterable
from itertools import takewhile

MAX_CHARACTERS = 200_000
"""Longer texts are not checked: parsing and pyflakes take 0.5 us a character, 6 ms for the median
of the files in the test split; where something is found the text before takes as long again."""

_FAILING = frozenset(
    {
        "AssertTuple",
        "BreakOutsideLoop",
        "ContinueOutsideLoop",
        "DefaultExceptNotLast",
        "DuplicateArgument",
        "ForwardAnnotationSyntaxError",
        "FutureFeatureNotDefined",
        "IfTuple",
        "LateFutureImport",
        "PercentFormatExpectedMapping",
        "PercentFormatExpectedSequence",
        "PercentFormatInvalidFormat",
        "PercentFormatMissingArgument",
        "PercentFormatMixedPositionalAndNamed",
        "PercentFormatPositionalCountMismatch",
        "PercentFormatUnsupportedFormatCharacter",
        "RaiseNotImplemented",
        "ReturnOutsideFunction",
        "StringDotFormatInvalidFormat",
        "StringDotFormatMissingArgument",
        "StringDotFormatMixingAutomatic",
        "TooManyExpressionsInStarredAssignment",
        "TwoStarredExpressions",
        "UndefinedExport",
        "UndefinedLocal",
        "UndefinedName",
        "YieldOutsideFunction",
    }
)
"""Messages of pyflakes about what fails when it is imported or run, or never says what it means."""


def new_errors(before: str, after: str, language: str | None) -> list[str]:
    """Return what is wrong with `after` that was not with `before`, in the words of the tools.

    Python's parser tells one syntax error, the first. Where `before` has one already, no name is
    looked at, and `after` may have one too, if it is another one further down or the same one in a
    line that stayed; the lines that changed have to parse.

    Returns an empty list for what cannot be checked: another `language` than "python", more than
    `MAX_CHARACTERS`, nesting that Python itself gives up on.
    """
    if language != "python" or before == after or len(after) > MAX_CHARACTERS:
        return []
    try:
        now = _parse(after)
        found = {} if isinstance(now, SyntaxError) else _failing(now)
        if not (found or isinstance(now, SyntaxError)):
            return []  # Mostly so, and then the text before need not be looked at.
        was = _parse(before)
        if isinstance(now, SyntaxError):
            no_worse = isinstance(was, SyntaxError) and _is_no_worse(was, now, before, after)
            return [] if no_worse else [f"syntax error: {now.msg}"]
        if isinstance(was, SyntaxError):
            return []  # What names were unknown is not known.
        known = _failing(was)
    except (RecursionError, MemoryError):
        return []
    return [message for key, message in found.items() if key not in known]


def _parse(text: str) -> ast.Module | SyntaxError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes.
        try:
            return ast.parse(text)
        except SyntaxError as error:
            return error


def _is_no_worse(was: SyntaxError, now: SyntaxError, before: str, after: str) -> bool:
    """Return whether the first syntax error is a later one than before, or where nothing changed.

    Places are compared as (0, line) above the lines that changed, (1, line in them), and below them
    (2, line from the end).
    """
    old, new = before.splitlines(), after.splitlines()
    above = _common(old, new)
    below = _common(old[above:][::-1], new[above:][::-1])

    def place(error: SyntaxError, lines: list[str]) -> tuple[int, int]:
        line = error.lineno or 0
        if line <= above:
            return 0, line
        if line <= len(lines) - below:
            return 1, line - above
        return 2, line - len(lines)

    first, then = place(was, old), place(now, new)
    return then > first or (then == first and then[0] != 1)


def _common(one: list[str], other: list[str]) -> int:
    """Return how many lines two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _failing(tree: ast.Module) -> dict[object, str]:
    """Return pyflakes' messages about errors by what they are known by; none without it."""
    if importlib.util.find_spec("pyflakes") is None:
        return {}
    from pyflakes import checker  # type: ignore[import-untyped]  # noqa: PLC0415  # optional

    messages: Iterable[object] = checker.Checker(tree).messages
    found: dict[object, str] = {}
    for message in messages:
        name = type(message).__name__
        template, values = (getattr(message, field) for field in ("message", "message_args"))
        if name in _FAILING:
            # Some arguments are lines: those move.
            key = (name, *(value for value in values if not isinstance(value, int)))
            found.setdefault(key, template % values)
    return found
