"""Which texts are near to one that was kept before: a corpus holds each but once.

Two texts are near where they share most of their lines, compared without indentation and without
short ones (`Kept.add` says the share). Lines are looked up in an index, so a corpus is compared in
time that grows with its size. Knows nothing of files or languages.
"""

from __future__ import annotations

import hashlib
from collections import Counter

NEAR = 0.6
"""Texts that share this much of the smaller one's lines are near."""

_SHORTEST = 12
"""Shorter lines are everywhere: they tell nothing of two texts."""

_FEW = 5
"""Texts with fewer telling lines are compared as a whole only."""

_COMMONEST = 200
"""A line that so many texts hold, such as a licence's, tells nothing of two of them."""


class Kept:
    """The texts that were kept so far, as what their lines look like."""

    def __init__(self) -> None:
        self._whole: set[bytes] = set()
        self._holders: dict[int, list[int]] = {}
        self._sizes: list[int] = []

    def add(self, text: str) -> bool:
        """Keep a text and return True, or return False where it is near to a kept one.

        Near: the same but for white space, or at least `NEAR` of the lines of the smaller of the
        two stand in the other one.
        """
        digest = hashlib.sha256("".join(text.split()).encode()).digest()
        if digest in self._whole:
            return False
        lines = {hash_of(x) for x in map(str.strip, text.split("\n")) if len(x) >= _SHORTEST}
        if len(lines) >= _FEW:
            shared = Counter(
                holder
                for line in lines
                if len(holders := self._holders.get(line, ())) <= _COMMONEST
                for holder in holders
            )
            if any(n >= NEAR * min(len(lines), self._sizes[k]) for k, n in shared.items()):
                return False
            for line in lines:
                self._holders.setdefault(line, []).append(len(self._sizes))
            self._sizes.append(len(lines))
        self._whole.add(digest)
        return True


def hash_of(line: str) -> int:
    """Return a number for a line that is the same in every process."""
    return int.from_bytes(hashlib.blake2b(line.encode(), digest_size=8).digest(), "big")
