"""Model folders of our own kind without training, and the terminal that editors run in."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from copydecode.decode.network import Network, NetworkConfig
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import document, grammar
from copydecode.training.tokenizer import train_tokenizer
from tests.e2e.editors import Program, installed

CONTEXT = 4096
ENDLESS_CONTEXT = 65_536

CONFIG = NetworkConfig(
    model_type="qwen3",
    vocab_size=1,
    hidden_size=48,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    rms_norm_eps=1e-6,
    rope_theta=10_000.0,
    max_position_embeddings=CONTEXT,
    tie_word_embeddings=True,
)


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """A tokenizer of 2,000 tokens."""
    texts = [p.read_text(encoding="utf-8") for p in Path(document.__file__).parent.glob("*.py")]
    return Vocabulary(train_tokenizer(sorted(texts), 2000))


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary) -> Path:
    """Write the folder; what it decodes are valid programs without any sense."""
    torch.manual_seed(0)
    network = Network(replace(CONFIG, vocab_size=vocabulary.size))
    return written(tmp_path_factory.mktemp("random-model"), network, vocabulary)


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary) -> Path:
    """Write the folder of a model that begins a gen and never ends it, on every machine.

    Random weights cannot promise that: another processor rounds otherwise and may end at once. Here
    the layers add nothing, every token is the same first unit vector, and the head scores by it.
    """
    network = Network(
        replace(
            CONFIG,
            vocab_size=vocabulary.size,
            max_position_embeddings=ENDLESS_CONTEXT,
            tie_word_embeddings=False,
        )
    )
    weights = network.state_dict()
    for name, weight in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.zero_()
    embedding, head = weights["model.embed_tokens.weight"], weights["lm_head.weight"]
    embedding.zero_()[:, 0] = 1.0
    head.zero_()
    head[vocabulary.special(grammar.GEN_OPEN), 0] = 2.0
    head[vocabulary.encode("a")[0], 0] = 1.0
    return written(tmp_path_factory.mktemp("endless-model"), network, vocabulary)


@pytest.fixture
def tmux() -> Program:
    """Find tmux, which terminal editors run in."""
    found = next(installed("tmux"), None)
    if found is None and not os.environ.get("COPYDECODE_E2E"):
        pytest.skip("tmux is not installed; `make e2e` brings it")
    assert found, "tmux is not installed"
    return found


def written(folder: Path, network: Network, vocabulary: Vocabulary) -> Path:
    """Write a model folder; the `copydecode` entry makes it one of our own kind."""
    save_file(network.state_dict(), folder / "model.safetensors")
    values = {**network.config.as_json(), "copydecode": {}}
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    return folder
