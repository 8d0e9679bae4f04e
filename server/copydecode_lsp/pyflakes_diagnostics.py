"""pyflakes' messages as LSP diagnostics, for the benchmark and the demo. pyflakes is optional."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable

from lsprotocol import types as lsp
from pygls.workspace import PositionCodec

from copydecode import Document
from copydecode_lsp.convert import strip_line_end


def available() -> bool:
    """Return whether pyflakes is installed."""
    return importlib.util.find_spec("pyflakes") is not None


def diagnose(text: str, name: str, codec: PositionCodec) -> list[lsp.Diagnostic]:
    """Return pyflakes' messages in order of lines; none for a text that does not parse.

    A message reaches to the end of the name that it points at, or of its line.
    """
    from pyflakes import checker  # type: ignore[import-untyped]  # noqa: PLC0415 -- optional

    try:
        tree = ast.parse(text, name)
    except SyntaxError:
        return []
    document = Document(text)
    messages: Iterable[object] = checker.Checker(tree, name).messages
    return sorted(
        (_diagnostic(message, document, codec) for message in messages),
        key=lambda diagnostic: (diagnostic.range.start.line, diagnostic.range.start.character),
    )


def _diagnostic(message: object, document: Document, codec: PositionCodec) -> lsp.Diagnostic:
    row, column, template, args = (
        getattr(message, field) for field in ("lineno", "col", "message", "message_args")
    )
    line = strip_line_end(document.lines[row - 1])
    # ast counts columns in UTF-8 bytes.
    start = len(line.encode()[:column].decode(errors="ignore"))
    end = start
    while end < len(line) and (line[end].isidentifier() or line[end].isdecimal()):
        end += 1
    span = lsp.Range(
        lsp.Position(row - 1, codec.client_num_units(line[:start])),
        lsp.Position(row - 1, codec.client_num_units(line[: end if end > start else len(line)])),
    )
    return lsp.Diagnostic(
        range=span,
        message=template % args,
        severity=lsp.DiagnosticSeverity.Warning,
        source="pyflakes",
    )
