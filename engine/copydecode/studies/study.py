"""What all studies share: a command line, progress, a table, and files to keep.

A study is a function from a `Context` (what was asked for) to a `Report` (rows, and what to say of
them). `main` runs one as a program: the table goes to standard output, progress to standard error,
and `NAME.json`, `NAME.csv` and `NAME.png` to the output folder. Knows nothing of any one study.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from copydecode.config import EMBEDDED
from copydecode.errors import CopydecodeError
from copydecode.studies import corpora
from copydecode.studies.corpora import Case, Corpus

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAILED = 2
OUT = Path("runs/studies")
_PACKAGES = ("copydecode", "torch", "transformers", "xgrammar", "tokenizers", "tiktoken", "numpy")

T = TypeVar("T")
Value = str | int | float | bool | None
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the printed table: a row's key, a heading, a format specification."""

    key: str
    title: str
    format: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a study found.

    `rows` are ours, `paper` the paper's figures to compare them with, `notes` what has to be known
    to read the table. `figures` are single values beside the rows. `draw` plots onto an empty
    figure. `shown` is what the table prints, where that is not `rows`.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    draw: Callable[[Figure], None]
    notes: Sequence[str] = ()
    paper: Sequence[Row] = ()
    figures: Row = field(default_factory=dict)
    shown: Sequence[Row] | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a study was asked for. `options` holds the study's own options."""

    model: str
    data: Path | None
    limit: int | None
    out: Path
    seed: int
    options: argparse.Namespace
    progress: Progress

    def corpus(self, name: str) -> Corpus:
        """Return a corpus with at most `limit` cases, drawn by seed and kept in order.

        Raises:
            ConfigError: the corpus is not there, or is not what it should be.
        """
        corpus = corpora.load(name, self.data)
        return Corpus(corpus.name, corpus.title, draw(corpus.cases, self.limit, self.seed))

    def track(self, items: Sequence[T], description: str) -> Iterator[T]:
        """Yield the items while a progress bar shows how many are done."""
        task = self.progress.add_task(description, total=len(items))
        for item in items:
            yield item
            self.progress.advance(task)


@dataclass(frozen=True, slots=True)
class Study:
    """A study as a program: `limit` says what `--limit` bounds, `default_limit` is its default."""

    name: str
    question: str
    run: Callable[[Context], Report]
    limit: str = "cases of each corpus"
    default_limit: int | None = None
    add_options: Callable[[argparse.ArgumentParser], None] = lambda _parser: None


def draw(cases: Sequence[Case], limit: int | None, seed: int) -> tuple[Case, ...]:
    """Return at most `limit` of the cases, drawn by seed, in their order; all where it is None."""
    if limit is None or limit >= len(cases):
        return tuple(cases)
    chosen = random.Random(seed).sample(range(len(cases)), limit)  # noqa: S311  # not a secret
    return tuple(cases[index] for index in sorted(chosen))


def add_corpora(parser: argparse.ArgumentParser, default: Sequence[str]) -> None:
    """Add `--corpora`, for studies over corpora."""
    parser.add_argument(
        "--corpora",
        nargs="+",
        choices=corpora.NAMES,
        default=list(default),
        metavar="NAME",
        help=f"of {', '.join(corpora.NAMES)} (default: {' '.join(default)})",
    )


def main(study: Study, argv: Sequence[str] | None = None) -> int:
    """Run a study from the command line; return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(study).parse_args(arguments)
    errors = Console(stderr=True)
    try:
        if args.threads is not None:
            import torch  # noqa: PLC0415  # costs seconds, and half of the studies need none

            torch.set_num_threads(args.threads)
        with _progress(errors) as progress:
            context = Context(
                args.model, args.data, args.limit, args.out, args.seed, args, progress
            )
            report = study.run(context)
    except CopydecodeError as error:
        errors.print(f"[red]{study.name}:[/red] {error}", highlight=False)
        return FAILED
    _print(report)
    args.out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["python", "-m", f"copydecode.studies.{study.name}", *arguments])
    _write_json(args.out / f"{study.name}.json", study, report, {"command": command, **vars(args)})
    _write_csv(args.out / f"{study.name}.csv", report)
    _write_png(args.out / f"{study.name}.png", report, errors)
    errors.print(f"written: {args.out / study.name}.json, .csv, .png", highlight=False)
    return 0


def environment() -> dict[str, Value]:
    """Return what a figure may depend on beside the code: versions, processor, threads, device."""
    found: dict[str, Value] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": None,
        "device": "cpu",
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    if torch := sys.modules.get("torch"):
        found["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            found["device"] = torch.cuda.get_device_name()
    return found


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every study has, but for `--limit`."""
    parser.add_argument(
        "--model", default=EMBEDDED, metavar="M", help="embedded, a folder, or a Hugging Face name"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"evaluation data (default: ${corpora.VARIABLE}, else {corpora.BESIDE} beside the "
        "checkout)",
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help=f"(default: {OUT})")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--threads", type=positive, metavar="N", help="torch threads")


def positive(text: str) -> int:
    """Read a whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        message = f"expected a number >= 1, got {number}"
        raise argparse.ArgumentTypeError(message)
    return number


def _parser(study: Study) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m copydecode.studies.{study.name}", description=study.question
    )
    add_common(parser)
    parser.add_argument(
        "--limit",
        type=positive,
        default=study.default_limit,
        metavar="N",
        help=f"at most N {study.limit} (default: {study.default_limit or 'all'})",
    )
    study.add_options(parser)
    return parser


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _print(report: Report) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # In a pipe nothing has to fit a window.
    table = Table(title=report.title)
    for index, column in enumerate(report.columns):
        table.add_column(column.title, justify="right" if index else "left", no_wrap=not index)
    for row in report.rows if report.shown is None else report.shown:
        table.add_row(*(_shown(row.get(column.key), column.format) for column in report.columns))
    console.print(table)
    for note in report.notes:
        console.print(note, highlight=False, markup=False)


def _shown(value: Value, specification: str) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, str | bool) else format(value, specification)


def _write_json(path: Path, study: Study, report: Report, asked: Mapping[str, Any]) -> None:
    content = {
        "study": study.name,
        "question": study.question,
        "title": report.title,
        **{key: str(value) if isinstance(value, Path) else value for key, value in asked.items()},
        "environment": environment(),
        "figures": report.figures,
        "rows": report.rows,
        "paper": report.paper,
        "notes": report.notes,
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_csv(path: Path, report: Report) -> None:
    keys = list(dict.fromkeys(key for row in report.rows for key in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, keys)
        writer.writeheader()
        writer.writerows(report.rows)


def _write_png(path: Path, report: Report, errors: Console) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # an extra
        from matplotlib.figure import Figure  # noqa: PLC0415  # an extra
    except ImportError:
        message = f"no {path.name}: matplotlib is not installed (pip install 'copydecode[studies]')"
        errors.print(message, highlight=False, markup=False)
        return
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    report.draw(figure)
    figure.savefig(path, dpi=120)


def _processor() -> str:
    """Return the processor's name; `platform.processor` is empty on most Linux systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
