"""Work-done progress: with the client's token at once, or with our own after a moment.

Messages name lines and counts, never document text. Knows nothing of edits but their ops.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.progress import Progress

from copydecode import Copy, Document, Gen, Receipt

DELAY_S = 0.2
"""Work that ends sooner shows no progress: a flash tells nobody anything."""

_log = logging.getLogger(__name__)


class Report:
    """One piece of work as the client sees it; says nothing until it is begun."""

    def __init__(
        self, progress: Progress, title: str, on_cancel: Callable[[], None] | None
    ) -> None:
        self._progress = progress
        self._title = title
        self._on_cancel = on_cancel
        self._message: str | None = None
        self._token: lsp.ProgressToken | None = None
        self._done = False

    def say(self, message: str) -> None:
        """Show how far the work is."""
        self._message = message
        if self._token is not None:
            self._progress.report(self._token, lsp.WorkDoneProgressReport(message=message))

    def begin(self, token: lsp.ProgressToken) -> None:
        """Begin under a token that the client knows."""
        if self._done:
            return
        self._progress.begin(
            token,
            lsp.WorkDoneProgressBegin(
                title=self._title,
                message=self._message,
                cancellable=self._on_cancel is not None,
            ),
        )
        self._token = token
        # pygls cancels the token's future on window/workDoneProgress/cancel.
        self._progress.tokens[token].add_done_callback(self._token_cancelled)

    def end(self) -> None:
        """End, if it ever began."""
        self._done = True
        if self._token is not None:
            self._progress.end(self._token, lsp.WorkDoneProgressEnd())
            self._progress.tokens.pop(self._token, None)
            self._token = None

    def _token_cancelled(self, future: Future[None]) -> None:
        if future.cancelled() and self._on_cancel is not None and not self._done:
            self._on_cancel()


@asynccontextmanager
async def reporting(
    progress: Progress,
    title: str,
    *,
    token: lsp.ProgressToken | None = None,
    may_create: bool,
    on_cancel: Callable[[], None] | None = None,
) -> AsyncIterator[Report]:
    """Report a piece of work while the block runs.

    With the client's `token` it begins at once; else, where the client supports it (`may_create`),
    under a token of our own after `DELAY_S`. `on_cancel` is called on the event loop when
    the user cancels from the progress display.
    """
    report = Report(progress, title, on_cancel)
    opener: asyncio.Task[None] | None = None
    if token is not None:
        report.begin(token)
    elif may_create:
        opener = asyncio.create_task(_open_later(progress, report))
    try:
        yield report
    finally:
        report.end()
        if opener is not None and not opener.done():
            opener.cancel()


def describe(ops: Sequence[Copy | Gen], receipt: Receipt) -> str:
    """Say how far a program is, in counts: its last op, its hunks, the model's tokens per second.

    The tokens are those that the model wrote: what it decided and the grammar forced, nothing that
    was copied. The seconds are those of its forwards and of the grammar, without the prompt's.
    """
    message = _describe(ops[-1])
    if hunks := count_hunks(ops):
        message += f"; {hunks} hunk{'' if hunks == 1 else 's'}"
    if receipt.forwards and receipt.decode_s > 0:
        written = receipt.generated_tokens + receipt.forced_tokens
        message += f"; {written / (receipt.decode_s + receipt.grammar_s):.0f} tokens/s"
    return message


def count_hunks(ops: Iterable[Copy | Gen]) -> int:
    """Return in how many places ops, told from the document's start, leave it other than it is."""
    found = 0
    at = 1  # The line that comes next where nothing changes.
    changing = False
    for op in ops:
        if isinstance(op, Gen):
            found += not changing and bool(op.text)
            changing = changing or bool(op.text)
        else:
            found += not changing and op.first != at
            at, changing = op.last + 1, False
    return found


def _describe(op: Copy | Gen) -> str:
    match op:
        case Copy(first, last) if first == last:
            return f"copied line {first}"
        case Copy(first, last):
            return f"copied lines {first}-{last}"
        case Gen(text):
            lines = len(Document(text))
            return f"new text, {lines} line{'' if lines == 1 else 's'}"


async def _open_later(progress: Progress, report: Report) -> None:
    await asyncio.sleep(DELAY_S)
    token = str(uuid.uuid4())
    try:
        # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
        await asyncio.shield(progress.create_async(token))
    except JsonRpcException as error:
        _log.info("the client refused a progress token: %s", error)
    else:
        report.begin(token)
