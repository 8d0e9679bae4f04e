"""The settings that the extension for VS Code declares are the server's, and its own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from copydecode_lsp.settings import (
    SECTION,
    SETTINGS,
    Settings,
    default_config,
    loaded_part,
    read,
)

CLIENT = Path(__file__).parent.parent / "vscode-client"
DEFAULT = Settings(default_config())
DECLARED: dict[str, dict[str, Any]] = {
    name.removeprefix(f"{SECTION}."): declared
    for group in json.loads((CLIENT / "package.json").read_text("utf-8"))["contributes"][
        "configuration"
    ]
    for name, declared in group["properties"].items()
}
OWN = {"python", "packageSource", "preview", "highlightChanges", "trace.server"}

of_the_server = pytest.mark.parametrize("name", SETTINGS)


def test_all_of_the_servers_settings_are_declared_and_the_extensions_own() -> None:
    assert DECLARED.keys() == SETTINGS.keys() | OWN


def test_the_extension_sends_the_server_all_but_its_own() -> None:
    source = (CLIENT / "src" / "settings.ts").read_text("utf-8")
    [names] = re.findall(r"OWN: .*?new Set\(\[(.*?)\]\)", source, re.DOTALL)
    assert set(re.findall(r'"(\w+)"', names)) == {name.partition(".")[0] for name in OWN}


@of_the_server
def test_the_default_is_the_servers(name: str) -> None:
    default = DECLARED[name]["default"]
    assert read({name: default}, DEFAULT) == (DEFAULT, [])


@of_the_server
def test_another_value_that_it_allows_is_taken(name: str) -> None:
    changed, problems = read({name: _another(DECLARED[name])}, DEFAULT)
    assert problems == []
    assert changed != DEFAULT


@of_the_server
def test_the_names_to_choose_from_are_the_servers(name: str) -> None:
    names = re.findall(r"'([^']*)'", SETTINGS[name].expected)
    assert sorted(DECLARED[name].get("enum", [])) == sorted(names)


@of_the_server
def test_it_is_a_folders_own_just_where_the_server_keeps_one_for_each(name: str) -> None:
    changed, _ = read({name: _another(DECLARED[name])}, DEFAULT)
    needs_another_engine = loaded_part(changed.engine) != loaded_part(DEFAULT.engine)
    assert (DECLARED[name]["scope"] == "resource") is not needs_another_engine


@pytest.mark.parametrize("name", sorted(OWN))
def test_the_extensions_own_are_not_a_folders(name: str) -> None:
    assert DECLARED[name]["scope"] in {"machine", "window"}


@pytest.mark.parametrize(
    "name", ["python", "packageSource", "remoteUrl", "remoteModel", "remoteApi", "remoteContext"]
)
def test_a_workspace_cannot_name_what_is_run_or_installed_or_who_gets_the_text(name: str) -> None:
    assert DECLARED[name]["scope"] == "machine"


@pytest.mark.parametrize("name", DECLARED)
def test_it_is_described_each_of_its_values_too(name: str) -> None:
    declared = DECLARED[name]
    assert declared["markdownDescription"].endswith(".")
    if name != "trace.server":  # Its values are those of every language server.
        assert len(declared.get("enumDescriptions", [])) == len(declared.get("enum", []))


@pytest.mark.parametrize("name", DECLARED)
def test_the_readme_of_the_extension_has_it_with_its_default(name: str) -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:3]]
        for line in (CLIENT / "README.md").read_text("utf-8").splitlines()
        if line.startswith(f"| `{SECTION}.")
    ]
    assert [f"`{SECTION}.{name}`", f"`{json.dumps(DECLARED[name]['default'])}`"] in rows
    assert len(rows) == len(DECLARED)


def _another(declared: dict[str, Any]) -> object:
    """Return a value that a declaration allows, other than its default."""
    default = declared["default"]
    if default is None and "string" in declared["type"]:
        return "http://127.0.0.1:8000"
    if "enum" in declared:
        return next(value for value in declared["enum"] if value != default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, str):
        return default + "-other"
    return declared.get("maximum", (default or 1) + 1)
