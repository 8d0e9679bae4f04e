"""Edits by a model server are those of a local engine, or they fail clearly; nothing leaks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import cast

import pytest

from copydecode import EditRequest, EditResult, Engine, EngineConfig, Limits
from copydecode.backends import model_server
from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import API_KEY, Acceptance, Decoding, Mode
from copydecode.errors import (
    ConfigError,
    DeadlineExceededError,
    EditCancelledError,
    RemoteBusyError,
    RemoteError,
    RemoteMismatchError,
    RemoteRefusedError,
    RemoteUnreachableError,
    TokenLimitError,
)
from tests.engine.backends.served import EDITS, QUICK, TEXT, outcome, remote
from tests.engine.backends.stand_in import KEY, MODEL, StandIn


@pytest.fixture(scope="module")
def _served() -> Iterator[StandIn]:
    with StandIn(EMBEDDED_FOLDER) as server:
        yield server


@pytest.fixture
def server(_served: StandIn) -> StandIn:
    """The stand-in, without faults and with nothing remembered but its cache."""
    _served.faults = type(_served.faults)()
    _served.requests.clear()
    _served.headers.clear()
    for event in (_served.gone, _served.held, _served.release):
        event.clear()
    return _served


@pytest.mark.parametrize("request_", EDITS)
def test_a_server_s_program_is_the_local_one(
    server: StandIn, local: Engine, request_: EditRequest
) -> None:
    ours, theirs = (outcome(engine, request_) for engine in (local, remote(server)))
    if not (isinstance(ours, EditResult) and isinstance(theirs, EditResult)):
        assert theirs == ours  # Both end for the same reason.
        return
    assert theirs.program == ours.program
    assert theirs.text == ours.text
    assert theirs.receipt.spliced_tokens == ours.receipt.spliced_tokens
    assert theirs.receipt.output_tokens == ours.receipt.output_tokens


def test_grammars_of_others_on_the_server_change_nothing(server: StandIn, local: Engine) -> None:
    # XGrammar takes rules of the same shape for the same rule, whatever tokens they name.
    engine = remote(server)
    for lines in range(2, 9):
        request = EditRequest("".join(f"v{n} = {n}\n" for n in range(lines)), "delete line 2")
        assert engine.edit(request).program == local.edit(request).program


def test_a_token_that_is_not_legal_is_asked_for_again_among_the_legal_ones(
    server: StandIn, local: Engine
) -> None:
    engine = remote(server)
    server.requests.clear()
    server.faults.ignores_grammar = True  # From then on the model writes what it likes.
    results = [outcome(engine, request) for request in EDITS[:4]]
    exact = [body for body in server.requests if "allowed_token_ids" in body]
    assert all(body["max_tokens"] == 1 for body in exact)
    for request, result in zip(EDITS, results, strict=False):
        if isinstance(result, EditResult):
            assert result.program == local.edit(request).program
        else:
            assert issubclass(result, RemoteError | TokenLimitError)


def test_a_splice_is_a_prefill_that_the_cache_helps(server: StandIn) -> None:
    engine = remote(server)
    receipt = engine.edit(EDITS[3]).receipt
    first, *later = [b for b in server.requests if "structured_outputs" in b][1:]
    assert later
    for body in later:
        known, now = first["prompt"], body["prompt"]
        assert now[: len(known)] == known  # Nothing is ever taken back.
        first = body
    assert receipt.cached_tokens is not None
    assert receipt.cached_tokens >= len(later) * (receipt.prompt_tokens - 16)
    again = engine.edit(EDITS[0]).receipt
    assert again.reused_tokens > again.prompt_tokens / 2  # The same document.


def test_a_receipt_says_where_the_text_went_and_what_it_took(server: StandIn) -> None:
    engine = remote(server)
    server.requests.clear()
    receipt = engine.edit(EDITS[1]).receipt
    assert receipt.remote == server.url.removeprefix("http://")
    assert engine.info.remote == receipt.remote
    assert receipt.requests == len(server.requests)
    assert receipt.sent_tokens == sum(len(body["prompt"]) for body in server.requests)
    assert receipt.forwards == 0
    assert KEY not in str(receipt.as_dict())


def test_what_is_sent_holds_no_text_and_no_name(server: StandIn) -> None:
    engine = remote(server)
    server.requests.clear()
    server.headers.clear()
    engine.edit(EDITS[0])
    engine.edit(EDITS[3])
    engine.edit(EDITS[4])
    sent = str(server.requests) + str(server.headers)
    assert not any(word in sent for word in ("SECRET_WORD", "radius", "a.py", "b.py"))
    salts = {body["cache_salt"] for body in server.requests}
    sessions = {headers["x-session-id"] for headers in server.headers}
    assert len(salts) == len(sessions) == 2  # One for each document.
    assert not salts & sessions


def test_nothing_is_sent_before_an_edit_is_asked_for(server: StandIn) -> None:
    engine = remote(server)
    server.requests.clear()
    assert engine.read_ahead(TEXT, name="a.py") == 0
    assert server.requests == []


def test_a_cancel_frees_the_request_within_one_token(server: StandIn) -> None:
    engine = remote(server)
    server.faults.holds_after = 2
    cancelled = server.held.is_set
    with pytest.raises(EditCancelledError):
        engine.edit(EDITS[3], cancelled=cancelled)
    assert server.gone.wait(5)
    server.faults.holds_after = None
    assert engine.edit(EDITS[0]).text != TEXT  # The next edit finds nothing of it.


def test_a_slow_server_is_left_at_the_deadline(server: StandIn) -> None:
    engine = remote(server)
    server.faults.holds_after = 1
    with pytest.raises(DeadlineExceededError):
        engine.edit(EditRequest(TEXT, "delete line 1", limits=Limits(deadline_s=0.2)))
    assert server.gone.wait(5)


def test_several_edits_are_under_way_at_once(server: StandIn) -> None:
    engine = remote(server)
    server.faults.holds_after = 0
    together = engine.together()
    futures: list[Future[EditResult]] = [Future() for _ in range(3)]
    begun = len(server.requests)
    for request, future in zip(EDITS, futures, strict=False):
        future.set_running_or_notify_cancel()
        together.add(engine.editing(request), future)
    while len(server.requests) < begun + 3:
        together.step()
    server.release.set()
    while len(together):
        together.step()
    assert [future.result().text != TEXT for future in futures] == [True] * 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(server: StandIn, status: int) -> None:
    engine = remote(server)
    server.faults.busy = [status, status]
    result = engine.edit(EDITS[0])
    assert result.receipt.resent == 2


def test_a_server_that_stays_busy_fails_the_edit(server: StandIn) -> None:
    engine = remote(server)
    server.faults.busy = [503] * 3
    with pytest.raises(RemoteBusyError, match="HTTP 503"):
        engine.edit(EDITS[0])


def test_a_router_without_a_server_behind_it_is_not_said_to_be_busy(server: StandIn) -> None:
    engine = remote(server)
    server.faults.busy = [502] * 3
    with pytest.raises(RemoteBusyError, match=r"expected an answer from behind .* HTTP 502"):
        engine.edit(EDITS[0])


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_answer_that_breaks_off_goes_on_where_it_broke(
    server: StandIn, local: Engine, after: int
) -> None:
    engine = remote(server)
    server.faults.breaks_after = [after]
    result = engine.edit(EDITS[3])
    assert result.program == local.edit(EDITS[3]).program
    assert result.receipt.resent == 1


def test_answers_that_keep_breaking_off_fail_the_edit(server: StandIn) -> None:
    engine = remote(server)
    server.faults.breaks_after = [1] * 9
    with pytest.raises(RemoteUnreachableError, match="the connection broke"):
        engine.edit(EDITS[3])


def test_a_server_that_is_gone_fails_the_edit() -> None:
    with StandIn(EMBEDDED_FOLDER) as server:
        engine = remote(server)
    with pytest.raises(RemoteUnreachableError, match="expected a model server at"):
        engine.edit(EDITS[0])


def test_a_refusal_does_not_repeat_what_the_server_says_of_a_request(server: StandIn) -> None:
    engine = remote(server)
    server.faults.busy, server.faults.says = [400], "your text was SECRET_WORD"
    with pytest.raises(RemoteRefusedError, match=r"HTTP 400$") as caught:
        engine.edit(EDITS[0])
    assert "SECRET_WORD" not in str(caught.value)


def _version(server: StandIn) -> None:
    server.faults.version = "0.11.3"


def _grammar(server: StandIn) -> None:
    server.faults.ignores_grammar = True


def _stop(server: StandIn) -> None:
    server.faults.ignores_stop = True


def _tokenizer(server: StandIn) -> None:
    server.faults.other_tokenizer = True


def _cache(server: StandIn) -> None:
    server.faults.forgets = True


def _router(server: StandIn) -> None:
    # Two about the tokenizer and the grammar, then the prompt that is sent again and again.
    server.faults.servers = [0, 0, 0, 0, 1]


def _ids(server: StandIn) -> None:
    server.faults.no_token_ids = True


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_version, "expected vLLM 0.12 or newer"),
        (_grammar, "what a grammar says"),
        (_stop, "to stop behind a stop text"),
        (_tokenizer, "with the tokenizer of the configured model"),
        (_cache, "in its cache when it is sent again"),
        (_router, "have a router keep to x-session-id"),
        (_ids, "expected token ids"),
    ],
)
def test_a_server_that_is_not_as_needed_is_found_out_at_start(
    server: StandIn, fault: Callable[[StandIn], None], said: str
) -> None:
    fault(server)
    with pytest.raises(RemoteMismatchError, match=said):
        remote(server)


def test_a_server_that_tells_nothing_of_its_cache_is_used(server: StandIn) -> None:
    server.faults.tells_no_cached = True
    receipt = remote(server).edit(EDITS[0]).receipt
    assert (receipt.cached_tokens, receipt.reused_tokens) == (None, 0)


@pytest.mark.parametrize("key", ["", "sk-another"])
def test_a_wrong_key_is_said_and_not_repeated(
    server: StandIn, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(API_KEY, key)
    with pytest.raises(RemoteRefusedError, match=f"{API_KEY}.*HTTP 401") as caught:
        remote(server)
    assert "sk-" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_refused(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, "two\nlines")
    with pytest.raises(RemoteRefusedError, match="plain characters"):
        remote(server)


def test_a_model_that_is_not_served_is_said(server: StandIn) -> None:
    with pytest.raises(RemoteRefusedError, match=f"to serve 'other', found '{MODEL}'"):
        remote(server, remote_model="other")


def test_nobody_at_the_address_is_said() -> None:
    with pytest.raises(RemoteUnreachableError, match=r"expected a model server at 127\.0\.0\.1:1"):
        model_server.load(EngineConfig(remote_url="http://127.0.0.1:1"), QUICK)


def test_what_a_server_cannot_do_is_refused(server: StandIn) -> None:
    with pytest.raises(ConfigError, match="acceptance"):
        remote(server, decoding=Decoding(acceptance=Acceptance.CHECKED))
    with pytest.raises(ConfigError, match="mode"):
        remote(server, decoding=Decoding(mode=Mode.REWRITE))


def test_full_text_is_written_without_a_grammar(server: StandIn) -> None:
    decoding = Decoding(mode=Mode.REWRITE, untaught=True, drafts=False)
    engine = remote(server, decoding=decoding)
    server.requests.clear()
    request = EditRequest("a = 1\nb = 2\n", "delete line 1", limits=Limits(max_new_tokens=60))
    theirs = outcome(engine, request)
    ours = outcome(Engine.load(EngineConfig(threads=1, decoding=decoding)), request)
    texts = [r.text if isinstance(r, EditResult) else r for r in (ours, theirs)]
    assert texts[0] == texts[1]
    assert all("structured_outputs" not in body for body in server.requests)


def test_a_server_that_speculates_takes_no_bias_and_writes_the_same(
    server: StandIn, local: Engine
) -> None:
    server.faults.speculates = True
    engine = remote(server)
    for request in EDITS[:4]:
        ours, theirs = (outcome(each, request) for each in (local, engine))
        assert getattr(theirs, "program", theirs) == getattr(ours, "program", ours)


def test_without_a_bias_a_token_that_is_no_text_is_asked_for_again(server: StandIn) -> None:
    decoding = Decoding(mode=Mode.REWRITE, untaught=True, drafts=False)
    request = EditRequest("a = 1\nb = 2\n", "delete line 1", limits=Limits(max_new_tokens=20))
    expected = outcome(remote(server, decoding=decoding), request)
    server.faults.speculates = True
    engine = remote(server, decoding=decoding)
    backend = cast("model_server.RemoteBackend", engine._backend)  # noqa: SLF001  # its literals
    server.faults.prefers = int(backend.writing.literals.never_text[0])
    server.requests.clear()
    theirs = outcome(engine, request)
    assert getattr(theirs, "text", theirs) == getattr(expected, "text", expected)
    exact = [body for body in server.requests if "allowed_token_ids" in body]
    assert len(exact) > 1
    assert all(server.faults.prefers not in body["allowed_token_ids"] for body in exact)


def test_a_token_limit_ends_the_edit(server: StandIn) -> None:
    engine = remote(server)
    with pytest.raises(TokenLimitError):
        engine.edit(EditRequest(TEXT, EDITS[3].instruction, limits=Limits(max_new_tokens=6)))
    assert max(body["max_tokens"] for body in server.requests[-2:]) <= 6


def test_an_engine_that_is_let_go_ends_its_thread(server: StandIn) -> None:
    before = threading.active_count()
    engine = remote(server)
    thread = next(t for t in threading.enumerate() if t.name == "model-server")
    del engine
    thread.join(5)
    assert not thread.is_alive()
    assert threading.active_count() <= before + 2  # The stand-in may still end a connection.


def test_importing_the_package_imports_no_http_client() -> None:
    code = "import sys, copydecode, copydecode_lsp.app; print('httpx2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "False"
