"""A few steps of real training: it learns, stops, resumes, and leaves a model that loads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from copydecode.config import Decoding, EngineConfig, Limits
from copydecode.decode.model import load_network
from copydecode.decode.network import Network
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import ModelFormatError, TokenLimitError
from copydecode.training import card
from copydecode.training.corpus import SourceFile
from copydecode.training.packages import PACKAGES
from copydecode.training.tokenizer import train_tokenizer
from copydecode.training.trainer import CONTEXT, VOCABULARY_SIZE, TrainConfig, train

TINY = TrainConfig(
    width=32,
    layers=2,
    heads=2,
    key_value_heads=1,
    feed_forward=48,
    sheets_per_step=1,
    cases_per_sheet=4,
    warmup_steps=5,
    steps=40,
    minutes=60.0,
    examination_sheets=4,
)


def read_log(folder: Path) -> list[dict[str, float]]:
    """Return the entries of a run's log."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_training_learns_and_leaves_a_model(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """The loss falls, the folder loads as an engine, card and curves tell of the run."""
    vocabulary.tokenizer.save(str(tmp_path / "tokenizer.json"))
    train(TINY, files, files, tmp_path)
    losses = [entry["loss"] for entry in read_log(tmp_path) if "loss" in entry]
    assert losses[-1] < losses[0]
    engine = Engine.load(EngineConfig(model=str(tmp_path), decoding=Decoding(lenience=0.0)))
    limits = Limits(max_new_tokens=100)  # Less than would fill the context.
    request = EditRequest("a = 1\nb = 2\n", "Delete line 1", Scope(1, 1), limits=limits)
    try:
        result = engine.edit(request)
    except TokenLimitError:
        pass  # So small a model need not find an end.
    else:
        assert result.receipt.forwards > 0
    card.draw_curves(tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    card.write(tmp_path, TINY)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert all(f"| {p.name} | {p.version} | {p.licence} | {p.registry} |" in text for p in PACKAGES)


def test_an_unfinished_run_goes_on(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """A second call with more steps starts where the first ended."""
    vocabulary.tokenizer.save(str(tmp_path / "tokenizer.json"))
    train(dataclasses.replace(TINY, steps=4), files, files, tmp_path)
    train(dataclasses.replace(TINY, steps=24), files, files, tmp_path)
    steps = [entry["step"] for entry in read_log(tmp_path)]
    assert steps == [4, 20, 24]


def test_a_run_in_pieces_is_the_run_in_one(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """A piece ends between steps; the next call goes on with the same batches."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
        vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    config = dataclasses.replace(TINY, steps=6)
    assert train(config, files, files, whole)
    calls = 1
    while not train(config, files, files, parts, piece_minutes=0):
        calls += 1
    assert calls == 6
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("change", [{"end_weight": 4.0}, {"digits": True}, {"splice_window": -1}])
def test_variants_learn_and_load(
    tmp_path: Path, files: list[SourceFile], change: dict[str, Any]
) -> None:
    """What ablations vary ends in models that the engine takes."""
    config = dataclasses.replace(TINY, **change)
    tokenizer = train_tokenizer((f.text for f in files), VOCABULARY_SIZE, digits=config.digits)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    train(config, files, files, tmp_path)
    losses = [entry["loss"] for entry in read_log(tmp_path) if "loss" in entry]
    assert losses[-1] < losses[0]
    engine = Engine.load(EngineConfig(model=str(tmp_path), decoding=Decoding(lenience=0.0)))
    request = EditRequest("a = 1\n" * 12, "Delete line 11", limits=Limits(max_new_tokens=100))
    with suppress(TokenLimitError):
        assert engine.edit(request).receipt.forwards > 0


def test_a_run_begins_with_a_models_weights(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """At a rate of zero they are what comes out again, and the card names them."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    train(dataclasses.replace(TINY, steps=3), files, files, first)
    still = dataclasses.replace(TINY, steps=2, muon_rate=0.0, adam_rate=0.0, average=0.9)
    train(still, files, files, second, init=first)
    old = load_file(first / "model.safetensors")
    new = load_file(second / "model.safetensors")
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    card.write(second, still)
    digest = hashlib.sha256((first / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (second / "card.md").read_text(encoding="utf-8")
    wider = dataclasses.replace(TINY, width=64)
    (second / "state.pt").unlink()
    with pytest.raises(ModelFormatError, match="expected weights of the configured network"):
        train(wider, files, files, second, init=first)


@pytest.mark.parametrize("larger", [{"layers": 4}, {"feed_forward": 96}])
def test_a_larger_network_begins_as_the_smaller_one(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile], larger: dict[str, Any]
) -> None:
    """It computes the same until it is trained; from a larger one none begins."""
    small, large, again = (tmp_path / name for name in ("small", "large", "again"))
    for folder in (small, large, again):
        folder.mkdir()
        vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    train(dataclasses.replace(TINY, steps=5), files, files, small)
    still = dataclasses.replace(TINY, steps=1, muon_rate=0.0, adam_rate=0.0, **larger)
    train(still, files, files, large, init=small)
    networks = [load_network(folder) for folder in (small, large)]
    assert sum(p.numel() for p in networks[0].parameters()) < sum(
        p.numel() for p in networks[1].parameters()
    )
    tokens, positions = torch.tensor([[5, 6, 7, 8]]), torch.arange(4)[None]
    attend = partial(functional.scaled_dot_product_attention, is_causal=True, enable_gqa=True)
    with torch.no_grad():
        small_logits, large_logits = (
            network.logits(network.hidden(tokens, positions, lambda _, *qkv: attend(*qkv)))
            for network in networks
        )
    assert torch.allclose(small_logits, large_logits, atol=1e-5)
    with pytest.raises(ModelFormatError, match="expected weights of the configured network"):
        train(TINY, files, files, again, init=large)


def test_the_average_of_the_weights_is_what_is_saved(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """It lies behind the weights that training goes on with."""
    vocabulary.tokenizer.save(str(tmp_path / "tokenizer.json"))
    train(dataclasses.replace(TINY, steps=20, average=0.99), files, files, tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    raw = torch.load(tmp_path / "state.pt", weights_only=True)["network"]
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.allclose(saved[name].float(), raw[name], atol=1e-3)
    assert "raw" in read_log(tmp_path)[-1]


def test_what_is_asked_inside_the_network_leaves_nothing_in_the_folder(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """The questions have losses of their own, and no weights."""
    vocabulary.tokenizer.save(str(tmp_path / "tokenizer.json"))
    asking = dataclasses.replace(TINY, curriculum="finding", line_loss=1.0, steps=20)
    train(asking, files, files, tmp_path)
    (entry,) = (entry for entry in read_log(tmp_path) if "own_line" in entry)
    assert min(entry[name] for name in ("own_line", "line", "look")) > 0
    saved = load_file(tmp_path / "model.safetensors")
    assert saved.keys() == dict(Network(TINY.network()).named_parameters()).keys()


def test_the_log_leaves_out_what_was_done_again(tmp_path: Path) -> None:
    """A run that was stopped goes on from its last saved step."""
    steps = (20, 40, 60, 50, 60, 80)
    lines = [json.dumps({"step": step, "loss": index}) for index, step in enumerate(steps)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    kept = [(entry["step"], entry["loss"]) for entry in card.read_log(tmp_path)]
    assert kept == [(20, 0), (40, 1), (50, 3), (60, 4), (80, 5)]


def test_files_that_hold_data_do_not_end_a_run(
    tmp_path: Path, vocabulary: Vocabulary, files: list[SourceFile]
) -> None:
    """A few lines at several tokens a character would not fit the model's positions."""
    dense = SourceFile("data", "data.py", "".join(f"x{k} = '{'☃' * 100}'\n" for k in range(60)))
    sheet = dense.text.splitlines()[:8]
    assert sum(map(len, vocabulary.encode_batch(sheet))) > CONTEXT
    vocabulary.tokenizer.save(str(tmp_path / "tokenizer.json"))
    train(dataclasses.replace(TINY, steps=12), [files[0], files[1], dense, dense], files, tmp_path)
    assert read_log(tmp_path)[-1]["step"] == 12
