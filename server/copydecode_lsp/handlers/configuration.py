"""workspace/didChangeConfiguration and didChangeWorkspaceFolders: settings at run time."""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.configuration import pull, take
from copydecode_lsp.settings import section_of


async def did_change_configuration(
    ls: CopydecodeServer, params: lsp.DidChangeConfigurationParams
) -> None:
    """Take over what the client sends, or ask for it where the client answers that."""
    if ls.features.configuration:
        await pull(ls)
    elif params.settings is not None:
        await take(ls, section_of(params.settings), {})


async def did_change_folders(
    ls: CopydecodeServer, _params: lsp.DidChangeWorkspaceFoldersParams
) -> None:
    """Ask for the settings of the folders that there are now."""
    if ls.features.configuration:
        await pull(ls)
