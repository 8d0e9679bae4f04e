"""The ceiling study: the paper's counts on its own corpora, and what counts on made cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, Gen, Program
from copydecode.studies import ceiling, corpora, cover, paper
from copydecode.studies.qwen import QwenCodec
from copydecode.studies.replay import replay
from copydecode.studies.study import main


def test_a_replay_separates_decisions_from_what_is_certain(own_literals: Literals) -> None:
    document = Document("one\ntwo\nthree\nfour\n")
    program = Program((Copy(1, 2), Gen("new\n"), Copy(4, 4)))
    result = replay(program, document, ProgramGrammar(own_literals))
    encode = own_literals.codec.encode
    assert result.program == program
    # <copy, 1, -2, gen and its text, </gen>, <copy, 4 with all that follows, </program>.
    assert len(result.steps) == 3 + 1 + len(encode("new\n")) + 1 + 2 + 1
    assert result.tokens == 5 + 2 + len(encode("new\n")) + 5 + 1
    assert sum(step.spliced for step in result.steps) == len(encode("one\ntwo\n")) + len(
        encode("four\n")
    )
    assert result.tokens == sum(1 + step.forced for step in result.steps)


def test_a_program_that_the_grammar_refuses_is_an_error(own_literals: Literals) -> None:
    with pytest.raises(ValueError, match="expected a token that is legal"):
        replay(Program((Copy(1, 3),)), Document("a\nb\n"), ProgramGrammar(own_literals))


def test_a_foreign_tokenizer_replays_the_same_program(foreign_literals: Literals) -> None:
    document = Document("one\ntwo\nthree\n")
    program = oracle(document, Document("one\n</gen> three\nthree\n"))
    assert replay(program, document, ProgramGrammar(foreign_literals)).program == program


def test_counts_of_a_case_are_those_of_its_texts(data: Path) -> None:
    codec = QwenCodec.load(data)  # One token a byte.
    case = corpora.load("fix-python", data).cases[1]  # "a b c" becomes "a c d" without newline.
    count = ceiling.count(case, codec, ProgramGrammar(Literals(codec)))
    assert count.tokens == len("a\nc\nd")
    assert count.spans == [1, 1]
    row = count.row(cover.Curve({1: 1.0}))
    assert row["copied"] == 2
    assert row["line_cover"] == pytest.approx(40)
    assert row["bound_exact"] == pytest.approx(1)
    assert row["honest_naive"] < row["honest_decisions"]


def test_the_study_runs_on_made_data_and_reads_our_kernel(data: Path, tmp_path: Path) -> None:
    rows = [{"prefix": 512, "tokens": n, "speed_up": float(n)} for n in (1, 2)]
    (tmp_path / "kernel.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    arguments = ["--data", str(data), "--out", str(tmp_path), "--limit", "2"]
    assert main(ceiling.STUDY, [*arguments, "--corpora", *corpora.PAPERS]) == 0
    kept = json.loads((tmp_path / "ceiling.json").read_text(encoding="utf-8"))
    assert {row["kernel"] for row in kept["rows"]} == {"paper 7B, A100", "ours"}
    assert [row["name"] for row in kept["rows"][:4]] == [*corpora.PAPERS, "pooled"]
    assert [row["tokens"] for row in kept["paper"]][1:3] == [8_872, 14_876]


def test_the_study_counts_in_embedded_tokens_without_any_data(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--limit", "4", "--corpora", "probe"]
    assert main(ceiling.STUDY, [*arguments, "--tokens", "embedded"]) == 0


def test_a_kernel_file_that_is_none_is_an_error(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kernel.json").write_text("{}", encoding="utf-8")
    arguments = ["--data", str(data), "--out", str(tmp_path), "--corpora", "probe"]
    assert main(ceiling.STUDY, arguments) == 2
    assert "the result of the kernel study" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "short", "empty", "cover_percent"),
    [("fix-python", 34.6, 67, 91.0), ("fix-js", 26.4, 0, 93.3)],
)
def test_the_papers_counts_come_out_to_the_last_token(
    name: str, short: float, empty: int, cover_percent: float, public_data: Path
) -> None:
    codec = QwenCodec.load(public_data)
    grammar = ProgramGrammar(Literals(codec))
    total = ceiling.Count()
    for case in corpora.load(name, public_data).cases:
        total.add(ceiling.count(case, codec, grammar))
    printed = paper.CEILINGS[name]
    assert (total.cases, total.tokens, total.copied, len(total.spans)) == (
        printed.cases,
        printed.tokens,
        printed.copied,
        printed.spans,
    )
    row = total.row(cover.Curve(paper.kernel_points()))
    assert row["bound_m8"] == pytest.approx(printed.bound_m8, abs=0.005)
    assert row["bound_mean"] == pytest.approx(printed.bound_mean, abs=0.005)
    # The paper's kernel between its printed points is not known: 2 % stay open.
    assert row["bound_exact"] == pytest.approx(printed.bound_exact, rel=0.03)
    assert row["token_cover"] == pytest.approx(cover_percent, abs=0.05)
    assert row["short_spans"] == pytest.approx(short, abs=0.05)
    assert row["empty_spans"] == empty


def test_the_figure_of_merit_never_divides_by_nothing() -> None:
    assert ceiling.Count(tokens=1, widths=[1], program=1).row(cover.Curve({1: 1.0}))["spans"] == 0
