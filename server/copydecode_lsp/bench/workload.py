"""What is measured: documents and the edits that are asked for, from files and JSON lines.

Knows nothing of servers. Diagnostics are found later, in the position encoding of the client.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copydecode.errors import BadInputError
from copydecode_lsp.headless import read_text
from copydecode_lsp.languages import LANGUAGES, language_of

_NO_PLACE = Path(tempfile.gettempdir()) / "copydecode-bench"
"""Where documents of JSON lines are said to lie; nothing is written there."""


@dataclass(frozen=True, slots=True)
class Task:
    """An instruction, and the text that it should lead to where that is known."""

    instruction: str
    expected: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A document, and what is asked of it beside its diagnostics (with `diagnoses`)."""

    name: str
    uri: str
    text: str = field(repr=False)
    language: str
    tasks: tuple[Task, ...]
    diagnoses: bool


def read(paths: Sequence[Path], instruction: str | None) -> list[Document]:
    """Return the documents of files, of folders (what is known by its suffix) and of `.jsonl`.

    `instruction` is asked of every file, not of JSON lines, which have their own.

    Raises:
        BadInputError: something cannot be read.
    """
    documents: list[Document] = []
    for path in paths:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix in LANGUAGES)
            documents += [
                _of_file(file, str(file.relative_to(path)), instruction) for file in files
            ]
        elif path.suffix == ".jsonl":
            documents += _of_lines(path)
        else:
            documents.append(_of_file(path, path.name, instruction))
    return documents


def _of_file(path: Path, name: str, instruction: str | None) -> Document:
    tasks = () if instruction is None else (Task(instruction),)
    text = read_text(path)[1]
    return Document(name, path.resolve().as_uri(), text, language_of(path), tasks, diagnoses=True)


def _of_lines(path: Path) -> Iterator[Document]:
    """Yield the rows {before, instruction, after?, id?, language?}; also {source, target}."""
    for number, line in enumerate(read_text(path)[1].splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"expected JSON in line {number} of {path}: {error}"
            raise BadInputError(message) from error
        yield _of_row(row, f"{path}, line {number}", f"{path.stem}-{number}")


def _of_row(row: Any, place: str, default: str) -> Document:  # noqa: ANN401 -- JSON as it came
    match row:
        case {"before": str(before)} | {"source": str(before)}:
            pass
        case _:
            message = f"expected a row with `before` and `instruction` in {place}"
            raise BadInputError(message)
    match row:
        case {"instruction": str(instruction)} if instruction.strip():
            pass
        case _:
            message = f"expected an instruction in {place}"
            raise BadInputError(message)
    after = row.get("after", row.get("target"))
    language = str(row.get("language") or "plaintext")
    suffix = next((s for s, name in LANGUAGES.items() if name == language), "")
    name = str(row.get("id") or default)
    uri = (_NO_PLACE / f"{name.replace('/', '-')}{suffix}").as_uri()
    task = Task(instruction, after if isinstance(after, str) else None)
    return Document(name, uri, before, language, (task,), diagnoses=False)
