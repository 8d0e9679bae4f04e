"""`copydecode train` and `copydecode evaluate`, on a corpus of small wheels made here."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from copydecode.training import corpus
from copydecode.training.corpus import PACKAGES, SourceFile
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


@pytest.fixture
def wheels(tmp_path: Path, files: list[SourceFile], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a wheel of each package, each with a module of ours; no standard library."""
    monkeypatch.setattr(corpus, "_read_standard_library", lambda: iter(()))
    folder = tmp_path / "wheels"
    folder.mkdir()
    modules = [file for file in files if len(file.text) > 1500]
    for index, package in enumerate(PACKAGES):
        name = f"{package.name.replace('-', '_')}-{package.version}-py3-none-any.whl"
        with zipfile.ZipFile(folder / name, "w") as wheel:
            text = modules[index % len(modules)].text
            wheel.writestr(f"{package.name}/module.py", f"# {package.name}\n{text}")
            wheel.writestr(f"{package.name}/_vendor/other.py", text)
            wheel.writestr(f"{package.name}/broken.py", "def (:\n" * 100)
    return folder


def test_read_takes_modules_that_parse_and_leaves_vendored_ones(wheels: Path) -> None:
    read = corpus.read(wheels, "test")
    assert [file.path for file in read] == [
        f"{p.name}/module.py" for p in PACKAGES if p.split == "test"
    ]


def test_train_then_evaluate(
    tmp_path: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model folder is complete, begins another run, and its scores come out in two forms."""
    out, other, scores = tmp_path / "model", tmp_path / "other", tmp_path / "scores.json"
    options = [word for name, value in TINY.items() for word in (f"--{name}", str(value))]
    assert main(["train", "--out", str(out), "--corpus", str(wheels), *options]) == 0
    names = {path.name for path in out.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "card.md", "curves.png"}
    again = [*options, "--init", str(out), "--curriculum", "finding"]
    assert main(["train", "--out", str(other), "--corpus", str(wheels), *again]) == 0
    tokenizers = [(folder / "tokenizer.json").read_bytes() for folder in (out, other)]
    assert tokenizers[0] == tokenizers[1]
    command = ["evaluate", "--model", str(other), "--corpus", str(wheels), "--cases", "1"]
    assert main([*command, "--json", str(scores)]) == 0
    assert "whole files" in capsys.readouterr().out
    rows = json.loads(scores.read_text(encoding="utf-8"))
    assert "misspelling in whole files" in {row["kind"] for row in rows}
    assert all(row["trials"] == 1 and row["exact"] in {0, 1} for row in rows)


def test_a_missing_model_is_said_clearly(
    tmp_path: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--model", str(tmp_path / "none"), "--corpus", str(wheels)]
    assert main(command) == 2
    assert "none" in capsys.readouterr().err
