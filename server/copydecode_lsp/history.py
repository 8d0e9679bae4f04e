"""The last instructions that the user gave, by workspace folder, newest first. In memory only."""

from __future__ import annotations

from collections import defaultdict

KEPT = 20
"""So many are kept a folder."""


class History:
    """Remembers instructions; one that is given again is the newest again."""

    def __init__(self) -> None:
        self._kept: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, folder: str, text: str) -> None:
        """Remember an instruction."""
        kept = self._kept[folder]
        if text in kept:
            kept.remove(text)
        kept.insert(0, text)
        del kept[KEPT:]

    def of(self, folder: str) -> tuple[str, ...]:
        """Return a folder's instructions."""
        return tuple(self._kept.get(folder, ()))

    def forget(self, folder: str) -> None:
        """Drop a folder that was closed."""
        self._kept.pop(folder, None)
