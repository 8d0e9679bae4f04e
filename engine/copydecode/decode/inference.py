"""The network as a CPU decodes with it: the same function as `Network`, in fewer and faster steps.

At a few million parameters a forward of one token is not arithmetic but the cost of calling, so the
layers are a flat sequence of torch calls: queries, keys and values are one product, gate and up are
one, the rotation is one complex multiplication, sums go in place, and the last layer computes only
the rows that are asked for. Several sequences can share a forward. Built once from a `Network`,
which stays the truth. Knows nothing of training, files or what tokens mean.

Shapes: `T` tokens of the block, `S` tokens held after it, `D` width, `H` query heads, `G` key-value
heads, `R = H / G`, `E` head width, `V` vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from copydecode.decode.cache import KeyValueCache
from copydecode.decode.linear import Linear, MakeLinear
from copydecode.decode.network import Layer, Network, RMSNorm, rotation_table


class Norm:
    """RMSNorm by its definition, `x w / sqrt(mean(x^2) + eps)`, in four cheap calls.

    torch's own is nine on a CPU. With `n = |x|` the root is `hypot(n, sqrt(eps D)) / sqrt(D)`.
    """

    def __init__(self, scale: Tensor, eps: float) -> None:
        width = scale.shape[-1]
        self._scale = scale.float() * math.sqrt(width)
        self._least = torch.tensor(math.sqrt(eps * width))

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise over the last dimension."""
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return torch.div(x, torch.hypot(length, self._least)).mul_(self._scale)


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of one layer, as its steps use them."""

    input_norm: Norm
    qkv: Linear  # [T, D] -> [T, (H + 2 G) E]
    head_norm: Norm | None  # of queries and keys together, [T, H + G, E]
    out: Linear
    feed_norm: Norm
    gate_up: Linear
    down: Linear


Part = tuple[Tensor, KeyValueCache, int]
"""Tokens `[T]`, the cache of their sequence, and of how many of the last logits are wanted."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the block of one sequence stands, and each layer's part of its cache."""

    rows: int  # of the last layer that are wanted
    rotation: Tensor  # [T, 1, E / 2], complex
    mask: Tensor | None  # [T R, S], added to the scores; None where one token sees all
    room: Sequence[Tensor]  # where the block's keys and values go, [2, T, G, E] each
    seen: Sequence[Tensor]  # all keys and values, [2, 1, G, S, E] each


class InferenceNetwork:
    """A network's layers and head over one sequence or several, in fp32."""

    def __init__(self, network: Network, make: MakeLinear) -> None:
        """Lay the weights out; `make` prepares each product.

        `network` keeps its values, and shares what of its storage it can.
        """
        config = network.config
        self._queries, self._groups = config.num_attention_heads, config.num_key_value_heads
        self._repeats = self._queries // self._groups
        self._width = config.head_dim
        with torch.no_grad():
            self._layers = [self._lay_out(layer, make) for layer in network.model.layers]  # type: ignore[arg-type]  # a ModuleList's items are Modules
            self._norm = _norm(network.model.norm)
            self._embedding = network.model.embed_tokens.weight.detach().float()
            head = self._embedding if config.tie_word_embeddings else network.lm_head.weight
            self._head = make(head.detach().float(), None)
        cos, sin = rotation_table(config)
        half = config.head_dim // 2
        self._rotation = torch.complex(cos[:, None, :half], sin[:, None, :half])

    def forward(self, tokens: Tensor, cache: KeyValueCache, last: int) -> Tensor:
        """Append tokens `[T]` to the cache; return the logits `[last, V]` of the last of them."""
        return self.forward_together([(tokens, cache, last)])

    def forward_together(self, parts: Sequence[Part]) -> Tensor:
        """Append tokens to several caches, each another; return their logits, one below the other.

        All rows are one matrix to the products, which read the weights once. Attention is each
        sequence's own, in the shapes that it has alone.
        """
        places = [self._place(cache, len(tokens), last) for tokens, cache, last in parts]
        tokens = _joined([tokens for tokens, _, _ in parts])
        rotation = _joined([place.rotation for place in places])
        x = functional.embedding(tokens, self._embedding)  # [T of all, D]
        final = len(self._layers) - 1
        for index in range(final):
            x = self._step(index, x, rotation, places, [len(place.rotation) for place in places])
        x = self._step(final, x, rotation, places, [place.rows for place in places])
        return self._head(self._norm(x))

    def _place(self, cache: KeyValueCache, count: int, rows: int) -> _Place:
        """Make room for a block of `count` tokens."""
        start = cache.extend(count)
        end = start + count
        mask = None
        if count > 1:
            mask = torch.full((count, end), float("-inf")).triu_(start + 1)
            mask = mask.repeat_interleave(self._repeats, 0)
        return _Place(
            rows=rows,
            rotation=self._rotation[start:end],
            mask=mask,
            room=cache.storage[:, :, :, start:end].transpose(2, 3).unbind(),
            seen=cache.storage[:, :, None, :, :end].unbind(),
        )

    def _step(
        self, index: int, x: Tensor, rotation: Tensor, places: Sequence[_Place], rows: Sequence[int]
    ) -> Tensor:
        """Run one layer on `x [T of all, D]`, which it may change.

        Returns the last `rows` of each sequence's.
        """
        layer, queries = self._layers[index], self._queries
        heads = layer.qkv(layer.input_norm(x)).view(len(x), -1, self._width)  # [T, H + 2 G, E]
        turning = heads[:, : queries + self._groups]
        if layer.head_norm is not None:
            turning = layer.head_norm(turning)
        turned = (turning.view(torch.complex64) * rotation).view(torch.float32)
        outs: list[Tensor] = []
        kept: list[Tensor] = []
        end = 0
        for place, wanted in zip(places, rows, strict=True):
            start, end = end, end + len(place.rotation)
            keys, values = place.room[index].unbind()
            keys.copy_(turned[start:end, queries:])
            values.copy_(heads[start:end, queries + self._groups :])
            kept.append(x[end - wanted : end])
            if wanted:
                outs.append(self._attend(turned[end - wanted : end, :queries], index, place))
        if not outs:
            return x[len(x) :]
        if sum(rows) < len(x):
            x = _joined(kept)
        x.add_(layer.out(_joined(outs)))
        gate, up = layer.gate_up(layer.feed_norm(x)).chunk(2, dim=-1)
        return x.add_(layer.down(functional.silu(gate, inplace=True).mul_(up)))

    def _attend(self, q: Tensor, index: int, place: _Place) -> Tensor:
        """Return what a sequence's last rows `q [rows, H, E]` see, `[rows, H E]`."""
        rows = len(q)
        # The query heads of one key-value head are taken as more rows: nothing is repeated.
        q = q.view(rows, self._groups, self._repeats, self._width)
        q = q.transpose(0, 1).reshape(1, self._groups, rows * self._repeats, self._width)
        skipped = len(place.rotation) - rows
        mask = None if place.mask is None else place.mask[skipped * self._repeats :]
        keys, values = place.seen[index].unbind()
        out = functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
        return out.view(self._groups, rows, -1).transpose(0, 1).reshape(rows, -1)

    def _lay_out(self, layer: Layer, make: MakeLinear) -> _Layer:
        attention, feed = layer.self_attn, layer.mlp
        q_weight, q_bias = self._paired(attention.q_proj)
        k_weight, k_bias = self._paired(attention.k_proj)
        bias = None
        if q_bias is not None and k_bias is not None:
            bias = torch.cat((q_bias, k_bias, attention.v_proj.bias.float()))
        head_norm = None
        if attention.normed:
            pairs = _pairs(self._width)
            q_scale = attention.q_norm.weight[pairs].expand(self._queries, -1)
            k_scale = attention.k_norm.weight[pairs].expand(self._groups, -1)
            head_norm = Norm(torch.cat((q_scale, k_scale)), attention.q_norm.eps)
        gate_up = torch.cat((feed.gate_proj.weight, feed.up_proj.weight))
        feed.gate_proj.weight.data, feed.up_proj.weight.data = gate_up.chunk(2)  # Not held twice.
        return _Layer(
            input_norm=_norm(layer.input_layernorm),
            qkv=make(torch.cat((q_weight, k_weight, attention.v_proj.weight.float())), bias),
            head_norm=head_norm,
            out=make(attention.o_proj.weight.detach().float(), None),
            feed_norm=_norm(layer.post_attention_layernorm),
            gate_up=make(gate_up.float(), None),
            down=make(feed.down_proj.weight.detach().float(), None),
        )

    def _paired(self, projection: nn.Linear) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias with each head's outputs in the order of `_pairs`."""
        order = torch.arange(projection.out_features).view(-1, self._width)
        order = order[:, _pairs(self._width)].flatten()
        bias: Tensor | None = projection.bias
        return projection.weight.float()[order], None if bias is None else bias.float()[order]


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Return rows one below the other; those of one sequence are not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _norm(norm: RMSNorm) -> Norm:
    return Norm(norm.weight.detach(), norm.eps)


def _pairs(width: int) -> Tensor:
    """Return the order of a head's dimensions that puts those which turn together side by side.

    Hugging Face turns dimension `i` with `i + E / 2`. Queries and keys are put in the same order,
    so their products stay; a pair is then one complex number.
    """
    return torch.arange(width).view(2, -1).t().flatten()
