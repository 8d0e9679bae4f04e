"""Open documents as immutable snapshots with versions.

pygls' own documents are not used: they cut lines with `str.splitlines()`, which also cuts at form
feeds and U+2028, where LSP does not. Knows nothing of edits or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Document
from copydecode_lsp.convert import apply_changes
from copydecode_lsp.failures import (
    LostDocumentError,
    StaleDocumentError,
    UnknownDocumentError,
)


@dataclass(frozen=True)
class Snapshot:
    """One version of one open document."""

    uri: str
    version: int
    text: str = field(repr=False)
    language: str | None = None

    @cached_property
    def document(self) -> Document:
        """The text as lines."""
        return Document(self.text)


class Snapshots:
    """The newest snapshot of every open document.

    Written by the event loop only; `is_current` may be asked from any thread.
    """

    def __init__(self) -> None:
        self._open: dict[str, Snapshot] = {}

    def open(self, item: lsp.TextDocumentItem) -> None:
        """Begin to keep a document."""
        self._open[_key(item.uri)] = Snapshot(
            item.uri, item.version, item.text, item.language_id or None
        )

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
        try:
            text = apply_changes(old.text, changes, codec)
        except ValueError as error:
            # The client's text is another one now: an edit of ours would hit the wrong lines.
            self.close(uri)
            message = f"a change does not fit the document {uri}, open it again: {error}"
            raise LostDocumentError(message) from error
        self._open[_key(uri)] = Snapshot(old.uri, version, text, old.language)

    def close(self, uri: str) -> None:
        """Forget a document; one that is not open is not an error."""
        self._open.pop(_key(uri), None)

    def lose(self, params: object) -> None:
        """Forget the document of a didChange that could not be read: its text is not known now."""
        match params:
            case {"textDocument": {"uri": str(uri)}}:
                self.close(uri)
            case _:
                self._open.clear()

    def get(self, uri: str) -> Snapshot:
        """Return the newest snapshot.

        Raises:
            UnknownDocumentError: the document is not open.
        """
        if (snapshot := self._open.get(_key(uri))) is None:
            message = f"expected an open document, found none at {uri}"
            raise UnknownDocumentError(message)
        return snapshot

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


def _key(uri: str) -> str:
    # Clients differ in what they percent-encode, and some in one message from the next. Names that
    # are no UTF-8 stay apart.
    return unquote(uri, errors="surrogateescape")
