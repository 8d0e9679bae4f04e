"""Open documents as immutable snapshots with versions, and the changes between them.

pygls' own documents are not used: they cut lines with `str.splitlines()`, which also cuts at form
feeds and U+2028, where LSP does not. Knows nothing of edits or models.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import count
from operator import itemgetter
from urllib.parse import unquote
from weakref import WeakValueDictionary

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Change, Document, change_between
from copydecode_lsp.convert import apply_changes
from copydecode_lsp.failures import (
    LostDocumentError,
    ReadOnlyDocumentError,
    StaleDocumentError,
    UnknownDocumentError,
)

REMEMBERED = 1000
"""How many versions back the changes of a document are known."""

READ_ONLY_SCHEMES = frozenset({"debug", "git", "gitlens", "jdt", "output"})
"""What no client lets anybody edit: older versions, sources of libraries, what a program said."""

CELL = "vscode-notebook-cell:"
"""How the addresses of cells begin that a client opens without telling of their notebook."""

_serials = count()


@dataclass(frozen=True)
class Snapshot:
    """One version of one open document, or of a cell of an open notebook.

    `notebook` is the address of the notebook that it is a cell of.
    `history` holds what was changed since the document was opened, or in the last `REMEMBERED`
    versions: for each the `serial` of the snapshot before, and the changes of its lines.
    """

    uri: str
    version: int
    document: Document = field(repr=False)
    language: str | None = None
    notebook: str | None = None
    history: tuple[tuple[int, tuple[Change, ...]], ...] = field(
        default=(), repr=False, compare=False
    )
    serial: int = field(default_factory=lambda: next(_serials), repr=False, compare=False)

    @property
    def text(self) -> str:
        """The whole text."""
        return self.document.text

    @cached_property
    def digest(self) -> str:
        """What tells this text from another one of the same version: clients count anew."""
        return blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    @property
    def is_cell(self) -> bool:
        """Whether it is a part of a notebook."""
        return self.notebook is not None or self.uri.startswith(CELL)

    @property
    def read_only(self) -> bool:
        """Whether the client only shows it, as its address tells."""
        return self.uri.partition(":")[0].lower() in READ_ONLY_SCHEMES

    def require_editable(self) -> None:
        """Raise where the document is only shown.

        Raises:
            ReadOnlyDocumentError: it is.
        """
        if self.read_only:
            message = "expected a document that can be edited, found one that is only shown"
            raise ReadOnlyDocumentError(message)


class Snapshots:
    """The newest snapshot of every open document, and older ones as long as somebody holds them.

    Written by the event loop only; all that only reads may be done from any thread.
    """

    def __init__(self) -> None:
        self._open: dict[str, Snapshot] = {}
        self._versions: WeakValueDictionary[tuple[str, int], Snapshot] = WeakValueDictionary()

    def open(self, item: lsp.TextDocumentItem, notebook: str | None = None) -> None:
        """Begin to keep a document, or a cell of a notebook."""
        document, language = Document(item.text), item.language_id or None
        self._keep(Snapshot(item.uri, item.version, document, language, notebook))

    def change(
        self,
        uri: str,
        version: int,
        changes: Sequence[lsp.TextDocumentContentChangeEvent],
        codec: PositionCodec,
    ) -> None:
        """Replace a document's snapshot by one with the changes made.

        Raises:
            UnknownDocumentError: the document is not open.
            LostDocumentError: the changes do not fit it; it counts as closed from here on.
        """
        old = self.get(uri)
        document = old.document
        changed: list[Change] = []
        try:
            for text in apply_changes(old.text, changes, codec):
                before, document = document, Document(text)
                if (change := change_between(before, document)) is not None:
                    changed.append(change)
        except ValueError as error:
            # The client's text is another one now: an edit of ours would hit the wrong lines.
            self.close(uri)
            message = f"a change does not fit the document {uri}, open it again: {error}"
            raise LostDocumentError(message) from error
        history = (*old.history, (old.serial, tuple(changed)))[-REMEMBERED:]
        self._keep(
            Snapshot(old.uri, version, document, old.language, old.notebook, history=history)
        )

    def close(self, uri: str) -> None:
        """Forget a document; one that is not open is not an error."""
        self._open.pop(_key(uri), None)

    def close_notebook(self, uri: str) -> None:
        """Forget all cells of a notebook; one that is not open is not an error."""
        self._open = {
            key: snapshot
            for key, snapshot in self._open.items()
            if snapshot.notebook is None or _key(snapshot.notebook) != _key(uri)
        }

    def lose(self, params: object) -> None:
        """Forget what a didChange that could not be read is about: its text is not known now."""
        match params:
            case {"textDocument": {"uri": str(uri)}}:
                self.close(uri)
            case {"notebookDocument": {"uri": str(uri)}}:
                self.close_notebook(uri)
            case _:
                self._open.clear()

    def view(self) -> Snapshots:
        """Return what is open now; it stays so, whatever comes."""
        view = Snapshots()
        view._open, view._versions = dict(self._open), self._versions
        return view

    def get(self, uri: str) -> Snapshot:
        """Return the newest snapshot.

        Raises:
            UnknownDocumentError: the document is not open.
        """
        if (snapshot := self._open.get(_key(uri))) is None:
            message = f"expected an open document, found none at {uri}"
            raise UnknownDocumentError(message)
        return snapshot

    def at(self, uri: str, version: int, digest: str | None = None) -> Snapshot:
        """Return the snapshot of a version: the newest, or an older one that is still in use.

        Raises:
            UnknownDocumentError: the document is not open.
            StaleDocumentError: the version is not known any more, or its text is not the one of the
                `digest`: the document was closed since, and opened with another text.
        """
        newest = self.get(uri)
        found = newest if newest.version == version else self._versions.get((_key(uri), version))
        if found is None:
            message = f"the action is for version {version}, the document is at {newest.version}"
            raise StaleDocumentError(message)
        if digest is not None and digest != found.digest:
            message = f"the action is for another text than the one that is version {version} now"
            raise StaleDocumentError(message)
        return found

    def changes_since(self, snapshot: Snapshot) -> tuple[Change, ...] | None:
        """Return what was changed from a snapshot to the newest one; None where that is not known.

        That is so where the document was closed since, or changed too often.
        """
        newest = self._open.get(_key(snapshot.uri))
        if newest is None or newest is snapshot:
            return None if newest is None else ()
        if not newest.history or newest.history[0][0] > snapshot.serial:
            return None
        since = bisect_left(newest.history, snapshot.serial, key=itemgetter(0))
        return tuple(change for _, changes in newest.history[since:] for change in changes)

    def newest(self, snapshot: Snapshot) -> Snapshot:
        """Return the newest snapshot of a snapshot's document.

        Raises:
            StaleDocumentError: the document was closed.
        """
        if (newest := self._open.get(_key(snapshot.uri))) is None:
            message = "the document was closed"
            raise StaleDocumentError(message)
        return newest

    def home(self, uri: str) -> str:
        """Return the address that says where a document lies: of a cell its notebook's."""
        snapshot = self._open.get(_key(uri))
        return uri if snapshot is None or snapshot.notebook is None else snapshot.notebook

    def all(self) -> tuple[Snapshot, ...]:
        """Return the newest snapshot of every open document."""
        return tuple(self._open.values())

    def is_current(self, snapshot: Snapshot) -> bool:
        """Return whether the snapshot is still the newest of its document."""
        return self._open.get(_key(snapshot.uri)) is snapshot

    def require_current(self, snapshot: Snapshot) -> None:
        """Raise where the snapshot is not the newest any more.

        Raises:
            StaleDocumentError: the document changed or was closed.
        """
        if not self.is_current(snapshot):
            message = f"the document has moved on from version {snapshot.version}"
            raise StaleDocumentError(message)

    def _keep(self, snapshot: Snapshot) -> None:
        key = _key(snapshot.uri)
        self._open[key] = self._versions[key, snapshot.version] = snapshot


def _key(uri: str) -> str:
    # Clients differ in what they percent-encode, and some in one message from the next. Names that
    # are no UTF-8 stay apart.
    return unquote(uri, errors="surrogateescape")
