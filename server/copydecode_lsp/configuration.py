"""How settings reach us: pulled from the client, or sent by it; for the server and its folders.

What is pulled or sent stands above the `initializationOptions`, and these above the defaults.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode_lsp import settings
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.settings import SECTION, loaded_part
from copydecode_lsp.switching import switch

PATIENCE_S = 5.0
"""So long a client may take to answer; then it has no settings. A load waits for that at start."""

_log = logging.getLogger(__name__)


async def pull(ls: CopydecodeServer) -> None:
    """Ask the client for the server's and each folder's settings, and take them over."""
    folders = list(ls.workspace.folders)
    items = [
        lsp.ConfigurationItem(section=SECTION),
        *(lsp.ConfigurationItem(scope_uri=folder, section=SECTION) for folder in folders),
    ]
    # Shielded: pygls cannot take the client's answer to a request whose future was cancelled.
    asked = asyncio.shield(ls.workspace_configuration_async(lsp.ConfigurationParams(items)))
    try:
        answers: Sequence[object] = await asyncio.wait_for(asked, PATIENCE_S) or ()
    except (TimeoutError, JsonRpcException) as error:
        _log.warning("the client gave no settings: %s", type(error).__name__)
        return
    if len(answers) != len(items):
        _log.warning("expected %d settings, got %d", len(items), len(answers))
        return
    await take(ls, answers[0], dict(zip(folders, answers[1:], strict=True)))


async def take(ls: CopydecodeServer, server: object, folders: Mapping[str, object]) -> None:
    """Take over settings; where the engine has to be loaded with others, load another one.

    A folder's own model, or anything else that an engine is loaded with, is told of and not used.
    """
    chosen, problems = settings.read(server, ls.initial)
    ls.folder_settings = {}
    for folder, options in folders.items():
        own, more = settings.read(options, chosen)
        if loaded_part(own.engine) != loaded_part(chosen.engine):
            more.append(f"what the model is loaded with is set for the server, not for {folder}")
            own = replace(
                own,
                engine=replace(
                    chosen.engine,
                    limits=own.engine.limits,
                    scope_lock=own.engine.scope_lock,
                    self_check=own.engine.self_check,
                    max_document_bytes=own.engine.max_document_bytes,
                ),
            )
        ls.folder_settings[folder] = own
        problems += more
    ls.settings = chosen
    tell(ls, problems)
    wanted = loaded_part(chosen.engine)
    if ls.loaded is not None and wanted != ls.wanted:
        await switch(ls, wanted)


def tell(ls: CopydecodeServer, problems: Sequence[str]) -> None:
    """Show what cannot be used, each once until it is mended."""
    new = [p for p in dict.fromkeys(problems) if p not in ls.setting_problems]
    ls.setting_problems = list(problems)
    for problem in new:
        ls.show(lsp.MessageType.Warning, f"copydecode: {problem}; the default is used.")
