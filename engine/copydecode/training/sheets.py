"""Draws sheets (documents with several cases each) from source files. Seeded; knows no tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from copydecode.training import (
    comments,
    commits,
    diagnostics,
    finding,
    flaws,
    foreign,
    javascript,
    lint,
    markdown,
    mistakes,
    refactors,
    rewrites,
    snippets,
    tasks,
    twins,
    unchanged,
)
from copydecode.training.comments import Wish
from copydecode.training.commits import Commit
from copydecode.training.corpus import SourceFile
from copydecode.training.flaws import Flaw
from copydecode.training.languages import CODE, LANGUAGES, SCRIPTS, Language, prose
from copydecode.training.mistakes import Mistake, Undo
from copydecode.training.tasks import FENCE, Case, Material, Sheet

MAX_COMMENTS = 2
"""How many `AI!` comments a sheet holds at most: nobody writes more at once."""

_MAKERS = {
    **tasks.MAKERS,
    **finding.MAKERS,
    **snippets.MAKERS,
    **javascript.MAKERS,
    **markdown.MAKERS,
    **refactors.MAKERS,
    **unchanged.MAKERS,
}
_MISTAKES = mistakes.MAKERS | javascript.MISTAKES | markdown.MISTAKES
_FLAWS = diagnostics.MAKERS | lint.MAKERS | rewrites.MAKERS

_AT_THE_TOP = frozenset({"unused-import", "missing-import"})
"""Kinds that are about what files begin with: every other chunk with one is from there."""

_CHUNKS = 16
"""So many chunks are looked at for an occasion: else what fits everywhere would be all there is."""

_ROOM = 24
"""As many lines as have room for whatever is drawn together."""

_DRAWS = 4
"""How often a flaw is tried on a chunk: each draws one of several ways, few of which fit."""

_EVERYWHERE = frozenset(LANGUAGES)
_SPOKEN: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(tasks.MAKERS | finding.MAKERS | snippets.MAKERS, _EVERYWHERE),
    **dict.fromkeys(("rename", "rename-seldom", comments.KIND), CODE),
    **dict.fromkeys(javascript.MAKERS | javascript.MISTAKES, SCRIPTS),
    **dict.fromkeys(markdown.MAKERS | markdown.MISTAKES, frozenset({"markdown"})),
}
"""The languages of kinds that are not for Python alone."""

SHARES: Mapping[str, float] = {
    "python": 0.55,
    "javascript": 0.18,
    "typescript": 0.15,
    "markdown": 0.12,
}
"""How often a sheet is in each language, of those that a kind is for."""

COMMITS = 0.03
"""How many sheets begin with a real commit, where there are any."""

FOREIGN = 0.1
"""How many sheets get words outside ASCII (`foreign`)."""

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
    "snippet-several": 2,
    "unchanged": 0.5,
    "comment": 2,
}
"""The kinds whose place is to be found by what a line holds, and the `AI!` comments."""

DIAGNOSTICS: Mapping[str, float] = {
    "unused-import": 2,
    "unused-variable": 2,
    "missing-import": 1.5,
    "unreachable": 1,
    "syntax": 4,
    "arguments": 1.5,
    "attribute": 1,
    "lint": 3,
    "needless": 1,
    "unchanged-stale": 1,
}
"""Mistakes that a tool has told about, in its words."""

REFACTORS: Mapping[str, float] = {
    "rename-local": 3,
    "rename-method": 1,
    "wrap": 2,
    "unwrap": 1,
    "add-parameter": 2,
    "annotate": 2,
    "docstring": 1,
    "f-string": 1,
    "dict-get": 0.7,
    "pathlib": 0.7,
    "simplify": 1,
    "unchanged-held": 1,
    "unchanged-applied": 0.5,
}
"""Changes of code that works."""

COPYING: Mapping[str, float] = {
    "rewrite": 4,
    "replace": 2,
    "insert": 2,
    "misspelling": 2,
    "delete": 2,
    "duplicate": 1,
}
"""The mix of the first part of training, until text is copied."""


SCRIPTING: Mapping[str, float] = {
    "js-misspelling": 4,
    "js-bug": 1.5,
    "js-syntax": 2,
    "js-style": 3,
    "js-unused": 2,
}
"""The kinds of JavaScript and TypeScript alone: what their linters and compilers complain of."""


WRITING: Mapping[str, float] = {
    "md-change": 3,
    "md-list": 3,
    "md-heading": 2,
    "md-section": 1.5,
    "md-lint": 1.5,
    "md-spelling": 1.5,
}
"""The kinds of Markdown alone."""


def languages(kind: str) -> frozenset[str]:
    """Return the languages that a kind of task is for: Python alone, if nothing else is said."""
    return _SPOKEN.get(kind, frozenset({"python"}))


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The files of one language, and what makers draw from them."""

    texts: Sequence[str]
    material: Material


class SheetMaker:
    """Cuts chunks of files and makes cases on them."""

    def __init__(
        self,
        files: Sequence[SourceFile],
        foreign_share: float = FOREIGN,
        twin_share: float = 0.0,
    ) -> None:
        """Edits of commits (`commits.read`) are drawn, too, where some of the files are theirs.

        `foreign_share` of the sheets get words outside ASCII, `twin_share` of them lines that are
        there already, as they are or almost (`twins`).
        """
        self._foreign_share = foreign_share
        self._twin_share = twin_share
        found = [file for file in files if isinstance(file, Commit)]
        files = [file for file in files if not isinstance(file, Commit)]
        self._shelves = {
            name: _shelf([f.text for f in files if f.language == name], language)
            for name, language in LANGUAGES.items()
            if any(f.language == name for f in files)
        }
        self._commits = [commit for commit in found if commit.language in self._shelves]

    def material(self, language: str) -> Material:
        """Return what is drawn from in one language.

        Raises:
            KeyError: there are no files in it.
        """
        return self._shelves[language].material

    def draw(self, rng: Random, n_lines: int, n_cases: int, mix: Mapping[str, float]) -> Sheet:
        """Return a sheet of about `n_lines` lines with `n_cases` cases of the given mix.

        It has some lines more where so few have no room for the cases.

        A kind of the mix is drawn first, then a language that it is for; the sheet's cases are of
        the kinds that are for that language.

        Raises:
            ValueError: no kind of the mix is for a language of the files.
        """
        if self._commits and rng.random() < COMMITS:
            sheet = self._draw_commit(rng, n_lines, n_cases, mix)
            if sheet is not None:
                return sheet
        attempt = 0
        while True:
            length = max(n_lines, min(n_lines + attempt // 4, _ROOM))
            shelf, spoken = self._choose(rng, mix)
            top = not _AT_THE_TOP.isdisjoint(spoken)
            lines, code = _chunk(shelf, rng, length, top=top)
            kinds = rng.choices(list(spoken), weights=list(spoken.values()), k=2 * n_cases)
            for _ in range(_CHUNKS):
                if _suits(shelf.material, lines, kinds[0], rng):
                    break
                lines, code = _chunk(shelf, rng, length, top=top)
            if rng.random() < self._foreign_share:
                lines = foreign.put_in(lines, rng, shelf.material.language)
            if self._twin_share and rng.random() < self._twin_share:
                material = shelf.material
                lines, code = twins.put_in(lines, code, material.names, rng, material.language)
            sheet = _fill(shelf.material, lines, code, kinds, n_cases, rng)
            if len(sheet.cases) == n_cases:
                return sheet
            attempt += 1

    def _draw_commit(
        self, rng: Random, n_lines: int, n_cases: int, mix: Mapping[str, float]
    ) -> Sheet | None:
        """Return a sheet with the edit of a commit, and other cases of the mix on its lines."""
        commit = rng.choice(self._commits)
        drawn = commits.cut(commit, rng, n_lines)
        material = self._shelves[commit.language].material
        others = [k for k in mix if k in _MAKERS and commit.language in languages(k)]
        if drawn is None or max(map(len, drawn[0])) > material.language.longest:
            return None
        lines, case = drawn
        cases = [case]
        for kind in rng.choices(others, k=2 * n_cases) if others else ():
            other = _MAKERS[kind](lines, rng, material)
            if len(cases) < n_cases and other is not None:
                cases.append(other)
        return Sheet(tuple(lines), tuple(cases), commit.language) if len(cases) == n_cases else None

    def draw_noise(
        self, rng: Random, n_lines: int, n_cases: int, mix: Mapping[str, float]
    ) -> Sheet:
        """Return a sheet like `draw`'s whose lines are names and signs at random.

        Nothing in them can be guessed from what code looks like, only from what stands elsewhere:
        text is learnt to be copied some millions of tokens sooner.

        Raises:
            ValueError: as `draw`.
        """
        while True:
            shelf, spoken = self._choose(rng, mix)
            material = shelf.material
            # As many as lines can tell apart: a word is often in one line only.
            count = min(max(8, 2 * n_lines), len(material.names))
            words = rng.sample(material.names, count)
            words += ["".join(rng.choices(_LETTERS, k=rng.randint(2, 7))) for _ in range(count)]
            if rng.random() < self._foreign_share:
                words += [foreign.words(rng) for _ in range(count)]
            lines = [_noise_line(words, rng) for _ in range(n_lines)]
            code = list(range(1, n_lines + 1))
            if self._twin_share and rng.random() < self._twin_share:
                lines, code = twins.put_in(lines, code, words, rng, material.language)
            kinds = rng.choices(list(spoken), weights=list(spoken.values()), k=2 * n_cases)
            sheet = _fill(material, lines, code, kinds, n_cases, rng)
            if len(sheet.cases) == n_cases:
                return sheet

    def _choose(self, rng: Random, mix: Mapping[str, float]) -> tuple[_Shelf, Mapping[str, float]]:
        """Draw a language; return its files and the part of the mix that is for it."""
        mix = {kind: w for kind, w in mix.items() if languages(kind) & self._shelves.keys()}
        if not mix:
            message = f"expected kinds of tasks for {', '.join(self._shelves)}, found none"
            raise ValueError(message)
        if len(self._shelves) == 1:
            (shelf,) = self._shelves.values()
            return shelf, mix
        (kind,) = rng.choices(list(mix), weights=list(mix.values()))
        names = [name for name in self._shelves if name in languages(kind)]
        (name,) = rng.choices(names, weights=[SHARES[name] for name in names])
        return self._shelves[name], {k: w for k, w in mix.items() if name in languages(k)}


def _shelf(texts: Sequence[str], language: Language) -> _Shelf:
    rng = Random(0)
    sample = rng.sample(texts, min(len(texts), 400))
    lines = [line for text in sample for line in _code_lines(text, language)]
    names = {m[0] for line in lines for m in tasks.code_names(line, language)}
    material = Material(
        names=sorted(n for n in names if 3 < len(n) < 20),  # noqa: PLR2004  # a name to rename to
        lines=sorted(
            {x.strip() for x in lines if 4 < len(x.strip()) < 70 and FENCE not in x}  # noqa: PLR2004  # one statement
        ),
        language=language,
    )
    return _Shelf(texts, material)


def _chunk(
    shelf: _Shelf, rng: Random, n_lines: int, *, top: bool = False
) -> tuple[list[str], list[int]]:
    """Cut lines at a random place, half the time where a top-level definition begins.

    With `top` half of the chunks begin with a file's imports. Returns the lines and the numbers of
    those that are code.
    """
    language = shelf.material.language
    while True:
        text = rng.choice(shelf.texts)
        lines = text.split("\n")
        start = rng.randrange(max(1, len(lines) - n_lines // 2))
        if rng.random() < 0.5:  # noqa: PLR2004  # half and half
            heads = [k for k, x in enumerate(lines) if x.startswith(language.heads)]
            start = rng.choice(heads) if heads else 0
        if top and rng.random() < 0.5:  # noqa: PLR2004  # half and half
            imports = (k for k, x in enumerate(lines) if x.startswith(("import ", "from ")))
            start = next(imports, 0)
        chunk = [line.rstrip() for line in lines[start : start + n_lines]]
        while chunk and not chunk[-1]:
            chunk.pop()
        if len(chunk) >= max(3, n_lines // 2) and max(map(len, chunk)) <= language.longest:
            uncoded = prose(text, language.name)
            ahead = range(start, start + len(chunk))
            code = [k - start + 1 for k in ahead if lines[k].strip() and k not in uncoded]
            return chunk, code


def _fill(  # noqa: PLR0913, PLR0917  # what a sheet is made of
    material: Material,
    lines: list[str],
    code: list[int],
    kinds: Sequence[str],
    n_cases: int,
    rng: Random,
) -> Sheet:
    """Put in comments and the wanted mistakes, then make the cases on the result."""
    n_comments = min(kinds[:n_cases].count(comments.KIND), MAX_COMMENTS)
    placed, code = _comment(material, lines, code, n_comments, rng)
    drawn = _flaws(material, tuple(lines), kinds, n_cases, rng)
    placed = [(flaws.shifted(number, drawn), wish) for number, wish in placed]
    flawed = flaws.put_in(lines, drawn)
    spans = [span for flaw in flawed for span in flaw.spans]
    code = [flaws.shifted(k, drawn) for k in code]
    code = [k for k in code if not any(a <= k <= b for a, b in spans)]
    made: list[tuple[Undo, Mistake]] = []
    free = rng.sample(code, len(code))
    for kind in kinds[:n_cases]:
        if kind not in _MISTAKES:
            continue
        put_in, undo = _MISTAKES[kind]
        while free:
            line = free.pop()
            broken = put_in(lines, line, rng)
            if broken is not None:
                lines[line - 1], mistake = broken
                made.append((undo, mistake))
                break
    of_comments = (comments.case_of(lines, number, wish) for number, wish in placed)
    cases = [case for case in of_comments if case is not None]
    cases += [flaws.case_of(lines, flaw) for flaw in flawed]
    if sum(undo is mistakes.fix_mutation for undo, _ in made) > 1:
        located: dict[Undo, Undo] = {mistakes.fix_mutation: mistakes.fix_located_mutation}
        made = [(located.get(undo, undo), mistake) for undo, mistake in made]
    cases += [undo(lines, mistake, rng) for undo, mistake in made]
    for kind in kinds:
        if len(cases) >= n_cases:
            break
        if kind not in _MAKERS:
            continue
        case = _MAKERS[kind](lines, rng, material)
        if case is not None:
            cases.append(case)
    return Sheet(tuple(lines), tuple(cases[:n_cases]), material.language.name)


def _suits(material: Material, lines: list[str], kind: str, rng: Random) -> bool:
    """Return whether a chunk has an occasion for a kind that few have one for."""
    maker = _FLAWS.get(kind) or refactors.MAKERS.get(kind)
    return maker is None or maker(lines, rng, material) is not None


def _flaws(
    material: Material, lines: tuple[str, ...], kinds: Sequence[str], n_cases: int, rng: Random
) -> list[Flaw]:
    """Draw as many flaws as there are among the first kinds; where one fails, the next."""
    wanted = sum(kind in _FLAWS for kind in kinds[:n_cases])
    made: list[Flaw] = []
    for kind in kinds:
        if len(made) == wanted:
            break
        for _ in range(_DRAWS if kind in _FLAWS else 0):
            flaw = _FLAWS[kind](lines, rng, material)
            if flaw is not None and flaws.apart(flaw, made):
                made.append(flaw)
                break
    return made


def _comment(
    material: Material, lines: list[str], code: list[int], count: int, rng: Random
) -> tuple[list[tuple[int, Wish]], list[int]]:
    """Put in up to `count` `AI!` comments; return where they stand, and the code lines now."""
    wanted: dict[int, tuple[str, Wish]] = {}
    for _ in range(count):
        if put := comments.put_in(lines, rng, material):
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


def _code_lines(text: str, language: Language) -> Iterable[str]:
    uncoded = prose(text, language.name)
    return (line for k, line in enumerate(text.split("\n")) if k not in uncoded)


def whole_file_cases(
    files: Sequence[SourceFile], per_kind: int, rng: Random
) -> dict[str, list[Sheet]]:
    """Return cases on whole Python files, of any length, with a scope, one case a sheet."""
    files = [file for file in files if file.language == "python"]
    found: dict[str, list[Sheet]] = {"misspelling": [], "delete": []}
    while any(len(sheets) < per_kind for sheets in found.values()):
        text = rng.choice(files).text
        lines = text.removesuffix("\n").split("\n")
        uncoded = prose(text, "python")
        code = [k + 1 for k, x in enumerate(lines) if x.strip() and k not in uncoded]
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
