"""Mistakes that real tools tell of, and whether they are mended."""

from __future__ import annotations

import pytest

from copydecode.engine import Engine
from copydecode.training.corpus import SourceFile
from copydecode.training.reported import (
    KINDS,
    Mistake,
    Report,
    is_mended,
    mistakes,
    pyflakes,
    python,
    ruff,
)

BROKEN = "import os\n\nif os.sep\n    print(1)\n"
UNUSED = "import os\n\nprint(1)\n"


def test_each_tool_tells_in_its_own_words() -> None:
    assert python(BROKEN) == [Report("SyntaxError: expected ':'", 3)]
    assert python(UNUSED) == []
    assert pyflakes(UNUSED) == [Report("'os' imported but unused", 1)]
    assert pyflakes(BROKEN) == []
    assert ruff(UNUSED) == [Report("`os` imported but unused", 1)]
    assert [report.line for report in ruff(BROKEN)] == [3]


@pytest.mark.parametrize("kind", KINDS)
def test_each_file_has_one_mistake_that_is_told_of(kind: str, files: list[SourceFile]) -> None:
    found = list(mistakes([file.text for file in files], kind, 2))
    assert found
    for mistake in found:
        assert mistake.kind == kind
        assert mistake.wrong != mistake.right
        assert mistake.report.message
    assert len({mistake.wrong for mistake in found}) <= 2


def test_the_embedded_model_mends_what_is_told_of() -> None:
    engine = Engine.load()
    right = BROKEN.replace("os.sep\n", "os.sep:\n")
    (report,) = python(BROKEN)
    assert is_mended(engine, Mistake("syntax", "Python", report, BROKEN, right))
    assert not is_mended(engine, Mistake("syntax", "Python", report, BROKEN, right + "\n"))
