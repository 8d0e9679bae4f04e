"""copydecode/receipt: where the time of one edit went.

Its parameters are {id}: that of an action (in its data), or of a receipt that an edit answered
with; without one the newest is meant. For the newest 100 edits.
"""

from __future__ import annotations

from copydecode_lsp.base import CopydecodeServer, PlainParams
from copydecode_lsp.failures import invalid_params
from copydecode_lsp.names import RECEIPT
from copydecode_lsp.receipts import ReceiptJson


def receipt(ls: CopydecodeServer, params: PlainParams) -> ReceiptJson | None:
    """Answer the receipt, null where there is none (any more)."""
    match params:
        case {"id": str(name)}:
            return ls.receipts.of(name)
        case None | {} if not params:
            return ls.receipts.last()
        case _:
            message = f"{RECEIPT} expects {{id?}}"
            raise invalid_params(message)
