"""The model that ships: its smoke cases, and that transformers loads the folder as it is."""

from __future__ import annotations

import logging
import re

import pytest
import torch

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import CONFIDENCE_THRESHOLD
from copydecode.decode.model import EmbeddedModel
from copydecode.decode.vocabulary import Vocabulary
from copydecode.engine import EditRequest, Engine, Scope

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
    """Return the text after an edit."""
    scope = Scope(line, line) if line else None
    return engine.edit(EditRequest(text, instruction, scope, "python")).text


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
