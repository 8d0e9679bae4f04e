"""Command copydecode.waitUntilReady: answers when the model is loaded, or fails as the load did.

With the argument {idle: true} also not before nothing is left to be read ahead. For headless
clients, which want to measure or to give up before they ask for an edit.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.failures import invalid_params
from copydecode_lsp.names import WAIT_UNTIL_READY


async def wait_until_ready(ls: CopydecodeServer, params: lsp.ExecuteCommandParams) -> None:
    """Answer null once edits can run."""
    idle = _idle(params)
    await ls.worker.ready()
    if idle:
        await ls.read_ahead.idle()


def _idle(params: lsp.ExecuteCommandParams) -> bool:
    match params.arguments:
        case None | []:
            return False
        case [{"idle": bool(idle)}]:
            return idle
        case _:
            message = f"{WAIT_UNTIL_READY} expects no argument, or {{idle: true}}"
            raise invalid_params(message)
