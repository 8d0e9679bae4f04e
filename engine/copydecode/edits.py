"""Edits of one document: what is asked of the engine, and what it answers.

Knows nothing of models; edits of several files are in `files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from copydecode.config import Limits
from copydecode.decode.receipt import Receipt
from copydecode.edit.compose import lift, origins
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Program
from copydecode.edit.resolve import Hunk, hunks


@dataclass(frozen=True, slots=True)
class Scope:
    """The lines that an instruction is about, 1-based and inclusive.

    Where it is `locked`, no other line can change: the copies before and after it are forced.
    """

    first: int
    last: int
    locked: bool = True


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What to edit and how.

    `language` is an LSP language id where known ("python"). `limits` and `max_document_bytes`
    override the engine's. `name` is what the document is known by, whatever its version (a path, a
    URI): of a document with a name only the newest version is kept in the prefix cache.

    `erase` are characters of the text, from the first up to the second offset, that the edit
    removes for certain (a comment that holds the instruction): the model does not see them. Where
    it changes nothing else, they stay, too. All line numbers, those of the result as well, are of
    `text` as it is.

    With `self_check` the instruction is a diagnostic, and a proposal that adds errors
    (`self_check.new_errors`) or leaves what the diagnostic says (`self_check.unmended`) is no
    result: other programs are tried, each of which goes another way at one decision.

    A diagnostic's fix may be known to be in other lines than it is told of: a missing import is
    told of where it is used, a bracket that is not closed where nothing fits any more. With
    `fix_elsewhere` the edit is in those lines then, and locked to them.
    """

    text: str
    instruction: str
    scope: Scope | None = None
    language: str | None = None
    limits: Limits | None = None
    name: str | None = None
    erase: tuple[int, int] | None = None
    max_document_bytes: int | None = None
    self_check: bool = False
    fix_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class EditResult:
    """The edit: the program over the whole document, the new text, its hunks and the receipt."""

    program: Program
    text: str
    hunks: tuple[Hunk, ...]
    receipt: Receipt


def combine(text: str, results: Sequence[EditResult]) -> EditResult:
    """Return the one edit that several make one after the other, the first of `text`.

    Lines that all of them copy are copied; the receipts are added up.
    """
    document = current = Document(text)
    program = unchanged(document)
    for result in results:
        program = lift(result.program, current, origins(program, document))
        current = Document(result.text)
    receipt = Receipt.total(result.receipt for result in results)
    return EditResult(program, current.text, hunks(program, document), receipt)


def unchanged(document: Document) -> Program:
    """Return the program that keeps a document as it is."""
    return Program((Copy(1, len(document)),) if len(document) else ())
