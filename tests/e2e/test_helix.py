"""The real server in a real Helix, by the guide's configuration; positions are in UTF-8 there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.editors import Program, configuration, until, with_each
from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.e2e

SECTION = "Helix"
COMMENT = "# Delete lines 2 to 3 AI!\r\n"
IMPORTS = "import os\r\nimport re\r\n"
FUNCTION = "\r\ndef total(items):  # 🎉\r\n    result = sum(items)\r\n    return resultt\r\n"


@with_each("hx", at_least=(25, 7))
def test_the_guides_configuration_works_in_helix(
    program: Program, tmux: Program, tmp_path: Path
) -> None:
    """A diagnostic of ruff, a comment, an instruction by key; CRLF and astral characters stay."""
    folder = tmp_path / ".config" / "helix"
    folder.mkdir(parents=True)
    for name in ("languages.toml", "config.toml"):
        (folder / name).write_text(configuration(SECTION, name), encoding="utf-8")
    path = tmp_path / "total.py"
    path.write_bytes((COMMENT + IMPORTS + FUNCTION).encode())

    def written(expected: str) -> None:
        helix.type(":w")
        helix.keys("Enter")
        # Helix writes beside the file and renames: for a moment there is none.
        until(lambda: read() == expected, lambda: repr(read()))

    def read() -> str:
        try:
            return path.read_bytes().decode()
        except FileNotFoundError:
            return ""

    with terminal(tmux, [str(program.path), path.name], tmp_path) as helix:
        helix.wait(shown="●")
        # Not by "]D": right behind Escape a bracket begins a sequence that a terminal never ends.
        screen = helix.offered("7ggglb a", shown="Apply AI edit: fix Undefined name")
        choose(helix, screen, "Apply AI edit: fix Undefined name")
        helix.wait(gone="resultt")
        written(COMMENT + IMPORTS + FUNCTION.replace("resultt", "result"))
        helix.type("u")
        helix.wait(shown="resultt")

        screen = helix.offered("gg a", shown="Apply AI edit: Delete lines 2 to 3")
        choose(helix, screen, "Apply AI edit: Delete lines 2 to 3")
        helix.wait(gone="import os")
        written(FUNCTION)
        helix.type("u")
        helix.wait(shown="import os")

        helix.keys("Escape")
        helix.type("2ggxx")
        helix.keys("M-i")
        helix.type("Delete lines 2 to 3")
        helix.keys("Enter")
        helix.wait(gone="import os")
        written(COMMENT + FUNCTION)


def choose(helix: Terminal, screen: str, title: str) -> None:
    """Choose an action of the menu, whose first is marked; ruff offers some of its own."""
    menu = [line for line in screen.splitlines() if "Apply AI edit: " in line or " Ruff" in line]
    helix.keys(*["Down"] * next(n for n, line in enumerate(menu) if title in line), "Enter")
