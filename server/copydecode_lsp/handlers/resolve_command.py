"""command/resolve: whether a command needs to ask the user something before it runs (`forms`)."""

from __future__ import annotations

from typing import Any

from copydecode_lsp import forms
from copydecode_lsp.base import CopydecodeServer, PlainParams
from copydecode_lsp.failures import invalid_params


def resolve_command(ls: CopydecodeServer, params: PlainParams) -> dict[str, Any]:
    """Answer with the command's parameters, and a form where its instruction is missing.

    Raises:
        JsonRpcException: InvalidParams, where there is no command.
    """
    match params:
        case {"command": str()}:
            return forms.resolve(params, _last(ls, params))
        case _:
            message = "command/resolve expects {command, arguments?, formAnswers?}"
            raise invalid_params(message)


def _last(ls: CopydecodeServer, params: dict[str, Any]) -> str | None:
    """Return the last instruction of the folder that the command's document lies in."""
    match params.get("arguments"):
        case [{"uri": str(uri)}]:
            return next(iter(ls.history.of(ls.folder_of(uri))), None)
        case _:
            return None
