"""A diagnostic that is out of date: it names what the document does not have.

Tools tell of a version that is gone while they look at the next one. Python only. Knows nothing of
models or editors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.unused import unused_name

_QUOTED = r"[`'\"](?P<name>[^\W\d]\w*)[`'\"]"
_UNKNOWN = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\b(?:undefined|unresolved|unknown)\s+(?:name|variable|reference)\s+{_QUOTED}",
        rf"\bcannot find name\s+{_QUOTED}",
        rf"{_QUOTED}\s+is (?:not (?:defined|accessed)|misspel\w+)",
        rf"\b(?:has no|cannot access) attribute\s+{_QUOTED}",
        rf"\b(?:typo in|misspel\w+ name)\s+{_QUOTED}",
    )
)


def settled(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return that nothing is to be done where the name that a message tells of stands nowhere.

    `lines` are those of the document, `scope` those that the message is about.
    """
    if scope is None:
        return None
    found = next((m for form in _UNKNOWN if (m := form.search(message))), None)
    name = found["name"] if found else unused_name(message)
    if not name:
        return None
    word = re.compile(rf"(?<!\w){re.escape(name.rpartition('.')[2])}(?!\w)")
    return None if any(word.search(line) for line in lines) else Fix(scope[0])
