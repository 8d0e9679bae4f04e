"""Command copydecode.waitUntilReady: answers when the model is loaded, or fails as the load did.

For headless clients, which want to measure or to give up before they ask for an edit.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode_lsp.base import CopydecodeServer


async def wait_until_ready(ls: CopydecodeServer, _params: lsp.ExecuteCommandParams) -> None:
    """Answer null once edits can run."""
    await ls.worker.ready()
