"""The real server in a real Vim with ALE, by the guide's configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.editors import Program, configuration, until, with_each
from tests.e2e.terminal import terminal

pytestmark = pytest.mark.e2e

COMMENT = "# Delete lines 2 to 3 AI!\r\n"
IMPORTS = "import os\r\nimport re\r\n"
FUNCTION = "\r\ndef total(items):  # 🎉\r\n    result = sum(items)\r\n    return resultt\r\n"


@with_each("vim", at_least=(9, 1))
def test_the_guides_configuration_works_in_vim(
    program: Program, tmux: Program, tmp_path: Path
) -> None:
    """A diagnostic of ruff, a comment, an instruction by key; CRLF and astral characters stay."""
    ale = next((p for p in places(program) if p.is_dir()), None)
    if ale is None and not os.environ.get("COPYDECODE_E2E"):
        pytest.skip("ALE is not installed beside this Vim; `make e2e` brings both")
    assert ale, "ALE is not installed beside this Vim"
    settings = tmp_path / "vimrc"
    start = f"set nocompatible noswapfile encoding=utf-8 shortmess+=I\nset rtp^={ale}\n"
    start += "filetype plugin on\nruntime plugin/ale.vim\n"
    settings.write_text(start + configuration("Vim 9 with ALE", "vimrc"), encoding="utf-8")
    path = tmp_path / "total.py"
    path.write_bytes((COMMENT + IMPORTS + FUNCTION).encode())

    def written(expected: str) -> None:
        vim.keys("Escape")
        vim.type(":w")
        vim.keys("Enter")
        until(
            lambda: path.read_bytes().decode() == expected,
            lambda: f"{path.read_bytes().decode()!r}\n{vim.screen()}",
        )

    with terminal(tmux, [str(program.path), "-u", str(settings), path.name], tmp_path) as vim:
        vim.wait(shown="resultt")
        vim.offered("G", shown="Undefined name")
        vim.offered("\\aa", shown="Apply AI edit: fix Undefined name")
        vim.type("1")
        vim.keys("Enter")
        vim.wait(gone="resultt")
        written(COMMENT + IMPORTS + FUNCTION.replace("resultt", "result"))
        vim.type("u")
        vim.wait(shown="return resultt")

        vim.offered("gg\\aa", shown=") Apply AI edit: Delete lines 2 to 3")
        vim.type("1")
        vim.keys("Enter")
        vim.wait(gone="import os")
        written(FUNCTION)
        vim.type("u")
        vim.wait(shown="import os")

        vim.offered("2GVj\\ai", shown="\nAI edit:")
        vim.type("Delete lines 2 to 3")
        vim.keys("Enter")
        vim.wait(gone="import os")
        written(COMMENT + FUNCTION)


def places(program: Program) -> list[Path]:
    """Return where Debian's ALE is, for a Vim of the system and for one that was unpacked."""
    return [
        program.path.parent.parent / "root" / "usr" / "share" / "vim-ale",
        program.path.parent.parent / "share" / "vim-ale",
    ]
