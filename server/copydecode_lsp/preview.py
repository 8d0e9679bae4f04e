"""The notification copydecode/hunk: what an edit will change, told while it is computed.

For clients that ask for it. Each hunk of an edit has a number; told again under that number it
takes the place of what was told before. README.md says how a client reads them. It knows nothing of
how edits are computed, and is for the event loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from pygls.workspace import PositionCodec

from copydecode import Document, Hunk
from copydecode_lsp.convert import hunk_to_text_edit, range_to_json
from copydecode_lsp.names import HUNK

Notify = Callable[[str, Any], None]
"""Sends the client a notification: its method and parameters."""

_numbers = count(1)


class Preview:
    """The hunks of one edit, as the client was told of them."""

    def __init__(self, notify: Notify, uri: str, codec: PositionCodec) -> None:
        self._notify = notify
        self._uri = uri
        self._codec = codec
        self._edit = next(_numbers)
        self._told: list[Hunk] = []

    def show(self, hunks: Sequence[Hunk], document: Document, version: int) -> None:
        """Tell of the hunks that are new, or not as they were told, while the edit is computed."""
        for index, hunk in enumerate(hunks):
            if self._told[index : index + 1] != [hunk]:
                self._tell(index, hunk, document, version, final=False)
        self._told = list(hunks)

    def end(self, hunks: Sequence[Hunk], document: Document, version: int) -> None:
        """Tell of all hunks of the computed edit."""
        for index, hunk in enumerate(hunks):
            self._tell(index, hunk, document, version, final=True)

    def _tell(
        self, index: int, hunk: Hunk, document: Document, version: int, *, final: bool
    ) -> None:
        edit = hunk_to_text_edit(hunk, document, self._codec)
        self._notify(
            HUNK,
            {
                "uri": self._uri,
                "version": version,
                "edit": self._edit,
                "index": index,
                "range": range_to_json(edit.range),
                "newText": edit.new_text,
                "final": final,
            },
        )
