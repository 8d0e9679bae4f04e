"""Commits become cases whose gold program makes of a file's lines what the commit made of them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from copydecode.edit.resolve import resolve
from copydecode.edit.rules import Opening, Rules
from copydecode.errors import ConfigError
from copydecode.training import commits, sheets
from copydecode.training.commits import Commit
from copydecode.training.corpus import SourceFile
from copydecode.training.packages import EVALUATED
from copydecode.training.sheets import EVERYDAY, SheetMaker
from copydecode.training.tasks import Sheet

OLD = [f"line number {n}" for n in range(1, 41)]
EDITS = {
    "change": [*OLD[:19], "another line", *OLD[20:]],
    "insert": [*OLD[:5], "one more", "and another", *OLD[5:]],
    "delete": [*OLD[:30], *OLD[33:]],
    "several": ["first", *OLD[1:10], "tenth", *OLD[11:]],
    "at the end": [*OLD, "last"],
    "at the start": OLD[2:],
}


def written(folder: Path, targets: dict[str, list[str]], **more: str) -> Path:
    """Write a file of commits from `OLD`."""
    path = folder / "commits.jsonl"
    rows = [
        {"source": "\n".join(OLD), "target": "\n".join(new), "instruction": name}
        | {"language": "python", "origin": "an/owner@1234:a/file.py"}
        | more
        for name, new in targets.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", EDITS)
def test_a_sheet_holds_the_change_and_the_program_makes_it(tmp_path: Path, name: str) -> None:
    """Wherever it is cut, with a scope or without: the rest of the file is as it was."""
    (commit,) = commits.read(written(tmp_path, {name: EDITS[name]}))
    scoped = 0
    for seed in range(60):
        cut = commits.cut(commit, Random(seed), 24)
        assert cut
        lines, case = cut
        assert len(lines) <= 24
        assert case.instruction == name
        new = resolve(case.program, Sheet(tuple(lines), ()).document).splitlines()
        begin = next(k for k in range(len(OLD)) if OLD[k : k + len(lines)] == lines)
        assert [*OLD[:begin], *new, *OLD[begin + len(lines) :]] == EDITS[name]
        if case.lock:
            scoped += 1
            first, last = case.lock
            assert Opening.END in Rules(len(lines), case.lock).openings(case.program.ops[-1])
            assert new[: first - 1] == lines[: first - 1]
            assert new[len(new) - (len(lines) - last) :] == lines[last:]
    assert bool(scoped) == (name not in {"insert", "at the end"})


def test_what_is_too_large_or_changes_nothing_is_left_out(tmp_path: Path) -> None:
    far = ["first", *OLD[1:-1], "last"]
    long = [*OLD[:3], *(f"{n} new line of many" for n in range(40)), *OLD[3:]]
    path = written(tmp_path, {"far": far, "long": long, "none": OLD, "small": EDITS["change"]})
    assert [commit.instruction for commit in commits.read(path)] == ["small"]


@pytest.mark.parametrize("repository", sorted(EVALUATED))
def test_nothing_is_learnt_of_projects_that_are_evaluated_on(
    tmp_path: Path, repository: str
) -> None:
    path = written(tmp_path, {"change": EDITS["change"]}, origin=f"{repository}@1234:a/file.py")
    assert commits.read(path) == []


def test_a_change_longer_than_the_sheet_makes_no_case(tmp_path: Path) -> None:
    (commit,) = commits.read(written(tmp_path, {"several": EDITS["several"]}))
    assert commits.cut(commit, Random(0), 8) is None


@pytest.mark.parametrize("text", ["{}\n", "no json\n", '["a"]\n'])
def test_a_file_of_something_else_is_said_clearly(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"other\.jsonl"):
        commits.read(path)
    with pytest.raises(ConfigError, match="missing"):
        commits.read(tmp_path / "missing")


def test_sheets_of_commits_are_drawn_now_and_then_with_other_cases_on_them(
    tmp_path: Path, files: list[SourceFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the languages of the files; commits in others are left alone."""
    monkeypatch.setattr(sheets, "COMMITS", 0.5)
    known = commits.read(written(tmp_path, {"change": EDITS["change"]}))
    unknown = commits.read(written(tmp_path, {"change": EDITS["change"]}, language="cobol"))
    maker = SheetMaker([*files, *known, *unknown])
    rng = Random(0)
    drawn = [maker.draw(rng, 24, 4, EVERYDAY) for _ in range(60)]
    begun = [sheet for sheet in drawn if sheet.cases[0].kind == commits.KIND]
    assert 15 <= len(begun) <= 45
    for sheet in begun:
        assert sheet.language == "python"
        assert set(sheet.lines) <= set(OLD)
        assert [case.kind == commits.KIND for case in sheet.cases] == [True, False, False, False]


def test_commits_are_no_files_to_cut_from(tmp_path: Path, files: list[SourceFile]) -> None:
    """Nothing of them comes into other sheets."""
    known = commits.read(written(tmp_path, {"change": EDITS["change"]}))
    assert all(isinstance(commit, Commit) for commit in known)
    plain, mixed = SheetMaker(files), SheetMaker([*files, *known])
    rows = [maker.draw_noise(Random(3), 20, 4, EVERYDAY) for maker in (plain, mixed)]
    assert rows[0] == rows[1]
