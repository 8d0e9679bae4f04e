"""The network with shapes that do not depend on how much is cached, as a GPU wants them.

Blocks are padded to a few sizes, positions are a tensor, keys and values are written by index, and
attention goes over the whole capacity of the cache under a mask. So a forward of one size is always
the same sequence of kernels on the same memory, and CUDA records it once and replays it without
Python (a CUDA graph). Arithmetic is `Network`'s own. Runs on any device; only CUDA records. Knows
nothing of training, files or what tokens mean.

Shapes: `T` tokens of the block, `C` capacity of the cache, `H` query heads, `G` key-value heads,
`R = H / G`, `E` head width, `V` vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional

from copydecode.decode.cache import KeyValueCache
from copydecode.decode.network import Network

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""What blocks are padded to; longer ones, such as prompts, run as they are."""

Run = Callable[[Tensor, Tensor], Tensor]
"""`(tokens [T], positions [T]) -> logits [T, V]`."""


class StaticNetwork:
    """A network on a device, decoding over one sequence."""

    def __init__(self, network: Network, dtype: torch.dtype, device: torch.device) -> None:
        """Move the network to the device, its weights to `dtype`: there is no second copy."""
        self._device = device
        self._network = network.to(device).eval()
        self._repeats = network.config.num_attention_heads // network.config.num_key_value_heads
        self._context = network.config.max_position_embeddings
        self._recordings: WeakKeyDictionary[KeyValueCache, _Recordings] = WeakKeyDictionary()
        self._pool: Any = None  # The memory that all graphs share: they never run at once.
        for parameter in self._network.parameters():
            # Weights only: the table of rotary positions stays fp32.
            parameter.data = parameter.data.to(dtype)
            parameter.requires_grad = False

    def forward(self, tokens: Tensor, cache: KeyValueCache, last: int) -> Tensor:
        """Append tokens `[T]` to the cache; return the logits `[last, V]` of the last, fp32."""
        count = len(tokens)
        size = next((size for size in SIZES if size >= count), count)
        if cache.length + size > self._context:
            size = count
        start = cache.extend(count, spare=size - count)
        # What follows a block's end is never seen and soon written over, so any token pads.
        tokens = functional.pad(tokens, (0, size - count))
        positions = torch.arange(start, start + size, device=self._device)
        if self._device.type == "cuda" and size in SIZES:
            logits = self._replay(tokens, positions, cache)
        else:
            logits = self._run(tokens, positions, cache.storage)
        # A copy: the next replay writes over the logits.
        return logits[count - last : count].to(torch.float32, copy=True)

    def _run(self, tokens: Tensor, positions: Tensor, storage: Tensor) -> Tensor:
        """Write tokens `[T]` at `positions [T]` of the storage; return logits `[T, V]`."""
        held = torch.arange(storage.shape[3], device=self._device)
        mask = held <= positions[:, None]  # [T, C]
        mask = mask.repeat(self._repeats, 1)  # [R T, C]

        def attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values = storage[layer, 0], storage[layer, 1]  # [G, C, E]
            keys.index_copy_(1, positions, k[0])
            values.index_copy_(1, positions, v[0])
            # The query heads of one key-value head are taken as more rows: nothing is repeated.
            rows = q.reshape(1, len(keys), -1, q.shape[3])  # [1, G, R T, E]
            out = functional.scaled_dot_product_attention(
                rows, keys[None], values[None], attn_mask=mask
            )
            return out.view(q.shape)

        hidden = self._network.hidden(tokens[None], positions[None], attention)
        return self._network.logits(hidden[0])

    def _replay(self, tokens: Tensor, positions: Tensor, cache: KeyValueCache) -> Tensor:
        """Do as `_run` by a recording of it, made where there is none for this size and storage."""
        storage = cache.storage
        recordings = self._recordings.get(cache)
        if recordings is None or recordings.storage is not storage:  # New, or it has grown.
            recordings = self._recordings[cache] = _Recordings(storage)
        recording = recordings.by_size.get(len(tokens))
        if recording is None:
            self._pool = self._pool or torch.cuda.graph_pool_handle()

            def run(tokens: Tensor, positions: Tensor) -> Tensor:
                return self._run(tokens, positions, storage)

            recording = _Recording(run, tokens, positions, self._pool)
            recordings.by_size[len(tokens)] = recording
        return recording.replay(tokens, positions)


@dataclass(slots=True)
class _Recordings:
    """The recorded forwards over one cache's storage."""

    storage: Tensor
    by_size: dict[int, _Recording] = field(default_factory=dict)


class _Recording:
    """One forward as a CUDA graph, with the tensors that it reads and writes."""

    def __init__(self, run: Run, tokens: Tensor, positions: Tensor, pool: Any) -> None:  # noqa: ANN401  # torch gives the pool no type
        self._tokens, self._positions = tokens.clone(), positions.clone()
        # Kernels are chosen in a first run, which must not be recorded. It writes what the replay
        # will write again, so the cache stays right.
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # of torch
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            run(self._tokens, self._positions)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._logits = run(self._tokens, self._positions)

    def replay(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Run the recording; return logits `[T, V]`, which the next replay of any overwrites."""
        self._tokens.copy_(tokens)
        self._positions.copy_(positions)
        self._graph.replay()
        return self._logits
