"""The network with shapes that do not depend on how much is cached, as a GPU wants them.

Positions are a tensor, keys and values are written by index, and attention goes over the whole
capacity of the cache under a mask, so that a forward of one size is always the same sequence of
kernels. Arithmetic is `Network`'s own. Knows nothing of training, files or what tokens mean.

Shapes: `T` tokens of the block, `C` capacity of the cache, `H` query heads, `G` key-value heads,
`R = H / G`, `E` head width, `V` vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from copydecode.decode.cache import KeyValueCache
from copydecode.decode.network import Network


class StaticNetwork:
    """A network on a device, decoding over one sequence."""

    def __init__(self, network: Network, dtype: torch.dtype, device: torch.device) -> None:
        """Move the network to the device, its weights to `dtype`: there is no second copy."""
        self._device = device
        self._network = network.to(device).eval()
        self._repeats = network.config.num_attention_heads // network.config.num_key_value_heads
        for parameter in self._network.parameters():
            # Weights only: the table of rotary positions stays fp32.
            parameter.data = parameter.data.to(dtype)
            parameter.requires_grad = False

    def forward(self, tokens: Tensor, cache: KeyValueCache, last: int) -> Tensor:
        """Append tokens `[T]` to the cache; return the logits `[last, V]` of the last, fp32."""
        count = len(tokens)
        start = cache.extend(count)
        positions = torch.arange(start, start + count, device=self._device)
        return self._run(tokens, positions, cache.storage)[count - last :].float()

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
