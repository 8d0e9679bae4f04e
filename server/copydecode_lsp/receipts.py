"""The receipts of the last edits, as JSON objects. Counts and times only: no document text."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from copydecode import EditResult, FilesEdit, Receipt
from copydecode_lsp import telemetry

KEPT = 100

ReceiptJson = dict[str, float | int | str | None]

_log = logging.getLogger(__name__)


def edit_id(uri: str, version: int, instruction: Mapping[str, Any]) -> str:
    """Return what an edit is known by: the same for the same request of the same version."""
    data = json.dumps([uri, version, instruction], sort_keys=True)
    return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(slots=True)
class Receipts:
    """Remembers the last `KEPT` receipts, newest last; each is logged, and traced where set up."""

    kept: deque[ReceiptJson] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, name: str, uri: str, result: EditResult) -> ReceiptJson:
        """Remember and return the receipt of a finished edit; `name` is its `edit_id`."""
        return self._keep(name, uri, {"hunks": len(result.hunks)}, result.receipt)

    def add_failure(self, name: str, uri: str, kind: str, receipt: Receipt) -> None:
        """Remember the receipt of an edit that failed, as far as it came.

        `kind` is the name of what it failed with, the `data.kind` of the request's error.
        """
        self._keep(name, uri, {"hunks": 0, "failed": kind}, receipt)

    def add_files(self, name: str, uri: str, edit: FilesEdit) -> ReceiptJson:
        """Remember and return the receipt of an edit of several files, of which `uri` is the first.

        `files` is how many were changed; without `together` each was edited by itself.
        """
        outcome: ReceiptJson = {
            "files": sum(bool(file.hunks) for file in edit.files),
            "together": edit.together,
            "hunks": sum(len(file.hunks) for file in edit.files),
        }
        return self._keep(name, uri, outcome, edit.receipt)

    def last(self) -> ReceiptJson | None:
        """Return the newest receipt, None before the first edit."""
        return self.kept[-1] if self.kept else None

    def of(self, name: str) -> ReceiptJson | None:
        """Return the newest receipt of an edit, None where there is none (any more)."""
        return next((receipt for receipt in reversed(self.kept) if receipt["id"] == name), None)

    def _keep(self, name: str, uri: str, outcome: ReceiptJson, receipt: Receipt) -> ReceiptJson:
        kept: ReceiptJson = {"id": name, "uri": uri, **outcome, **receipt.as_dict()}
        self.kept.append(kept)
        _log.info("receipt %s", json.dumps(kept))
        telemetry.record(kept, telemetry.tracer())
        return kept
