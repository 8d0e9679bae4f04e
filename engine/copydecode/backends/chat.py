"""A chat model on a server writes the program, asked in words: no grammar, token ids or prefixes.

For servers that offer chat completions alone. What is promised is less than where token ids go over
the wire: whether a program comes of an answer is seen when it is there (`edit/reading`), held to
the same bounds and the same lock. A model whose answer is none is told why, once; what comes then
is the program, or there is no edit. Ops are told as they close, those of the first answer alone. A
connection that breaks on the way ends the edit: nothing can be gone on from.

When a server is tried, the model is asked for one small edit. It finds out whether the model keeps
to the format, and of what not all servers take, what this one does. Importing it does not import
torch, and no tokenizer is loaded. Knows nothing of HTTP (`remote`) or of the words (`prompt_chat`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from copydecode.backends.backend import PromptFormat
from copydecode.backends.elsewhere import Elsewhere, Exchange, ended, served
from copydecode.backends.remote import Answer, Came, Form, Patience, Wire, counted
from copydecode.config import (
    API_KEY,
    Acceptance,
    Decoding,
    EngineConfig,
    Limits,
    Mode,
)
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards
from copydecode.decode.prompt_chat import (
    BYTES_A_TOKEN,
    ChatFormat,
    ChatPrompt,
    Message,
    estimate,
)
from copydecode.decode.receipt import Receipt
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, Op, Program
from copydecode.edit.reading import Reading
from copydecode.errors import (
    ConfigError,
    NoProgramError,
    OutsideScopeError,
    ProgramError,
    RemoteMismatchError,
    RemoteRefusedError,
    TokenLimitError,
)

PROBE_TOKENS = 1024
"""So many tokens the first answer may have: some 30 are needed, but a model may think before."""

_PROBED = Document("a = 1\nb = 2\nc = 3\n")
_PROBE = ("delete line 2", (2, 2), Program((Copy(1, 1), Copy(3, 3))))
_TOO_LONG = "length"
_FILTERED = "content_filter"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server is asked; of what not all servers take, what this one does.

    `limit` is what the most tokens of an answer are called. A model that takes no `temperature`
    has one of its own.
    """

    model: str
    path: str
    limit: str = "max_tokens"
    temperature: bool = True
    seed: bool = True
    counts: bool = True

    @property
    def form(self) -> Form[str]:
        """Where it is asked, and how its answers read."""
        return Form(self.path, streamed=True, read=_chunk, silent=True, counts=self.counts)

    def body(self, messages: Sequence[Message], room: int, decoding: Decoding) -> dict[str, Any]:
        """Return the request for an answer of `room` tokens at most."""
        body: dict[str, Any] = {"model": self.model, "messages": [*messages], self.limit: room}
        if self.temperature:
            body["temperature"] = decoding.temperature
        if decoding.temperature and self.seed:
            body["seed"] = decoding.seed % 2**31
        return body

    def after(self, refusal: str) -> Manners | None:
        """Return how to ask where a refusal speaks of something that can be left out or renamed."""
        if self.limit in refusal and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in refusal:
            return replace(self, temperature=False)
        if self.seed and "seed" in refusal:
            return replace(self, seed=False)
        if self.counts and "stream_options" in refusal:
            return replace(self, counts=False)
        return None


class ChatBackend(Elsewhere):
    """A chat model, ready to be asked for programs."""

    def __init__(
        self, wire: Wire, manners: Manners, context: int, decoding: Decoding | None = None
    ) -> None:
        """`context` is in tokens, of which nobody here knows how many a text has."""
        super().__init__(manners.model, wire)
        self.context = context
        self.prompts: PromptFormat[ChatPrompt, ChatPrompt] = ChatFormat(context)
        self.manners = manners
        self._decoding = decoding or Decoding()

    def decoding(  # noqa: PLR0913  # the parts of a decode, each named at the call
        self,
        prompt: ChatPrompt,
        limits: Limits,
        receipt: Receipt,
        *,
        name: str | None = None,
        lock: tuple[int, int] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[Op], None] = lambda _op: None,
        decisions: Decisions | None = None,  # noqa: ARG002  # there are none to be seen
    ) -> Forwards[Program]:
        """Have the program of a prompt written, over the prompt's window.

        Whoever drives the generator goes on with others while it waits for the server.

        Raises:
            NoProgramError, OutsideScopeError: what the second answer is, too.
            TokenLimitError: an answer does not end in time.
            EditCancelledError, DeadlineExceededError: as a decode in this process.
            RemoteError: the server does not answer, or refuses.
        """
        receipt.remote, receipt.estimated = self.remote, True
        asking = _Asking(self, Exchange(self.wire, receipt, limits, cancelled), limits)
        messages = prompt.messages(name, lock)
        reading = Reading(len(prompt.lines), lock)
        answer = yield from asking.ask(messages, reading, on_op)
        try:
            program = self._program(reading, answer, limits)
        except (ProgramError, OutsideScopeError) as error:
            receipt.retries += 1
            messages += prompt.again(reading.text, str(error), reading.rest, lock)
            reading = Reading(len(prompt.lines), lock)
            answer = yield from asking.ask(messages, reading, lambda _op: None)
            program = self._last_program(reading, answer, limits)
        asking.count(program, prompt)
        return program

    def _program(self, reading: Reading, answer: Answer[str], limits: Limits) -> Program:
        """Return the program that was read.

        Raises:
            ProgramError, OutsideScopeError: it is none, and why.
            TokenLimitError, RemoteRefusedError: the answer was cut off.
        """
        try:
            return reading.end()
        except (ProgramError, OutsideScopeError) as error:
            if answer.finish == _TOO_LONG:
                most = limits.max_new_tokens
                message = f"expected a program of at most {most} tokens, found no end"
                raise TokenLimitError(message) from error
            if answer.finish == _FILTERED:
                message = f"expected an answer from {self.remote}, its content filter stopped it"
                raise RemoteRefusedError(message) from error
            raise

    def _last_program(self, reading: Reading, answer: Answer[str], limits: Limits) -> Program:
        """Return the program that was read where nobody is asked again; errors as `decoding`."""
        try:
            return self._program(reading, answer, limits)
        except ProgramError as error:
            message = (
                f"expected a program from {self.name!r}, found none in two answers ({error}): "
                "nothing was changed"
            )
            raise NoProgramError(message) from error
        except OutsideScopeError as error:
            message = f"{error}, twice: nothing was changed"
            raise OutsideScopeError(message) from error

    def ask(self, messages: Sequence[Message], room: int) -> Answer[str]:
        """Send a request; returns at once."""
        manners = self.manners
        return self.wire.complete(manners.body(messages, room, self._decoding), form=manners.form)


class _Asking:
    """The requests of one edit, and what they came to."""

    def __init__(self, backend: ChatBackend, exchange: Exchange, limits: Limits) -> None:
        self._backend = backend
        self._exchange = exchange
        self._limits = limits
        self._bytes_a_token: float = BYTES_A_TOKEN

    def ask(
        self, messages: Sequence[Message], reading: Reading, on_op: Callable[[Op], None]
    ) -> Forwards[Answer[str]]:
        """Have what comes read, and return the answer when it has ended."""
        receipt, sent = self._exchange.receipt, _size(messages)
        room = min(self._limits.max_new_tokens, max(1, self._backend.context - sent))
        receipt.requests += 1
        answer = self._backend.ask(messages, room)

        def take(piece: str) -> bool:
            for op in reading.take(piece):
                on_op(op)
            return True

        with self._exchange.counted(answer, sent):
            yield from self._exchange.each(answer, take)
        if answer.failure is not None:
            raise answer.failure
        told = answer.prompt_tokens
        if receipt.requests == 1:
            receipt.prompt_tokens += told or sent
        if told:
            self._bytes_a_token = max(BYTES_A_TOKEN, sent * BYTES_A_TOKEN / told)
        written = answer.written_tokens
        receipt.generated_tokens += estimate(reading.text) if written is None else written
        return answer

    def count(self, program: Program, prompt: ChatPrompt) -> None:
        """Put into the receipt about how many tokens the window's new text has."""
        receipt = self._exchange.receipt
        for op in program.line_ops:
            if isinstance(op, Copy):
                text = "".join(f"{line}\n" for line in prompt.lines[op.first - 1 : op.last])
            else:
                text = op.text
            tokens = estimate(text, self._bytes_a_token)
            receipt.output_tokens += tokens
            if isinstance(op, Copy):
                receipt.spliced_tokens += tokens


def load(config: EngineConfig, patience: Patience | None = None) -> ChatBackend:
    """Try the chat model of a configuration.

    Raises:
        ConfigError: a chat model cannot be decoded like this.
        RemoteError: it cannot be used, and why.
    """
    decoding = config.decoding
    for name, value, only in (
        ("mode", decoding.mode, Mode.PROGRAM),
        ("acceptance", decoding.acceptance, Acceptance.PROGRAM),
    ):
        if value is not only:
            message = (
                f"expected {name} to be {only.value} with a chat model, which shows no logits, "
                f"got {value.value}"
            )
            raise ConfigError(message)
    assert config.remote_url is not None  # noqa: S101  # else there is no server
    base = _base(config.remote_url)
    wire = Wire(config.remote_url, os.environ.get(API_KEY), patience)
    try:
        model = config.remote_model or _only_model(wire, f"{base}/models")
        manners = _probe(wire, Manners(model, f"{base}/chat/completions"), decoding)
    except BaseException:
        wire.close()
        raise
    return ChatBackend(wire, manners, config.remote_context, decoding)


def _only_model(wire: Wire, path: str) -> str:
    """Return the name of the one model that there is; errors as `served`."""
    try:
        return served(wire, None, path)[0]
    except RemoteMismatchError as error:
        message = f"{error}: set remoteModel"
        raise RemoteMismatchError(message) from error


def _base(url: str) -> str:
    """Return what stands before a path, behind what `Wire` makes of an address.

    An address with a path is taken as it is, as OpenAI's own clients take it; else it is `/v1`.
    """
    path = urlsplit(url).path.rstrip("/")
    return "" if path and not path.endswith("/v1") else "/v1"


def _probe(wire: Wire, manners: Manners, decoding: Decoding) -> Manners:
    """Have a small edit made; return how the server is asked.

    Raises:
        RemoteError: it does not answer, or the model does not keep to the format.
    """
    instruction, scope, expected = _PROBE
    prompt = ChatFormat(EngineConfig().remote_context).build(_PROBED, instruction, scope, "python")
    messages = prompt.messages(lock=scope)
    answer: Answer[str] | None = None
    while answer is None:
        body = manners.body(messages, PROBE_TOKENS, decoding)
        asked = wire.complete(body, form=manners.form, private=False)
        try:
            answer = ended(wire, asked)
        except RemoteRefusedError as error:
            other = manners.after(str(error))
            if other is None:
                raise
            _log.info("%s does not take all that it is asked with: %s", wire.host, error)
            manners = other
    reading = Reading(len(prompt.lines), scope)
    while (piece := answer.take()) is not None:
        reading.take(piece)
    found = "another one"
    try:
        ops = [op for op in reading.end().ops if op != Gen("")]
    except (ProgramError, OutsideScopeError) as error:
        ops, found = [], f"none ({error})"
        if answer.finish == _TOO_LONG:
            found = f"no end within {PROBE_TOKENS} tokens"
    if tuple(ops) != expected.ops:
        message = (
            f"expected {manners.model!r} at {wire.host} to answer with the program that it was "
            f"asked for, found {found}: it does not keep to the format, so no edit is asked for"
        )
        raise RemoteMismatchError(message)
    return manners


def _chunk(chunk: dict[str, Any]) -> Came[str]:
    """Read a piece of a chat completion."""
    counts = counted(chunk.get("usage"))
    choices = chunk.get("choices")
    choice: dict[str, Any] = choices[0] if choices else {}
    text = (choice.get("delta") or {}).get("content")
    if text is not None and not isinstance(text, str):
        message = f"expected text from a chat model, found {type(text).__name__}"
        raise RemoteMismatchError(message)
    return Came([text] if text else (), choice.get("finish_reason"), None, **counts)


def _size(messages: Sequence[Message]) -> int:
    """Return about how many tokens messages have."""
    return sum(estimate(message["content"]) for message in messages)
