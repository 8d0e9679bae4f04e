"""What a model remembers of the tokens so far: keys and values, for our own network.

Storage is allocated ahead and grows by doubling; cropping only moves the length. Knows nothing of
what the tokens mean.
"""

from __future__ import annotations

import math
import mmap
from typing import Protocol, Self

import torch
from torch import Tensor

from copydecode.decode.network import NetworkConfig

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

    def copy(self, length: int) -> Self:
        """Return another cache that holds the first `length` tokens."""
        ...


class KeyValueCache:
    """Keys and values of one sequence."""

    def __init__(self, config: NetworkConfig, *, dtype: torch.dtype, device: torch.device) -> None:
        self._config = config
        self._length = 0
        self._limit = config.max_position_embeddings
        capacity = min(_FIRST_CAPACITY, self._limit)
        heads, width = config.num_key_value_heads, config.head_dim
        shape = (config.num_hidden_layers, 2, heads, capacity, width)
        self._storage = _zeros(shape, dtype, device)

    @property
    def length(self) -> int:
        """The number of tokens held."""
        return self._length

    @property
    def nbytes(self) -> int:
        """The bytes of the storage, whether it is full or not."""
        return self._storage.nbytes

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens; the storage stays."""
        if not 0 <= length <= self._length:
            message = f"expected a length of at most {self._length}, got {length}"
            raise ValueError(message)
        self._length = length

    def copy(self, length: int) -> KeyValueCache:
        """Return another cache that holds the first `length` tokens, with as much room."""
        dtype, device = self._storage.dtype, self._storage.device
        copy = KeyValueCache(self._config, dtype=dtype, device=device)
        copy._reserve(max(length, self._storage.shape[3]))
        copy._storage[:, :, :, :length] = self._storage[:, :, :, :length]
        copy._length = length
        return copy

    @property
    def storage(self) -> Tensor:
        """Keys and values `[layers, 2, G, capacity, E]`; what lies behind `length` is nothing."""
        return self._storage

    def extend(self, count: int, spare: int = 0) -> int:
        """Make room for `count` more tokens and `spare` behind them.

        Returns:
            The position of the first. The caller writes the keys and values into `storage`, which
            may be another tensor than before; the `count` tokens count as held from here on.
        """
        start = self._length
        self._reserve(start + count + spare)
        self._length = start + count
        return start

    def _reserve(self, length: int) -> None:
        capacity = self._storage.shape[3]
        if length <= capacity:
            return
        old = self._storage
        wanted = max(length, min(2 * capacity, self._limit))
        self._storage = _zeros((*old.shape[:3], wanted, old.shape[4]), old.dtype, old.device)
        self._storage[:, :, :, : self._length] = old[:, :, :, : self._length]


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros; on a CPU on pages of their own, which go back to the system when it is dropped.

    From the heap, caches of many sizes that come and go leave holes: over 1,000 edits they were
    three times as large as what was held. Pages that nobody wrote to take no memory either.
    """
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    count = math.prod(shape)
    pages = mmap.mmap(-1, max(1, count * dtype.itemsize))
    return torch.frombuffer(pages, dtype=dtype, count=count).view(shape)
