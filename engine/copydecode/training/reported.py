"""Mistakes in whole files, in the words of the tools that find them.

`python -m copydecode.training.reported --corpus DIR` makes one mistake each in files that training
never saw, has ruff, pyflakes and Python itself tell of it, and asks for the fix as the server does:
the message, its lines, the self-check. An edit is right where the file comes back byte for byte.
`evaluate` has the words from a generator that the rules were written beside; these are the tools'
own.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from pyflakes import checker  # type: ignore[import-untyped]
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from copydecode.config import EMBEDDED, Decoding, EngineConfig, Limits
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.training import corpus, diagnostics
from copydecode.training.corpus import SourceFile
from copydecode.training.evaluate import wilson
from copydecode.training.sheets import SheetMaker

KINDS = ("syntax", "unused-import", "unused-variable", "missing-import")
LONGEST_FILE = 400
"""Lines; Python code that is longer is generated, or tests."""

_LIMITS = Limits(max_new_tokens=400)
_RUFF_RULES = "E9,F"


@dataclass(frozen=True, slots=True)
class Report:
    """What a tool tells of a file: a message about a line, 1-based."""

    message: str
    line: int


Tool = Callable[[str], Sequence[Report]]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A file with a mistake, the file without it, and how a tool tells of it."""

    kind: str
    tool: str
    report: Report
    wrong: str
    right: str


def python(text: str) -> Sequence[Report]:
    """Return the syntax error that Python itself tells of, if there is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "file", "exec")
        except SyntaxError as error:
            return [Report(f"{type(error).__name__}: {error.msg}", error.lineno or 1)]
    return []


def pyflakes(text: str) -> Sequence[Report]:
    """Return what pyflakes tells of a text, nothing where it does not parse."""
    try:
        messages = checker.Checker(ast.parse(text)).messages
    except SyntaxError:
        return []
    return [Report(m.message % m.message_args, m.lineno) for m in messages]


def ruff(text: str) -> Sequence[Report]:
    """Return what ruff tells of a text.

    Raises:
        FileNotFoundError: it is not installed beside this Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.py"
        path.write_text(text, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--no-cache"]
        command += ["--select", _RUFF_RULES, "--output-format", "json", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the tool itself
    found: list[Any] = json.loads(said.stdout or "[]")
    return [Report(entry["message"], entry["location"]["row"]) for entry in found]


TOOLS: Mapping[str, Tool] = {"Python": python, "pyflakes": pyflakes, "ruff": ruff}
_SYNTAX_ONLY = "Python"


def mistakes(files: Sequence[str], kind: str, count: int) -> Iterator[Mistake]:
    """Yield what the tools tell of `count` files with one mistake each, first what is new."""
    material = SheetMaker([SourceFile("", "", text) for text in files]).material("python")
    for index, right in enumerate(files):
        lines = right.split("\n")[:-1]
        rng = Random(f"{kind}/{index}")
        flaw = diagnostics.MAKERS[kind](lines, rng, material)
        if flaw is None:
            continue
        lines[flaw.first - 1 : flaw.first - 1 + flaw.old] = flaw.wrong
        wrong = "\n".join(lines) + "\n"
        tools = {n: tool for n, tool in TOOLS.items() if kind == "syntax" or n != _SYNTAX_ONLY}
        told = {
            name: report for name, tool in tools.items() if (report := _new(tool, right, wrong))
        }
        yield from (Mistake(kind, name, report, wrong, right) for name, report in told.items())
        count -= bool(told)
        if not count:
            return


def _new(tool: Tool, right: str, wrong: str) -> Report | None:
    """Return the first thing that a tool tells of the one text and not of the other."""
    known = Counter(report.message for report in tool(right))
    for report in tool(wrong):
        if not known[report.message]:
            return report
        known[report.message] -= 1
    return None


def is_mended(engine: Engine, mistake: Mistake) -> bool:
    """Return whether the fix, asked for as the server does, gives the file as it was."""
    line = min(mistake.report.line, mistake.wrong.count("\n") + 1)
    request = EditRequest(
        mistake.wrong,
        mistake.report.message,
        Scope(line, line),
        "python",
        self_check=True,
        fix_elsewhere=True,
    )
    try:
        return engine.edit(request).text == mistake.right
    except CopydecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Row:
    """How many mistakes of a kind, told of by a tool, came right, with a 95 % Wilson interval."""

    kind: str
    tool: str
    right: int
    n: int
    low: float
    high: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mistakes and print what came of them."""
    parser = argparse.ArgumentParser(prog="copydecode.training.reported", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("runs/corpus"), metavar="DIR")
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--files", type=int, default=60, metavar="N", help="for each kind")
    parser.add_argument("--lenience", type=float, metavar="NATS", help="as `evaluate` has it")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    corpus.fetch(args.corpus, (args.split,))
    files = [
        file.text
        for file in corpus.read(args.corpus, args.split)
        if file.language == "python" and file.text.count("\n") <= LONGEST_FILE
    ]
    Random(0).shuffle(files)
    config = EngineConfig(
        model=args.model, limits=_LIMITS, decoding=Decoding(lenience=args.lenience)
    )
    engine = Engine.load(config)
    counts: dict[tuple[str, str], list[bool]] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for kind in KINDS:
            found = list(mistakes(files, kind, args.files))
            for mistake in progress.track(found, description=kind):
                right = is_mended(engine, mistake)
                counts.setdefault((mistake.kind, mistake.tool), []).append(right)
    rows = [Row(*key, sum(c), len(c), *wilson(sum(c), len(c))) for key, c in counts.items()]
    shown = Table(title=f"{args.split} packages, whole files of up to {LONGEST_FILE} lines")
    for column in ("mistake", "told of by", "right", "of", "95 %"):
        shown.add_column(column)
    for row in rows:
        interval = f"{100 * row.low:.0f}-{100 * row.high:.0f}"
        shown.add_row(row.kind, row.tool, str(row.right), str(row.n), interval)
    Console().print(shown)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
