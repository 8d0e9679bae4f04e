"""A small model server that answers as llama.cpp's llama-server does, on the model of `stand_in`.

What its answers look like is taken from a real one (`tests/data/llama/recorded.json`, which `make
test-llama` compares with the one that it runs). Its grammars are XGrammar's, which has all of GBNF
that we use, with other words for tokens.
"""

from __future__ import annotations

import copy
import json
import re
import select
import socket
from pathlib import Path
from typing import Any

import xgrammar as xg

from copydecode.decode.vocabulary import END
from tests.engine.backends.stand_in import MODEL, Handler, StandIn

RECORDED = Path(__file__).parents[2] / "data" / "llama" / "recorded.json"
CONTEXT = 2048


class LlamaStandIn(StandIn):
    """The server, in threads of its own; use it as a context."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.answers: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
        self.old = False
        """Whether its grammars know no token ids."""
        self._compiler = xg.GrammarCompiler(self._info, max_threads=1, cache_enabled=False)
        self._end = self._vocabulary.special(END)
        self._prompts: list[list[int]] = []

    @staticmethod
    def handler() -> type[Handler]:
        """Return what answers requests."""
        return _LlamaHandler

    def in_common(self, prompt: list[int]) -> int:
        """Return how many tokens of a prompt a slot holds; one is always computed anew."""
        if self.faults.forgets:
            return 0
        held = max((_common(prompt, before) for before in self._prompts), default=0)
        self._prompts.append(prompt)
        return min(held, len(prompt) - 1)

    def written(self, body: dict[str, Any]) -> tuple[list[int], str]:
        """Return the tokens that are written, and why they end."""
        stop = [] if self.faults.ignores_stop else body.get("stop", [])
        words: dict[str, Any] = {
            "max_tokens": body["n_predict"],
            "stop": [text for text in stop if text in body.get("preserved_tokens", ())],
            "stop_token_ids": [self._end],
            "logit_bias": {
                token: float("-inf") if bias is False else bias
                for token, bias in body.get("logit_bias", ())
            },
        }
        if (grammar := body.get("grammar")) is not None:
            words["structured_outputs"] = {"grammar": _as_ebnf(grammar)}
        tokens, kind = [], "limit"
        for token, stopped in self.write(body["prompt"], words):
            tokens.append(token)
            if stopped:
                kind = "eos" if token == self._end else "word"
        return tokens, kind

    def decoded(self, tokens: list[int]) -> str:
        """Return what tokens read, special ones included."""
        texts = self.texts[1:] + self.texts[:1] if self.faults.other_tokenizer else self.texts
        return b"".join(texts[token] for token in tokens).decode()


class _LlamaHandler(Handler):
    """Answers one connection's requests."""

    server_of: LlamaStandIn

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """Answer props and models."""
        if self.refused():
            return
        answers = self.server_of.answers
        body = copy.deepcopy(answers["props" if self.path == "/props" else "models"]["body"])
        if self.path == "/props":
            body["default_generation_settings"]["n_ctx"] = CONTEXT
            self.send_json(200, body)
        elif self.path == "/v1/models":
            body["data"][0]["id"] = MODEL
            self.send_json(200, body)
        else:
            self.send_json(404, answers["version"]["body"])

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        """Answer a completion, or say what tokens read."""
        stand_in = self.server_of
        if stand_in.killed:
            self.close_connection = True
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.refused():
            return
        if self.path == "/detokenize":
            self.send_json(200, {"content": stand_in.decoded(body["tokens"])})
            return
        assert self.path == "/completion"
        stand_in.requests.append(body)
        stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
        faults = stand_in.faults
        if faults.busy:
            status = faults.busy.pop(0)
            self.send_json(status, {"error": {"message": faults.says, "code": status}})
        elif stand_in.old and "<[" in body.get("grammar", ""):
            self.send_json(400, stand_in.answers["bad_grammar"]["body"])
        elif faults.breaks_after:
            faults.breaks_after.pop()
            self.close_connection = True
        else:
            self._complete(body)

    def refused(self) -> bool:
        """Refuse a wrong key; return whether it was."""
        refused = not self.has_key()
        if refused:
            self.send_json(401, self.server_of.answers["wrong_key"]["body"])
        return refused

    def _complete(self, body: dict[str, Any]) -> None:
        stand_in = self.server_of
        cached = stand_in.in_common(body["prompt"])
        tokens, kind = stand_in.written(body)
        if stand_in.faults.holds_after is not None and not self._held():
            return
        answer = copy.deepcopy(stand_in.answers["completion"]["body"])
        answer |= {
            "tokens": tokens,
            "stop_type": kind,
            "tokens_evaluated": len(body["prompt"]),
            "tokens_predicted": len(tokens),
        }
        answer["timings"] |= {"cache_n": cached, "prompt_n": len(body["prompt"]) - cached}
        assert set(body["response_fields"]) == set(answer)
        self.send_json(200, answer)

    def _held(self) -> bool:
        """Wait until the client has gone, or the answer is released; return whether it was."""
        stand_in = self.server_of
        stand_in.held.set()
        while not stand_in.release.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.01)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                stand_in.gone.set()
                self.close_connection = True
                return False
        return True


def _as_ebnf(grammar: str) -> str:
    """Return GBNF in XGrammar's words."""
    grammar = re.sub(r"!<\[(\d+)\]>", r"ExcludeToken(\1)", grammar)
    return re.sub(r"<\[(\d+)\]>", r"Token(\1)", grammar)


def _common(one: list[int], other: list[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
