"""The model runs in this process: one model, its tokenizer, its grammar and its prompt format.

Knows nothing of limits on documents or of hunks: that is the engine's. For one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from copydecode.backends import threads
from copydecode.backends.backend import TokenFilesFormat, TokenFormat
from copydecode.backends.serving import Serving
from copydecode.backends.writing import Writing, of_another, of_ours, output_tokens
from copydecode.config import (
    EMBEDDED,
    PREFIX_CACHE_BYTES,
    Decoding,
    EngineConfig,
    Limits,
    Mode,
)
from copydecode.decode.confidence import Calibration
from copydecode.decode.cost import FREE, CostCurve, measure
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards, Pause
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task, decoding
from copydecode.decode.model import EmbeddedModel, Model, read_config
from copydecode.decode.prefix import Prefix, PrefixPool
from copydecode.decode.prompt import EmbeddedPrompt, Prompt, Shown
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Chooser, Greedy, Sampling
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar
from copydecode.edit.program import Op, Program
from copydecode.errors import ModelFormatError

EMBEDDED_FOLDER = Path(__file__).parent.parent / "models" / "embedded"

ROOM_FOR_PROGRAM = 256
"""Tokens of the context that a prompt leaves free at least."""

READ_AHEAD_CHUNK = 128
"""Tokens per forward where a document is read ahead: an edit that comes in between waits for one.

640 tokens by the embedded model on one thread take 63 ms in all and 15 ms a forward; by 512 tokens
a forward they take 69 and 54.
"""


class LocalBackend:
    """A model in this process, ready to decode programs."""

    remote: str | None = None

    def __init__(  # noqa: PLR0913  # the parts of a backend, each named at the call
        self,
        *,
        name: str,
        parameters: int,
        model: Model[Any],
        writing: Writing,
        prompts: TokenFormat,
        splice_window: int | None = None,
        decoding: Decoding | None = None,
        prefix_cache_bytes: int = PREFIX_CACHE_BYTES,
        files: TokenFilesFormat | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """`files` is there where the model can write programs over several files."""
        self.files = files
        self.name = name
        self.parameters = parameters
        self.context = model.context
        self.prompts = prompts
        self._model = model
        self._decoding = decoding or Decoding()
        self._writing = writing
        self.splice_window = splice_window
        self._calibration = calibration
        self._pool = PrefixPool(model, prefix_cache_bytes)

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
        decisions: Decisions | None = None,
    ) -> Forwards[Program]:
        """Decode the program of a prompt, over the prompt's window; errors as `loop.decode`.

        Whoever drives the generator runs its forwards; several may be under way at once.
        Of a prompt about several files it is one over all their lines.
        `decisions` gets what is decided, and has the program fork from it where it says so.
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
            for told in (op,) if lowering is None else lowering.take(op):
                on_op(told)

        task = Task(
            prompt=prompt.tokens,
            splice=prompt.splice,
            splice_tokens=None if lowering is None else prompt.splice_tokens,
            splice_window=self.splice_window,
            limits=limits,
            cancelled=cancelled,
            on_op=tell,
            chooser=self._chooser(decisions),
            drafter=drafter,
            drafting=self._decoding.drafts,
            cost=self.cost,
            acceptance=self._decoding.acceptance,
        )
        if self._pool.is_coming(prompt.tokens):  # Else both would read the same document.
            asked = time.perf_counter()
            yield Pause(lambda: not self._pool.is_coming(prompt.tokens), task.check_cancel)
            receipt.waited_s += time.perf_counter() - asked
        with self._lent(prompt.tokens, prompt.shown, name) as prefix:
            program = yield from decoding(prefix, automaton, task, receipt)
        for told in [] if lowering is None else lowering.end():
            on_op(told)
        program = self._writing.program(program, prompt, lock)
        receipt.output_tokens += output_tokens(program, prompt, self._writing.literals)
        return program

    def confidence(self, decisions: Decisions) -> float | None:
        """Return how often what was decided like this is right.

        None for a model that was not calibrated, and for ways of decoding that it was not
        calibrated in: drawn at a temperature, or writing full text.
        """
        decoding = self._decoding
        if self._calibration is None or decoding.temperature or decoding.mode is not Mode.PROGRAM:
            return None
        return self._calibration.confidence(decisions.log_prob, as_promised=decisions.as_promised)

    @property
    def cached_documents(self) -> int:
        """How many prompts the prefix cache holds."""
        return len(self._pool)

    @property
    def cache_bytes(self) -> int:
        """The bytes of the prefix cache."""
        return self._pool.nbytes

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
        with self._lent(shown.tokens, shown, name) as prefix:
            return prefix.read(shown.tokens, READ_AHEAD_CHUNK, cancelled)

    def pays(self, tokens: int, more: int) -> bool:
        """Return whether `more` tokens cost less in a forward of `tokens` others than alone."""
        return self._costs.sharing_pays(tokens, more)

    def _lent(
        self, tokens: Sequence[int], shown: Shown, name: str | None
    ) -> AbstractContextManager[Prefix[Any]]:
        """Lend the cache that has most in common with a prompt, or with its beginning."""
        return self._pool.lent(
            tokens,
            head=shown.head,
            shared=len(shown.tokens),
            # Another window of one document is no older version of this one.
            owner=None if name is None else (name, shown.window.first),
        )

    @property
    def cost(self) -> CostCurve:
        """What a forward costs on this machine, where drafts go by it."""
        return self._costs if self._decoding.drafts else FREE

    @cached_property
    def _costs(self) -> CostCurve:
        """What a forward costs on this machine; measured when it is first needed."""
        return measure(self._model)

    def _chooser(self, decisions: Decisions | None) -> Chooser:
        decoding, literals, device = self._decoding, self._writing.literals, self._model.device
        if decoding.temperature == 0:
            return Greedy(literals, device, decisions, decoding.lenience or 0.0)
        return Sampling(literals, device, decoding.temperature, decoding.seed, decisions)


def load(config: EngineConfig) -> LocalBackend:
    """Load the configured model.

    Raises:
        ModelNotFoundError, ModelFormatError: with what was looked for and what was found.
        ConfigError: a model of ours was not trained for the way of decoding.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    folder = EMBEDDED_FOLDER if config.model == EMBEDDED else Path(config.model).expanduser()
    if config.model == EMBEDDED or is_ours(folder):
        return _load_embedded(folder, config)
    return _load_foreign(config)


def is_ours(folder: Path) -> bool:
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
    decoding = config.decoding
    serving.require(decoding)
    if decoding.lenience is None and decoding.mode is Mode.PROGRAM:
        decoding = replace(decoding, lenience=serving.lenience)
    literals = Literals(vocabulary, vocabulary.op_markers)
    if serving.token_copy and grammar.TOKENS_OPEN not in literals.markers:
        message = (
            f"expected the special token {grammar.TOKENS_OPEN} in the tokenizer of {folder}, since "
            "its config.json has copydecode.token_copy, found none"
        )
        raise ModelFormatError(message)
    if serving.files and grammar.FILE_OPEN not in literals.markers:
        message = (
            f"expected the special token {grammar.FILE_OPEN} in the tokenizer of {folder}, since "
            "its config.json has copydecode.files, found none"
        )
        raise ModelFormatError(message)
    prompts = EmbeddedPrompt(vocabulary, serving.max_lines, serving.max_tokens)
    return LocalBackend(
        name=config.model,
        parameters=model.parameters,
        model=model,
        writing=of_ours(literals, decoding.mode, token_copies=serving.token_copy),
        prompts=prompts,
        splice_window=serving.splice_window,
        decoding=decoding,
        prefix_cache_bytes=config.prefix_cache_bytes,
        files=prompts if serving.files and decoding.mode is Mode.PROGRAM else None,
        calibration=serving.calibration,
    )


def _load_foreign(config: EngineConfig) -> LocalBackend:
    # Imported here: the embedded model does without transformers.
    from copydecode.decode import hf  # noqa: PLC0415
    from copydecode.decode.prompt_foreign import ForeignPrompt  # noqa: PLC0415

    model, codec = hf.load(config.model)
    literals = Literals(codec)
    prompts = ForeignPrompt(codec, literals, max(1, model.context - ROOM_FOR_PROGRAM))
    return LocalBackend(
        name=config.model,
        parameters=model.parameters,
        model=model,
        writing=of_another(literals, codec.end, config.decoding.mode),
        prompts=prompts,
        decoding=config.decoding,
        prefix_cache_bytes=config.prefix_cache_bytes,
        # No model was taught them, but the prompt explains them.
        files=prompts if config.decoding.mode is Mode.PROGRAM else None,
    )
