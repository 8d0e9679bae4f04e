"""The receipts of the last edits, as JSON objects. Counts and times only: no document text."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from copydecode import EditResult

KEPT = 20

ReceiptJson = dict[str, float | int | str]


@dataclass(slots=True)
class Receipts:
    """Remembers the last `KEPT` receipts, newest last."""

    kept: deque[ReceiptJson] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, uri: str, result: EditResult) -> ReceiptJson:
        """Remember and return the receipt of a finished edit."""
        receipt: ReceiptJson = {
            "uri": uri,
            "hunks": len(result.hunks),
            **result.receipt.as_dict(),
        }
        self.kept.append(receipt)
        return receipt

    def last(self) -> ReceiptJson | None:
        """Return the newest receipt, None before the first edit."""
        return self.kept[-1] if self.kept else None
