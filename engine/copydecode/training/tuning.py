"""`copydecode train --data` and `copydecode evaluate --data`: pairs of texts in, tables out.

Adds its options to those of the two sub-commands (`cli`), and runs them where pairs are given.
Knows nothing of how a model learns or is judged.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from copydecode.config import EMBEDDED, EngineConfig
from copydecode.engine import Engine
from copydecode.errors import ConfigError
from copydecode.training import pairs, trials
from copydecode.training.evaluate import wilson
from copydecode.training.finetune import PRESETS, TuneConfig, finetune
from copydecode.training.scoring import Share
from copydecode.training.trials import Summary, Trial

OUT = Path("runs/tuned")

STOPPED = 4
"""The exit code of a run that is to be gone on with: stopped by a limit."""

_FIELDS = [field.name for field in dataclasses.fields(TuneConfig)]
_HELP = {
    "epochs": "how often all pairs are read",
    "rate": "of AdamW; 2e-5, or 2e-4 with --lora, where not given",
    "batch": "pairs a step",
    "weight_decay": "of AdamW",
    "max_tokens": "of a prompt at most; without a scope a longer one is left out",
    "minutes": "stop after so many, to be gone on with by the same command",
    "save_minutes": "how often what is gone on with is saved",
    "seed": "of the order of pairs, and of what is drawn at the start",
    "lora": "rank of LoRA adapters, merged at the end; 0 trains all weights",
    "end_weight": "weight of the decisions where a copy ends, against 1",
    "micro_tokens": "tokens a forward at most, padding included",
    "checkpointing": "compute activations again: slower, in less memory",
}


def add_train_options(parser: argparse.ArgumentParser, taken: Sequence[str]) -> None:
    """Add what fine-tuning needs, but for fields that `taken` has named already."""
    group = parser.add_argument_group("fine-tuning on pairs of texts")
    _add_data(group)
    group.add_argument(
        "--model",
        metavar="M",
        help="embedded (the default), a model folder, or a Hugging Face name",
    )
    add_settings(group, taken)


def add_settings(group: argparse._ActionsContainer, taken: Sequence[str] = ()) -> None:
    """Add `--preset` and an option for each field of `TuneConfig` that is not `taken`."""
    group.add_argument("--preset", choices=sorted(PRESETS), help="a recipe; options stand above it")
    for field in dataclasses.fields(TuneConfig):
        if field.name in taken:
            continue
        option, told = f"--{field.name.replace('_', '-')}", _HELP[field.name]
        if isinstance(field.default, bool):
            group.add_argument(option, action="store_true", default=None, help=told)
        else:
            kind = type(field.default)
            group.add_argument(option, type=kind, metavar=kind.__name__, help=told)


def settings(args: argparse.Namespace) -> TuneConfig:
    """Return the settings that were asked for: a recipe's, and above them those given."""
    given = {name: value for name in _FIELDS if (value := getattr(args, name)) is not None}
    return TuneConfig(**{**PRESETS.get(args.preset, {}), **given})


def add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    """Add what counting over pairs needs."""
    group = parser.add_argument_group("counting over pairs of texts, in place of made tasks")
    _add_data(group)
    group.add_argument("--limit", type=int, metavar="N", help="the first N pairs only")
    group.add_argument("--texts", action="store_true", help="texts in the JSON file, too")


def wanted(args: argparse.Namespace, options: Mapping[str, Any]) -> bool:
    """Return whether `train` is to fine-tune; `options` are those given for any way of training.

    Raises:
        ConfigError: some are for the other way.
    """
    of_pairs = {name for name in ("model", "preset", "bodies") if getattr(args, name)}
    of_pairs |= {
        name for name in _FIELDS if name not in options and getattr(args, name) is not None
    }
    if args.data is None and of_pairs:
        message = f"expected --data with {_options(of_pairs)}"
        raise ConfigError(message)
    if args.data is None:
        return False
    strange = {name for name in options if name not in _FIELDS}
    strange |= {"init"} if args.init is not None else set()
    if strange:
        message = f"expected no {_options(strange)} with --data: they make a model from nothing"
        raise ConfigError(message)
    return True


def train(args: argparse.Namespace, console: Console) -> int:
    """Fine-tune; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    config = settings(args)
    data = pairs.read(args.data, bodies=args.bodies)
    out = args.out or OUT
    result = finetune(args.model or EMBEDDED, data, out, config)
    if result.left_out:
        named = ", ".join(result.left_out[:5])
        more = ", ..." if len(result.left_out) > 5 else ""  # noqa: PLR2004  # enough to look at
        count = f"{len(result.left_out)} of {len(data)}"
        console.print(f"pairs left out, since they do not fit the model: {count} ({named}{more})")
    if not result.done:
        console.print(
            f"stopped at step {result.step} of {result.steps}; the same command goes on from there"
        )
        return STOPPED
    console.print(f"the model is in {out}, taught by {result.used} pairs")
    return 0


def counts_pairs(args: argparse.Namespace) -> bool:
    """Return whether `evaluate` is to count over pairs.

    Raises:
        ConfigError: options for that without pairs, or a limit that leaves none.
    """
    of_pairs = {name for name in ("limit", "texts", "bodies") if getattr(args, name)}
    if args.data is None and of_pairs:
        message = f"expected --data with {_options(of_pairs)}"
        raise ConfigError(message)
    if args.limit is not None and args.limit < 1:
        message = f"expected --limit >= 1, got {args.limit}"
        raise ConfigError(message)
    return args.data is not None


def evaluate(args: argparse.Namespace, console: Console) -> int:
    """Count over pairs; return the exit code."""
    data = pairs.read(args.data, bodies=args.bodies, limit=args.limit)
    config = EngineConfig(model=args.model, threads=args.threads, scope_lock=not args.no_scope_lock)
    engine = Engine.load(config)
    with Progress(console=console, transient=True) as progress:
        found = [trials.run(engine, p) for p in progress.track(data, description="evaluating")]
    summaries = trials.by_language(found)
    print_summaries(f"{args.model}, {', '.join(path.name for path in args.data)}", summaries)
    if args.json:
        write_json(args.json, {"model": args.model}, found, texts=args.texts)
    return 0


def print_summaries(title: str, summaries: Sequence[Summary]) -> None:
    """Print how edits came out, and why the last summary's misses are misses."""
    out = Console()
    if not out.is_terminal:
        out = Console(width=200)  # In a pipe nothing has to fit a window.
    table = Table(title=title)
    table.add_column("pairs", no_wrap=True)
    for column in ("n", "exact %", "95 %", "starts %", "95 %", "ends %", "95 %", "err"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("forw", "tok", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in summaries:
        shares = [text for share in (row.exact, row.starts, row.ends) for text in shown(share)]
        costs = (row.forwards, row.output_tokens, row.milliseconds)
        table.add_row(
            row.name, str(row.exact.n), *shares, str(row.errors), *(f"{cost:.0f}" for cost in costs)
        )
    table.caption = (
        "starts, ends: copies of the gold program that begin and end at the right line, the k-th "
        "against the k-th; 95 %: Wilson intervals; medians per edit"
    )
    out.print(table)
    if misses := summaries[-1].failures:
        table = Table("first difference from the gold program", title="misses")
        table.add_column("n", justify="right")
        for name, count in misses.items():
            table.add_row(name, str(count))
        out.print(table)


def shown(share: Share) -> tuple[str, str]:
    """Return a share and its 95 % Wilson interval in per cent, as text."""
    if share.value is None:
        return "-", "-"
    low, high = wilson(share.hits, share.n)
    return f"{100 * share.value:.1f}", f"{100 * low:.0f}-{100 * high:.0f}"


def write_json(path: Path, head: Mapping[str, Any], found: Sequence[Trial], *, texts: bool) -> None:
    """Write what was asked for, the summaries and all cases."""
    content = {
        **head,
        "summaries": [trials.as_json(summary) for summary in trials.by_language(found)],
        "cases": [trials.case_json(trial, texts=texts) for trial in found],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="JSONL",
        help="files of pairs: before, after, instruction, and perhaps scope, locked, language, "
        "name, id",
    )
    group.add_argument(
        "--bodies", action="store_true", help="take the fields body_source and body_target"
    )


def _options(names: set[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))
