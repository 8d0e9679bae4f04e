"""The command: reads the workload, measures, writes the reports, and says how it ended."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from copydecode_lsp.bench import startup
from copydecode_lsp.bench.figures import TIMES, summary
from copydecode_lsp.bench.page import page
from copydecode_lsp.bench.run import Configuration, Plan, Results, Temperature, measure
from copydecode_lsp.bench.statistics import PERCENTILES
from copydecode_lsp.bench.workload import read
from copydecode_lsp.headless import (
    ExitCode,
    ServerGoneError,
    complain,
    exit_code_of,
    guarded,
)
from copydecode_lsp.machine import machine, versions, without_home

_STDOUT = Path("-")
_STARTS = 10


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks for; `words` is that command line, for the report."""

    words: Sequence[str]
    paths: Sequence[Path]
    instruction: str | None = None
    repeat: int = 3
    minutes: float | None = None
    clients: int = 1
    temperature: Temperature = Temperature.MIXED
    model: str | None = None
    server: str | None = None
    against: str | None = None
    settings: Sequence[dict[str, Any]] = field(default_factory=tuple)
    cancels: bool = False
    startup: bool = False
    json: Path | None = None
    html: Path | None = None

    def configurations(self) -> list[Configuration]:
        """Return what is measured: one server, or two to compare."""
        settings = list(self.settings) or [{}]
        first = Configuration("A", _command(self.server), self.model, settings[0])
        if self.against is not None:
            second = Configuration("B", _command(self.against), None, settings[-1])
            return [first, second]
        if len(settings) > 1:
            return [first, Configuration("B", first.command, self.model, settings[1])]
        return [first]


async def bench(job: Job, out: Console, err: Console) -> ExitCode:
    """Measure and report; the exit code is that of the first failure, where no edit succeeded."""
    if job.startup:
        return await guarded(_startup(job, out), err)
    return await guarded(_bench(job, out, err), err)


async def _startup(job: Job, out: Console) -> ExitCode:
    figures = await startup.measure(_STARTS, job.model, _command(job.server))
    if job.json == _STDOUT:
        out.file.write(json.dumps(figures.as_json(), indent=2) + "\n")
        return ExitCode.EDITED
    if job.json is not None:
        job.json.write_text(json.dumps(figures.as_json(), indent=2) + "\n", encoding="utf-8")
    table = Table("from the process's begin, median", "ms", title="copydecode bench --startup")
    for name, value in figures.as_json().items():
        table.add_row(name, f"{value:g}")
    out.print(table)
    return ExitCode.EDITED


async def _bench(job: Job, out: Console, err: Console) -> ExitCode:
    configurations = job.configurations()
    documents = read(job.paths, job.instruction)
    seconds = None if job.minutes is None else 60 * job.minutes
    plan = Plan(documents, job.repeat, seconds, job.clients, job.temperature, job.cancels)
    results = Results()
    if documents:
        await _measured(plan, configurations, results, err)
    failures = [sample for sample in results.samples if sample.failure is not None]
    for text in dict.fromkeys(f"{s.document}: {s.failure.message}" for s in failures if s.failure):
        complain(err, text)
    if not any(s.edit_s is not None or s.apply_s is not None for s in results.samples):
        if failures and failures[0].failure is not None:
            return exit_code_of(failures[0].failure)
        err.print("Nothing to measure: no diagnostics found and no --instruction given.")
        return ExitCode.NO_CHANGE
    _write(job, report(job, plan, configurations, results), results, out)
    return ExitCode.EDITED


def report(
    job: Job, plan: Plan, configurations: Sequence[Configuration], results: Results
) -> dict[str, Any]:
    """Return the report as JSON: what was run, where, and what came out."""
    return {
        "command": without_home(shlex.join(["copydecode", *job.words])),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(),
        "plan": {
            "documents": len(plan.documents),
            "repeat": None if plan.seconds else plan.repeat,
            "seconds": plan.seconds,
            "clients": plan.clients,
            "temperature": plan.temperature.value,
        },
        **summary(results, configurations),
    }


async def _measured(
    plan: Plan, configurations: Sequence[Configuration], results: Results, err: Console
) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    total = None if plan.seconds else len(plan.documents) * plan.repeat * plan.clients
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        bar = bars.add_task("Starting the servers", total=total)

        def advance(name: str) -> None:
            bars.update(bar, description=name, advance=1)

        try:
            await measure(plan, configurations, results, advance)
        except ExceptionGroup as group:
            raise _first(group) from None


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return the error of one client: the others' are alike, or come from the end of theirs."""
    errors = group.exceptions
    return next((e for e in errors if not isinstance(e, ServerGoneError)), errors[0])


def _write(job: Job, figures: Mapping[str, Any], results: Results, out: Console) -> None:
    if job.html is not None:
        job.html.write_text(page(figures, results), encoding="utf-8")
    text = json.dumps(figures, indent=2) + "\n"
    if job.json == _STDOUT:
        out.file.write(text)
        return
    if job.json is not None:
        job.json.write_text(text, encoding="utf-8")
    for configuration in figures["configurations"]:
        out.print(_table(configuration))
    if any(figures.get("comparison", {}).values()):
        out.print(_comparison(figures["comparison"]))


def _table(configuration: Mapping[str, Any]) -> Table:
    columns = [f"p{p}" for p in PERCENTILES]
    command = configuration["command"]
    server = "copydecode serve" if command is None else shlex.join(command)
    table = Table("", *columns, "n", title=f"{configuration['name']}: {server}")
    for kind, label in TIMES.items():
        values = configuration["times_ms"][kind]
        if values["n"]:
            shown = [f"{values[column]:.1f}" for column in columns]
            table.add_row(f"{label}, ms", *shown, str(values["n"]))
    table.add_section()
    for name, value in _facts(configuration).items():
        table.add_row(name, value)
    return table


def _facts(configuration: Mapping[str, Any]) -> dict[str, str]:
    per_edit, exact = configuration["per_edit"], configuration["exact"]
    facts = {
        "edits (failed)": f"{configuration['edits']} ({len(configuration['failures'])})",
        "edits a second": _shown(configuration["edits_per_second"]),
        "process start to initialize, ms": _shown(configuration["initialize_ms"]),
        "process start to model ready, ms": _shown(configuration["model_ready_ms"]),
        **{f"{name.replace('_', ' ')} per edit": _shown(value) for name, value in per_edit.items()},
        "exact match": "-"
        if exact is None
        else f"{exact['share']:.1%} ({exact['low']:.0%}-{exact['high']:.0%}, n {exact['of']})",
    }
    if (memory := configuration["memory"]) is not None:
        facts["memory of a server, MiB"] = _shown(memory["mean_mib"])
    return facts


def _comparison(comparison: Mapping[str, Any]) -> Table:
    table = Table("B in times of A", "ratio", "95 %", "B slower", "sign test p", title="in pairs")
    for kind, values in comparison.items():
        if values is not None:
            table.add_row(
                TIMES[kind],
                f"{values['mean']:.3f}",
                f"{values['low']:.3f}-{values['high']:.3f}",
                f"{values['second_slower']} of {values['pairs']}",
                f"{values['p']:.2g}",
            )
    return table


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _command(line: str | None) -> tuple[str, ...] | None:
    return None if line is None else tuple(shlex.split(line))
