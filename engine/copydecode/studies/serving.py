"""What a program saves on a model server, against the full text from the same server, under load.

Clients edit documents of their own, each asking for its next edit when it has the last one. Three
ways take turns on the same edits: programs by the server; the full new text by the server, from the
same prompt, as many tokens as the right text has and whatever they are, since no model has to know
how to write it for the time that it takes; and programs by a local engine, whose forwards the
clients share. A document is new to a way each time. Seconds are those of the clock: server and
clients share the machine, where it is one. Knows nothing of how requests are made.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from copydecode.backends import vllm
from copydecode.config import EngineConfig
from copydecode.decode.forwards import Forwards, Pause
from copydecode.decode.together import Together
from copydecode.edit.document import Document
from copydecode.engine import EditRequest, EditResult, Engine, Scope
from copydecode.errors import ContextTooLongError, EditStoppedError
from copydecode.studies import everyday
from copydecode.studies.everyday import Everyday
from copydecode.studies.study import Column, Context, Report, Study, main, positive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIENTS = (1, 4, 16)
ROUNDS = 4
"""So often the ways take turns at most."""

PROGRAM, FULL, LOCAL = "program, server", "full text, server", "program, local"
WAYS = (PROGRAM, FULL, LOCAL)

Edit = Callable[[Everyday], Forwards[EditResult | None]]


@dataclass(slots=True)
class _Tally:
    """What one way did: seconds in all, those of each edit from its wish to its end, results."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    results: list[tuple[Everyday, EditResult | None]] = field(default_factory=list)


def run(context: Context) -> Report:
    """Let each number of clients make its edits in each way."""
    each = context.limit or len(CLIENTS)
    config = EngineConfig(
        model=context.model,
        threads=context.options.threads or 1,
        remote_url=context.options.url,
        remote_model=context.options.served,
    )
    backend = vllm.load(config)
    server = Engine(backend, config)
    local = Engine.load(EngineConfig(model=context.model, threads=config.threads))
    ways: dict[str, Edit] = {
        PROGRAM: lambda case: server.editing(_request(case)),
        FULL: lambda case: _full_text(backend, case),
        LOCAL: lambda case: local.editing(_request(case)),
    }
    every = everyday.cases(each * len(context.options.clients), context.seed)
    kinds = sorted({case.kind for case in every})
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        known = [case for case in every if case.kind == kind]
        for index, clients in enumerate(context.options.clients):
            cases = known[index * each : (index + 1) * each]
            tallies = {way: _Tally() for way in WAYS}
            size = max(-(-len(cases) // ROUNDS), 2 * clients)  # So that all clients have one.
            parts = [cases[at : at + size] for at in range(0, len(cases), size)]
            for part in context.track(parts, f"{kind}, {clients} clients"):
                for way, edit in ways.items():
                    _drive(edit, part, clients, tallies[way])
            rows += [_row(kind, way, clients, tallies) for way in WAYS]

    def draw(figure: Figure) -> None:
        for axis, kind in zip(figure.subplots(1, len(kinds)), kinds, strict=True):
            for way in WAYS:
                mine = [row for row in rows if (row["kind"], row["way"]) == (kind, way)]
                places = [row["clients"] for row in mine]
                axis.plot(places, [row["mean_ms"] for row in mine], marker="o", label=way)
            axis.set(xlabel="clients", ylabel="ms from wish to edit, mean", title=kind)
            axis.legend()

    return Report(
        title=f"serving: {each} edits a kind, way and number of clients",
        columns=(
            Column("kind", "kind"),
            Column("way", "way"),
            Column("clients", "clients"),
            Column("rate", "edits/s", ",.1f"),
            Column("mean_ms", "mean ms", ",.0f"),
            Column("p50_ms", "50 % ms", ",.0f"),
            Column("p95_ms", "95 % ms", ",.0f"),
            Column("gain", "mean of full text by it", ".2f"),
            Column("requests", "requests", ".1f"),
            Column("written", "tokens written", ",.0f"),
            Column("cached", "of those sent, cached", ".0%"),
            Column("exact", "exact", ".0%"),
        ),
        rows=rows,
        draw=draw,
        notes=(
            "Full text is as many tokens as the right text has, whatever they are: it has no exact "
            "match. Tokens written are those that the server decoded.",
        ),
    )


def _request(case: Everyday) -> EditRequest:
    scope = None if case.line is None else Scope(case.line, case.line)
    return EditRequest(case.source, case.instruction, scope, "python", name=secrets.token_hex(8))


def _full_text(backend: vllm.RemoteBackend, case: Everyday) -> Forwards[None]:
    """Have the server write as many tokens as the new text has, behind the edit's prompt."""
    scope = None if case.line is None else (case.line, case.line)
    prompt = backend.prompts.build(Document(case.source), case.instruction, scope, "python")
    codec = backend.writing.literals.codec
    target = Document(case.target)
    length = sum(len(codec.encode(line)) for line in target.text.splitlines(keepends=True))
    stream = backend.wire.complete(
        {
            "model": backend.server.model,
            "prompt": prompt.tokens,
            "max_tokens": length,
            "ignore_eos": True,
            "temperature": 0,
            "return_token_ids": True,
            "cache_salt": secrets.token_hex(8),
        }
    )
    while not stream.ended:
        yield Pause(lambda: stream.ready, lambda: None)
        while stream.take() is not None:
            pass
        if not stream.ended:
            backend.wire.wait(vllm.WAIT_S)
    backend.wire.forget(stream)
    if stream.failure is not None:
        raise stream.failure


def _drive(edit: Edit, cases: Sequence[Everyday], clients: int, tally: _Tally) -> None:
    """Let clients make the edits, each its next when its last is there."""
    together = Together[EditResult | None](lambda tokens, more: tokens + more <= _WIDEST)
    left, wished = deque(cases), deque[float]()

    def ended(case: Everyday, wish: float, future: Future[EditResult | None]) -> None:
        result = None
        with suppress(EditStoppedError, ContextTooLongError):
            result = future.result()
        tally.results.append((case, result))
        tally.waits.append(time.perf_counter() - wish)
        wished.append(time.perf_counter())

    started = time.perf_counter()
    wished += [started] * clients
    while left or together:
        if left and wished and len(together) < clients:
            case = left.popleft()
            future: Future[EditResult | None] = Future()
            future.set_running_or_notify_cancel()
            future.add_done_callback(partial(ended, case, wished.popleft()))
            together.add(edit(case), future)
        else:
            together.step()
    tally.seconds += time.perf_counter() - started


_WIDEST = 128  # The widest forward that decodes share: as `decode/cost` measures.


def _row(kind: str, way: str, clients: int, tallies: dict[str, _Tally]) -> dict[str, Any]:
    mine = tallies[way]
    receipts = [result.receipt for _, result in mine.results if result is not None]
    known = [receipt for receipt in receipts if receipt.cached_tokens is not None]
    sent = sum(receipt.sent_tokens for receipt in known)
    mean = statistics.mean(mine.waits)
    exact = [result is not None and result.text == case.target for case, result in mine.results]
    programs = way != FULL
    return {
        "kind": kind,
        "way": way,
        "clients": clients,
        "rate": len(mine.results) / mine.seconds,
        "mean_ms": 1e3 * mean,
        "p50_ms": 1e3 * statistics.median(mine.waits),
        "p95_ms": 1e3 * statistics.quantiles(mine.waits, n=20)[-1],
        "gain": statistics.mean(tallies[FULL].waits) / mean,
        "requests": statistics.mean(r.requests for r in receipts) if programs else 1.0,
        "written": statistics.mean(r.generated_tokens for r in receipts) if programs else None,
        "cached": sum(r.cached_tokens or 0 for r in known) / sent if sent else None,
        "exact": statistics.mean(exact) if programs else None,
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the model server")
    parser.add_argument("--served", metavar="NAME", help="what it calls the model")
    parser.add_argument(
        "--clients", nargs="+", type=positive, default=list(CLIENTS), metavar="N", help="at once"
    )


STUDY = Study(
    name="serving",
    question="What does a program save on a model server under load?",
    run=run,
    limit="edits a kind, way and number of clients",
    default_limit=48,
    add_options=_add_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
