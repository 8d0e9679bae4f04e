"""`copydecode train`, `calibrate` and `evaluate`, on a corpus of small archives made here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from copydecode.training.trainer import TrainConfig
from copydecode_lsp.cli import main

TINY = {
    "width": 32,
    "layers": 1,
    "heads": 2,
    "key-value-heads": 1,
    "feed-forward": 32,
    "sheets-per-step": 1,
    "cases-per-sheet": 2,
    "steps": 3,
    "examination-sheets": 4,
}


def test_train_then_calibrate_and_evaluate(
    tmp_path: Path, archives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model folder is complete, begins another run, and its scores come out in two forms."""
    out, other, scores = tmp_path / "model", tmp_path / "other", tmp_path / "scores.json"
    options = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    commit = {"language": "python", "source": "a = 1\n", "target": "a = 2\n", "instruction": "x"}
    commit["origin"] = "an/owner@1234:a.py"
    commits = tmp_path / "commits.jsonl"
    commits.write_text(json.dumps(commit), encoding="utf-8")
    command = ["train", "--out", str(out), "--corpus", str(archives), "--commits", str(commits)]
    assert main([*command, *options]) == 0
    names = {path.name for path in out.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "card.md", "curves.png"}
    text = (out / "card.md").read_text(encoding="utf-8")
    assert "| commits | python | 1 | 1 |" in text
    for language in ("javascript", "typescript", "markdown"):
        assert re.search(rf"\| train \| {language} \| [1-9]", text)
    again = [*options, "--init", str(out), "--curriculum", "finding"]
    assert main(["train", "--out", str(other), "--corpus", str(archives), *again]) == 0
    tokenizers = [(folder / "tokenizer.json").read_bytes() for folder in (out, other)]
    assert tokenizers[0] == tokenizers[1]
    options = ["--model", str(other), "--corpus", str(archives), "--cases", "1"]
    assert main(["evaluate", *options, "--json", str(scores)]) == 0
    assert "not calibrated" in (said := capsys.readouterr().out)
    assert "whole files" in said
    assert main(["calibrate", *options]) == 0
    assert "fitted on it" in capsys.readouterr().out
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    assert config["copydecode"]["calibration"]["version"] == 2
    assert config["copydecode"]["max_lines"] == TrainConfig().max_lines
    plot = tmp_path / "curve.png"
    assert main(["evaluate", *options, "--self-check", "--plot", str(plot)]) == 0
    assert "Calibration error" in (said := capsys.readouterr().out)
    assert "withheld" in said
    assert plot.read_bytes().startswith(b"\x89PNG")
    rows = json.loads(scores.read_text(encoding="utf-8"))
    assert "misspelling in whole files" in {row["kind"] for row in rows}
    assert all(row["trials"] == 1 and row["exact"] in {0, 1} for row in rows)


@pytest.mark.parametrize("name", ["evaluate", "calibrate"])
def test_a_missing_model_is_said_clearly(
    tmp_path: Path, archives: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    command = [name, "--model", str(tmp_path / "none"), "--corpus", str(archives)]
    assert main(command) == 2
    assert "none" in capsys.readouterr().err
