"""What fewer bits a weight cost: exact edits of one model, its weights rounded to some formats.

`python -m copydecode.training.precision --corpus DIR [--model DIR]` rounds each matrix as a format
would hold it, and tries the model through the engine on validation packages, without lenience: what
the weights know is compared. Integers are symmetric, with a scale in 16 bits for each row or each
group of a row (Dettmers et al., arXiv 2110.02861, quantise in blocks like this). Times are not
compared: the arithmetic stays the same, `copydecode.studies.runtime` measures that of formats.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from safetensors.torch import load_file, save_file
from torch import Tensor

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import Decoding, EngineConfig, Limits
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.training import corpus, evaluate
from copydecode.training.evaluate import Trial

_LIMITS = Limits(max_new_tokens=400)
_SCALE_BITS = 16


@dataclass(frozen=True, slots=True)
class Format:
    """How a matrix is held: `bits` for each weight, and a scale for each `group` of a row.

    Without a group the scale is for the row; without bits weights stay as they are saved.
    """

    name: str
    bits: int | None = None
    group: int | None = None

    def rounded(self, weight: Tensor) -> Tensor:
        """Return a matrix `[rows, columns]` as the format holds it, in its own type.

        Raises:
            ValueError: the columns are no multiple of the group.
        """
        if self.bits is None:
            return weight
        rows, columns = weight.shape
        group = self.group or columns
        if columns % group:
            message = f"expected columns in groups of {group}, got {columns}"
            raise ValueError(message)
        blocks = weight.float().view(rows, columns // group, group)
        most = 2 ** (self.bits - 1) - 1
        scale = (blocks.abs().amax(dim=-1, keepdim=True) / most).half().float()
        whole = (blocks / scale.clamp_min(torch.finfo(torch.float16).tiny)).round()
        held: Tensor = whole.clamp(-most, most) * scale
        return held.view(rows, columns).to(weight.dtype)

    def bytes_of(self, weight: Tensor) -> float:
        """Return what a matrix takes."""
        if self.bits is None:
            return weight.numel() * weight.element_size()
        scales = weight.numel() / (self.group or weight.shape[1])
        return (weight.numel() * self.bits + scales * _SCALE_BITS) / 8


FORMATS = (
    Format("as saved"),
    Format("int8, a scale a row", 8),
    Format("int6, a scale a row", 6),
    Format("int6, groups of 64", 6, 64),
    Format("int4, groups of 32", 4, 32),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a format: its size in MB, exact edits, and those that are like the first's."""

    name: str
    megabytes: float
    exact: float
    same: float


def compare(
    model: Path, trials: Sequence[Trial], formats: Sequence[Format], progress: Progress
) -> list[Row]:
    """Return what comes of each format; the first one is what the others are compared to."""
    rows: list[Row] = []
    first: list[str] = []
    for form in progress.track(formats, description="formats"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            size = _write(model, folder, form)
            config = EngineConfig(
                model=name, threads=1, limits=_LIMITS, decoding=Decoding(lenience=0.0)
            )
            engine = Engine.load(config)
            texts = [
                _edited(engine, trial) for trial in progress.track(trials, description=form.name)
            ]
        first = first or texts
        exact = sum(t == trial.target for t, trial in zip(texts, trials, strict=True))
        same = sum(a == b for a, b in zip(texts, first, strict=True))
        rows.append(Row(form.name, size / 1e6, exact / len(trials), same / len(trials)))
    return rows


def _edited(engine: Engine, trial: Trial) -> str:
    """Return the text that comes out, or the name of the error."""
    try:
        return engine.edit(trial.request).text
    except CopydecodeError as error:
        return type(error).__name__


def _write(model: Path, folder: Path, form: Format) -> float:
    """Write the model with rounded matrices; return the bytes that the format takes."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        if (model / name).exists():
            shutil.copy(model / name, folder)
    weights: Mapping[str, Tensor] = load_file(model / "model.safetensors")
    held = {n: form.rounded(w) if w.ndim == 2 else w for n, w in weights.items()}  # noqa: PLR2004  # a matrix
    save_file(
        {name: weight.contiguous() for name, weight in held.items()}, folder / "model.safetensors"
    )
    return sum(
        form.bytes_of(w) if w.ndim == 2 else w.numel() * w.element_size()  # noqa: PLR2004  # a matrix
        for w in weights.values()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the formats and print what came of them."""
    parser = argparse.ArgumentParser(prog="copydecode.training.precision", description=__doc__)
    parser.add_argument("--model", type=Path, default=EMBEDDED_FOLDER, metavar="DIR")
    parser.add_argument("--corpus", type=Path, default=Path("runs/corpus"), metavar="DIR")
    parser.add_argument("--cases", type=int, default=20, metavar="N", help="of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    corpus.fetch(args.corpus, ("validation",))
    trials = [*evaluate.draw_trials(corpus.read(args.corpus, "validation"), args.cases, 0)]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        rows = compare(args.model, trials, FORMATS, progress)
    shown = Table(title=f"{len(trials)} validation edits, without lenience")
    shown.add_column("weights", no_wrap=True)
    for column in ("MB", "exact %", "as the first %"):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(
            row.name, f"{row.megabytes:.1f}", f"{100 * row.exact:.1f}", f"{100 * row.same:.1f}"
        )
    Console().print(shown)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
