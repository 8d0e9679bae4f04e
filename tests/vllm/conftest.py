"""A real vLLM, started for the tests: `make test-vllm` installs it and says where it is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from copydecode.config import API_KEY
from tests.engine.conftest import foreign_tokenizer, save_foreign, texts
from tests.real_server import KEY, free_port, wait_until

__all__ = ["KEY", "foreign_tokenizer", "save_foreign", "texts"]

VLLM = os.environ.get("COPYDECODE_VLLM")
"""The folder that vLLM is installed in; without it these tests are not collected."""

collect_ignore_glob = [] if VLLM else ["test_*.py"]

STARTS_S = 900.0
BLOCK = 32


@dataclass(slots=True)
class Running:
    """A vLLM that serves one model."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def read(self, path: str) -> str:
        """Return what the server says at a path."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310  # http
            text: str = answer.read().decode()
        return text

    def answers(self) -> bool:
        """Return that it does; an OSError says that it does not."""
        self.read("/health")
        return True

    def counted(self, name: str) -> float:
        """Return a metric of the server's, the sum over its labels."""
        found = re.findall(rf"^vllm:{name}{{.*}} (\S+)$", self.read("/metrics"), re.MULTILINE)
        assert found, name
        return sum(map(float, found))

    def kill(self) -> None:
        """End the server and its workers at once, as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serve(folder: Path, log: Path, *more: str) -> Iterator[Running]:
    """Serve a model folder, in fp32, on a free port; `more` goes to vLLM's command line."""
    port = free_port()
    words = ["-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    words += ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "served"]
    words += ["--dtype", "float32", "--block-size", str(BLOCK), "--enable-prompt-tokens-details"]
    # Compiling takes a minute and more, and these models are small.
    words += ["--max-num-seqs", "16", "--api-key", KEY, "--enforce-eager", *more]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": "",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own words
            [f"{VLLM}/bin/python", *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
        )
        running = Running(f"http://127.0.0.1:{port}", process, log)
        try:
            wait_until(running.answers, process, log, STARTS_S)
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    running.kill()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY, KEY)
