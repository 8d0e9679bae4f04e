"""The measuring itself: clients at once, edits one by one in each, every time as an editor sees it.

Two configurations are measured in one run: each client has a server of both, and edits a document
with the one right after the other, in turns first. So what else the machine does meets both. Knows
nothing of files and reports.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode_lsp import headless, pyflakes_diagnostics
from copydecode_lsp.bench.workload import Document, Task
from copydecode_lsp.client import HeadlessClient
from copydecode_lsp.machine import resident_bytes
from copydecode_lsp.names import APPLY_EDIT, LAST_RECEIPT, WAIT_UNTIL_READY

MEMORY_EVERY_S = 2.0
PUBLISHED_S = 5.0
"""How long to wait for the diagnostics of a server that has its own."""

_SCRATCH = "untitled:copydecode-bench"


class Temperature(Enum):
    """What the server knows of a document before an edit of it is asked for.

    MIXED is what comes: the first edit of a document is cold, the next may be warm. COLD has the
    server edit another document before, with a cache for one. WARM lets it read ahead.
    """

    MIXED = "mixed"
    COLD = "cold"
    WARM = "warm"

    def settings(self) -> dict[str, Any]:
        """Return the settings of our server that make it so."""
        if self is Temperature.COLD:
            return {"readAhead": False, "prefixCacheBytes": 0}
        return {"readAhead": self is Temperature.WARM}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A server: its command line, None for ours with `model`, and its settings."""

    name: str
    command: tuple[str, ...] | None = None
    model: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: `repeat` rounds, or rounds for so many seconds."""

    documents: Sequence[Document]
    repeat: int = 3
    seconds: float | None = None
    clients: int = 1
    temperature: Temperature = Temperature.MIXED
    cancels: bool = False
    """Whether each edit is asked for once more, and cancelled at some time of its course."""


@dataclass(slots=True)
class Sample:
    """One edit; durations in seconds, None for what there was not.

    `place` is what two servers have in common that word a diagnostic differently: its line.
    `edit_s` is the answer to codeAction/resolve, or to the command, which includes applying;
    `cancel_s` is from a cancel to the answer of what was cancelled. `begun` and `ended` are seconds
    of one clock.
    """

    configuration: str
    document: str
    place: str
    task: str
    client: int
    round: int
    list_s: float | None = None
    edit_s: float | None = None
    apply_s: float | None = None
    cancel_s: float | None = None
    exact: bool | None = None
    receipt: dict[str, Any] | None = None
    failure: JsonRpcException | None = None
    begun: float = 0.0
    ended: float = 0.0

    @property
    def warm(self) -> bool | None:
        """Return whether most of the prompt was cached; None where there is no receipt."""
        if not self.receipt:
            return None
        return bool(2 * self.receipt["reused_tokens"] > self.receipt["prompt_tokens"])


@dataclass(slots=True)
class Start:
    """One server's start: seconds from the process's begin; `ready_s` None for others' servers."""

    configuration: str
    initialize_s: float
    ready_s: float | None


@dataclass(slots=True)
class Results:
    """All that was measured; `memory` is (configuration, client, seconds, bytes)."""

    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    memory: list[tuple[str, int, float, int]] = field(default_factory=list)


Advance = Callable[[str], None]
"""Is told each document that was edited, for a progress bar."""


async def measure(
    plan: Plan, configurations: Sequence[Configuration], results: Results, advance: Advance
) -> None:
    """Run the plan on every configuration; `results` holds what there is, also after a failure.

    No client begins before all servers are ready: else it would measure how they start.

    Raises:
        ServerGoneError: a server ended by itself.
        JsonRpcException: a server could not load its model.
    """
    ready = asyncio.Barrier(plan.clients)
    async with asyncio.TaskGroup() as group:
        for number in range(plan.clients):
            client = _Client(number, plan, configurations, results, advance, ready)
            group.create_task(client.run())


class _Seat:
    """One client's connection to the server of one configuration."""

    def __init__(self, configuration: Configuration, client: HeadlessClient) -> None:
        self.configuration = configuration
        self.client = client
        provider = client.server_capabilities.execute_command_provider
        self.is_ours = provider is not None and WAIT_UNTIL_READY in provider.commands
        self.diagnostics: dict[str, list[lsp.Diagnostic]] = {}


class _Client:
    """One user: opens the documents and edits them one by one, in each configuration."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what all clients share
        self,
        number: int,
        plan: Plan,
        configurations: Sequence[Configuration],
        results: Results,
        advance: Advance,
        ready: asyncio.Barrier,
    ) -> None:
        self.number = number
        self.plan = plan
        self.configurations = configurations
        self.results = results
        self.advance = advance
        self.ready = ready
        self.random = random.Random(number)  # noqa: S311 -- not a secret

    async def run(self) -> None:
        """Start the servers, edit, shut them down."""
        async with contextlib.AsyncExitStack() as stack:
            seats = [
                await stack.enter_async_context(self._seat(configuration))
                for configuration in self.configurations
            ]
            for seat in seats:
                await self._open(seat)
            await self.ready.wait()
            watching = [asyncio.create_task(self._watch(seat)) for seat in seats]
            try:
                for turn, number, document in self._turns(self._asked(seats)):
                    first = (turn + number + self.number) % 2
                    for seat in seats[:: -1 if first else 1]:
                        await self._edit(seat, document, turn)
                    self.advance(document.name)
            finally:
                for task in watching:
                    task.cancel()

    def _asked(self, seats: Sequence[_Seat]) -> list[Document]:
        """Return the documents of which something is asked."""
        return [
            document
            for document in self.plan.documents
            if any(
                seat.diagnostics.get(document.uri) or (seat.is_ours and document.tasks)
                for seat in seats
            )
        ]

    def _turns(self, documents: Sequence[Document]) -> Iterator[tuple[int, int, Document]]:
        """Yield (round, number, document), each client from another one on."""
        until = None if self.plan.seconds is None else time.monotonic() + self.plan.seconds
        for turn in itertools.count() if until else range(self.plan.repeat):
            for number in range(len(documents)):
                if until is not None and time.monotonic() > until:
                    return
                yield turn, number, documents[(number + self.number) % len(documents)]
            if not documents:
                return

    @contextlib.asynccontextmanager
    async def _seat(self, configuration: Configuration) -> AsyncIterator[_Seat]:
        settings = {**self.plan.temperature.settings(), **configuration.settings}
        if configuration.command is not None:
            settings = configuration.settings
        async with headless.server(
            configuration.model, settings=settings, command=configuration.command
        ) as client:
            seat = _Seat(configuration, client)
            start = Start(configuration.name, client.initialize_s, None)
            self.results.starts.append(start)
            if seat.is_ours:
                waited = time.monotonic()
                await client.execute(WAIT_UNTIL_READY)
                start.ready_s = client.initialize_s + time.monotonic() - waited
            yield seat

    async def _watch(self, seat: _Seat) -> None:
        """Note the memory of the server's process every so often, from the first edit on."""
        begin = time.monotonic()
        while (pid := seat.client.pid) is not None:
            if (held := resident_bytes(pid)) is not None:
                now = time.monotonic() - begin
                self.results.memory.append((seat.configuration.name, self.number, now, held))
            await asyncio.sleep(MEMORY_EVERY_S)

    async def _open(self, seat: _Seat) -> None:
        client = seat.client
        for document in self.plan.documents:
            client.open(document.uri, document.text, document.language)
        client.open(_SCRATCH, "a = 1\nb = 2\n", "python")
        if not seat.is_ours:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PUBLISHED_S):
                    for document in self.plan.documents:
                        await client.published(document.uri)
        for document in self.plan.documents:
            if document.diagnoses:
                seat.diagnostics[document.uri] = self._diagnostics(seat, document)

    def _diagnostics(self, seat: _Seat, document: Document) -> list[lsp.Diagnostic]:
        """Return the server's own diagnostics, else pyflakes': ours has none of its own."""
        if (published := seat.client.diagnostics.get(document.uri)) is not None:
            return published
        if document.language == "python" and pyflakes_diagnostics.available():
            return pyflakes_diagnostics.diagnose(document.text, document.name, seat.client.codec)
        return []

    async def _edit(self, seat: _Seat, document: Document, turn: int) -> None:
        for diagnostic in seat.diagnostics.get(document.uri, []):
            place = f"line {diagnostic.range.start.line + 1}"
            sample = self._sample(seat, document, place, diagnostic.message, turn)
            await self._sampled(seat, document, sample, diagnostic)
        for task in document.tasks if seat.is_ours else ():
            sample = self._sample(seat, document, task.instruction, task.instruction, turn)
            await self._sampled(seat, document, sample, task)

    def _sample(self, seat: _Seat, document: Document, place: str, task: str, turn: int) -> Sample:
        return Sample(seat.configuration.name, document.name, place, task, self.number, turn)

    async def _sampled(
        self, seat: _Seat, document: Document, sample: Sample, what: lsp.Diagnostic | Task
    ) -> None:
        client = seat.client
        client.change(document.uri, document.text)  # A new version, so that no edit is a kept one.
        await self._prepare(seat)
        sample.begun = time.monotonic()
        try:
            if isinstance(what, Task):
                await _by_command(client, document, what, sample)
            else:
                await _by_action(client, document, what, sample)
        except JsonRpcException as error:
            sample.failure = error
        sample.ended = time.monotonic()
        if seat.is_ours and sample.edit_s is not None:
            sample.receipt = await client.execute(LAST_RECEIPT)
        if self.plan.cancels and sample.edit_s is not None:
            client.change(document.uri, document.text)
            await self._prepare(seat)
            after = self.random.uniform(0, sample.edit_s)
            sample.cancel_s = await _cancelled(client, document, what, after)
        if sample.list_s is not None or sample.edit_s is not None or sample.failure is not None:
            self.results.samples.append(sample)

    async def _prepare(self, seat: _Seat) -> None:
        if not seat.is_ours:
            return
        if self.plan.temperature is Temperature.COLD:
            argument = {"uri": _SCRATCH, "instruction": "delete line 1"}
            with contextlib.suppress(JsonRpcException):
                await seat.client.execute(APPLY_EDIT, argument)
            seat.client.change(_SCRATCH, "a = 1\nb = 2\n")
        elif self.plan.temperature is Temperature.WARM:
            await seat.client.execute(WAIT_UNTIL_READY, {"idle": True})


async def _by_action(
    client: HeadlessClient, document: Document, diagnostic: lsp.Diagnostic, sample: Sample
) -> None:
    """List the quick fixes of a diagnostic, take the first, resolve and apply it."""
    begin = time.monotonic()
    actions = await client.code_actions(
        document.uri, diagnostic.range, [diagnostic], [lsp.CodeActionKind.QuickFix]
    )
    sample.list_s = time.monotonic() - begin
    action = next((a for a in actions if not getattr(a, "disabled", None)), None)
    if action is None:
        return
    begin = time.monotonic()
    if isinstance(action, lsp.CodeAction) and action.edit is None and action.data is not None:
        action = await client.code_action_resolve_async(action)
        sample.edit_s = time.monotonic() - begin
    if isinstance(action, lsp.CodeAction) and action.edit is not None:
        begin = time.monotonic()
        if (reason := client.apply(action.edit)) is not None:
            raise JsonRpcException(reason, code=lsp.LSPErrorCodes.RequestFailed)
        sample.apply_s = time.monotonic() - begin
    command = action if isinstance(action, lsp.Command) else action.command
    if command is not None:
        begin = time.monotonic()
        await client.execute(command.command, *(command.arguments or ()))
        sample.edit_s = (sample.edit_s or 0.0) + time.monotonic() - begin


async def _cancelled(
    client: HeadlessClient, document: Document, what: lsp.Diagnostic | Task, after_s: float
) -> float | None:
    """Ask for an edit, cancel it after a while, and return how long the answer then took.

    None where it was answered before.
    """
    if isinstance(what, Task):
        argument = {"uri": document.uri, "instruction": what.instruction}
        call = client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams(APPLY_EDIT, arguments=[argument]),
        )
    else:
        kinds = [lsp.CodeActionKind.QuickFix]
        actions = await client.code_actions(document.uri, what.range, [what], kinds)
        call = client.call(lsp.CODE_ACTION_RESOLVE, actions[0])
    await asyncio.sleep(after_s)
    if call.answer.done():
        return None
    begin = time.monotonic()
    client.cancel(call)
    with contextlib.suppress(JsonRpcException):
        await asyncio.wrap_future(call.answer)
    return time.monotonic() - begin


async def _by_command(
    client: HeadlessClient, document: Document, task: Task, sample: Sample
) -> None:
    argument = {"uri": document.uri, "instruction": task.instruction}
    begin = time.monotonic()
    await client.execute(APPLY_EDIT, argument)
    sample.edit_s = time.monotonic() - begin
    if task.expected is not None:
        sample.exact = client.documents[document.uri].text == task.expected
