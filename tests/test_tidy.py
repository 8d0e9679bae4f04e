"""The repository keeps its own promises: documents, exports, imports."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "xgrammar", "tokenizers", "numpy")


def modules() -> list[Path]:
    """All modules with something in them, relative to their package's parent."""
    found = [
        path.relative_to(root)
        for root in (ROOT / "engine", ROOT / "server")
        for path in sorted(root.rglob("*.py"))
    ]
    assert len(found) > 30
    return found


def scripts() -> list[Path]:
    """All modules of the extension for VS Code, relative to its sources, without their tests."""
    root = ROOT / "vscode-client" / "src"
    found = [p.relative_to(root) for p in root.rglob("*.ts") if not p.name.endswith(".test.ts")]
    assert len(found) > 10
    return found


def test_the_architecture_names_each_module_of_the_extension() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    _, section = text.split("## The extension for VS Code")
    named = set(re.findall(r"`([\w/]+)`", section))
    assert [str(path) for path in scripts() if path.with_suffix("").as_posix() not in named] == []


def test_every_module_of_the_extension_says_what_it_is_for() -> None:
    for path in scripts():
        text = (ROOT / "vscode-client" / "src" / path).read_text(encoding="utf-8")
        assert text.startswith("/**"), path


def test_the_architecture_names_each_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    code = re.findall(r"`[^`]+`|^    .*$", text, re.MULTILINE)
    named = set(re.findall(r"\w+", " ".join(code)))
    missing = [
        str(path)
        for path in modules()
        if path.stem not in {"__init__", "__main__"} and path.stem not in named
    ]
    assert missing == []


@pytest.mark.parametrize("name", ["copydecode"])
def test_everything_exported_is_importable(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__all__
    assert [n for n in package.__all__ if not hasattr(package, n)] == []
    assert len(set(package.__all__)) == len(package.__all__)


@pytest.mark.parametrize("name", ["copydecode", "copydecode_lsp.app", "copydecode_lsp.cli"])
def test_importing_it_imports_no_model_code(name: str) -> None:
    script = f"import sys, {name}; print(*sorted({{*sys.modules}} & set({HEAVY!r})))"
    answer = subprocess.run(  # noqa: S603 -- our own interpreter and script
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'engine'}:{ROOT / 'server'}"},
    )
    assert answer.stdout.split() == []


def test_every_module_says_what_it_is_for() -> None:
    for path in modules():
        package = ROOT / ("server" if path.parts[0] == "copydecode_lsp" else "engine")
        text = (package / path).read_text(encoding="utf-8")
        assert text.startswith(('"""', 'r"""')), path


def test_the_tests_that_prevent_complaints_exist() -> None:
    readme = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+\. .*$", readme, re.MULTILINE)
    assert len(rows) == 15
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= defined, row
