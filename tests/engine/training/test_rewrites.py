"""The older and the newer form of code do the same, and ruff makes the one of the other."""

from __future__ import annotations

import ast
import os.path
import re
from pathlib import Path

import pytest

from copydecode.training.rewrites import ACTIONS, MAKERS, PATHS
from copydecode.training.sheets import SheetMaker
from copydecode.training.syntax import read
from tests.engine.training.drawing import check_allowed, draw
from tests.engine.training.test_lint import ruff


class Anything:
    """Has every attribute and item, and is written as the way that led to it."""

    def __init__(self, way: str) -> None:
        self.way = way

    def __getattr__(self, name: str) -> Anything:
        return Anything(f"{self.way}.{name}")

    def __getitem__(self, key: object) -> Anything:
        return Anything(f"{self.way}[{key}]")

    def __str__(self) -> str:
        return self.way

    def __repr__(self) -> str:
        return f"<{self.way}>"


@pytest.mark.parametrize("kind", MAKERS)
def test_only_the_scope_changes_and_the_lock_allows_it(maker: SheetMaker, kind: str) -> None:
    said = set()
    for sheet, case, new in draw(maker, kind, 25):
        assert case.kind == kind
        check_allowed(sheet, case)
        assert case.scope
        first, last = case.scope
        assert new[: first - 1] == list(sheet.lines[: first - 1])
        assert new[len(new) - len(sheet.lines) + last :] == list(sheet.lines[last:])
        assert read(sheet.lines)
        said.add(case.instruction)
    assert len(said) > 6


def test_an_f_string_gives_the_same_text(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "f-string", 25):
        assert case.scope
        at = case.scope[0] - 1
        code, old = read(tuple(new)), read(sheet.lines)
        assert code
        assert old
        texts = []
        for tree in (old.tree, code.tree):
            nodes = [n for n in ast.walk(tree) if getattr(n, "lineno", 0) == at + 1]
            for node in nodes:
                formats = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".format")
                divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)
                if isinstance(node, ast.expr) and (
                    isinstance(node, ast.JoinedStr) or formats or divides
                ):
                    names = {
                        n.id: Anything(n.id) for n in ast.walk(node) if isinstance(n, ast.Name)
                    }
                    texts.append(eval(compile(ast.Expression(node), "", "eval"), names))  # noqa: S307  # of our own files
                    break
        assert len(texts) == 2
        assert texts[0] == texts[1]


def test_get_gives_the_same_value(maker: SheetMaker) -> None:
    for sheet, case, new in draw(maker, "dict-get", 25):
        assert case.scope
        first, last = case.scope
        match = re.match(r"\s*(\w+) = (.+)\.get\((.+?)(?:, (.*))?\)$", new[first - 1])
        assert match
        target, owner, key, default = match.groups()
        indent = len(new[first - 1]) - len(new[first - 1].lstrip())
        sides = (sheet.lines[first - 1 : last], new[first - 1 : first])
        forms = ["\n".join(line[indent:] for line in side) for side in sides]
        for dictionary in ({}, {1: 2}):
            values = []
            for form in forms:
                text = form
                for part, name in ((owner, "d_"), (key, "k_"), (default or "None", "z_")):
                    text = re.sub(rf"(?<![\w.]){re.escape(part)}(?!\w)", name, text)
                names: dict[str, object] = {"d_": dictionary, "k_": 1, "z_": None}
                exec(text, names)  # noqa: S102  # of our own files
                values.append(names[target])
            assert values[0] == values[1]


@pytest.mark.parametrize(
    ("older", "newer"), [(a, b) for a, b, rule, _ in PATHS if rule not in ACTIONS]
)
def test_a_path_says_what_os_says(tmp_path: Path, older: str, newer: str) -> None:
    """On a file, and on the folder that it is in."""
    file = tmp_path / "file.txt"
    file.write_text("text", encoding="utf-8")
    folder_too = [] if older.startswith("open") else [str(tmp_path)]
    names = {"os": os, "Path": Path, "other": "name"}
    for place in (str(file), *folder_too):
        values = []
        for form in (older, newer):
            value = eval(form.format("place", other="other"), {**names, "place": place})  # noqa: S307  # a table of ours
            if hasattr(value, "close"):
                value.close()
                value = f"{value.name} {value.mode}"
            values.append(str(value))
        assert values[0] == values[1]


def test_ruff_simplifies_to_the_same_text(maker: SheetMaker, tmp_path: Path) -> None:
    texts = {}
    for k, (sheet, _, new) in enumerate(draw(maker, "simplify", 60)):
        code = read(tuple(new))
        assert code
        if code.head:  # What it stands in is not known: a return may be in no function.
            continue
        grown = len(sheet.lines) - len(new)
        old = "\n".join((*code.head, *sheet.lines[code.first - 1 : code.last + grown])) + "\n"
        texts[f"{k}.py"] = old, code.text()
        for sort, text in zip(("wrong", "right"), texts[f"{k}.py"], strict=True):
            (tmp_path / f"{sort}_{k}.py").write_text(text, encoding="utf-8")
    ruff(tmp_path, {"SIM103", "SIM108", "RET505", "RET506", "PERF401"}, "--fix", "--unsafe-fixes")
    assert len(texts) > 20
    for name in texts:
        ends = [tmp_path / f"{sort}_{name}" for sort in ("wrong", "right")]
        assert ends[0].read_bytes() == ends[1].read_bytes()
