"""A real llama-server: the programs of a local engine, token for token, and one that goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copydecode import EditRequest, Engine, EngineConfig, Limits
from copydecode.backends import local, model_server
from copydecode.backends.one_op import GBNF, exactly
from copydecode.backends.remote import Stream
from copydecode.config import Decoding, Mode
from copydecode.decode.vocabulary import Vocabulary
from copydecode.errors import (
    CopydecodeError,
    EditCancelledError,
    RemoteMismatchError,
    RemoteRefusedError,
    RemoteUnreachableError,
)
from tests.engine.backends.llama_stand_in import RECORDED
from tests.llama.conftest import Running, serve
from tests.vllm.test_real_vllm import CASES, cases, differing, outcome, shape


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(local.EMBEDDED_FOLDER, tmp_path_factory.mktemp("embedded")) as running:
        yield running


def remote(running: Running, **more: Any) -> Engine:  # noqa: ANN401  # handed on
    config = EngineConfig(remote_url=running.url, **more)
    return Engine(model_server.load(config), config)


def test_a_hundred_edits_by_the_embedded_model_are_the_local_ones(embedded: Running) -> None:
    ours = Engine.load(EngineConfig(threads=1, decoding=Decoding(lenience=0.0)))
    assert differing(ours, remote(embedded), cases(CASES, 38, tokens=300)) == []


def test_a_hundred_edits_by_a_random_qwen2_are_the_local_ones(
    save_foreign: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save_foreign(tmp_path / "model", "qwen2", hidden_size=128, head_dim=32)
    model = str(folder)
    ours = Engine(local.load(EngineConfig(model, threads=1)))
    with serve(folder, tmp_path) as running:
        theirs = remote(running, model=model)
        assert differing(ours, theirs, cases(CASES, 12, tokens=24)) == []


def test_full_text_is_that_of_the_local_model(
    save_foreign: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save_foreign(tmp_path / "model", "qwen2", hidden_size=128, head_dim=32)
    decoding = Decoding(mode=Mode.REWRITE)
    ours = Engine(local.load(EngineConfig(str(folder), threads=1, decoding=decoding)))
    with serve(folder, tmp_path) as running:
        theirs = remote(running, model=str(folder), decoding=decoding)
        for request in cases(12, 12, tokens=24):
            assert outcome(theirs, request) == outcome(ours, request)


def test_a_splice_is_prefilled_and_all_before_it_is_cached(embedded: Running) -> None:
    engine = remote(embedded)
    backend: Any = engine._backend  # noqa: SLF001  # to see the requests
    streams: list[tuple[int, Stream]] = []
    complete = backend.wire.complete

    def noting(body: dict[str, Any], *words: Any, **more: Any) -> Stream:  # noqa: ANN401  # handed on
        stream: Stream = complete(body, *words, **more)
        streams.append((len(body["prompt"]), stream))
        return stream

    backend.wire.complete = noting
    spliced = 0
    for request in cases(12, 38, tokens=300):
        streams.clear()
        try:
            spliced += engine.edit(request).receipt.spliced_tokens
        except CopydecodeError:
            continue
        before = 0
        for length, stream in streams:
            if before:  # The request before wrote more: all that is new is what was spliced.
                assert stream.cached_tokens is not None
                assert stream.cached_tokens > before
            before = length
    assert spliced > 0


def test_a_grammar_writes_tokens_that_end_within_a_character(embedded: Running) -> None:
    vocabulary = Vocabulary.load(local.EMBEDDED_FOLDER / "tokenizer.json")
    tokens = vocabulary.encode("\u4e16\u754c")
    assert len(tokens) > 2
    status, answer = embedded.ask(
        "/completion",
        {
            "prompt": [1],
            "n_predict": len(tokens),
            "temperature": 0,
            "return_tokens": True,
            "grammar": 'root ::= text\ntext ::= [^\\x00-\\x7F] text | ""\n',
            "logit_bias": [[token, 100.0] for token in tokens],
        },
    )
    assert status == 200
    assert len(answer["tokens"]) == len(tokens)  # A stream would leave some out.
    assert set(answer["tokens"]) <= set(tokens)


ENDLESS = EditRequest("a = 1\n" * 30, "rename `a` to `b`", limits=Limits(1500))


def endless(running: Running) -> Engine:
    """Return an engine whose server writes on and on."""
    engine = remote(running, decoding=Decoding(mode=Mode.REWRITE, untaught=True))
    backend: Any = engine._backend  # noqa: SLF001  # to change its requests
    complete = backend.wire.complete

    def going_on(body: dict[str, Any], *words: Any, **more: Any) -> Stream:  # noqa: ANN401  # handed on
        stream: Stream = complete({**body, "ignore_eos": True, "stop": []}, *words, **more)
        return stream

    backend.wire.complete = going_on
    return engine


def test_a_cancel_frees_the_slot(embedded: Running) -> None:
    engine = endless(embedded)
    with pytest.raises(EditCancelledError):
        engine.edit(ENDLESS, cancelled=lambda: embedded.busy() == 1)
    until = time.monotonic() + 10
    while embedded.busy() and time.monotonic() < until:
        time.sleep(0.05)  # Not for a fixed time: until the slot is free.
    assert embedded.busy() == 0


def test_a_wrong_key_and_a_wrong_model_are_said(
    embedded: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RemoteRefusedError, match="to serve 'other', found 'served'"):
        remote(embedded, remote_model="other")
    monkeypatch.setenv("COPYDECODE_API_KEY", "sk-another")
    with pytest.raises(RemoteRefusedError, match="HTTP 401"):
        remote(embedded)


def test_another_tokenizer_is_found_out(
    embedded: Running, save_foreign: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save_foreign(tmp_path / "model", "qwen2")
    with pytest.raises(RemoteMismatchError, match="with the tokenizer"):
        remote(embedded, model=str(folder))


def test_the_recording_looks_like_this_server(embedded: Running) -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for name, answer in record(embedded).items():
        assert answer["status"] == recorded[name]["status"], name
        assert shape(answer["body"]) == shape(recorded[name]["body"]), name


def record(running: Running) -> dict[str, dict[str, Any]]:
    """Return what the stand-in's answers are made of."""
    request = {
        "prompt": [1, 2, 3],
        "n_predict": 4,
        "temperature": 0,
        "return_tokens": True,
        "grammar": exactly([7, 32, 28, 33, 8], ('"/>',), GBNF).grammar,
        "response_fields": [
            "tokens",
            "stop_type",
            "tokens_evaluated",
            "tokens_predicted",
            "timings",
        ],
    }
    answers = {
        "version": running.ask("/version"),
        "props": running.ask("/props"),
        "models": running.ask("/v1/models"),
        "detokenize": running.ask("/detokenize", {"tokens": [300, 301]}),
        "completion": running.ask("/completion", request),
        "wrong_key": running.ask("/props", key="no"),
        "bad_grammar": running.ask("/completion", {**request, "grammar": "root ::= ("}),
    }
    return {name: {"status": status, "body": body} for name, (status, body) in answers.items()}


def test_a_server_that_is_killed_fails_the_edit(embedded: Running) -> None:
    engine = endless(embedded)
    killed = False

    def cancelled() -> bool:
        nonlocal killed
        if not killed and embedded.busy() == 1:
            killed = True
            embedded.kill()
        return False

    with pytest.raises(RemoteUnreachableError):
        engine.edit(ENDLESS, cancelled=cancelled)
    assert killed
