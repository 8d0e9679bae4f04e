"""Edits by a llama-server are those of a local engine, or they fail clearly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from copydecode import EditRequest, EditResult, Engine, EngineConfig, Limits
from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.backends.one_op import GBNF, one_op
from copydecode.config import API_KEY, Decoding, Mode
from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.errors import (
    DeadlineExceededError,
    EditCancelledError,
    RemoteBusyError,
    RemoteMismatchError,
    RemoteRefusedError,
    RemoteUnreachableError,
)
from tests.engine.backends.llama_stand_in import LlamaStandIn
from tests.engine.backends.served import EDITS, QUICK, TEXT, outcome, remote
from tests.engine.backends.stand_in import MODEL


@pytest.fixture(scope="module")
def _served() -> Iterator[LlamaStandIn]:
    with LlamaStandIn(EMBEDDED_FOLDER) as server:
        yield server


@pytest.fixture
def server(_served: LlamaStandIn) -> LlamaStandIn:
    """The stand-in, without faults and with nothing remembered but its cache."""
    _served.faults = type(_served.faults)()
    _served.old = False
    _served.requests.clear()
    for event in (_served.gone, _served.held, _served.release):
        event.clear()
    return _served


@pytest.mark.parametrize("request_", EDITS)
def test_a_llama_server_s_program_is_the_local_one(
    server: LlamaStandIn, local: Engine, request_: EditRequest
) -> None:
    ours, theirs = (outcome(engine, request_) for engine in (local, remote(server)))
    if not (isinstance(ours, EditResult) and isinstance(theirs, EditResult)):
        assert theirs == ours  # Both end for the same reason.
        return
    assert theirs.program == ours.program
    assert theirs.text == ours.text
    assert theirs.receipt.spliced_tokens == ours.receipt.spliced_tokens


def test_a_splice_is_all_that_is_new_to_the_cache(server: LlamaStandIn) -> None:
    engine = remote(server)
    server.requests.clear()
    receipt = engine.edit(EDITS[3]).receipt
    assert receipt.requests == len(server.requests) > 1
    assert receipt.sent_tokens == sum(len(body["prompt"]) for body in server.requests)
    assert receipt.cached_tokens is not None
    first = len(server.requests[0]["prompt"])
    assert receipt.cached_tokens >= (receipt.requests - 1) * first


def test_a_token_that_is_not_legal_is_asked_for_again_among_the_legal_ones(
    server: LlamaStandIn, local: Engine
) -> None:
    engine = remote(server)
    server.requests.clear()
    server.faults.ignores_grammar = True  # From then on the model writes what it likes.
    results = [outcome(engine, request) for request in EDITS[:4]]
    exact = [body for body in server.requests if body["n_predict"] == 1]
    assert exact
    for body in exact:  # A server whose grammar and bias leave nothing ends itself.
        assert body["grammar"].startswith("root ::= <[") or "logit_bias" in body
        banned = {token for token, _ in body.get("logit_bias", ())}
        assert not banned & set(map(int, re.findall(r"[^!]<\[(\d+)\]>", body["grammar"])))
    for request, result in zip(EDITS, results, strict=False):
        if isinstance(result, EditResult):
            assert result.program == local.edit(request).program


def test_a_cancel_closes_the_connection(server: LlamaStandIn) -> None:
    engine = remote(server)
    server.faults.holds_after = 0
    with pytest.raises(EditCancelledError):
        engine.edit(EDITS[3], cancelled=server.held.is_set)
    assert server.gone.wait(5)
    server.faults.holds_after = None
    assert engine.edit(EDITS[0]).text != TEXT


def test_a_slow_server_is_left_at_the_deadline_and_not_before(server: LlamaStandIn) -> None:
    engine = remote(server)
    server.faults.holds_after = 0
    limits = Limits(deadline_s=QUICK.silence_s + 0.5)
    with pytest.raises(DeadlineExceededError):
        engine.edit(EditRequest(TEXT, "delete line 1", limits=limits))
    assert server.gone.wait(5)


def test_a_broken_connection_is_asked_again(server: LlamaStandIn, local: Engine) -> None:
    engine = remote(server)
    server.faults.breaks_after = [0]
    result = engine.edit(EDITS[3])
    assert result.program == local.edit(EDITS[3]).program
    assert result.receipt.resent == 1


def test_a_server_that_stays_busy_fails_the_edit(server: LlamaStandIn) -> None:
    engine = remote(server)
    server.faults.busy = [503] * 3
    with pytest.raises(RemoteBusyError, match="HTTP 503"):
        engine.edit(EDITS[0])


def test_a_refusal_does_not_repeat_what_the_server_says_of_a_request(server: LlamaStandIn) -> None:
    engine = remote(server)
    server.faults.busy, server.faults.says = [400], "your text was SECRET_WORD"
    with pytest.raises(RemoteRefusedError, match=r"HTTP 400$"):
        engine.edit(EDITS[0])


def test_a_server_that_is_gone_fails_the_edit() -> None:
    with LlamaStandIn(EMBEDDED_FOLDER) as server:
        engine = remote(server)
    with pytest.raises(RemoteUnreachableError, match="expected a model server at"):
        engine.edit(EDITS[0])


def _grammar(server: LlamaStandIn) -> None:
    server.faults.ignores_grammar = True


def _old(server: LlamaStandIn) -> None:
    server.old = True


def _stop(server: LlamaStandIn) -> None:
    server.faults.ignores_stop = True


def _tokenizer(server: LlamaStandIn) -> None:
    server.faults.other_tokenizer = True


def _cache(server: LlamaStandIn) -> None:
    server.faults.forgets = True


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_grammar, "what a grammar says"),
        (_old, "failed to parse grammar.*llama.cpp of 2026 or newer"),
        (_stop, "to stop behind a stop text"),
        (_tokenizer, "with the tokenizer of the configured model"),
        (_cache, "in its cache when it is sent again.*llama-server"),
    ],
)
def test_a_server_that_is_not_as_needed_is_found_out_at_start(
    server: LlamaStandIn, fault: Callable[[LlamaStandIn], None], said: str
) -> None:
    fault(server)
    with pytest.raises(RemoteMismatchError, match=said):
        remote(server)


def test_a_wrong_key_and_a_wrong_model_are_said(
    server: LlamaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RemoteRefusedError, match=f"to serve 'other', found '{MODEL}'"):
        remote(server, remote_model="other")
    monkeypatch.setenv(API_KEY, "sk-another")
    with pytest.raises(RemoteRefusedError, match=f"{API_KEY}.*HTTP 401"):
        remote(server)


def test_full_text_is_written_without_a_grammar(server: LlamaStandIn) -> None:
    decoding = Decoding(mode=Mode.REWRITE, untaught=True, drafts=False)
    engine = remote(server, decoding=decoding)
    server.requests.clear()
    request = EditRequest("a = 1\nb = 2\n", "delete line 1", limits=Limits(max_new_tokens=60))
    theirs = outcome(engine, request)
    ours = outcome(Engine.load(EngineConfig(threads=1, decoding=decoding)), request)
    texts = [r.text if isinstance(r, EditResult) else r for r in (ours, theirs)]
    assert texts[0] == texts[1]
    assert all("grammar" not in body for body in server.requests)


@pytest.mark.parametrize("numbers", [7, 40, 999, 5000])
def test_gbnf_lists_numbers_as_a_tree(foreign_literals: Literals, numbers: int) -> None:
    constraint = ProgramGrammar(foreign_literals).start(numbers)
    constraint.begin()
    written = one_op(constraint, None, GBNF).grammar
    assert len(written) < 8_000
    for rule in written.splitlines():
        assert re.fullmatch(r"[a-z0-9]+ ::= .*", rule)
        assert rule.count("(") == rule.count(")")
