"""A diagnostic that is out of date: it names what the document does not have.

Tools tell of a version that is gone while they look at the next one. Python only. Knows nothing of
models or editors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.messages import NAME, first_match, forms, plain, quoted
from copydecode.fixes.unused import unused_name

_UNKNOWN = forms(
    rf"(?:undefined|unresolved) (?:name|variable|reference) {quoted()}",
    rf"cannot find name {quoted()}",
    rf"(?:NameError: )?(?:name )?{quoted()} is not (?:defined|accessed)",
    rf"(?:fix the )?misspelt name {quoted()}|{quoted('also')} is misspelt",
    rf"(?:there is a )?typo in {quoted()}",
    rf"[`'\"]?{NAME}[`'\"]? has no attribute {quoted()}",
    rf"cannot access attribute {quoted()} for class [^\n]+",
)
_GENERATED = re.compile(r"__\w+__|_[A-Z]\w*?__\w+")
"""Names that Python looks up by itself, or changes: no text has them."""


def settled(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return that nothing is to be done where the name that a message tells of stands nowhere.

    `lines` are those of the document, `scope` those that the message is about.
    """
    words = plain(message)
    if scope is None or not words:
        return None
    match = first_match(words, _UNKNOWN)
    name = _name(match) if match else unused_name(words)
    if not name or _GENERATED.fullmatch(name):
        return None
    word = re.compile(rf"(?<!\w){re.escape(name.rpartition('.')[2])}(?!\w)")
    return None if any(word.search(line) for line in lines) else Fix(scope[0])


def _name(match: re.Match[str]) -> str:
    groups = match.groupdict()
    name: str = groups["name"] or groups["also"]
    return name
