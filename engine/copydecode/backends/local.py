"""The model runs in this process: one model, its tokenizer, its grammar and its prompt format.

Knows nothing of limits on documents or of hunks: that is the engine's. One edit at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from copydecode.backends import threads
from copydecode.backends.writing import Programs, Rewrites, Writing
from copydecode.config import (
    EMBEDDED,
    PREFIX_CACHE_BYTES,
    Acceptance,
    Decoding,
    EngineConfig,
    Limits,
    Mode,
)
from copydecode.decode.cost import FREE, CostCurve, measure
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task, decode
from copydecode.decode.model import EmbeddedModel, Model, read_config
from copydecode.decode.prefix import Prefix, PrefixPool
from copydecode.decode.prompt import EmbeddedPrompt, Prompt, Shown
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Chooser, Greedy, Sampling
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, LineOp, Op, Program
from copydecode.errors import ConfigError, ModelFormatError

E = TypeVar("E", bound=Enum)

EMBEDDED_FOLDER = Path(__file__).parent.parent / "models" / "embedded"

ROOM_FOR_PROGRAM = 256
"""Tokens of the context that a prompt leaves free at least."""

READ_AHEAD_CHUNK = 128
"""Tokens per forward where a document is read ahead: an edit that comes in between waits for one.

640 tokens by the embedded model on one thread take 63 ms in all and 15 ms a forward; by 512 tokens
a forward they take 69 and 54.
"""


class PromptFormat(Protocol):
    """Turns an edit into prompt tokens."""

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None = None,
        language: str | None = None,
    ) -> Prompt:
        """Return the prompt; ContextTooLongError where it does not fit."""
        ...

    def show(self, document: Document, scope: tuple[int, int] | None = None) -> Shown:
        """Return what prompts about these lines have in common; errors as `build`."""
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """What the embedded model was trained for: the `copydecode` entry of its `config.json`.

    `splice_window` is how many of a copied span's last tokens enter the context, None for all;
    `max_lines` and `max_tokens` bound the visible part of the document. `modes` and `acceptance`
    are what it learnt: one without loss on copied text, or on whole files, gives wrong edits where
    its opinion of those is asked for. `token_copy` says that it was taught to copy tokens, too.
    """

    splice_window: int | None
    max_lines: int
    max_tokens: int
    modes: tuple[Mode, ...] = (Mode.PROGRAM,)
    acceptance: tuple[Acceptance, ...] = (Acceptance.PROGRAM,)
    token_copy: bool = False

    @classmethod
    def from_json(cls, values: dict[str, Any], context: int) -> Serving:
        """Read the entry of a parsed `config.json`; without one, bounds come from the context.

        Raises:
            ModelFormatError: a value is no whole number in its range, no truth value, or no list of
                known names.
        """
        entry = values.get("copydecode", {})
        window = entry.get("splice_window")
        lines = entry.get("max_lines", 999)
        tokens = entry.get("max_tokens", max(1, context // 2))
        for name, value, least in (("max_lines", lines, 1), ("max_tokens", tokens, 1)):
            if not isinstance(value, int) or value < least:
                message = f"expected copydecode.{name} >= {least} in config.json, found {value!r}"
                raise ModelFormatError(message)
        if window is not None and (not isinstance(window, int) or window < 0):
            message = f"expected copydecode.splice_window >= 0 in config.json, found {window!r}"
            raise ModelFormatError(message)
        modes = _named(entry, "modes", Mode, Mode.PROGRAM)
        acceptance = _named(entry, "acceptance", Acceptance, Acceptance.PROGRAM)
        token_copy = entry.get("token_copy", False)
        if not isinstance(token_copy, bool):
            message = (
                f"expected true or false as copydecode.token_copy in config.json, "
                f"found {token_copy!r}"
            )
            raise ModelFormatError(message)
        return cls(window, lines, tokens, modes, acceptance, token_copy)

    def require(self, decoding: Decoding) -> None:
        """Refuse to decode in a way that the model did not learn, unless it is asked for as such.

        Raises:
            ConfigError: which way, and which there are.
        """
        if decoding.untaught:
            return
        wanted: tuple[tuple[str, Enum, Sequence[Enum]], ...] = (
            ("mode", decoding.mode, self.modes),
            ("acceptance", decoding.acceptance, self.acceptance),
        )
        for name, value, taught in wanted:
            if value not in taught:
                message = (
                    f"expected {name} to be one that this model was trained for "
                    f"({', '.join(str(way.value) for way in taught)}), got {value.value}"
                )
                raise ConfigError(message)


class LocalBackend:
    """A model in this process, ready to decode programs."""

    def __init__(  # noqa: PLR0913  # the parts of a backend, each named at the call
        self,
        *,
        name: str,
        parameters: int,
        model: Model[Any],
        writing: Writing,
        prompts: PromptFormat,
        splice_window: int | None = None,
        decoding: Decoding | None = None,
        prefix_cache_bytes: int = PREFIX_CACHE_BYTES,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.context = model.context
        self.prompts = prompts
        self._model = model
        self._decoding = decoding or Decoding()
        self._writing = writing
        self.splice_window = splice_window
        self._pool = PrefixPool(model, prefix_cache_bytes)

    def run(  # noqa: PLR0913  # the parts of a decode, each named at the call
        self,
        prompt: Prompt,
        limits: Limits,
        receipt: Receipt,
        *,
        name: str | None = None,
        lock: tuple[int, int] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[LineOp], None] = lambda _op: None,
    ) -> Program:
        """Decode the program of a prompt, over the prompt's window; errors as `loop.decode`.

        `name` is what the document is known by, None where it is not known.
        Lines of the window outside `lock` (1-based, inclusive) stay as they are.
        Token copies are told and returned as the line copies and gens that they are lowered to; so
        with a model that writes them, new text is told when the op behind it closes.
        """
        started = time.perf_counter()
        prompt = replace(prompt, tokens=[*prompt.tokens, *self._writing.opening])
        automaton, drafter = self._writing.begin(prompt, lock)
        lowering = self._writing.lowering(prompt, lock)
        receipt.grammar_s += time.perf_counter() - started

        def tell(op: Op) -> None:
            for told in Program((op,)).line_ops if lowering is None else lowering.take(op):
                on_op(told)

        task = Task(
            prompt=prompt.tokens,
            splice=prompt.splice,
            splice_tokens=None if lowering is None else prompt.splice_tokens,
            splice_window=self.splice_window,
            limits=limits,
            cancelled=cancelled,
            on_op=tell,
            chooser=self._chooser(),
            drafter=drafter,
            cost=self.cost,
            acceptance=self._decoding.acceptance,
        )
        program = decode(self._lend(prompt.tokens, prompt.shown, name), automaton, task, receipt)
        for told in [] if lowering is None else lowering.end():
            on_op(told)
        program = self._writing.program(program, prompt, lock)
        receipt.output_tokens += self._output_tokens(program, prompt)
        return program

    def read_ahead(
        self,
        shown: Shown,
        *,
        name: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> int:
        """Read what prompts about these lines have in common; return how many tokens are held.

        `name` is as in `run`. `cancelled` is asked before every forward, of `READ_AHEAD_CHUNK`
        tokens at most; what was read before it said so is kept.
        """
        prefix = self._lend(shown.tokens, shown, name)
        return prefix.read(shown.tokens, READ_AHEAD_CHUNK, cancelled)

    def _lend(self, tokens: Sequence[int], shown: Shown, name: str | None) -> Prefix[Any]:
        """Return the cache that has most in common with a prompt, or with its beginning."""
        return self._pool.lend(
            tokens,
            head=shown.head,
            shared=len(shown.tokens),
            # Another window of one document is no older version of this one.
            owner=None if name is None else (name, shown.window.first),
        )

    @cached_property
    def cost(self) -> CostCurve:
        """What a forward costs on this machine; measured when it is first needed."""
        return measure(self._model) if self._decoding.drafts else FREE

    def _chooser(self) -> Chooser:
        decoding, device = self._decoding, self._model.device
        if decoding.temperature == 0:
            return Greedy(self._writing.literals, device)
        return Sampling(self._writing.literals, device, decoding.temperature, decoding.seed)

    def _output_tokens(self, program: Program, prompt: Prompt) -> int:
        """Count the new text of the window in the model's tokens."""
        count = 0
        for op in program.line_ops:
            if isinstance(op, Copy):
                count += sum(map(len, prompt.line_tokens[op.first - 1 : op.last]))
            else:
                count += len(self._writing.literals.codec.encode(op.text))
        return count


def load(config: EngineConfig) -> LocalBackend:
    """Load the configured model.

    Raises:
        ModelNotFoundError, ModelFormatError: with what was looked for and what was found.
        ConfigError: a model of ours was not trained for the way of decoding.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = EMBEDDED_FOLDER if config.model == EMBEDDED else Path(config.model).expanduser()
    if config.model == EMBEDDED or _is_ours(folder):
        return _load_embedded(folder, config)
    return _load_foreign(config)


def _is_ours(folder: Path) -> bool:
    """Return whether a folder holds a model made by this project: its config says so."""
    return (folder / "config.json").is_file() and "copydecode" in read_config(folder)


def _load_embedded(folder: Path, config: EngineConfig) -> LocalBackend:
    model = EmbeddedModel.load(folder)
    if config.threads is None:
        threads.choose(model)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    if vocabulary.size > model.config.vocab_size:
        message = (
            f"expected at most {model.config.vocab_size} tokens in the tokenizer of "
            f"{folder}, found {vocabulary.size}"
        )
        raise ModelFormatError(message)
    serving = Serving.from_json(read_config(folder), model.context)
    serving.require(config.decoding)
    literals = Literals(vocabulary, vocabulary.op_markers)
    if serving.token_copy and grammar.TOKENS_OPEN not in literals.markers:
        message = (
            f"expected the special token {grammar.TOKENS_OPEN} in the tokenizer of {folder}, since "
            "its config.json has copydecode.token_copy, found none"
        )
        raise ModelFormatError(message)
    drafts = config.decoding.drafts
    writing: Writing = Programs(literals, drafts=drafts, token_copies=serving.token_copy)
    if config.decoding.mode is Mode.REWRITE:
        # The full text is one gen: this model knows no other way to write text.
        writing = Rewrites(literals, drafts=drafts, opening=literals[grammar.GEN_OPEN])
    return LocalBackend(
        name=config.model,
        parameters=model.parameters,
        model=model,
        writing=writing,
        prompts=EmbeddedPrompt(vocabulary, serving.max_lines, serving.max_tokens),
        splice_window=serving.splice_window,
        decoding=config.decoding,
        prefix_cache_bytes=config.prefix_cache_bytes,
    )


def _load_foreign(config: EngineConfig) -> LocalBackend:
    # Imported here: the embedded model does without transformers.
    from copydecode.decode import hf  # noqa: PLC0415
    from copydecode.decode.prompt_foreign import ForeignPrompt  # noqa: PLC0415

    model, codec = hf.load(config.model)
    literals = Literals(codec)
    drafts = config.decoding.drafts
    writing: Writing = Programs(literals, drafts=drafts)
    if config.decoding.mode is Mode.REWRITE:
        ends = {} if codec.end is None else {grammar.GEN_CLOSE: codec.end}
        writing = Rewrites(Literals(codec, ends), drafts=drafts)
    return LocalBackend(
        name=config.model,
        parameters=model.parameters,
        model=model,
        writing=writing,
        prompts=ForeignPrompt(codec, literals, max(1, model.context - ROOM_FOR_PROGRAM)),
        decoding=config.decoding,
        prefix_cache_bytes=config.prefix_cache_bytes,
    )


def _named(entry: dict[str, Any], name: str, kind: type[E], default: E) -> tuple[E, ...]:
    """Return the members of `kind` that a list of the `copydecode` entry names."""
    values = entry.get(name, [default.value])
    known = [member.value for member in kind]
    if not isinstance(values, list) or not values or any(value not in known for value in values):
        message = (
            f"expected copydecode.{name} in config.json to name some of {', '.join(known)}, "
            f"found {values!r}"
        )
        raise ModelFormatError(message)
    return tuple(map(kind, values))
