"""`copydecode bench --startup`: how long `initialize` takes beyond an interpreter with pygls.

Both are measured from the process's begin, in turns: an interpreter that imports pygls' server and
prints a line, and the server until it has answered. Beside the time stands the processor time of
the whole process, its end included, which other work on the machine hardly touches. Knows nothing
of models: none is loaded.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lsprotocol import types as lsp

from copydecode_lsp import headless
from copydecode_lsp.client import HeadlessClient

GOAL_S = 0.3
"""What `initialize` may take beyond the import."""

_IMPORT = "import pygls.lsp.server; print('imported', flush=True)"


@dataclass(slots=True)
class Startup:
    """Seconds from the process's begin, and of the processor, one for each round."""

    imports_s: list[float] = field(default_factory=list)
    initialize_s: list[float] = field(default_factory=list)
    imports_cpu_s: list[float] = field(default_factory=list)
    initialize_cpu_s: list[float] = field(default_factory=list)

    @property
    def beyond_s(self) -> float:
        """The median of initialize less that of the import."""
        return median(self.initialize_s) - median(self.imports_s)

    def as_json(self) -> dict[str, Any]:
        """Return the figures, in milliseconds."""
        return {
            "rounds": len(self.imports_s),
            "import_pygls_ms": round(1000 * median(self.imports_s), 1),
            "initialize_ms": round(1000 * median(self.initialize_s), 1),
            "beyond_ms": round(1000 * self.beyond_s, 1),
            "import_pygls_processor_ms": round(1000 * median(self.imports_cpu_s), 1),
            "initialize_processor_ms": round(1000 * median(self.initialize_cpu_s), 1),
            "goal_ms": 1000 * GOAL_S,
        }


async def measure(rounds: int, model: str | None, command: Sequence[str] | None) -> Startup:
    """Start both so many times."""
    startup = Startup()
    for _ in range(rounds):
        spent, begin = _children_s(), time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _IMPORT, stdout=asyncio.subprocess.PIPE
        )
        if process.stdout is not None:
            await process.stdout.readline()
        startup.imports_s.append(time.monotonic() - begin)
        await process.wait()
        startup.imports_cpu_s.append(_children_s() - spent)
        spent = _children_s()
        startup.initialize_s.append(await _initialize(command or headless.server_command(model)))
        startup.initialize_cpu_s.append(_children_s() - spent)
    return startup


def _children_s() -> float:
    """Return the processor time of all processes that were started and have ended."""
    times = os.times()
    return times.children_user + times.children_system


async def _initialize(command: Sequence[str]) -> float:
    """Return the time to the answer; without `initialized` no server of ours loads a model."""
    client = HeadlessClient()
    begin = time.monotonic()
    await client.spawn(command, stderr=asyncio.subprocess.DEVNULL)
    await client.initialize_async(lsp.InitializeParams(capabilities=client.abilities.to_lsp()))
    taken = time.monotonic() - begin
    await client.close()
    return taken
