"""Whether memory stays flat over many edits of many documents.

The model edits chunks of the standard library one after the other, each under a name of its own, so
that the prefix cache fills and drops documents all the time. Resident memory is read now and then.
Knows nothing of what the engine keeps.
"""

from __future__ import annotations

import gc
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copydecode.config import EngineConfig
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import CopydecodeError
from copydecode.studies import everyday
from copydecode.studies.study import Column, Context, Report, Study, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 50
WARM_PART = 0.2
"""The rest is compared with the memory after this part of the edits: the prefix cache is full."""

_KINDS = 400  # Edits of each kind to draw from.


def run(context: Context) -> Report:
    """Edit, and read the resident memory."""
    count = context.limit or 1
    engine = Engine.load(EngineConfig(model=context.model, threads=context.options.threads or 1))
    cases = everyday.cases(_KINDS, context.seed)
    every = max(1, count // SAMPLES)
    rows: list[dict[str, Any]] = []
    failed = 0
    for index in context.track(range(1, count + 1), "edits"):
        case = cases[index % len(cases)]
        scope = None if case.line is None else Scope(case.line, case.line)
        name = str(index % len(cases))
        try:
            engine.edit(EditRequest(case.source, case.instruction, scope, "python", name=name))
        except CopydecodeError:
            failed += 1
        if index % every == 0 or index == count:
            gc.collect()
            rows.append({"edits": index, "mib": resident_bytes() / 2**20})
    start = next(row["mib"] for row in rows if row["edits"] >= WARM_PART * count)
    for row in rows:
        row["growth"] = row["mib"] / start - 1.0
    late = [row["growth"] for row in rows if row["edits"] >= WARM_PART * count]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot([row["edits"] for row in rows], [row["mib"] for row in rows])
        axis.axhspan(start, 1.05 * start, alpha=0.2, label="within 5 %")
        axis.set(xlabel="edits", ylabel="resident memory, MiB", ylim=(0, None))
        axis.legend()

    return Report(
        title=f"memory: {context.model}, {count} edits, {failed} failed",
        columns=(
            Column("edits", "edits", ",d"),
            Column("mib", "MiB", ",.1f"),
            Column("growth", "growth", "+.1%"),
        ),
        rows=rows,
        shown=[rows[k] for k in sorted({0, len(rows) // 4, len(rows) // 2, len(rows) - 1})],
        draw=draw,
        notes=(
            f"Growth is against the memory after {WARM_PART:.0%} of the edits; must stay within "
            f"5 %. At the end {late[-1]:+.1%}, at most {max(late):+.1%}.",
        ),
        figures={"growth_at_end": late[-1], "growth_at_most": max(late), "failed": failed},
    )


def resident_bytes() -> int:
    """Return this process's resident memory; its peak where the system does not tell more."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return pages * resource.getpagesize()


STUDY = Study(
    name="memory",
    question="Does memory stay flat over many edits?",
    run=run,
    limit="edits",
    default_limit=1000,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
