"""The sub-commands `copydecode train` and `copydecode evaluate`: arguments in, tables out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import multiprocessing

from copydecode.config import EMBEDDED, EngineConfig
from copydecode.decode.vocabulary import Vocabulary
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.training import card, corpus, evaluate, tokenizer
from copydecode.training.curriculum import CURRICULA
from copydecode.training.evaluate import Score
from copydecode.training.languages import LANGUAGES
from copydecode.training.trainer import VOCABULARY_SIZE, TrainConfig, train

FAILED = 2
_FILES_FOR_TOKENIZER = 2500


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two sub-commands; each sets `run`, which takes the arguments and returns a code."""
    parser = commands.add_parser("train", help="train the embedded model")
    parser.add_argument("--out", type=Path, default=Path("runs/embedded"), metavar="DIR")
    _add_corpus(parser)
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="one core each")
    parser.add_argument(
        "--loaders", type=int, default=0, metavar="N", help="processes that make batches ahead"
    )
    parser.add_argument(
        "--piece-minutes",
        type=float,
        default=math.inf,
        metavar="M",
        help="stop after so long; the same command goes on",
    )
    parser.add_argument(
        "--init", type=Path, metavar="DIR", help="begin with the weights and tokenizer of a model"
    )
    for field in dataclasses.fields(TrainConfig):
        option = f"--{field.name.replace('_', '-')}"
        kind = type(field.default)
        if kind is bool:
            parser.add_argument(option, action="store_true")
            continue
        if field.name == "curriculum":
            parser.add_argument(option, choices=sorted(CURRICULA), default=field.default)
            continue
        parser.add_argument(option, type=kind, default=field.default, metavar=kind.__name__)
    parser.set_defaults(run=_train)

    parser = commands.add_parser("evaluate", help="exact match on code that the model never saw")
    parser.add_argument("--model", default=EMBEDDED, metavar="M")
    _add_corpus(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--language", choices=sorted(LANGUAGES), default="python")
    parser.add_argument("--cases", type=int, default=100, metavar="N", help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-scope-lock", action="store_true", help="lock no scope")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there, too")
    parser.set_defaults(run=_evaluate)


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path("runs/corpus"),
        metavar="DIR",
        help="where the packages of the corpus are, or are downloaded to",
    )


def _train(args: argparse.Namespace) -> int:
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    config = TrainConfig(**{name: getattr(args, name) for name in names})
    console = Console(stderr=True)
    try:
        with console.status("fetching and reading the corpus"):
            corpus.fetch(args.corpus, ("train", "validation", "test"))
            _prepare(args.corpus, args.out, args.init, digits=config.digits)
        pieces = (args.loaders, args.piece_minutes)
        arguments = (args.processes, config, args.corpus, args.out, args.init, *pieces)
        if args.processes == 1:
            _work(0, *arguments)
        else:
            multiprocessing.spawn(_work, args=arguments, nprocs=args.processes)  # type: ignore[no-untyped-call, attr-defined]  # torch
        card.draw_curves(args.out)
        card.write(args.out, config)
    except CopydecodeError as error:
        console.print(f"[red]{error}[/red]")
        return FAILED
    console.print(f"the model is in {args.out}")
    progress = card.read_log(args.out)[-1]["progress"]
    if progress < 1:
        console.print(f"{progress:.0%} of the run is done: the same command goes on")
    return 0


def _prepare(corpus_folder: Path, out: Path, init: Path | None, *, digits: bool) -> None:
    """Learn the tokenizer, once, or take that of the model to begin with."""
    path = out / "tokenizer.json"
    if path.exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    if init is not None:
        Vocabulary.load(init / "tokenizer.json")
        old = (init / "tokenizer.json").read_text(encoding="utf-8")
        path.write_text(tokenizer.with_later_markers(old), encoding="utf-8")
        return
    files = corpus.read(corpus_folder, "train")
    step = max(1, len(files) // _FILES_FOR_TOKENIZER)
    texts = (file.text for file in files[::step])
    learnt = tokenizer.train_tokenizer(texts, VOCABULARY_SIZE, digits=digits)
    learnt.save(str(path), pretty=False)


def _work(  # noqa: PLR0913, PLR0917  # what spawn hands over, in order
    rank: int,
    processes: int,
    config: TrainConfig,
    corpus_folder: Path,
    out: Path,
    init: Path | None,
    loaders: int,
    piece_minutes: float,
) -> None:
    """Train in one of several processes."""
    torch.set_num_threads(1)
    level = logging.INFO if rank == 0 else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    if processes > 1:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29511")
        dist.init_process_group("gloo", rank=rank, world_size=processes)
    train(
        config,
        corpus.read(corpus_folder, "train"),
        corpus.read(corpus_folder, "validation"),
        out,
        init=init,
        rank=rank,
        processes=processes,
        loaders=loaders,
        piece_minutes=piece_minutes,
    )


def _evaluate(args: argparse.Namespace) -> int:
    console = Console(stderr=True)
    try:
        with console.status("fetching and reading the corpus"):
            corpus.fetch(args.corpus, ("test", args.split))
            files = corpus.read(args.corpus, args.split)
        config = EngineConfig(
            model=args.model, threads=args.threads, scope_lock=not args.no_scope_lock
        )
        engine = Engine.load(config)
    except CopydecodeError as error:
        console.print(f"[red]{error}[/red]")
        return FAILED
    trials = list(evaluate.draw_trials(files, args.cases, args.seed, args.language))
    with Progress(console=console, transient=True) as progress:
        outcomes = [
            evaluate.run_trial(engine, trial)
            for trial in progress.track(trials, description="evaluating")
        ]
    scores = evaluate.score(outcomes)
    out = Console()
    what = f"{args.model}, {args.language}, {args.split} split, seed {args.seed}"
    out.print(_table(scores, what))
    out.print(_table(evaluate.by_row(outcomes), "the same trials by what is asked for"))
    by_rule = [exact for trial in trials if (exact := evaluate.rule_is_exact(trial)) is not None]
    out.print(
        "Misspellings that the first of the prompt's similar names would mend, without a model: "
        f"{sum(by_rule)} of {len(by_rule)}."
    )
    if args.json:
        rows = [dataclasses.asdict(score) for score in scores]
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


def _table(scores: Sequence[Score], title: str) -> Table:
    table = Table(title=title)
    table.add_column("task", no_wrap=True)
    for column in ("exact %", "95 %", "n", "err", "forw", "tok", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for score in scores:
        table.add_row(
            score.kind,
            f"{100 * score.rate:.0f}",
            f"{100 * score.low:.0f}-{100 * score.high:.0f}",
            str(score.trials),
            str(score.errors),
            f"{score.forwards:.0f}",
            f"{score.output_tokens:.0f}",
            f"{score.milliseconds:.0f}",
        )
    table.caption = (
        "95 %: Wilson interval; err: errors, counted as misses; medians per edit: model forwards, "
        "tokens of the new text (in plain decoding a forward each), milliseconds"
    )
    return table
