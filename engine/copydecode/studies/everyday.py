"""Small edits with exact gold, made from the standard library of the Python that runs this.

The embedded model was trained on other packages. Two kinds: delete a given line, and mend a
misspelt name whose line is known, worded as pyflakes does. Knows nothing of models.
"""

from __future__ import annotations

import ast
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

MODULES = (
    "argparse", "calendar", "cmd", "configparser", "csv", "difflib", "filecmp", "fractions",
    "gettext", "imaplib", "mailbox", "optparse", "pprint", "sched", "shlex", "smtplib",
    "statistics", "tarfile", "textwrap", "zipfile",
)  # fmt: skip
LINES = 24
_NAME = re.compile(r"[A-Za-z_][A-Za-z_]{4,}")


@dataclass(frozen=True, slots=True)
class Everyday:
    """One edit; `line` is what it is about where that is said beside the instruction."""

    kind: str
    source: str
    target: str
    instruction: str
    line: int | None


def cases(count: int, seed: int, lines: int = LINES) -> list[Everyday]:
    """Return `count` edits of each kind, drawn by seed; fewer where the library has no more.

    Each is in a chunk of so many `lines`.
    """
    rng = random.Random(seed)  # noqa: S311  # not a secret
    chunks = list(_chunks(lines))
    rng.shuffle(chunks)
    deletions = islice(filter(None, (_deletion(chunk, rng) for chunk in chunks)), count)
    misspellings = islice(filter(None, (_misspelling(chunk, rng) for chunk in chunks)), count)
    return [*deletions, *misspellings]


def _chunks(length: int) -> Iterator[list[str]]:
    """Yield runs of lines that begin with a function or a class."""
    library = Path(os.__file__).parent
    for module in MODULES:
        candidates = (library / f"{module}.py", library / module / "__init__.py")
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        taken = 0
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef) or node.lineno - 1 < taken:
                continue
            chunk = lines[node.lineno - 1 : node.lineno - 1 + length]
            if len(chunk) == length and all(len(line) < 100 for line in chunk):  # noqa: PLR2004
                taken = node.lineno - 1 + length
                yield chunk


def _deletion(chunk: list[str], rng: random.Random) -> Everyday | None:
    line = rng.randint(2, len(chunk))
    target = [*chunk[: line - 1], *chunk[line:]]
    return Everyday("deletion", "".join(chunk), "".join(target), f"Delete line {line}", None)


def _misspelling(chunk: list[str], rng: random.Random) -> Everyday | None:
    """Swap two letters of a name that stands elsewhere, too."""
    text = "".join(chunk)
    known = _NAME.findall(text)
    names = [
        (line, found)
        for line, content in enumerate(chunk, start=1)
        for found in _NAME.finditer(content)
        if known.count(found[0]) > 1 and "#" not in content and '"' not in content
    ]
    rng.shuffle(names)
    for line, found in names:
        name = found[0]
        at = rng.randrange(1, len(name) - 1)
        wrong = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        if wrong in known:  # The same letter twice, or another name.
            continue
        content = chunk[line - 1]
        broken = [*chunk]
        broken[line - 1] = content[: found.start()] + wrong + content[found.end() :]
        return Everyday("misspelling", "".join(broken), text, f"undefined name '{wrong}'", line)
    return None
