"""The pilot splits cases, teaches and tries a model, and leaves figures but no model."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from copydecode.edits import EditRequest
from copydecode.training import pilot
from copydecode.training.pairs import Pair
from copydecode.training.tuning import STOPPED

SPLIT = ["--splits", "2", "--held-out", "2", "--epochs", "1", "--batch", "4"]


def write(path: Path, rows: int) -> Path:
    """Write cases as HumanEvalPack-Fix has them: bodies beside whole functions."""
    lines = [
        {
            "id": f"{path.stem}/{k}",
            "instruction": f"fix {k}",
            "language": "python",
            "source": "not read",
            "target": "not read",
            "body_source": f"    x = {k}\n    return y\n",
            "body_target": f"    x = {k}\n    return x\n",
        }
        for k in range(rows)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def command(save_model: Callable[..., Path], tmp_path: Path) -> list[str]:
    """A pilot with a small model of ours, of random weights."""
    own = save_model(tmp_path / "own", splice_window=8, max_lines=20, max_tokens=400)
    data, also = write(tmp_path / "fix.jsonl", 8), write(tmp_path / "other.jsonl", 4)
    words = ["--model", str(own), "--data", str(data), "--also", str(also)]
    return [*words, "--out", str(tmp_path / "out"), *SPLIT]


def test_every_split_holds_out_others_and_teaches_the_rest() -> None:
    data = [Pair(str(k), EditRequest("a\n", "go"), "b\n") for k in range(164)]
    splits = [pilot.split(data, 33, seed) for seed in (1, 2, 3)]
    for taught, tried in splits:
        assert (len(taught), len(tried)) == (131, 33)
        assert sorted(pair.id for pair in taught + tried) == sorted(pair.id for pair in data)
    assert splits[0] == pilot.split(data, 33, 1)
    assert splits[0][1] != splits[1][1]


def test_a_pilot_leaves_figures_and_no_model(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before and after training, over all splits; asked again it is not done again."""
    out = tmp_path / "out"
    assert pilot.main(command) == 0
    assert "paper" in capsys.readouterr().out
    assert {path.name for path in out.rglob("*") if path.is_file()} == {"pilot.json", "split.json"}
    report = json.loads((out / "pilot.json").read_text("utf-8"))
    assert report["taught"] == [9, 9]  # 6 of 8, and 3 of 4.
    for way in ("untrained", "trained"):
        assert report[way]["exact"]["n"] == 4
        assert report[way]["starts"]["n"] == 4
        assert report[way]["mean"] == pytest.approx(report[way]["exact"]["hits"] / 4)
        assert sum(report[way]["failures"].values()) == 4 - report[way]["exact"]["hits"]
    kept = (out / "split-1" / "split.json").read_bytes()
    assert pilot.main(command) == 0
    assert (out / "split-1" / "split.json").read_bytes() == kept
    assert pilot.main([*command, "--rate", "0.5"]) == 2
    assert "found another" in capsys.readouterr().err.replace("\n", " ")


def test_a_pilot_can_be_stopped_and_gone_on_with(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a split and between two."""
    ticks = count(step=20.0)
    monkeypatch.setattr("copydecode.training.finetune.time.monotonic", lambda: next(ticks))
    codes: list[int] = []
    while not codes or codes[-1] == STOPPED:
        codes.append(pilot.main([*command, "--minutes", "2"]))
        assert len(codes) < 20
    assert codes[-1] == 0
    assert len(codes) > 2
    assert (tmp_path / "out" / "pilot.json").is_file()


@pytest.mark.parametrize("held_out", ["0", "8"])
def test_a_split_that_leaves_nothing_is_refused(
    command: list[str], held_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pilot.main([*command, "--held-out", held_out]) == 2
    assert "held-out cases within 1 to 7" in capsys.readouterr().err.replace("\n", " ")
