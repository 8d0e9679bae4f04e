"""The model that ships: its smoke cases, and that transformers loads the folder as it is."""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future

import pytest
import torch

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import CONFIDENCE_THRESHOLD
from copydecode.decode.model import EmbeddedModel
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edits import EditRequest, EditResult, Scope
from copydecode.engine import Engine
from copydecode.errors import EditCancelledError

TEXT = '''\
import os


def total(items, rate):
    """Add the prices up."""
    result = 0
    for item in items:
        result += item.price * rate
    print(os.name)
    return result
'''
LINES = TEXT.splitlines(keepends=True)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Load the embedded model."""
    return Engine.load()


def edit(engine: Engine, text: str, instruction: str, line: int | None = None) -> str:
    """Return the text after an edit; one with a line is a diagnostic's, and checked."""
    scope = Scope(line, line) if line else None
    request = EditRequest(text, instruction, scope, "python", self_check=line is not None)
    return engine.edit(request).text


@pytest.mark.parametrize(
    ("instruction", "line", "expected"),
    [
        ("Delete line 9", None, [*LINES[:8], *LINES[9:]]),
        ("Remove lines 1-3", None, LINES[3:]),
        ("Delete the selected lines", 5, [*LINES[:4], *LINES[5:]]),
        ("Duplicate line 6", None, [*LINES[:6], LINES[5], *LINES[6:]]),
        ("Move line 9 to after line 5", None, [*LINES[:5], LINES[8], *LINES[5:8], LINES[9]]),
    ],
)
def test_given_lines_are_edited(
    engine: Engine, instruction: str, line: int | None, expected: list[str]
) -> None:
    assert edit(engine, TEXT, instruction, line) == "".join(expected)


@pytest.mark.parametrize(
    ("line", "name", "wrong"),
    [(7, "items", "itms"), (10, "result", "reslut"), (8, "rate", "ratee"), (9, "print", "pritn")],
)
def test_a_misspelt_name_is_mended(engine: Engine, line: int, name: str, wrong: str) -> None:
    lines = list(LINES)
    lines[line - 1] = re.sub(rf"\b{name}\b", wrong, lines[line - 1])
    assert edit(engine, "".join(lines), f"undefined name '{wrong}'", line) == TEXT


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("os", "import json\nimport sys\n", "import json\nimport os\nimport sys\n"),
        ("Path", "import sys\nfrom typing import Any\n", "import sys\nfrom pathlib import Path\n"),
        (
            "cast",
            "from typing import (\n    Any,\n)\n",
            "from typing import (\n    Any,\n    cast,\n",
        ),
        ("np", "import sys\n\n\nA = 1\n", "import sys\n\nimport numpy as np\n\nA = 1\n"),
    ],
)
def test_a_missing_import_goes_where_it_belongs(
    engine: Engine, name: str, before: str, after: str
) -> None:
    """Though it is told of where the name is used; the lines of the use stay."""
    used = f"{name}.sep" if name in {"os", "np"} else f"{name}(text, text)"
    use = f"\n\ndef work(text):\n    return {used}\n"
    text = before + use
    scope = Scope(len(text.splitlines()), len(text.splitlines()), locked=False)
    request = EditRequest(text, f"Undefined name `{name}`", scope, "python", self_check=True)
    new = engine.edit(request).text
    assert new.startswith(after)
    assert new.endswith(use)


def test_a_lock_on_other_lines_keeps_an_import_from_being_added(engine: Engine) -> None:
    text = "import sys\n\nprint(os.sep, sys.argv)\n"
    request = EditRequest(text, "Undefined name `os`", Scope(3, 3), "python")
    assert engine.edit(request).text.startswith("import sys\n\n")


def test_a_far_line_of_a_long_file_is_mended_and_line_ends_stay(engine: Engine) -> None:
    """The model sees a window; the document has CRLF line ends and no final newline."""
    text = ("x = 1\n" * 300 + TEXT).replace("\n", "\r\n").removesuffix("\r\n")
    broken = text.replace("return result", "return resultt")
    assert edit(engine, broken, "Undefined name `resultt`", 310) == text


def test_the_same_edit_twice_reads_the_document_once(engine: Engine) -> None:
    """The second time only the request is new, and hardly that."""
    request = EditRequest(TEXT, "Delete line 9", None, "python")
    first = engine.edit(request)
    again = engine.edit(request)
    assert again.text == first.text
    assert again.receipt.reused_tokens >= again.receipt.prompt_tokens - 1


def test_it_is_calibrated_and_sure_of_what_it_can_do(engine: Engine) -> None:
    """New weights need `copydecode calibrate`."""
    receipt = engine.edit(EditRequest(TEXT, "Delete line 9", None, "python")).receipt
    assert receipt.confidence is not None
    assert CONFIDENCE_THRESHOLD < receipt.confidence <= 1


def test_after_reading_ahead_the_first_edit_reads_its_instruction_only(engine: Engine) -> None:
    text = TEXT.replace("total", "sum_of")
    held = engine.read_ahead(text, name="a")
    result = engine.edit(EditRequest(text, "Delete line 9", None, "python", name="a"))
    assert result.text == "".join([*text.splitlines(keepends=True)[:8], LINES[9]])
    assert result.receipt.reused_tokens == held
    assert result.receipt.prompt_tokens - held < 20


def at_once(engine: Engine, requests: list[EditRequest]) -> list[EditResult]:
    """Run edits all at once, without anything in the prefix cache that they need."""
    together, futures = engine.together(), [Future[EditResult]() for _ in requests]
    for request, future in zip(requests, futures, strict=True):
        future.set_running_or_notify_cancel()
        together.add(engine.editing(request), future)
    while together:
        together.step()
    return [future.result() for future in futures]


def test_edits_at_once_are_those_of_edits_alone(engine: Engine) -> None:
    requests = []
    for index, name in enumerate(("totals", "sums", "amount", "value")):
        text = TEXT.replace("result", name)
        wrong = text.replace("items:", "itms:")
        requests += [
            EditRequest(text, f"Delete line {index + 5}", None, "python", name=name),
            EditRequest(wrong, "undefined name 'itms'", Scope(7, 7), "python", name=f"{name} 2"),
        ]
    results = at_once(engine, requests)
    alone = Engine.load()
    for request, result in zip(requests, results, strict=True):
        expected = alone.edit(request)
        assert (result.program, result.text) == (expected.program, expected.text)
        assert result.receipt.generated_tokens == expected.receipt.generated_tokens


def test_edits_of_one_document_at_once_read_it_once(engine: Engine) -> None:
    text = TEXT.replace("price", "cost")
    requests = [
        EditRequest(text, f"Delete line {line}", None, "python", name="one") for line in (5, 6, 7)
    ]
    results = at_once(engine, requests)
    lines = text.splitlines(keepends=True)
    for line, result in zip((5, 6, 7), results, strict=True):
        assert result.text == "".join([*lines[: line - 1], *lines[line:]])
    computed = [r.receipt.prompt_tokens - r.receipt.reused_tokens for r in results]
    assert all(more < 20 < computed[0] for more in computed[1:])
    held = engine.info.cached_documents
    engine.edit(requests[0])
    assert engine.info.cached_documents == held


def test_a_cancelled_edit_leaves_the_document_to_those_that_wait_for_it(engine: Engine) -> None:
    text = TEXT.replace("price", "charge")
    stop = False
    together = engine.together()
    futures = [Future[EditResult]() for _ in range(2)]
    for index, future in enumerate(futures):
        future.set_running_or_notify_cancel()
        request = EditRequest(text, f"Delete line {index + 5}", None, "python", name="left")
        cancelled = (lambda: stop) if index == 0 else (lambda: False)
        together.add(engine.editing(request, cancelled=cancelled), future)
    stop = True
    while together:
        together.step()
    assert isinstance(futures[0].exception(), EditCancelledError)
    lines = text.splitlines(keepends=True)
    assert futures[1].result().text == "".join([*lines[:5], *lines[6:]])


def test_transformers_loads_the_folder_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """Same logits, same tokens."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415  # slow to import

    caplog.set_level(logging.CRITICAL, "transformers")
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    ids = vocabulary.encode(TEXT)
    assert AutoTokenizer.from_pretrained(EMBEDDED_FOLDER).encode(TEXT) == ids
    theirs = AutoModelForCausalLM.from_pretrained(EMBEDDED_FOLDER, dtype=torch.float32)
    ours = EmbeddedModel.load(EMBEDDED_FOLDER, torch.device("cpu"))
    with torch.no_grad():
        expected = theirs(torch.tensor([ids])).logits[0]
    logits = ours.forward(ids, ours.new_cache(), len(ids))
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("words", ["Delete lines 7 to 9", "remove lines 7-9"])
def test_lines_are_those_of_the_document_though_a_comment_above_is_erased(
    engine: Engine, words: str
) -> None:
    """The comment's own line counts: that is what the user sees."""
    comment = f"# {words} AI!\n"
    request = EditRequest(comment + TEXT, words, None, "python", erase=(0, len(comment)))
    assert engine.edit(request).text == "".join([*LINES[:5], *LINES[8:]])
