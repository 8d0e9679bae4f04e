"""The kernel study: which blocks are timed, on which models, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from copydecode.decode.network import Network
from copydecode.errors import ModelFormatError
from copydecode.studies import kernel, shapes
from copydecode.studies.study import main

SHORT = ["--limit", "4", "--repeats", "1", "--threads", "1", "--device", "cpu"]


@pytest.mark.parametrize("kind", ["ours", "foreign"])
def test_any_model_folder_is_timed(
    kind: str,
    save_model: Callable[..., Path],
    save_foreign: Callable[..., Path],
    tmp_path: Path,
) -> None:
    save = save_model if kind == "ours" else save_foreign
    folder = save(tmp_path / "model", **({} if kind == "ours" else {"family": "mistral"}))
    arguments = ["--model", str(folder), "--prefix", "8", "16", "--out", str(tmp_path), *SHORT]
    assert main(kernel.STUDY, arguments) == 0
    kept = json.loads((tmp_path / "kernel.json").read_text(encoding="utf-8"))
    assert [(row["prefix"], row["tokens"]) for row in kept["rows"]] == [
        (prefix, n) for prefix in (8, 16) for n in (1, 2, 4)
    ]
    assert all(row["speed_up"] > 0 and row["draft_cost"] > 0 for row in kept["rows"])
    assert kept["environment"]["threads"] == 1
    assert kernel.read_curve(tmp_path / "kernel.json")(4) == pytest.approx(
        kept["rows"][-1]["speed_up"]
    )


def test_a_prefix_beyond_the_context_is_an_error(
    save_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_model(tmp_path / "model", context=64)
    arguments = ["--model", str(folder), "--prefix", "64", "--out", str(tmp_path), *SHORT]
    assert main(kernel.STUDY, arguments) == 2
    assert "below the model's context of 64 tokens" in capsys.readouterr().err


def test_a_shape_that_does_not_fit_is_refused_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shapes, "free_bytes", lambda _device: 20_000_000_000)
    with pytest.raises(ModelFormatError, match=r"33\.5 GB of free memory on cpu for 7\.62B"):
        shapes.load("qwen2.5-7b", torch.device("cpu"))


@pytest.mark.parametrize(
    ("name", "millions"),
    [("27m", 26.7), ("qwen2.5-0.5b", 494.0), ("qwen2.5-1.5b", 1543.7), ("qwen2.5-7b", 7615.6)],
)
def test_the_shapes_have_the_sizes_of_their_names(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = Network(shapes.SHAPES[name])
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.1)


def test_the_lengths_are_powers_of_two() -> None:
    assert kernel.lengths(9) == [1, 2, 4, 8]
    assert kernel.lengths(512)[-1] == 512


def test_some_memory_is_free() -> None:
    assert shapes.free_bytes(torch.device("cpu")) > 0
