"""The source code that training and evaluation start from, split by package.

Only the packages of `packages` are read, each in one split, so that no project is on both sides.
Wheels are fetched by pip at the pinned version, tarballs from the npm registry by their hash, and
read in place; the standard library of the running Python joins the training split. What a file of
another split is near to leaves the training side (`duplicates`). Knows nothing of tasks or tokens.
"""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
import sysconfig
import tarfile
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from copydecode.errors import ConfigError
from copydecode.training import duplicates
from copydecode.training.packages import PACKAGES, STANDARD_LIBRARY, Package, Split

LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescript",
    ".md": "markdown",
    ".markdown": "markdown",
}
"""The language of a file by the end of its name."""

MAX_FILE_BYTES = 200_000
_NOT_SOURCE = frozenset(
    {
        "_vendor",
        "vendored",
        "vendor",
        "node_modules",
        "site-packages",
        "test",
        "tests",
        "__tests__",
        "benchmarks",
        "fixtures",
        "generated",
        "dist",
        "locales",
        "idlelib",
        "lib2to3",
        "pyodide",
        "licenses",
        "skills",
    }
)
_NOT_PROSE = ("licen", "copying", "notice", "code_of_conduct", "code-of-conduct")
_NOT_WRITTEN = ("@generated", "do not edit", "auto-generated", "automatically generated")
"""What the head of a file says that a program has written."""

_LONGEST = 400
"""A file with a longer line was not written by hand, or holds data."""

REGISTRY = "https://registry.npmjs.org"
"""Where npm packages are, unless npm's own variable `npm_config_registry` names another place."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a package, with LF line ends; Python parses."""

    package: str
    path: str
    text: str
    language: str = "python"


def fetch(folder: Path, splits: Sequence[Split]) -> None:
    """Download the pinned wheels and tarballs of these splits that are not in `folder` yet.

    Raises:
        ConfigError: where a download fails, or a tarball is not the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [p for p in PACKAGES if p.split in splits and _archive(folder, p) is None]
    _fetch_wheels(folder, [p for p in missing if p.registry == "pypi"])
    for package in missing:
        if package.registry == "npm":
            _fetch_tarball(folder, package)


def read(folder: Path, split: Split) -> list[SourceFile]:
    """Return the split's files in a fixed order, without duplicates and what is near to one.

    The first of several stays; what is near to a file of a later split (test behind validation
    behind training) is left out of the earlier one. So the archives of later splits have to be
    there, too.

    Raises:
        ConfigError: an archive is missing.
    """
    splits: tuple[Split, ...] = ("test", "validation", "train")
    kept = duplicates.Kept()
    files: list[SourceFile] = []
    for one in splits[: splits.index(split) + 1]:
        files = [file for file in _read_all(folder, one) if kept.add(file.text)]
    return files


def _read_all(folder: Path, split: Split) -> Iterator[SourceFile]:
    for package in PACKAGES:
        if package.split == split:
            yield from _read_package(folder, package)
    if split == STANDARD_LIBRARY.split:
        yield from _read_standard_library()


def _fetch_wheels(folder: Path, wanted: Sequence[Package]) -> None:
    if not wanted:
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder)]
    command += [f"{p.name}=={p.version}" for p in wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # fixed arguments
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        message = f"expected pip to download {len(wanted)} packages, got: {last}"
        raise ConfigError(message)


def _fetch_tarball(folder: Path, package: Package) -> None:
    registry = os.environ.get("npm_config_registry", REGISTRY).rstrip("/")  # noqa: SIM112  # npm's spelling
    name = package.name.rpartition("/")[2]
    url = f"{registry}/{package.name}/-/{name}-{package.version}.tgz"
    if not url.startswith(("https://", "http://")):
        message = f"expected an http address in npm_config_registry, got {registry}"
        raise ConfigError(message)
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # checked above
            data = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        message = f"expected to download {package.name} {package.version} from npm, got: {error}"
        raise ConfigError(message) from error
    if hashlib.sha256(data).hexdigest() != package.sha256:
        message = f"expected {package.name} {package.version} by its pinned hash, got another file"
        raise ConfigError(message)
    (folder / _tarball_name(package)).write_bytes(data)


def _tarball_name(package: Package) -> str:
    """Return a tarball's name as `npm pack` gives it."""
    return f"{package.name.replace('@', '').replace('/', '-')}-{package.version}.tgz"


def _archive(folder: Path, package: Package) -> Path | None:
    if package.registry == "npm":
        path = folder / _tarball_name(package)
        return path if path.exists() else None
    stem = f"{package.name.replace('-', '_')}-{package.version}"
    return next(iter(sorted(folder.glob(f"{stem}-*.whl"))), None)


def _read_package(folder: Path, package: Package) -> Iterator[SourceFile]:
    path = _archive(folder, package)
    if path is None:
        message = f"expected {package.name} {package.version} in {folder}, found none"
        raise ConfigError(message)
    read_archive = _read_tarball if package.registry == "npm" else _read_wheel
    yield from read_archive(path, package)


def _read_wheel(path: Path, package: Package) -> Iterator[SourceFile]:
    with zipfile.ZipFile(path) as wheel:
        for name in sorted(wheel.namelist()):
            if _is_wanted(name) and wheel.getinfo(name).file_size <= MAX_FILE_BYTES:
                yield from _file(package.name, name, wheel.read(name))
            elif name.endswith(".dist-info/METADATA"):
                yield from _description(package.name, wheel.read(name))


def _read_tarball(path: Path, package: Package) -> Iterator[SourceFile]:
    with tarfile.open(path) as tarball:
        members = {m.name.partition("/")[2]: m for m in tarball if m.isfile()}
        for name in sorted(members):
            if not _is_wanted(name) or members[name].size > MAX_FILE_BYTES:
                continue
            prose = LANGUAGES[PurePosixPath(name).suffix] == "markdown"
            if prose or any(_is_within(name, place) for place in package.folders):
                content = tarball.extractfile(members[name])
                if content is not None:
                    yield from _file(package.name, name, content.read())


def _is_within(name: str, place: str) -> bool:
    """Return whether a file is in a folder, is that file, or stands at the top for "."."""
    if place == ".":
        return "/" not in name
    return name == place or name.startswith(f"{place}/")


def _read_standard_library() -> Iterator[SourceFile]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if _is_wanted(name) and path.stat().st_size <= MAX_FILE_BYTES:
            yield from _file(STANDARD_LIBRARY.name, name, path.read_bytes())


def _is_wanted(name: str) -> bool:
    *folders, file = name.split("/")
    suffix = PurePosixPath(file).suffix
    if suffix not in LANGUAGES or file.endswith((".d.ts", ".d.mts", ".d.cts", ".min.js")):
        return False
    if LANGUAGES[suffix] == "markdown" and file.lower().startswith(_NOT_PROSE):
        return False
    return _NOT_SOURCE.isdisjoint(folders)


def _description(package: str, metadata: bytes) -> Iterator[SourceFile]:
    """Yield the description of a wheel where it is Markdown: the project's README."""
    head, _, body = metadata.decode("utf-8", "replace").partition("\n\n")
    if "Description-Content-Type: text/markdown" in head and len(body) <= MAX_FILE_BYTES:
        yield from _file(package, "README.md", body.encode())


def _file(package: str, path: str, data: bytes) -> Iterator[SourceFile]:
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return
    if len(text) < 200 or "\r" in text or "\f" in text:  # noqa: PLR2004  # too short to cut from
        return
    language = LANGUAGES[PurePosixPath(path).suffix]
    if language == "python" and not _parses(text):
        return
    if language in {"javascript", "typescript"} and not _is_written(text):
        return
    yield SourceFile(package, path, text if text.endswith("\n") else text + "\n", language)


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Invalid escapes of other people's code.
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _is_written(text: str) -> bool:
    """Return whether a script looks like written by hand: neither built nor data."""
    head = text[:500].lower()
    return max(map(len, text.split("\n"))) <= _LONGEST and not any(x in head for x in _NOT_WRITTEN)
