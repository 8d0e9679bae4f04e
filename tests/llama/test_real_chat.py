"""A real llama-server, asked as a chat model: the wire, and a model that knows no programs.

No model that is at hand keeps to a format that it is told of. Where an answer has to be a program,
the server is made to write it, by a grammar of its own that is no part of what we ask.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from copydecode import EditRequest, Engine, EngineConfig, Limits, Scope
from copydecode.backends import chat, local
from copydecode.backends.remote import Answer, Wire
from copydecode.config import RemoteApi
from copydecode.decode.vocabulary import Vocabulary
from copydecode.errors import EditCancelledError, RemoteMismatchError, TokenLimitError
from tests.engine.backends.chat_stand_in import PROBED, RECORDED
from tests.llama.conftest import KEY, MODEL, Running, serve
from tests.vllm.test_real_vllm import shape

TEXT = "a = 1\nb = 2\nc = 3\nd = 4\n"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(local.EMBEDDED_FOLDER, tmp_path_factory.mktemp("chat")) as running:
        yield running


def config(running: Running) -> EngineConfig:
    return EngineConfig(remote_url=running.url, remote_api=RemoteApi.CHAT)


class Made:
    """What the server is made to write from now on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.text = ""
        vocabulary = Vocabulary.load(local.EMBEDDED_FOLDER / "tokenizer.json")
        self._markers = [str(token) for token in vocabulary.op_markers.values()]
        complete = Wire.complete

        def forced(wire: Wire, body: dict[str, Any], **more: Any) -> Answer[Any]:  # noqa: ANN401  # handed on
            if self.text:
                # Some of its special tokens read like ops, and are not shown.
                body = {**body, "logit_bias": dict.fromkeys(self._markers, -100)}
                body["grammar"] = f"root ::= {json.dumps(self.text)}"
            return complete(wire, body, **more)

        monkeypatch.setattr(Wire, "complete", forced)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(monkeypatch)


def test_a_model_that_does_not_keep_to_the_format_is_found_out(embedded: Running) -> None:
    with pytest.raises(RemoteMismatchError, match=f"'{MODEL}'.*does not keep to the format"):
        chat.load(config(embedded))


def test_a_program_is_read_and_what_it_cost_is_told(embedded: Running, made: Made) -> None:
    made.text = PROBED
    engine = Engine.load(config(embedded))
    made.text = '<program><copy lines="1-1"/><gen>x = 9\n</gen><copy lines="3-4"/></program>'
    edit = engine.edit(EditRequest(TEXT, "make b x", Scope(2, 2)))
    assert edit.text == "a = 1\nx = 9\nc = 3\nd = 4\n"
    receipt = edit.receipt
    assert (receipt.requests, receipt.retries, receipt.resent) == (1, 0, 0)
    assert receipt.prompt_tokens == receipt.sent_tokens > 500
    assert receipt.generated_tokens > 10
    assert receipt.cached_tokens is not None


def test_an_endless_answer_ends_at_the_limit(embedded: Running, made: Made) -> None:
    made.text = PROBED
    engine = Engine.load(config(embedded))
    made.text = ""
    with pytest.raises(TokenLimitError, match="at most 40 tokens"):
        engine.edit(EditRequest(TEXT, "delete line 1", limits=Limits(40)))


def test_a_cancel_ends_a_chat(embedded: Running, made: Made) -> None:
    made.text = PROBED
    engine = Engine.load(config(embedded))
    made.text = ""
    with pytest.raises(EditCancelledError):
        engine.edit(EditRequest(TEXT, "delete line 1"), cancelled=lambda: embedded.busy() == 1)


def test_the_recording_looks_like_this_server(embedded: Running) -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for name, answer in record(embedded).items():
        assert shape(answer) == shape(recorded[name]), name


def record(running: Running) -> dict[str, Any]:
    """Return what the stand-in's answers are made of."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello."}],
        "max_tokens": 2,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(  # noqa: S310  # http
        running.url + "/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # http
        lines = answer.read().decode().splitlines()
    *pieces, done = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert done == "[DONE]"
    status, refusal = running.ask("/v1/chat/completions", body, key="no")
    return {
        "stream": [json.loads(piece) for piece in pieces],
        "wrong_key": {"status": status, "body": refusal},
    }
