"""Fine-tuning and counting from the command line, on pairs in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from copydecode_lsp.cli import main

ROWS = [
    {"id": "a", "before": "a = 1\n", "after": "b = 1\n", "instruction": "b", "language": "python"},
    {"id": "b", "before": "a\nb\n", "after": "b\n", "instruction": "no a", "scope": [1, 1]},
]
MISS = {"id": "c", "source": "x = 1\ny = 2\n", "target": "secret = 3\n", "instruction": "change it"}
OPTIONS = ["--epochs", "30", "--batch", "2", "--rate", "3e-3", "--seed", "2"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two pairs as JSON lines."""
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def own(save_model: Callable[..., Path], tmp_path: Path) -> Path:
    """A small model of ours, of random weights."""
    return save_model(tmp_path / "own", splice_window=8, max_lines=20, max_tokens=400)


def test_train_then_evaluate(
    own: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was taught is exact, what was not is a miss with a name, and no text is written."""
    out, scores = tmp_path / "out", tmp_path / "scores.json"
    train = ["train", "--model", str(own), "--data", str(data), "--out", str(out), *OPTIONS]
    assert main(train) == 0
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(MISS) + "\n", encoding="utf-8")
    evaluate = ["evaluate", "--model", str(out), "--data", str(data), str(other)]
    assert main([*evaluate, "--json", str(scores)]) == 0
    assert "first difference from the gold program" in capsys.readouterr().out
    content = json.loads(scores.read_text("utf-8"))
    assert [case["exact"] for case in content["cases"]] == [True, True, False]
    assert [case["gold"] for case in content["cases"]] == [["gen"], ["copy 2-2"], ["gen"]]
    names = [summary["name"] for summary in content["summaries"]]
    assert names == ["python", "unnamed", "all"]
    assert content["summaries"][-1]["exact"]["hits"] == 2
    assert content["summaries"][-1]["exact"]["low"] == pytest.approx(0.208, abs=1e-3)
    assert sum(content["summaries"][-1]["failures"].values()) == 1
    assert "secret" not in scores.read_text("utf-8")
    assert main([*evaluate, "--json", str(scores), "--texts", "--limit", "3"]) == 0
    assert "secret" in scores.read_text("utf-8")
    assert main([*evaluate, "--json", str(scores), "--limit", "1"]) == 0
    assert len(json.loads(scores.read_text("utf-8"))["cases"]) == 1


def test_a_run_in_pieces_says_how_far_it_is(
    own: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends with a code of its own until it is done."""
    ticks = count(step=60.0)
    monkeypatch.setattr("copydecode.training.finetune.time.monotonic", lambda: next(ticks))
    command = ["train", "--model", str(own), "--data", str(data), "--out", str(tmp_path / "out")]
    command += ["--epochs", "2", "--batch", "2", "--minutes", "2"]
    assert main(command) == 4
    assert "stopped at step 1 of 2" in capsys.readouterr().err
    assert main(command) == 0


def test_pairs_that_do_not_fit_are_named(
    own: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {"id": "long", "before": "a\n" * 30, "after": "b\n", "instruction": "b"}
    with data.open("a", encoding="utf-8") as file:
        file.write(json.dumps(long) + "\n")
    command = ["train", "--model", str(own), "--data", str(data), "--out", str(tmp_path / "out")]
    assert main([*command, "--epochs", "1", "--preset", "pilot"]) == 0
    assert "do not fit the model: 1 of 3 (long)" in capsys.readouterr().err.replace("\n", " ")
    record = json.loads((tmp_path / "out" / "tuning.json").read_text("utf-8"))
    assert (record["config"]["epochs"], record["config"]["rate"]) == (1, 2e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--model", "embedded"], "expected --data with --model"),
        (["train", "--epochs", "2", "--lora", "8"], "expected --data with --epochs, --lora"),
        (["train", "--data", "none.jsonl"], "expected JSON lines in UTF-8 at none.jsonl"),
        (["train", "--data", "x.jsonl", "--width", "64"], "expected no --width with --data"),
        (["train", "--data", "x.jsonl", "--init", "x"], "expected no --init with --data"),
        (["evaluate", "--limit", "5", "--texts"], "expected --data with --limit, --texts"),
        (["evaluate", "--limit", "0", "--data", "x.jsonl"], "expected --limit >= 1, got 0"),
    ],
)
def test_options_that_do_not_go_together_are_named(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_evaluating_names_a_bad_line(
    own: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.write_text(json.dumps(ROWS[0]) + "\n{}\n", encoding="utf-8")
    assert main(["evaluate", "--model", str(own), "--data", str(data)]) == 2
    assert "line 2" in capsys.readouterr().err.replace("\n", " ")
