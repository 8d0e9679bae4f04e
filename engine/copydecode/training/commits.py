"""Real commits as tasks: the subject is the instruction, what it made of a file is the gold edit.

They are read from JSON lines with the fields `language`, `source`, `target` and `instruction`, and
`origin` (owner/repository@commit:path); such data is no part of this project, and training runs
without it. Commits of projects that the studies evaluate on are left out, whoever names the file.
Knows nothing of tokens or models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from random import Random

from copydecode.edit.document import Document
from copydecode.edit.oracle import locked_oracle, oracle
from copydecode.errors import ConfigError
from copydecode.training.corpus import SourceFile
from copydecode.training.packages import EVALUATED
from copydecode.training.tasks import Case

KIND = "commit"

MOST_LINES = 30
"""A commit that reaches further from its first change to its last fits into no sheet."""

MOST_WRITTEN = 600
"""So many characters of new text at most: longer ones would pad whole batches."""


@dataclass(frozen=True, slots=True)
class Commit(SourceFile):
    """A file as it was, the lines that changed, and what they became.

    `first` and `removed` are as in `snippets.Hunk`: from the first change to the last one.
    """

    instruction: str = ""
    first: int = 1
    removed: int = 0
    new: tuple[str, ...] = ()


def read(path: Path) -> list[Commit]:
    """Return the commits of a file of JSON lines that are small enough to be learnt.

    Raises:
        ConfigError: the file cannot be read, or a line of it does not have the fields.
    """
    found = []
    try:
        with path.open(encoding="utf-8") as rows:
            for row in map(json.loads, rows):
                commit = _commit(path.name, row)
                if commit is not None:
                    found.append(commit)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"expected commits as JSON lines in {path}, got {type(error).__name__}: {error}"
        raise ConfigError(message) from error
    return found


def _commit(name: str, row: dict[str, str]) -> Commit | None:
    old, new = (row[side].removesuffix("\n").split("\n") for side in ("source", "target"))
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [step for step in steps if step[0] != "equal"]
    if row["origin"].partition("@")[0] in EVALUATED:
        return None
    if not changes or "\r" in row["source"] + row["target"]:
        return None
    (_, start, _, start_new, _), (_, _, end, _, end_new) = changes[0], changes[-1]
    written = tuple(new[start_new:end_new])
    fresh = sum(len(line) + 1 for _, _, _, j1, j2 in changes for line in new[j1:j2])
    if max(end - start, len(written)) > MOST_LINES or fresh > MOST_WRITTEN:
        return None
    text = "".join(f"{line}\n" for line in old)
    place = (start + 1, end - start, written)
    return Commit(name, row.get("id", ""), text, row["language"], row["instruction"], *place)


def cut(commit: Commit, rng: Random, n_lines: int) -> tuple[list[str], Case] | None:
    """Return about `n_lines` lines around the change, and the case of it; None where it is longer.

    One time in three the changed lines are selected, and the scope locks all others.
    """
    lines = commit.text.removesuffix("\n").split("\n")
    around = n_lines - max(commit.removed, 1)
    if around < 0:
        return None
    behind = len(lines) - (commit.first - 1 + commit.removed)
    least = max(0, around - behind)  # Else the sheet would end with the file before it is full.
    before = min(commit.first - 1, rng.randint(least, around))
    begin = commit.first - 1 - before
    shown = lines[begin : begin + n_lines]
    wanted = [*shown[:before], *commit.new, *shown[before + commit.removed :]]
    document, target = (Document("".join(f"{x}\n" for x in side)) for side in (shown, wanted))
    scope = None
    program = oracle(document, target)
    if commit.removed and rng.random() < 1 / 3:
        scope = (before + 1, before + commit.removed)
        program = locked_oracle(document, scope, "".join(f"{x}\n" for x in commit.new))
    return shown, Case(KIND, commit.instruction, scope, program)
