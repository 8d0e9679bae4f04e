"""A small server that answers chats as it is told to, one scripted answer after the other.

What its answers look like is taken from those of a real one (`tests/data/chat/recorded.json`, which
`make test-llama` compares with the llama-server that it runs); refusals are those that OpenAI
documents. Without a script it answers the edit that a server is tried with.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from copydecode.backends.chat import PROBE_TOKENS
from copydecode.decode.prompt_chat import estimate
from tests.engine.backends.stand_in import KEY

RECORDED = Path(__file__).parents[2] / "data" / "chat" / "recorded.json"
MODEL = "talker"
PROBED = '<program>\n<copy lines="1-1"/>\n<copy lines="3-3"/>\n</program>'
PIECE = 7
"""Characters that come at once."""


@dataclass(frozen=True, slots=True)
class Says:
    """An answer: what is written and why it ends, or a refusal, and how it goes wrong.

    It `breaks` off, or is `held` until the client has gone or all is released, where its text ends.
    """

    text: str = ""
    finish: str = "stop"
    status: int = 200
    retry_after: str | None = None
    breaks: bool = False
    held: bool = False


class ChatStandIn:
    """The server, in threads of its own; use it as a context."""

    def __init__(self) -> None:
        self.script: list[Says] = []
        """The next answers."""
        self.probed = Says(PROBED)
        """The answer to the edit that a server is tried with."""
        self.refuses: list[str] = []
        """Parameters that it does not take."""
        self.models: list[str] | None = [MODEL]
        self.counts = True
        self.cached: int | None = 8
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.held = threading.Event()
        """Set when an answer waits."""
        self.gone = threading.Event()
        """Set when a client left before its answer was complete."""
        self.release = threading.Event()
        recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
        self.begin, self.piece, *_, self.finish, self.usage = recorded["stream"]
        self.wrong_key = recorded["wrong_key"]
        handler = type("Served", (_Handler,), {"server_of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def says(self, *answers: str | Says) -> None:
        """Answer so from now on, and what is asked from now on is what is kept."""
        self.script = [Says(each) if isinstance(each, str) else each for each in answers]
        self.requests.clear()
        self.headers.clear()
        self.paths.clear()


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    protocol_version = "HTTP/1.1"
    server_of: ChatStandIn

    def do_GET(self) -> None:  # http.server's name
        """Answer with the models."""
        stand_in = self.server_of
        if self._refused():
            return
        if not self.path.endswith("/models") or stand_in.models is None:
            self._send(404, {"error": {"message": "Not Found"}})
            return
        self._send(200, {"object": "list", "data": [{"id": name} for name in stand_in.models]})

    def do_POST(self) -> None:  # http.server's name
        """Answer a chat."""
        stand_in = self.server_of
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        stand_in.requests.append(body)
        stand_in.paths.append(self.path)
        stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self._refused():
            return
        if not self.path.endswith("/chat/completions"):
            self._send(404, {"error": {"message": "Not Found"}})
            return
        if body["model"] != MODEL:
            said = f"The model `{body['model']}` does not exist or you do not have access to it."
            self._send(404, {"error": {"message": said, "code": "model_not_found"}})
            return
        unwanted = [name for name in stand_in.refuses if name in body]
        if unwanted:
            said = f"Unsupported parameter: '{unwanted[0]}' is not supported with this model."
            self._send(400, {"error": {"message": said, "param": unwanted[0]}})
            return
        if PROBE_TOKENS in (body.get("max_tokens"), body.get("max_completion_tokens")):
            answer = stand_in.probed
        else:
            answer = stand_in.script.pop(0)
        if answer.status != 200:
            self._send(
                answer.status, {"error": {"message": answer.text}}, retry_after=answer.retry_after
            )
            return
        try:
            self._stream(body, answer)
        except OSError:
            stand_in.gone.set()
            self.close_connection = True

    def _stream(self, body: dict[str, Any], answer: Says) -> None:
        stand_in = self.server_of
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._event(stand_in.begin)
        for at in range(0, len(answer.text), PIECE):
            chunk = copy.deepcopy(stand_in.piece)
            chunk["choices"][0]["delta"]["content"] = answer.text[at : at + PIECE]
            self._event(chunk)
        if answer.held:
            stand_in.held.set()
            while not stand_in.release.wait(0.01):
                self._chunk(": still here\n\n")
        if answer.breaks:
            self.close_connection = True
            return
        chunk = copy.deepcopy(stand_in.finish)
        chunk["choices"][0]["finish_reason"] = answer.finish
        self._event(chunk)
        if stand_in.counts and body.get("stream_options") == {"include_usage": True}:
            chunk = copy.deepcopy(stand_in.usage)
            chunk["usage"] = self._usage(body["messages"], answer.text)
            self._event(chunk)
        self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _usage(self, messages: Sequence[dict[str, str]], text: str) -> dict[str, Any]:
        """Return what was counted: each token is of four bytes."""
        prompt = sum(estimate(message["content"], 4) for message in messages)
        cached = self.server_of.cached
        details = {} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}
        return {"prompt_tokens": prompt, "completion_tokens": estimate(text, 4), **details}

    def _event(self, chunk: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(chunk)}\n\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _refused(self) -> bool:
        """Refuse a wrong key; return whether it was."""
        refused = self.headers.get("authorization") != f"Bearer {KEY}"
        if refused:
            self._send(self.server_of.wrong_key["status"], self.server_of.wrong_key["body"])
        return refused

    def _send(self, status: int, body: dict[str, Any], *, retry_after: str | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if retry_after is not None:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
