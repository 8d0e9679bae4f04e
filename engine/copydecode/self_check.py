"""What is wrong with an edit of a Python text, as far as that can be said without running it.

It may add errors, and it may leave what it was to mend: the diagnostic that it is for.

The text is parsed, and looked at by pyflakes where that is installed. Only what would fail counts
(an unknown name, a `return` outside a function), not what is merely untidy: mending one line often
leaves an import unused. Errors are the same by what they say and name, wherever they stand
and however often: a name that was unknown already comes from where we do not see.
Knows nothing of models, requests or editors; no other language is looked at.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
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


_MENDED: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(
        ("UndefinedName", "UndefinedLocal", "UndefinedExport"),
        re.compile(r"undefined|undeclared|not defined|unresolved|cannot find|no-undef|misspel"),
    ),
    **dict.fromkeys(
        ("UnusedImport", "UnusedVariable"),
        re.compile(r"unused|(?:never|not) (?:used|accessed|read)|is assigned"),
    ),
}
"""Messages of pyflakes that are known to speak of what a diagnostic does, by the words of that."""

_SYNTAX = re.compile(
    r"syntax|expect|invalid|indent|unterminated|never closed|not closed|unmatched|does not match"
    r"|unexpected|parser|parsing|missing|forg[eo]t|eof|end of file"
)


_Key = tuple[object, ...]
"""What a message of pyflakes is known by: its type and what it names, but no lines: those move."""

_Said = tuple[tuple[_Key, str], ...]
"""What pyflakes says of a text; nothing without it."""

_LOOKED_AT = 8


def unmended(
    before: str,
    after: str,
    language: str | None,
    diagnostic: str,
    lines: tuple[int, int] | None = None,
) -> list[str]:
    """Return what a diagnostic said of `before` that is as it was in `after`, in pyflakes' words.

    Of names that are not defined, of imports and variables that are not used, and of a syntax error
    where it is known to stand in the `lines` that the diagnostic is about (1-based, inclusive).
    A diagnostic that is not found in `before`, or is of another kind, gives an empty list: nothing
    is known of it then. Where one of several of its kind is mended, so is the diagnostic.
    """
    if language != "python" or max(len(before), len(after)) > MAX_CHARACTERS:
        return []
    try:
        was, now = _look(before), _look(after)
        if isinstance(was, SyntaxError):
            words = diagnostic.lower()
            meant = lines is not None and lines[0] <= (was.lineno or 0) <= lines[1]
            stays = isinstance(now, SyntaxError) and not _is_later(was, now, before, after)
            return [f"syntax error: {was.msg}"] if meant and stays and _SYNTAX.search(words) else []
        # A syntax error of its own says more, and no name is looked at then.
        return [] if isinstance(now, SyntaxError) else _left(was, now, diagnostic)
    except (RecursionError, MemoryError):
        return []


def is_gone(before: str, after: str, language: str | None, diagnostic: str) -> bool:
    """Return whether what a diagnostic says of names in `before` is nowhere so in `after`.

    False where nothing is known of it, as `unmended` has it.
    """
    if language != "python" or max(len(before), len(after)) > MAX_CHARACTERS:
        return False
    try:
        was, now = _look(before), _look(after)
        if isinstance(was, SyntaxError) or isinstance(now, SyntaxError):
            return False
        known = _known(was, diagnostic)
        return bool(known) and known.keys().isdisjoint(_messages(now))
    except (RecursionError, MemoryError):
        return False


def is_untidy(diagnostic: str) -> bool:
    """Return whether a diagnostic is about what is not used: errors that are mended may use it."""
    return _MENDED["UnusedImport"].search(diagnostic.lower()) is not None


def _left(was: _Said, now: _Said, diagnostic: str) -> list[str]:
    """Return what a diagnostic says of the first, and pyflakes as often of the other."""
    if not (known := _known(was, diagnostic)):
        return []
    old, new = _counts(was), _counts(now)
    return [] if any(new[key] < old[key] for key in known) else [*known.values()]


def _known(said: _Said, diagnostic: str) -> dict[_Key, str]:
    """Return pyflakes' messages that say what a diagnostic does."""
    words = diagnostic.lower()
    return {
        key: message
        for key, message in _messages(said).items()
        if (wording := _MENDED.get(str(key[0]))) and wording.search(words)
        if any(_speaks_of(diagnostic, value) for value in key[1:])
    }


def _speaks_of(diagnostic: str, name: object) -> bool:
    """Return whether a diagnostic names something: quoted, or as a word of more than a letter."""
    text = re.escape(str(name))
    bare = rf"|(?<![\w.]){text}(?![\w.]*\w)" if len(str(name)) > 1 else ""
    return re.search(rf"[`'\"]{text}[`'\"]{bare}", diagnostic) is not None


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
        now = _look(after)
        found = {} if isinstance(now, SyntaxError) else _failing(now)
        if not (found or isinstance(now, SyntaxError)):
            return []  # Mostly so, and then the text before need not be looked at.
        was = _look(before)
        if isinstance(now, SyntaxError):
            no_worse = isinstance(was, SyntaxError) and _is_no_worse(was, now, before, after)
            return [] if no_worse else [f"syntax error: {now.msg}"]
        if isinstance(was, SyntaxError):
            return []  # What names were unknown is not known.
        known = _failing(was)
    except (RecursionError, MemoryError):
        return []
    return [message for key, message in found.items() if key not in known]


def _look(text: str) -> SyntaxError | _Said:
    """Return what pyflakes says of a text, or the error where it does not parse."""
    return _looked(text, importlib.util.find_spec("pyflakes") is not None)


@lru_cache(maxsize=_LOOKED_AT)
def _looked(text: str, pyflakes: bool) -> SyntaxError | _Said:  # noqa: FBT001  # a part of the key
    """Return it for some texts from memory: a fix and all in its place are of one document."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes.
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            return error.with_traceback(None)  # It would hold the frames of whoever asked.
    return tuple(_all(tree)) if pyflakes else ()


def _is_no_worse(was: SyntaxError, now: SyntaxError, before: str, after: str) -> bool:
    """Return whether the first syntax error is a later one, or where nothing changed."""
    first, then = _places(was, now, before, after)
    return then > first or (then == first and then[0] != 1)


def _is_later(was: SyntaxError, now: SyntaxError, before: str, after: str) -> bool:
    """Return whether the first syntax error is a later one than before."""
    first, then = _places(was, now, before, after)
    return then > first


def _places(
    was: SyntaxError, now: SyntaxError, before: str, after: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where two texts' first errors stand.

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

    return place(was, old), place(now, new)


def _common(one: list[str], other: list[str]) -> int:
    """Return how many lines two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _failing(said: _Said) -> dict[_Key, str]:
    """Return pyflakes' messages about errors by what they are known by."""
    return {key: message for key, message in _messages(said).items() if key[0] in _FAILING}


def _messages(said: _Said) -> dict[_Key, str]:
    """Return pyflakes' messages by what they are known by, each as it is said first."""
    return dict(reversed(said))


def _counts(said: _Said) -> Counter[_Key]:
    """Return how often pyflakes says what."""
    return Counter(key for key, _ in said)


def _all(tree: ast.Module) -> Iterable[tuple[_Key, str]]:
    """Yield pyflakes' messages."""
    from pyflakes import checker  # type: ignore[import-untyped]  # noqa: PLC0415  # optional

    messages: Iterable[object] = checker.Checker(tree).messages
    for message in messages:
        template, values = (getattr(message, field) for field in ("message", "message_args"))
        names = (value for value in values if not isinstance(value, int))
        yield (type(message).__name__, *names), template % values
