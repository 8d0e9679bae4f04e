"""The facade: one request in, one edit out, of a document or of several files.

Importing it does not import torch; loading does. Several edits can be under way at once, forward
by forward. Knows nothing of LSP, disks or threads: the caller sees to it that one thread runs them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from copydecode.checks import checked_document, require_instruction, require_text, utf8_size
from copydecode.config import EngineConfig, Limits, RemoteApi
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards, alone
from copydecode.decode.receipt import Receipt
from copydecode.decode.together import Together
from copydecode.edit.bundle import Bundle, BundleFile, fitted_programs, lent
from copydecode.edit.document import Document
from copydecode.edit.fit import Window, fit, shift
from copydecode.edit.program import Copy, File, LineOp, Op, Program
from copydecode.edit.resolve import hunks, resolve
from copydecode.edits import EditRequest, EditResult, Scope, unchanged
from copydecode.errors import (
    BadInputError,
    ContextTooLongError,
    CopydecodeError,
    DeadlineExceededError,
    EditCancelledError,
    EditStoppedError,
    UnreadableTextError,
    WithheldError,
)
from copydecode.files import FileEdit, FilesEdit, FilesRequest, FileText
from copydecode.self_check import new_errors, unmended
from copydecode.view import View, precisely

if TYPE_CHECKING:  # At run time it would import torch.
    from copydecode.backends.backend import Asked, Backend

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

    def __init__(self, backend: Backend[Any, Any], config: EngineConfig | None = None) -> None:
        """Edit with a backend that is there already; `load` is the usual way."""
        self._backend = backend
        self._config = config or EngineConfig()

    @classmethod
    def load(cls, config: EngineConfig | None = None) -> Engine:
        """Load the configured model and warm it with one small edit.

        A chat model is not warmed: it was asked for a small edit when it was tried.

        Raises:
            ModelNotFoundError, ModelFormatError: with what was looked for and what was found.
            ConfigError: a model of ours was not trained for the way of decoding.
            RemoteError: the model server cannot be used.
        """
        config = config or EngineConfig()
        if config.remote_url is not None and config.remote_api is RemoteApi.CHAT:
            from copydecode.backends import chat  # noqa: PLC0415  # without torch

            return cls(chat.load(config), config)
        from copydecode.backends import local, model_server  # noqa: PLC0415  # imports torch

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
            self.edit(EditRequest("a = 1\nb = 2\n", "delete line 1", None, "python", limits))

    def check(self, request: EditRequest) -> None:
        """Raise the BadInputError that `edit` would raise before any work, if there is one."""
        view = self._view(request)
        self._prompt(precisely(request, view), view)

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
            document = checked_document(text, scope, self._config.max_document_bytes)
            visible = self._backend.prompts.show(document, _lines(scope))
        except BadInputError:
            return 0
        if visible.size >= self._backend.context:
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
        asked = precisely(request, view)
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
            require_text(program, request.text + request.instruction)
            return _resolved(program, request, view, prompt.window, receipt)

        result, decisions = yield from self._best(request, receipt, attempt)
        receipt.log_prob, receipt.weakest_log_prob = decisions.log_prob, decisions.weakest
        receipt.as_promised = decisions.as_promised
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
        require_instruction(request.instruction)
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
                document = checked_document(file.text, None, limit)
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
        utf8_size(request.instruction)
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
        receipt.as_promised = decisions.as_promised
        receipt.confidence = self._backend.confidence(decisions)
        texts = [file.text for file in request.files]
        require_text(program, "".join([*texts, request.instruction]))
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

    def _view(self, request: EditRequest) -> View:
        """Check a request and return what of its document a model may see."""
        require_instruction(request.instruction)
        limit = request.max_document_bytes or self._config.max_document_bytes
        document = checked_document(request.text, request.scope, limit)
        if request.erase is None:
            return View(document)
        return View.without(document, request.erase)

    def _prompt(self, request: EditRequest, view: View) -> Asked:
        """Build the prompt of a request."""
        utf8_size(request.instruction)
        prompt: Asked = self._backend.prompts.build(
            view.document,
            view.instruction(request.instruction),
            _lines(view.scope(request.scope)),
            request.language,
            # What is erased is a comment with the words: what it is about is a guess.
            selected=request.erase is None,
        )
        self._require_room(prompt)
        return prompt

    def _require_room(self, prompt: Asked) -> None:
        """Refuse a prompt that the model's context does not hold."""
        context = self._backend.context
        if prompt.size >= context:
            message = (
                f"expected a prompt of less than {context} tokens, the model's context, found "
                f"{prompt.size}: select fewer lines or shorten the instruction"
            )
            raise ContextTooLongError(message)


def _resolved(
    program: Program, request: EditRequest, view: View, window: Window, receipt: Receipt
) -> EditResult:
    """Return the edit that a program over a window of the view makes."""
    resolving = time.perf_counter()
    document = Document(request.text)
    program = fit(program, view.document, window)
    if resolve(program, view.document) == view.document.text:
        program = unchanged(document)  # With nothing done, nothing is erased.
    else:
        program = view.lift(program)
    result = EditResult(program, resolve(program, document), hunks(program, document), receipt)
    receipt.resolve_s += time.perf_counter() - resolving
    return result


def _lines(scope: Scope | None) -> tuple[int, int] | None:
    return None if scope is None else (scope.first, scope.last)


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
    program = unchanged(file.document) if program is None else program
    text = resolve(program, file.document)
    return FileEdit(file.path, program, text, hunks(program, file.document), lines)
