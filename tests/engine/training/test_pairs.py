"""Pairs are read as they stand, bad lines are named, and gold programs give every byte back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit.document import Document
from copydecode.edit.fit import Window, fit, whole
from copydecode.edit.program import Copy, Gen, Program
from copydecode.edit.resolve import resolve
from copydecode.edits import EditRequest, Scope
from copydecode.errors import ConfigError
from copydecode.training import pairs
from copydecode.training.pairs import Pair

ROW = {"before": "a\nb\n", "after": "a\nc\n", "instruction": "c for b"}
TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "\n"]), max_size=6).map("".join)


def write(path: Path, *rows: object) -> Path:
    """Write rows as JSON lines."""
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def test_all_fields_are_read(tmp_path: Path) -> None:
    """Those of the evaluation data too, of which those not needed are left alone."""
    full = {**ROW, "id": "x", "scope": [2, 2], "language": "python", "name": "a.py"}
    data = {"id": "Python/0", "source": "s\n", "target": "t\n", "instruction": "go", "tests": 1}
    free = {**ROW, "scope": [1, 1], "locked": False}
    path = write(tmp_path / "pairs.jsonl", full, "", data, free)
    scope = Scope(2, 2)
    assert pairs.read([path]) == [
        Pair("x", EditRequest("a\nb\n", "c for b", scope, "python", name="a.py"), "a\nc\n"),
        Pair("Python/0", EditRequest("s\n", "go"), "t\n"),
        Pair(
            "pairs.jsonl:4", EditRequest("a\nb\n", "c for b", Scope(1, 1, locked=False)), "a\nc\n"
        ),
    ]
    assert len(pairs.read([path, path])) == 6
    assert [pair.id for pair in pairs.read([path, path], limit=4)][-1] == "x"


def test_bodies_are_fields_of_their_own(tmp_path: Path) -> None:
    row = {**ROW, "body_source": "x\n", "body_target": "y\n"}
    path = write(tmp_path / "pairs.jsonl", row)
    (pair,) = pairs.read([path], bodies=True)
    assert (pair.request.text, pair.after) == ("x\n", "y\n")
    with pytest.raises(ConfigError, match="expected the field body_source"):
        pairs.read([write(path, ROW)], bodies=True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "a JSON object"),
        ([1], "a JSON object in .* found a list"),
        ({"before": "a"}, "the field after or target in .* found before"),
        ({**ROW, "after": 7}, "a string as after in .* found a number"),
        ({**ROW, "before": None}, "a string as before in .* found null"),
        ({**ROW, "instruction": " "}, "an instruction in .* found an empty one"),
        ({**ROW, "language": True}, "a string as language in .* found a truth value"),
        ({**ROW, "scope": [1, 3]}, r"within lines 1 to 2 in .* found \[1, 3\]"),
        ({**ROW, "scope": "1-2"}, "a scope"),
        ({**ROW, "scope": [2, 2], "locked": "no"}, "true or false as locked"),
        ({**ROW, "scope": [1, 1]}, "no change outside lines 1 to 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: object, message: str) -> None:
    """With its number, and without its text."""
    path = write(tmp_path / "pairs.jsonl", ROW, row)
    with pytest.raises(ConfigError, match=message) as caught:
        pairs.read([path])
    assert f"{path}, line 2" in str(caught.value)


def test_files_without_pairs_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.jsonl"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none.jsonl", binary, write(tmp_path / "empty.jsonl", "")):
        with pytest.raises(ConfigError, match=path.name):
            pairs.read([path])


@given(TEXTS, TEXTS)
def test_gold_programs_give_every_byte_back(before: str, after: str) -> None:
    pair = Pair("x", EditRequest(before, "go"), after)
    document = Document(before)
    program = pairs.gold(pair, whole(document))
    assert program is not None
    assert resolve(fit(program, document, whole(document)), document) == after


@pytest.mark.parametrize(("before", "after"), [("a\n", "a"), ("a\n", "a\r\n"), ("a\nb", "a")])
def test_what_no_program_gives_has_no_gold(before: str, after: str) -> None:
    """A model does not see line ends, and a copied line keeps its own."""
    pair = Pair("x", EditRequest(before, "go"), after)
    assert pairs.gold(pair, whole(Document(before))) is None


def test_a_gold_program_is_over_what_the_model_sees() -> None:
    """Line ends as a model writes them, lines of the window from 1, a lock's copies apart."""
    before = "\ufeff" + "".join(f"{k}\r\n" for k in range(1, 10))
    after = before.replace("5\r\n", "five\r\nV\r\n")
    request = EditRequest(before, "go", Scope(5, 5))
    window = Window(4, 8)
    pair = Pair("x", request, after)
    assert pairs.lock_of(pair, window) == (2, 2)
    expected = Program((Copy(1, 1), Gen("five\nV\n"), Copy(3, 5)))
    assert pairs.gold(pair, window) == expected
    assert pairs.gold(pair, Window(6, 9)) is None
    assert pairs.gold(pair, Window(1, 4)) is None
    swapped = Pair("x", EditRequest("a\nb\nc\n", "go", Scope(2, 3)), "a\nc\nb\n")
    program = pairs.gold(swapped, Window(1, 3))
    assert program is not None
    assert program.ops[0] == Copy(1, 1)
