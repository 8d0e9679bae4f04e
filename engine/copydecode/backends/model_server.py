"""A model server runs the model; the program is decoded by the same rules as in this process.

Token ids are the only truth. A request is the prompt and the program so far, as ids, under the
grammar of one op (`one_op`); it ends where the op does. Each token that comes is looked at by the
local constraint, so bounds, locks and the end of new text are what they are for a local model. What
is certain is appended here: forced tokens, and the span of a copy that closed. The next request has
it all in its prompt, of which the server's prefix cache holds what came before: so a splice is one
prefill there, too. A connection that breaks on the way loses nothing but the request.

What leaves the machine are token ids and grammars, when an edit is asked for and not before:
nothing is read ahead. Knows nothing of HTTP (`remote`) or of what a server must be like (`probe`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from copydecode.backends import local
from copydecode.backends.backend import TokenFormat
from copydecode.backends.dialect import Wish, Written
from copydecode.backends.elsewhere import Elsewhere, Exchange
from copydecode.backends.one_op import one_op
from copydecode.backends.probe import Server, probe
from copydecode.backends.remote import Patience, Stream, Wire
from copydecode.backends.serving import Serving
from copydecode.backends.writing import Writing, of_another, of_ours, output_tokens
from copydecode.config import (
    API_KEY,
    EMBEDDED,
    Acceptance,
    Decoding,
    EngineConfig,
    Limits,
)
from copydecode.decode.constraint import Constraint
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards
from copydecode.decode.literals import Literals
from copydecode.decode.model import read_config
from copydecode.decode.prompt import EmbeddedPrompt, Prompt, tail
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.program import Copy, Op, Program
from copydecode.errors import (
    ConfigError,
    ContextTooLongError,
    ModelFormatError,
    RemoteMismatchError,
    RemoteUnreachableError,
    TokenLimitError,
)

RESUMES = 2
"""How often an edit goes on where its connection broke with tokens of an answer come already."""


class RemoteBackend(Elsewhere):
    """A model on a server, ready to decode programs."""

    def __init__(  # noqa: PLR0913  # the parts of a backend, each named at the call
        self,
        *,
        name: str,
        wire: Wire,
        server: Server,
        writing: Writing,
        prompts: TokenFormat,
        splice_window: int | None = None,
        decoding: Decoding | None = None,
    ) -> None:
        """`server` is what the probe found behind the wire."""
        super().__init__(name, wire)
        self.context = server.context
        self.prompts = prompts
        self.splice_window = splice_window
        self.server = server
        self._writing = writing
        self._decoding = decoding or Decoding()
        self._secret = secrets.token_bytes(16)

    def decoding(  # noqa: PLR0913  # the parts of a decode, each named at the call
        self,
        prompt: Prompt,
        limits: Limits,
        receipt: Receipt,
        *,
        name: str | None = None,
        lock: tuple[int, int] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[Op], None] = lambda _op: None,
        decisions: Decisions | None = None,  # noqa: ARG002  # a server does not tell how sure it is
    ) -> Forwards[Program]:
        """Decode the program of a prompt, over the prompt's window.

        Whoever drives the generator goes on with others while it waits for the server.

        Raises:
            ContextTooLongError, EditCancelledError, DeadlineExceededError, TokenLimitError: as the
                decode in this process.
            RemoteError: the server does not answer, refuses, or does not keep to the grammar.
        """
        started = time.perf_counter()
        receipt.remote = self.remote
        task = _Task(prompt, limits, lock, cancelled, on_op, *self._sticky(name))
        decode = _Decode(self, task, receipt)
        receipt.grammar_s += time.perf_counter() - started
        program = yield from decode.run()
        program = self._writing.program(program, prompt, lock)
        receipt.output_tokens += output_tokens(program, prompt, self._writing.literals)
        return program

    def _sticky(self, name: str | None) -> tuple[str, str]:
        """Return a document's session, and the salt of its cache.

        Both are the same for each edit of a document, and tell nobody which document it is. The
        salt is a secret of this process: nobody else can find out, by the time that a guess takes,
        what stands in the document.
        """
        session, salt = (
            hmac.new(self._secret, f"{kind}\n{name or ''}".encode(), hashlib.sha256).hexdigest()
            for kind in ("session", "salt")
        )
        return session[:32], salt[:32]

    def ask(self, task: _Task, wish: Wish, turn: int) -> Stream:
        """Send a request for what is wished; the `turn`-th of its edit."""
        decoding, dialect = self._decoding, self.server.dialect
        if decoding.temperature:
            seed = (decoding.seed + turn) % 2**63
            wish = replace(wish, temperature=decoding.temperature, seed=seed)
        return self.wire.complete(dialect.body(wish), task.session, form=dialect.form)

    @property
    def writing(self) -> Writing:
        """What the model is made to write."""
        return self._writing


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be decoded, how far, and by what the server knows the document."""

    prompt: Prompt
    limits: Limits
    lock: tuple[int, int] | None
    cancelled: Callable[[], bool]
    on_op: Callable[[Op], None]
    session: str
    salt: str


class _Decode:
    """The state of one decode."""

    def __init__(self, backend: RemoteBackend, task: _Task, receipt: Receipt) -> None:
        self._backend = backend
        self._task = task
        self._receipt = receipt
        writing = backend.writing
        self._automaton, _ = writing.begin(task.prompt, task.lock)
        self._tokens = [*task.prompt.tokens, *writing.opening]
        self._ops: list[Op] = []
        self._new_tokens = 0
        self._resumes = 0
        self._exchange = Exchange(backend.wire, receipt, task.limits, task.cancelled)

    def run(self) -> Forwards[Program]:
        """Ask request by request until the program is complete."""
        self._receipt.prompt_tokens += len(self._tokens)
        self._check_context()
        self._automaton.begin()
        self._certain()
        exact = False
        while not self._automaton.done:
            exact = yield from self._request(exact=exact)
            self._certain()
        return Program(tuple(self._ops))

    def _request(self, *, exact: bool) -> Forwards[bool]:
        """Take what one request brings; return whether the next token has to be asked for exactly.

        Raises:
            RemoteError: nothing that could be used came.
        """
        before = self._new_tokens
        stream = self._ask(exact=exact)
        legal = True

        def take(token: int) -> bool:
            nonlocal legal
            legal = self._automaton.permits(token)
            return legal and self._accept(token)

        with self._exchange.counted(stream, len(self._tokens)):
            yield from self._exchange.each(stream, take)
            if legal:
                yield from self._exchange.last_word(stream)
        if legal and self._new_tokens == before:
            self._nothing_came(stream)
        elif stream.failure is not None and not self._automaton.done and legal:
            self._resume(stream.failure)
        if exact and not legal:
            message = (
                f"expected {self._receipt.remote} to write one of the tokens that its grammar "
                "allows, found another"
            )
            raise RemoteMismatchError(message)
        return not legal

    def _ask(self, *, exact: bool) -> Stream:
        began = time.perf_counter()
        written: Written = None
        if isinstance(self._automaton, Constraint):
            allowed = self._automaton.allowed() if exact else None
            before = self._ops[-1] if self._ops else None
            if allowed is None:
                spelling = self._backend.server.dialect.spelling
                written = one_op(self._automaton, before, spelling)
            else:
                written = allowed.tolist()
        self._receipt.grammar_s += time.perf_counter() - began
        left = self._task.limits.max_new_tokens - self._new_tokens
        room = 1 if exact else min(left, self._backend.context - len(self._tokens))
        if room < 1:
            self._check_context(1)
            self._too_long()
        self._receipt.requests += 1
        wish = Wish(
            list(self._tokens),
            written,
            room,
            self._automaton.literals,
            fence=self._task.prompt.fence,
            salt=self._task.salt,
            again=exact,
        )
        return self._backend.ask(self._task, wish, self._receipt.requests)

    def _accept(self, token: int) -> bool:
        """Take a token; return whether what the server writes behind it can be used."""
        accepted = self._automaton.accept(token)
        self._tokens += accepted.tokens
        self._new_tokens += 1
        self._receipt.generated_tokens += 1
        spliced = self._closed(accepted.op)
        if self._new_tokens >= self._task.limits.max_new_tokens and not self._automaton.done:
            self._too_long()
        return not (self._automaton.done or spliced) and accepted.tokens == (token,)

    def _closed(self, op: Op | None) -> bool:
        """Tell of an op that closed, and append its splice; return whether the request ends."""
        if op is None:
            return False
        self._ops.append(op)
        self._task.on_op(op)
        if not isinstance(op, Copy):
            return False
        span = tail(self._task.prompt.splice(op.first, op.last), self._backend.splice_window)
        self._tokens += span
        self._receipt.spliced_tokens += len(span)
        return True

    def _certain(self) -> None:
        """Append what the rules leave no choice for."""
        while (token := self._automaton.forced()) is not None:
            accepted = self._automaton.accept(token)
            self._tokens += accepted.tokens
            self._new_tokens += 1
            self._receipt.forced_tokens += 1
            self._closed(accepted.op)
        self._check_context()

    def _nothing_came(self, stream: Stream) -> None:
        """Raise why a request brought no token."""
        if stream.failure is not None:
            raise stream.failure
        message = f"expected tokens from {self._receipt.remote}, found an end at once"
        raise RemoteMismatchError(message)

    def _resume(self, failure: Exception) -> None:
        """Go on from the tokens that came, where it was the connection that failed."""
        if not isinstance(failure, RemoteUnreachableError) or self._resumes == RESUMES:
            raise failure
        self._resumes += 1
        self._receipt.resent += 1

    def _check_context(self, more: int = 0) -> None:
        if len(self._tokens) + more > self._backend.context:
            message = (
                f"expected prompt and program to fit the model's context of "
                f"{self._backend.context} tokens, found {len(self._tokens) + more}: "
                "select fewer lines"
            )
            raise ContextTooLongError(message)

    def _too_long(self) -> None:
        limit = self._task.limits.max_new_tokens
        message = f"expected a program of at most {limit} tokens, found no end"
        raise TokenLimitError(message)


def load(config: EngineConfig, patience: Patience | None = None) -> RemoteBackend:
    """Load the tokenizer of the configured model, and probe the server that runs it.

    Raises:
        ModelNotFoundError, ModelFormatError: there is no tokenizer, with what was looked for.
        ConfigError: the model is not to be decoded like this, or cannot be on a server.
        RemoteError: the server cannot be used, and why.
    """
    if config.decoding.acceptance is not Acceptance.PROGRAM:
        message = (
            "expected acceptance to be program with a model server, which gives no logits, got "
            f"{config.decoding.acceptance.value}"
        )
        raise ConfigError(message)
    assert config.remote_url is not None  # noqa: S101  # else the model is not on a server
    folder = local.EMBEDDED_FOLDER if config.model == EMBEDDED else Path(config.model).expanduser()
    ours = config.model == EMBEDDED or local.is_ours(folder)
    model = _own(folder, config) if ours else _foreign(config)
    wire = Wire(config.remote_url, os.environ.get(API_KEY), patience)
    server = probe(wire, config.remote_model, model.literals, model.context)
    return RemoteBackend(
        name=config.model,
        wire=wire,
        server=server,
        writing=model.writing,
        prompts=model.prompts(server.context),
        splice_window=model.splice_window,
        decoding=config.decoding,
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """What of a model is needed here; `prompts` makes its prompts for a context, in tokens."""

    literals: Literals
    context: int
    writing: Writing
    prompts: Callable[[int], TokenFormat]
    splice_window: int | None = None


def _own(folder: Path, config: EngineConfig) -> _Model:
    """Read a model of ours, but for its weights."""
    values = read_config(folder)
    context = values.get("max_position_embeddings")
    if not isinstance(context, int):
        message = f"expected max_position_embeddings in config.json of {folder}, found none"
        raise ModelFormatError(message)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    serving = Serving.from_json(values, context)
    serving.require(config.decoding)
    literals = Literals(vocabulary, vocabulary.op_markers)
    prompts = EmbeddedPrompt(vocabulary, serving.max_lines, serving.max_tokens)
    writing = of_ours(literals, config.decoding.mode)
    return _Model(literals, context, writing, lambda _context: prompts, serving.splice_window)


def _foreign(config: EngineConfig) -> _Model:
    """Read any other model, but for its weights."""
    # Imported here: the embedded model does without transformers.
    from copydecode.decode import hf  # noqa: PLC0415
    from copydecode.decode.prompt_foreign import ForeignPrompt  # noqa: PLC0415

    codec, context = hf.load_codec(config.model)
    literals = Literals(codec)
    writing = of_another(literals, codec.end, config.decoding.mode)

    def prompts(context: int) -> TokenFormat:
        return ForeignPrompt(codec, literals, max(1, context - local.ROOM_FOR_PROGRAM))

    return _Model(literals, context, writing, prompts)
