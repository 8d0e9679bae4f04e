"""initialize, initialized, shutdown: settings in, the engine on its way, the engine out.

`initialize` is answered before anything heavy is imported; the load begins at `initialized`.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode.errors import CopydecodeError
from copydecode_lsp import settings
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.features import ClientFeatures
from copydecode_lsp.names import LOADING
from copydecode_lsp.progress import reporting
from copydecode_lsp.settings import Settings


def initialize(ls: CopydecodeServer, params: lsp.InitializeParams) -> None:
    """Read what the client can do and what it sets."""
    ls.features = ClientFeatures.of(params.capabilities)
    chosen, ls.setting_problems = settings.read(
        params.initialization_options, Settings(ls.config, read_ahead=ls.read_ahead.enabled)
    )
    ls.config, ls.read_ahead.enabled = chosen.engine, chosen.read_ahead


async def initialized(ls: CopydecodeServer, _params: lsp.InitializedParams) -> None:
    """Tell of bad settings, then load the engine and tell if that fails."""
    for problem in ls.setting_problems:
        ls.show(lsp.MessageType.Warning, f"copydecode: {problem}; the default is used.")
    async with reporting(ls.work_done_progress, LOADING, may_create=ls.features.progress):
        try:
            ls.worker.start(ls.config)
            await ls.worker.ready()
        except CopydecodeError as error:
            ls.show(lsp.MessageType.Error, f"copydecode: {error}")


def shutdown(ls: CopydecodeServer, _params: None) -> None:
    """Stop the running edit, all that wait, and what is read ahead."""
    ls.read_ahead.stop()
    ls.worker.stop()
