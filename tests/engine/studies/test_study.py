"""The harness: what a run prints and keeps, and how it fails."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from copydecode.errors import ConfigError
from copydecode.studies.corpora import Case
from copydecode.studies.study import Column, Context, Report, Row, Study, draw, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS: list[Row] = [{"corpus": "one", "share": 0.5, "extra": 1}, {"corpus": "two", "share": None}]


def plot(figure: Figure) -> None:
    figure.subplots().plot([1, 2])


def count(context: Context) -> Report:
    corpus = context.corpus("commits-code")
    done = list(context.track(corpus.cases, "counting"))
    return Report(
        title="counted",
        columns=(Column("corpus", "corpus"), Column("share", "share %", ".1f")),
        rows=ROWS,
        draw=plot,
        notes=("a [note] to read",),
        paper=[{"corpus": "one", "share": 0.25}],
        figures={"cases": len(done)},
    )


STUDY = Study(name="counting", question="How many?", run=count)


def test_a_run_prints_a_table_and_keeps_three_files(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(STUDY, ["--data", str(data), "--out", str(tmp_path / "out"), "--limit", "2"]) == 0
    printed = capsys.readouterr()
    assert "0.5" in printed.out
    assert "a [note] to read" in printed.out
    assert "counting" in printed.err
    kept = json.loads((tmp_path / "out/counting.json").read_text(encoding="utf-8"))
    assert kept["command"].startswith("python -m copydecode.studies.counting --data")
    assert kept["rows"] == ROWS
    assert kept["paper"] == [{"corpus": "one", "share": 0.25}]
    assert kept["figures"] == {"cases": 2}
    assert kept["environment"]["xgrammar"]
    with (tmp_path / "out/counting.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["corpus", "share", "extra"],
            ["one", "0.5", "1"],
            ["two", "", ""],
        ]
    assert (tmp_path / "out/counting.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_run_says_what_to_install(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert main(STUDY, ["--data", str(data), "--out", str(tmp_path)]) == 0
    assert "pip install 'copydecode[studies]'" in capsys.readouterr().err
    assert not (tmp_path / "counting.png").exists()


def test_an_error_is_one_message_and_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_context: Context) -> Report:
        message = "expected something else"
        raise ConfigError(message)

    failing = Study(name="failing", question="Why?", run=fail)
    assert main(failing, ["--out", str(tmp_path / "out")]) == 2
    assert "expected something else" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_drawn_part_keeps_its_order_and_is_the_same_every_time() -> None:
    cases = [Case(str(index), "text", "a", "b", "") for index in range(20)]
    drawn = draw(cases, 5, seed=3)
    assert drawn == draw(cases, 5, seed=3)
    assert [case for case in cases if case in drawn] == list(drawn)
    assert draw(cases, None, seed=3) == tuple(cases) == draw(cases, 20, seed=3)
