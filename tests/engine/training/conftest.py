"""Source files for training tests: copies of some modules that never change."""

from __future__ import annotations

from pathlib import Path

import pytest

from copydecode.training.corpus import SourceFile
from copydecode.training.sheets import SheetMaker

SOURCES = Path(__file__).parents[2] / "data" / "mistakes"

MISTAKES = Path(__file__).parents[2] / "data" / "mistakes"


@pytest.fixture(scope="session")
def files() -> list[SourceFile]:
    """Some Python modules; what is drawn from them must not depend on today's code."""
    paths = sorted(SOURCES.glob("*.py"))
    return [SourceFile("copydecode", p.name, p.read_text(encoding="utf-8")) for p in paths]


@pytest.fixture(scope="session")
def maker(files: list[SourceFile]) -> SheetMaker:
    """Draws sheets from the these modules."""
    return SheetMaker(files)
