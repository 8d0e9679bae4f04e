"""Source files for training tests: copies of some modules that never change."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from copydecode.training import corpus, duplicates
from copydecode.training.corpus import LANGUAGES, SourceFile
from copydecode.training.packages import PACKAGES
from copydecode.training.sheets import SheetMaker

SOURCES = Path(__file__).parents[2] / "data" / "mistakes"
OTHER_SOURCES = SOURCES.parent / "languages"


@pytest.fixture(scope="session")
def files() -> list[SourceFile]:
    """Some Python modules; what is drawn from them must not depend on today's code."""
    paths = sorted(SOURCES.glob("*.py"))
    return [SourceFile("copydecode", p.name, p.read_text(encoding="utf-8")) for p in paths]


@pytest.fixture(scope="session")
def maker(files: list[SourceFile]) -> SheetMaker:
    """Draws sheets from the these modules."""
    return SheetMaker(files)


@pytest.fixture(scope="session")
def foreign_files() -> list[SourceFile]:
    """A file in each of the other languages."""
    return [
        SourceFile("harbour", p.name, p.read_text(encoding="utf-8"), LANGUAGES[p.suffix])
        for p in sorted(OTHER_SOURCES.iterdir())
    ]


@pytest.fixture(scope="session")
def polyglot(files: list[SourceFile], foreign_files: list[SourceFile]) -> SheetMaker:
    """Draws sheets in all languages, of lines as they are in the files."""
    return SheetMaker([*files, *foreign_files], foreign_share=0)


@pytest.fixture
def archives(
    tmp_path: Path,
    files: list[SourceFile],
    foreign_files: list[SourceFile],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Make a wheel or a tarball of each package, with a module of ours; no standard library.

    All hold the same few modules, so none counts as near to another.
    """
    monkeypatch.setattr(corpus, "_read_standard_library", lambda: iter(()))
    monkeypatch.setattr(duplicates, "NEAR", 2.0)
    folder = tmp_path / "archives"
    folder.mkdir()
    modules = [file for file in files if len(file.text) > 1500]
    guide, script, typed = foreign_files
    for index, package in enumerate(PACKAGES):
        if package.registry == "npm":
            place = package.folders[0].removesuffix(".js")
            tarball = (
                folder / f"{package.name.replace('@', '').replace('/', '-')}-{package.version}.tgz"
            )
            members = {
                "README.md": f"{guide.text}\n{package.name}\n",
                f"{place}/queue.js": f"// {package.name}\n{script.text}",
                f"{place}/store.ts": f"// {package.name}\n{typed.text}",
                "dist/queue.js": f"// dist {package.name}\n{script.text}",
                "elsewhere/queue.js": f"// elsewhere {package.name}\n{script.text}",
                f"{place}/store.d.ts": f"// types {package.name}\n{typed.text}",
                f"{place}/built.js": f"// {package.name}\nvar a={'0,' * 300}0;\n",
            }
            with tarfile.open(tarball, "w:gz") as archive:
                for name, text in members.items():
                    data = text.encode()
                    info = tarfile.TarInfo(f"package/{name}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
            continue
        name = f"{package.name.replace('-', '_')}-{package.version}-py3-none-any.whl"
        with zipfile.ZipFile(folder / name, "w") as wheel:
            text = modules[index % len(modules)].text
            wheel.writestr(f"{package.name}/module.py", f"# {package.name}\n{text}")
            wheel.writestr(f"{package.name}/_vendor/other.py", text)
            wheel.writestr(f"{package.name}/broken.py", "def (:\n" * 100)
    return folder
