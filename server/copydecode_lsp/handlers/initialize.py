"""initialize, initialized, shutdown: settings in, the engine on its way, the engine out.

`initialize` is answered before anything heavy is imported; the load begins at `initialized`.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode.errors import CopydecodeError, RemoteError
from copydecode_lsp import settings
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.configuration import pull, tell
from copydecode_lsp.features import ClientFeatures
from copydecode_lsp.names import LOADING
from copydecode_lsp.progress import reporting
from copydecode_lsp.settings import SECTION, loaded_part


def initialize(ls: CopydecodeServer, params: lsp.InitializeParams) -> None:
    """Read what the client can do and what it sets."""
    ls.features = ClientFeatures.of(params.capabilities)
    ls.initial, ls.initial_problems = settings.read(params.initialization_options, ls.initial)
    ls.settings = ls.initial
    if params.workspace_folders is None:
        ls.root_uri = ls.workspace.root_uri


async def initialized(ls: CopydecodeServer, _params: lsp.InitializedParams) -> None:
    """Tell of bad settings, ask for the rest, then load the engine and tell if that fails."""
    tell(ls, ls.initial_problems)
    if ls.features.configuration:
        await pull(ls)
    async with reporting(ls.work_done_progress, LOADING, may_create=ls.features.progress):
        try:
            ls.loaded = ls.wanted = loaded_part(ls.config)
            ls.worker.start(ls.loaded)
            ls.begun.set()
            if ls.features.registers_configuration:
                _register(ls)
            await ls.worker.ready()
            ls.tell_remote(ls.loaded)
        except CopydecodeError as error:
            again = isinstance(error, RemoteError)
            then = "; it is tried again when an edit is asked for" if again else ""
            ls.show(lsp.MessageType.Error, f"copydecode: {error}{then}")


def shutdown(ls: CopydecodeServer, _params: None) -> None:
    """Stop the running edit, all that wait, and what is read ahead."""
    ls.stop()


def _register(ls: CopydecodeServer) -> None:
    """Have the client tell of changed settings: some do so only where they are asked to."""
    options = lsp.DidChangeConfigurationRegistrationOptions(section=SECTION)
    registration = lsp.Registration(
        id=SECTION, method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, register_options=options
    )
    ls.client_register_capability(lsp.RegistrationParams([registration]))
