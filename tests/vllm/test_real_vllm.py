"""A real vLLM: the programs of a local engine, token for token, and a server that goes wrong."""

from __future__ import annotations

import json
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from copydecode import EditRequest, Engine, EngineConfig, Limits, Scope
from copydecode.backends import local, model_server
from copydecode.backends.remote import Stream
from copydecode.config import Decoding, Mode
from copydecode.errors import (
    CopydecodeError,
    EditCancelledError,
    RemoteMismatchError,
    RemoteRefusedError,
    RemoteUnreachableError,
)
from tests.engine.backends.stand_in import RECORDED
from tests.vllm.conftest import BLOCK, KEY, Running, serve

CASES = 100
SOURCE = Path(__file__).parents[1] / "data" / "mistakes"


def cases(count: int, most_lines: int, *, tokens: int) -> list[EditRequest]:
    """Return edits of pieces of real files, half of them locked to a scope."""
    chance = random.Random(7)
    lines = [
        path.read_text(encoding="utf-8").splitlines(keepends=True)
        for path in sorted(SOURCE.glob("*.py"))
    ]
    found: list[EditRequest] = []
    while len(found) < count:
        file = chance.choice(lines)
        begin = chance.randrange(max(1, len(file) - 6))
        piece = file[begin : begin + chance.randint(3, most_lines)]
        names = re.findall(r"[a-z_]{4,}", "".join(piece))
        if not names:
            continue
        first = chance.randint(1, len(piece))
        last = min(len(piece), first + chance.randint(0, 2))
        name, other = chance.choice(names), chance.choice(names)
        instruction = chance.choice(
            [
                f"delete line {first}",
                f"delete lines {first} to {last}",
                f"duplicate line {first}",
                f"move line {first} to the end",
                f"rename `{name}` to `{other}_2`",
                f"undefined name '{name[:-1]}'",
                f"add a comment before line {first}",
            ]
        )
        scope = Scope(first, last) if chance.random() < 0.5 else None
        limits = Limits(max_new_tokens=tokens)
        document = f"{len(found) % 9}.py"
        found.append(
            EditRequest("".join(piece), instruction, scope, "python", limits, name=document)
        )
    return found


def written(engine: Engine, request: EditRequest) -> tuple[list[int], object]:
    """Return the tokens that were written, spliced ones left out, and the program or the error."""
    writing: Any = engine._backend._writing  # type: ignore[attr-defined]  # noqa: SLF001  # what no result holds
    begin, automata = writing.begin, []

    def noting(*words: Any) -> Any:  # noqa: ANN401  # handed on
        begun = begin(*words)
        automata.append(begun[0])
        return begun

    writing.begin = noting
    try:
        end: object = engine.edit(request).program
    except CopydecodeError as error:
        end = type(error)
    finally:
        del writing.begin
    return list(automata[-1].tokens), end


def differing(ours: Engine, theirs: Engine, requests: Sequence[EditRequest]) -> list[str]:
    """Return the edits that two engines write differently."""
    found = []
    for request in requests:
        expected, got = written(ours, request), written(theirs, request)
        if expected[0][: len(got[0])] != got[0][: len(expected[0])] or expected[1] != got[1]:
            found.append(f"{request.instruction} in {request.text!r}: {expected}, {got}")
    return found


def outcome(engine: Engine, request: EditRequest) -> str | type[CopydecodeError]:
    """Return the new text, or the kind of error in its place."""
    try:
        return engine.edit(request).text
    except CopydecodeError as error:
        return type(error)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve(local.EMBEDDED_FOLDER, tmp_path_factory.mktemp("embedded") / "log") as running:
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
    # vLLM's attention on a CPU has no heads of 12.
    folder = save_foreign(tmp_path / "model", "qwen2", hidden_size=128, head_dim=32)
    model = str(folder)
    ours = Engine(local.load(EngineConfig(model, threads=1)))
    with serve(folder, tmp_path / "log") as running:
        theirs = remote(running, model=model)
        assert differing(ours, theirs, cases(CASES, 12, tokens=24)) == []


def test_a_splice_is_prefilled_and_all_before_it_is_cached(embedded: Running) -> None:
    engine = remote(embedded)
    streams = noted(engine)
    spliced = 0
    for request in cases(12, 38, tokens=300):
        streams.clear()
        try:
            spliced += engine.edit(request).receipt.spliced_tokens
        except CopydecodeError:
            continue
        before = 0
        for length, stream in streams:
            if before:  # What is not cached is new, up to a block that was not full.
                assert stream.cached_tokens is not None
                assert stream.cached_tokens >= before - BLOCK
            before = length
    assert spliced > 0


def noted(engine: Engine) -> list[tuple[int, Stream]]:
    """Return a list that gets each request of an engine, with the length of its prompt."""
    backend: Any = engine._backend  # noqa: SLF001  # to see the requests
    streams: list[tuple[int, Stream]] = []
    complete = backend.wire.complete

    def noting(body: dict[str, Any], *words: Any, **more: Any) -> Stream:  # noqa: ANN401  # on
        stream: Stream = complete(body, *words, **more)
        streams.append((len(body["prompt"]), stream))
        return stream

    backend.wire.complete = noting
    return streams


def endless(running: Running, **more: Any) -> Engine:  # noqa: ANN401  # handed on
    """Return an engine whose server writes on and on."""
    engine = remote(running, decoding=Decoding(mode=Mode.REWRITE, untaught=True), **more)
    backend: Any = engine._backend  # noqa: SLF001  # to change its requests
    complete = backend.wire.complete

    def going_on(body: dict[str, Any], *words: Any, **more: Any) -> Stream:  # noqa: ANN401  # on
        endless = {**body, "min_tokens": body["max_tokens"]}
        stream: Stream = complete(endless, *words, **more)
        return stream

    backend.wire.complete = going_on
    return engine


ENDLESS = EditRequest("a = 1\n" * 30, "rename `a` to `b`", limits=Limits(1800))


def test_a_cancel_frees_the_request(embedded: Running) -> None:
    engine = endless(embedded)

    def running() -> float:
        return embedded.counted("num_requests_running")

    with pytest.raises(EditCancelledError):
        engine.edit(ENDLESS, cancelled=lambda: running() == 1)
    until = time.monotonic() + 2
    while running() and time.monotonic() < until:
        pass
    assert running() == 0


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

    def ask(path: str, body: dict[str, Any] | None = None, key: str = KEY) -> tuple[int, str]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(embedded.url + path, data, headers)  # noqa: S310  # http
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # http
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    for name, answer in {
        "version": ask("/version"),
        "models": ask("/v1/models"),
        "wrong_key": ask("/v1/models", key="no"),
        "wrong_model": ask("/v1/completions", {"model": "no", "prompt": [1], "max_tokens": 1}),
    }.items():
        assert answer[0] == recorded[name]["status"]
        assert shape(json.loads(answer[1])) == shape(recorded[name]["body"])
    status, text = ask("/v1/completions", {**recorded["stream"]["request"], "model": "served"})
    lines = [line for line in text.splitlines() if line]
    assert status == recorded["stream"]["status"]
    assert [shape(line) for line in lines] == [shape(line) for line in recorded["stream"]["lines"]]


def shape(value: object) -> object:
    """Return what a JSON value is made of: names and types."""
    if isinstance(value, str) and value.startswith("data: {"):
        return shape(json.loads(value[6:]))
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def test_a_server_that_is_killed_fails_the_edit(embedded: Running) -> None:
    engine = endless(embedded, limits=Limits())
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        if asked == 20:  # Some tokens have come.
            embedded.kill()
        return False

    with pytest.raises(RemoteUnreachableError):
        engine.edit(ENDLESS, cancelled=cancelled)
    assert embedded.process.returncode is not None
