"""The real server in a real Emacs with eglot, by the guide's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.editors import Program, configuration, run, with_each

pytestmark = pytest.mark.e2e

TEXT = (
    "# Delete lines 2 to 3 AI!\n"
    "import os\n"
    "import re\n"
    "\n"
    "def total(items):  # 🎉\n"
    "    result = sum(items)\n"
    "    return result\n"
)


@with_each("emacs")
def test_the_guides_configuration_works_in_eglot(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Obey a comment and an instruction; each is one step to undo, and CRLF stays."""
    settings, path = tmp_path / "init.el", tmp_path / "total.py"
    settings.write_text(configuration("Emacs (eglot)", "init.el"), encoding="utf-8")
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    monkeypatch.setenv("FILE", str(path))
    script = Path(__file__).with_name("emacs.el")
    # Not -Q: Debian's own start-up file says where its eglot for older versions is.
    output = run([str(program.path), "--batch", "-l", str(settings), "-l", str(script)], tmp_path)
    assert "Apply AI edit: Delete lines 2 to 3" in output
    assert "PASS" in output
    lines = TEXT.replace("\n", "\r\n").splitlines(keepends=True)
    assert path.read_bytes().decode() == "".join(lines[:1] + lines[3:])
