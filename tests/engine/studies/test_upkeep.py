"""What edits take and leave behind: decode steps, cached prompts and memory, as programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from copydecode.studies import latency, memory, reuse, shapes
from copydecode.studies.study import main

SMALL = replace(shapes.SHAPES["27m"], hidden_size=32, intermediate_size=64, num_hidden_layers=1)


def test_a_second_edit_computes_its_instruction_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shapes.SHAPES, reuse.LARGER, SMALL)
    assert main(reuse.STUDY, ["--out", str(tmp_path), "--threads", "1"]) == 0
    rows = json.loads((tmp_path / "reuse.json").read_text(encoding="utf-8"))["rows"]
    assert len({row["model"] for row in rows}) == 2
    for row in rows:
        if row["action"] == "second edit":
            assert row["computed"] <= row["instruction"]
        elif row["action"] == "first edit of a file":
            assert row["computed"] == row["prompt"]
        elif row["action"] == "back in the first file":
            assert row["computed"] == 1  # The same prompt: its last token decides.
    assert (tmp_path / "reuse.png").stat().st_size > 0


def test_memory_is_read_along_many_edits(tmp_path: Path) -> None:
    asked = ["--out", str(tmp_path), "--limit", "8", "--threads", "1"]
    assert main(memory.STUDY, asked) == 0
    found = json.loads((tmp_path / "memory.json").read_text(encoding="utf-8"))
    assert [row["edits"] for row in found["rows"]] == list(range(1, 9))
    assert all(row["mib"] > 100 for row in found["rows"])
    assert found["figures"]["failed"] == 0


def test_a_fix_is_counted_in_decode_steps(tmp_path: Path) -> None:
    asked = ["--out", str(tmp_path), "--limit", "3", "--threads", "1"]
    assert main(latency.STUDY, asked) == 0
    found = json.loads((tmp_path / "latency.json").read_text(encoding="utf-8"))
    assert found["rows"]
    for row in found["rows"]:
        assert row["steps"] == row["ms"] / row["step_ms"] > 0
        assert row["output_tokens"] > 0
