"""The models that a study can run: the embedded one, any other, or random weights of a named shape.

How long a forward takes does not depend on what the weights say, so that a shape is enough to time
a model that is not here. Random weights run on our own network. Knows nothing of prompts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import EMBEDDED
from copydecode.decode import hf
from copydecode.decode.model import EmbeddedModel, Model, best_device, read_config
from copydecode.decode.network import FAMILIES, Network, NetworkConfig
from copydecode.errors import ModelFormatError


def _qwen25(width: int, inner: int, layers: int, heads: int, groups: int) -> NetworkConfig:
    """Return a shape of Qwen2.5, as its `config.json` on the hub has it."""
    return NetworkConfig(
        model_type="qwen2",
        vocab_size=152_064 if width > 3000 else 151_936,  # noqa: PLR2004  # the 7B model and above
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        head_dim=width // heads,
        rms_norm_eps=1e-6,
        rope_theta=1_000_000.0,
        max_position_embeddings=32_768,
        tie_word_embeddings=width < 3000,  # noqa: PLR2004  # the 7B model and above have a head
    )


SHAPES = {
    "27m": NetworkConfig(
        model_type="qwen3",
        vocab_size=8192,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=64,
        rms_norm_eps=1e-6,
        rope_theta=10_000.0,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    ),
    "qwen2.5-0.5b": _qwen25(896, 4864, 24, 14, 2),
    "qwen2.5-1.5b": _qwen25(1536, 8960, 28, 12, 2),
    "qwen2.5-7b": _qwen25(3584, 18_944, 28, 28, 4),
}
"""Random weights by name; `27m` is a larger sister of the embedded model."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under study; `vocabulary` is how many ids it knows, `random` whether it was made."""

    name: str
    model: Model[Any]
    parameters: int
    vocabulary: int
    random: bool


def load(name: str, device: torch.device | None = None) -> Subject:
    """Return the embedded model, a shape of `SHAPES` with random weights, a folder, or a Hub model.

    A folder of a family that our own network runs is run on it, any other by transformers.

    Raises:
        ModelNotFoundError, ModelFormatError: as `backends.local.load`; ModelFormatError also where
            a shape does not fit the memory.
    """
    device = device or best_device()
    if config := SHAPES.get(name.lower()):
        network = random_network(config, device)
        own = EmbeddedModel(network, device)
        return Subject(name.lower(), own, own.parameters, config.vocab_size, random=True)
    folder = EMBEDDED_FOLDER if name == EMBEDDED else Path(name).expanduser()
    if _runs_on_ours(folder):
        own = EmbeddedModel.load(folder, device)
        return Subject(name, own, own.parameters, own.config.vocab_size, random=False)
    foreign, _ = hf.load(name, device)
    return Subject(name, foreign, foreign.parameters, foreign.rows, random=False)


def random_network(config: NetworkConfig, device: torch.device, seed: int = 0) -> Network:
    """Return a network with the usual random weights, rounded to bf16 as checkpoints are.

    They are held as fp32, so that each device takes them in the form that it runs fastest.

    Raises:
        ModelFormatError: the memory that is free does not hold it.
    """
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in Network(config).parameters())
    needed, free = int(4 * count * _MARGIN), free_bytes(device)
    if needed > free:
        message = (
            f"expected {needed / 1e9:.1f} GB of free memory on {device} for {count / 1e9:.2f}B "
            f"random weights in fp32, found {free / 1e9:.1f} GB: take a smaller shape"
        )
        raise ModelFormatError(message)
    with torch.device(device), torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(config)
        for parameter in network.parameters():
            parameter.data.copy_(parameter.data.bfloat16())
        return network


_MARGIN = 1.1  # What a forward needs beside the weights.


def free_bytes(device: torch.device) -> int:
    """Return how much memory of a device is free."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return _available() or os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _available() -> int | None:
    """Return what Linux could give without swapping: free pages alone leave out file caches."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _runs_on_ours(folder: Path) -> bool:
    """Return whether a folder holds one file of weights for a shape that our network computes."""
    if not (folder / "config.json").is_file() or not (folder / "model.safetensors").is_file():
        return False
    values = read_config(folder)
    if values.get("model_type") not in FAMILIES:
        return False
    try:
        NetworkConfig.from_json(values)
    except ModelFormatError:
        return False
    return True
