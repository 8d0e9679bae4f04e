"""Where the time went, whether code leaves the machine, bug reports: PEERS' 13 and 14."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from copydecode import Engine, EngineConfig
from copydecode_lsp import cli, doctor, headless, machine, telemetry
from copydecode_lsp.receipts import edit_id
from tests.server import fake_engine
from tests.server.harness import (
    PATIENCE_S,
    URI,
    Pair,
    connected,
    cursor,
    diagnostic,
    failure,
    lines,
    until,
)
from tests.server.test_stdio import FAKE, ROOT

TEXT = "secret = 1\nsecrets\n"
UNDEFINED = diagnostic("undefined name 'secrets'", 2)


async def receipt(pair: Pair, params: object) -> dict[str, object] | None:
    answer: dict[str, object] | None = await asyncio.wait_for(
        pair.client.protocol.send_request_async("copydecode/receipt", params), PATIENCE_S
    )
    return answer


@pytest.mark.breaks_protocol("a receipt's id that is a number")
async def test_where_did_the_time_go__an_action_s_receipt_is_found_by_its_id() -> None:
    async with connected(text=TEXT) as pair:
        assert await receipt(pair, {}) is None
        (action,) = await pair.client.code_actions(URI, cursor(2), [UNDEFINED])
        (again,) = await pair.client.code_actions(URI, cursor(2), [UNDEFINED])
        assert isinstance(action, lsp.CodeAction)
        assert isinstance(again, lsp.CodeAction)
        assert isinstance(action.data, dict)
        assert action.data == again.data
        name = {"id": action.data["id"]}
        assert await receipt(pair, name) is None
        await pair.client.code_action_resolve_async(action)
        later = await pair.edit("nothing")
        found = await receipt(pair, name)
        assert found is not None
        assert (found["id"], found["forwards"], found["uri"]) == (name["id"], 1, URI)
        assert await receipt(pair, {"id": later["id"]}) == await receipt(pair, None)
        assert await receipt(pair, {"id": "unknown"}) is None
        error = await failure(receipt(pair, {"id": 3}))
    assert error.code == lsp.ErrorCodes.InvalidParams


async def test_an_action_s_receipt_is_found_whatever_white_space_its_words_are_in() -> None:
    async with connected(text=TEXT) as pair:
        (action,) = await pair.client.code_actions(URI, cursor(1), [diagnostic(" nothing\n", 1)])
        assert isinstance(action, lsp.CodeAction)
        assert isinstance(action.data, dict)
        await pair.client.code_action_resolve_async(action)
        assert await receipt(pair, {"id": action.data["id"]}) is not None


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [("endless", "TokenLimitError"), ("late", "DeadlineExceededError"), ("crash", "RuntimeError")],
)
async def test_where_did_the_time_go__an_edit_that_failed_says_with_what(
    instruction: str, kind: str
) -> None:
    async with connected(text=TEXT) as pair:
        found = diagnostic(instruction, 1)
        (action,) = await pair.client.code_actions(URI, cursor(1), [found])
        assert isinstance(action, lsp.CodeAction)
        assert isinstance(action.data, dict)
        await failure(pair.client.code_action_resolve_async(action))
        kept = await receipt(pair, {"id": action.data["id"]})
        assert kept == await receipt(pair, None)
    assert kept is not None
    assert (kept["failed"], kept["hunks"], kept["uri"]) == (kind, 0, URI)
    assert isinstance(kept["total_s"], float)
    assert kept["total_s"] > 0
    assert "secret" not in json.dumps(kept)


async def test_where_did_the_time_go__a_cancelled_edit_says_how_far_it_came() -> None:
    async with connected(text=TEXT) as pair:
        (action,) = await pair.client.code_actions(URI, cursor(1), [diagnostic("wait", 1)])
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, action)
        # Its first op is told, so it is being decoded.
        await until(lambda: any(value.get("message") for _, value in pair.client.progress_seen))
        pair.client.cancel(call)
        await failure(asyncio.wrap_future(call.answer))
        kept = await receipt(pair, None)
    assert kept is not None
    assert (kept["failed"], kept["model"]) == ("EditCancelledError", "scripted")
    assert kept["forwards"] == 1


async def test_where_did_the_time_go__an_edit_without_a_model_only_waited() -> None:
    async with connected(options={"model": "missing"}, text=TEXT) as pair:
        await failure(pair.edit("nothing"))
        kept = await receipt(pair, None)
    assert kept is not None
    assert (kept["failed"], kept["total_s"]) == ("ModelNotFoundError", 0)
    assert isinstance(kept["queue_s"], float)
    assert kept["queue_s"] > 0


def test_an_edit_s_id_is_the_same_for_the_same_request_only() -> None:
    one = edit_id(URI, 1, {"instruction": "a"})
    assert one == edit_id(URI, 1, {"instruction": "a"})
    assert len({one, edit_id(URI, 2, {"instruction": "a"}), edit_id(URI, 1, {"x": "\ud800"})}) == 3


async def test_my_code_leaves_the_machine__the_log_has_counts_and_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "copydecode_lsp")
    async with connected(text=TEXT) as pair:
        answer = await pair.edit("put: secretive", lines(1, 1))
    (logged,) = [r.getMessage() for r in caplog.records if "receipt" in r.getMessage()]
    assert json.loads(logged.removeprefix("receipt "))["id"] == answer["id"]
    assert "secret" not in logged


async def test_where_did_the_time_go__each_edit_is_a_span_with_its_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", lambda: provider.get_tracer("test"))
    async with connected(text=TEXT) as pair:
        answer = await pair.edit("put: secretive", lines(1, 1))
    *parts, whole = exporter.get_finished_spans()
    assert whole.name == "copydecode.edit"
    assert whole.context is not None
    assert [part.name.removeprefix("copydecode.") for part in parts] == [
        *("queue", "prompt", "prefill", "decode", "resolve", "check")
    ]
    assert all(part.parent and part.parent.span_id == whole.context.span_id for part in parts)
    times = [(part.start_time or 0, part.end_time or 0) for part in parts]
    assert times == sorted(times)
    assert whole.attributes is not None
    assert whole.attributes["copydecode.id"] == answer["id"]
    assert whole.attributes["copydecode.forwards"] == 1
    said = "".join(span.to_json() for span in (*parts, whole))
    assert "secret" not in said
    assert "example.py" not in said


async def test_where_did_the_time_go__the_span_of_an_edit_that_failed_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", lambda: provider.get_tracer("test"))
    async with connected(text=TEXT) as pair:
        await failure(pair.edit("late"))
    *_parts, whole = exporter.get_finished_spans()
    assert whole.status.status_code is StatusCode.ERROR
    assert whole.status.description == "DeadlineExceededError"


def test_my_code_leaves_the_machine__nothing_is_recorded_by_default() -> None:
    """OpenTelemetry's API has no provider of its own: its spans go nowhere."""
    script = (
        "from copydecode_lsp import telemetry\n"
        "tracer = telemetry.tracer()\n"
        "print(tracer.start_span('x').is_recording())\n"
        "import sys; print('opentelemetry.sdk' in sys.modules)"
    )
    answer = subprocess.run(  # noqa: S603 -- our own interpreter and script
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT / 'engine'}:{ROOT / 'server'}"},
    )
    assert answer.stdout.split() == ["False", "False"]


def test_without_opentelemetry_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert telemetry.tracer() is None
    telemetry.record({}, None)


async def test_the_status_says_what_is_loaded_and_what_was_done() -> None:
    async with connected(text=TEXT, options={"readAhead": False, "seed": 3}) as pair:
        answer = await pair.edit("nothing")
        status = await pair.client.execute("copydecode.showStatus")
        await until(lambda: pair.client.messages)
    assert status is not None
    assert status["model"]["state"] == "ready"
    assert status["model"]["contextTokens"] == fake_engine.CONTEXT_LINES
    assert status["memoryBytes"] > 2**20
    assert (status["cache"]["documents"], status["openDocuments"]) == (1, 1)
    assert status["queue"] == {"edits": 0, "readAhead": 0}
    assert status["settings"]["decoding"]["seed"] == 3
    assert status["settings"]["read_ahead"] is False
    assert [r["id"] for r in status["receipts"]] == [answer["id"]]
    assert "secret" not in json.dumps(status)
    assert "'embedded' is ready" in pair.client.messages[0].message


async def test_time_outs_without_progress__the_status_answers_while_the_model_is_loaded() -> None:
    gate = threading.Event()

    def load(config: EngineConfig | None) -> Engine:
        assert gate.wait(PATIENCE_S)
        return fake_engine.load(config)

    async with connected(load=load, text=TEXT) as pair:
        waiting = asyncio.create_task(pair.edit("nothing"))
        await until(lambda: pair.server.worker.waiting[0])
        status = await pair.client.execute("copydecode.showStatus", {"quiet": True})
        gate.set()
        await waiting
    assert status is not None
    assert (status["model"]["state"], status["queue"]["edits"]) == ("loading", 1)
    assert pair.client.messages == []


async def test_the_status_says_why_there_is_no_model() -> None:
    async with connected(options={"model": "missing"}) as pair:
        await until(lambda: pair.client.messages)
        status = await pair.client.execute("copydecode.showStatus", {"quiet": True})
    assert status is not None
    assert status["model"]["state"] == "failed"
    assert "nothing at missing" in status["model"]["error"]


@pytest.fixture
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(model: str | None) -> list[str]:
        return [*FAKE, *(["--model", model] if model else [])]

    monkeypatch.setattr(headless, "server_command", command)
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("_scripted")
@pytest.mark.parametrize(
    ("instruction", "code", "right"),
    [("delete", 0, True), ("put: x", 1, False), ("late", 4, False)],
)
def test_a_bug_report_has_versions_machine_status_and_a_self_test(
    instruction: str,
    code: int,
    right: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(doctor.ARGUMENT, "instruction", instruction)
    assert cli.main(["doctor", "--json"]) == code
    report = json.loads(capfd.readouterr().out)
    assert report["versions"]["copydecode"]
    assert report["machine"]["processors"] >= 1
    assert report["selfTest"]["right"] is right
    assert report["status"]["model"]["state"] == "ready"


@pytest.mark.usefixtures("_scripted")
def test_a_bug_report_says_why_there_is_no_model(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--model", "missing"]) == 3
    out = capfd.readouterr().out
    assert "nothing at missing" in out
    assert "python:" in out


def test_a_bug_report_names_no_user() -> None:
    assert machine.without_home(str(Path.home() / "models")) == str(Path("~") / "models")
