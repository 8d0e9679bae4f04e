"""Source files for training tests: this project's own modules."""

from __future__ import annotations

from pathlib import Path

import pytest

import copydecode
from copydecode.training.corpus import SourceFile
from copydecode.training.sheets import SheetMaker


@pytest.fixture(scope="session")
def files() -> list[SourceFile]:
    """The engine's modules."""
    root = Path(copydecode.__file__).parent
    paths = sorted(root.rglob("*.py"))
    return [SourceFile("copydecode", p.name, p.read_text(encoding="utf-8")) for p in paths]


@pytest.fixture(scope="session")
def maker(files: list[SourceFile]) -> SheetMaker:
    """Draws sheets from the engine's modules."""
    return SheetMaker(files)
