"""Pairs of texts from JSON lines: what a document was, what it became, and under what instruction.

One object a line. Fields that are not named here are left alone, so that the files of the studies'
evaluation data can be read as they are:

    before (or source, document)   the text, whole
    after (or target)              the text that it becomes
    instruction                    what to do
    scope                          [first, last]: the lines it is about, from 1, inclusive; optional
    locked                         whether all other lines stay; optional, true
    language, name, id             optional

`gold` gives the program that leads from one text to the other as a model is to write it. Knows
nothing of tokens or models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copydecode.edit.document import Document
from copydecode.edit.fit import Window, fit, visible, whole
from copydecode.edit.oracle import locked_oracle, oracle
from copydecode.edit.program import Program
from copydecode.edit.resolve import resolve
from copydecode.edits import EditRequest, Scope
from copydecode.errors import ConfigError

BEFORE = ("before", "source", "document")
AFTER = ("after", "target")
BODY = (("body_source",), ("body_target",))
"""The fields of function bodies alone, which HumanEvalPack-Fix is measured on."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One edit: `request.text` becomes `after`. `id` names it in reports."""

    id: str
    request: EditRequest
    after: str

    @property
    def scope(self) -> tuple[int, int] | None:
        """The lines that the instruction is about, 1-based and inclusive."""
        scope = self.request.scope
        return None if scope is None else (scope.first, scope.last)


def read(paths: Sequence[Path], *, bodies: bool = False, limit: int | None = None) -> list[Pair]:
    """Read files of pairs; with `bodies` those of the fields `body_source` and `body_target`.

    `limit` is the most that are read, from the first on.

    Raises:
        ConfigError: a file cannot be read, holds no pair, or has a line that is none: which line,
            and what was expected there.
    """
    pairs: list[Pair] = []
    for path in paths:
        found = 0
        try:
            with path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):
                    if limit is not None and len(pairs) >= limit:
                        return pairs
                    if line.strip():
                        pairs.append(_pair(line, path, number, bodies=bodies))
                        found += 1
        except (OSError, UnicodeDecodeError) as error:
            message = f"expected JSON lines in UTF-8 at {path}: {error}"
            raise ConfigError(message) from error
        if not found:
            message = f"expected at least one pair in {path}, found none"
            raise ConfigError(message)
    return pairs


def gold(pair: Pair, window: Window) -> Program | None:
    """Return the program over a window of the text that a model is to write, by the oracle.

    It is over lines as the model sees them. Where a scope is locked it is the one that the lock
    allows. None where no program over the window gives the text: one that changes other lines, or
    nothing but line ends.
    """
    before, after = Document(pair.request.text), Document(pair.after)
    old, new = visible(before, whole(before)), visible(after, whole(after))
    skipped, rest = window.first - 1, len(old) - window.last
    if len(new) < skipped + rest or old[:skipped] != new[:skipped]:
        return None
    if rest and old[-rest:] != new[-rest:]:
        return None
    seen = _text(old[skipped : len(old) - rest])
    wanted = new[skipped : len(new) - rest]
    if (lock := lock_of(pair, window)) is None:
        program = oracle(seen, _text(wanted))
    else:
        first, last = lock
        inside = wanted[first - 1 : len(wanted) - (len(seen) - last)]
        program = locked_oracle(seen, lock, _text(inside).text)
    return program if resolve(fit(program, before, window), before) == pair.after else None


def lock_of(pair: Pair, window: Window) -> tuple[int, int] | None:
    """Return the lines of a window that alone may change, None where all may."""
    scope = pair.request.scope
    if scope is None or not scope.locked:
        return None
    return scope.first - window.first + 1, scope.last - window.first + 1


def _text(lines: Sequence[str]) -> Document:
    """Return lines as a document in which each ends in LF: what a model sees and writes."""
    return Document("".join(f"{line}\n" for line in lines))


def _pair(line: str, path: Path, number: int, *, bodies: bool) -> Pair:
    where = f"{path}, line {number}"
    try:
        row = json.loads(line)
    except ValueError as error:
        message = f"expected a JSON object in {where}: {error}"
        raise ConfigError(message) from error
    if not isinstance(row, dict):
        message = f"expected a JSON object in {where}, found {_kind(row)}"
        raise ConfigError(message)
    names = BODY if bodies else (BEFORE, AFTER)
    before, after = (_text_of(row, name, where) for name in names)
    instruction = _text_of(row, ("instruction",), where)
    if not instruction.strip():
        message = f"expected an instruction in {where}, found an empty one"
        raise ConfigError(message)
    scope = _scope(row, len(Document(before)), where)
    language, name = (_optional(row, key, where) for key in ("language", "name"))
    request = EditRequest(before, instruction, scope, language, name=name)
    pair = Pair(str(row.get("id", f"{path.name}:{number}")), request, after)
    if scope is not None and scope.locked and not _within(pair):
        message = (
            f"expected no change outside lines {scope.first} to {scope.last} in {where}, found "
            'one: leave the scope out, or say "locked": false'
        )
        raise ConfigError(message)
    return pair


def _text_of(row: dict[str, Any], names: Sequence[str], where: str) -> str:
    for name in names:
        if name in row:
            if isinstance(row[name], str):
                return str(row[name])
            message = f"expected a string as {name} in {where}, found {_kind(row[name])}"
            raise ConfigError(message)
    found = ", ".join(row) or "none"
    message = f"expected the field {' or '.join(names)} in {where}, found {found}"
    raise ConfigError(message)


def _optional(row: dict[str, Any], name: str, where: str) -> str | None:
    return None if row.get(name) is None else _text_of(row, (name,), where)


def _scope(row: dict[str, Any], lines: int, where: str) -> Scope | None:
    locked = row.get("locked", True)
    if not isinstance(locked, bool):
        message = f"expected true or false as locked in {where}, found {_kind(locked)}"
        raise ConfigError(message)
    match row.get("scope"):
        case None:
            return None
        case [int(first), int(last)] if 1 <= first <= last <= lines:
            return Scope(first, last, locked=locked)
        case found:
            message = f"expected a scope [first, last] within lines 1 to {lines} in {where}, found "
            raise ConfigError(message + json.dumps(found)[:60])


def _within(pair: Pair) -> bool:
    """Return whether the lines outside the scope stay."""
    assert pair.scope is not None  # noqa: S101  # only such pairs are asked about
    first, last = pair.scope
    lines = Document(pair.request.text).lines
    head, tail = "".join(lines[: first - 1]), "".join(lines[last:])
    room = len(pair.after) - len(head) - len(tail)
    return room >= 0 and pair.after.startswith(head) and pair.after.endswith(tail)


def _kind(value: object) -> str:
    """Name a JSON value without quoting it."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value"}
    return "null" if value is None else names.get(type(value), "a number")
