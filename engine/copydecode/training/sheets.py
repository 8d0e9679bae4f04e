"""Draws sheets (documents with several cases each) from source files. Seeded; knows no tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random

from copydecode.training import comments, finding, mistakes, tasks
from copydecode.training.comments import Wish
from copydecode.training.corpus import SourceFile
from copydecode.training.mistakes import Mistake, Undo
from copydecode.training.tasks import FENCE, Case, Material, Sheet

MAX_COMMENTS = 2
"""How many `AI!` comments a sheet holds at most: nobody writes more at once."""

_MAKERS = tasks.MAKERS | finding.MAKERS

MAX_LINE = 110
"""Files are cut where a line is longer than this many characters."""

EVERYDAY: Mapping[str, float] = {
    "misspelling": 6,
    "delete": 3,
    "duplicate": 1,
    "move": 1.5,
    "rename": 3,
    "bug": 2,
    "rewrite": 1,
    "insert": 1,
    "replace": 1,
    "snippet": 2,
}
"""How often each kind is drawn, relative to the others."""

FINDING: Mapping[str, float] = {
    "find-delete": 4,
    "find-duplicate": 2,
    "find-move": 1,
    "find-range": 2,
    "find-all": 2,
    "find-insert": 2,
    "find-replace": 2,
    "rename-seldom": 2,
    "snippet-anchor": 2,
    "unchanged": 0.5,
    "comment": 2,
}
"""The kinds whose place is to be found by what a line holds, and the `AI!` comments."""

COPYING: Mapping[str, float] = {
    "rewrite": 4,
    "replace": 2,
    "insert": 2,
    "misspelling": 2,
    "delete": 2,
    "duplicate": 1,
}
"""The mix of the first part of training, until text is copied."""


class SheetMaker:
    """Cuts chunks of files and makes cases on them."""

    def __init__(self, files: Sequence[SourceFile]) -> None:
        self._files = [file.text for file in files]
        rng = Random(0)
        sample = rng.sample(self._files, min(len(self._files), 400))
        sample = [line for text in sample for line in _code_lines(text)]
        names = {m[0] for line in sample for m in tasks.code_names(line)}
        self._material = Material(
            names=sorted(n for n in names if 3 < len(n) < 20),  # noqa: PLR2004  # a name to rename to
            lines=sorted(
                {x.strip() for x in sample if 4 < len(x.strip()) < 70 and FENCE not in x}  # noqa: PLR2004  # one statement
            ),
        )

    def draw(self, rng: Random, n_lines: int, n_cases: int, mix: Mapping[str, float]) -> Sheet:
        """Return a sheet of about `n_lines` lines with `n_cases` cases of the given mix."""
        while True:
            lines, code = self._chunk(rng, n_lines)
            kinds = rng.choices(list(mix), weights=list(mix.values()), k=2 * n_cases)
            sheet = self._fill(lines, code, kinds, n_cases, rng)
            if len(sheet.cases) == n_cases:
                return sheet

    def draw_noise(
        self, rng: Random, n_lines: int, n_cases: int, mix: Mapping[str, float]
    ) -> Sheet:
        """Return a sheet like `draw`'s whose lines are names and signs at random.

        Nothing in them can be guessed from what code looks like, only from what stands elsewhere:
        text is learnt to be copied some millions of tokens sooner.
        """
        while True:
            # As many as lines can tell apart: a word is often in one line only.
            count = min(max(8, 2 * n_lines), len(self._material.names))
            words = rng.sample(self._material.names, count)
            words += ["".join(rng.choices(_LETTERS, k=rng.randint(2, 7))) for _ in range(count)]
            lines = [_noise_line(words, rng) for _ in range(n_lines)]
            kinds = rng.choices(list(mix), weights=list(mix.values()), k=2 * n_cases)
            sheet = self._fill(lines, list(range(1, n_lines + 1)), kinds, n_cases, rng)
            if len(sheet.cases) == n_cases:
                return sheet

    def _chunk(self, rng: Random, n_lines: int) -> tuple[list[str], list[int]]:
        """Cut lines at a random place, half the time where a top-level definition begins.

        Returns the lines and the numbers of those that are code.
        """
        while True:
            text = rng.choice(self._files)
            lines = text.split("\n")
            start = rng.randrange(max(1, len(lines) - n_lines // 2))
            if rng.random() < 0.5:  # noqa: PLR2004  # half and half
                heads = [k for k, x in enumerate(lines) if x.startswith(("def ", "class "))]
                start = rng.choice(heads) if heads else 0
            chunk = [line.rstrip() for line in lines[start : start + n_lines]]
            while chunk and not chunk[-1]:
                chunk.pop()
            if len(chunk) >= max(3, n_lines // 2) and max(map(len, chunk)) <= MAX_LINE:
                prose = _prose(text)
                ahead = range(start, start + len(chunk))
                code = [k - start + 1 for k in ahead if lines[k].strip() and k not in prose]
                return chunk, code

    def _fill(
        self,
        lines: list[str],
        code: list[int],
        kinds: Sequence[str],
        n_cases: int,
        rng: Random,
    ) -> Sheet:
        """Put in comments and the wanted mistakes, then make the cases on the result."""
        n_comments = min(kinds[:n_cases].count(comments.KIND), MAX_COMMENTS)
        placed, code = self._comment(lines, code, n_comments, rng)
        made: list[tuple[Undo, Mistake]] = []
        free = rng.sample(code, len(code))
        for kind in kinds[:n_cases]:
            if kind not in mistakes.MAKERS:
                continue
            put_in, undo = mistakes.MAKERS[kind]
            while free:
                line = free.pop()
                broken = put_in(lines, line, rng)
                if broken is not None:
                    lines[line - 1], mistake = broken
                    made.append((undo, mistake))
                    break
        of_comments = (comments.case_of(lines, number, wish) for number, wish in placed)
        cases = [case for case in of_comments if case is not None]
        cases += [undo(lines, mistake, rng) for undo, mistake in made]
        for kind in kinds:
            if len(cases) >= n_cases:
                break
            if kind not in _MAKERS:
                continue
            case = _MAKERS[kind](lines, rng, self._material)
            if case is not None:
                cases.append(case)
        return Sheet(tuple(lines), tuple(cases[:n_cases]))

    def _comment(
        self, lines: list[str], code: list[int], count: int, rng: Random
    ) -> tuple[list[tuple[int, Wish]], list[int]]:
        """Put in up to `count` `AI!` comments; return where they stand, and the code lines now."""
        wanted: dict[int, tuple[str, Wish]] = {}
        for _ in range(count):
            if put := comments.put_in(lines, rng, self._material):
                at, text, wish = put
                wanted[at] = text, wish
        placed: list[tuple[int, Wish]] = []
        for above, (at, (text, wish)) in enumerate(sorted(wanted.items())):
            lines.insert(at - 1 + above, text)
            placed.append((at + above, wish))
            code = [k + (k >= at + above) for k in code]
        return placed, code


_LETTERS = "abcdefghijklmnopqrstuvwxyz_"
_SIGNS = (" = ", ", ", "(", ")", " + ", ".", ": ", "[", "] ", " == ", " ", " - ", '"', "{")


def _noise_line(words: Sequence[str], rng: Random) -> str:
    parts = [" " * 4 * rng.randrange(3)]
    for _ in range(rng.randint(1, 4)):
        parts += [rng.choice(words), rng.choice(_SIGNS)]
    return "".join(parts).rstrip()


_TRIPLE_QUOTE = re.compile(r"\"{3}|'{3}")


@lru_cache(maxsize=20_000)
def _prose(text: str) -> frozenset[int]:
    """Return the 0-based numbers of lines that a triple-quoted string touches."""
    touched: set[int] = set()
    at = line = 0
    while opening := _TRIPLE_QUOTE.search(text, at):
        end = text.find(opening[0], opening.end())
        end = len(text) if end < 0 else end + 3
        line += text.count("\n", at, opening.start())
        height = text.count("\n", opening.start(), end)
        touched.update(range(line, line + height + 1))
        at, line = end, line + height
    return frozenset(touched)


def _code_lines(text: str) -> list[str]:
    prose = _prose(text)
    return [line for k, line in enumerate(text.split("\n")) if k not in prose]


def whole_file_cases(
    files: Sequence[SourceFile], per_kind: int, rng: Random
) -> dict[str, list[Sheet]]:
    """Return cases on whole files, of any length, that come with a scope, one case a sheet."""
    found: dict[str, list[Sheet]] = {"misspelling": [], "delete": []}
    while any(len(sheets) < per_kind for sheets in found.values()):
        text = rng.choice(files).text
        lines = text.removesuffix("\n").split("\n")
        prose = _prose(text)
        code = [k + 1 for k, x in enumerate(lines) if x.strip() and k not in prose]
        if len(lines) < 3 or not code:  # noqa: PLR2004  # nothing to work on
            continue
        if len(found["delete"]) < per_kind:
            first = rng.randint(1, len(lines))
            last = min(len(lines), first + rng.randrange(6))
            program = tasks.replace_lines(lines, first, last, ())
            case = Case("delete", "Delete the selected lines", (first, last), program)
            found["delete"].append(Sheet(tuple(lines), (case,)))
        made = mistakes.misspell_name(lines, rng.choice(code), rng)
        if made is not None and len(found["misspelling"]) < per_kind:
            broken, mistake = made
            lines[mistake.line - 1] = broken
            case = mistakes.fix_misspelling(lines, mistake, rng)
            found["misspelling"].append(Sheet(tuple(lines), (case,)))
    return found
