"""The sub-commands `copydecode train | calibrate | evaluate`: arguments in, tables out."""

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

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import CONFIDENCE_THRESHOLD, EMBEDDED, Decoding, EngineConfig
from copydecode.decode.model import read_config
from copydecode.decode.vocabulary import Vocabulary
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError, WithheldError
from copydecode.training import calibrate, card, commits, corpus, evaluate, tokenizer, tuning
from copydecode.training.curriculum import CURRICULA
from copydecode.training.evaluate import Outcome, Score, Trial
from copydecode.training.languages import LANGUAGES
from copydecode.training.packages import Split
from copydecode.training.trainer import VOCABULARY_SIZE, TrainConfig, train

FAILED = 2
_FILES_FOR_TOKENIZER = 2500
_WANTED = 0.95
"""The share of right edits for which it is said how many have it."""

_OPTIONS = [field.name for field in dataclasses.fields(TrainConfig)]


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-commands; each sets `run`, which takes the arguments and returns a code."""
    parser = commands.add_parser("train", help="train the embedded model, or fine-tune any")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="(default: runs/embedded, runs/tuned)"
    )
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
    parser.add_argument(
        "--commits",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="commits to be learnt from, too, as JSON lines",
    )
    for field in dataclasses.fields(TrainConfig):
        option = f"--{field.name.replace('_', '-')}"
        kind = type(field.default)
        if kind is bool:
            parser.add_argument(option, action="store_true", default=None)
            continue
        if field.name == "curriculum":
            parser.add_argument(option, choices=sorted(CURRICULA))
            continue
        parser.add_argument(option, type=kind, metavar=kind.__name__)
    tuning.add_train_options(parser, _OPTIONS)
    parser.set_defaults(run=_train)

    parser = commands.add_parser("evaluate", help="exact match on code that the model never saw")
    parser.add_argument("--model", default=EMBEDDED, metavar="M")
    _add_corpus(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    _add_trials(parser, cases=100)
    parser.add_argument("--no-scope-lock", action="store_true", help="lock no scope")
    parser.add_argument(
        "--lenience",
        type=float,
        metavar="NATS",
        help="by how much the model may find else better than what is promised",
    )
    parser.add_argument(
        "--self-check", action="store_true", help="check fixes of diagnostics, as the server does"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw accuracy by confidence")
    tuning.add_evaluate_options(parser)
    parser.set_defaults(run=_evaluate)

    parser = commands.add_parser(
        "calibrate", help="count how often a model is right where it is how sure"
    )
    parser.add_argument("--model", default=EMBEDDED, metavar="M", help="a model of ours")
    _add_corpus(parser)
    _add_trials(parser, cases=40)
    parser.set_defaults(run=_calibrate)


def _add_trials(parser: argparse.ArgumentParser, cases: int) -> None:
    parser.add_argument("--language", choices=sorted(LANGUAGES), default="python")
    parser.add_argument("--cases", type=int, default=cases, metavar="N", help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path("runs/corpus"),
        metavar="DIR",
        help="where the packages of the corpus are, or are downloaded to",
    )


def _train(args: argparse.Namespace) -> int:
    given = {name: value for name in _OPTIONS if (value := getattr(args, name)) is not None}
    console = Console(stderr=True)
    try:
        if tuning.wanted(args, given):
            return tuning.train(args, console)
        config, out = TrainConfig(**given), args.out or Path("runs/embedded")
        with console.status("fetching and reading the corpus"):
            corpus.fetch(args.corpus, ("train", "validation", "test"))
            _prepare(args.corpus, out, args.init, digits=config.digits)
        pieces = (args.loaders, args.piece_minutes)
        files = (args.corpus, args.commits)
        arguments = (args.processes, config, *files, out, args.init, *pieces)
        if args.processes == 1:
            _work(0, *arguments)
        else:
            multiprocessing.spawn(_work, args=arguments, nprocs=args.processes)  # type: ignore[no-untyped-call, attr-defined]  # torch
        card.draw_curves(out)
        card.write(out, config)
    except CopydecodeError as error:
        console.print(f"[red]{error}[/red]")
        return FAILED
    console.print(f"the model is in {out}")
    progress = card.read_log(out)[-1]["progress"]
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
    commit_files: Sequence[Path],
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
    files = corpus.read(corpus_folder, "train")
    held_out = corpus.read(corpus_folder, "validation")
    learnt = [x for path in commit_files for x in commits.read(path) if x.language in LANGUAGES]
    if rank == 0:
        card.count(out, {"train": files, "validation": held_out, "commits": learnt})
    train(
        config,
        [*files, *learnt],
        held_out,
        out,
        init=init,
        rank=rank,
        processes=processes,
        loaders=loaders,
        piece_minutes=piece_minutes,
    )


def _evaluate(args: argparse.Namespace) -> int:
    config = EngineConfig(
        model=args.model,
        threads=args.threads,
        scope_lock=not args.no_scope_lock,
        decoding=Decoding(lenience=args.lenience),
    )
    try:
        if tuning.counts_pairs(args):
            return tuning.evaluate(args, Console(stderr=True))
        trials, outcomes = _try(args, config, args.split, self_check=args.self_check)
    except CopydecodeError as error:
        return _fail(error)
    title = f"{args.model}, {args.language}, {args.split} split, seed {args.seed}"
    scores = evaluate.score(outcomes)
    out = Console()
    out.print(_table(scores, title))
    out.print(_table(evaluate.by_row(outcomes), "the same trials by what is asked for"))
    by_rule = [exact for trial in trials if (exact := evaluate.rule_is_exact(trial)) is not None]
    out.print(
        "Misspellings that the first of the prompt's similar names would mend, without a model: "
        f"{sum(by_rule)} of {len(by_rule)}."
    )
    if args.self_check:
        out.print(_checked(outcomes))
    _print_curve(out, outcomes, title)
    if args.json:
        rows = [dataclasses.asdict(score) for score in scores]
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if args.plot:
        calibrate.draw(outcomes, args.plot, title)
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    folder = EMBEDDED_FOLDER if args.model == EMBEDDED else Path(args.model)
    config = EngineConfig(model=str(args.model), threads=args.threads)
    try:
        read_config(folder)  # Before minutes of work that could not be kept.
        _, outcomes = _try(args, config, "validation")
        calibration = calibrate.fit(outcomes)
        calibrate.save(folder, calibration)
    except CopydecodeError as error:
        return _fail(error)
    fitted = [
        dataclasses.replace(
            outcome,
            confidence=calibration.confidence(outcome.log_prob, as_promised=outcome.as_promised),
        )
        for outcome in outcomes
    ]
    out = Console()
    _print_curve(out, fitted, f"{args.model}, validation split, seed {args.seed}, fitted on it")
    out.print(f"The calibration is in {folder / 'config.json'}.", soft_wrap=True)
    return 0


def _fail(error: CopydecodeError) -> int:
    Console(stderr=True).print(f"[red]{error}[/red]")
    return FAILED


def _try(
    args: argparse.Namespace, config: EngineConfig, split: Split, *, self_check: bool = False
) -> tuple[list[Trial], list[Outcome]]:
    """Draw the trials of a split and run them."""
    console = Console(stderr=True)
    with console.status("fetching and reading the corpus"):
        corpus.fetch(args.corpus, ("test", split))
        files = corpus.read(args.corpus, split)
    engine = Engine.load(config)
    trials = list(evaluate.draw_trials(files, args.cases, args.seed, args.language))
    with Progress(console=console, transient=True) as progress:
        outcomes = [
            evaluate.run_trial(engine, trial, self_check=self_check)
            for trial in progress.track(trials, description="trying")
        ]
    return trials, outcomes


def _checked(outcomes: Sequence[Outcome]) -> str:
    """Say what the self-check did."""
    checked = [o for o in outcomes if o.kind.startswith(evaluate.DIAGNOSTIC)]
    withheld = sum(o.error == WithheldError.__name__ for o in checked)
    retried = [o for o in checked if o.retries]
    spent = 1000 * sum(o.check_s for o in checked) / max(1, len(checked) - withheld)
    return (
        f"Of {len(checked)} fixes of diagnostics {withheld} were withheld and {len(retried)} "
        f"replaced, {sum(o.exact for o in retried)} of these by the exact one; checking took "
        f"{spent:.1f} ms each."
    )


def _print_curve(out: Console, outcomes: Sequence[Outcome], title: str) -> None:
    """Print how many of the surest edits are right."""
    points = calibrate.curve(outcomes)
    if not points:
        out.print("The model is not calibrated (copydecode calibrate): there is no curve.")
        return
    table = Table(title=f"The surest edits: {title}")
    for column in ("coverage %", "confidence from", "exact %"):
        table.add_column(column, justify="right", no_wrap=True)
    for point in points:
        share, right = 100 * point.coverage, 100 * point.accuracy
        table.add_row(f"{share:.0f}", f"{point.threshold:.3f}", f"{right:.1f}")
    out.print(table)
    most = calibrate.reaching(outcomes, _WANTED)
    reached = "none" if most is None else f"{most.coverage:.0%}, from {most.threshold:.2f} on"
    served = calibrate.above(outcomes, CONFIDENCE_THRESHOLD)
    out.print(
        f"Of the {len(calibrate.counted(outcomes))} edits that propose a change. {_WANTED:.0%} "
        f"exact: {reached}. From {CONFIDENCE_THRESHOLD} (the server's threshold) on: "
        f"{served.accuracy:.1%} exact of {served.coverage:.0%}. Calibration error: "
        f"{calibrate.calibration_error(outcomes):.1%} (ten bins).",
        highlight=False,
    )


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
