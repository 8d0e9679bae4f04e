"""A diagnostic that is out of date: it names what the document does not have.

Tools tell of a version that is gone while they look at the next one. Python only. Knows nothing of
models or editors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.messages import NAME, QUOTED, plain
from copydecode.fixes.unused import unused_name

_UNKNOWN = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?:undefined|unresolved) (?:name|variable|reference) {QUOTED}",
        rf"cannot find name {QUOTED}",
        rf"(?:NameError: )?(?:name )?{QUOTED} is not (?:defined|accessed)",
        rf"(?:fix the )?misspelt name {QUOTED}|{QUOTED.replace('name', 'also')} is misspelt",
        rf"(?:there is a )?typo in {QUOTED}",
        rf"[`'\"]?{NAME}[`'\"]? has no attribute {QUOTED}",
        rf"cannot access attribute {QUOTED} for class [^\n]+",
    )
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
    name = next((_name(m) for form in _UNKNOWN if (m := form.fullmatch(words))), None)
    name = name or unused_name(words)
    if not name or _GENERATED.fullmatch(name):
        return None
    word = re.compile(rf"(?<!\w){re.escape(name.rpartition('.')[2])}(?!\w)")
    return None if any(word.search(line) for line in lines) else Fix(scope[0])


def _name(match: re.Match[str]) -> str:
    groups = match.groupdict()
    name: str = groups["name"] or groups["also"]
    return name
