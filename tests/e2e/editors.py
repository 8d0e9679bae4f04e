"""Real editors for tests: which are here, their configuration in the guide, a home for them.

Programs come from PATH and from `.e2e`, where `make e2e` unpacks them (install-editors.sh). Where
one is missing its tests are skipped, or fail if COPYDECODE_E2E is set, as `make e2e` does.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "editors.md"

PATIENCE_S = 120.0
"""What an editor may take for a step: the server loads its model meanwhile, on a busy machine."""

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """An editor's executable, by the version that it tells itself."""

    path: Path
    version: Version

    def __str__(self) -> str:
        """Return what names it in a test's name."""
        return f"{self.path.name}-{'.'.join(map(str, self.version))}"


def with_each(
    name: str, *, at_least: Version = (0,), below: Version = (sys.maxsize,)
) -> pytest.MarkDecorator:
    """Run a test with each program of that name and of those versions that is here."""
    found = [p for p in installed(name) if at_least <= p.version < below]
    cases: list[Any] = [pytest.param(program, id=str(program)) for program in found]
    if not found:
        wanted = name if at_least == (0,) else f"{name} {'.'.join(map(str, at_least))} or newer"
        reason = f"{wanted} is not installed; `make e2e` brings it"
        marks = () if os.environ.get("COPYDECODE_E2E") else (pytest.mark.skip(reason),)
        # Where it must not be missing, running what is not there fails by this name.
        cases = [pytest.param(Program(Path(wanted), ()), id=f"{name}-missing", marks=marks)]
    return pytest.mark.parametrize("program", cases)


def installed(name: str) -> Iterator[Program]:
    """Yield the programs of that name, the one on PATH first."""
    paths = [*sorted(ROOT.glob(f".e2e/*/bin/{name}"))]
    if on_path := shutil.which(name):
        paths.insert(0, Path(on_path))
    for path in paths:
        told = subprocess.run(  # noqa: S603 -- an editor of ours
            [path, "-V" if name == "tmux" else "--version"],
            capture_output=True,
            text=True,
            check=False,
        )
        if version := re.search(r"\d+(?:\.\d+)+", told.stdout):
            yield Program(path, tuple(map(int, version[0].split("."))))


def configuration(section: str, file: str) -> str:
    """Return the fenced block of the guide's section that begins with a file's name, as it is."""
    text = GUIDE.read_text(encoding="utf-8")
    body = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert body, f"{GUIDE.name} has no section {section}"
    blocks = re.findall(r"^```\w+\n(.*?)^```$", body[1], re.DOTALL | re.MULTILINE)
    found = [block for block in blocks if block.splitlines()[0].endswith(f" {file}")]
    assert len(found) == 1, f"{section} has {len(found)} blocks for {file}"
    return str(found[0])


def environment(home: Path) -> dict[str, str]:
    """Return an environment with an empty home, and with `copydecode` of this checkout on PATH."""
    command = home / ".local" / "bin" / "copydecode"
    command.parent.mkdir(parents=True)
    command.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m copydecode_lsp "$@"\n', encoding="utf-8"
    )
    command.chmod(0o755)
    folders = {
        f"XDG_{name.upper()}_HOME": str(home / f".{name}")
        for name in ("config", "cache", "state", "data")
    }
    path = f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        **os.environ,
        **folders,
        "PATH": path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


def run(command: list[str], home: Path) -> str:
    """Run an editor that ends by itself; returns all that it printed."""
    ended = subprocess.run(  # noqa: S603 -- an editor of ours
        command,
        env=environment(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    return output


def until(holds: Callable[[], bool], told: Callable[[], str]) -> None:
    """Wait until something holds; what is told then says why it did not."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, told()
        time.sleep(0.05)
