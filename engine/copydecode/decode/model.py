"""What the decode loop needs of a model, and the embedded model on our own network.

Any model appends a block of tokens to its cache in one forward and gives the logits of the last few
positions. The embedded model needs torch, safetensors and tokenizers, never transformers. Knows
nothing of grammars, prompts or programs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from copydecode.decode import linear
from copydecode.decode.cache import Cache, KeyValueCache
from copydecode.decode.inference import InferenceNetwork
from copydecode.decode.network import Network, NetworkConfig
from copydecode.decode.static import StaticNetwork
from copydecode.errors import ModelFormatError, ModelNotFoundError

C = TypeVar("C", bound=Cache)  # A model takes the caches that it makes.


class Model(Protocol[C]):
    """A causal language model with a cache that can be cropped."""

    @property
    def context(self) -> int:
        """The number of tokens that fit into the cache."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the logits are."""
        ...

    def new_cache(self) -> C:
        """Return an empty cache."""
        ...

    def forward(self, tokens: Sequence[int], cache: C, last: int) -> Tensor:
        """Append tokens (at least one) to the cache in one forward.

        Returns:
            Logits `[last, V]` of the last `last` of them, fp32; `last` may be 0.
        """
        ...


Part = tuple[Sequence[int], C, int]
"""Tokens, the cache of their sequence, and of how many of the last ones logits are wanted."""


@runtime_checkable
class SharingModel(Model[C], Protocol[C]):
    """A model of which several sequences may share a forward."""

    @property
    def can_share(self) -> bool:
        """Whether it can on this device."""
        ...

    def forward_together(self, parts: Sequence[Part[C]]) -> list[Tensor]:
        """Append tokens to several caches, each another, in one forward.

        Where it fails, each cache still has what it held before, up to that length.

        Returns:
            For each the logits `[last, V]`, as `forward` gives them.
        """
        ...


class Forward(Protocol):
    """A network laid out for one device."""

    def forward(self, tokens: Tensor, cache: KeyValueCache, last: int) -> Tensor:
        """Append tokens `[T]` to the cache; return the logits `[last, V]` of the last of them."""
        ...


class EmbeddedModel:
    """A Qwen3, Qwen2 or Llama checkpoint on our own forward: fp32 on a CPU, bf16 on a GPU."""

    def __init__(self, network: Network, device: torch.device | None = None) -> None:
        """Lay the network's weights out for the device."""
        self.device = device or best_device()
        self.config = network.config
        self.parameters = sum(parameter.numel() for parameter in network.parameters())
        self._dtype = best_dtype(self.device)
        self._forward: Forward
        self._sharing: InferenceNetwork | None = None
        if self.device.type == "cpu":
            weights = (parameter.detach() for parameter in network.parameters())
            self._forward = self._sharing = InferenceNetwork(network, linear.best(weights))
        else:
            self._forward = StaticNetwork(network, self._dtype, self.device)

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> EmbeddedModel:
        """Read `config.json` and `model.safetensors` from a folder.

        Raises:
            ModelNotFoundError: there is no such folder.
            ModelFormatError: a file is missing, unreadable, or does not fit the other.
        """
        return cls(load_network(folder), device)

    @property
    def context(self) -> int:
        """The number of tokens that fit into the cache."""
        return self.config.max_position_embeddings

    def new_cache(self) -> KeyValueCache:
        """Return an empty cache."""
        return KeyValueCache(self.config, dtype=self._dtype, device=self.device)

    @torch.inference_mode()
    def forward(self, tokens: Sequence[int], cache: KeyValueCache, last: int) -> Tensor:
        """Append tokens to the cache in one forward; return logits `[last, V]`."""
        ids = torch.tensor(tokens, device=self.device)
        return self._forward.forward(ids, cache, last)

    @property
    def can_share(self) -> bool:
        """Whether several sequences may share a forward: on a CPU."""
        return self._sharing is not None

    @torch.inference_mode()
    def forward_together(self, parts: Sequence[Part[KeyValueCache]]) -> list[Tensor]:
        """Append tokens to several caches in one forward; return logits `[last, V]` for each."""
        assert self._sharing is not None  # noqa: S101  # `can_share` says so
        logits = self._sharing.forward_together(
            [(torch.tensor(tokens), cache, last) for tokens, cache, last in parts]
        )
        return list(torch.split(logits, [last for _, _, last in parts]))


def load_network(folder: Path) -> Network:
    """Return the network of `config.json` and `model.safetensors` in a folder, in the file's type.

    Raises:
        ModelNotFoundError, ModelFormatError: as `EmbeddedModel.load`.
    """
    config = NetworkConfig.from_json(read_config(folder))
    path = folder / "model.safetensors"
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        message = f"expected weights at {path}: {error}"
        raise ModelFormatError(message) from error
    if config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    try:
        return Network.of(config, weights)
    except RuntimeError as error:
        message = f"expected the weights that config.json describes in {path}: {error}"
        raise ModelFormatError(message) from error


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """Return bf16 for a GPU; fp32 for a CPU: activations in bf16 change logits by 0.1."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def read_config(folder: Path) -> dict[str, Any]:
    """Return the parsed `config.json` of a model folder.

    Raises:
        ModelNotFoundError: there is no such folder.
        ModelFormatError: there is no readable `config.json` in it.
    """
    if not folder.exists():
        message = f"expected a model folder at {folder}, found nothing"
        raise ModelNotFoundError(message)
    if not folder.is_dir():
        message = f"expected a model folder at {folder}, found a file"
        raise ModelFormatError(message)
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"expected a config.json in {folder}, found none: it is no model folder"
        raise ModelFormatError(message) from error
    except (OSError, ValueError) as error:
        message = f"expected JSON in {path}: {error}"
        raise ModelFormatError(message) from error
    if not isinstance(values, dict):
        message = f"expected a JSON object in {path}, found {type(values).__name__}"
        raise ModelFormatError(message)
    return values
