"""Losslessness, formats and perturbation, on made cases and on the public ones."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from copydecode.decode.constraint import ProgramGrammar
from copydecode.edit.program import Copy, Gen, Program
from copydecode.studies import (
    adversarial,
    corpora,
    formats,
    losslessness,
    paper,
    perturbation,
    tokens,
)
from copydecode.studies import (
    all as everything,
)
from copydecode.studies.corpora import Case
from copydecode.studies.study import Study, main


def run(study: Study, out: Path, *arguments: str) -> dict[str, Any]:
    assert main(study, ["--out", str(out), *arguments]) == 0
    kept: dict[str, Any] = json.loads((out / f"{study.name}.json").read_text(encoding="utf-8"))
    return kept


def test_odd_strings_come_back_every_way() -> None:
    grammar = ProgramGrammar(tokens.embedded())
    for source, target in adversarial.pairs(300, seed=7):
        ways = losslessness.round_trips(source, target, grammar)
        assert set(ways) == set(losslessness.WAYS)
        assert all(ways.values()), (source, target, ways)


def test_the_odd_strings_hold_what_they_promise() -> None:
    texts = [text for pair in adversarial.pairs(1000, seed=0) for text in pair]
    joined = "".join(texts)
    for part in ("</gen>", "<\\", "\r\n", "\f", "\v", "\x85", "\u2028", "\ufeff", "\0"):
        assert part in joined
    assert "" in texts
    assert any(text and not text.endswith(("\n", "\r")) for text in texts)
    joined.encode("utf-8")  # No lone surrogates: a document cannot have them.


def test_losslessness_names_what_fails(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--data", str(data), "--corpora", "fix-js", "--strings", "5")
    kept = run(losslessness.STUDY, tmp_path, *arguments)
    assert [row["token_grammar"] for row in kept["rows"]] == [3, 5]
    assert kept["figures"] == {"failures": 0}

    def refuse(*_arguments: object) -> None:
        message = "not legal"
        raise ValueError(message)

    monkeypatch.setattr(losslessness, "replay", refuse)
    kept = run(losslessness.STUDY, tmp_path, *arguments)
    assert [row["token_grammar"] for row in kept["rows"]] == [0, 0]
    assert "case/0 (token_grammar)" in kept["notes"][1]


def test_formats_counts_tokens_and_round_trips(data: Path, tmp_path: Path) -> None:
    arguments = ("--data", str(data), "--corpora", "fix-python")
    rows = {row["format"]: row for row in run(formats.STUDY, tmp_path, *arguments)["rows"]}
    cases = corpora.load("fix-python", data).cases
    assert rows["full text"]["tokens"] == pytest.approx(
        sum(len(case.target.encode()) for case in cases) / 3
    )
    assert all(row["exact"] == 1 for row in rows.values())
    assert rows["unified diff"]["paper_tokens"] == 54.9
    assert rows["search/replace, unique"]["paper_tokens"] is None


def test_an_ambiguous_search_counts_as_a_failure() -> None:
    case = Case("1", "text", "x\ny\nx\n", "x\ny\nz\n", "")
    searches = {form.name: form for form in formats.FORMATS}
    for name, exact in (("search/replace", False), ("search/replace, unique", True)):
        form = searches[name]
        assert formats.comes_back(form, case, form.encode(case.source, case.target)) is exact


def test_noise_stays_within_the_document() -> None:
    program = Program((Copy(1, 2), Gen("x"), Copy(4, 4)))
    draw = random.Random(0)
    moved = [perturbation.perturb(program, 4, 3, draw) for _ in range(200)]
    for one in moved:
        first, gen, second = one.ops
        assert gen == Gen("x")
        for op in (first, second):
            assert isinstance(op, Copy)
            assert 1 <= op.first <= op.last <= 4
    assert len(set(moved)) > 10
    assert perturbation.perturb(program, 4, 0, draw) == program


def test_perturbation_is_exact_without_noise_and_the_same_every_time(
    data: Path, tmp_path: Path
) -> None:
    arguments = ("--data", str(data), "--corpora", *corpora.PAPERS, "--limit", "3")
    first = run(perturbation.STUDY, tmp_path, *arguments)
    assert first["rows"] == run(perturbation.STUDY, tmp_path, *arguments)["rows"]
    assert [row["e0"] for row in first["rows"]] == [100] * 4
    assert all(row["e5"] < 100 for row in first["rows"])
    assert [row["name"] for row in first["paper"]] == [*corpora.PAPERS, "pooled"]


@pytest.mark.data
@pytest.mark.parametrize("name", ["fix-python", "fix-js"])
def test_the_papers_perturbation_comes_out(name: str, public_data: Path) -> None:
    cases = corpora.load(name, public_data).cases
    for error, printed in paper.PERTURBATION[name].items():
        held = sum(perturbation.matches(case, error, paper.DRAWS, seed=0) for case in cases)
        # 820 draws: two standard errors are about 3 points at 25 %.
        assert 100 * held / (paper.DRAWS * len(cases)) == pytest.approx(printed, abs=3.5)


def test_all_studies_run_and_one_that_fails_stops_none(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = (formats.STUDY, perturbation.STUDY)
    arguments = ["--data", str(data), "--out", str(tmp_path / "out")]
    assert everything.run_all(arguments, studies) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{study.name}.{kind}" for study in studies for kind in ("csv", "json", "png")
    ]
    assert everything.run_all(["--data", str(tmp_path), "--out", str(tmp_path)], studies) == 2
    assert "failed: formats, perturbation" in capsys.readouterr().err
