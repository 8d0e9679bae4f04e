"""Fine-tuning end to end: small models of random weights learn pairs, and are served."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from copydecode.config import EngineConfig
from copydecode.decode import hf
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import ConfigError
from copydecode.training import finetune as tuning
from copydecode.training import learner
from copydecode.training.finetune import ADAPTER, RECORD, TuneConfig, finetune
from copydecode.training.pairs import Pair

TEXT = "def area(r):\n    return 3 * r * r\n\n\nprint(area(2))\n"
PAIRS = [
    Pair("delete", EditRequest(TEXT, "delete the call"), TEXT.replace("\n\nprint(area(2))\n", "")),
    Pair("rename", EditRequest(TEXT, "use pi", language="python"), TEXT.replace("3", "pi")),
    Pair("locked", EditRequest(TEXT, "four", Scope(5, 5)), TEXT.replace("(2)", "(4)")),
    Pair("crlf", EditRequest("a\r\nb\r\n", "add c"), "a\r\nb\r\nc\r\n"),
]
FAST = TuneConfig(epochs=40, batch=2, rate=3e-3)
SHORT = dataclasses.replace(FAST, epochs=2)


@pytest.fixture(autouse=True)
def _where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, where a run in pieces ends with the same bits; but for what is about a GPU."""
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setattr(tuning, "best_device", lambda: torch.device("cpu"))


@pytest.fixture(scope="module")
def base(save_foreign: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of random weights, with a chat template."""
    template = "<|im_end|>{{ messages[0]['content'] }}<|im_end|>"
    return save_foreign(tmp_path_factory.mktemp("qwen2"), "qwen2", template)


@pytest.fixture(scope="module")
def taught(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model, all of its weights trained on the pairs."""
    folder = tmp_path_factory.mktemp("taught")
    result = finetune(str(base), PAIRS, folder, FAST)
    assert result.done
    assert (result.used, result.left_out) == (4, ())
    return folder


def losses(folder: Path) -> list[float]:
    """Return the loss of each step of a finished run."""
    found: list[float] = json.loads((folder / RECORD).read_text("utf-8"))["loss"]
    return found


def check_it_writes(pairs: list[Pair], folder: Path) -> None:
    """Greedy decoding through the real engine gives every pair, byte for byte."""
    engine = Engine.load(EngineConfig(model=str(folder)))
    assert [engine.edit(pair.request).text for pair in pairs] == [pair.after for pair in pairs]


def test_a_tuned_model_writes_what_it_was_taught(taught: Path) -> None:
    check_it_writes(PAIRS, taught)


def test_adapters_are_merged_and_kept(taught: Path, tmp_path: Path) -> None:
    """They teach another answer; the folder is an ordinary model, the adapters lie beside it."""
    other = [dataclasses.replace(PAIRS[2], after=TEXT.replace("(2)", "(7)"))]
    config = dataclasses.replace(FAST, lora=16, rate=1e-2, epochs=20)
    assert finetune(str(taught), other, tmp_path, config).done
    check_it_writes(other, tmp_path)
    adapters = load_file(tmp_path / ADAPTER / "adapter_model.safetensors")
    assert all(16 in weights.shape for weights in adapters.values())
    before, after = (load_file(folder / "model.safetensors") for folder in (taught, tmp_path))
    assert before.keys() == after.keys()
    frozen = "model.embed_tokens.weight"
    assert torch.equal(before[frozen], after[frozen])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_gpu_teaches_the_same_in_bf16(base: Path, tmp_path: Path, checkpointing: bool) -> None:
    config = dataclasses.replace(FAST, checkpointing=checkpointing)
    assert finetune(str(base), PAIRS, tmp_path, config).done
    check_it_writes(PAIRS, tmp_path)


def test_a_model_of_ours_stays_one(save_model: Callable[..., Path], tmp_path: Path) -> None:
    """It is prompted, spliced and served as before, by our own forward."""
    own = save_model(tmp_path / "own", splice_window=4, max_lines=20, max_tokens=400)
    assert finetune(str(own), PAIRS, tmp_path / "out", FAST).done
    check_it_writes(PAIRS, tmp_path / "out")
    for name in ("config.json", "tokenizer.json"):
        assert (tmp_path / "out" / name).read_bytes() == (own / name).read_bytes()


@pytest.mark.parametrize("lora", [0, 4])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: int
) -> None:
    config = dataclasses.replace(SHORT, lora=lora)
    assert finetune(str(base), PAIRS, tmp_path / "whole", config).done

    ticks = count(step=20.0)
    monkeypatch.setattr("copydecode.training.finetune.time.monotonic", lambda: next(ticks))
    pieces = dataclasses.replace(config, minutes=1.0, save_minutes=math.inf)
    steps = []
    while not (result := finetune(str(base), PAIRS, tmp_path / "pieces", pieces)).done:
        steps.append(result.step)
    assert steps == [1, 2, 3]
    assert losses(tmp_path / "pieces") == losses(tmp_path / "whole")
    first, second = (load_file(tmp_path / n / "model.safetensors") for n in ("pieces", "whole"))
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert not (tmp_path / "pieces" / "state.pt").exists()
    assert finetune(str(base), PAIRS, tmp_path / "pieces", pieces) == result


def test_the_loss_is_that_of_each_sequence_alone(base: Path, tmp_path: Path) -> None:
    """Padding, columns and forwards in parts change nothing; ends of copies weigh what they may."""
    config = dataclasses.replace(SHORT, batch=4, epochs=1, end_weight=3.0, micro_tokens=1200)
    finetune(str(base), PAIRS, tmp_path, config)
    model, _ = hf.read(str(base), torch.float32)
    examples, _ = tuning.encode(learner.load(str(base), config.max_tokens), PAIRS)
    assert any(ex.ends for ex in examples)
    lost, weights = 0.0, 0.0
    for ex in examples:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ex.tokens])).logits[0]
        for at in ex.decided:
            weight = 3.0 if at in ex.ends else 1.0
            lost += (
                weight
                * functional.cross_entropy(logits[at - 1], torch.tensor(ex.tokens[at])).item()
            )
            weights += weight
    assert losses(tmp_path) == [pytest.approx(lost / weights, abs=1e-3)]


def test_recomputed_activations_give_the_same_weights(base: Path, tmp_path: Path) -> None:
    for name, checkpointing in (("kept", False), ("again", True)):
        config = dataclasses.replace(SHORT, checkpointing=checkpointing)
        finetune(str(base), PAIRS, tmp_path / name, config)
    assert losses(tmp_path / "kept") == pytest.approx(losses(tmp_path / "again"), abs=1e-3)


def test_pairs_that_a_model_cannot_be_shown_are_left_out(base: Path, tmp_path: Path) -> None:
    """Too long, or a difference that no program can make."""
    long = Pair("long", EditRequest("x = 1\n" * 900, "double it"), "x = 2\n" * 900)
    ends = Pair("ends", EditRequest("a\nb\n", "as Windows has it"), "a\r\nb\r\n")
    result = finetune(str(base), [*PAIRS, long, ends], tmp_path, SHORT)
    assert (result.used, result.left_out) == (4, ("long", "ends"))
    with pytest.raises(ConfigError, match="none among 2"):
        finetune(str(base), [long, ends], tmp_path / "none", SHORT)


def test_a_folder_holds_one_run(base: Path, tmp_path: Path) -> None:
    """Neither a finished nor a stopped one is gone on with under other settings."""
    stopped = dataclasses.replace(SHORT, minutes=0.0)
    assert not finetune(str(base), PAIRS, tmp_path, stopped).done
    for folder_is_finished in (False, True):
        if folder_is_finished:
            assert finetune(str(base), PAIRS, tmp_path, SHORT).done
        with pytest.raises(ConfigError, match="found another"):
            finetune(str(base), PAIRS, tmp_path, dataclasses.replace(SHORT, seed=9))


def test_a_model_that_is_there_is_not_written_over(base: Path) -> None:
    before = (base / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="expected no model"):
        finetune(str(base), PAIRS, base, SHORT)
    assert (base / "model.safetensors").read_bytes() == before


def test_without_peft_it_is_said_what_to_install(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"copydecode\[finetune\]"):
        finetune(str(base), PAIRS, tmp_path, dataclasses.replace(SHORT, lora=4))


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("lora", -1), ("rate", math.nan)])
def test_settings_that_make_no_run_are_refused(name: str, value: float) -> None:
    changes: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=name):
        dataclasses.replace(FAST, **changes)


def test_the_rate_rises_and_falls_to_zero() -> None:
    rates = [tuning._schedule(step, 100) for step in range(101)]  # noqa: SLF001  # a pure helper
    assert rates[:3] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[100] == pytest.approx(0)
