"""Which text is meant by a URI where several files are edited: an open document, or a file.

An open document is taken as the client has it, wherever it lies. What is not open is read from
disk, and only from inside a workspace folder: where the path leads is looked at after every link is
followed, and again once the file is open, so that neither `..` nor a link leads out. Without a
folder nothing is read. It must be a regular file of UTF-8 text within the size that is set. Knows
nothing of edits or models, and writes nothing.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pygls.uris import to_fs_path

from copydecode import Document
from copydecode.errors import (
    BadInputError,
    BinaryDocumentError,
    DocumentTooLargeError,
    FilesError,
)
from copydecode_lsp.failures import OutsideWorkspaceError, UnknownDocumentError
from copydecode_lsp.languages import language_of
from copydecode_lsp.snapshots import Snapshot, Snapshots

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class WorkspaceFile:
    """One file of a request.

    `path` is what a model knows it by. `snapshot` is the open document, or the file as it was read,
    at `location`, the path behind all links; it is None for an open document.
    """

    path: str
    snapshot: Snapshot
    location: Path | None
    editable: bool

    @property
    def uri(self) -> str:
        """The URI that the client knows it by."""
        return self.snapshot.uri


@dataclass(frozen=True)
class Files:
    """Where files are looked for: open documents, and workspace folders, as they are at one time.

    `limits` are the most bytes of a file that is read, by the URI that it is asked for with. The
    methods read from disk: they are for a thread other than the event loop's.
    """

    documents: Snapshots
    folders: tuple[str, ...]
    limits: Mapping[str, int]

    def gather(self, uris: Sequence[str], context: Sequence[str]) -> tuple[WorkspaceFile, ...]:
        """Return the files to be edited, then those to be copied from.

        Raises:
            OutsideWorkspaceError: a file that is not open leads out of the workspace folders.
            UnknownDocumentError: there is neither a document nor a file.
            ReadOnlyDocumentError: one that is to be edited is only shown.
            FilesError: two of the URIs are one file.
            BadInputError: a file cannot be read, is too large or no text.
        """
        found = [self.find(uri) for uri in (*uris, *context)]
        for snapshot, _ in found[: len(uris)]:
            snapshot.require_editable()
        seen: set[object] = set()
        for snapshot, _ in found:
            if (identity := _identity(snapshot.uri)) in seen:
                message = f"expected each file once, found {_name(snapshot.uri)} again"
                raise FilesError(message)
            seen.add(identity)
        paths = self._paths([snapshot.uri for snapshot, _ in found])
        return tuple(
            WorkspaceFile(path, snapshot, location, index < len(uris))
            for index, (path, (snapshot, location)) in enumerate(zip(paths, found, strict=True))
        )

    def find(self, uri: str) -> tuple[Snapshot, Path | None]:
        """Return the open document, or the file as it is and where it lies behind all links.

        Raises:
            OutsideWorkspaceError, UnknownDocumentError, BadInputError: as `gather`.
        """
        with suppress(UnknownDocumentError):
            return self.documents.get(uri), None
        location = _location(uri)
        if location is None:
            message = f"expected an open document or a file, found neither at {_name(uri)}"
            raise UnknownDocumentError(message)
        # The client may have it open under another name; then its text is not what is on disk.
        identity = _identity(uri)
        for snapshot in self.documents.all():
            if _identity(snapshot.uri) == identity:
                return snapshot, None
        if not any(location.is_relative_to(folder) for folder in self._folders()):
            where = "the workspace folders" if self.folders else "a workspace folder: none is open"
            message = (
                f"expected an open document or a file in {where}, found {_name(uri)}"
                f"{_leading(uri, location)}"
            )
            raise OutsideWorkspaceError(message)
        text = _read(location, _name(uri), self.limits[uri])
        return Snapshot(uri, 0, Document(text), language_of(location)), location

    def _folders(self) -> Iterable[Path]:
        """Return the workspace folders, behind all links."""
        return [path for folder in self.folders if (path := _location(folder)) is not None]

    def _paths(self, uris: Sequence[str]) -> list[str]:
        """Return what to call each file: relative to its folder where no two are alike then.

        Else with the folder's name before it, or as they are.
        """
        paths = [posixpath.normpath(path) for path in map(_name, uris)]
        ways: tuple[Callable[[str], str], ...] = (self._relative, self._with_folder)
        for way in ways:
            shorter = list(map(way, paths))
            if max(Counter(shorter).values(), default=0) <= 1:
                return shorter
        return paths

    def _relative(self, path: str) -> str:
        folder = self._folder_name(path)
        return path[len(folder) + 1 :] if folder else path.rpartition("/")[2]

    def _with_folder(self, path: str) -> str:
        folder = self._folder_name(path)
        return path[len(folder.rpartition("/")[0]) + 1 :] if folder else path

    def _folder_name(self, path: str) -> str:
        """Return the innermost folder that a path lies in by its name, "" where it is in none."""
        names = [_name(folder).rstrip("/") for folder in self.folders]
        return max((n for n in names if path.startswith(f"{n}/")), key=len, default="")


def _name(uri: str) -> str:
    """Return the path of a file URI with `/`, any other URI as it is."""
    path = to_fs_path(uri)
    return Path(path).as_posix() if path else uri


def _location(uri: str) -> Path | None:
    """Return where a file URI leads behind all links, whether there is a file or not."""
    path = to_fs_path(uri)
    if not path or "\0" in path:
        return None
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError):  # A circle of links.
        return None


def _identity(uri: str) -> object:
    """Return what is the same for two names of one file."""
    location = _location(uri)
    if location is None:
        return uri
    try:
        status = location.stat()
    except OSError:
        return location
    return status.st_dev, status.st_ino


def _leading(uri: str, location: Path) -> str:
    return "" if _name(uri) == location.as_posix() else f", which leads to {location.as_posix()}"


def _read(location: Path, name: str, limit: int) -> str:
    """Return the text of a regular file without its byte order mark: editors keep that apart.

    `location` has no links in it. Where one takes its place before it is open, nothing is read.
    """
    # A pipe is not waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(  # Path.open takes no opener
            location, "rb", opener=lambda path, _mode: os.open(path, flags | _BINARY)
        ) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                message = f"expected a regular file, found none at {name}"
                raise BadInputError(message)
            same = location.resolve() == location and os.path.samestat(location.stat(), status)
            if not same:
                message = f"expected a file that stays where it is, found another at {name}"
                raise OutsideWorkspaceError(message)
            data = b"" if status.st_size > limit else file.read(limit + 1)
    except FileNotFoundError as error:
        message = f"expected an open document or a file, found neither at {name}"
        raise UnknownDocumentError(message) from error
    except OSError as error:
        message = f"expected a file that can be read at {name}: {error.strerror}"
        raise BadInputError(message) from error
    if status.st_size > limit or len(data) > limit:
        message = f"expected a file of at most {limit} bytes, found {name} with more"
        raise DocumentTooLargeError(message)
    if b"\0" in data:
        message = f"expected a text file, found a zero byte in {name}"
        raise BinaryDocumentError(message)
    try:
        return data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        message = f"expected UTF-8 text in {name}, found other bytes at offset {error.start}"
        raise BinaryDocumentError(message) from error


_BINARY = getattr(os, "O_BINARY", 0)
"""Without it Windows changes line ends."""
