"""The head-to-head and the free run, as programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copydecode.decode.network import NetworkConfig
from copydecode.studies import everyday, forwards, freerun, shapes, speculation
from copydecode.studies.study import main

TINY = NetworkConfig(
    "qwen3", 4096, 32, 64, 2, 2, 1, 16, 1e-6, 10_000.0, 4096, tie_word_embeddings=True
)


def test_all_ways_are_counted_and_timed_in_one_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shapes.SHAPES, "tiny", TINY)
    out = tmp_path / "out"
    asked = ["--model", "tiny", "--data", str(data), "--out", str(out), "--threads", "1"]
    assert main(forwards.STUDY, [*asked, "--corpora", "fix-python", "--timed", "1", "--cpu"]) == 0
    rows = json.loads((out / "forwards.json").read_text(encoding="utf-8"))["rows"]
    timed = {row["way"]: row for row in rows if row["table"] == "timed"}
    counted = {row["way"]: row for row in rows if row["table"] == "counted"}
    assert {"generate", "prompt lookup k=10", "n-gram k=10", "rewrite", "program"} <= timed.keys()
    assert counted["program"]["cases"] == 3
    assert counted["program"]["forwards"] < counted["text, plain"]["forwards"]
    assert timed["generate"]["time_ratio"] == 1.0
    assert timed["generate"]["own"] is None
    assert 0 < timed["program"]["grammar"] < timed["program"]["own"] < 1
    assert all(row["exact"] == 1.0 for row in rows)
    assert (out / "forwards.png").stat().st_size > 0


def test_a_model_of_others_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--model", str(tmp_path / "none"), "--data", str(data), "--out", str(tmp_path)]
    assert main(forwards.STUDY, asked) != 0
    assert "expected" in capsys.readouterr().err


def test_everyday_edits_have_an_exact_gold_and_a_seed() -> None:
    made = everyday.cases(5, 0)
    assert made == everyday.cases(5, 0)
    assert [case.kind for case in made] == ["deletion"] * 5 + ["misspelling"] * 5
    for case in made:
        old, new = case.source.splitlines(), case.target.splitlines()
        if case.kind == "deletion":
            at = int(case.instruction.rsplit(maxsplit=1)[-1])
            assert new == old[: at - 1] + old[at:]
        else:
            assert case.line is not None
            changed = [k for k, (a, b) in enumerate(zip(old, new, strict=True), 1) if a != b]
            assert changed == [case.line]
            assert case.instruction.split("'")[1] in old[case.line - 1]


def test_the_free_run_measures_time_and_exactness_of_the_same_edits(tmp_path: Path) -> None:
    assert main(freerun.STUDY, ["--limit", "1", "--threads", "1", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "freerun.json").read_text(encoding="utf-8"))["rows"]
    assert {row["kind"] for row in rows} == {"deletion", "misspelling"}
    driven = [row for row in rows if row["way"] == freerun.DRIVEN]
    assert all(row["exact"] == 1.0 and row["faster"] == 1.0 for row in driven)
    ways = {row["way"]: row for row in rows if row["kind"] == "deletion"}
    assert ways["program"]["exact"] == ways["program, no drafts"]["exact"]
    assert ways["program"]["forwards"] < ways[freerun.DRIVEN]["forwards"]


def test_each_sort_of_drafts_saves_forwards(data: Path, tmp_path: Path) -> None:
    asked = ["--data", str(data), "--out", str(tmp_path), "--corpora", "probe", "--limit", "6"]
    assert main(speculation.STUDY, asked) == 0
    rows = json.loads((tmp_path / "speculation.json").read_text(encoding="utf-8"))["rows"]
    forwards_of = {row["drafts"]: row["forwards"] for row in rows}
    assert forwards_of["both"] < forwards_of["structure"] < forwards_of["none"]
    assert forwards_of["both"] < forwards_of["text"] < forwards_of["none"]
