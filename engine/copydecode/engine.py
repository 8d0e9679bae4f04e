"""The facade: one request in, one edit out, of a document or of several files.

Importing it does not import torch; loading does. Several edits can be under way at once, forward
by forward. Knows nothing of LSP, disks or threads: the caller sees to it that one thread runs them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from copydecode.config import EngineConfig, Limits
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards, alone
from copydecode.decode.receipt import Receipt
from copydecode.decode.together import Together
from copydecode.decode.window import with_lines
from copydecode.edit.bundle import Bundle, BundleFile, fitted_programs, lent
from copydecode.edit.compose import Origins, cut, lift, origins
from copydecode.edit.document import Document
from copydecode.edit.fit import Window, fit, shift
from copydecode.edit.program import Copy, File, Gen, LineOp, Op, Program
from copydecode.edit.resolve import Hunk, hunks, resolve
from copydecode.errors import (
    BadInputError,
    BinaryDocumentError,
    ContextTooLongError,
    CopydecodeError,
    DeadlineExceededError,
    DocumentTooLargeError,
    EditCancelledError,
    EditStoppedError,
    EmptyInstructionError,
    ScopeError,
    UnreadableTextError,
    WithheldError,
)
from copydecode.files import FileEdit, FilesEdit, FilesRequest, FileText
from copydecode.imports import import_fix
from copydecode.self_check import new_errors, unmended

if TYPE_CHECKING:  # At run time it would import torch.
    from copydecode.backends.backend import Backend
    from copydecode.decode.prompt import Prompt

WAYS = 6
"""So many other programs are tried at most in place of one that something is wrong with."""

LIKELY_WITHIN = 5.0
"""In nats, 1 to 150: less likely decisions are no idea of the model's, and often delete lines."""

PATIENCE_S = 0.25
"""No further one is begun after that time, or after as long as the first one took to decode."""

_ROOM_TOKENS = 64
"""They may have twice the tokens that were written before, and so many more."""

_WARM_UP_TOKENS = 4

_Attempt = Callable[[Decisions], Forwards["EditResult"]]
"""Decodes an edit, and notes what was decided."""


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

    `language` is an LSP language id where known ("python"). `limits` and `max_document_bytes`
    override the engine's. `name` is what the document is known by, whatever its version (a path, a
    URI): of a document with a name only the newest version is kept in the prefix cache.

    `erase` are characters of the text, from the first up to the second offset, that the edit
    removes for certain (a comment that holds the instruction): the model does not see them. Where
    it changes nothing else, they stay, too. All line numbers, those of the result as well, are of
    `text` as it is.

    With `self_check` the instruction is a diagnostic, and a proposal that adds errors
    (`self_check.new_errors`) or leaves what the diagnostic says (`self_check.unmended`) is no
    result: other programs are tried, each of which goes another way at one decision.
    """

    text: str
    instruction: str
    scope: Scope | None = None
    language: str | None = None
    limits: Limits | None = None
    name: str | None = None
    erase: tuple[int, int] | None = None
    max_document_bytes: int | None = None
    self_check: bool = False


@dataclass(frozen=True, slots=True)
class EditResult:
    """The edit: the program over the whole document, the new text, its hunks and the receipt."""

    program: Program
    text: str
    hunks: tuple[Hunk, ...]
    receipt: Receipt


def combine(text: str, results: Sequence[EditResult]) -> EditResult:
    """Return the one edit that several make one after the other, the first of `text`.

    Lines that all of them copy are copied; the receipts are added up.
    """
    document = current = Document(text)
    program = _unchanged(document)
    for result in results:
        program = lift(result.program, current, origins(program, document))
        current = Document(result.text)
    receipt = Receipt.total(result.receipt for result in results)
    return EditResult(program, current.text, hunks(program, document), receipt)


def shown(text: str, scope: Scope | None, erase: tuple[int, int]) -> tuple[str, Scope | None]:
    """Return what a model sees of an edit that erases: the text without that, and the scope in it.

    Raises:
        ScopeError: as `Engine.edit`.
    """
    view = _View.without(Document(text), erase)
    return view.document.text, view.scope(scope)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is loaded, for status displays. `context` is in tokens.

    `cached_documents` prompts are held in the prefix cache, in `cache_bytes`. `remote` is the host
    that documents' text is sent to, None where it stays in this process.
    """

    name: str
    parameters: int
    context: int
    cached_documents: int = 0
    cache_bytes: int = 0
    remote: str | None = None


class Engine:
    """Loads a model and edits documents with it."""

    def __init__(self, backend: Backend, config: EngineConfig | None = None) -> None:
        """Edit with a backend that is there already; `load` is the usual way."""
        self._backend = backend
        self._config = config or EngineConfig()

    @classmethod
    def load(cls, config: EngineConfig | None = None) -> Engine:
        """Load the configured model and warm it with one small edit.

        Raises:
            ModelNotFoundError, ModelFormatError: with what was looked for and what was found.
            ConfigError: a model of ours was not trained for the way of decoding.
            RemoteError: the model server cannot be used.
        """
        from copydecode.backends import local, model_server  # noqa: PLC0415  # imports torch

        config = config or EngineConfig()
        backend = local.load(config) if config.remote_url is None else model_server.load(config)
        engine = cls(backend, config)
        engine.warm()
        return engine

    @property
    def info(self) -> ModelInfo:
        """What is loaded; may be asked for from any thread."""
        backend = self._backend
        return ModelInfo(
            backend.name,
            backend.parameters,
            backend.context,
            backend.cached_documents,
            backend.cache_bytes,
            backend.remote,
        )

    def warm(self) -> None:
        """Run the first few steps of a small edit, so that the first real one is not slower."""
        limits = Limits(max_new_tokens=_WARM_UP_TOKENS)
        with suppress(EditStoppedError, ContextTooLongError):
            self.edit(EditRequest("a = 1\nb = 2\n", "delete line 1", limits=limits))

    def check(self, request: EditRequest) -> None:
        """Raise the BadInputError that `edit` would raise before any work, if there is one."""
        view = self._view(request)
        self._prompt(_precisely(request, view), view)

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
            document = self._document(text, scope, self._config.max_document_bytes)
            visible = self._backend.prompts.show(document, _lines(scope))
        except BadInputError:
            return 0
        if len(visible.tokens) >= self._backend.context:
            return 0
        return self._backend.read_ahead(visible, name=name, cancelled=cancelled)

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
        lines before a window comes first. What they say so far is told by `so_far`. Of the program
        that takes the place of a refused one no op is told.

        Raises:
            BadInputError: what came in cannot be edited; nothing was computed. A program that
                outgrows the model's context ends with a ContextTooLongError, too.
            EditStoppedError: cancelled, over a limit, the model wrote what is no text, or what was
                to be checked adds errors; there is no edit.
        """
        return alone(self.editing(request, cancelled=cancelled, on_op=on_op))

    def together(self) -> Together[EditResult]:
        """Return what runs several edits at once; `editing` makes what it is given.

        It takes any number; `EngineConfig.max_together` is for whoever begins them.
        """
        return Together(self._backend.pays)

    def editing(
        self,
        request: EditRequest,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[LineOp, Receipt], None] = lambda _op, _receipt: None,
    ) -> Forwards[EditResult]:
        """Do as `edit`, by forwards that whoever drives the generator runs."""
        started = time.perf_counter()
        receipt = Receipt(model=self._backend.name)
        if cancelled():
            message = "the edit was cancelled"
            raise EditCancelledError(message)
        view = self._view(request)
        asked = _precisely(request, view)
        prompt = self._prompt(asked, view)
        receipt.prompt_s = time.perf_counter() - started
        limits = request.limits or self._config.limits

        begun = False

        def tell(op: LineOp) -> None:
            for told in view.lift(Program((op,))).line_ops:
                on_op(told, receipt)

        def on_visible_op(op: Op) -> None:
            nonlocal begun
            if not begun and prompt.window.first > 1:
                tell(Copy(1, prompt.window.first - 1))
            begun = True
            for line_op in Program((op,)).line_ops:
                tell(shift(line_op, prompt.window))

        def attempt(decisions: Decisions) -> Forwards[EditResult]:
            again = decisions.fork is not None
            spent = time.perf_counter() - started
            written = receipt.generated_tokens + receipt.forced_tokens
            program = yield from self._backend.decoding(
                prompt,
                limits.less(spent, 2 * written + _ROOM_TOKENS) if again else limits,
                receipt,
                name=request.name,
                lock=self._lock(view.scope(asked.scope), prompt.window),
                cancelled=cancelled,
                on_op=(lambda _op: None) if again else on_visible_op,
                decisions=decisions,
            )
            _check_text(program, request.text + request.instruction)
            return _resolved(program, request, view, prompt.window, receipt)

        result, decisions = yield from self._best(request, receipt, attempt)
        receipt.log_prob, receipt.weakest_log_prob = decisions.log_prob, decisions.weakest
        receipt.confidence = self._backend.confidence(decisions)
        receipt.total_s = time.perf_counter() - started
        return result

    def _best(
        self, request: EditRequest, receipt: Receipt, attempt: _Attempt
    ) -> Forwards[tuple[EditResult, Decisions]]:
        """Return the first edit, or where something is wrong with it the best one that is right.

        An edit that changes nothing stays where none is right: its diagnostic may be out of date.

        Raises:
            WithheldError, UnreadableTextError: what is wrong with the first one, and none is right.
        """
        decisions = Decisions()
        refusal: WithheldError | UnreadableTextError
        result = None
        try:
            result = yield from attempt(decisions)
            if not (found := self._wrong(request, result)):
                return result, decisions
            refusal = WithheldError(found)
        except UnreadableTextError as error:
            refusal = error
        better = yield from self._instead(request, decisions, receipt, attempt)
        if better is not None:
            return better
        if result is not None and result.text == request.text:
            return result, decisions
        raise refusal

    def _instead(
        self, request: EditRequest, first: Decisions, receipt: Receipt, attempt: _Attempt
    ) -> Forwards[tuple[EditResult, Decisions] | None]:
        """Return the best edit that nothing is wrong with, and what was decided; None without one.

        Each that is tried goes another way than the `first` at one decision, those before others
        where the model was the least sure.
        """
        started = time.perf_counter()
        patience = max(PATIENCE_S, receipt.decode_s + receipt.grammar_s)
        for fork in first.nearest(WAYS, LIKELY_WITHIN):
            if time.perf_counter() - started > patience:
                break
            receipt.retries += 1
            decisions = Decisions(fork)
            try:
                result = yield from attempt(decisions)
            except EditCancelledError:
                raise
            except (EditStoppedError, ContextTooLongError):
                continue
            if result.text != request.text and not self._wrong(request, result):
                return result, decisions
        return None

    def _wrong(self, request: EditRequest, result: EditResult) -> list[str]:
        """Return what is wrong with an edit, where that is to be looked at.

        That are errors that it adds, or else those that the diagnostic speaks of and it leaves.
        """
        if not (request.self_check and self._config.self_check):
            return []
        started = time.perf_counter()
        texts = request.text, result.text, request.language
        lines = _lines(request.scope)
        found = new_errors(*texts) or unmended(*texts, request.instruction, lines)
        result.receipt.check_s += time.perf_counter() - started
        return found

    def edit_files(
        self,
        request: FilesRequest,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[str, LineOp, Receipt], None] = lambda _path, _op, _receipt: None,
    ) -> FilesEdit:
        """Edit several files: by one program over all of them, where the model writes such ones.

        Else one after the other, with a program each; those that are not editable are left out.
        `cancelled` is as in `edit`. `on_op` gets the path of a file and an op of its program, its
        lines counted in that file, with the receipt as it is then.

        Raises:
            FilesError: the files cannot be told apart, or none of them may be changed.
            BadInputError, EditStoppedError: as `edit`; there is no edit of any file then. What is
                about one file names its path.
        """
        return alone(self.editing_files(request, cancelled=cancelled, on_op=on_op))

    def editing_files(
        self,
        request: FilesRequest,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_op: Callable[[str, LineOp, Receipt], None] = lambda _path, _op, _receipt: None,
    ) -> Forwards[FilesEdit]:
        """Do as `edit_files`, by forwards that whoever drives the generator runs."""
        started = time.perf_counter()
        if cancelled():
            message = "the edit was cancelled"
            raise EditCancelledError(message)
        _require_instruction(request.instruction)
        bundle = self._bundle(request)
        edit = self._edit_each if self._backend.files is None else self._edit_together
        result = yield from edit(request, bundle, cancelled, on_op)
        result.receipt.total_s = time.perf_counter() - started
        return result

    def _bundle(self, request: FilesRequest) -> Bundle:
        """Check the files of a request, and return them as a bundle."""
        limit = request.max_document_bytes or self._config.max_document_bytes
        files: list[BundleFile] = []
        for file in request.files:
            with _about(file.path):
                document = self._document(file.text, None, limit)
            files.append(BundleFile(file.path, document, file.editable))
        return Bundle(tuple(files))

    def _edit_together(
        self,
        request: FilesRequest,
        bundle: Bundle,
        cancelled: Callable[[], bool],
        on_op: Callable[[str, LineOp, Receipt], None],
    ) -> Forwards[FilesEdit]:
        started = time.perf_counter()
        receipt = Receipt(model=self._backend.name)
        assert self._backend.files is not None  # noqa: S101  # asked for before
        _utf8_size(request.instruction)
        languages = {file.language for file in request.files if file.editable}
        language = languages.pop() if len(languages) == 1 else None
        prompt = self._backend.files.build_files(bundle, request.instruction, language)
        self._require_room(prompt)
        receipt.prompt_s = time.perf_counter() - started
        index = 0

        def tell(op: Op) -> None:
            nonlocal index
            if isinstance(op, File):
                index = bundle.index(op.path)
                return
            for line_op in Program((op,)).line_ops:
                on_op(bundle.files[index].path, bundle.seen(line_op, index), receipt)

        decisions = Decisions()
        names = [file.name for file in request.files if file.name is not None]
        program = yield from self._backend.decoding(
            prompt,
            request.limits or self._config.limits,
            receipt,
            name="\n".join(names) if len(names) == len(request.files) else None,
            lock=None,
            cancelled=cancelled,
            on_op=tell,
            decisions=decisions,
        )
        receipt.log_prob, receipt.weakest_log_prob = decisions.log_prob, decisions.weakest
        receipt.confidence = self._backend.confidence(decisions)
        texts = [file.text for file in request.files]
        _check_text(program, "".join([*texts, request.instruction]))
        resolving = time.perf_counter()
        programs, lines = fitted_programs(program, bundle), lent(program, bundle)
        edits = tuple(
            _file_edit(file, programs.get(file.path), lines.get(file.path, ()))
            for file in bundle.files
        )
        receipt.resolve_s = time.perf_counter() - resolving
        return FilesEdit(edits, receipt, together=True)

    def _edit_each(
        self,
        request: FilesRequest,
        bundle: Bundle,
        cancelled: Callable[[], bool],
        on_op: Callable[[str, LineOp, Receipt], None],
    ) -> Forwards[FilesEdit]:
        limits = request.limits or self._config.limits
        started = time.perf_counter()

        def single(file: FileText) -> EditRequest:
            return EditRequest(
                text=file.text,
                instruction=request.instruction,
                language=file.language,
                name=file.name,
                max_document_bytes=request.max_document_bytes,
            )

        for file in request.files:  # Before any work: what one of them cannot have, none has.
            if file.editable:
                with _about(file.path):
                    self.check(single(file))
        edits: list[FileEdit] = []
        receipts: list[Receipt] = []
        for file, shown_file in zip(request.files, bundle.files, strict=True):
            if not file.editable:
                edits.append(_file_edit(shown_file))
                continue

            def tell(op: LineOp, receipt: Receipt, path: str = file.path) -> None:
                on_op(path, op, receipt)

            with _about(file.path):
                left = _limits_left(limits, time.perf_counter() - started)
                result = yield from self.editing(
                    replace(single(file), limits=left), cancelled=cancelled, on_op=tell
                )
            edits.append(FileEdit(file.path, result.program, result.text, result.hunks))
            receipts.append(result.receipt)
        return FilesEdit(tuple(edits), Receipt.total(receipts), together=False)

    def _lock(self, scope: Scope | None, window: Window) -> tuple[int, int] | None:
        """Return the lines of the window that alone may change, None where all may."""
        if scope is None or not (scope.locked and self._config.scope_lock):
            return None
        return scope.first - window.first + 1, scope.last - window.first + 1

    def _view(self, request: EditRequest) -> _View:
        """Check a request and return what of its document a model may see."""
        _require_instruction(request.instruction)
        limit = request.max_document_bytes or self._config.max_document_bytes
        document = self._document(request.text, request.scope, limit)
        if request.erase is None:
            return _View(document)
        return _View.without(document, request.erase)

    def _prompt(self, request: EditRequest, view: _View) -> Prompt:
        """Build the prompt of a request."""
        _utf8_size(request.instruction)
        prompt = self._backend.prompts.build(
            view.document,
            view.instruction(request.instruction),
            _lines(view.scope(request.scope)),
            request.language,
        )
        self._require_room(prompt)
        return prompt

    def _require_room(self, prompt: Prompt) -> None:
        """Refuse a prompt that the model's context does not hold."""
        context = self._backend.context
        if len(prompt.tokens) >= context:
            message = (
                f"expected a prompt of less than {context} tokens, the model's context, found "
                f"{len(prompt.tokens)}: select fewer lines or shorten the instruction"
            )
            raise ContextTooLongError(message)

    @staticmethod
    def _document(text: str, scope: Scope | None, limit: int) -> Document:
        """Check a text of at most `limit` bytes and a scope in it; return the text as lines."""
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


@dataclass(frozen=True, slots=True)
class _View:
    """The document that a model sees; `erased` where it is not the one that is edited.

    `erased` has the origins of the view's lines, and the first and last line of the edited
    document that are cut into.
    """

    document: Document
    erased: tuple[Origins, int, int] | None = None

    @classmethod
    def without(cls, document: Document, erase: tuple[int, int]) -> _View:
        """Return the view without some characters.

        Raises:
            ScopeError: they are not within the text.
        """
        start, end = erase
        if not 0 <= start <= end <= len(document.text):
            message = (
                f"expected characters to erase within 0 to {len(document.text)}, got {start} to "
                f"{end}"
            )
            raise ScopeError(message)
        visible, lines = cut(document, start, end)
        first = len(Document(document.text[:start] + ".").lines)
        last = len(Document(document.text[:end] + ".").lines)
        return cls(visible, (lines, first, last))

    def scope(self, scope: Scope | None) -> Scope | None:
        """Return where a scope lies in the view; where nothing of it is left, the nearest line."""
        if scope is None or self.erased is None:
            return scope
        lines, first, last = self.erased
        if not lines:
            return None
        touched = scope.first <= last and first <= scope.last
        inside = [
            number
            for number, line in enumerate(lines, 1)
            if (touched if line is None else scope.first <= line <= scope.last)
        ]
        if not inside:
            before = sum(line is not None and line < scope.first for line in lines)
            inside = [min(before + 1, len(lines))]
        return Scope(inside[0], inside[-1], locked=scope.locked)

    def instruction(self, instruction: str) -> str:
        """Return an instruction that names lines of the document with their numbers in the view."""
        if self.erased is None:
            return instruction
        numbers = {line: k for k, line in enumerate(self.erased[0], 1) if line is not None}
        return with_lines(instruction, numbers)

    def lift(self, program: Program) -> Program:
        """Return a program over the view as one over the document that is edited."""
        return program if self.erased is None else lift(program, self.document, self.erased[0])


def _resolved(
    program: Program, request: EditRequest, view: _View, window: Window, receipt: Receipt
) -> EditResult:
    """Return the edit that a program over a window of the view makes."""
    resolving = time.perf_counter()
    document = Document(request.text)
    program = fit(program, view.document, window)
    if resolve(program, view.document) == view.document.text:
        program = _unchanged(document)  # With nothing done, nothing is erased.
    else:
        program = view.lift(program)
    result = EditResult(program, resolve(program, document), hunks(program, document), receipt)
    receipt.resolve_s += time.perf_counter() - resolving
    return result


def _unchanged(document: Document) -> Program:
    return Program((Copy(1, len(document)),) if len(document) else ())


def _precisely(request: EditRequest, view: _View) -> EditRequest:
    """Return a request whose words say what to write and where, where everyone knows (`imports`).

    Only within the lines of a locked scope, or at their borders: no other line changes by it.
    """
    if request.language != "python" or view.erased is not None:
        return request
    scope = request.scope
    fix = import_fix(request.instruction, view.document.lines)
    if fix is None or not (
        scope is None or not scope.locked or fix.keeps_to(scope.first, scope.last)
    ):
        return request
    return replace(request, instruction=fix.instruction, scope=Scope(fix.line, fix.line))


def _lines(scope: Scope | None) -> tuple[int, int] | None:
    return None if scope is None else (scope.first, scope.last)


def _require_instruction(instruction: str) -> None:
    if not instruction.strip():
        message = "expected an instruction, got an empty one"
        raise EmptyInstructionError(message)


@contextmanager
def _about(path: str) -> Iterator[None]:
    """Say which file an error is about; a cancelled edit is about none."""
    try:
        yield
    except EditCancelledError:
        raise
    except CopydecodeError as error:
        message = f"{path}: {error}"
        raise type(error)(message) from error


def _limits_left(limits: Limits, spent_s: float) -> Limits:
    """Return the limits with the deadline that is left.

    Raises:
        DeadlineExceededError: none is left.
    """
    if limits.deadline_s is None:
        return limits
    if spent_s >= limits.deadline_s:
        message = f"expected all files to be edited within {limits.deadline_s} s"
        raise DeadlineExceededError(message)
    return replace(limits, deadline_s=limits.deadline_s - spent_s)


def _file_edit(
    file: BundleFile, program: Program | None = None, lines: tuple[tuple[int, int], ...] = ()
) -> FileEdit:
    """Return what a program makes of a file; without one it stays as it is."""
    program = _unchanged(file.document) if program is None else program
    text = resolve(program, file.document)
    return FileEdit(file.path, program, text, hunks(program, file.document), lines)


def _check_text(program: Program, known: str) -> None:
    """Refuse new text with half a character or a NUL in it, unless `known` text has it.

    Tokens are bytes: a model can end a gen in the middle of a character, which decodes to U+FFFD.
    """
    new = "".join(op.text for op in program.ops if isinstance(op, Gen))
    for unwanted in ("\ufffd", "\0"):
        if unwanted in new and unwanted not in known:
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
