"""A real model server in a process of its own, for tests: where it listens, and when it answers."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

KEY = "sk-test"


def free_port() -> int:
    """Return a port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, within_s: float
) -> None:
    """Wait until a server answers; an OSError says that it does not yet.

    Raises:
        AssertionError: it has ended; with the end of its log.
        TimeoutError: it does not answer within so many seconds.
    """
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            if answers():
                return
        except OSError:
            pass
        time.sleep(0.2)  # Not for a fixed time: until it answers.
    message = f"expected the server to answer within {within_s} s"
    raise TimeoutError(message)
