"""Corpora from files and from code, and the clear errors around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from copydecode.errors import ConfigError
from copydecode.studies import corpora, paper, probe
from copydecode.studies.qwen import QwenCodec
from tests.engine.studies.conftest import Rows


def test_bodies_and_whole_functions_are_two_corpora(data: Path) -> None:
    body, whole = (corpora.load(n, data).cases[1] for n in ("fix-python", "functions-python"))
    assert (body.source, body.target) == ("a\nb\nc\n", "a\nc\nd")
    assert (whole.source, whole.target) == ("# whole\na\nb\nc\n", "# whole\na\nc\nd")


def test_missing_data_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--data or COPYDECODE_DATA.*bigcode/humanevalpack"):
        corpora.load("fix-js", tmp_path)


def test_a_line_that_is_no_case_is_named(write_data: Callable[[Rows], Path]) -> None:
    folder = write_data([{"id": "1", "language": "python", "source": "a"}])
    with pytest.raises(ConfigError, match="line 1"):
        corpora.load("commits-code", folder)


def test_an_unknown_corpus_is_an_error() -> None:
    with pytest.raises(ConfigError, match="expected a corpus of probe"):
        corpora.load("nothing")


def test_the_environment_says_where_the_data_is(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(corpora.VARIABLE, str(data))
    assert len(corpora.load("commits-docs").cases) == 3


def test_tokens_spell_the_text_again(data: Path) -> None:
    codec = QwenCodec.load(data)
    text = "naïve\r\n\t日本 <gen>"
    assert b"".join(map(codec.token_bytes, codec.encode(text))).decode() == text


def test_ranks_that_are_none_are_an_error(data: Path) -> None:
    (data / corpora.QWEN_RANKS).write_text("one two three\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="tiktoken ranks"):
        QwenCodec.load(data)


def test_the_probe_is_the_same_every_time() -> None:
    first, again = probe.edits(), probe.edits()
    assert first == again
    assert len(first) == 154
    assert len({(edit.source, edit.target) for edit in first}) == 154
    assert json.dumps([edit.instruction for edit in first]) != json.dumps(
        [edit.instruction for edit in probe.edits(seed=1)]
    )


def test_every_probe_edit_changes_one_of_four_documents() -> None:
    edits = probe.edits()
    assert {edit.source for edit in edits} == set(probe.documents().values())
    for edit in edits:
        assert edit.source != edit.target
        assert "{{" not in edit.source + edit.target
        assert not any(line.startswith(("++ ", "-- ")) for line in edit.target.splitlines())


def test_the_papers_oracle_comes_back_on_every_probe_edit() -> None:
    for edit in probe.edits():
        source = paper.lines(edit.source)
        program = paper.oracle(source, paper.lines(edit.target))
        assert paper.resolve(program, source) == edit.target
