"""The names that clients see: commands, notifications, code action kinds, progress titles."""

from __future__ import annotations

from typing import Final

APPLY_EDIT: Final = "copydecode.applyEdit"
LAST_RECEIPT: Final = "copydecode.lastReceipt"
RECEIPT: Final = "copydecode/receipt"
SHOW_STATUS: Final = "copydecode.showStatus"
WAIT_UNTIL_READY: Final = "copydecode.waitUntilReady"
HUNK: Final = "copydecode/hunk"
RESOLVE_COMMAND: Final = "command/resolve"
REWRITE_KIND: Final = "refactor.rewrite.copydecode"
FIX_ALL_KIND: Final = "source.fixAll.copydecode"
LOADING: Final = "Loading the model"
