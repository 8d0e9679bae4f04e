"""What the choices of the training recipe are worth: small runs that differ in one thing each.

`python -m copydecode.training.ablations --corpus DIR --out DIR` trains one small model for each
choice, on the same steps of the same lessons from random weights, and tries all of them through the
engine on validation packages. With `--init DIR` all go on from the weights of a model, which knows
its own choice already: the others have so many steps to get used to theirs. It says which choice is
better at this budget, not how good either becomes. Steps bound the runs, so that a busy machine
changes none of them.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from copydecode.config import EngineConfig, Limits
from copydecode.decode.model import read_config
from copydecode.decode.network import NetworkConfig
from copydecode.engine import Engine
from copydecode.training import corpus, evaluate
from copydecode.training.corpus import SourceFile
from copydecode.training.evaluate import Trial
from copydecode.training.sheets import SheetMaker
from copydecode.training.tokenizer import train_tokenizer, with_digits
from copydecode.training.trainer import VOCABULARY_SIZE, TrainConfig, train

KINDS = ("delete", "duplicate", "move", "insert", "misspelling", "rewrite")
"""What is tried: all that so short a run learns something of."""

BASE = TrainConfig(
    layers=3,
    max_lines=20,
    max_tokens=320,
    lenience=0.0,  # What the model itself makes of the edits is compared.
    sheets_per_step=1,
    curriculum="short",
    minutes=1e9,
    save_minutes=1e9,
    warmup_steps=50,
    examination_sheets=16,
)

VARIANTS: Mapping[str, TrainConfig] = {
    "base: w = 16": BASE,
    "w = 0": replace(BASE, splice_window=0),
    "w = 32": replace(BASE, splice_window=32),
    "w = all": replace(BASE, splice_window=-1),
    "numbers as digits": replace(BASE, digits=True),
    "ends weigh 3": replace(BASE, end_weight=3.0),
    "no loss on documents": replace(BASE, document_loss=0.0),
    "near duplicates": replace(BASE, twins=0.3),
    "token copies": replace(BASE, token_copies=4),
    "2 layers more": replace(BASE, layers=BASE.layers + 2),
    "feed-forward twice": replace(BASE, feed_forward=2 * BASE.feed_forward),
}

_BEHIND: Mapping[str, Any] = {"muon_rate": 0.01, "adam_rate": 0.002, "warmup_steps": 30}
"""The rates of runs that go on from the weights of another."""

_FILES_FOR_TOKENIZER = 800
_LIMITS = Limits(max_new_tokens=300)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a variant: exact edits by kind, the mean, and medians of cost."""

    variant: str
    exact: Mapping[str, float]
    mean: float
    forwards: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Material:
    """What all variants are trained on and tried with."""

    files: Sequence[SourceFile]
    held_out: Sequence[SourceFile]
    trials: Sequence[Trial]


def run(
    variant: str,
    config: TrainConfig,
    material: Material,
    folder: Path,
    init: Path | None = None,
) -> Row:
    """Train a variant in a folder, or go on there, and try it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.json"
    if init is not None:
        known = (init / "tokenizer.json").read_text(encoding="utf-8")
        path.write_text(with_digits(known) if config.digits else known, encoding="utf-8")
        config = replace(config, **_BEHIND, **_shape(init, config))
    elif not path.exists():
        step = max(1, len(material.files) // _FILES_FOR_TOKENIZER)
        texts = (file.text for file in material.files[::step])
        learnt = train_tokenizer(texts, VOCABULARY_SIZE, digits=config.digits)
        learnt.save(str(path), pretty=False)
    train(config, material.files, material.held_out, folder, init=init)
    engine = Engine.load(EngineConfig(model=str(folder), threads=1, limits=_LIMITS))
    engine.warm()
    scores = evaluate.score([evaluate.run_trial(engine, trial) for trial in material.trials])
    exact = {score.kind: score.rate for score in scores}
    return Row(
        variant,
        exact,
        sum(exact.values()) / len(exact),
        sum(score.forwards for score in scores) / len(scores),
        sum(score.milliseconds for score in scores) / len(scores),
    )


def _shape(folder: Path, config: TrainConfig) -> dict[str, Any]:
    """Return the sizes of a model's network, larger by as much as a variant's is than the base's.

    Heads and width stay: the network computes what the smaller one does until it is trained.
    """
    network = NetworkConfig.from_json(read_config(folder))
    return {
        "width": network.hidden_size,
        "layers": network.num_hidden_layers + config.layers - BASE.layers,
        "heads": network.num_attention_heads,
        "key_value_heads": network.num_key_value_heads,
        "feed_forward": network.intermediate_size * config.feed_forward // BASE.feed_forward,
    }


def table(rows: Sequence[Row], steps: int) -> Table:
    """Return the rows as a table."""
    shown = Table(title=f"{steps} steps each, validation packages, exact %")
    shown.add_column("variant", no_wrap=True)
    for column in (*KINDS, "mean", "forwards", "ms"):
        shown.add_column(column, justify="right")
    for row in rows:
        exact = [f"{100 * row.exact[kind]:.0f}" for kind in KINDS]
        costs = [f"{100 * row.mean:.1f}", f"{row.forwards:.1f}", f"{row.milliseconds:.0f}"]
        shown.add_row(row.variant, *exact, *costs)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the variants and print what came of them."""
    parser = argparse.ArgumentParser(prog="copydecode.training.ablations", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("runs/corpus"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"), metavar="DIR")
    parser.add_argument("--init", type=Path, metavar="DIR", help="begin with a model's weights")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--cases", type=int, default=60, metavar="N", help="of each kind")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, metavar="VARIANT")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    console = Console(stderr=True)
    corpus.fetch(args.corpus, ("train", "validation"))
    files, held_out = (corpus.read(args.corpus, split) for split in ("train", "validation"))
    material = Material(files, held_out, draw(held_out, args.cases))
    rows: list[Row] = []
    with Progress(console=console, transient=True) as progress:
        for variant in progress.track(args.only or list(VARIANTS), description="training"):
            config = replace(VARIANTS[variant], steps=args.steps)
            folder = args.out / variant.replace(" ", "-").replace(":", "")
            rows.append(run(variant, config, material, folder, args.init))
            lines = [asdict(row) for row in rows]
            (args.out / "ablations.json").write_text(json.dumps(lines, indent=2) + "\n", "utf-8")
    Console().print(table(rows, args.steps))
    return 0


def draw(files: Sequence[SourceFile], per_kind: int) -> list[Trial]:
    """Return trials of the kinds that are tried, on sheets as short as those practised."""
    maker = SheetMaker(files)
    trials = []
    for kind in KINDS:
        rng = Random(f"ablations/{kind}")
        for _ in range(per_kind):
            sheet = maker.draw(rng, rng.randint(8, 18), 1, {kind: 1.0})
            trials.append(evaluate.trial(kind, sheet, sheet.cases[0]))
    return trials


if __name__ == "__main__":
    sys.exit(main())
