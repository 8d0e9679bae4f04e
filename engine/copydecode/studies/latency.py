"""How many single decode steps does a located fix take, in a file of 100 lines?

Everyday misspellings, each in 100 lines of the standard library, are fixed once the document has
been read ahead, as the server does; between the edits single tokens are decoded behind as long a
prompt. So the two meet the same minutes of a busy machine, and their ratio says what an edit costs
on any. Knows nothing of how edits are decoded.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from copydecode.backends import threads
from copydecode.config import EngineConfig
from copydecode.decode.model import EmbeddedModel, Model
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.studies import everyday, shapes
from copydecode.studies.everyday import Everyday
from copydecode.studies.study import Column, Context, Report, Study, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 100
WITHIN = 25
"""A fix is to take no longer than so many steps (median)."""

_STEPS = 16  # Steps timed behind each edit.


def run(context: Context) -> Report:
    """Fix, and time steps."""
    subject = shapes.load(context.model)
    if isinstance(subject.model, EmbeddedModel) and context.options.threads is None:
        threads.choose(subject.model)
    engine = Engine.load(EngineConfig(model=context.model, threads=context.options.threads))
    made = everyday.cases(context.limit or 1, context.seed, LINES)
    cases = [(case, case.line) for case in made if case.line is not None]
    rows: list[dict[str, Any]] = []
    for case, line in context.track(cases, "fixes"):
        row = _fix(engine, case, Scope(line, line))
        if row is not None:
            row["step_ms"] = _step_ms(subject.model, int(row["prompt_tokens"]), subject.vocabulary)
            row["steps"] = row["ms"] / row["step_ms"]
            rows.append(row)
    ratios = sorted(row["steps"] for row in rows)
    p50, p95 = statistics.median(ratios), ratios[int(0.95 * (len(ratios) - 1))]
    exact = sum(row["exact"] for row in rows)

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot(ratios, [(k + 1) / len(ratios) for k in range(len(ratios))], drawstyle="steps")
        axis.axvline(WITHIN, linestyle="--", color="grey", label=f"{WITHIN} steps")
        axis.set(
            xlabel="decode steps that the fix takes", ylabel="share of the fixes", xlim=(0, None)
        )
        axis.legend()

    kept = ("ms", "step_ms", "steps", "forwards", "output_tokens")
    return Report(
        title=f"latency: {context.model}, {len(rows)} fixes in {LINES} lines, {exact} exact",
        columns=(
            Column("ms", "fix, ms", ",.1f"),
            Column("step_ms", "a decode step, ms", ",.2f"),
            Column("steps", "fix, in steps", ",.1f"),
            Column("forwards", "forwards", ",.1f"),
            Column("output_tokens", "tokens of the new text", ",.0f"),
        ),
        rows=rows,
        shown=[{key: statistics.median(row[key] for row in rows) for key in kept}],
        draw=draw,
        notes=(
            f"Medians; of {len(cases) - len(rows)} more there was no edit. A fix takes {p50:.1f} "
            f"steps (p95 {p95:.1f}); must stay within {WITHIN}.",
        ),
        figures={"steps_p50": p50, "steps_p95": p95, "exact": exact, "fixes": len(rows)},
    )


def _fix(engine: Engine, case: Everyday, scope: Scope) -> dict[str, Any] | None:
    """Read a document ahead, then time the fix; None where there is none."""
    engine.read_ahead(case.source, scope, name="latency")
    started = time.perf_counter()
    try:
        request = EditRequest(
            case.source, case.instruction, scope, "python", name="latency", self_check=True
        )
        result = engine.edit(request)
    except CopydecodeError:
        return None
    return {
        "ms": 1e3 * (time.perf_counter() - started),
        "exact": result.text == case.target,
        "forwards": result.receipt.forwards,
        "output_tokens": result.receipt.output_tokens,
        "prompt_tokens": result.receipt.prompt_tokens,
    }


def _step_ms(model: Model[Any], prefix: int, vocabulary: int) -> float:
    """Return the median milliseconds of a forward of one token behind a prefix."""
    cache = model.new_cache()
    tokens = [k % vocabulary for k in range(prefix + _STEPS)]
    model.forward(tokens[:prefix], cache, 0)
    times: list[float] = []
    for token in tokens[prefix:]:
        started = time.perf_counter()
        model.forward([token], cache, 1)
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)


STUDY = Study(
    name="latency",
    question="How many single decode steps does a located fix take?",
    run=run,
    limit="fixes",
    default_limit=100,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
