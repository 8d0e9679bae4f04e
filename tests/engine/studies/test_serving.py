"""Load on a model server: it writes golds that its model does not know, by the usual protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from copydecode.backends import model_server
from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import API_KEY, EngineConfig
from copydecode.decode.forwards import alone
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.program import Copy
from copydecode.studies import serving
from copydecode.studies.drives import prepare
from copydecode.studies.forced import ForcedBackend
from copydecode.studies.study import main
from tests.engine.backends.stand_in import KEY, StandIn


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn(EMBEDDED_FOLDER) as running:
        yield running


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY, KEY)


def test_a_server_writes_a_gold_by_a_request_a_copy_and_one_for_the_end(server: StandIn) -> None:
    backend = model_server.load(EngineConfig(remote_url=server.url, threads=1))
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    source = "".join(f"line_{n} = value({n})\n" for n in range(12))
    target = source.replace("value(3)", "<gen>").replace("line_7 = value(7)\n", "") + "more/>\n"
    edit = prepare(source, target, "change it", vocabulary)
    server.requests.clear()
    receipt = Receipt()
    program = alone(ForcedBackend.of(backend).write(edit, "a.py", receipt))
    assert program == edit.program
    copies = [op for op in program.ops if isinstance(op, Copy)]
    assert len(server.requests) == receipt.requests == len(copies) + 1
    assert receipt.spliced_tokens == sum(len(edit.splice(op.first, op.last)) for op in copies)
    assert all("structured_outputs" in body for body in server.requests)


def test_every_way_makes_every_edit(server: StandIn, data: Path, tmp_path: Path) -> None:
    words = ["--url", server.url, "--data", str(data), "--out", str(tmp_path), "--limit", "2"]
    words += ["--clients", "1", "2", "--corpora", "everyday", "fix-python"]
    assert main(serving.STUDY, words) == 0
    rows = json.loads((tmp_path / "serving.json").read_text(encoding="utf-8"))["rows"]
    kinds = ["deletion", "misspelling", "HEvalFix-Py, 3 of 3"]
    assert [(row["kind"], row["clients"], row["way"]) for row in rows] == [
        (kind, clients, way) for kind in kinds for clients in (1, 2) for way in serving.WAYS
    ]
    for row in rows:
        assert row["edits"] == serving.ROUNDS * 2 * row["clients"]
        assert row["least_gain"] <= row["gain"] * 1.001
        assert (row["exact"] is None) == (row["way"] == serving.FULL or "HEval" in row["kind"])


def test_full_text_can_be_the_gold(server: StandIn, tmp_path: Path) -> None:
    words = ["--url", server.url, "--out", str(tmp_path), "--limit", "1", "--clients", "1"]
    server.requests.clear()
    assert main(serving.STUDY, [*words, "--gold"]) == 0
    full = [body for body in server.requests if body.get("ignore_eos")]
    assert full
    for body in full:
        grammar = body["structured_outputs"]["grammar"]
        assert grammar.splitlines()[0].count("Token(") == body["max_tokens"]
