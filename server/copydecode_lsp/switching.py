"""Another model at run time: the old one serves until the new one is loaded and warm.

Each model has a worker of its own, so that it is loaded, timed and run by one thread. Edits that
were asked for before the change are made by the old one; then its thread ends and its memory is
given back. Until then both are held.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from copydecode import EngineConfig
from copydecode.errors import CopydecodeError
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.names import LOADING
from copydecode_lsp.progress import reporting


async def switch(ls: CopydecodeServer, config: EngineConfig) -> None:
    """Load an engine and have it edit from then on; a newer wish ends an older one.

    One that cannot be loaded is told of, and nothing changes.
    """
    ls.wanted = config
    worker = ls.new_worker()
    worker.start(config)
    failure: CopydecodeError | None = None
    async with reporting(ls.work_done_progress, LOADING, may_create=ls.features.progress):
        try:
            await worker.ready()
        except CopydecodeError as error:
            failure = error
    if ls.wanted is not config:
        worker.stop()
    elif failure is not None:
        worker.stop()
        ls.wanted = ls.loaded
        stays = "" if ls.loaded is None else f"; {ls.loaded.model_name!r} stays"
        ls.show(lsp.MessageType.Error, f"copydecode: {failure}{stays}")
    else:
        old, ls.worker, ls.loaded = ls.worker, worker, config
        ls.read_ahead.use(worker)
        old.retire()
        ls.show(lsp.MessageType.Info, f"copydecode: {config.model_name!r} makes the edits now.")
        ls.tell_remote(config)
