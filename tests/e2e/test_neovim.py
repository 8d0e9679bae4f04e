"""The real server in a real Neovim: the guide's configurations, undo, command, bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.editors import Program, configuration, run, with_each

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
TEXT = (
    "# Delete lines 2 to 3 AI!\n"
    "import os\n"
    "import re\n"
    "\n"
    "def total(items):  # 🎉\n"
    "    result = sum(items)\n"
    "    return resultt\n"
)


@with_each("nvim", at_least=(0, 11))
def test_the_guides_configuration_works_in_neovim(program: Program, tmp_path: Path) -> None:
    drive(program, configuration("Neovim 0.11 and newer", "init.lua"), tmp_path)


@with_each("nvim", at_least=(0, 8), below=(0, 11))
def test_the_guides_configuration_works_in_older_neovims(program: Program, tmp_path: Path) -> None:
    drive(program, configuration("Neovim 0.8 to 0.10", "init.lua"), tmp_path)


def drive(program: Program, settings: str, home: Path) -> None:
    """Fix a diagnostic, obey a comment and an instruction; each is one step to undo."""
    settings_path, path = home / "init.lua", home / "total.py"
    settings_path.write_text(settings, encoding="utf-8")
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    script = HERE / "neovim_documented.lua"
    options = ["--headless", "--clean", "-n", "-u", str(settings_path)]
    output = run([str(program.path), *options, str(path), "-S", str(script)], home)
    assert "quick fix: Apply AI edit: fix undefined name 'resultt'" in output
    assert "comment: Apply AI edit: Delete lines 2 to 3" in output
    assert "instruction: AI edit: " in output
    assert "PASS" in output
    expected = "".join(TEXT.splitlines(keepends=True)[:1] + TEXT.splitlines(keepends=True)[3:])
    assert path.read_bytes() == expected.replace("\n", "\r\n").encode()


@with_each("nvim")
def test_neovim_applies_edits(program: Program, tmp_path: Path) -> None:
    """CRLF line ends and an astral character come through as they are."""
    path = tmp_path / "sum.py"
    text = "import os\n\ndef total(items):  # 🎉\n    return resultt\n\nresult = [1, 2]\n"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    command = [sys.executable, "-m", "copydecode_lsp", "serve"]
    ended = subprocess.run(  # noqa: S603 -- our own script
        [
            str(program.path),
            "--headless",
            "--clean",
            "-n",
            "-S",
            str(HERE / "neovim.lua"),
        ],
        env={
            **os.environ,
            "COMMAND": json.dumps(command),
            "FILE": str(path),
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    assert "menu: Apply AI edit: fix undefined name 'resultt'" in output
    assert "    return result|" in output
    assert "applied: true" in output
    assert "refused: expected an instruction" in output
    assert "PASS" in output
    expected = "".join(text.splitlines(keepends=True)[2:])
    assert path.read_bytes() == expected.replace("\n", "\r\n").encode()
