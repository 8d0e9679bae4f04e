"""What a tool or a person says, without what tools put around it.

Knows nothing of what the words mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_CHARACTERS = 300
"""Who writes more says more than a rule can read."""

NAME = r"[^\W\d]\w*"

_CODE = re.compile(r"(?:[A-Z]{1,5}\d{2,4}:?\s+(?:\[\*\]\s+)?|(?:error|warning|invalid-syntax):\s+)")
_RULE = re.compile(r"\s*(?:\([a-z]+(?:-[a-z]+)+\)|\[[a-z]+(?:-[a-z]+)*\])$")


def plain(message: str) -> str:
    """Return the words of a message: no code before it, no name of a rule and no stop behind it.

    Indented lines below the first one are details, as pyright has them, and left out. Empty where a
    message has other lines or is too long.
    """
    first, *more = message.strip().split("\n")
    if len(first) > MAX_CHARACTERS or any(not line.startswith((" ", "\u00a0")) for line in more):
        return ""
    words = _RULE.sub("", first.strip())
    if (code := _CODE.match(words)) is not None:
        words = words[code.end() :]
    return words.strip().removesuffix(".")


def quoted(group: str = "name") -> str:
    """Return the pattern of a quoted name, which is a group of the match."""
    return rf"[`'\"](?P<{group}>{NAME})[`'\"]"


def forms(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """Return the forms that a message may have, in any case."""
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


def first_match(words: str, patterns: Iterable[re.Pattern[str]]) -> re.Match[str] | None:
    """Return the match of the first form that all of the words have."""
    return next((match for form in patterns if (match := form.fullmatch(words))), None)
