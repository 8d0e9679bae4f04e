"""The real engine on a scripted backend: the instruction says what the "model" decodes.

It keeps the engine's own checks, programs and hunks, and needs no torch.

    delete            delete the scope's lines
    put: TEXT         replace the scope's lines by one line
    undefined name 'x'  replace the name by the longest other name that it begins with
    another           replace the scope's lines by the number of decodes so far
    nothing           copy the whole document
    wait              decode until cancelled
    slow: TEXT        as put, with 2 ms before each op
    hold: TEXT        as put, but the program ends when `finish` is set
    unsure: TEXT      as put, with a confidence of 0.25; all else has one of 0.9
    endless, late, crash  fail as a token limit, a deadline and a bug do

Of several files:

    write: PROGRAM    write the program, in its text form
    PATH write: PROGRAM  the same, but it ends when there is something at the path
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from copydecode import Copy, Document, Engine, EngineConfig, Gen, Limits, Program
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Ask, Forwards
from copydecode.decode.receipt import Receipt
from copydecode.edit import grammar
from copydecode.edit.bundle import Bundle
from copydecode.edit.fit import Window, whole
from copydecode.edit.program import Op
from copydecode.errors import (
    DeadlineExceededError,
    EditCancelledError,
    ModelFormatError,
    ModelNotFoundError,
    TokenLimitError,
)

CONTEXT_LINES = 1000
SURE, UNSURE = 0.9, 0.25


@dataclass(frozen=True)
class FakePrompt:
    """What the scripted model is asked; shapes as the engine's own prompt."""

    document: Document
    instruction: str
    scope: tuple[int, int] | None
    window: Window
    size: int
    paths: tuple[str, ...] = ()


class FakePrompts:
    """Builds prompts with a token a line, so that `CONTEXT_LINES` lines are too long."""

    def show(self, document: Document, scope: tuple[int, int] | None) -> FakePrompt:
        """Return the part without an instruction."""
        return self.build(document, "", scope, None)

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None,
        _language: str | None,
        *,
        selected: bool = True,  # noqa: ARG002  # as it is called
    ) -> FakePrompt:
        """Return the prompt."""
        size = len(document)
        return FakePrompt(document, instruction, scope, whole(document), size)

    def build_files(self, bundle: Bundle, instruction: str, _language: str | None) -> FakePrompt:
        """Return the prompt about several files."""
        document = Document("".join(f"{line}\n" for line in bundle.visible))
        paths = tuple(file.path for file in bundle.files)
        return replace(self.build(document, instruction, None, None), paths=paths)


class FakeBackend:
    """Decodes what the instruction says. `receipt.forwards` counts the decodes so far.

    It remembers one text: `receipt.reused_tokens` are its lines where it is edited.
    """

    name = "scripted"
    parameters = 0
    context = CONTEXT_LINES
    cache_bytes = 0
    remote = None

    def __init__(self) -> None:
        self.finish = threading.Event()
        self.prompts = self.files = FakePrompts()
        self.runs = 0
        self.remembered: str | None = None
        self.unsure = False

    def load(self, config: EngineConfig | None = None) -> Engine:
        """Return an engine on this backend."""
        return Engine(cast("Any", self), config)

    def decoding(  # noqa: PLR0913  # as the backend's
        self,
        prompt: FakePrompt,
        _limits: Limits,
        receipt: Receipt,
        *,
        name: str | None,  # noqa: ARG002  # as the backend's
        lock: tuple[int, int] | None,  # noqa: ARG002  # the scripts keep to their scope
        cancelled: Callable[[], bool],
        on_op: Callable[[Op], None],
        decisions: Decisions,  # noqa: ARG002  # what is scripted is not decided
    ) -> Forwards[Program]:
        """Return the scripted program; a forward takes 2 ms."""
        self.runs += 1
        self.unsure = prompt.instruction.startswith("unsure:")
        receipt.forwards = self.runs

        def check() -> None:
            if cancelled():
                message = "cancelled"
                raise EditCancelledError(message)

        check()
        forward = Ask(cast("Any", self), [0], 1, check)
        if prompt.paths:
            return (yield from self._write_files(prompt, forward, on_op))
        if prompt.document.text == self.remembered:
            receipt.reused_tokens = prompt.size
        self.remembered = prompt.document.text
        if prompt.instruction == "wait":
            on_op(Copy(1, 1))
            while True:
                yield forward
        ops = _script(prompt, self.runs)
        for op in ops:
            if prompt.instruction.startswith("slow:"):
                yield forward
            on_op(op)
        while prompt.instruction.startswith("hold:") and not self.finish.is_set():
            yield forward
        return Program(tuple(ops))

    def feed(self, _tokens: Sequence[int], _last: int) -> None:
        """Take the time of a forward."""
        time.sleep(0.002)

    def pays(self, _tokens: int, _more: int) -> bool:
        """Let edits take turns."""
        return False

    def _write_files(
        self, prompt: FakePrompt, forward: Ask, on_op: Callable[[Op], None]
    ) -> Forwards[Program]:
        """Return the program over several files that the instruction is."""
        how, _, text = prompt.instruction.partition("write:")
        program = grammar.parse(text)
        for op in program.ops:
            on_op(op)

        while how and not Path(how.strip()).exists():
            yield forward
        return program

    def confidence(self, _decisions: Decisions) -> float | None:
        """How sure the script says that it is."""
        return UNSURE if self.unsure else SURE

    @property
    def cached_documents(self) -> int:
        """The one text, if there is one."""
        return int(self.remembered is not None)

    def read_ahead(
        self,
        shown: FakePrompt,
        *,
        name: str | None,  # noqa: ARG002  # as the backend's
        cancelled: Callable[[], bool],
    ) -> int:
        """Remember a text."""
        if cancelled():
            return 0
        self.remembered = shown.document.text
        return shown.size


def load(config: EngineConfig | None = None) -> Engine:
    """Load as `Engine.load` does; some model names fail, each its way."""
    config = config or EngineConfig()
    match config.model:
        case "missing":
            message = "expected a model folder or name, found nothing at missing"
            raise ModelNotFoundError(message)
        case "garbage":
            message = "expected a config.json in garbage, found none"
            raise ModelFormatError(message)
        case "broken":
            message = "no space left"
            raise OSError(message)
        case _:
            pass
    return FakeBackend().load(config)


def _script(prompt: FakePrompt, runs: int) -> list[Copy | Gen]:
    n = len(prompt.document)
    first, last = prompt.scope or (1, n)
    before = [Copy(1, first - 1)] if first > 1 else []
    after = [Copy(last + 1, n)] if last < n else []
    span = prompt.document.span(first, last)
    match prompt.instruction.split(maxsplit=1):
        case ["delete"]:
            return [*before, *after]
        case ["put:" | "slow:" | "hold:" | "unsure:", text]:
            return [*before, Gen(text + "\n"), *after]
        case ["undefined", "name " | _] if name := re.search("'(.+)'", prompt.instruction):
            names = set(re.findall(r"\w+", prompt.document.text)) - {name[1]}
            right = max((n for n in names if name[1].startswith(n)), key=len)
            return [*before, Gen(re.sub(rf"\b{name[1]}\b", right, span)), *after]
        case ["another"]:
            return [*before, Gen(f"{runs}\n"), *after]
        case ["nothing"]:
            return [Copy(1, n)] if n else []
        case ["endless"]:
            message = "expected an end within 8 tokens"
            raise TokenLimitError(message)
        case ["late"]:
            message = "expected an end within 1 s"
            raise DeadlineExceededError(message)
        case _:
            message = "no such script"
            raise RuntimeError(message)
