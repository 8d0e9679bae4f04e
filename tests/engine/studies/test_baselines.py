"""Transformers' decoders along a gold text: forwards counted, drafts verified."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from copydecode.decode.network import Network
from copydecode.studies import baselines
from copydecode.studies.baselines import PreTrained, drive

PROMPT = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]


@pytest.fixture(scope="module")
def model(
    make_network: Callable[..., Network], tmp_path_factory: pytest.TempPathFactory
) -> PreTrained:
    """A small network, saved and loaded by transformers."""
    folder = baselines.save_folder(make_network(), tmp_path_factory.mktemp("model"))
    return baselines.load_transformers(folder, torch.device("cpu"))


def test_plain_decoding_takes_a_forward_a_token(model: PreTrained) -> None:
    result = drive(model, PROMPT, [30, 31, 32, 33])
    # The prompt's own forward decides the first token.
    assert (result.tokens, result.forwards, result.fed) == (4, 3, 3)
    assert result.seconds > 0
    assert result.prompt_s > 0


def test_prompt_lookup_saves_forwards_where_the_gold_repeats_the_prompt(model: PreTrained) -> None:
    gold = PROMPT * 2
    plain, lookup = drive(model, PROMPT, gold), drive(model, PROMPT, gold, lookup=6)
    assert plain.forwards == len(gold) - 1
    assert lookup.forwards < len(gold) / 3
    assert lookup.tokens == plain.tokens == len(gold)


def test_wrong_candidates_are_tried_and_refused(model: PreTrained) -> None:
    # After 5 the prompt says 6, 7, 8; the gold says 40, and so on: all drafts are wrong.
    gold = [5, 40, 6, 41, 7, 42, 8, 43]
    result = drive(model, PROMPT, gold, lookup=3)
    assert result.fed > len(gold)  # Drafts were fed, though the gold has none of them.
    assert result.forwards == len(gold) - 1


def test_the_model_is_as_before_afterwards(model: PreTrained) -> None:
    tokens = torch.tensor([PROMPT])
    before = model(tokens).logits
    drive(model, PROMPT, [40, 41], lookup=2)
    assert torch.equal(model(tokens).logits, before)
    assert "forward" not in vars(model)


def test_a_gold_that_ends_early_is_an_error(model: PreTrained) -> None:
    model.generation_config.eos_token_id = 40
    try:
        with pytest.raises(RuntimeError, match="expected generate to write the gold"):
            drive(model, PROMPT, [40, 41, 42])
    finally:
        model.generation_config.eos_token_id = None
