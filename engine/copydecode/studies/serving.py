"""What a program saves on a model server, against the full text from the same server, under load.

Clients edit documents of their own, each asking for its next edit when it has the last one. Three
ways take turns on the same edits: programs by the server; the full new text by the server, from the
same prompt, as many tokens as the right text has and whatever they are, since no model has to know
how to write it for the time that it takes; and programs by a local engine, whose forwards the
clients share. A document is new to a way each time. Seconds are those of the clock: server and
clients share the machine, where it is one.

With `--gold` a grammar makes the full text the right one: a server that speculates then guesses as
it would for a model that knows how to write it.

Everyday edits are what the model makes of them. In corpora, whose edits a small model cannot make,
server and local engine are made to write the gold (`forced`, `drives`). Knows nothing of how
requests are made.
"""

from __future__ import annotations

import argparse
import random
import secrets
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copydecode.backends import local, model_server
from copydecode.backends.elsewhere import WAIT_S
from copydecode.backends.one_op import exactly
from copydecode.backends.remote import COMPLETIONS
from copydecode.config import EMBEDDED, EngineConfig
from copydecode.decode.cost import measure
from copydecode.decode.forwards import Forwards, Pause
from copydecode.decode.guess import Odds
from copydecode.decode.model import EmbeddedModel
from copydecode.decode.receipt import Receipt
from copydecode.decode.together import Together
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import Document
from copydecode.edits import EditRequest, Scope
from copydecode.engine import Engine
from copydecode.errors import ContextTooLongError, EditStoppedError
from copydecode.studies import corpora, everyday
from copydecode.studies.drives import Driver, prepare
from copydecode.studies.drives import Edit as GoldEdit
from copydecode.studies.everyday import Everyday
from copydecode.studies.forced import ForcedBackend, gold_prompt
from copydecode.studies.study import Column, Context, Report, Study, main, positive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIENTS = (1, 4, 16, 32)
ROUNDS = 3
"""So often the ways take turns."""

EVERYDAY = "everyday"
PROGRAM, FULL, LOCAL = "program, server", "full text, server", "program, local"
WAYS = (PROGRAM, FULL, LOCAL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an edit ended: its receipt, None where it has none, and whether it is the gold."""

    receipt: Receipt | None
    exact: bool | None = None


Edit = Callable[[], Forwards[Outcome]]
Subject = Mapping[str, Edit]
"""One edit, in each of the ways."""


@dataclass(slots=True)
class _Tally:
    """What one way did in a round: seconds in all, those of each edit from its wish to its end."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """The mean time of an edit, in seconds."""
        return statistics.mean(self.waits)


def run(context: Context) -> Report:
    """Let each number of clients make its edits in each way."""
    options = context.options
    config = EngineConfig(
        model=context.model,
        threads=options.threads or 1,
        remote_url=options.url,
        remote_model=options.served,
    )
    backend = model_server.load(config)
    kinds = dict(_everyday(context, backend, config)) if EVERYDAY in options.corpora else {}
    names = [name for name in options.corpora if name != EVERYDAY]
    if names:
        kinds |= _gold(context, backend, names)
    rows: list[dict[str, Any]] = []
    for kind, subjects in kinds.items():
        endless = cycle(subjects)
        for clients in options.clients:
            size = max(-(-(context.limit or len(subjects)) // ROUNDS), 2 * clients)
            rounds = [list(islice(endless, size)) for _ in range(ROUNDS)]
            tallies: dict[str, list[_Tally]] = {way: [] for way in WAYS}
            for turn, part in enumerate(context.track(rounds, f"{kind}, {clients} clients")):
                for way in (*WAYS[turn % len(WAYS) :], *WAYS[: turn % len(WAYS)]):
                    tallies[way].append(_drive([subject[way] for subject in part], clients))
            rows += [_row(kind, way, clients, tallies) for way in WAYS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(kinds), squeeze=False)[0]
        for axis, kind in zip(axes, kinds, strict=True):
            for way in WAYS:
                mine = [row for row in rows if (row["kind"], row["way"]) == (kind, way)]
                places = [row["clients"] for row in mine]
                axis.plot(places, [row["mean_ms"] for row in mine], marker="o", label=way)
            axis.set(xlabel="clients", ylabel="ms from wish to edit, mean", title=kind)
            axis.legend()

    return Report(
        title=f"serving: {', '.join(kinds)}",
        columns=(
            Column("kind", "kind"),
            Column("way", "way"),
            Column("clients", "clients"),
            Column("edits", "edits"),
            Column("rate", "edits/s", ",.1f"),
            Column("mean_ms", "mean ms", ",.0f"),
            Column("p50_ms", "50 % ms", ",.0f"),
            Column("p95_ms", "95 % ms", ",.0f"),
            Column("gain", "mean of full text by it", ".2f"),
            Column("least_gain", "in the worst round", ".2f"),
            Column("requests", "requests", ".1f"),
            Column("written", "tokens written", ",.0f"),
            Column("cached", "of those sent, cached", ".0%"),
            Column("exact", "exact", ".0%"),
        ),
        rows=rows,
        draw=draw,
        notes=(
            "Full text is as many tokens as the right text has, whatever they are, or with --gold "
            "these: it has no exact match. Tokens written are those that the server decoded. In "
            "corpora both server and local engine are made to write the gold; cases that do not "
            "fit the context are left out.",
        ),
    )


def _everyday(
    context: Context, backend: model_server.RemoteBackend, config: EngineConfig
) -> Iterator[tuple[str, list[Subject]]]:
    """Yield the kinds of everyday edits, as the model makes them."""
    server = Engine(backend, config)
    # Without a cache of documents: each is edited more than once, and is to be new each time.
    own = Engine.load(
        EngineConfig(model=context.model, threads=config.threads, prefix_cache_bytes=0)
    )

    def full_text(case: Everyday) -> Forwards[Outcome]:
        scope = None if case.line is None else (case.line, case.line)
        prompt = backend.prompts.build(Document(case.source), case.instruction, scope, "python")
        codec = backend.writing.literals.codec
        target = Document(case.target)
        gold = [
            token for line in target.text.splitlines(keepends=True) for token in codec.encode(line)
        ]
        return _full_text(backend, prompt.tokens, gold, exact=context.options.gold)

    every = everyday.cases(context.limit or _CASES, context.seed)
    for kind in sorted({case.kind for case in every}):
        yield (
            kind,
            [
                {
                    PROGRAM: partial(_edited, server, case),
                    FULL: partial(full_text, case),
                    LOCAL: partial(_edited, own, case),
                }
                for case in every
                if case.kind == kind
            ],
        )


def _edited(engine: Engine, case: Everyday) -> Forwards[Outcome]:
    scope = None if case.line is None else Scope(case.line, case.line)
    name = secrets.token_hex(8)
    try:
        result = yield from engine.editing(
            EditRequest(case.source, case.instruction, scope, "python", name=name)
        )
    except (EditStoppedError, ContextTooLongError):
        return Outcome(None, exact=False)
    return Outcome(result.receipt, result.text == case.target)


def _gold(
    context: Context, backend: model_server.RemoteBackend, names: Sequence[str]
) -> dict[str, list[Subject]]:
    """Return the cases of corpora that fit the context, in any order; golds are written."""
    folder = local.EMBEDDED_FOLDER if context.model == EMBEDDED else Path(context.model)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    model = EmbeddedModel.load(folder)
    driver = Driver(model, backend.writing.literals, measure(model))
    forced, odds = ForcedBackend.of(backend), Odds()

    def by_server(edit: GoldEdit) -> Forwards[Outcome]:
        receipt = Receipt()
        yield from forced.write(edit, secrets.token_hex(8), receipt)
        return Outcome(receipt)

    def here(edit: GoldEdit) -> Forwards[Outcome]:
        receipt = Receipt()
        yield from driver.decoding(edit, odds, receipt)
        return Outcome(receipt)

    kinds: dict[str, list[Subject]] = {}
    for name in names:
        corpus = corpora.load(name, context.data)
        edits = [
            prepare(case.source, case.target, case.instruction, vocabulary) for case in corpus.cases
        ]
        fitting = [
            edit
            for edit in edits
            if len(edit.prompt) + len(gold_prompt(edit, driver.literals).gold) < backend.context
        ]
        random.Random(context.seed).shuffle(fitting)  # noqa: S311  # not a secret
        kinds[f"{corpus.title}, {len(fitting)} of {len(edits)}"] = [
            {
                PROGRAM: partial(by_server, edit),
                FULL: partial(
                    _full_text, backend, edit.prompt, edit.gold, exact=context.options.gold
                ),
                LOCAL: partial(here, edit),
            }
            for edit in fitting
        ]
    return kinds


def _full_text(
    backend: model_server.RemoteBackend, prompt: Sequence[int], gold: Sequence[int], *, exact: bool
) -> Forwards[Outcome]:
    """Have the server write as many tokens as a text has behind a prompt; `exact`, these."""
    body: dict[str, Any] = {
        "model": backend.server.model,
        "prompt": [*prompt],
        "max_tokens": len(gold),
        "ignore_eos": True,
        "temperature": 0,
        "return_token_ids": True,
        "cache_salt": secrets.token_hex(8),
    }
    if exact:
        body["structured_outputs"] = {"grammar": exactly(gold).grammar}
    stream = backend.wire.complete(body, form=COMPLETIONS)
    while not stream.ended:
        yield Pause(lambda: stream.ready, lambda: None)
        while stream.take() is not None:
            pass
        if not stream.ended:
            backend.wire.wait(WAIT_S)
    backend.wire.forget(stream)
    if stream.failure is not None:
        raise stream.failure
    return Outcome(None)


def _drive(edits: Sequence[Edit], clients: int) -> _Tally:
    """Let clients make the edits, each its next when its last is there."""
    tally = _Tally()
    together = Together[Outcome](lambda tokens, more: tokens + more <= _WIDEST)
    left, wished = deque(edits), deque[float]()

    def ended(wish: float, future: Future[Outcome]) -> None:
        tally.waits.append(time.perf_counter() - wish)
        tally.outcomes.append(future.result())
        wished.append(time.perf_counter())

    started = time.perf_counter()
    wished += [started] * clients
    while left or together:
        if left and wished and len(together) < clients:
            edit = left.popleft()
            future: Future[Outcome] = Future()
            future.set_running_or_notify_cancel()
            future.add_done_callback(partial(ended, wished.popleft()))
            together.add(edit(), future)
        else:
            together.step()
    tally.seconds = time.perf_counter() - started
    return tally


_CASES = 48
_WIDEST = 128  # The widest forward that decodes share: as `decode/cost` measures.


def _row(kind: str, way: str, clients: int, tallies: Mapping[str, list[_Tally]]) -> dict[str, Any]:
    mine, full = tallies[way], tallies[FULL]
    waits = [wait for tally in mine for wait in tally.waits]
    outcomes = [outcome for tally in mine for outcome in tally.outcomes]
    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt is not None]
    known = [receipt for receipt in receipts if receipt.cached_tokens is not None]
    sent = sum(receipt.sent_tokens for receipt in known)
    exact = [outcome.exact for outcome in outcomes if outcome.exact is not None]
    mean = statistics.mean(waits)
    return {
        "kind": kind,
        "way": way,
        "clients": clients,
        "edits": len(waits),
        "rate": len(waits) / sum(tally.seconds for tally in mine),
        "mean_ms": 1e3 * mean,
        "p50_ms": 1e3 * statistics.median(waits),
        "p95_ms": 1e3 * statistics.quantiles(waits, n=20)[-1],
        "gain": statistics.mean(wait for tally in full for wait in tally.waits) / mean,
        "least_gain": min(b.mean / a.mean for a, b in zip(mine, full, strict=True)),
        "requests": statistics.mean(r.requests for r in receipts) if receipts else 1.0,
        "written": statistics.mean(r.generated_tokens for r in receipts) if receipts else None,
        "cached": sum(r.cached_tokens or 0 for r in known) / sent if sent else None,
        "exact": statistics.mean(exact) if exact else None,
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the model server")
    parser.add_argument(
        "--gold", action="store_true", help="full text is the right one, by a grammar"
    )
    parser.add_argument("--served", metavar="NAME", help="what it calls the model")
    parser.add_argument(
        "--clients", nargs="+", type=positive, default=list(CLIENTS), metavar="N", help="at once"
    )
    parser.add_argument(
        "--corpora",
        nargs="+",
        choices=(EVERYDAY, *corpora.NAMES),
        default=[EVERYDAY],
        metavar="NAME",
        help=f"{EVERYDAY}, or of {', '.join(corpora.NAMES)} (default: {EVERYDAY})",
    )


STUDY = Study(
    name="serving",
    question="What does a program save on a model server under load?",
    run=run,
    limit="edits a kind, way and number of clients; but each client makes some in each round",
    default_limit=_CASES,
    add_options=_add_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
