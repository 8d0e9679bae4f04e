"""Several files as one bundle: one numbering of all their lines, one program over them.

Lines are counted through all files in their order, so that a copy may repeat a line of any of them:
a function moves from one file to another without being written again. No copy runs across the end
of a file. A program has a section for each file that it changes,

    <file path="a.py"/> ops  <file path="b.py"/> ops

whose ops write that file's new text; a file without a section stays as it is, and one that is there
to be copied from only has none. Each section is lowered to a program over its file alone: lines of
other files become new text of it. Knows nothing of tokens, and of files no more than what they are
called.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from copydecode.edit.document import Document
from copydecode.edit.fit import fit, visible, whole
from copydecode.edit.program import Copy, CopyTokens, File, Gen, LineOp, Op, Program
from copydecode.edit.resolve import resolve
from copydecode.edit.rules import Opening, Ranges
from copydecode.errors import CopyRangeError, FilesError, SectionError


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file: what it is called, its text, and whether it may be changed."""

    path: str
    document: Document
    editable: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's lines stand in a bundle: `first` to `last`, from 1; none where it is empty."""

    path: str
    first: int
    last: int
    editable: bool = True


@dataclass(frozen=True)
class Bundle:
    """Files in their order.

    Raises:
        FilesError: there is none that may be changed, two have one path, or a path has characters
            that no line of text shows (a prompt and a program name it as it is).
    """

    files: tuple[BundleFile, ...]

    def __post_init__(self) -> None:
        if not any(file.editable for file in self.files):
            message = "expected a file that may be changed, found none"
            raise FilesError(message)
        seen: set[str] = set()
        for path in (file.path for file in self.files):
            if not path or not path.isprintable():
                message = f"expected a path of printable characters, found {path!r}"
                raise FilesError(message)
            if path in seen:
                message = f"expected each file once, found {path} twice"
                raise FilesError(message)
            seen.add(path)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where each file's lines stand, in order."""
        places: list[Place] = []
        last = 0
        for file in self.files:
            first, last = last + 1, last + len(file.document)
            places.append(Place(file.path, first, last, file.editable))
        return tuple(places)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """All lines with their terminators; `lines[0]` is line 1."""
        return tuple(line for file in self.files for line in file.document.lines)

    @cached_property
    def visible(self) -> tuple[str, ...]:
        """All lines as a model sees them: no terminators, no byte order marks."""
        shown = (visible(file.document, whole(file.document)) for file in self.files)
        return tuple(line for lines in shown for line in lines)

    def owner(self, line: int) -> int:
        """Return the index of the file that has a line."""
        return bisect_left([place.last for place in self.places], line)

    def index(self, path: str) -> int:
        """Return the index of a file that may be changed.

        Raises:
            SectionError: no such file has the path.
        """
        for index, file in enumerate(self.files):
            if file.path == path and file.editable:
                return index
        message = f"expected a section of a file that may be changed, found one of {path}"
        raise SectionError(message)

    def own(self, op: LineOp, index: int) -> LineOp:
        """Return an op of a file's section over that file alone.

        Lines of other files become new text, as they are.
        """
        place = self.places[index]
        if isinstance(op, Gen):
            return op
        if place.first <= op.first <= op.last <= place.last:
            return Copy(op.first - place.first + 1, op.last - place.first + 1)
        return Gen("".join(self.lines[op.first - 1 : op.last]))

    def seen(self, op: LineOp, index: int) -> LineOp:
        """Return `own`, with lines of other files as a model sees them, each ended by LF."""
        own = self.own(op, index)
        if isinstance(op, Copy) and isinstance(own, Gen):
            return Gen("".join(f"{line}\n" for line in self.visible[op.first - 1 : op.last]))
        return own


def sections(program: Program, bundle: Bundle) -> Iterator[tuple[int, tuple[LineOp, ...]]]:
    """Yield the index of each file that has a section, and the section's ops.

    Raises:
        SectionError: an op stands before the first section, a file has two of them or may have
            none, or tokens are copied.
        CopyRangeError: a copy names lines that there are not, or runs across a file's end.
    """
    index: int | None = None
    ops: list[LineOp] = []
    opened: set[int] = set()
    for op in program.ops:
        if isinstance(op, File):
            if index is not None:
                yield index, tuple(ops)
            index, ops = bundle.index(op.path), []
            if index in opened:
                message = f"expected one section of {op.path}, found another"
                raise SectionError(message)
            opened.add(index)
        elif index is None or isinstance(op, CopyTokens):
            message = "expected copies of lines and new text within the section of a file"
            raise SectionError(message)
        else:
            _check(op, bundle)
            ops.append(op)
    if index is not None:
        yield index, tuple(ops)


def exact_programs(program: Program, bundle: Bundle) -> dict[str, Program]:
    """Return each section as a program over its file; lines of other files keep every byte.

    Raises:
        SectionError, CopyRangeError: as `sections`.
    """
    return {
        bundle.files[index].path: Program(tuple(bundle.own(op, index) for op in ops))
        for index, ops in sections(program, bundle)
    }


def fitted_programs(program: Program, bundle: Bundle) -> dict[str, Program]:
    """Return each section, written over what a model sees, as a program over its file's own bytes.

    As `fit` does for one document: what is new in a file, lines of other files too, has that file's
    line ends.

    Raises:
        SectionError, CopyRangeError: as `sections`.
    """
    programs: dict[str, Program] = {}
    for index, ops in sections(program, bundle):
        file = bundle.files[index]
        seen = Program(tuple(bundle.seen(op, index) for op in ops))
        programs[file.path] = fit(seen, file.document, whole(file.document))
    return programs


def resolve_files(program: Program, bundle: Bundle) -> dict[str, str]:
    """Return the new text of each file that has a section.

    Raises:
        SectionError, CopyRangeError: as `sections`.
    """
    documents = {file.path: file.document for file in bundle.files}
    return {
        path: resolve(section, documents[path])
        for path, section in exact_programs(program, bundle).items()
    }


def lent(program: Program, bundle: Bundle) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return for each file the lines of it, in its own numbering, that sections of others repeat.

    Raises:
        SectionError, CopyRangeError: as `sections`.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for index, ops in sections(program, bundle):
        for op in ops:
            if isinstance(op, Copy) and (owner := bundle.owner(op.first)) != index:
                before = bundle.places[owner].first - 1
                lines = op.first - before, op.last - before
                spans.setdefault(bundle.files[owner].path, []).append(lines)
    return {path: tuple(lines) for path, lines in spans.items()}


def _check(op: LineOp, bundle: Bundle) -> None:
    if isinstance(op, Gen):
        return
    if not 1 <= op.first <= op.last <= len(bundle.lines):
        message = f"expected 1 <= i <= j <= {len(bundle.lines)}, found {op.first}-{op.last}"
        raise CopyRangeError(message)
    if bundle.owner(op.first) != bundle.owner(op.last):
        message = f"expected lines of one file, found {op.first}-{op.last}, which are of several"
        raise CopyRangeError(message)


@dataclass(frozen=True, slots=True)
class BundleRules:
    """What may come next in a program over a bundle, as `Rules` has it for one document.

    Without an open section only one can be opened, or the program ends. `opened` are the paths of
    the sections so far. No state is a dead end.
    """

    places: Sequence[Place]
    opened: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the sections that may be opened."""
        return tuple(p.path for p in self.places if p.editable and p.path not in self.opened)

    def after(self, op: Op) -> BundleRules:
        """Return what holds behind an op."""
        return replace(self, opened=(*self.opened, op.path)) if isinstance(op, File) else self

    def openings(self, before: Op | None) -> tuple[Opening, ...]:  # noqa: ARG002  # as in `Rules`
        """Return how a program may go on."""
        copies = (Opening.COPY,) if self._lines else ()
        inside = (*copies, Opening.GEN) if self.opened else ()
        file = (Opening.FILE,) if self.files else ()
        return (*inside, *file, Opening.END)

    def firsts(self, before: Op | None) -> Ranges:  # noqa: ARG002  # as in `Rules`
        """Return the lines at which a copy may begin: all."""
        return ((1, self._lines),) if self._lines else ()

    def lasts(self, before: Op | None, first: int) -> Ranges:  # noqa: ARG002  # as in `Rules`
        """Return the lines at which the copy that begins at `first` may end: up to its file's."""
        ends = [place.last for place in self.places]
        return ((first, ends[bisect_left(ends, first)]),) if 1 <= first <= self._lines else ()

    def token_firsts(self, before: Op | None) -> Ranges:  # noqa: ARG002  # as in `Rules`
        """Return none."""
        return ()

    def token_lasts(self, first: int) -> Ranges:  # noqa: ARG002  # as in `Rules`
        """Return none."""
        return ()

    def removable(self, copy: Copy | CopyTokens) -> int:
        """Return how many lines of a copy may be left out: all."""
        return 1 + copy.last - copy.first

    @property
    def _lines(self) -> int:
        return self.places[-1].last
