"""Caches together with the tokens that they hold, kept from one request to the next.

A `Prefix` is one sequence; a `PrefixPool` keeps several, bounded in bytes, and lends the one that
has most in common with a prompt. A decode crops the sequence that it got to what is common and goes
on from there; only what a decode under way holds is copied, for another one that needs it, too.
Knows nothing of what the tokens mean.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic

from torch import Tensor

from copydecode.decode.model import C, Model, SharingModel


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

    def copy(self, length: int, grown: Callable[[], None]) -> Prefix[C]:
        """Return another sequence that holds the first `length` tokens; `grown` is its own."""
        copy = Prefix(self.model, grown)
        copy._cache = self._cache.copy(length)
        copy.tokens = self.tokens[:length]
        return copy

    def common(self, tokens: Sequence[int]) -> int:
        """Return the length of the longest common prefix with `tokens`."""
        return _common(self.tokens, tokens)

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


def feed_together(blocks: Sequence[tuple[Prefix[C], Sequence[int], int]]) -> list[Tensor]:
    """Append tokens to several sequences of one model in one forward; it has to be able to.

    Each block is a sequence, its tokens, and of how many of the last of them logits are wanted.
    Where the forward fails, all sequences are as they were before.

    Returns:
        For each the logits `[last, V]`.
    """
    model = blocks[0][0].model
    assert isinstance(model, SharingModel)  # noqa: S101  # the caller has asked
    try:
        logits: list[Tensor] = model.forward_together(
            [(tokens, prefix._cache, last) for prefix, tokens, last in blocks]  # noqa: SLF001
        )
    except BaseException:
        for prefix, _, _ in blocks:
            prefix._cache.crop(len(prefix))  # noqa: SLF001
        raise
    finally:
        for prefix, _, _ in blocks:
            prefix._grown()  # noqa: SLF001
    for prefix, tokens, _ in blocks:
        prefix.tokens += tokens
    return logits


@dataclass(eq=False, slots=True)
class _Entry(Generic[C]):
    """One sequence of a pool; what else is said is of the prompt that it was last lent for.

    `turn` counts the loans of the pool.
    """

    prefix: Prefix[C]
    prompt: Sequence[int]
    head: int
    shared: int
    owner: Hashable | None
    turn: int = 0


class PrefixPool(Generic[C]):
    """Several sequences of one model, the least recently used dropped first.

    At most `max_bytes` of storage are held, also in the middle of a decode, but for the sequences
    in use: they have to be held anyway, so they stay however large they are.
    """

    def __init__(self, model: Model[C], max_bytes: int) -> None:
        self.model = model
        self.max_bytes = max_bytes
        self._idle: list[_Entry[C]] = []  # Least recently used first.
        self._lent: list[_Entry[C]] = []
        self._idle_bytes = 0  # Only the storage of those in use changes.
        self._turn = 0

    def __len__(self) -> int:
        """Return the number of sequences held."""
        return len(self._idle) + len(self._lent)

    @property
    def nbytes(self) -> int:
        """The bytes of all storage held; may be asked for from any thread."""
        return sum(entry.prefix.nbytes for entry in (*self._idle, *self._lent))

    @contextmanager
    def lent(
        self, tokens: Sequence[int], *, head: int, shared: int, owner: Hashable | None = None
    ) -> Iterator[Prefix[C]]:
        """Lend a sequence for the block, as `lend` and `give_back` do."""
        prefix = self.lend(tokens, head=head, shared=shared, owner=owner)
        try:
            yield prefix
        finally:
            self.give_back(prefix)

    def lend(
        self, tokens: Sequence[int], *, head: int, shared: int, owner: Hashable | None = None
    ) -> Prefix[C]:
        """Return the sequence to go on from for a prompt; it is in use until it is given back.

        That is the idle one with the longest common prefix, if it keeps at least half of its
        document that way; otherwise the idle one of the same owner, whose document is an older
        version of this; otherwise a new one, so that the first edit in one document costs no other
        document's cache. Where a sequence in use has more than twice as much in common, it is a
        copy of that part: 640 tokens of the embedded model are copied in 5 ms and read in 63.

        Args:
            tokens: the prompt.
            head: how many of its tokens every prompt begins with.
            shared: how many of them do not depend on the instruction: head and document.
            owner: what the document is known by, whatever its version; None where it is not known.
        """
        entry = self._best(tokens, owner)
        held = 0 if entry is None else entry.prefix.common(tokens)
        in_use = max((other.prefix.common(tokens) for other in self._lent), default=0)
        if in_use > 2 * held:
            source = next(e.prefix for e in self._lent if e.prefix.common(tokens) == in_use)
            entry = _Entry(source.copy(in_use, self._make_room), tokens, head, shared, owner)
        elif entry is None:
            entry = _Entry(Prefix(self.model, self._make_room), tokens, head, shared, owner)
        else:
            self._idle.remove(entry)
            entry.prompt, entry.head, entry.shared, entry.owner = tokens, head, shared, owner
        self._turn += 1
        entry.turn = self._turn
        self._lent.append(entry)
        self._count_idle()
        return entry.prefix

    def is_coming(self, tokens: Sequence[int]) -> bool:
        """Return whether a sequence in use will soon hold so much of a prompt that it is copied."""
        held = max((entry.prefix.common(tokens) for entry in (*self._idle, *self._lent)), default=0)
        return any(
            len(entry.prefix) < common
            for entry in self._lent
            if (common := _common(entry.prompt, tokens)) > 2 * held
        )

    def give_back(self, prefix: Prefix[C]) -> None:
        """Take back a sequence that was lent.

        Of several that hold one document, because they were in use at the same time, the one that
        was lent last is kept.
        """
        entry = next(entry for entry in self._lent if entry.prefix is prefix)
        self._lent.remove(entry)
        same = [other for other in self._idle if _same_document(entry, other)]
        newest = max([entry, *same], key=lambda one: one.turn)
        self._idle = [other for other in self._idle if other not in same]
        self._idle.append(newest)
        self._count_idle()

    def _count_idle(self) -> None:
        self._idle_bytes = sum(entry.prefix.nbytes for entry in self._idle)
        self._make_room()

    def _best(self, tokens: Sequence[int], owner: Hashable | None) -> _Entry[C] | None:
        """Return the idle sequence to go on from, if there is one."""
        best: _Entry[C] | None = None
        longest = -1
        for entry in self._idle:
            common = entry.prefix.common(tokens)
            if common >= longest:  # Of equals the one used last.
                best, longest = entry, common
        if best is not None and _keeps_half(best, longest):
            return best
        same = [entry for entry in self._idle if owner is not None and entry.owner == owner]
        return same[-1] if same else None

    def _make_room(self) -> None:
        """Drop idle sequences, the least recently used first, until the rest is within the bound.

        The newest stays where nothing is in use.
        """
        least = 0 if self._lent else 1
        room = self.max_bytes - sum(entry.prefix.nbytes for entry in self._lent)
        while len(self._idle) > least and self._idle_bytes > room:
            self._idle_bytes -= self._idle.pop(0).prefix.nbytes


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    common = 0
    for old, new in zip(one, other, strict=False):
        if old != new:
            break
        common += 1
    return common


def _same_document(one: _Entry[C], other: _Entry[C]) -> bool:
    """Return whether two sequences are of one document, by its owner or by all its tokens."""
    if one.owner is not None or other.owner is not None:
        return one.owner == other.owner
    return one.shared == other.shared <= one.prefix.common(other.prefix.tokens)


def _keeps_half(entry: _Entry[C], common: int) -> bool:
    """Return whether an entry keeps at least half of its document where `common` tokens stay."""
    held = max(0, min(entry.shared, len(entry.prefix)) - entry.head)
    return 2 * max(0, common - entry.head) >= held
