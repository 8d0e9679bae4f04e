"""Runs a model over pairs of texts, as a user would, and sums up how it did.

Text and instruction go in, new text comes out and is compared byte for byte. Knows nothing of how
the model was trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from copydecode.config import Limits
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, Program
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.training.evaluate import wilson
from copydecode.training.pairs import Pair
from copydecode.training.scoring import Share, Verdict, failures, joined, judge

LIMITS = Limits(max_new_tokens=1024, deadline_s=None)
"""By count alone: what a model can do is not to depend on how busy the machine is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one pair; forwards, tokens and seconds are the receipt's, 0 where it failed."""

    pair: Pair
    verdict: Verdict
    text: str | None
    written: Program | None
    error: str | None
    forwards: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Trials summed up: shares, failures by name, medians per edit of what gave one."""

    name: str
    exact: Share
    starts: Share
    ends: Share
    errors: int
    failures: dict[str, int]
    forwards: float
    output_tokens: float
    milliseconds: float


def run(engine: Engine, pair: Pair) -> Trial:
    """Let a model make one edit; an error counts as a miss."""
    document = Document(pair.request.text)
    gold = oracle(document, Document(pair.after))
    try:
        result = engine.edit(replace(pair.request, limits=LIMITS))
    except CopydecodeError as error:
        verdict = judge(gold, None, exact=False, changed=False)
        return Trial(pair, verdict, None, None, type(error).__name__, 0, 0, 0.0)
    verdict = judge(
        gold,
        result.program,
        exact=result.text == pair.after,
        changed=result.text != document.text,
    )
    receipt = result.receipt
    return Trial(
        pair,
        verdict,
        result.text,
        result.program,
        None,
        receipt.forwards,
        receipt.output_tokens,
        receipt.total_s,
    )


def summarise(name: str, trials: Sequence[Trial]) -> Summary:
    """Sum up some trials."""
    verdicts = [trial.verdict for trial in trials]
    ended = [trial for trial in trials if trial.error is None]

    def middle(values: Iterable[float]) -> float:
        return float(median(found)) if (found := list(values)) else 0.0

    return Summary(
        name=name,
        exact=Share(sum(v.exact for v in verdicts), len(verdicts)),
        starts=sum((v.starts for v in verdicts), Share(0, 0)),
        ends=sum((v.ends for v in verdicts), Share(0, 0)),
        errors=len(trials) - len(ended),
        failures=failures(verdicts),
        forwards=middle(t.forwards for t in ended),
        output_tokens=middle(t.output_tokens for t in ended),
        milliseconds=middle(1e3 * t.seconds for t in ended),
    )


def by_language(trials: Sequence[Trial]) -> list[Summary]:
    """Sum up all trials, and those of each language where there are several."""
    languages = sorted({trial.pair.request.language or "unnamed" for trial in trials})
    parts = [
        summarise(name, [t for t in trials if (t.pair.request.language or "unnamed") == name])
        for name in languages
    ]
    return [*parts, summarise("all", trials)] if len(parts) > 1 else parts


def as_json(summary: Summary) -> dict[str, Any]:
    """Return a summary as JSON values, each share with its 95 % Wilson interval."""
    shares = {"exact": summary.exact, "starts": summary.starts, "ends": summary.ends}
    return {
        "name": summary.name,
        **{name: _share(share) for name, share in shares.items()},
        "errors": summary.errors,
        "failures": summary.failures,
        "forwards": summary.forwards,
        "output_tokens": summary.output_tokens,
        "milliseconds": round(summary.milliseconds, 2),
    }


def case_json(trial: Trial, *, texts: bool) -> dict[str, Any]:
    """Return a trial as JSON values; text of documents and edits only with `texts`."""
    pair, verdict = trial.pair, trial.verdict
    gold = oracle(Document(pair.request.text), Document(pair.after))
    told: dict[str, Any] = {
        "id": pair.id,
        "language": pair.request.language,
        "exact": verdict.exact,
        "failure": None if verdict.failure is None else verdict.failure.value,
        "error": trial.error,
        "starts": [verdict.starts.hits, verdict.starts.n],
        "ends": [verdict.ends.hits, verdict.ends.n],
        "gold": _ops(gold),
        "written": None if trial.written is None else _ops(trial.written),
        "forwards": trial.forwards,
        "output_tokens": trial.output_tokens,
        "milliseconds": round(1e3 * trial.seconds, 2),
    }
    if texts:
        told |= {"before": pair.request.text, "instruction": pair.request.instruction}
        told |= {"after": pair.after, "text": trial.text}
    return told


def _share(share: Share) -> dict[str, float | int | None]:
    low, high = wilson(share.hits, share.n)
    return {"hits": share.hits, "n": share.n, "share": share.value, "low": low, "high": high}


def _ops(program: Program) -> list[str]:
    """Return the ops of a program without their text."""
    return [
        f"copy {op.first}-{op.last}" if isinstance(op, Copy) else "gen"
        for op in joined(program.line_ops)
    ]
