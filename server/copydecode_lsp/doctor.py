"""`copydecode doctor`: what a bug report needs, and whether an edit works, over the real server.

It reads no document of the user's: the edit that it tries is of a text of its own.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pygls.exceptions import JsonRpcException
from rich.console import Console

from copydecode_lsp.headless import ExitCode, exit_code_of, guarded, server
from copydecode_lsp.machine import machine, versions, without_home
from copydecode_lsp.names import APPLY_EDIT, SHOW_STATUS, WAIT_UNTIL_READY

_URI = "untitled:doctor.py"
_BEFORE = "a = 1\nb = 2\nc = 3\n"
_AFTER = "a = 1\nc = 3\n"
ARGUMENT: Final[dict[str, Any]] = {
    "uri": _URI,
    "instruction": "delete line 2",
    "range": {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 0}},
}


async def doctor(
    model: str | None,
    out: Console,
    err: Console,
    *,
    as_json: bool,
    settings: dict[str, Any] | None = None,
) -> ExitCode:
    """Print the report; the exit code says whether the edit came out right.

    `settings` are the server's.
    """
    return await guarded(_doctor(model, out, err, settings or {}, as_json=as_json), err)


async def _doctor(
    model: str | None, out: Console, err: Console, settings: dict[str, Any], *, as_json: bool
) -> ExitCode:
    report: dict[str, Any] = {"versions": versions(), "machine": machine()}
    with err.status("Starting the server"):
        async with server(model, settings=settings) as client:
            report["initializeSeconds"] = round(client.initialize_s, 3)
            client.open(_URI, _BEFORE, "python")
            try:
                await client.execute(WAIT_UNTIL_READY)
                receipt = await client.execute(APPLY_EDIT, ARGUMENT) or {}
            except JsonRpcException as error:
                code, said = exit_code_of(error), error.message
                report["selfTest"] = {"right": False, "error": without_home(said)}
            else:
                right = client.documents[_URI].text == _AFTER
                code = ExitCode.EDITED if right else ExitCode.NO_CHANGE
                report["selfTest"] = {"right": right, "seconds": receipt.get("total_s")}
            report["status"] = await client.execute(SHOW_STATUS, {"quiet": True})
    _print(report, out, as_json=as_json)
    return code


def _print(report: dict[str, Any], out: Console, *, as_json: bool) -> None:
    if as_json:
        out.file.write(without_home(json.dumps(report, indent=2)) + "\n")
        return
    for section, values in report.items():
        out.print(section, style="bold", highlight=False)
        lines = values.items() if isinstance(values, dict) else [("", values)]
        for name, value in lines:
            shown = value if isinstance(value, str) else json.dumps(value)
            label = f"{name}: " if name else ""
            out.print(
                f"  {label}{without_home(shown)}", highlight=False, markup=False, soft_wrap=True
            )
