"""The runtime study: every way is timed and compared, and the exact ways are exact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from copydecode.decode import linear
from copydecode.studies import runtime
from copydecode.studies.study import main


def test_every_way_is_timed_and_the_exact_ones_are_exact(
    save_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "model")
    arguments = ["--model", str(folder), "--prefix", "16", "--out", str(tmp_path), "--limit", "1"]
    assert main(runtime.STUDY, [*arguments, "--threads", "1"]) == 0
    kept = json.loads((tmp_path / "runtime.json").read_text(encoding="utf-8"))
    rows = {row["way"]: row for row in kept["rows"]}
    packed = {"packed fp16", "int8"} if linear.has_packed() else set()
    assert set(rows) == {"network", "fp32", "bf16"} | packed
    assert all(row["ms_1"] > 0 and row["ratio_256"] > 0 for row in kept["rows"])
    assert rows["network"]["difference"] == 0
    assert rows["fp32"]["difference"] < 1e-3
    assert rows["fp32"]["one_by_one_difference"] < 1e-3


def test_a_prefix_without_room_for_blocks_is_an_error(
    save_model: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_model(tmp_path / "model", context=300)
    assert main(runtime.STUDY, ["--model", str(folder), "--prefix", "50"]) == 2
    assert "less than the context" in capsys.readouterr().err
