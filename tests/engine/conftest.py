"""Tokenizers and small models with random weights, made once for all engine tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.decode.network import Network, NetworkConfig
from copydecode.decode.vocabulary import Vocabulary
from copydecode.training.tokenizer import train_tokenizer
from tests.engine.decode.scripted import ByteLevelCodec

SOURCE = Path(__file__).parent.parent / "data" / "mistakes"  # Files that never change.
FOREIGN_SPECIAL = "<|im_end|>"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads on a loaded machine can be ten times slower than one."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Some Python files to learn vocabularies from; they never change, so neither do those."""
    return [path.read_text(encoding="utf-8") for path in sorted(SOURCE.glob("*.py"))]


@pytest.fixture(scope="session")
def vocabulary(texts: list[str]) -> Vocabulary:
    """A vocabulary as this project makes them: each marker is one special token."""
    return Vocabulary(train_tokenizer(texts, 2000))


@pytest.fixture(scope="session")
def foreign_tokenizer(texts: list[str]) -> Tokenizer:
    r"""A byte-level BPE that knows no marker, and has tokens like `>\n` and `"/><`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=[AddedToken(FOREIGN_SPECIAL, special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # GPT-2's pattern cuts between punctuation and white space, so `>\n` has to be learnt without.
    markup = ['"/><', "</gen>\n<gen>", "><"] * 50
    tokenizer.train_from_iterator([*texts, *markup], trainer)
    state = json.loads(tokenizer.to_str())
    for left, right in ((">", "Ċ"), ("><", "Ċ")):
        state["model"]["vocab"][left + right] = len(state["model"]["vocab"])
        state["model"]["merges"].append([left, right])
    state["pre_tokenizer"]["use_regex"] = False
    return Tokenizer.from_str(json.dumps(state))


@pytest.fixture(scope="session")
def own_literals(vocabulary: Vocabulary) -> Literals:
    """Literals that are one special token each."""
    return Literals(vocabulary, vocabulary.op_markers)


@pytest.fixture(scope="session")
def foreign_literals(foreign_tokenizer: Tokenizer) -> Literals:
    """Literals that are spelled."""
    return Literals(ByteLevelCodec(foreign_tokenizer))


@pytest.fixture(scope="session", params=["own", "foreign"])
def grammar(
    request: pytest.FixtureRequest, own_literals: Literals, foreign_literals: Literals
) -> ProgramGrammar:
    """The compiled grammar of either tokenizer."""
    return ProgramGrammar(own_literals if request.param == "own" else foreign_literals)


@pytest.fixture(scope="session")
def own_grammar(own_literals: Literals) -> ProgramGrammar:
    """The compiled grammar of our own tokenizer."""
    return ProgramGrammar(own_literals)


@pytest.fixture(scope="session")
def make_network(vocabulary: Vocabulary) -> Callable[..., Network]:
    """Make a small network with random weights of a family."""

    def make(family: str = "qwen3", *, context: int = 2048, tied: bool = False) -> Network:
        torch.manual_seed(0)
        return Network(
            NetworkConfig(
                model_type=family,
                vocab_size=vocabulary.size,
                hidden_size=48,
                intermediate_size=96,
                num_hidden_layers=3,
                num_attention_heads=4,
                num_key_value_heads=2,
                head_dim=16,
                rms_norm_eps=1e-6,
                rope_theta=10_000.0,
                max_position_embeddings=context,
                tie_word_embeddings=tied,
            )
        )

    return make


@pytest.fixture(scope="session")
def save_model(make_network: Callable[..., Network], vocabulary: Vocabulary) -> Callable[..., Path]:
    """Write a model folder of our own kind."""

    def save(folder: Path, *, context: int = 2048, **serving: object) -> Path:
        network = make_network(context=context)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(network.state_dict(), folder / "model.safetensors")
        values = {**network.config.as_json(), "copydecode": serving}
        (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
        vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
        return folder

    return save


@pytest.fixture(scope="session")
def save_foreign(foreign_tokenizer: Tokenizer) -> Callable[..., Path]:
    """Write a model folder as transformers does, of one of its families."""

    def save(
        folder: Path, family: str = "llama", chat_template: str | None = None, **other: int
    ) -> Path:
        import transformers  # noqa: PLC0415  # costs seconds

        torch.manual_seed(0)
        sizes = {
            "vocab_size": foreign_tokenizer.get_vocab_size() + 3,  # Padded, as many are.
            "hidden_size": 48,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 2048,
        }
        sizes |= other
        if family == "mistral":
            sizes["sliding_window"] = 64
        model = transformers.AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            transformers.AutoConfig.for_model(family, **sizes)
        )
        for parameter in model.parameters():
            # Random weights of the usual size give almost flat logits, which prove little.
            parameter.data.mul_(3.0 if parameter.dim() > 1 else 1.0)
        model.save_pretrained(folder)
        tokenizer = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=foreign_tokenizer,
            eos_token=FOREIGN_SPECIAL,
            chat_template=chat_template,
        )
        tokenizer.save_pretrained(folder)
        return folder

    return save
