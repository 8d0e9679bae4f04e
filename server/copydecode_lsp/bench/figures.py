"""From samples to figures: percentiles, exact match, comparison, memory. As JSON; times in ms."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from copydecode_lsp.bench.run import Configuration, Results, Sample
from copydecode_lsp.bench.statistics import PERCENTILES, percentile, proportion, ratio

TIMES = {
    "list": "listing the code actions",
    "edit": "edit",
    "edit_cold": "edit, document not in the cache",
    "edit_warm": "edit, document in the cache",
    "apply": "applying, by the client",
    "cancel": "from a cancel to its answer",
}
"""The kinds of durations, and what people call them."""

COUNTS = (
    "forwards",
    "requests",
    "generated_tokens",
    "output_tokens",
    "prompt_tokens",
    "reused_tokens",
    "hunks",
)
"""What is taken from receipts."""

SETTLED_S, TAIL_S = (120.0, 180.0), 120.0
"""Memory is flat where its mean in these seconds is that of the last `TAIL_S`."""


def durations(samples: Iterable[Sample], kind: str) -> list[float]:
    """Return the durations of a kind of `TIMES`, in seconds."""
    match kind:
        case "list":
            found = [sample.list_s for sample in samples]
        case "apply":
            found = [sample.apply_s for sample in samples]
        case "cancel":
            found = [sample.cancel_s for sample in samples]
        case "edit":
            found = [sample.edit_s for sample in samples]
        case _:
            warm = kind == "edit_warm"
            found = [sample.edit_s for sample in samples if sample.warm is warm]
    return [value for value in found if value is not None]


def summary(results: Results, configurations: Sequence[Configuration]) -> dict[str, Any]:
    """Return all figures; null where nothing was measured.

    Edits a second are null for two configurations: they take turns.
    """
    figures = [_of_configuration(results, configuration) for configuration in configurations]
    if len(figures) == 1:
        figures[0]["edits_per_second"] = _rate(results.samples)
    report: dict[str, Any] = {
        "configurations": figures,
        "samples": [_of_sample(sample) for sample in results.samples],
    }
    if len(configurations) > 1:
        first, second = (configuration.name for configuration in configurations)
        report["comparison"] = {
            kind: _compared(results.samples, kind, first, second) for kind in TIMES
        }
    return report


def _of_configuration(results: Results, configuration: Configuration) -> dict[str, Any]:
    samples = [s for s in results.samples if s.configuration == configuration.name]
    starts = [s for s in results.starts if s.configuration == configuration.name]
    ready = [start.ready_s for start in starts if start.ready_s is not None]
    judged = [sample.exact for sample in samples if sample.exact is not None]
    exact = proportion(sum(judged), len(judged))
    receipts = [sample.receipt for sample in samples if sample.receipt]
    return {
        **asdict(configuration),
        "edits": sum(sample.edit_s is not None or sample.apply_s is not None for sample in samples),
        "failures": [
            f"{sample.document}: {sample.failure.message}" for sample in samples if sample.failure
        ],
        "edits_per_second": None,
        "initialize_ms": _ms(_mean([start.initialize_s for start in starts])),
        "model_ready_ms": _ms(_mean(ready)),
        "times_ms": {kind: _percentiles(durations(samples, kind)) for kind in TIMES},
        "per_edit": {
            name: _number(_mean([float(receipt[name]) for receipt in receipts])) for name in COUNTS
        },
        "exact": None
        if not judged
        else {
            "share": _number(exact[0], 4),
            "low": _number(exact[1], 4),
            "high": _number(exact[2], 4),
            "of": len(judged),
        },
        "memory": _of_memory(
            [(s, held) for name, _, s, held in results.memory if name == configuration.name]
        ),
    }


def _rate(samples: Sequence[Sample]) -> float | None:
    """Return how many edits a second all clients had, from the first wish to the last edit."""
    made = [s for s in samples if s.edit_s is not None or s.apply_s is not None]
    if not made:
        return None
    seconds = max(s.ended for s in made) - min(s.begun for s in made)
    return _number(len(made) / seconds) if seconds > 0 else None


def _of_memory(held: Sequence[tuple[float, int]]) -> dict[str, Any] | None:
    """Return the servers' mean memory in MiB: all through, settled, and at the end.

    `growth` is that from the settled part to the end, null for runs too short to tell.
    """
    if not held:
        return None
    end = max(second for second, _ in held)
    settled = [b for second, b in held if SETTLED_S[0] <= second < SETTLED_S[1]]
    tail = [b for second, b in held if second >= max(SETTLED_S[1], end - TAIL_S)]
    growth = fmean(tail) / fmean(settled) - 1 if settled and tail else math.nan
    return {
        "mean_mib": _number(_mean([b / 2**20 for _, b in held])),
        "settled_mib": _number(_mean([b / 2**20 for b in settled])),
        "last_mib": _number(_mean([b / 2**20 for b in tail])),
        "growth": _number(growth, 4),
    }


def _compared(
    samples: Iterable[Sample], kind: str, first: str, second: str
) -> dict[str, float] | None:
    """Return how the second compares to the first in the edits that both made."""
    found: dict[tuple[object, ...], dict[str, float]] = defaultdict(dict)
    for sample in samples:
        where = (sample.document, sample.place, sample.client, sample.round)
        for value in durations([sample], kind):
            found[where][sample.configuration] = value
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for (document, place, *_), values in found.items():
        if first in values and second in values:
            groups[f"{document} {place}"].append((values[first], values[second]))
    compared = ratio(groups)
    return None if compared is None else asdict(compared)


def _of_sample(sample: Sample) -> dict[str, Any]:
    return {
        "configuration": sample.configuration,
        "document": sample.document,
        "place": sample.place,
        "task": sample.task,
        "client": sample.client,
        "round": sample.round,
        "list_ms": _ms(sample.list_s),
        "edit_ms": _ms(sample.edit_s),
        "apply_ms": _ms(sample.apply_s),
        "cancel_ms": _ms(sample.cancel_s),
        "warm": sample.warm,
        "exact": sample.exact,
        "forwards": (sample.receipt or {}).get("forwards"),
        "failure": sample.failure.message if sample.failure else None,
    }


def _percentiles(values: Sequence[float]) -> dict[str, float | int | None]:
    return {f"p{p}": _ms(percentile(values, p)) for p in PERCENTILES} | {"n": len(values)}


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else math.nan


def _ms(value: float | None) -> float | None:
    return None if value is None else _number(value * 1000)


def _number(value: float, digits: int = 2) -> float | None:
    return None if math.isnan(value) else round(value, digits)
