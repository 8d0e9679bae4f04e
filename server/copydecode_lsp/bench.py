"""`copydecode bench`: latency of code actions over the real stdio server.

Times are wall clock, as an editor would see them; forwards and tokens come from the receipts.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from copydecode_lsp import pyflakes_diagnostics
from copydecode_lsp.client import HeadlessClient
from copydecode_lsp.headless import (
    ExitCode,
    complain,
    exit_code_of,
    guarded,
    read_text,
    seconds,
    server,
)
from copydecode_lsp.languages import language_of
from copydecode_lsp.names import APPLY_EDIT, LAST_RECEIPT, WAIT_UNTIL_READY


@dataclass(frozen=True, slots=True)
class Job:
    """Which files to measure, with which instruction beside their diagnostics, how often."""

    paths: Sequence[Path]
    instruction: str | None
    repeat: int
    model: str | None
    as_json: bool


@dataclass(slots=True)
class Measure:
    """What was measured; times in seconds."""

    initialize_s: float = 0.0
    ready_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    listings_s: list[float] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[str, JsonRpcException]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures as JSON; times in milliseconds, null where nothing was measured."""
        return {
            "edits": len(self.latencies_s),
            "failures": [f"{file}: {error.message}" for file, error in self.failures],
            "initialize_ms": _ms(self.initialize_s),
            "model_ready_ms": _ms(self.ready_s),
            "code_action_ms": {
                "p50": _ms(percentile(self.listings_s, 50)),
                "p95": _ms(percentile(self.listings_s, 95)),
            },
            **{
                name: {"p50": _ms(percentile(values, 50)), "p95": _ms(percentile(values, 95))}
                for name, values in (
                    ("edit_ms", self.latencies_s),
                    ("cold_edit_ms", self.latencies_of(warm=False)),
                    ("warm_edit_ms", self.latencies_of(warm=True)),
                )
            },
            **{
                f"{name}_per_edit": self._mean(name)
                for name in (
                    "forwards",
                    "generated_tokens",
                    "output_tokens",
                    "prompt_tokens",
                    "reused_tokens",
                    "hunks",
                )
            },
        }

    def latencies_of(self, *, warm: bool) -> list[float]:
        """Return the latencies of edits whose prompt was mostly cached (warm), or was not."""
        return [
            latency
            for latency, receipt in zip(self.latencies_s, self.receipts, strict=False)
            if (2 * receipt["reused_tokens"] > receipt["prompt_tokens"]) == warm
        ]

    def _mean(self, name: str) -> float | None:
        values = [float(receipt[name]) for receipt in self.receipts]
        return round(sum(values) / len(values), 2) if values else None


async def bench(job: Job, out: Console, err: Console) -> ExitCode:
    """Measure and print; the exit code is that of the first failure, where no edit succeeded."""
    return await guarded(_bench(job, out, err), err)


async def _bench(job: Job, out: Console, err: Console) -> ExitCode:
    measure = Measure()
    files = [(path, read_text(path)[1]) for path in job.paths]
    await _measure(job, files, measure, err)
    for file, failure in measure.failures:
        complain(err, f"{file}: {failure.message}")
    if not measure.latencies_s:
        if measure.failures:
            return exit_code_of(measure.failures[0][1])
        err.print("Nothing to measure: no diagnostics found and no --instruction given.")
        return ExitCode.NO_CHANGE
    if job.as_json:
        out.file.write(json.dumps(measure.summary(), indent=2) + "\n")
    else:
        out.print(_table(measure))
    return ExitCode.EDITED


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, NaN of nothing."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


async def _measure(job: Job, files: list[tuple[Path, str]], measure: Measure, err: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # A person reads before the next edit; here it comes at once, so reading ahead is no part of it.
    async with server(job.model, settings={"readAhead": False}) as client:
        measure.initialize_s = client.initialize_s
        with err.status("Loading the model"):
            begin = time.monotonic()
            await client.execute(WAIT_UNTIL_READY)
            measure.ready_s = client.initialize_s + time.monotonic() - begin
        with Progress(*columns, console=err) as bars:
            bar = bars.add_task("Edits", total=len(files) * job.repeat)
            for path, text in files:
                client.open(_uri(path), text, language_of(path))
            # File by file within a round, so that a file's first edit finds another one's prompt.
            for path, text in files * job.repeat:
                bars.update(bar, description=path.name)
                await _measure_file(client, path, text, job.instruction, measure)
                bars.advance(bar)


async def _measure_file(
    client: HeadlessClient,
    path: Path,
    text: str,
    instruction: str | None,
    measure: Measure,
) -> None:
    """Fix each diagnostic through a code action, then run the instruction as a command."""
    uri = _uri(path)
    diagnostics: list[lsp.Diagnostic] = []
    if path.suffix == ".py" and pyflakes_diagnostics.available():
        diagnostics = pyflakes_diagnostics.diagnose(text, path.name, client.codec)
    for diagnostic in diagnostics:
        client.change(uri, text)  # A new version, so that no edit comes from the server's cache.
        begin = time.monotonic()
        actions = await client.code_actions(
            uri, diagnostic.range, [diagnostic], [lsp.CodeActionKind.QuickFix]
        )
        measure.listings_s.append(time.monotonic() - begin)
        for action in actions[:1]:
            if isinstance(action, lsp.CodeAction):
                await _timed(client, path, measure, client.code_action_resolve_async(action))
    if instruction is not None:
        client.change(uri, text)
        argument = {"uri": uri, "instruction": instruction}
        await _timed(client, path, measure, client.execute(APPLY_EDIT, argument))


async def _timed(client: HeadlessClient, path: Path, measure: Measure, request: Any) -> None:  # noqa: ANN401 -- any awaitable
    begin = time.monotonic()
    try:
        await request
    except JsonRpcException as error:
        measure.failures.append((path.name, error))
        return
    measure.latencies_s.append(time.monotonic() - begin)
    measure.receipts.append(await client.execute(LAST_RECEIPT) or {})


def _uri(path: Path) -> str:
    return path.resolve().as_uri()


def _ms(value: float) -> float | None:
    return None if math.isnan(value) else round(value * 1000, 1)


def _table(measure: Measure) -> Table:
    figures = measure.summary()
    table = Table("figure", "value", title="copydecode bench")
    table.add_row("edits (failed)", f"{figures['edits']} ({len(measure.failures)})")
    table.add_row("process start to initialize", seconds(measure.initialize_s))
    table.add_row("process start to model ready", seconds(measure.ready_s))
    for label, values in (
        ("code action listing", measure.listings_s),
        ("edit", measure.latencies_s),
        ("edit with a cold prompt", measure.latencies_of(warm=False)),
        ("edit with a cached document", measure.latencies_of(warm=True)),
    ):
        p50, p95 = percentile(values, 50), percentile(values, 95)
        shown = f"{seconds(p50)} / {seconds(p95)}" if values else "none"
        table.add_row(f"{label}, p50 / p95", shown)
    table.add_row("forwards per edit", f"{figures['forwards_per_edit']}")
    table.add_row("generated tokens per edit", f"{figures['generated_tokens_per_edit']}")
    table.add_row("output tokens per edit", f"{figures['output_tokens_per_edit']}")
    table.add_row(
        "prompt tokens per edit (still in the cache)",
        f"{figures['prompt_tokens_per_edit']} ({figures['reused_tokens_per_edit']})",
    )
    return table
