"""Driving our own loop along a gold edit: whatever the way, the gold comes out."""

from __future__ import annotations

import pytest
import torch

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.decode.cost import FREE, CostCurve
from copydecode.decode.guess import Odds
from copydecode.decode.model import EmbeddedModel
from copydecode.decode.network import Network, NetworkConfig
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.program import Copy
from copydecode.studies import tokens
from copydecode.studies.drives import Blank, Driver, Edit, NgramDrafts, prepare
from copydecode.studies.forwards import ours, sixty_lines

CPU_CURVE = CostCurve(((1, 1.0), (8, 1.6), (32, 2.3), (64, 3.3), (128, 5.1), (512, 15.0)))
"""About what forwards of 27M parameters cost on a CPU, in decodes."""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The embedded model's tokens."""
    return Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")


@pytest.fixture(scope="module")
def edit(vocabulary: Vocabulary) -> Edit:
    """A small edit with a change, an insertion and a deletion."""
    source = "".join(f"line_{n} = value({n})\n" for n in range(12))
    target = source.replace("value(3)", "other(3)").replace("line_7 = value(7)\n", "")
    return prepare(source, target + "more = 1\n", "change it", vocabulary)


@pytest.fixture(scope="module")
def sixty(vocabulary: Vocabulary) -> Edit:
    """The file of sixty lines."""
    case = sixty_lines()
    return prepare(case.source, case.target, case.instruction, vocabulary)


def test_a_real_model_takes_the_forwards_that_were_counted(edit: Edit) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(
        "qwen3", 4096, 32, 64, 2, 2, 1, 16, 1e-6, 10_000.0, 2048, tie_word_embeddings=True
    )
    model = EmbeddedModel(Network(config), torch.device("cpu"))
    literals = tokens.embedded()
    real = ours(Driver(model, literals, CPU_CURVE))
    blank = ours(Driver(Blank(), literals, CPU_CURVE))
    assert real.keys() == blank.keys()
    for name, way in real.items():
        drive, counted = way(edit), blank[name](edit)
        assert (drive.forwards, drive.fed, drive.tokens) == (
            counted.forwards,
            counted.fed,
            counted.tokens,
        )
        assert drive.seconds > 0


def test_plain_text_takes_a_forward_a_token(edit: Edit) -> None:
    """And one for the token that ends it; the prompt's forward brings the first."""
    drive, _ = Driver(Blank(), tokens.embedded()).text(edit, None)
    assert drive.forwards == drive.fed == len(edit.gold)


def test_sixty_lines_with_two_changes_take_ten_forwards_at_most(sixty: Edit) -> None:
    assert 600 < len(sixty.gold) < 900
    driver = Driver(Blank(), tokens.embedded(), CPU_CURVE)
    drafted, receipt = driver.program(sixty, Odds())
    plain, _ = driver.program(sixty, None)
    assert drafted.forwards <= 10
    assert plain.forwards > 3 * drafted.forwards
    assert receipt.accepted_tokens > receipt.forwards


@pytest.mark.parametrize("window", [0, 32, 128])
def test_a_splice_window_feeds_less_and_decides_the_same(sixty: Edit, window: int) -> None:
    driver = Driver(Blank(), tokens.embedded(), FREE)
    narrow, _ = driver.program(sixty, None, window)
    whole, _ = driver.program(sixty, None)
    assert narrow.forwards == whole.forwards
    assert narrow.fed < whole.fed


def test_short_spans_can_be_written_in_place_of_copied(sixty: Edit) -> None:
    driver = Driver(Blank(), tokens.embedded(), FREE)
    shortest = min(len(sixty.splice(op.first, op.last)) for op in copies(sixty))
    assert driver.worthwhile(sixty, shortest).program == sixty.program
    shortened = driver.worthwhile(sixty, shortest + 1)
    assert len(copies(shortened)) < len(copies(sixty))
    drive, _ = driver.program(shortened, Odds())
    assert drive.forwards > 0


def copies(edit: Edit) -> list[Copy]:
    return [op for op in edit.program.ops if isinstance(op, Copy)]


def test_an_edit_that_cannot_be_written_is_an_error(edit: Edit) -> None:
    wrong = Edit(edit.prompt, edit.lines[:2], edit.program, edit.gold)
    with pytest.raises(ValueError, match="legal"):
        Driver(Blank(), tokens.embedded()).program(wrong, None)


def test_an_ngram_lookup_always_drafts_k_tokens(edit: Edit) -> None:
    drive, receipt = Driver(Blank(), tokens.embedded(), CPU_CURVE).lookup(edit, 10)
    assert drive.forwards < len(edit.gold)
    assert receipt.drafted_tokens > receipt.accepted_tokens
    assert NgramDrafts.LONGEST == 3
