"""The paper's pilot again: a model taught by some repairs of functions, tried on the others.

Liu (arXiv 2604.18170) fine-tunes Qwen2.5-Coder-1.5B on 131 programs of HumanEvalPack-Fix Python,
or on 385 of three corpora, and counts exact edits of 33 held-out cases, three times: 0 of 33
untrained, 12.1 % and 17.2 % trained. This program makes the splits, fine-tunes, counts, and reports
mean and standard deviation. It can be stopped and gone on with.

    python -m copydecode.training.pilot --data humanevalpack_fix_python.jsonl --model M [--also ...]

The models are for measuring only and are deleted: whoever trains on a benchmark's cases must not
give the weights away as a product. Knows nothing of how a model learns or is judged.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from copydecode.config import EMBEDDED, EngineConfig
from copydecode.engine import Engine
from copydecode.errors import ConfigError, CopydecodeError
from copydecode.training import pairs, trials, tuning
from copydecode.training.finetune import TuneConfig, finetune
from copydecode.training.pairs import Pair
from copydecode.training.scoring import Share
from copydecode.training.tuning import STOPPED

HELD_OUT = 33
PAPER = "paper (Qwen2.5-Coder-1.5B): untrained 0/33, 131 programs 12/99, 385 programs 17/99"
FAILED = 2


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is measured: cases held out of `data` in each split, taught by the rest and `also`.

    Of the files in `also` each gives the share that `data` gives.
    """

    model: str
    data: Path
    also: tuple[Path, ...] = ()
    splits: int = 3
    held_out: int = HELD_OUT
    threads: int = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pilot from the command line; return the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    protocol = Protocol(
        args.model, args.data, tuple(args.also), args.splits, args.held_out, args.threads
    )
    if args.preset is None:
        args.preset = "pilot-pooled" if args.also else "pilot"
    try:
        report = run(protocol, tuning.settings(args), args.out)
    except CopydecodeError as error:
        Console(stderr=True).print(f"[red]{error}[/red]", highlight=False)
        return FAILED
    if report is None:
        Console(stderr=True).print("stopped; the same command goes on from there")
        return STOPPED
    _print(report)
    return 0


def run(protocol: Protocol, config: TuneConfig, out: Path) -> dict[str, Any] | None:
    """Go through the splits; return the report, which is written as `pilot.json`, too.

    None where the time of `config.minutes` was over before.

    Raises:
        ConfigError: bad data, or `out` holds another pilot.
    """
    ends = time.monotonic() + 60 * config.minutes
    whole = pairs.read([protocol.data], bodies=True)
    others = [pairs.read([path], bodies=True) for path in protocol.also]
    if not 0 < protocol.held_out < len(whole):
        message = f"expected held-out cases within 1 to {len(whole) - 1}, got {protocol.held_out}"
        raise ConfigError(message)
    splits = []
    for seed in range(1, protocol.splits + 1):
        taught, tried = split(whole, protocol.held_out, seed)
        for other in others:
            taught += split(other, round(len(other) * protocol.held_out / len(whole)), seed)[0]
        left = max(0.0, (ends - time.monotonic()) / 60)
        each = dataclasses.replace(config, seed=seed, minutes=left)
        found = _one(protocol, each, taught, tried, out / f"split-{seed}")
        if found is None:
            return None
        splits.append(found)
    report = _report(protocol, splits)
    (out / "pilot.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def split(data: Sequence[Pair], held_out: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs that teach, and those held out, drawn by seed."""
    order = list(data)
    Random(f"pilot/{seed}").shuffle(order)
    return order[held_out:], order[:held_out]


def _one(
    protocol: Protocol, config: TuneConfig, taught: list[Pair], tried: list[Pair], folder: Path
) -> dict[str, Any] | None:
    """Return what came of a split: counted before, or now."""
    asked = {**asdict(config), "minutes": None, "save_minutes": None}
    head = {"model": protocol.model, "config": asked, "taught": [pair.id for pair in taught]}
    kept = folder / "split.json"
    if kept.is_file():
        content: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        if content["asked"] != head:
            message = f"expected in {folder} nothing, or the same split, found another"
            raise ConfigError(message)
        return content
    result = finetune(protocol.model, taught, folder / "model", config)
    if not result.done:
        return None
    content = {
        "asked": head,
        "used": result.used,
        "untrained": _tried(protocol.model, tried, protocol.threads),
        "trained": _tried(str(folder / "model"), tried, protocol.threads),
    }
    kept.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder / "model")
    return content


def _tried(model: str, data: Sequence[Pair], threads: int) -> dict[str, Any]:
    """Return how a model does on some pairs."""
    engine = Engine.load(EngineConfig(model=model, threads=threads))
    found = [trials.run(engine, pair) for pair in data]
    cases = [trials.case_json(trial, texts=False) for trial in found]
    return {"summary": trials.as_json(trials.summarise("all", found)), "cases": cases}


def _report(protocol: Protocol, splits: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sum the splits up."""
    told: dict[str, Any] = {
        "model": protocol.model,
        "config": splits[0]["asked"]["config"],
        "taught": [found["used"] for found in splits],
        "paper": PAPER,
    }
    for way in ("untrained", "trained"):
        summaries = [found[way]["summary"] for found in splits]
        shares = [summary["exact"]["share"] for summary in summaries]
        failures: dict[str, int] = {}
        for summary in summaries:
            for name, count in summary["failures"].items():
                failures[name] = failures.get(name, 0) + count
        told[way] = {
            "by_split": [summary["exact"]["hits"] for summary in summaries],
            "mean": fmean(shares),
            "sd": stdev(shares) if len(shares) > 1 else None,
            **{name: _pooled(summaries, name) for name in ("exact", "starts", "ends")},
            "failures": dict(sorted(failures.items(), key=lambda item: -item[1])),
        }
    return told


def _pooled(summaries: Sequence[dict[str, Any]], name: str) -> dict[str, int]:
    hits, n = (sum(summary[name][key] for summary in summaries) for key in ("hits", "n"))
    return {"hits": hits, "n": n}


def _print(report: dict[str, Any]) -> None:
    table = Table(title=f"pilot: {report['model']}, taught by {report['taught'][0]} programs")
    table.add_column("model")
    for column in ("exact, by split", "mean ± sd, %", "exact", "95 %", "starts %", "ends %"):
        table.add_column(column, justify="right")
    for way in ("untrained", "trained"):
        row = report[way]
        exact, starts, ends = (Share(**row[name]) for name in ("exact", "starts", "ends"))
        spread = "-" if row["sd"] is None else f"{100 * row['sd']:.1f}"
        table.add_row(
            way,
            " ".join(map(str, row["by_split"])),
            f"{100 * row['mean']:.1f} ± {spread}",
            f"{exact.hits}/{exact.n}",
            tuning.shown(exact)[1],
            tuning.shown(starts)[0],
            tuning.shown(ends)[0],
        )
    table.caption = f"{PAPER}; a case may be held out in several splits, which 95 % leaves out"
    out = Console()
    if not out.is_terminal:
        out = Console(width=200)  # In a pipe nothing has to fit a window.
    out.print(table)
    misses = Table("first difference from the gold program", title="misses, trained")
    misses.add_column("n", justify="right")
    for name, count in report["trained"]["failures"].items():
        misses.add_row(name, str(count))
    out.print(misses)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m copydecode.training.pilot",
        description="The paper's fine-tuning pilot: exact edits of held-out cases.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="JSONL", help="the cases, as function bodies")
    add("--also", type=Path, nargs="+", default=[], metavar="JSONL", help="more to be taught by")
    add("--model", default=EMBEDDED, metavar="M")
    add("--out", type=Path, default=Path("runs/pilot"), metavar="DIR")
    add("--splits", type=int, default=3, metavar="N")
    add("--held-out", type=int, default=HELD_OUT, metavar="N")
    add("--threads", type=int, default=1, metavar="N", help="of the engine that counts")
    tuning.add_settings(parser, ("seed",))
    parser.set_defaults(seed=None)
    return parser


if __name__ == "__main__":
    sys.exit(main())
