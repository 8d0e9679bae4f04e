"""How an error of the engine becomes an LSP error: one table, one place.

The error's `data.kind` is the class name, so that our own clients can tell them apart. Messages
never quote document text (`copydecode.errors` sees to it).
"""

from __future__ import annotations

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from copydecode import errors

_CODES: dict[type[errors.CopydecodeError], int] = {
    errors.EmptyInstructionError: lsp.ErrorCodes.InvalidParams,
    errors.ScopeError: lsp.ErrorCodes.InvalidParams,
    errors.FilesError: lsp.ErrorCodes.InvalidParams,
    errors.EditCancelledError: lsp.LSPErrorCodes.RequestCancelled,
    errors.CopydecodeError: lsp.LSPErrorCodes.RequestFailed,
}


class UnknownDocumentError(errors.BadInputError):
    """The document is not open."""


class OutsideWorkspaceError(errors.BadInputError):
    """A file that is not open leads out of the workspace folders."""


class LostDocumentError(errors.BadInputError):
    """A change to the document could not be made, so its text is not known any more."""


class ReadOnlyDocumentError(errors.BadInputError):
    """The document is one that clients only show."""


class StaleDocumentError(errors.CopydecodeError):
    """The document is no longer the one that the edit was made for."""


class ReplacedError(errors.EditCancelledError):
    """A newer request for an edit of the same lines took the place of this one."""


_CODES[UnknownDocumentError] = lsp.ErrorCodes.InvalidParams
_CODES[OutsideWorkspaceError] = lsp.ErrorCodes.InvalidParams
_CODES[StaleDocumentError] = lsp.LSPErrorCodes.ContentModified


def to_lsp(error: errors.CopydecodeError) -> JsonRpcException:
    """Return the LSP error for an error of ours, by its nearest class in the table."""
    code = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
    data: dict[str, object] = {"kind": type(error).__name__}
    if isinstance(error, errors.WithheldError):
        data["found"] = [*error.found]  # Beside the message, which is logged.
    return JsonRpcException(message=str(error), code=code, data=data)


def invalid_params(message: str) -> JsonRpcException:
    """Return the LSP error for parameters that have not the shape that a request needs."""
    return refusal(lsp.ErrorCodes.InvalidParams, message)


def refusal(code: lsp.ErrorCodes, message: str) -> JsonRpcException:
    """Return the LSP error for a message that is not as the protocol has it."""
    return JsonRpcException(message=message, code=code, data={"kind": "BadInputError"})
