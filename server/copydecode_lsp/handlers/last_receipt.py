"""Command copydecode.lastReceipt: where the time of the last edit went."""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.receipts import ReceiptJson


async def last_receipt(
    ls: CopydecodeServer, _params: lsp.ExecuteCommandParams
) -> ReceiptJson | None:
    """Answer the newest receipt, null before the first edit."""
    return ls.receipts.last()
