"""Misses are named by their first difference, and spans are counted copy by copy."""

from __future__ import annotations

import pytest

from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.training.scoring import Failure, Share, failures, first_failure, joined, judge

GOLD: list[LineOp] = [Copy(1, 3), Gen("x\n"), Copy(5, 9)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ([Copy(2, 3), Gen("x\n"), Copy(5, 9)], Failure.START),
        ([Copy(1, 2), Gen("x\n"), Copy(5, 9)], Failure.END_EARLY),
        ([Copy(1, 9)], Failure.END_LATE),
        ([Gen("y\n"), Copy(1, 3)], Failure.WRITES),
        ([Copy(1, 3), Copy(5, 9)], Failure.COPIES),
        ([Copy(1, 3), Gen("z\n"), Copy(5, 8)], Failure.TEXT),
        ([Copy(1, 3), Gen("x\n")], Failure.ENDS),
        ([*GOLD, Gen("x\n")], Failure.GOES_ON),
    ],
)
def test_the_first_difference_names_a_miss(written: list[LineOp], expected: Failure) -> None:
    assert first_failure(GOLD, written) is expected


def test_the_same_ops_in_other_pieces_are_the_same() -> None:
    pieces: list[LineOp] = [
        Copy(1, 1),
        Copy(2, 3),
        Gen(""),
        Gen("x"),
        Gen("\n"),
        Copy(5, 8),
        Copy(9, 9),
    ]
    assert joined(pieces) == GOLD
    repeated: list[LineOp] = [Copy(1, 3), Copy(3, 4)]
    assert joined(repeated) == repeated


def test_spans_are_counted_against_the_gold_programs_copies() -> None:
    """The k-th against the k-th; those that are not there are wrong."""
    gold = Program(tuple(GOLD))
    half = judge(gold, Program((Copy(1, 2), Copy(5, 9))), exact=False, changed=True)
    assert (half.starts, half.ends) == (Share(2, 2), Share(1, 2))
    none = judge(gold, None, exact=False, changed=False)
    assert (none.failure, none.starts, none.ends) == (Failure.ERROR, Share(0, 2), Share(0, 2))
    same = judge(gold, Program((Copy(1, 9),)), exact=False, changed=False)
    assert (same.failure, same.starts, same.ends) == (Failure.UNCHANGED, Share(1, 2), Share(0, 2))
    assert failures([half, none, same, none]) == {
        Failure.ERROR.value: 2,
        Failure.END_EARLY.value: 1,
        Failure.UNCHANGED.value: 1,
    }


def test_an_exact_text_by_another_program_is_no_failure() -> None:
    old, new = Document("a\nb\na\n"), Document("a\nb\nb\na\n")
    verdict = judge(oracle(old, new), Program((Copy(1, 2), Copy(2, 3))), exact=True, changed=True)
    assert verdict.exact
    assert failures([verdict]) == {}


def test_a_share_of_nothing_has_no_value() -> None:
    assert Share(0, 0).value is None
    assert (Share(1, 2) + Share(2, 6)).value == 3 / 8
