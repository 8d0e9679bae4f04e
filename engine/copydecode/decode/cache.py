"""What a model remembers of the tokens so far: keys and values, for our own network.

Storage is allocated ahead and grows by doubling; cropping only moves the length. Knows nothing of
what the tokens mean.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # the usual name

from copydecode.decode.network import Attention, NetworkConfig

_FIRST_CAPACITY = 512


class Cache(Protocol):
    """What a model remembers of the tokens that it was fed."""

    @property
    def length(self) -> int:
        """The number of tokens held."""
        ...

    @property
    def nbytes(self) -> int:
        """The bytes of the storage, whether it is full or not."""
        ...

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        ...


class KeyValueCache:
    """Keys and values `[layers, 1, G, capacity, E]` of one sequence."""

    def __init__(self, config: NetworkConfig, *, dtype: torch.dtype, device: torch.device) -> None:
        self._length = 0
        self._limit = config.max_position_embeddings
        self._repeats = config.num_attention_heads // config.num_key_value_heads
        capacity = min(_FIRST_CAPACITY, self._limit)
        shape = (config.num_hidden_layers, 1, config.num_key_value_heads, capacity, config.head_dim)
        self._keys = torch.zeros(shape, dtype=dtype, device=device)
        self._values = torch.zeros(shape, dtype=dtype, device=device)

    @property
    def length(self) -> int:
        """The number of tokens held."""
        return self._length

    @property
    def nbytes(self) -> int:
        """The bytes of the storage, whether it is full or not."""
        return self._keys.nbytes + self._values.nbytes

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens; the storage stays."""
        if not 0 <= length <= self._length:
            message = f"expected a length of at most {self._length}, got {length}"
            raise ValueError(message)
        self._length = length

    def extend(self, count: int) -> tuple[Tensor, Attention]:
        """Make room for `count` more tokens.

        Returns:
            Their positions `[1, count]`, and the attention that stores their keys and values and
            lets each see all tokens up to itself. The tokens count as held from here on.
        """
        start, end = self._length, self._length + count
        self._reserve(end)
        device = self._keys.device
        positions = torch.arange(start, end, device=device)
        mask: Tensor | None = None  # One token sees all: no mask is the fast way.
        if count > 1:
            seen = torch.arange(end, device=device)[None, :] <= positions[:, None]  # [T, S]
            mask = seen.repeat(self._repeats, 1)  # [H / G * T, S]
        self._length = end

        def attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            self._keys[layer, :, :, start:end] = k
            self._values[layer, :, :, start:end] = v
            keys = self._keys[layer, :, :, :end]  # [1, G, S, E]
            values = self._values[layer, :, :, :end]
            # The query heads of one key-value head are taken as more rows, so that nothing is
            # repeated in memory: [1, H, T, E] -> [1, G, H / G * T, E].
            rows = q.reshape(1, keys.shape[1], self._repeats * count, q.shape[3])
            out = F.scaled_dot_product_attention(rows, keys, values, attn_mask=mask)
            return out.view(q.shape)

        return positions[None, :], attention

    def _reserve(self, length: int) -> None:
        capacity = self._keys.shape[3]
        if length <= capacity:
            return
        wanted = max(length, min(2 * capacity, self._limit))
        for name in ("_keys", "_values"):
            old: Tensor = getattr(self, name)
            new = old.new_zeros((*old.shape[:3], wanted, old.shape[4]))
            new[:, :, :, : self._length] = old[:, :, :, : self._length]
            setattr(self, name, new)
