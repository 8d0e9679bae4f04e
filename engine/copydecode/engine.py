"""The facade: one request in, one edit out. Importing it does not import torch; loading does.

Knows nothing of LSP, files or threads: the caller sees to it that one edit runs at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copydecode.config import EngineConfig, Limits
from copydecode.decode.receipt import Receipt
from copydecode.edit.document import Document
from copydecode.edit.fit import Window, fit, shift
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.edit.resolve import Hunk, hunks, resolve
from copydecode.errors import (
    BadInputError,
    BinaryDocumentError,
    ContextTooLongError,
    DocumentTooLargeError,
    EditCancelledError,
    EditStoppedError,
    EmptyInstructionError,
    ScopeError,
    UnreadableTextError,
)

if TYPE_CHECKING:  # At run time it would import torch.
    from copydecode.backends.local import LocalBackend
    from copydecode.decode.prompt import Prompt

_WARM_UP_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """The lines that an instruction is about, 1-based and inclusive.

    Where it is `locked`, no other line can change: the copies before and after it are forced.
    """

    first: int
    last: int
    locked: bool = True


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What to edit and how.

    `language` is an LSP language id where known ("python"). `limits` overrides the engine's. `name`
    is what the document is known by, whatever its version (a path, a URI): of a document with a
    name only the newest version is kept in the prefix cache.
    """

    text: str
    instruction: str
    scope: Scope | None = None
    language: str | None = None
    limits: Limits | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class EditResult:
    """The edit: the program over the whole document, the new text, its hunks and the receipt."""

    program: Program
    text: str
    hunks: tuple[Hunk, ...]
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is loaded, for status displays. `context` is in tokens."""

    name: str
    parameters: int
    context: int


class Engine:
    """Loads a model and edits documents with it."""

    def __init__(self, backend: LocalBackend, config: EngineConfig | None = None) -> None:
        """Edit with a backend that is there already; `load` is the usual way."""
        self._backend = backend
        self._config = config or EngineConfig()

    @classmethod
    def load(cls, config: EngineConfig | None = None) -> Engine:
        """Load the configured model and warm it with one small edit.

        Raises:
            ModelNotFoundError, ModelFormatError: with what was looked for and what was found.
            ConfigError: a model of ours was not trained for the way of decoding.
        """
        from copydecode.backends import local  # noqa: PLC0415  # imports torch

        config = config or EngineConfig()
        engine = cls(local.load(config), config)
        engine.warm()
        return engine

    @property
    def info(self) -> ModelInfo:
        """What is loaded."""
        backend = self._backend
        return ModelInfo(backend.name, backend.parameters, backend.context)

    def warm(self) -> None:
        """Run the first few steps of a small edit, so that the first real one is not slower."""
        limits = Limits(max_new_tokens=_WARM_UP_TOKENS)
        with suppress(EditStoppedError, ContextTooLongError):
            self.edit(EditRequest("a = 1\nb = 2\n", "delete line 1", limits=limits))

    def check(self, request: EditRequest) -> None:
        """Raise the BadInputError that `edit` would raise before any work, if there is one."""
        self._prompt(request)

    def read_ahead(
        self,
        text: str,
        scope: Scope | None = None,
        *,
        name: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> int:
        """Compute what edits of a document have in common, before one is asked for.

        An `edit` of the same text, with a scope that shows the same lines, then reads its
        instruction only. `cancelled` is asked before every forward; what was computed before it
        said so is kept. `name` is as in `EditRequest`.

        Returns:
            The number of prompt tokens that are held. 0 for what an edit would refuse, or cannot
            be shown without knowing more of the edit: it is the edit that says so.
        """
        try:
            document = self._document(text, scope)
            shown = self._backend.prompts.show(document, _lines(scope))
        except BadInputError:
            return 0
        if len(shown.tokens) >= self._backend.context:
            return 0
        return self._backend.read_ahead(shown, name=name, cancelled=cancelled)

    def edit(
        self,
        request: EditRequest,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[LineOp, Receipt], None] = lambda _op, _receipt: None,
    ) -> EditResult:
        """Run the model and return the edit.

        `cancelled` is asked at the start and before every forward. `on_op` gets each op when it
        closes, its lines counted in the document, with the receipt as it is then; the copy of the
        lines before a window comes first. What they say so far is told by `so_far`.

        Raises:
            BadInputError: what came in cannot be edited; nothing was computed. A program that
                outgrows the model's context ends with a ContextTooLongError, too.
            EditStoppedError: cancelled, over a limit, or the model wrote what is no text; there is
                no edit.
        """
        started = time.perf_counter()
        receipt = Receipt(model=self._backend.name)
        if cancelled():
            message = "the edit was cancelled"
            raise EditCancelledError(message)
        document, prompt = self._prompt(request)
        receipt.prompt_s = time.perf_counter() - started
        limits = request.limits or self._config.limits

        begun = False

        def on_visible_op(op: LineOp) -> None:
            nonlocal begun
            if not begun and prompt.window.first > 1:
                on_op(Copy(1, prompt.window.first - 1), receipt)
            begun = True
            on_op(shift(op, prompt.window), receipt)

        program = self._backend.run(
            prompt,
            limits,
            receipt,
            name=request.name,
            lock=self._lock(request.scope, prompt.window),
            cancelled=cancelled,
            on_op=on_visible_op,
        )
        _check_text(program, request)
        resolving = time.perf_counter()
        program = fit(program, document, prompt.window)
        text = resolve(program, document)
        changes = hunks(program, document)
        ended = time.perf_counter()
        receipt.resolve_s = ended - resolving
        receipt.total_s = ended - started
        return EditResult(program, text, changes, receipt)

    def _lock(self, scope: Scope | None, window: Window) -> tuple[int, int] | None:
        """Return the lines of the window that alone may change, None where all may."""
        if scope is None or not (scope.locked and self._config.scope_lock):
            return None
        return scope.first - window.first + 1, scope.last - window.first + 1

    def _prompt(self, request: EditRequest) -> tuple[Document, Prompt]:
        """Check a request and build its prompt."""
        if not request.instruction.strip():
            message = "expected an instruction, got an empty one"
            raise EmptyInstructionError(message)
        document = self._document(request.text, request.scope)
        _utf8_size(request.instruction)
        prompt = self._backend.prompts.build(
            document, request.instruction, _lines(request.scope), request.language
        )
        context = self._backend.context
        if len(prompt.tokens) >= context:
            message = (
                f"expected a prompt of less than {context} tokens, the model's context, found "
                f"{len(prompt.tokens)}: select fewer lines or shorten the instruction"
            )
            raise ContextTooLongError(message)
        return document, prompt

    def _document(self, text: str, scope: Scope | None) -> Document:
        """Check a text and a scope in it, and return the text as lines."""
        limit = self._config.max_document_bytes
        size = len(text)
        if size <= limit:  # Encoding a document that is too long in characters would be in vain.
            size = _utf8_size(text)
        if size > limit:
            message = f"expected a document of at most {limit} bytes, got at least {size}"
            raise DocumentTooLargeError(message)
        if "\0" in text:
            message = "expected text, found a NUL character: the document is binary"
            raise BinaryDocumentError(message)
        document = Document(text)
        if scope is not None and not 1 <= scope.first <= scope.last <= len(document):
            message = (
                f"expected a scope within lines 1 to {len(document)}, "
                f"got {scope.first} to {scope.last}"
            )
            raise ScopeError(message)
        return document


def _lines(scope: Scope | None) -> tuple[int, int] | None:
    return None if scope is None else (scope.first, scope.last)


def _check_text(program: Program, request: EditRequest) -> None:
    """Refuse new text with half a character or a NUL in it, unless it was there before.

    Tokens are bytes: a model can end a gen in the middle of a character, which decodes to U+FFFD.
    """
    new = "".join(op.text for op in program.ops if isinstance(op, Gen))
    for unwanted in ("\ufffd", "\0"):
        if unwanted in new and unwanted not in request.text + request.instruction:
            message = "expected text from the model, found bytes that are none: nothing was changed"
            raise UnreadableTextError(message)


def _utf8_size(text: str) -> int:
    """Return the number of bytes; BinaryDocumentError where a text cannot be written at all.

    JSON can carry half of a surrogate pair; no tokenizer takes one.
    """
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        message = f"expected text, found half of a surrogate pair at offset {error.start}"
        raise BinaryDocumentError(message) from error
