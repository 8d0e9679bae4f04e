"""An editor in a terminal, driven as by hand: keys go in, and the screen is read, through tmux."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.editors import Program, environment, until

SIZE = ("120", "36")
"""Columns and rows: a title of ours fits into a menu."""

TRIES = 40
"""How often the screen is looked at before a gesture is made again: 2 s."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal of a tmux of its own."""

    tmux: Path
    socket: Path

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux' names."""
        self.command("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text as it is."""
        self.command("send-keys", "-l", text)

    def screen(self) -> str:
        """Return what the screen shows."""
        return self.command("capture-pane", "-p")

    def wait(self, *, shown: str = "", gone: str | None = None) -> str:
        """Wait until the screen shows one text, and not another; returns the screen."""
        seen = ""

        def holds() -> bool:
            nonlocal seen
            seen = self.screen()
            return shown in seen and (gone is None or gone not in seen)

        until(holds, lambda: f"waited for {shown!r}, and for {gone!r} to go:\n{seen}")
        return seen

    def offered(self, gesture: str, shown: str) -> str:
        """Type until the screen shows a text, with Escape before each try; returns the screen.

        An editor offers what its servers answer at that moment, and they may still be starting.
        """
        seen = ""

        def holds() -> bool:
            nonlocal seen
            self.keys("Escape")
            self.type(gesture)
            for _ in range(TRIES):
                if shown in (seen := self.screen()):
                    return True
                time.sleep(0.05)
            return False

        until(holds, lambda: f"waited for {shown!r}:\n{seen}")
        return seen

    def command(self, *arguments: str) -> str:
        """Run a command of tmux."""
        ended = subprocess.run(  # noqa: S603 -- our own terminal
            [self.tmux, "-u", "-S", self.socket, *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return ended.stdout


@contextmanager
def terminal(tmux: Program, command: Sequence[str], home: Path) -> Iterator[Terminal]:
    """Run an editor in a terminal, in an environment with an empty home, until the block ends."""
    opened = Terminal(tmux.path, home / "tmux")
    columns, rows = SIZE
    arguments = ["-x", columns, "-y", rows, "-c", str(home), *command]
    subprocess.run(  # noqa: S603 -- our own terminal
        [tmux.path, "-u", "-S", opened.socket, "-f", "/dev/null", "new-session", "-d", *arguments],
        env={**environment(home), "TERM": "xterm-256color"},
        check=True,
    )
    try:
        yield opened
    finally:
        subprocess.run(  # noqa: S603 -- our own terminal
            [tmux.path, "-S", opened.socket, "kill-server"], capture_output=True, check=False
        )
