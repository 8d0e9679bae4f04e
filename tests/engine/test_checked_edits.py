"""A proposal that adds errors gives way to the next best program, or to a clear error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from copydecode import EditRequest, Engine, Scope
from copydecode.backends.local import LocalBackend
from copydecode.backends.writing import Programs
from copydecode.config import Decoding, Limits
from copydecode.decode.confidence import Calibration
from copydecode.decode.literals import Literals
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.engine import WAYS
from copydecode.errors import EditCancelledError, UnreadableTextError, WithheldError
from tests.engine.decode.scripted import FunctionModel

REQUEST = EditRequest(
    "count = 1\nprint(coutn)\n",
    "undefined name 'coutn'",
    Scope(2, 2),
    "python",
    self_check=True,
)
WRONG, RIGHT, WORSE, SAME = (
    Program((Copy(1, 1), Gen(text)))
    for text in ("print(coumt)\n", "print(count)\n", "print(county)\n", "print(coutn)\n")
)
CALIBRATION = Calibration(0.0, 1.0, 0.0, 100)
Ranking = Callable[..., Engine]


@pytest.fixture
def ranking(vocabulary: Vocabulary, own_literals: Literals) -> Ranking:
    """Make an engine whose model writes the first program, and where it is forked, the next."""

    def make(
        *programs: Program, decoding: Decoding | None = None, calibration: Calibration | None = None
    ) -> Engine:
        prompts = EmbeddedPrompt(vocabulary, 999, 10_000)
        prompt = prompts.build(
            Document(REQUEST.text), REQUEST.instruction, (2, 2), REQUEST.language
        )
        sequences = [
            [*prompt.tokens, *prompts.program_tokens(program, prompt.line_tokens, None)[0]]
            for program in programs
        ]
        backend = LocalBackend(
            name="ranking",
            parameters=0,
            model=FunctionModel(_preferring(sequences, vocabulary.size)),
            writing=Programs(own_literals),
            prompts=prompts,
            decoding=decoding or Decoding(drafts=False),
            calibration=calibration,
        )
        return Engine(backend)

    return make


def _preferring(sequences: Sequence[Sequence[int]], size: int) -> Callable[[Sequence[int]], Tensor]:
    """Return logits: of each sequence that begins with what was read the next, the first best."""

    def logits(read: Sequence[int]) -> Tensor:
        row = torch.zeros(size)
        going_on = [s[len(read)] for s in sequences if list(s[: len(read)]) == list(read)]
        for rank, token in enumerate(dict.fromkeys(going_on)):
            row[token] = 20.0 - rank
        return row

    return logits


def test_a_proposal_that_adds_an_error_gives_way_to_the_next_best(ranking: Ranking) -> None:
    """The receipt says so, and counts both; the ops of the second program are not told."""
    told: list[LineOp] = []
    result = ranking(WRONG, RIGHT).edit(REQUEST, on_op=lambda op, _receipt: told.append(op))
    assert result.text == "count = 1\nprint(count)\n"
    assert result.program == RIGHT
    assert told == list(WRONG.ops)
    receipt = result.receipt
    assert receipt.retries == 1
    assert receipt.check_s > 0
    assert receipt.total_s >= receipt.check_s
    # All but the last token of the prompt is read once.
    assert receipt.reused_tokens >= receipt.prompt_tokens // 2 - 1


def test_the_retry_is_less_sure_than_the_program_that_it_replaces(ranking: Ranking) -> None:
    engine = ranking(WRONG, RIGHT, calibration=CALIBRATION)
    first = engine.edit(replace(REQUEST, self_check=False)).receipt
    second = engine.edit(REQUEST).receipt
    assert first.confidence is not None
    assert second.confidence is not None
    assert 0 < second.confidence < first.confidence < 1
    assert second.log_prob <= second.weakest_log_prob < first.weakest_log_prob < 0
    assert first.confidence == CALIBRATION.confidence(first.log_prob, as_promised=first.as_promised)


def test_the_first_one_that_is_right_is_taken_however_many_are_wrong(ranking: Ranking) -> None:
    other = Program((Copy(1, 1), Gen("prnt(count)\n")))  # It parts from the first one earlier.
    result = ranking(WRONG, other, RIGHT).edit(REQUEST)
    assert result.program == RIGHT
    assert 1 < result.receipt.retries <= WAYS


def test_a_proposal_that_leaves_what_was_found_gives_way_too(ranking: Ranking) -> None:
    """Be it that nothing is changed, or something else."""
    other = Program((Copy(1, 1), Gen("print(coutn, 1)\n")))
    for first in (SAME, other):
        assert ranking(first, RIGHT).edit(REQUEST).program == RIGHT
    with pytest.raises(WithheldError) as caught:
        ranking(other).edit(REQUEST)
    assert caught.value.found == ("undefined name 'coutn'",)


def test_nothing_is_changed_where_the_model_wants_it_so_and_no_other_is_right(
    ranking: Ranking,
) -> None:
    """What the tool has found may be known to be there."""
    engine = ranking(SAME, WRONG, calibration=CALIBRATION)
    result = engine.edit(REQUEST)
    assert result.text == REQUEST.text
    alone = engine.edit(replace(REQUEST, self_check=False)).receipt
    assert result.receipt.confidence == alone.confidence


@pytest.mark.parametrize("second", [WORSE, SAME])
def test_without_a_better_one_the_edit_is_withheld(ranking: Ranking, second: Program) -> None:
    """Nor is it an answer to change nothing. The error's words hold no text, `found` has it."""
    with pytest.raises(WithheldError) as caught:
        ranking(WRONG, second).edit(REQUEST)
    assert caught.value.found == ("undefined name 'coumt'",)
    assert "coumt" not in str(caught.value)
    assert "would leave an error" in str(caught.value)


def test_a_retry_that_does_not_end_is_none(ranking: Ranking) -> None:
    engine = ranking(WRONG)  # Forked, it knows no way on, and writes the lowest id for ever.
    limits = Limits(max_new_tokens=40, deadline_s=None)
    with pytest.raises(WithheldError):
        engine.edit(replace(REQUEST, limits=limits))


def test_a_cancelled_retry_is_cancelled(ranking: Ranking) -> None:
    engine = ranking(WRONG, RIGHT)
    asked = itertools.count()
    engine.edit(REQUEST, cancelled=lambda: next(asked) < 0)
    last = next(asked) - 1
    asked = itertools.count()
    with pytest.raises(EditCancelledError):
        engine.edit(REQUEST, cancelled=lambda: next(asked) >= last)


def test_what_is_not_to_be_checked_is_proposed_as_it_is(ranking: Ranking) -> None:
    result = ranking(WRONG, RIGHT).edit(replace(REQUEST, self_check=False))
    assert result.program == WRONG
    assert (result.receipt.retries, result.receipt.check_s) == (0, 0)


@pytest.mark.parametrize("drawn", [True, False])
def test_only_what_was_calibrated_has_a_confidence(ranking: Ranking, drawn: bool) -> None:
    """The model, and the way of decoding."""
    decoding = Decoding(drafts=False, temperature=0.1 if drawn else 0.0)
    engine = ranking(RIGHT, decoding=decoding, calibration=CALIBRATION if drawn else None)
    receipt = engine.edit(REQUEST).receipt
    assert receipt.confidence is None
    assert receipt.log_prob < 0
    assert receipt.as_dict()["confidence"] is None


def test_a_deadline_is_for_both_programs_together() -> None:
    limits = Limits(deadline_s=2.0)
    assert limits.less(0.5, 9).deadline_s == 1.5
    late = limits.less(5.0, 9).deadline_s
    assert late is not None
    assert 0 < late < 0.01
    assert Limits(deadline_s=None).less(5.0, 9) == Limits(9, deadline_s=None)
    assert Limits(8).less(5.0, 9).max_new_tokens == 8


def test_text_that_is_none_gives_way_whether_or_not_it_is_checked(ranking: Ranking) -> None:
    """A model can end in the middle of a character."""
    half = Program((Copy(1, 1), Gen("print(\ufffd)\n")))
    request = replace(REQUEST, self_check=False)
    result = ranking(half, RIGHT).edit(request)
    assert result.program == RIGHT
    assert result.receipt.retries >= 1
    with pytest.raises(UnreadableTextError):
        ranking(half).edit(request)
