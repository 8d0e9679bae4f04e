"""Caches together with the tokens that they hold, kept from one request to the next.

A `Prefix` is one sequence; a `PrefixPool` keeps several, bounded in bytes, and lends the one that
has most in common with a prompt. Nothing is ever copied: a decode crops the sequence that it got to
what is common and goes on from there. Knows nothing of what the tokens mean.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic

from torch import Tensor

from copydecode.decode.model import C, Model


class Prefix(Generic[C]):
    """The tokens that a model has read, and its cache of them."""

    def __init__(self, model: Model[C], grown: Callable[[], None] = lambda: None) -> None:
        """Start with an empty cache; `grown` is called after each forward, also a failed one."""
        self.model = model
        self.tokens: list[int] = []
        self._cache = model.new_cache()
        self._grown = grown
        self._sound = True

    def __len__(self) -> int:
        """Return the number of tokens held."""
        return len(self.tokens)

    @property
    def nbytes(self) -> int:
        """The bytes of the cache's storage."""
        return self._cache.nbytes

    def feed(self, tokens: Sequence[int], last: int) -> Tensor:
        """Append tokens in one forward; return the logits `[last, V]` of the last of them."""
        try:
            logits = self.model.forward(tokens, self._cache, last)
        except BaseException:
            # It may have failed between two layers: nothing of the cache can be used.
            self.tokens.clear()
            self._sound = False
            raise
        finally:
            self._grown()
        self.tokens += tokens
        return logits

    def common(self, tokens: Sequence[int]) -> int:
        """Return the length of the longest common prefix with `tokens`."""
        common = 0
        for old, new in zip(self.tokens, tokens, strict=False):
            if old != new:
                break
            common += 1
        return common

    def resume(self, tokens: Sequence[int]) -> int:
        """Keep the longest common prefix with `tokens`, forget the rest; return its length."""
        if not self._sound:
            self._cache, self._sound = self.model.new_cache(), True
        common = self.common(tokens)
        self.crop(common)
        return common

    def read(self, tokens: Sequence[int], chunk: int, cancelled: Callable[[], bool]) -> int:
        """Hold `tokens`, fed in forwards of at most `chunk`; return how many of them are held.

        `cancelled` is asked before each forward; what was read before it said so is kept. Where all
        are held already, what follows them stays, too.
        """
        at = self.common(tokens)
        if at < len(tokens):
            self.resume(tokens)
        while at < len(tokens) and not cancelled():
            block = tokens[at : at + chunk]
            self.feed(block, last=0)
            at += len(block)
        return at

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if length < len(self.tokens):
            self._cache.crop(length)
            del self.tokens[length:]


@dataclass(eq=False, slots=True)
class _Entry(Generic[C]):
    """One sequence of a pool; `head` and `shared` are those of the prompt it was last lent for."""

    prefix: Prefix[C]
    head: int
    shared: int
    owner: Hashable | None


class PrefixPool(Generic[C]):
    """Several sequences of one model, the least recently used dropped first.

    At most `max_bytes` of storage are held, also in the middle of a decode, but for the sequence
    in use: it has to be held anyway, so it stays however large it is. One is in use at a time.
    """

    def __init__(self, model: Model[C], max_bytes: int) -> None:
        self.model = model
        self.max_bytes = max_bytes
        self._entries: list[_Entry[C]] = []  # Least recently used first; the last is in use.
        self._idle_bytes = 0  # Storage of all but the last: only the one in use changes.

    def __len__(self) -> int:
        """Return the number of sequences held."""
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """The bytes of all storage held; may be asked for from any thread."""
        return sum(entry.prefix.nbytes for entry in tuple(self._entries))

    def lend(
        self, tokens: Sequence[int], *, head: int, shared: int, owner: Hashable | None = None
    ) -> Prefix[C]:
        """Return the sequence to go on from for a prompt; it is in use until the next call.

        That is the one with the longest common prefix, if it keeps at least half of its document
        that way; otherwise the one of the same owner, whose document is an older version of this;
        otherwise a new one, so that the first edit in one document costs no other document's
        cache.

        Args:
            tokens: the prompt.
            head: how many of its tokens every prompt begins with.
            shared: how many of them do not depend on the instruction: head and document.
            owner: what the document is known by, whatever its version; None where it is not known.
        """
        entry = self._best(tokens, owner)
        if entry is None:
            entry = _Entry(Prefix(self.model, self._make_room), head, shared, owner)
        else:
            self._entries.remove(entry)
            entry.head, entry.shared, entry.owner = head, shared, owner
        self._idle_bytes = self.nbytes
        self._entries.append(entry)
        self._make_room()
        return entry.prefix

    def _best(self, tokens: Sequence[int], owner: Hashable | None) -> _Entry[C] | None:
        best: _Entry[C] | None = None
        longest = -1
        for entry in self._entries:
            common = entry.prefix.common(tokens)
            if common >= longest:  # Of equals the one used last.
                best, longest = entry, common
        if best is not None and _keeps_half(best, longest):
            return best
        same = [entry for entry in self._entries if owner is not None and entry.owner == owner]
        return same[-1] if same else None

    def _make_room(self) -> None:
        """Drop sequences, the least recently used first, until the rest is within the bound."""
        while len(self._entries) > 1 and (
            self._idle_bytes + self._entries[-1].prefix.nbytes > self.max_bytes
        ):
            self._idle_bytes -= self._entries.pop(0).prefix.nbytes


def _keeps_half(entry: _Entry[C], common: int) -> bool:
    """Return whether an entry keeps at least half of its document where `common` tokens stay."""
    held = max(0, min(entry.shared, len(entry.prefix)) - entry.head)
    return 2 * max(0, common - entry.head) >= held
