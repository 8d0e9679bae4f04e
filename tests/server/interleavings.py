"""Typing, asking, cancelling and closing at random: every request is answered, no line is lost.

Every line that is typed or written is unlike all others, so the document's end tells what became of
each. The sequences are seeded; how they meet the engine's thread is up to the machine.

`python -m tests.server.interleavings [--first SEED] [--count N] [--steps N]` runs many and tells
which seeds failed; `make fuzz` runs ten thousand. `test_interleavings` runs a few.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest.mock import patch

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.protocol import default_converter
from pygls.server import JsonRPCServer
from rich.console import Console
from rich.progress import track

from copydecode_lsp import client
from copydecode_lsp.client import Abilities, Call
from tests.server.conformance import watched
from tests.server.harness import URI, Pair, as_json, connected, diagnostic, lines

PATIENCE_S = 60.0
"""An answer that takes longer never comes: the machine may be busy with other things."""

TOLD_EVERY = 500
"""So often a log is told how far it is."""

ALLOWED = {lsp.LSPErrorCodes.RequestCancelled, lsp.LSPErrorCodes.ContentModified}
UNKNOWN = lsp.ErrorCodes.InvalidParams
BEGIN = "".join(f"line {n}\n" for n in range(12))


@dataclass
class Asked:
    """A request for an edit: the line that it would write, and how it came out."""

    call: Call
    line: str
    may_be_unknown: bool = False
    """Whether the document was not open when it was asked."""


@dataclass
class Typist:
    """A user at random, who notes which lines nobody but an edit may take away."""

    pair: Pair
    random: random.Random
    asked: list[Asked] = field(default_factory=list)
    acting: list[asyncio.Task[None]] = field(default_factory=list)
    typed: int = 0
    named: int = 0
    deleted: set[str] = field(default_factory=set)
    aims: Counter[str] = field(default_factory=Counter)
    parents: dict[str, tuple[str, int]] = field(default_factory=dict)
    """What stood where a line was put, and how many edits of that were over with it."""
    applied: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return self.pair.client.documents[URI].text.splitlines(keepends=True)

    async def step(self) -> None:
        """Do one thing."""
        actions = [self.insert, self.insert, self.change, self.ask, self.ask, self.act, self.cancel]
        self.random.choice(actions)()
        for _ in range(self.random.choice([0, 0, 1, 5])):
            await asyncio.sleep(0)
        if self.random.random() < 0.2:
            await self.pair.client.execute("copydecode.lastReceipt")
        if self.random.random() < 0.02:
            await self.reopen()

    def insert(self) -> None:
        found = self.lines
        at, new = self.random.randint(0, len(found)), self._new_line()
        found.insert(at, new)
        self.story.append(f"insert {new!r} at {at}")
        self.pair.client.change(URI, "".join(found))

    def change(self) -> None:
        found = self.lines
        at = self.random.randrange(len(found))
        self.deleted.add(found[at])
        new = self._new_line()
        self.parents[new] = found[at], 0
        self.story.append(f"change {found[at]!r} to {new!r}")
        found[at] = new
        self.pair.client.change(URI, "".join(found))

    def ask(self, *, may_be_unknown: bool = False) -> None:
        """Ask for an edit of a line, as a command."""
        at, line = self._aim()
        argument = {
            "uri": URI,
            "instruction": f"slow: {line.rstrip()}",
            "range": as_json(lines(at + 1, at + 1)),
            "retry": self.random.random() < 0.3,
        }
        call = self.pair.client.call(
            lsp.WORKSPACE_EXECUTE_COMMAND,
            lsp.ExecuteCommandParams("copydecode.applyEdit", arguments=[argument]),
        )
        self.asked.append(Asked(call, line, may_be_unknown))

    def act(self) -> None:
        """List the actions of a line, resolve the one of its diagnostic, and apply it."""
        at, line = self._aim()
        span, found = lines(at + 1, at + 1), diagnostic(f"slow: {line.rstrip()}", at + 1)
        # Sent now: the range is one of the document as it is.
        call = self.pair.client.call(
            lsp.TEXT_DOCUMENT_CODE_ACTION,
            lsp.CodeActionParams(
                lsp.TextDocumentIdentifier(URI), span, lsp.CodeActionContext([found])
            ),
        )
        self.acting.append(asyncio.create_task(self._act(call, line)))

    def cancel(self) -> None:
        if running := [asked.call for asked in self.asked if not asked.call.answer.done()]:
            call = self.random.choice(running)
            self.story.append(f"cancel {call.id}")
            self.pair.client.cancel(call)

    async def reopen(self) -> None:
        """Close the document and open it again; between, it may be asked about in vain."""
        self.story.append("close and open")
        user = self.pair.client
        text = user.documents[URI].text
        user.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(URI))
        )
        if self.random.random() < 0.5:
            self.ask(may_be_unknown=True)
        user.open(URI, text, "plaintext")

    def _new_line(self) -> str:
        self.typed += 1
        return f"typed {self.typed}\n"

    def _aim(self) -> tuple[int, str]:
        """Choose a line to edit, from 0, and what the edit writes."""
        found = self.lines
        at = self.random.randrange(len(found))
        self.aims[found[at]] += 1
        self.named += 1
        line = f"edit {self.named}\n"
        self.parents[line] = found[at], 1
        self.story.append(f"ask for {line!r} in place of {found[at]!r}")
        return at, line

    def aimed_at(self, line: str) -> int:
        """Return how many edits may take a line away.

        They aimed at it, or at what it took the place of: one that is tried again is about the line
        that is there then.
        """
        parent, over = self.parents.get(line, ("", 0))
        before = self.aimed_at(parent) - over if parent else 0
        return self.aims[line] + before

    def is_free(self, line: str) -> bool:
        """Return whether the line may be gone."""
        return line in self.deleted or self.aimed_at(line) > 0

    async def _act(self, call: Call, line: str) -> None:
        found = await asyncio.wrap_future(call.answer)
        if not found or not isinstance(found[0], lsp.CodeAction):
            message = f"expected the action of the diagnostic, got {found}"
            raise TypeError(message)
        try:
            resolved = await self.pair.client.code_action_resolve_async(found[0])
        except JsonRpcException as error:
            if error.code not in ALLOWED:
                raise
            return
        if resolved.edit is not None and self.pair.client.apply(resolved.edit) is None:
            self.story.append(f"applied {line!r}")
            self.applied.append(line)


async def answer_of(call: Call) -> dict[str, object] | JsonRpcException:
    """Return the answer, or the error."""
    try:
        answer: dict[str, object] = await asyncio.wait_for(
            asyncio.wrap_future(call.answer), PATIENCE_S
        )
    except JsonRpcException as error:
        return error
    return answer


async def run(seed: int, steps: int) -> None:
    """Run one sequence; an AssertionError or a TimeoutError tells what does not hold."""
    draw = random.Random(seed)
    abilities = Abilities(hunks=seed % 2 == 0)
    async with connected(abilities, text=BEGIN, language="plaintext") as pair:
        typist = Typist(pair, draw)
        for _ in range(steps):
            await typist.step()
        if draw.random() < 0.1:
            for task in typist.acting:
                task.cancel()
            return  # The client leaves with requests under way; the server has to end.
        await asyncio.wait_for(asyncio.gather(*typist.acting), PATIENCE_S)
        answers = [await answer_of(asked.call) for asked in typist.asked]
        await pair.client.execute("copydecode.lastReceipt")
        text = pair.client.documents[URI].text
        assert pair.server.snapshots.get(URI).text == text
    try:
        _check(typist, answers, text.splitlines(keepends=True))
    except AssertionError as error:
        told = zip(typist.asked, answers, strict=True)
        outcomes = [f"{a.call.id} {a.line!r}: {answer}" for a, answer in told]
        error.add_note("\n".join([*typist.story, *outcomes, repr(text)]))
        raise


def _check(
    typist: Typist, answers: list[dict[str, object] | JsonRpcException], kept: list[str]
) -> None:
    typed = [f"typed {n + 1}\n" for n in range(typist.typed)]
    for line in [*BEGIN.splitlines(keepends=True), *typed, *typist.applied]:
        if not typist.is_free(line):
            assert kept.count(line) == 1, line
    for answer, asked in zip(answers, typist.asked, strict=True):
        if isinstance(answer, JsonRpcException):
            allowed = ALLOWED | {UNKNOWN} if asked.may_be_unknown else ALLOWED
            assert answer.code in allowed, answer
            # Cancelled too late, it may have been applied.
            assert asked.line not in kept or answer.code == lsp.LSPErrorCodes.RequestCancelled
        elif answer["applied"] and not typist.is_free(asked.line):
            assert kept.count(asked.line) == 1


def main() -> int:
    """Run many seeds; the exit code is 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--count", type=int, default=10_000, metavar="N")
    parser.add_argument("--steps", type=int, default=20, metavar="N")
    args = parser.parse_args()
    logging.disable()
    err = Console(stderr=True)
    seeds = range(args.first, args.first + args.count)
    with _converters_kept():
        failed = [
            seed
            for seed in track(seeds, "Interleavings", console=err, disable=not err.is_terminal)
            if not _holds(seed, args.steps)
        ]
    sys.stdout.write(
        f"{len(seeds)} interleavings of {args.steps} steps from seed {args.first}: "
        f"{len(failed)} failed{': ' if failed else ''}{', '.join(map(str, failed))}\n"
    )
    return 1 if failed else 0


@contextmanager
def _converters_kept() -> Iterator[None]:
    """Let all connections share their converters, which take 0.15 s each time to be made."""
    initialize, kept = JsonRPCServer.__init__, default_converter()  # type: ignore[no-untyped-call]

    def initialize_kept(server: Any, protocol: Any, _factory: Any, *more: Any) -> None:  # noqa: ANN401
        initialize(server, protocol, lambda: kept, *more)

    with (
        patch.object(JsonRPCServer, "__init__", initialize_kept),
        patch.object(client, "_converter", cache(client._converter)),  # noqa: SLF001 -- as above
    ):
        yield


def _holds(seed: int, steps: int) -> bool:
    if seed % TOLD_EVERY == 0 and not sys.stdout.isatty():
        sys.stdout.write(f"from seed {seed} on\n")
        sys.stdout.flush()
    with watched() as conversations:
        try:
            asyncio.run(run(seed, steps))
        except Exception:  # noqa: BLE001 -- whatever it is, it is told with its seed
            sys.stdout.write(f"seed {seed}:\n{traceback.format_exc()}\n")
            sys.stdout.flush()
            return False
    found = [breach for conversation in conversations for breach in conversation.breaches]
    for breach in found:
        sys.stdout.write(f"seed {seed}: {breach}\n")
    return not found


if __name__ == "__main__":
    sys.exit(main())
