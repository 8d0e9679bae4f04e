"""The real server in a real Neovim: quick fix, undo, command, bad input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NVIM = shutil.which("nvim")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(NVIM is None, reason="Neovim (nvim) is not installed"),
]


def test_neovim_applies_edits(tmp_path: Path) -> None:
    """CRLF line ends and an astral character come through as they are."""
    path = tmp_path / "sum.py"
    text = "import os\n\ndef total(items):  # 🎉\n    return resultt\n\nresult = [1, 2]\n"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    command = [sys.executable, "-m", "copydecode_lsp", "serve"]
    ended = subprocess.run(  # noqa: S603 -- our own script
        [
            str(NVIM),
            "--headless",
            "--clean",
            "-n",
            "-S",
            str(Path(__file__).with_name("neovim.lua")),
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
