"""A small data folder in the format of the evaluation data, and where the real one is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from copydecode.studies import corpora

Rows = Sequence[dict[str, str]]


@pytest.fixture
def write_data(tmp_path: Path) -> Callable[[Rows], Path]:
    """Write a data folder: one file of cases under every name, and a tokenizer of single bytes."""

    def write(rows: Rows) -> Path:
        folder = tmp_path / "data"
        folder.mkdir()
        text = "".join(json.dumps(row) + "\n" for row in rows)
        for name in corpora.NAMES:
            if name != corpora.PROBE:
                (folder / corpora.file_name(name)).write_text(text, encoding="utf-8")
        ranks = [base64.b64encode(bytes([byte])) + b" " + str(byte).encode() for byte in range(256)]
        (folder / corpora.QWEN_RANKS).write_bytes(b"\n".join(ranks) + b"\n")
        return folder

    return write


@pytest.fixture
def data(write_data: Callable[[Rows], Path]) -> Path:
    """A data folder with three cases."""
    pairs = [
        ("def f(x):\n    y = x + 1\n    return y\n", "def f(x):\n    y = x - 1\n    return y\n"),
        ("a\nb\nc\n", "a\nc\nd"),
        ("const one = 1;\n\nconst two = 2;\n", "const one = 1;\n\nconst three = 3;\n"),
    ]
    return write_data(
        [
            {
                "id": f"case/{index}",
                "language": "python",
                "source": f"# whole\n{source}",
                "target": f"# whole\n{target}",
                "body_source": source,
                "body_target": target,
                "instruction": "Fix it.",
            }
            for index, (source, target) in enumerate(pairs)
        ]
    )


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The real evaluation data; the test is skipped where it is not there."""
    folder = corpora.data_folder()
    if not (folder / corpora.QWEN_RANKS).is_file():
        pytest.skip(f"no evaluation data: it is no part of the repository ({corpora.VARIABLE})")
    return folder
