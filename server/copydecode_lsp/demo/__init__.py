"""`copydecode demo`: a real mistake in a real file, fixed through the real server.

The file is a small module of this project with one misspelt name. pyflakes finds it, the server
offers a fix for pyflakes' diagnostic, and pyflakes says at the end whether the mistake is gone.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from rich.console import Console
from rich.table import Table

from copydecode_lsp import pyflakes_diagnostics
from copydecode_lsp.client import HeadlessClient
from copydecode_lsp.headless import (
    ExitCode,
    guarded,
    print_diff,
    seconds,
    server,
    unified_diff,
)
from copydecode_lsp.names import LAST_RECEIPT, WAIT_UNTIL_READY

SAMPLE = "line_endings.py"


async def demo(model: str | None, out: Console, settings: dict[str, Any] | None = None) -> ExitCode:
    """Run the demo and say honestly how it went; `settings` are the server's."""
    if not pyflakes_diagnostics.available():
        out.print("The demo needs pyflakes: pip install pyflakes", style="red")
        return ExitCode.BAD_INPUT
    source = files("copydecode_lsp.demo").joinpath(f"{SAMPLE}.txt").read_bytes()
    with tempfile.TemporaryDirectory(prefix="copydecode-demo-") as folder:
        path = Path(folder, SAMPLE)
        path.write_bytes(source)
        out.print("[bold]1.[/] Copied a module with a mistake to", path, highlight=False)
        return await guarded(_run(path, model, out, settings or {}), out)


async def _run(path: Path, model: str | None, out: Console, settings: dict[str, Any]) -> ExitCode:
    before = path.read_bytes().decode("utf-8")
    uri = path.as_uri()
    async with server(model, settings=settings) as client:
        out.print(
            f"[bold]2.[/] Server started; initialize answered after {seconds(client.initialize_s)}",
            highlight=False,
        )
        client.open(uri, before, "python")
        diagnostic = _first_diagnostic(before, client)
        if diagnostic is None:
            out.print("pyflakes finds nothing to fix.", style="red")
            return ExitCode.BAD_INPUT
        line = diagnostic.range.start.line + 1
        out.print(f"[bold]3.[/] pyflakes, line {line}: [yellow]{diagnostic.message}[/]")
        with out.status("Loading the model"):
            await client.execute(WAIT_UNTIL_READY)
        actions = await client.code_actions(
            uri, diagnostic.range, [diagnostic], [lsp.CodeActionKind.QuickFix]
        )
        action = next(a for a in actions if isinstance(a, lsp.CodeAction))
        out.print("[bold]4.[/] Code action offered: ", end="")
        out.print(action.title, style="yellow", markup=False, highlight=False)
        with out.status("Decoding"):
            resolved = await client.code_action_resolve_async(action)
        receipt = await client.execute(LAST_RECEIPT) or {}
        refusal = client.apply(resolved.edit) if resolved.edit else "it holds no edit"
        if refusal:
            out.print(f"The edit cannot be applied: {refusal}", style="red", markup=False)
            return ExitCode.SERVER
        after = client.documents[uri].text
        path.write_bytes(after.encode("utf-8"))
        left = _first_diagnostic(after, client)
    out.print("[bold]5.[/] Resolved and applied:")
    print_diff(out, unified_diff(path.name, before, after))
    out.print(_receipt_table(receipt))
    return _verdict(before, after, left, out)


def _first_diagnostic(text: str, client: HeadlessClient) -> lsp.Diagnostic | None:
    return next(iter(pyflakes_diagnostics.diagnose(text, SAMPLE, client.codec)), None)


def _verdict(before: str, after: str, left: lsp.Diagnostic | None, out: Console) -> ExitCode:
    if before == after:
        out.print("The model proposes no change: the mistake is still there.", style="red")
        return ExitCode.NO_CHANGE
    if left is not None or not _parses(after):
        reason = left.message if left else "the file does not parse any more"
        out.print(f"The edit does not fix it: {reason}", style="red", markup=False)
        return ExitCode.NO_CHANGE
    out.print("pyflakes finds nothing any more: the mistake is fixed.", style="green")
    return ExitCode.EDITED


def _parses(text: str) -> bool:
    try:
        compile(text, SAMPLE, "exec")
    except SyntaxError:
        return False
    return True


def _receipt_table(receipt: dict[str, Any]) -> Table:
    table = Table("receipt", "", title=str(receipt.get("model", "")), title_justify="left")
    for name, value in receipt.items():
        if name.endswith("_s"):
            table.add_row(name.removesuffix("_s"), seconds(float(value)))
        elif isinstance(value, int):
            table.add_row(name.replace("_", " "), str(value))
    return table
