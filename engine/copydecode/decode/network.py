"""The decoder-only network that the embedded model runs on: Qwen3, Qwen2 and Llama, in torch alone.

Parameter names and arithmetic are those of Hugging Face transformers (`Qwen3ForCausalLM` and kin),
so that its checkpoints load here and ours load there. One class serves decoding and training: who
attends to what is decided by the caller's `Attention`, which gets queries, keys and values with
positions already applied. Knows nothing of tokens' meaning, caches or files.

Shapes: `B` batch, `T` tokens, `D` width, `H` query heads, `G` key-value heads, `E` head width,
`V` vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from copydecode.errors import ModelFormatError

Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""`(layer, q [B, H, T, E], k [B, G, T, E], v [B, G, T, E]) -> [B, H, T, E]`."""

FAMILIES = ("llama", "qwen2", "qwen3")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The fields of a Hugging Face `config.json` that the arithmetic depends on."""

    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float
    rope_theta: float
    max_position_embeddings: int
    tie_word_embeddings: bool

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Read the fields from a parsed `config.json`.

        Raises:
            ModelFormatError: an unknown family, a missing field, or an unsupported option.
        """
        family = values.get("model_type")
        if family not in FAMILIES:
            message = f"expected a model_type of {', '.join(FAMILIES)}, found {family!r}"
            raise ModelFormatError(message)
        rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
        if rope.get("rope_type", "default") != "default":
            message = f"expected plain rotary positions, found rope_type {rope['rope_type']!r}"
            raise ModelFormatError(message)
        if values.get("use_sliding_window"):
            message = "expected full attention, found use_sliding_window"
            raise ModelFormatError(message)
        try:
            return cls(
                model_type=family,
                vocab_size=values["vocab_size"],
                hidden_size=values["hidden_size"],
                intermediate_size=values["intermediate_size"],
                num_hidden_layers=values["num_hidden_layers"],
                num_attention_heads=values["num_attention_heads"],
                num_key_value_heads=values["num_key_value_heads"],
                head_dim=values.get("head_dim")
                or values["hidden_size"] // values["num_attention_heads"],
                rms_norm_eps=values["rms_norm_eps"],
                rope_theta=values.get("rope_theta") or rope["rope_theta"],
                max_position_embeddings=values["max_position_embeddings"],
                tie_word_embeddings=values.get("tie_word_embeddings", False),
            )
        except KeyError as error:
            message = f"expected the field {error} in config.json, found none"
            raise ModelFormatError(message) from error

    def as_json(self) -> dict[str, Any]:
        """Return a `config.json` that transformers loads."""
        return {
            "architectures": [f"{self.model_type.capitalize()}ForCausalLM"],
            "model_type": self.model_type,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_parameters": {"rope_type": "default", "rope_theta": self.rope_theta},
            "max_position_embeddings": self.max_position_embeddings,
            "tie_word_embeddings": self.tie_word_embeddings,
            "hidden_act": "silu",
            "attention_bias": self.model_type == "qwen2",
            "attention_dropout": 0.0,
            "use_cache": True,
        }


class RMSNorm(nn.Module):
    """Root mean square normalisation with a learnt scale, computed in fp32."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last dimension."""
        return functional.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class SelfAttention(nn.Module):
    """Projections, optional norms of queries and keys, rotary positions; attending is not here."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        queries = config.num_attention_heads * config.head_dim
        keys = config.num_key_value_heads * config.head_dim
        bias = config.model_type == "qwen2"
        self.q_proj = nn.Linear(config.hidden_size, queries, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, keys, bias=bias)
        self.v_proj = nn.Linear(config.hidden_size, keys, bias=bias)
        self.o_proj = nn.Linear(queries, config.hidden_size, bias=False)
        if config.model_type == "qwen3":
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.normed = config.model_type == "qwen3"

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], layer: int, attention: Attention
    ) -> Tensor:
        """Map `x [B, T, D]` to `[B, T, D]`."""
        heads = (*x.shape[:2], -1, self.head_dim)
        q = self.q_proj(x).view(heads)
        k = self.k_proj(x).view(heads)
        v = self.v_proj(x).view(heads).transpose(1, 2)
        if self.normed:
            q, k = self.q_norm(q), self.k_norm(k)
        q = rotate(q.transpose(1, 2), rotation)
        k = rotate(k.transpose(1, 2), rotation)
        out = attention(layer, q, k, v)
        return self.o_proj(out.transpose(1, 2).reshape(*x.shape[:2], -1))  # type: ignore[no-any-return]  # nn.Module calls are Any


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map `x [B, T, D]` to `[B, T, D]`."""
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))  # type: ignore[no-any-return]  # nn.Module calls are Any


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = SelfAttention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = FeedForward(config)

    def forward(
        self, x: Tensor, rotation: tuple[Tensor, Tensor], layer: int, attention: Attention
    ) -> Tensor:
        """Map `x [B, T, D]` to `[B, T, D]`."""
        x = x + self.self_attn(self.input_layernorm(x), rotation, layer, attention)
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]  # nn.Module calls are Any


class Decoder(nn.Module):
    """Embedding, layers and final norm; the module that Hugging Face calls `model`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Network(nn.Module):
    """The whole network: `hidden` runs the layers, `logits` the head."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        cos, sin = rotation_table(config)
        self.register_buffer("_cos", cos, persistent=False)
        self.register_buffer("_sin", sin, persistent=False)

    @classmethod
    def of(cls, config: NetworkConfig, weights: Mapping[str, Tensor]) -> Network:
        """Return a network that holds these very tensors, in the type that they have.

        Raises:
            RuntimeError: they are not those that the config describes.
        """
        network = cls(config)
        network.load_state_dict(weights, assign=True)
        return network

    def hidden(self, tokens: Tensor, positions: Tensor, attention: Attention) -> Tensor:
        """Run all layers and the final norm.

        Args:
            tokens: ids `[B, T]`.
            positions: `[B, T]`, each below `max_position_embeddings`.
            attention: who attends to what.

        Returns:
            Hidden states `[B, T, D]`.
        """
        x = self.model.embed_tokens(tokens)  # [B, T, D]
        cos = self._cos[positions].unsqueeze(1)  # type: ignore[index]  # a buffer is a Tensor
        sin = self._sin[positions].unsqueeze(1)  # type: ignore[index]  # a buffer is a Tensor
        rotation = (cos, sin)  # [B, 1, T, E] each
        for index, layer in enumerate(self.model.layers):
            x = layer(x, rotation, index, attention)
        return self.model.norm(x)  # type: ignore[no-any-return]  # nn.Module calls are Any

    def logits(self, hidden: Tensor) -> Tensor:
        """Map hidden states `[..., D]` to logits `[..., V]`."""
        if self.config.tie_word_embeddings:
            return functional.linear(hidden, self.model.embed_tokens.weight)
        return self.lm_head(hidden)  # type: ignore[no-any-return]  # nn.Module calls are Any


def rotation_table(config: NetworkConfig) -> tuple[Tensor, Tensor]:
    """Return cosines and sines `[max_position_embeddings, E]` in Hugging Face's split halves."""
    steps = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    frequencies = config.rope_theta**-steps  # [E / 2]
    positions = torch.arange(config.max_position_embeddings, dtype=torch.float32)
    angles = torch.outer(positions, frequencies).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Apply rotary positions to `x [B, heads, T, E]`."""
    cos, sin = rotation
    left, right = x.chunk(2, dim=-1)
    turned = torch.cat((-right, left), dim=-1)
    return (x * cos + turned * sin).to(x.dtype)
