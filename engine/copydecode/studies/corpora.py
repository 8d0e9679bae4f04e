"""The corpora of the studies: pairs of texts, an old one and a new one, with an instruction.

HumanEvalPack-Fix and commits are read from a folder that is no part of the repository; `probe` is
built in code (`probe`). Knows nothing of tokens or programs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copydecode.errors import ConfigError
from copydecode.studies import probe

VARIABLE = "COPYDECODE_DATA"
BESIDE = Path("../shared/data")
"""Where the data is expected, seen from the root of the checkout."""

QWEN_RANKS = "qwen.tiktoken"

_ROOT = Path(__file__).parents[3]
_HOW_TO_GET_IT = (
    "HumanEvalPack is public: from bigcode/humanevalpack on the Hugging Face hub write one JSON "
    "object a line to humanevalpack_fix_LANGUAGE.jsonl, with id, language, instruction, source and "
    "target (declaration + buggy_solution / canonical_solution), body_source and body_target "
    "(buggy_solution / canonical_solution). qwen.tiktoken is the vocabulary of Qwen/Qwen-7B. "
    "commits_*.jsonl are single-file commits of open-source projects, collected for this project: "
    "id, language, source, target, and the commit's subject as instruction."
)


@dataclass(frozen=True, slots=True)
class Case:
    """One edit: `target` is what `source` becomes under the instruction."""

    id: str
    language: str
    source: str
    target: str
    instruction: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Cases under one name; `title` is for tables."""

    name: str
    title: str
    cases: tuple[Case, ...]

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.cases)


@dataclass(frozen=True, slots=True)
class _File:
    """A corpus in the data folder. `bodies` takes function bodies alone, as the paper does."""

    title: str
    path: str
    bodies: bool = False


_FIX = "humanevalpack_fix"
_FILES = {
    "fix-python": _File("HEvalFix-Py", f"{_FIX}_python.jsonl", bodies=True),
    "fix-js": _File("HEvalFix-JS", f"{_FIX}_js.jsonl", bodies=True),
    "fix-java": _File("HEvalFix-Java", f"{_FIX}_java.jsonl", bodies=True),
    "fix-go": _File("HEvalFix-Go", f"{_FIX}_go.jsonl", bodies=True),
    "fix-cpp": _File("HEvalFix-C++", f"{_FIX}_cpp.jsonl", bodies=True),
    "fix-rust": _File("HEvalFix-Rust", f"{_FIX}_rust.jsonl", bodies=True),
    "functions-python": _File("HEvalFix-Py, whole", f"{_FIX}_python.jsonl"),
    "functions-js": _File("HEvalFix-JS, whole", f"{_FIX}_js.jsonl"),
    "commits-code": _File("commits, code", "commits_code_test.jsonl"),
    "commits-docs": _File("commits, docs", "commits_docs_test.jsonl"),
}
PROBE = "probe"
NAMES = (PROBE, *_FILES)
PAPERS = (PROBE, "fix-python", "fix-js")
"""The paper's three corpora, our stand-in in place of ProbeEdit."""

DEFAULT = (*PAPERS, "commits-code", "commits-docs")


def load(name: str, folder: Path | None = None) -> Corpus:
    """Return all cases of one of `NAMES`.

    Raises:
        ConfigError: there is no such corpus, its file is missing, or a line of it is no case.
    """
    if name == PROBE:
        cases = tuple(
            Case(f"probe/{index}", "text", edit.source, edit.target, edit.instruction)
            for index, edit in enumerate(probe.edits())
        )
        return Corpus(name, "probe (stand-in)", cases)
    if name not in _FILES:
        message = f"expected a corpus of {', '.join(NAMES)}, got {name!r}"
        raise ConfigError(message)
    file = _FILES[name]
    path = find(file.path, folder)
    return Corpus(name, file.title, tuple(_read(path, bodies=file.bodies)))


def file_name(name: str) -> str:
    """Return the name of the file that holds a corpus of the evaluation data."""
    return _FILES[name].path


def find(name: str, folder: Path | None = None) -> Path:
    """Return the path of a file of the evaluation data.

    Raises:
        ConfigError: it is not there; the message says how to get it.
    """
    folder = folder or data_folder()
    path = folder / name
    if not path.is_file():
        message = (
            f"expected evaluation data at {path}, found none. Name its folder with --data or "
            f"{VARIABLE}. {_HOW_TO_GET_IT}"
        )
        raise ConfigError(message)
    return path


def data_folder() -> Path:
    """Return where the data is looked for without `--data`."""
    if folder := os.environ.get(VARIABLE):
        return Path(folder).expanduser()
    return (_ROOT / BESIDE).resolve()


def _read(path: Path, *, bodies: bool) -> Iterator[Case]:
    prefix = "body_" if bodies else ""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row: dict[str, Any] = json.loads(line)
                yield Case(
                    id=str(row["id"]),
                    language=str(row["language"]),
                    source=str(row[f"{prefix}source"]),
                    target=str(row[f"{prefix}target"]),
                    instruction=str(row["instruction"]),
                )
            except (ValueError, KeyError, TypeError) as error:
                message = f"expected a case in {path}, line {number}: {error!r}"
                raise ConfigError(message) from error
