r"""What of a replaced text really changes: its ends that stay are cut off.

Never inside of what a reader sees as one character: not in a CRLF, nor between a letter and its
accents, nor in an emoji of several code points. Where that is not certain, more is replaced than
has to be. Pure functions of two strings: it knows nothing of positions, encodings or documents.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_BOM = "\ufeff"
_FIRST_JOINING = "\u0300"
"""Below it nothing joins with its neighbour, but CR with LF."""

_JOINS_BEFORE = frozenset("\u0e33\u0eb3\uff9e\uff9f")
"""Letters that go with the one before them: Thai and Lao AM, the halfwidth voiced marks."""

_JOINS_BEHIND = frozenset(
    "\u0d4e\U000111c2\U000111c3\U0001193f\U00011941"
    "\U00011a84\U00011a85\U00011a86\U00011a87\U00011a88\U00011a89\U00011d46"
)
"""Letters that go with the one behind them, in scripts of India and Central Asia."""

_VIRAMA = 9
"""The combining class of signs that tie a consonant to the next one."""

_JAMO = (("\u1100", "\u11ff"), ("\ua960", "\ua97f"), ("\ud7b0", "\ud7ff"))
_FLAG_LETTERS = (("\U0001f1e6", "\U0001f1ff"),)
_SKIN_TONES = (("\U0001f3fb", "\U0001f3ff"),)


def kept_ends(old: str, new: str) -> tuple[int, int]:
    """Return how many code points stay at the start of both texts, and how many at their end.

    Together they are at most the shorter text. Where text is only added or only removed, and that
    can be said of whole lines, it is: a line put above one that begins like it is put at the start
    of that line, not behind what both begin with.
    """
    start = _alike(old, new)
    while not (_may_cut(old, start) and _may_cut(new, start)):
        start -= 1
    end = min(_alike(reversed(old), reversed(new)), len(old) - start, len(new) - start)
    while not (_may_cut(old, len(old) - end) and _may_cut(new, len(new) - end)):
        end -= 1
    back = _to_line_start(old, new, start, end)
    return start - back, end + back


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """Return in how many code points two texts begin alike."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _to_line_start(old: str, new: str, start: int, end: int) -> int:
    """Return by how much a change begins earlier if it is to begin and end with whole lines."""
    removed, added = old[start : len(old) - end], new[start : len(new) - end]
    if removed and added:
        return 0
    text = removed or added
    head = old[max(old.rfind("\n", 0, start), old.rfind("\r", 0, start)) + 1 : start]
    whole = text.endswith(head) and text[: len(text) - len(head)].endswith(("\n", "\r"))
    return len(head) if whole else 0


def _may_cut(text: str, at: int) -> bool:
    """Return whether a place in a text is certainly not inside of a character as it is seen."""
    if at in {0, len(text)}:
        return True
    before, behind = text[at - 1], text[at]
    if before in "\r\n" or max(before, behind) < _FIRST_JOINING:
        return (before, behind) != ("\r", "\n")
    kinds = unicodedata.category(before), unicodedata.category(behind)
    return not (
        kinds[1].startswith("M")
        # Joiners, tags and other signs that are not seen by themselves.
        or ("Cf" in kinds and _BOM not in {before, behind})
        or unicodedata.combining(before) == _VIRAMA
        or before in _JOINS_BEHIND
        or behind in _JOINS_BEFORE
        or _within(behind, _SKIN_TONES)
        or (_within(before, _FLAG_LETTERS) and _within(behind, _FLAG_LETTERS))
        or _within(before, _JAMO)
        or _within(behind, _JAMO)
    )


def _within(character: str, ranges: tuple[tuple[str, str], ...]) -> bool:
    return any(first <= character <= last for first, last in ranges)
