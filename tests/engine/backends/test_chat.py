"""Edits by a chat model are programs like any other, or fail clearly; nothing is guessed at."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from copydecode import (
    EditRequest,
    EditResult,
    Engine,
    EngineConfig,
    FilesRequest,
    FileText,
    Limits,
    Scope,
)
from copydecode.backends import chat, model_server
from copydecode.backends.remote import Patience
from copydecode.config import API_KEY, Acceptance, Decoding, Mode, RemoteApi
from copydecode.decode.prompt_chat import ChatFormat
from copydecode.decode.receipt import Receipt
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.errors import (
    ConfigError,
    ContextTooLongError,
    DeadlineExceededError,
    EditCancelledError,
    NoProgramError,
    OutsideScopeError,
    RemoteBusyError,
    RemoteMismatchError,
    RemoteRefusedError,
    RemoteUnreachableError,
    TokenLimitError,
    UnreadableTextError,
    WithheldError,
)
from tests.engine.backends.chat_stand_in import MODEL, PROBED, ChatStandIn, Says
from tests.engine.backends.stand_in import KEY

TEXT = "import os\n\nSECRET_WORD = 3\n\n\ndef area(radius):\n    return 3 * radus * radius\n"
NEW = "import os\n\nSECRET_WORD = 3\n\n\ndef area(radius):\n    return 3 * radius * radius\n"
REQUEST = EditRequest(TEXT, "fix `radus`", Scope(7, 7), "python", name="file:///home/me/a.py")
GOOD = '<program><copy lines="1-6"/><gen>    return 3 * radius * radius\n</gen></program>'
OUTSIDE = '<program><copy lines="2-6"/><gen>    return 3 * radius * radius\n</gen></program>'
PROSE = "Here is the fixed line: return 3 * radius * radius"
QUICK = Patience(connect_s=2.0, silence_s=2.0, repeats=2, pause_s=0.01)


@pytest.fixture
def server() -> Iterator[ChatStandIn]:
    with ChatStandIn() as running:
        yield running


def engine(server: ChatStandIn, path: str = "", **more: object) -> Engine:
    values: dict[str, object] = {"remote_url": server.url + path, "remote_api": RemoteApi.CHAT}
    config = EngineConfig(**{**values, **more})  # type: ignore[arg-type]  # a test's shorthand
    return Engine(chat.load(config, QUICK), config)


def told(server: ChatStandIn, request: int) -> list[tuple[str, str]]:
    """Return who said what in a request."""
    return [(each["role"], each["content"]) for each in server.requests[request]["messages"]]


def test_a_program_that_comes_in_words_is_the_edit(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(GOOD)
    ops: list[LineOp] = []
    edit = running.edit(REQUEST, on_op=lambda op, _receipt: ops.append(op))
    assert edit.text == NEW
    assert edit.program == Program((Copy(1, 6), Gen("    return 3 * radius * radius\n")))
    assert tuple(ops) == edit.program.ops
    [request] = server.requests
    assert request["temperature"] == 0
    assert request["max_tokens"] == Limits().max_new_tokens
    assert (request["model"], request["stream"]) == (MODEL, True)
    assert request["stream_options"] == {"include_usage": True}


def test_an_op_is_told_when_it_closes_and_not_at_the_end(server: ChatStandIn) -> None:
    running = engine(server)
    begun = '<program><copy lines="1-6"/><gen>    ret'
    server.says(Says(begun, held=True))
    ops: list[LineOp] = []

    def cancelled() -> bool:
        return bool(ops) and server.held.is_set()

    with pytest.raises(EditCancelledError):
        running.edit(REQUEST, cancelled=cancelled, on_op=lambda op, _: ops.append(op))
    assert ops == [Copy(1, 6)]


@pytest.mark.parametrize(
    "answer", [f"```xml\n{GOOD}\n```", f"<think>No </gen> yet.</think>\n\n{GOOD}\n", f"\n {GOOD}"]
)
def test_what_cannot_be_mistaken_around_a_program_is_left_out(
    server: ChatStandIn, answer: str
) -> None:
    running = engine(server)
    server.says(answer)
    edit = running.edit(REQUEST)
    assert (edit.text, edit.receipt.retries) == (NEW, 0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (PROSE, "expected the answer to begin with <program>"),
        ("", "expected the answer to begin with <program>"),
        ('<program><copy lines="1-9"/></program>', "lines within 1 to 7, found 1-9"),
        ('<program>\n<copy lines="1-6"/>\nreturn', "behind op 1. What stands there begins with"),
        (OUTSIDE, "the lines outside the scope to stay"),
        ("<program></program>", "all lines would be deleted"),
    ],
)
def test_a_model_whose_answer_is_no_program_is_told_why_once(
    server: ChatStandIn, answer: str, said: str
) -> None:
    running = engine(server)
    server.says(answer, GOOD)
    ops: list[LineOp] = []
    edit = running.edit(REQUEST, on_op=lambda op, _receipt: ops.append(op))
    assert edit.text == NEW
    assert (edit.receipt.retries, edit.receipt.requests) == (1, 2)
    first, second = told(server, 0), told(server, 1)
    assert second[:2] == first
    assert second[2] == ("assistant", answer or "(nothing)")
    assert second[3][0] == "user"
    assert said in second[3][1]
    assert ops in ([], [Copy(1, 6)])  # Of the second answer none is told.


def test_two_answers_that_are_none_end_the_edit(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(PROSE, "<program>" + PROSE)
    with pytest.raises(NoProgramError, match=r"none in two answers.*nothing was changed") as caught:
        running.edit(REQUEST)
    assert "radius" not in str(caught.value)  # It may be read in a log.
    server.says(GOOD)
    assert running.edit(REQUEST).text == NEW


def test_lines_outside_the_scope_twice_end_the_edit(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(OUTSIDE, OUTSIDE)
    with pytest.raises(OutsideScopeError, match=r"outside the scope to stay.*nothing was changed"):
        running.edit(REQUEST)
    server.says('<program><copy lines="2-7"/></program>')
    free = EditRequest(TEXT, "delete the import", Scope(7, 7, locked=False))
    assert running.edit(free).text == TEXT.removeprefix("import os\n")


def test_what_is_sent_are_the_words_and_the_file_s_name_alone(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(GOOD)
    running.edit(REQUEST)
    sent = str(server.requests) + str(server.headers)
    assert "SECRET_WORD" in sent  # The text does leave the machine.
    assert "File: a.py" in sent
    assert "home" not in sent
    assert "x-session-id" not in sent
    assert KEY not in str(server.requests)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_nothing_is_sent_before_an_edit_is_asked_for(server: ChatStandIn) -> None:
    running = engine(server)
    server.says()
    assert running.read_ahead(TEXT, name="a.py") == 0
    assert server.requests == []


def test_line_ends_and_byte_order_mark_stay(server: ChatStandIn) -> None:
    running = engine(server)
    server.says('<program><gen>x = 1\n</gen><copy lines="1-2"/></program>')
    text = "\ufeffa = 1\r\nb = 2"
    assert running.edit(EditRequest(text, "add x")).text == "\ufeffx = 1\r\na = 1\r\nb = 2"


def test_escaped_literals_are_text(server: ChatStandIn) -> None:
    running = engine(server)
    server.says('<program><copy lines="1-1"/><gen><\\gen><\\/gen>\n</gen></program>')
    assert running.edit(EditRequest("a\n", "add it")).text == "a\n<gen></gen>\n"


def test_new_text_that_is_none_is_refused(server: ChatStandIn) -> None:
    running = engine(server)
    server.says("<program><gen>a\0\n</gen></program>")
    with pytest.raises(UnreadableTextError):
        running.edit(EditRequest("a\n", "add it"))


def test_a_long_document_is_edited_in_the_window_that_is_shown(server: ChatStandIn) -> None:
    running = engine(server, remote_context=2600)
    text = "".join(f"line_{number} = {number}\n" for number in range(1, 401))
    request = EditRequest(text, "delete line 300", Scope(300, 300))
    window = ChatFormat(2600).build(Document(text), "x", (300, 300)).window
    at, last = 300 - window.first + 1, len(window)
    server.says(f'<program><copy lines="1-{at - 1}"/><copy lines="{at + 1}-{last}"/></program>')
    assert running.edit(request).text == text.replace("line_300 = 300\n", "")
    sent = told(server, 0)[1][1]
    assert "line_1 " not in sent
    assert len(sent) < 4000
    with pytest.raises(ContextTooLongError, match="select the lines to edit"):
        running.edit(EditRequest(text, "rename everything"))


def test_a_receipt_says_what_was_told_and_what_is_estimated(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(PROSE, GOOD)
    receipt = running.edit(REQUEST).receipt
    host = server.url.removeprefix("http://")
    assert (receipt.remote, receipt.model, receipt.estimated) == (host, MODEL, True)
    assert running.info.remote == host
    prompts = [sum((len(text.encode()) + 3) // 4 for _, text in told(server, k)) for k in (0, 1)]
    assert (receipt.prompt_tokens, receipt.sent_tokens) == (prompts[0], sum(prompts))
    assert receipt.generated_tokens == sum((len(text) + 3) // 4 for text in (PROSE, GOOD))
    assert (receipt.cached_tokens, receipt.reused_tokens) == (16, 8)
    # By as many bytes a token as the request had: four.
    assert abs(receipt.output_tokens - len(NEW) / 4) < 3
    copied = len("".join(TEXT.splitlines(keepends=True)[:6]))
    assert abs(receipt.spliced_tokens - copied / 4) < 3
    assert (receipt.forwards, receipt.confidence) == (0, None)
    assert receipt.total_s >= receipt.prefill_s > 0
    assert Receipt.total([receipt, Receipt(model="x")]).estimated


def test_what_a_server_does_not_tell_is_estimated(server: ChatStandIn) -> None:
    server.counts = False
    running = engine(server)
    server.says(GOOD)
    receipt = running.edit(REQUEST).receipt
    sent = sum(len(text) for _, text in told(server, 0))
    assert abs(receipt.prompt_tokens - sent / 3) < 2
    assert receipt.sent_tokens == receipt.prompt_tokens
    assert abs(receipt.generated_tokens - len(GOOD) / 3) < 1
    assert receipt.cached_tokens is None


def test_a_cancel_closes_the_connection(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says("<program>", held=True), GOOD)
    with pytest.raises(EditCancelledError):
        running.edit(REQUEST, cancelled=server.held.is_set)
    assert server.gone.wait(5)
    assert running.edit(REQUEST).text == NEW


def test_a_silent_model_is_left_at_the_deadline_and_not_before(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says(held=True))
    limits = Limits(deadline_s=QUICK.silence_s / 4)
    with pytest.raises(DeadlineExceededError):
        running.edit(EditRequest(TEXT, "fix it", limits=limits))
    assert server.gone.wait(5)
    assert len(server.requests) == 1  # What a model thinks of is paid for: it is not asked twice.


def test_several_edits_are_under_way_at_once(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(*[Says(GOOD, held=True)] * 3)
    together = running.together()
    futures: list[Future[EditResult]] = [Future() for _ in range(3)]
    for future in futures:
        future.set_running_or_notify_cancel()
        together.add(running.editing(REQUEST), future)
    while len(server.requests) < 3:
        together.step()
    server.release.set()
    while len(together):
        together.step()
    assert [future.result().text for future in futures] == [NEW] * 3


def test_an_answer_that_breaks_off_ends_the_edit(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says(GOOD, breaks=True), GOOD)
    with pytest.raises(RemoteUnreachableError, match="the connection broke"):
        running.edit(REQUEST)
    assert len(server.requests) == 1


def test_one_that_breaks_before_anything_came_is_asked_again(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says(breaks=True), GOOD)
    edit = running.edit(REQUEST)
    assert (edit.text, edit.receipt.resent) == (NEW, 1)


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_busy_server_is_asked_again(server: ChatStandIn, status: int) -> None:
    running = engine(server)
    server.says(Says(status=status, retry_after="0.01"), GOOD)
    edit = running.edit(REQUEST)
    assert (edit.text, edit.receipt.resent) == (NEW, 1)


def test_a_server_that_stays_busy_fails_the_edit(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(*[Says("about SECRET_WORD", status=429)] * 3)
    with pytest.raises(RemoteBusyError, match=r"HTTP 429$"):
        running.edit(REQUEST)


def test_an_answer_that_is_cut_at_the_limit_says_so(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says(GOOD[:-20], finish="length"))
    with pytest.raises(TokenLimitError, match="at most 50 tokens"):
        running.edit(EditRequest(TEXT, "fix it", limits=Limits(50)))
    assert server.requests[0]["max_tokens"] == 50
    server.says(Says(GOOD, finish="length"))
    assert running.edit(REQUEST).text == NEW  # It was complete.


def test_a_content_filter_is_said(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says(GOOD[:-20], finish="content_filter"))
    with pytest.raises(RemoteRefusedError, match="content filter"):
        running.edit(REQUEST)


def test_a_refusal_does_not_repeat_what_the_server_says_of_a_request(server: ChatStandIn) -> None:
    running = engine(server)
    server.says(Says("your text was SECRET_WORD", status=400))
    with pytest.raises(RemoteRefusedError, match=r"HTTP 400$"):
        running.edit(REQUEST)


def test_a_fix_that_leaves_what_is_wrong_is_withheld_since_there_is_no_other(
    server: ChatStandIn,
) -> None:
    running = engine(server)
    request = EditRequest(
        "import os\n\nx = os.name\ny = z\n",
        "Undefined name 'z'",
        Scope(4, 4),
        "python",
        self_check=True,
    )
    server.says('<program><copy lines="1-3"/><gen>y = w\n</gen></program>')
    with pytest.raises(WithheldError):
        running.edit(request)
    assert len(server.requests) == 1


def test_files_are_edited_one_after_the_other(server: ChatStandIn) -> None:
    running = engine(server)
    server.says('<program><copy lines="2-2"/></program>', '<program><copy lines="1-1"/></program>')
    files = (FileText("a.py", "a\nb\n"), FileText("b.py", "c\nd\n"))
    edit = running.edit_files(FilesRequest(files, "shorten it"))
    assert [file.text for file in edit.files] == ["b\n", "c\n"]
    assert not edit.together
    assert edit.receipt.estimated


# --- What is tried first


def test_a_server_is_tried_by_one_small_edit_and_the_engine_is_not_warmed(
    server: ChatStandIn,
) -> None:
    config = EngineConfig(remote_url=server.url, remote_api=RemoteApi.CHAT)
    assert Engine.load(config).info.name == MODEL
    [request] = server.requests
    assert request["max_tokens"] == chat.PROBE_TOKENS


@pytest.mark.parametrize("answer", [PROBED, PROBED.replace("\n", ""), f"```\n{PROBED}\n```"])
def test_a_model_that_keeps_to_the_format_is_taken(server: ChatStandIn, answer: str) -> None:
    server.probed = Says(answer)
    assert engine(server).info.name == MODEL


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Says("a = 1\nc = 3\n"), r"found none \(expected the answer to begin with <program>\)"),
        (Says('<program><copy lines="1-3"/></program>'), "found another one"),
        (Says("Let me think", finish="length"), "found no end within 1024 tokens"),
    ],
)
def test_one_that_does_not_is_found_out(server: ChatStandIn, answer: Says, said: str) -> None:
    server.probed = answer
    with pytest.raises(RemoteMismatchError, match=f"{said}.*does not keep to the format"):
        engine(server)


def test_a_wrong_key_is_said_and_not_repeated(
    server: ChatStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(API_KEY, "sk-another")
    for more in ({}, {"remote_model": MODEL}):
        with pytest.raises(RemoteRefusedError, match=f"{API_KEY}.*HTTP 401") as caught:
            engine(server, **more)
        assert "sk-" not in str(caught.value)


def test_a_model_that_is_not_there_is_said_in_the_server_s_words(server: ChatStandIn) -> None:
    with pytest.raises(RemoteRefusedError, match="HTTP 404: The model `other` does not exist"):
        engine(server, remote_model="other")


def test_one_of_several_models_has_to_be_named(server: ChatStandIn) -> None:
    server.models = ["one", MODEL]
    with pytest.raises(RemoteRefusedError, match=f"serves 'one', '{MODEL}': set remoteModel"):
        engine(server)
    assert engine(server, remote_model=MODEL).info.name == MODEL


def test_a_server_without_a_list_of_models_needs_a_name(server: ChatStandIn) -> None:
    server.models = None
    with pytest.raises(RemoteMismatchError, match=r"with /v1/models .*set remoteModel"):
        engine(server)
    assert engine(server, remote_model=MODEL).info.name == MODEL


def test_no_credit_is_said_in_the_server_s_words(server: ChatStandIn) -> None:
    server.probed = Says("You exceeded your current quota", status=429)
    with pytest.raises(RemoteBusyError, match="HTTP 429: You exceeded your current quota"):
        engine(server)


def test_nobody_at_the_address_is_said() -> None:
    config = EngineConfig(
        remote_url="http://127.0.0.1:1", remote_api=RemoteApi.CHAT, remote_model="x"
    )
    with pytest.raises(RemoteUnreachableError, match=r"expected a model server at 127\.0\.0\.1:1"):
        chat.load(config, QUICK)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/openai/v1", "/openai/v1/chat/completions"),
        ("/v1beta/openai/", "/v1beta/openai/chat/completions"),
    ],
)
def test_an_address_s_path_is_taken_as_it_is(server: ChatStandIn, path: str, asked: str) -> None:
    engine(server, path)
    assert server.paths == [asked]


def test_what_a_server_does_not_take_is_left_out_or_called_otherwise(server: ChatStandIn) -> None:
    server.refuses = ["max_tokens", "temperature", "seed", "stream_options"]
    running = engine(server, decoding=Decoding(temperature=0.5))
    server.says(GOOD)
    assert running.edit(REQUEST).text == NEW
    assert server.requests[0].keys() == {"model", "messages", "max_completion_tokens", "stream"}


def test_what_it_takes_is_sent(server: ChatStandIn) -> None:
    running = engine(server, decoding=Decoding(temperature=0.5, seed=2**40))
    server.says(GOOD)
    running.edit(REQUEST)
    assert (server.requests[0]["temperature"], server.requests[0]["seed"]) == (0.5, 2**40 % 2**31)


def test_what_it_does_not_take_at_all_is_said(server: ChatStandIn) -> None:
    server.refuses = ["messages"]
    with pytest.raises(RemoteRefusedError, match="HTTP 400: Unsupported parameter: 'messages'"):
        engine(server)


@pytest.mark.parametrize("content", [["text"], 3, {"text": "a"}])
def test_an_answer_that_is_no_text_is_said(content: object) -> None:
    read = chat.Manners(MODEL, "/v1/chat/completions").form.read
    with pytest.raises(RemoteMismatchError, match="expected text from a chat model"):
        read({"choices": [{"delta": {"content": content}}]})
    assert read({"choices": [{"delta": {"role": "assistant"}}]}).written == ()


def test_what_a_chat_model_cannot_do_is_refused(server: ChatStandIn) -> None:
    with pytest.raises(ConfigError, match="acceptance"):
        engine(server, decoding=Decoding(acceptance=Acceptance.CHECKED))
    with pytest.raises(ConfigError, match="mode"):
        engine(server, decoding=Decoding(mode=Mode.REWRITE))
    with pytest.raises(ConfigError, match="remote_context >= 2048"):
        engine(server, remote_context=2047)
    assert server.requests == []


def test_a_chat_server_is_asked_so_only_where_that_is_set(server: ChatStandIn) -> None:
    config = EngineConfig(remote_url=server.url, threads=1)
    with pytest.raises(RemoteMismatchError, match=r"HTTP 404.*remoteApi"):
        model_server.load(config, QUICK)


def test_an_engine_that_is_let_go_ends_its_thread(server: ChatStandIn) -> None:
    before = {*threading.enumerate()}
    running = engine(server)
    [thread] = [t for t in threading.enumerate() if t.name == "model-server" and t not in before]
    del running
    thread.join(5)
    assert not thread.is_alive()


def test_no_torch_and_no_tokenizer_s_code_is_needed() -> None:
    code = "import sys, copydecode.backends.chat; print({'torch', 'xgrammar'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "set()"
