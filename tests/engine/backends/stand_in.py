"""A small model server that answers as vLLM does, for tests of the wire and of what goes over it.

It runs a real model of ours, greedily, and keeps to the request: the grammar by XGrammar with one
compiler for all of them, allowed tokens, biases, stop texts. What its answers look like is taken
from answers of a real vLLM (`tests/data/vllm/recorded.json`, which `make test-vllm` compares with
the one that it runs): this only fills in tokens, text and counts. `faults` are how it goes wrong.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import torch
import xgrammar as xg

from copydecode.decode.model import EmbeddedModel
from copydecode.decode.vocabulary import END, Vocabulary

RECORDED = Path(__file__).parents[2] / "data" / "vllm" / "recorded.json"
BLOCK = 16
KEY = "sk-the-right-key"
MODEL = "served"


@dataclass(slots=True)
class Faults:
    """How the server goes wrong, as long as it is set."""

    version: str | None = None
    ignores_grammar: bool = False
    ignores_stop: bool = False
    other_tokenizer: bool = False
    forgets: bool = False
    servers: list[int] = field(default_factory=list)
    """Which of several servers gets each of the next requests, the first one where it is empty."""
    tells_no_cached: bool = False
    no_token_ids: bool = False
    busy: list[int] = field(default_factory=list)
    """The statuses of the next answers."""
    breaks_after: list[int] = field(default_factory=list)
    """After so many tokens each of the next answers breaks off."""
    holds_after: int | None = None
    """After so many tokens an answer waits until its client is gone, or `release` is set."""
    speculates: bool = False
    """With speculation vLLM refuses a bias."""
    prefers: int | None = None
    """The token that it writes where it may."""
    says: str = ""
    """What it adds to a refusal."""


class StandIn:
    """The server, in threads of its own; use it as a context."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Serve a model's folder; port 0 is any."""
        self.faults = Faults()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.gone = threading.Event()
        """Set when a client left before its answer was complete."""
        self.held = threading.Event()
        """Set when an answer waits."""
        self.release = threading.Event()
        self.killed = False
        self.recorded: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
        self._model = EmbeddedModel.load(folder)
        self._vocabulary = Vocabulary.load(folder / "tokenizer.json")
        self.texts = [
            self._vocabulary.token_bytes(token) or self._special(token)
            for token in range(self._vocabulary.size)
        ]
        self._info = xg.TokenizerInfo(
            self.texts,
            xg.VocabType.RAW,
            vocab_size=len(self.texts),
            stop_token_ids=[self._vocabulary.special(END)],
        )
        self._compiler = xg.GrammarCompiler(self._info, max_threads=1)  # With its cache, as vLLM's.
        self._blocks: set[tuple[str, tuple[int, ...]]] = set()
        self._one = threading.Lock()
        handler = type("Served", (self.handler(),), {"server_of": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @staticmethod
    def handler() -> type[Handler]:
        """Return what answers requests; its `server_of` is set."""
        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.killed = True
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def encode(self, text: str) -> list[int]:
        """Return a text's ids with its special tokens, as a server's tokenizer does."""
        tokenizer = self._vocabulary.tokenizer
        tokenizer.encode_special_tokens = False
        try:
            ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        finally:
            tokenizer.encode_special_tokens = True
        return ids[:-1] if self.faults.other_tokenizer else ids

    def cached(self, salt: str, prompt: Sequence[int]) -> int:
        """Return how many tokens of a prompt the cache holds; from then on it holds all blocks."""
        with self._one:
            server = self.faults.servers.pop(0) if self.faults.servers else 0
            ends = range(BLOCK, len(prompt), BLOCK)
            keys = [(f"{server} {salt}", tuple(prompt[:end])) for end in ends]
            held = 0
            for key in keys:
                if key not in self._blocks:
                    break
                held += BLOCK
            if not self.faults.forgets:
                self._blocks.update(keys)
            return held

    def write(self, prompt: Sequence[int], body: dict[str, Any]) -> Iterator[tuple[int, bool]]:
        """Yield each token, and whether it is the one that the server stops at."""
        matcher = None
        grammar = body.get("structured_outputs", {}).get("grammar")
        if grammar is not None and not self.faults.ignores_grammar:
            compiled = self._compiler.compile_grammar(xg.Grammar.from_ebnf(grammar))
            matcher = xg.GrammarMatcher(compiled)
        mask = xg.allocate_token_bitmask(1, len(self.texts))
        bias = {int(token): value for token, value in body.get("logit_bias", {}).items()}
        cache = self._model.new_cache()
        block, text = list(prompt), b""
        stops = [] if self.faults.ignores_stop else [s.encode() for s in body.get("stop", ())]
        for _ in range(body["max_tokens"]):
            with self._one:
                logits = self._model.forward(block, cache, 1)[:, : len(self.texts)].clone()
            for token, value in bias.items():
                logits[0, token] += value
            if self.faults.prefers is not None:
                logits[0, self.faults.prefers] += 100
            if (allowed := body.get("allowed_token_ids")) is not None:
                kept = torch.full_like(logits, float("-inf"))
                kept[0, allowed] = logits[0, allowed]
                logits = kept
            if matcher is not None:
                matcher.fill_next_token_bitmask(mask)
                xg.apply_token_bitmask_inplace(logits, mask)
            token = int(logits.argmax())
            if matcher is not None:
                assert matcher.accept_token(token)
            text += self.texts[token]
            stopped = any(stop in text for stop in stops) or token in body.get("stop_token_ids", ())
            yield token, stopped
            if stopped:
                return
            block = [token]

    def _special(self, token: int) -> bytes:
        return (self._vocabulary.tokenizer.id_to_token(token) or "").encode()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests, as vLLM does."""

    protocol_version = "HTTP/1.1"
    server_of: StandIn

    def do_GET(self) -> None:  # http.server's name
        """Answer version and models."""
        stand_in, recorded = self.server_of, self.server_of.recorded
        if self.path == "/version":  # Asked for without a key, as of vLLM.
            body = dict(recorded["version"]["body"])
            body["version"] = stand_in.faults.version or body["version"]
            self.send_json(200, body)
        elif not self.refused():
            body = copy.deepcopy(recorded["models"]["body"])
            body["data"][0]["id"] = MODEL
            self.send_json(200, body)

    def do_POST(self) -> None:  # http.server's name
        """Answer a completion."""
        stand_in = self.server_of
        if stand_in.killed:
            self.close_connection = True
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        stand_in.requests.append(body)
        stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.refused():
            return
        if stand_in.faults.busy:
            status = stand_in.faults.busy.pop(0)
            self.send_json(status, {"error": {"message": stand_in.faults.says, "code": status}})
        elif body.get("cache_salt") == "":
            says = "Parameter 'cache_salt' must be a non-empty string if provided."
            self.send_json(400, {"error": {"message": says, "code": 400}})
        elif stand_in.faults.speculates and body.get("logit_bias"):
            says = (
                "The min_p and logit_bias sampling parameters are not yet supported with "
                "speculative decoding."
            )
            self.send_json(400, {"error": {"message": says, "code": 400}})
        elif body["model"] != MODEL:
            self._send_recorded("wrong_model")
        else:
            try:
                self._stream(body)
            except OSError:
                stand_in.gone.set()
                self.close_connection = True

    def _stream(self, body: dict[str, Any]) -> None:
        stand_in, faults = self.server_of, self.server_of.faults
        prompt = body["prompt"]
        if isinstance(prompt, str):
            prompt = stand_in.encode(prompt)
        cached = stand_in.cached(body.get("cache_salt", ""), prompt)
        lines = [json.loads(line[5:]) for line in stand_in.recorded["stream"]["lines"][:-1]]
        breaks = faults.breaks_after.pop(0) if faults.breaks_after else None
        self.send_response(200)
        self.send_header("content-type", stand_in.recorded["stream"]["type"])
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        count, finish = 0, "length"
        for token, stopped in stand_in.write(prompt, body):
            if count == breaks:
                self.close_connection = True
                return
            if count == faults.holds_after:
                self._hold()
            count += 1
            finish = "stop" if stopped else finish
            chunk = copy.deepcopy(lines[-2 if stopped else 1])
            (choice,) = chunk["choices"]
            choice["text"] = stand_in.texts[token].decode("utf-8", "replace")
            choice["token_ids"] = None if faults.no_token_ids else [token]
            given = count == 1 and not faults.no_token_ids
            choice["prompt_token_ids"] = prompt if given else None
            last = stopped or count == body["max_tokens"]
            choice["finish_reason"] = finish if last else None
            self._chunk(f"data: {json.dumps(chunk)}\n\n")
        usage = copy.deepcopy(lines[-1])
        usage["usage"] |= {"prompt_tokens": len(prompt), "completion_tokens": count}
        details = {"cached_tokens": 0 if faults.forgets else cached}
        usage["usage"]["prompt_tokens_details"] = None if faults.tells_no_cached else details
        self._chunk(f"data: {json.dumps(usage)}\n\n")
        self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _hold(self) -> None:
        """Wait until the client has gone."""
        stand_in = self.server_of
        stand_in.held.set()
        while not stand_in.release.is_set():
            self._chunk(": still here\n\n")
            stand_in.release.wait(0.01)

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def has_key(self) -> bool:
        """Return whether the request has the right key."""
        return self.headers.get("authorization") == f"Bearer {KEY}"

    def refused(self) -> bool:
        """Refuse a wrong key; return whether it was."""
        if not (right := self.has_key()):
            self._send_recorded("wrong_key")
        return not right

    def _send_recorded(self, name: str) -> None:
        recorded = self.server_of.recorded[name]
        self.send_json(recorded["status"], recorded["body"])

    def send_json(self, status: int, body: dict[str, Any]) -> None:
        """Send a whole answer."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
