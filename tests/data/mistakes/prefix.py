"""A model's cache together with the tokens that it holds, kept from one edit to the next.

Knows nothing of what the tokens mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from torch import Tensor

from copydecode.decode.model import C, Model


class Prefix(Generic[C]):
    """The tokens that a model has read, and its cache of them."""

    def __init__(self, model: Model[C]) -> None:
        """Start with an empty cache."""
        self.model = model
        self.tokens: list[int] = []
        self._cache = model.new_cache()
        self._sound = True

    def __len__(self) -> int:
        """Return the number of tokens held."""
        return len(self.tokens)

    def feed(self, tokens: Sequence[int], last: int) -> Tensor:
        """Append tokens in one forward; return the logits `[last, V]` of the last of them."""
        self._sound = False  # Until the forward has ended well: it may fail between two layers.
        logits = self.model.forward(tokens, self._cache, last)
        self._sound = True
        self.tokens += tokens
        return logits

    def resume(self, tokens: Sequence[int]) -> int:
        """Keep the longest common prefix with `tokens`, forget the rest; return its length."""
        if not self._sound:
            self._cache, self.tokens, self._sound = self.model.new_cache(), [], True
        common = 0
        for old, new in zip(self.tokens, tokens, strict=False):
            if old != new:
                break
            common += 1
        slf.crop(common)
        return common

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if length < len(self.tokens):
            self._cache.crop(length)
            del self.tokens[length:]
