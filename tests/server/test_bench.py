"""`copydecode bench`: what is measured, of which servers, and how it is reported."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from copydecode.errors import BadInputError
from copydecode_lsp import cli, headless
from copydecode_lsp.bench.figures import summary
from copydecode_lsp.bench.run import Configuration, Plan, Results, Sample, measure
from copydecode_lsp.bench.statistics import percentile, proportion, ratio, sign_test
from copydecode_lsp.bench.workload import read
from tests.server.test_stdio import FAKE, ROOT

SOURCE = "name = 1\nprint(names)\n"


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the scripted server where the command line starts the real one."""

    def command(model: str | None) -> list[str]:
        return [*FAKE, *(["--model", model] if model else [])]

    monkeypatch.setattr(headless, "server_command", command)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "example.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def run(*words: object) -> int:
    return cli.main(["bench", *(str(word) for word in words)])


def measured(capfd: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert run(*words, "--json", "-") == 0
    figures: dict[str, Any] = json.loads(capfd.readouterr().out)
    return figures


def test_diagnostics_and_the_instruction_are_measured(
    source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [source, "--instruction", "nothing", "--repeat", "2"]
    report = measured(capfd, *words)
    (figures,) = report["configurations"]
    assert figures["edits"] == 4
    assert figures["failures"] == []
    # The scripted engine counts its decodes: 1, 2, 3, 4, so none came from the cache.
    assert figures["per_edit"]["forwards"] == 2.5
    times = figures["times_ms"]
    assert times["edit"]["p99"] >= times["edit"]["p50"] > 0
    assert (times["list"]["n"], times["edit"]["n"], times["apply"]["n"]) == (2, 4, 2)
    assert figures["model_ready_ms"] > figures["initialize_ms"] > 0
    assert figures["exact"] is None
    took = sum(sample["edit_ms"] for sample in report["samples"]) / 1e3
    assert 0 < figures["edits_per_second"] <= 4 / took  # One client, one edit after the other.
    assert report["command"] == shlex.join(["copydecode", "bench", *map(str, words), "--json", "-"])
    assert len(report["samples"]) == 4


def test_a_table_is_shown_and_failures_are_told(
    source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source.write_text("import os\n" + SOURCE, encoding="utf-8")
    assert run(source, "--instruction", "delete", "--repeat", "1") == 0
    captured = capfd.readouterr()
    assert "forwards per edit" in captured.out
    assert "no such script" in captured.err  # pyflakes finds the unused import, too.


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--model", "missing"], 3),
        (["--instruction", "endless"], 4),
        (["--server", f"{sys.executable} -c pass"], 5),
        (["--minutes", "1"], 1),
        ([], 1),
    ],
)
def test_without_a_single_edit_the_command_fails(
    tmp_path: Path, words: Sequence[str], code: int
) -> None:
    path = tmp_path / "clean.py"
    path.write_text("a = 1\n", encoding="utf-8")
    assert run(path, *words, "--repeat", "1") == code


@pytest.mark.parametrize("words", [[], ["no.py"], ["--settings", "{}"] * 3 + ["x"]])
def test_a_bad_workload_is_bad_input(words: Sequence[str]) -> None:
    assert run(*words) == 2


def test_json_lines_say_whether_an_edit_came_out_as_it_should(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"before": "a\n", "instruction": "put: b", "after": "b\n"},
        {"before": "a\n", "instruction": "put: c", "after": "b\n"},
        # As the evaluation data have it.
        {
            "id": "x/y",
            "language": "python",
            "source": "a\n",
            "instruction": "nothing",
            "target": "",
        },
    ]
    path = tmp_path / "cases.jsonl"
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = measured(capfd, path, "--repeat", "1")
    (figures,) = report["configurations"]
    assert figures["exact"]["of"] == 3
    assert figures["exact"]["share"] == pytest.approx(1 / 3, abs=1e-3)
    assert [sample["exact"] for sample in report["samples"]] == [True, False, False]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "JSON in line 1"),
        ("[]", "before"),
        ('{"before": "a"}', "an instruction"),
        ('{"before": "a", "instruction": " "}', "an instruction"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(BadInputError, match=told):
        read([path], None)


def test_a_folder_means_its_files_of_known_kinds(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("inner/a.py", "b.md", "c.unknown"):
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    assert [d.name for d in read([tmp_path], "nothing")] == ["b.md", str(Path("inner/a.py"))]


def test_two_settings_are_compared_in_pairs(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    settings = ["--settings", "{}", "--settings", '{"readAhead": true}']
    words = [*settings, "--clients", "2", "--repeat", "2", "--html", page]
    report = measured(capfd, source, *words)
    assert [c["edits"] for c in report["configurations"]] == [4, 4]
    compared = report["comparison"]["edit"]
    assert compared["pairs"] == 4
    assert compared["low"] <= compared["mean"] <= compared["high"]
    # In each client the one and the other goes first, in turns.
    order = [s["configuration"] for s in report["samples"] if s["client"] == 1]
    assert order == ["B", "A", "A", "B"]
    text = page.read_text(encoding="utf-8")
    assert "B in times of A" in text
    assert not re.search(r"https?://|<script|src=|url\(", text)


async def test_no_client_begins_before_every_server_is_ready(source: Path) -> None:
    results = Results()
    seen: list[list[float | None]] = []
    plan = Plan(read([source], "nothing"), repeat=1, clients=3)
    await measure(
        plan,
        [Configuration("A")],
        results,
        lambda _name: seen.append([start.ready_s for start in results.starts]),
    )
    assert len(seen) == 3
    for at_once in seen:
        assert len(at_once) == 3
        assert None not in at_once


def test_a_cancel_is_measured_to_its_answer(
    source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [source, "--instruction", "slow: new", "--cancel", "--repeat", "10"]
    (figures,) = measured(capfd, *words)["configurations"]
    # Some are answered before they are cancelled.
    assert 0 < figures["times_ms"]["cancel"]["n"] < figures["times_ms"]["edit"]["n"] + 1
    assert figures["failures"] == []


def test_cold_and_warm_are_what_they_say(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for word in ("cold", "warm"):
        (figures,) = measured(capfd, source, f"--{word}", "--repeat", "2")["configurations"]
        assert figures["times_ms"][f"edit_{word}"]["n"] == figures["times_ms"]["edit"]["n"] == 2


OTHER_SERVER = """
import sys
from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

notebooks = lsp.NotebookDocumentSyncOptions(
    [lsp.NotebookDocumentFilterWithCells([lsp.NotebookCellLanguage("python")])]
)
server = LanguageServer("other", "1", notebook_document_sync=notebooks)
START = lsp.Range(lsp.Position(1, 0), lsp.Position(1, 4))

@server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
def opened(params):
    found = [lsp.Diagnostic(START, "theirs", data=7)]
    server.text_document_publish_diagnostics(
        lsp.PublishDiagnosticsParams(params.text_document.uri, found)
    )

@server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(resolve_provider=True))
def actions(params):
    (found,) = params.context.diagnostics
    return [lsp.CodeAction("fix", data=[params.text_document.uri, found.message, found.data])]

@server.feature(lsp.CODE_ACTION_RESOLVE)
def resolve(action):
    edit = lsp.TextEdit(START, str(action.data[1:]))
    action.edit = lsp.WorkspaceEdit(changes={action.data[0]: [edit]})
    return action

server.start_io()
"""


def test_another_server_is_measured_by_its_own_diagnostics_and_has_no_forwards(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "other.py"
    script.write_text(OTHER_SERVER, encoding="utf-8")
    command = shlex.join([sys.executable, str(script)])
    report = measured(capfd, source, "--against", command, "--repeat", "1")
    ours, theirs = report["configurations"]
    assert theirs["command"] == [sys.executable, str(script)]
    assert (theirs["edits"], theirs["failures"]) == (1, [])
    assert theirs["times_ms"]["edit"]["n"] == theirs["times_ms"]["apply"]["n"] == 1
    assert theirs["per_edit"]["forwards"] is theirs["model_ready_ms"] is None
    assert ours["per_edit"]["forwards"] == 1
    assert report["comparison"]["list"]["pairs"] == 1
    assert [s["task"] for s in report["samples"]] == ["undefined name 'names'", "theirs"]


def test_the_start_is_measured_against_an_interpreter_with_pygls(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copydecode_lsp.bench.command._STARTS", 1)
    figures = measured(capfd, "--startup")
    assert figures["rounds"] == 1
    assert figures["initialize_processor_ms"] > figures["import_pygls_processor_ms"] > 0
    difference = figures["initialize_ms"] - figures["import_pygls_ms"]
    assert figures["beyond_ms"] == pytest.approx(difference, abs=0.2)


def test_what_was_not_measured_is_null() -> None:
    (figures,) = summary(Results(), [Configuration("A")])["configurations"]
    assert figures["times_ms"]["list"] == {**dict.fromkeys(("p50", "p90", "p95", "p99")), "n": 0}
    assert figures["per_edit"]["forwards"] is None
    json.dumps(figures, allow_nan=False)


def test_memory_is_compared_between_the_third_minute_and_the_last_two() -> None:
    held = [(10.0, 1), (130.0, 100), (170.0, 100), (300.0, 500), (490.0, 110), (600.0, 112)]
    results = Results(memory=[("A", 0, second, size * 2**20) for second, size in held])
    (figures,) = summary(results, [Configuration("A")])["configurations"]
    memory = figures["memory"]
    assert (memory["settled_mib"], memory["last_mib"], memory["growth"]) == (100, 111, 0.11)


def test_failures_are_told_with_their_document() -> None:
    sample = Sample("A", "x.py", "line 1", "t", 0, 0, failure=JsonRpcException("no", code=1))
    (figures,) = summary(Results([sample]), [Configuration("A")])["configurations"]
    assert figures["failures"] == ["x.py: no"]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([3.0, 1.0, 2.0], 50, 2.0), ([3.0, 1.0, 2.0], 95, 3.0), ([1.0], 50, 1.0)],
)
def test_percentiles_are_by_nearest_rank(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_a_ratio_that_all_groups_share_is_certain() -> None:
    found = ratio({"a": [(1.0, 2.0)] * 5, "b": [(3.0, 6.0)] * 5})
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert (found.pairs, found.second_slower) == (10, 10)
    assert found.p == pytest.approx(2 / 2**10)


def test_a_ratio_whose_groups_disagree_is_not() -> None:
    found = ratio({"a": [(1.0, 2.0)], "b": [(2.0, 1.0)], "c": [(1.0, 1.0)]})
    assert found is not None
    assert found.mean == pytest.approx(1.0)
    assert found.low < 1.0 < found.high
    assert found.p == 1.0
    assert ratio({}) is None


@pytest.mark.parametrize(("one", "other"), [(400, 600), (520, 480), (500, 500)])
def test_the_sign_test_of_many_pairs_goes_on_from_that_of_fewer(one: int, other: int) -> None:
    # 1000 pairs are counted, 1002 are not.
    assert sign_test(one, other) == pytest.approx(sign_test(one + 1, other + 1), abs=0.02)


def test_a_proportion_s_interval_is_wilson_s() -> None:
    assert proportion(8, 10) == pytest.approx((0.8, 0.490, 0.943), abs=1e-3)
    assert math.isnan(proportion(0, 0)[0])
