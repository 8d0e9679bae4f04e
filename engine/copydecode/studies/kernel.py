"""What does a block of N tokens cost against N decodes?

The kernel of the paper's bounds is `s(N) = T_AR(N) / T_prefill(N)`: N decode steps against one
forward that appends N tokens to the same cache. The other way to read the same times is what one
wider forward costs in decodes: a draft of N tokens pays where more than that many are accepted.
A splice needs the logits of its last position only, a draft those of every position: both are
timed. Repeats are interleaved, so that a slow minute hits all lengths alike, and medians are taken.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from copydecode.backends import threads
from copydecode.decode.cache import Cache
from copydecode.decode.model import EmbeddedModel, Model
from copydecode.errors import ConfigError
from copydecode.studies import paper, shapes
from copydecode.studies.cover import Curve
from copydecode.studies.study import Column, Context, Report, Row, Study, main, positive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 512
_CHUNK = 512  # Tokens per forward of the prefix.


def lengths(limit: int) -> list[int]:
    """Return the powers of two up to a limit."""
    return [1 << power for power in range(limit.bit_length())]


def measure(context: Context, model: Model[Any], vocabulary: int, prefix: int) -> list[Row]:
    """Time blocks and decodes behind a prefix of random tokens.

    Args:
        context: for the repeats, the longest block (`limit`) and the progress bar.
        model: what is timed.
        vocabulary: how many ids it knows.
        prefix: tokens in the cache before each block.

    Returns:
        A row for each N: `decodes_ms` for N decodes one after the other, `splice_ms` and `draft_ms`
        for one forward of N tokens with the last or all logits, medians in milliseconds; `speed_up`
        is s(N), `splice_cost` and `draft_cost` are in decodes.
    """
    repeats: int = context.options.repeats
    longest = min(context.limit or LONGEST, model.context - prefix)
    counts = lengths(longest)
    generator = torch.Generator().manual_seed(context.seed)
    tokens: list[int] = torch.randint(vocabulary, (prefix + longest,), generator=generator).tolist()
    cache = model.new_cache()
    for at in range(0, prefix, _CHUNK):
        model.forward(tokens[at : min(at + _CHUNK, prefix)], cache, 0)
    text = tokens[prefix:]
    decodes: list[list[float]] = [[] for _ in range(counts[-1])]
    splices: dict[int, list[float]] = {n: [] for n in counts}
    drafts: dict[int, list[float]] = {n: [] for n in counts}
    for n in counts:  # Every shape once, unmeasured: kernels are chosen or compiled then.
        for last in (1, n):
            cache.crop(prefix)
            _time(model, cache, text[:n], last)
    for _ in context.track(range(repeats), f"{context.model}, prefix {prefix}"):
        for n in counts:
            for last, times in ((1, splices), (n, drafts)):
                cache.crop(prefix)
                times[n].append(_time(model, cache, text[:n], last))
        cache.crop(prefix)
        for at in range(counts[-1]):
            decodes[at].append(_time(model, cache, text[at : at + 1], 1))
    steps = [statistics.median(times) for times in decodes]
    one = statistics.median(steps[: min(16, len(steps))])
    return [
        {
            "prefix": prefix,
            "tokens": n,
            "decodes_ms": 1e3 * sum(steps[:n]),
            "splice_ms": 1e3 * statistics.median(splices[n]),
            "draft_ms": 1e3 * statistics.median(drafts[n]),
            "speed_up": sum(steps[:n]) / statistics.median(splices[n]),
            "splice_cost": statistics.median(splices[n]) / one,
            "draft_cost": statistics.median(drafts[n]) / one,
        }
        for n in counts
    ]


def read_curve(path: Path) -> Curve:
    """Return s(N) from the `kernel.json` of a run, at its longest prefix.

    Raises:
        ConfigError: the file is not what this study writes.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        longest = max(row["prefix"] for row in rows)
        return Curve({row["tokens"]: row["speed_up"] for row in rows if row["prefix"] == longest})
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"expected the result of the kernel study in {path}: {error!r}"
        raise ConfigError(message) from error


def run(context: Context) -> Report:
    """Time one model."""
    device = torch.device(context.options.device) if context.options.device else None
    if device and device.type == "cuda" and not torch.cuda.is_available():
        message = "expected a GPU for --device cuda, found none that torch can use"
        raise ConfigError(message)
    subject = shapes.load(context.model, device)
    if isinstance(subject.model, EmbeddedModel) and context.options.threads is None:
        threads.choose(subject.model)
    prefixes: Sequence[int] = context.options.prefix
    if max(prefixes) >= subject.model.context:
        message = (
            f"expected prefixes below the model's context of {subject.model.context} tokens, "
            f"got {max(prefixes)}"
        )
        raise ConfigError(message)
    rows = [
        row
        for prefix in prefixes
        for row in measure(context, subject.model, subject.vocabulary, prefix)
    ]
    millions = subject.parameters / 1e6
    weights = "random weights" if subject.random else "its own weights"
    title = (
        f"kernel: {subject.name}, {millions:,.1f}M parameters, {weights}, "
        f"{subject.model.device}, {torch.get_num_threads()} threads"
    )

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for prefix in prefixes:
            mine = [row for row in rows if row["prefix"] == prefix]
            xs = [row["tokens"] for row in mine]
            left.plot(xs, [row["speed_up"] for row in mine], "o-", label=f"prefix {prefix}")
            right.plot(xs, [row["splice_cost"] for row in mine], "o-", label=f"splice, {prefix}")
            right.plot(xs, [row["draft_cost"] for row in mine], "s--", label=f"draft, {prefix}")
        for name, points in paper.KERNEL.items():
            left.plot(list(points), list(points.values()), "k*", label=f"paper, {name[8:]}, A100")
        left.set(xscale="log", yscale="log", xlabel="N", title="s(N): N decodes / one forward of N")
        right.set(xscale="log", yscale="log", xlabel="N", title="one forward of N, in decodes")
        left.legend(fontsize="small")
        right.legend(fontsize="small")
        figure.suptitle(title, fontsize="medium")

    return Report(
        title=title,
        columns=(
            Column("prefix", "prefix"),
            Column("tokens", "N"),
            Column("decodes_ms", "N decodes, ms", ",.2f"),
            Column("splice_ms", "one forward (splice), ms", ",.2f"),
            Column("draft_ms", "with all logits (draft), ms", ",.2f"),
            Column("speed_up", "s(N)", ".1f"),
            Column("splice_cost", "splice, in decodes", ".2f"),
            Column("draft_cost", "draft, in decodes", ".2f"),
        ),
        rows=rows,
        draw=draw,
        notes=(
            f"Medians of {context.options.repeats} repeats. The paper, A100, bf16, prefix 1024: "
            "s(8) = 6.8 (7B), 7.0 (1.5B); s(512) = 90.5 (7B), 303 (1.5B).",
        ),
        paper=[
            {"model": model, "tokens": n, "speed_up": s}
            for model, points in paper.KERNEL.items()
            for n, s in points.items()
        ],
        figures={
            "model": subject.name,
            "parameters": subject.parameters,
            "random": subject.random,
            "device": str(subject.model.device),
        },
    )


def _time(model: Model[Any], cache: Cache, block: Sequence[int], last: int) -> float:
    """Return the seconds of one forward."""
    _wait(model.device)
    started = time.perf_counter()
    model.forward(block, cache, last)
    _wait(model.device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", type=positive, nargs="+", default=[512, 1024], metavar="N")
    parser.add_argument("--repeats", type=positive, default=5, metavar="N")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(default: the GPU, if any)")
    parser.epilog = f"M may also be a shape with random weights: {', '.join(shapes.SHAPES)}."


STUDY = Study(
    name="kernel",
    question="What does a block of N tokens cost against N decodes?",
    run=run,
    limit="tokens in the longest block",
    default_limit=LONGEST,
    add_options=_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
