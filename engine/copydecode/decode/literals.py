"""The fixed pieces of programs as token ids of one tokenizer.

A tokenizer made by this project has one special token for each op marker. Any other one spells the
markers: each piece is then its canonical encoding *on its own*, so that what stands before or after
it never changes its tokens (`"/><` may be one token of a foreign vocabulary, yet is never used as
one). Numbers are treated alike. Knows nothing of grammars, prompts or models.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from copydecode.edit import grammar

Ids = NDArray[np.int64]

PIECES = (
    grammar.PROGRAM_OPEN,
    grammar.COPY_OPEN,
    grammar.TOKENS_OPEN,
    grammar.COPY_DASH,
    grammar.COPY_CLOSE,
    grammar.FILE_OPEN,
    grammar.GEN_OPEN,
    grammar.GEN_CLOSE,
    grammar.PROGRAM_CLOSE,
)


class Codec(Protocol):
    """What is needed of a tokenizer: `Vocabulary` has it, foreign tokenizers are wrapped."""

    size: int

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text, never a special token."""
        ...

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that a token stands for; none for a special token."""
        ...


class Literals:
    """Token ids of the literals and numbers of programs, and what may be text."""

    def __init__(self, codec: Codec, markers: Mapping[str, int] | None = None) -> None:
        """Encode every piece; `markers` maps those that are one special token to its id."""
        self.codec = codec
        self.markers = dict(markers or {})
        self.size = codec.size
        self._pieces = {
            piece: (self.markers[piece],)
            if piece in self.markers
            else tuple(encode_exactly(codec, piece))
            for piece in PIECES
        }
        self.numbers = Numbers(codec)

    def __getitem__(self, piece: str) -> tuple[int, ...]:
        """Return the ids of one of `PIECES`."""
        return self._pieces[piece]

    @property
    def gen_close(self) -> int | None:
        """The token that alone ends a gen, None where the marker is spelled."""
        return self.markers.get(grammar.GEN_CLOSE)

    @cached_property
    def never_text(self) -> Ids:
        """All ids that cannot stand in a gen (nor end it), sorted: special and empty tokens."""
        ids = [
            token
            for token in range(self.size)
            if not self.codec.token_bytes(token) and token != self.gen_close
        ]
        return np.array(ids, dtype=np.int64)

    @cached_property
    def not_in_text(self) -> Ids:
        """All ids that cannot stand inside a line: `never_text`, and the token that ends a gen."""
        closing = [] if self.gen_close is None else [self.gen_close]
        return np.union1d(self.never_text, np.array(closing, dtype=np.int64))

    def spell(self, text: bytes) -> list[int]:
        """Return tokens for a few bytes, the longest that fit first."""
        return spell(self.codec, text)


class Numbers:
    """The canonical encodings of 1, 2, 3, ... as a prefix tree that answers range questions."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._known = 0
        self._value: dict[tuple[int, ...], int] = {}
        # For each prefix the tokens that may follow, each with all numbers below it, rising.
        self._next: dict[tuple[int, ...], dict[int, list[int]]] = {(): {}}

    def value(self, path: tuple[int, ...]) -> int | None:
        """Return the number that these tokens spell, None where they spell none so far known."""
        return self._value.get(path)

    def tokens(self, number: int) -> tuple[int, ...]:
        """Return the canonical encoding of a number."""
        return tuple(encode_exactly(self._codec, str(number)))

    def following(self, path: tuple[int, ...], low: int, high: int) -> list[int]:
        """Return the tokens after `path` that keep a number within `low..high` reachable."""
        self._learn(high)
        legal = []
        for token, numbers in self._next.get(path, {}).items():
            index = bisect_left(numbers, low)
            if index < len(numbers) and numbers[index] <= high:
                legal.append(token)
        return legal

    def _learn(self, high: int) -> None:
        for number in range(self._known + 1, high + 1):
            path: tuple[int, ...] = ()
            for token in self.tokens(number):
                self._next[path].setdefault(token, []).append(number)
                path = (*path, token)
                self._next.setdefault(path, {})
            self._value[path] = number
        self._known = max(self._known, high)


def encode_exactly(codec: Codec, text: str) -> list[int]:
    """Return tokens whose bytes are exactly the text.

    Tokenizers that put a space before a text (SentencePiece's dummy prefix) would add a byte: there
    the text is encoded after a newline, which is then cut off; where even that does not come out,
    bytes are spelled. Text that the tokenizer normalises (or maps to unknown) is spelled too.
    """
    wanted = text.encode("utf-8", errors="replace")
    ids = codec.encode(text)
    if _bytes(codec, ids) == wanted:
        return ids
    ids = codec.encode("\n" + text)
    while ids and codec.token_bytes(ids[0]) in {b"", b" ", b"\n"}:
        is_newline = codec.token_bytes(ids[0]) == b"\n"
        ids = ids[1:]
        if is_newline:
            break
    if _bytes(codec, ids) == wanted:
        return ids
    return spell(codec, wanted)


def spell(codec: Codec, text: bytes) -> list[int]:
    """Return tokens for bytes, the longest that fit first; bytes without a token are left out."""
    table = _by_bytes(codec)
    ids: list[int] = []
    at = 0
    while at < len(text):
        for end in range(min(len(text), at + _LONGEST), at, -1):
            if (token := table.get(text[at:end])) is not None:
                ids.append(token)
                at = end
                break
        else:
            at += 1
    return ids


def longest_token(codec: Codec) -> int:
    """Return the number of bytes of the longest token."""
    return max(len(codec.token_bytes(token)) for token in range(codec.size))


_LONGEST = 16
_tables: WeakKeyDictionary[Codec, dict[bytes, int]] = WeakKeyDictionary()


def _by_bytes(codec: Codec) -> dict[bytes, int]:
    table = _tables.get(codec)
    if table is None:
        table = _tables[codec] = {}
        for token in range(codec.size):
            if text := codec.token_bytes(token):
                table.setdefault(text, token)
    return table


def _bytes(codec: Codec, ids: list[int]) -> bytes:
    return b"".join(map(codec.token_bytes, ids))
