"""A real llama-server, started for the tests: `make test-llama` fetches it and says where it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from copydecode.config import API_KEY
from tests.engine.conftest import foreign_tokenizer, save_foreign, texts
from tests.llama.gguf import write_gguf
from tests.real_server import KEY, free_port, wait_until

__all__ = ["KEY", "foreign_tokenizer", "save_foreign", "texts"]

LLAMA = os.environ.get("COPYDECODE_LLAMA")
"""The folder with `llama-server`; without it these tests are not collected."""

collect_ignore_glob = [] if LLAMA else ["test_*.py"]

MODEL = "served"
STARTS_S = 120.0


@dataclass(slots=True)
class Running:
    """A llama-server that serves one model."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, key: str = KEY
    ) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310  # http
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # http
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def busy(self) -> int:
        """Return how many requests it works on."""
        _, slots = self.ask("/slots")
        return sum(slot["is_processing"] for slot in slots)

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serve(folder: Path, place: Path) -> Iterator[Running]:
    """Serve a model folder on a free port, all in fp32, with files in a place of its own."""
    write_gguf(folder, place / "model.gguf")
    port = free_port()
    words = ["-m", str(place / "model.gguf"), "--alias", MODEL, "--api-key", KEY]
    words += ["--host", "127.0.0.1", "--port", str(port), "--no-ui", "--slots"]
    words += ["--ctx-size", "8192", "--parallel", "4", "--threads", "1"]
    # Keys and values in fp16, its default, make another choice in one edit of a hundred.
    words += ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off"]
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own words
            [f"{LLAMA}/llama-server", *words], stdout=output, stderr=subprocess.STDOUT
        )
        running = Running(f"http://127.0.0.1:{port}", process, log)
        try:
            wait_until(lambda: running.ask("/health")[0] == 200, process, log, STARTS_S)
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY, KEY)
