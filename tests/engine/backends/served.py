"""Edits that model servers make, real ones and stand-ins, and the engines that ask for them."""

from __future__ import annotations

from typing import Protocol

from copydecode import EditRequest, EditResult, Engine, EngineConfig, Limits, Scope
from copydecode.backends import model_server
from copydecode.backends.remote import Patience
from copydecode.errors import CopydecodeError


class Served(Protocol):
    """A server that listens."""

    @property
    def url(self) -> str:
        """Its address."""
        ...


TEXT = """import os

SECRET_WORD = 3


def area(radius):
    return 3 * radus * radius


def describe(shape, radius):
    name = "<gen>" + shape
    return f"{name}/> of {area(radius)}"


print(area(2))
"""
QUICK = Patience(connect_s=2.0, silence_s=2.0, repeats=2, pause_s=0.01)
EDITS = [
    EditRequest(TEXT, "delete line 1", name="a.py"),
    EditRequest(TEXT, "undefined name 'radus'", Scope(7, 7), "python", name="a.py"),
    EditRequest(TEXT, "duplicate line 3", name="a.py"),
    EditRequest(TEXT, "rename `area` to `surface`", name="a.py"),
    EditRequest(TEXT, "delete lines 10 to 12", Scope(10, 12), name="b.py"),
    EditRequest(TEXT, "move line 3 to the end", name="b.py"),
    EditRequest("a = 1\nb = 2\nc = 3\n", "delete line 2", Scope(2, 2)),
    EditRequest("", "add a line that says pass", limits=Limits(max_new_tokens=40)),
    EditRequest("x\n" * 38, "delete line 30"),
]


def config(server: Served, **more: object) -> EngineConfig:
    """Return what an engine is loaded with that asks a server."""
    values: dict[str, object] = {"remote_url": server.url, "threads": 1, **more}
    return EngineConfig(**values)  # type: ignore[arg-type]  # a test's shorthand


def remote(server: Served, **more: object) -> Engine:
    """Return an engine that asks a server."""
    chosen = config(server, **more)
    return Engine(model_server.load(chosen, QUICK), chosen)


def outcome(engine: Engine, request: EditRequest) -> EditResult | type[CopydecodeError]:
    """Return what comes of an edit, or the error that it ends with."""
    try:
        return engine.edit(request)
    except CopydecodeError as error:
        return type(error)
