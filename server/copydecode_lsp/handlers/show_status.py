"""Command copydecode.showStatus: what is loaded, memory, cache, queue, settings, last receipts.

It answers while an edit runs or the model is loaded, and holds no document text.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from lsprotocol import types as lsp

from copydecode import ModelInfo, __version__
from copydecode_lsp.base import CopydecodeServer
from copydecode_lsp.machine import resident_bytes

_RECEIPTS = 5


async def show_status(ls: CopydecodeServer, params: lsp.ExecuteCommandParams) -> dict[str, Any]:
    """Answer with the status, and show a line of it unless the argument is {quiet: true}."""
    loading = ls.loading
    info = getattr(loading.editor(), "info", None)
    edits, others = ls.worker.waiting
    status: dict[str, Any] = {
        "version": __version__,
        "model": {
            "name": (ls.loaded or ls.config).model_name,
            "state": _state(failed=loading.failure is not None, info=info),
            "error": loading.failure,
            "next": None if ls.wanted == ls.loaded or ls.wanted is None else ls.wanted.model_name,
            "parameters": info.parameters if info else None,
            "contextTokens": info.context if info else None,
        },
        "remote": (ls.loaded or ls.config).remote_host,
        "memoryBytes": resident_bytes(),
        "cache": {
            "documents": info.cached_documents if info else 0,
            "bytes": info.cache_bytes if info else 0,
        },
        "queue": {"edits": edits, "readAhead": others},
        "openDocuments": len(ls.snapshots.all()),
        "folders": len(ls.workspace.folders),
        "settings": {
            **json.loads(json.dumps(dataclasses.asdict(ls.config), default=lambda e: e.value)),
            "remote_url": ls.config.remote_host,  # The host, no more of the address.
            "read_ahead": ls.settings.read_ahead,
            "confirm": ls.settings.confirm.value,
            "confidence_threshold": ls.settings.confidence_threshold,
        },
        "receipts": list(ls.receipts.kept)[-_RECEIPTS:],
    }
    match params.arguments:
        case [{"quiet": True}]:
            pass
        case _:
            ls.show(lsp.MessageType.Info, _line(status))
    return status


def _state(*, failed: bool, info: ModelInfo | None) -> str:
    if failed:
        return "failed"
    return "loading" if info is None else "ready"


def _line(status: dict[str, Any]) -> str:
    model, queue = status["model"], status["queue"]
    memory = status["memoryBytes"]
    held = "" if memory is None else f", {memory / 2**20:.0f} MiB held"
    where = "" if status["remote"] is None else f" on {status['remote']}"
    return (
        f"copydecode {status['version']}: {model['name']!r}{where} is {model['state']}{held}, "
        f"{queue['edits']} edits wait."
    )
