"""What sharing forwards brings where several edits are asked for at once.

Clients edit documents of their own, each asking for its next edit when it has the last one. The
same edits are made one after the other, taking turns forward by forward, and sharing forwards where
the measured cost says that it pays; with drafts, where an edit is a forward or two, and without,
where it is one a token. Every document is new to the engine that edits it. On one thread, seconds
are that thread's own, so that what else the machine does counts for no way. Knows nothing of how
forwards are shared.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from copydecode.backends.local import load
from copydecode.config import Decoding, EngineConfig
from copydecode.decode.together import Together
from copydecode.edits import EditRequest, EditResult, Scope
from copydecode.engine import Engine
from copydecode.errors import ContextTooLongError, EditStoppedError
from copydecode.studies import everyday
from copydecode.studies.everyday import Everyday
from copydecode.studies.study import Column, Context, Report, Study, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIENTS = (1, 2, 4, 8)
ROUNDS = 4
"""So often the ways take turns."""

ALONE, TURNS, SHARED = "one after the other", "taking turns", "sharing forwards"
WAYS = (ALONE, TURNS, SHARED)


@dataclass(slots=True)
class _Tally:
    """What one way did: seconds in all, those of each edit from its wish to its end, results.

    An edit that found no end has none.
    """

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    results: list[EditResult | None] = field(default_factory=list)


def run(context: Context) -> Report:
    """Let each number of clients make its edits in each way."""
    each = context.limit or 8
    half = each * len(CLIENTS) // 2
    every = everyday.cases(2 * half, context.seed)
    # Deletions from the first documents, misspellings from others.
    made = [case for pair in zip(every[:half], every[-half:], strict=True) for case in pair]
    threads = context.options.threads or 1
    rows: list[dict[str, Any]] = []
    for drafts in (True, False):
        engines = {way: _engine(context.model, threads, drafts=drafts) for way in WAYS}
        for index, clients in enumerate(CLIENTS):
            cases = made[index * each : (index + 1) * each]
            tallies = {way: _Tally() for way in WAYS}
            size = -(-each // ROUNDS)
            parts = [cases[at : at + size] for at in range(0, len(cases), size)]
            title = f"{clients} clients, {'with' if drafts else 'without'} drafts"
            for part in context.track(parts, title):
                for way, engine in engines.items():
                    _drive(engine, way, part, clients, tallies[way])
            rows += [_row(way, clients, drafts, tallies) for way in WAYS]

    def draw(figure: Figure) -> None:
        for axis, drafts in zip(figure.subplots(1, 2), (True, False), strict=True):
            for way in WAYS:
                mine = [row for row in rows if (row["way"], row["drafts"]) == (way, drafts)]
                places = [row["clients"] for row in mine]
                axis.plot(places, [row["mean_ms"] for row in mine], marker="o", label=way)
            axis.set(
                xlabel="clients",
                ylabel="ms from wish to edit, mean",
                ylim=(0, None),
                title="with drafts" if drafts else "without drafts",
            )
            axis.legend()

    return Report(
        title=f"together: {each} edits a way and number of clients, {threads} thread(s)",
        columns=(
            Column("way", "way"),
            Column("drafts", "drafts"),
            Column("clients", "clients"),
            Column("rate", "edits/s", ",.1f"),
            Column("gain", "to one after the other", ".2f"),
            Column("mean_ms", "mean ms", ",.0f"),
            Column("p90_ms", "90 % ms", ",.0f"),
            Column("forwards", "forwards an edit", ".1f"),
            Column("shared", "shared", ".0%"),
            Column("other", "other results"),
        ),
        rows=rows,
        draw=draw,
        notes=(
            "Forwards are those that an edit rides in, its prompt's left out; shared is the part "
            "of all its forwards that served others, too. Other results must be 0.",
        ),
    )


def _engine(model: str, threads: int, *, drafts: bool) -> Engine:
    config = EngineConfig(model=model, threads=threads, decoding=Decoding(drafts=drafts))
    engine = Engine(load(config), config)
    engine.warm()
    return engine


def _drive(
    engine: Engine, way: str, cases: Sequence[Everyday], clients: int, tally: _Tally
) -> None:
    """Let clients make the edits, each its next when its last is there."""
    together = engine.together() if way == SHARED else Together[EditResult](lambda *_: False)
    most = 1 if way == ALONE else clients
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    left, wished = deque(enumerate(cases)), deque[float]()
    found: dict[int, EditResult | None] = {}

    def ended(index: int, wish: float, future: Future[EditResult]) -> None:
        found[index] = None
        with suppress(EditStoppedError, ContextTooLongError):
            found[index] = future.result()
        tally.waits.append(clock() - wish)
        wished.append(clock())

    started = clock()
    wished += [started] * clients
    while left or together:
        if left and wished and len(together) < most:
            index, case = left.popleft()
            future: Future[EditResult] = Future()
            future.set_running_or_notify_cancel()
            future.add_done_callback(partial(ended, index, wished.popleft()))
            scope = None if case.line is None else Scope(case.line, case.line)
            together.add(
                engine.editing(EditRequest(case.source, case.instruction, scope, "python")), future
            )
        else:
            together.step()
    tally.seconds += clock() - started
    tally.results += [found[index] for index in range(len(cases))]


def _row(way: str, clients: int, drafts: bool, tallies: dict[str, _Tally]) -> dict[str, Any]:  # noqa: FBT001  # a row's value
    mine, alone = tallies[way], tallies[ALONE]
    receipts = [result.receipt for result in mine.results if result is not None]
    # A prompt that is new takes one forward at least: which others it had is not on the receipt.
    forwards = sum(receipt.forwards for receipt in receipts)
    return {
        "way": way,
        "drafts": drafts,
        "clients": clients,
        "rate": len(mine.results) / mine.seconds,
        "gain": alone.seconds / mine.seconds,
        "mean_ms": 1e3 * statistics.mean(mine.waits),
        "p90_ms": 1e3 * statistics.quantiles(mine.waits, n=10)[-1],
        "forwards": forwards / len(receipts),
        "shared": sum(receipt.shared_forwards for receipt in receipts) / (forwards + len(receipts)),
        "other": sum(
            (one and one.program) != (other and other.program)
            for one, other in zip(mine.results, alone.results, strict=True)
        ),
    }


STUDY = Study(
    name="together",
    question="What does sharing forwards bring where several edits are asked for at once?",
    run=run,
    limit="edits a way and number of clients",
    default_limit=48,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
