"""Edits of several files: what is asked of the engine, and what it answers.

Knows nothing of where files are kept: a file is a path to call it by, and a text.
"""

from __future__ import annotations

from dataclasses import dataclass

from copydecode.config import Limits
from copydecode.decode.receipt import Receipt
from copydecode.edit.program import Program
from copydecode.edit.resolve import Hunk


@dataclass(frozen=True, slots=True)
class FileText:
    """One file.

    `path` is what the model knows it by, and its program: short and with `/`, as `src/app.py`.
    `language` and `name` are as in `EditRequest`. One that is not `editable` is there to be copied
    from.
    """

    path: str
    text: str
    language: str | None = None
    name: str | None = None
    editable: bool = True


@dataclass(frozen=True, slots=True)
class FilesRequest:
    """Which files to edit and how; `limits` and `max_document_bytes` override the engine's.

    `max_document_bytes` is for each file. The deadline is for all of it, and so is the number of
    new tokens where one program is written; else that is for each file's.
    """

    files: tuple[FileText, ...]
    instruction: str
    limits: Limits | None = None
    max_document_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FileEdit:
    """What becomes of one file: the program over it, the new text and its hunks.

    `lent` are the lines of it, 1-based and inclusive, that were copied into other files.
    """

    path: str
    program: Program
    text: str
    hunks: tuple[Hunk, ...]
    lent: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FilesEdit:
    """An edit of each file of the request, in its order, and the receipt of all.

    `together` says that one program was written over all of them. Else the model was not taught
    that: each file was edited by itself, with the whole instruction, and none was copied from.
    """

    files: tuple[FileEdit, ...]
    receipt: Receipt
    together: bool
