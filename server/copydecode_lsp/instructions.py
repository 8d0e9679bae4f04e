"""Where an instruction comes from: a diagnostic, a comment that ends in `AI!`, a selection, a form.

Pure functions of a document; `comments` finds the comments. Knows nothing of how it is carried out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lsprotocol import types as lsp

from copydecode import Document, Scope, import_fix
from copydecode.errors import EmptyInstructionError, ScopeError
from copydecode_lsp import comments
from copydecode_lsp.comments import REACH
from copydecode_lsp.convert import scope_of_range

APPLY_SNIPPET = "Apply this snippet"
"""What is asked for with a snippet and no words; the embedded model was trained with it."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to do, and the lines that it is about (None: the whole document).

    `snippet` is code to be worked in. `erase` are the offsets of the comment that the instruction
    stands in: it goes with the edit. One that has `parts` is to carry them out one after the other.
    The fix of a `diagnostic` can be checked; the same words about the same lines are one edit, too.
    """

    text: str
    scope: Scope | None
    snippet: str | None = None
    erase: tuple[int, int] | None = None
    parts: tuple[Instruction, ...] = ()
    diagnostic: bool = field(default=False, compare=False)

    @property
    def prompt(self) -> str:
        """What the model is told."""
        if self.snippet is None:
            return self.text
        return f"{self.text.removesuffix(':')}:\n```\n{self.snippet.rstrip()}\n```"


def require(text: str) -> str:
    """Return the instruction without white space around it.

    Raises:
        EmptyInstructionError: nothing is left.
    """
    if not (stripped := text.strip()):
        message = "expected an instruction, found none"
        raise EmptyInstructionError(message)
    return stripped


def from_diagnostic(diagnostic: lsp.Diagnostic, document: Document) -> Instruction | None:
    """Return how to ask for a diagnostic's fix: its message's first paragraph, about its lines.

    What comes behind an empty line is advice ("help: Remove the import", as ruff's server has it).
    None where it has no message or lies outside the document (it is then of another version).
    """
    try:
        scope = scope_of_range(diagnostic.range, document)
    except ScopeError:
        return None
    message = diagnostic.message.strip().partition("\n\n")[0]
    return Instruction(message, scope, diagnostic=True) if message else None


def where_fixed(instruction: Instruction, document: Document, language: str | None) -> Instruction:
    """Return a diagnostic's instruction with the lines of its fix, where these are known others."""
    place = place_of_import(instruction.text, document, language)
    return instruction if place is None else replace(instruction, scope=place)


def place_of_import(message: str, document: Document, language: str | None) -> Scope | None:
    """Return the lines that a missing import goes to, None for what is no such diagnostic.

    A name that everyone knows where to import from is mended where the document imports: with its
    own line locked, there would be no way to.
    """
    fix = import_fix(message, document.lines) if language == "python" else None
    return None if fix is None else Scope(fix.line, fix.line)


def from_comments(document: Document, lines: Scope) -> list[Instruction]:
    """Return the `AI!` comments in the lines, and the nearest one up to `REACH` lines above them.

    A comment's scope goes from its first line to the end of the lines that were asked for, or of
    the block below it (up to an empty line), whichever is further. That is a guess: it is not
    locked.
    """
    found = list(comments.marked(document, range(lines.first, lines.last + 1)))
    if not found:
        above = range(lines.first - 1, max(0, lines.first - 1 - REACH), -1)
        found = list(itertools.islice(comments.marked(document, above), 1))
    instructions: list[Instruction] = []
    end = 0
    for comment in found:
        if comment.last > end:  # Else it stands in the block of the one before.
            end = _block_end(document, comment.last)
        scope = Scope(comment.first, max(lines.last, end), locked=False)
        text = comment.text or APPLY_SNIPPET
        instructions.append(Instruction(text, scope, comment.snippet, comment.span))
    return instructions


def overlaps(scope: Scope | None, other: Scope | None) -> bool:
    """Return whether two scopes share a line; None is the whole document."""
    if scope is None or other is None:
        return True
    return scope.first <= other.last and other.first <= scope.last


def to_json(instruction: Instruction) -> dict[str, Any]:
    """Return an instruction as an action carries it."""
    scope = instruction.scope
    return {
        "instruction": instruction.text,
        "scope": [scope.first, scope.last] if scope else None,
        "locked": scope is not None and scope.locked,
        **dict(_extras(instruction)),
    }


def from_json(data: Mapping[Any, Any]) -> Instruction | None:
    """Return what `to_json` made, None where it is not that."""
    match data:
        case {"instruction": str(text), "scope": None}:
            scope = None
        case {"instruction": str(text), "scope": [int(first), int(last)], "locked": bool(locked)}:
            scope = Scope(first, last, locked=locked)
        case _:
            return None
    match data.get("snippet"), data.get("erase"), data.get("parts", []):
        case (str() | None) as snippet, ([int(), int()] | None) as erase, list(others):
            parts = [from_json(part) for part in others if isinstance(part, Mapping)]
        case _:
            return None
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(others):
        return None
    span = None if erase is None else (int(erase[0]), int(erase[1]))
    return Instruction(text, scope, snippet, span, known, data.get("diagnostic") is True)


def _extras(instruction: Instruction) -> Iterator[tuple[str, Any]]:
    if instruction.snippet is not None:
        yield "snippet", instruction.snippet
    if instruction.erase is not None:
        yield "erase", [*instruction.erase]
    if instruction.parts:
        yield "parts", [to_json(part) for part in instruction.parts]
    if instruction.diagnostic:
        yield "diagnostic", True


def _block_end(document: Document, line: int) -> int:
    """Return the last line before the next empty line, from the line after `line` on."""
    rows = document.lines
    return next((n for n in range(line, len(rows)) if rows[n].isspace()), len(rows))
