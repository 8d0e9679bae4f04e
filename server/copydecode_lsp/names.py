"""The names that clients see: commands, notifications, code action kinds, progress titles."""

from __future__ import annotations

from typing import Final

APPLY_EDIT: Final = "copydecode.applyEdit"
LAST_RECEIPT: Final = "copydecode.lastReceipt"
WAIT_UNTIL_READY: Final = "copydecode.waitUntilReady"
HUNK: Final = "copydecode/hunk"
REWRITE_KIND: Final = "refactor.rewrite.copydecode"
LOADING: Final = "Loading the model"
