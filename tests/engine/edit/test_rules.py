"""The rules of a lock keep every edit of the scope, and nothing but edits of the scope."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.edit.document import Document
from copydecode.edit.oracle import locked_oracle
from copydecode.edit.program import Copy, Gen, Op, Program
from copydecode.edit.resolve import resolve
from copydecode.edit.rules import Opening, Ranges, Rules

line = st.sampled_from(["", "a", "b", "  c", "\f"])
terminated = st.lists(st.tuples(line, st.sampled_from(["\n", "\r\n", "\r"])).map("".join))
texts = st.tuples(terminated.map("".join), line).map("".join)


@st.composite
def scopes(draw: st.DrawFn) -> tuple[Document, tuple[int, int]]:
    """Draw a document that is not empty, and some of its lines."""
    document = Document(draw(texts.filter(bool)))
    first, last = sorted(draw(st.tuples(*[st.integers(1, len(document))] * 2)))
    return document, (first, last)


def within(number: int, ranges: Ranges) -> bool:
    return any(low <= number <= high for low, high in ranges)


def is_legal(program: Program, rules: Rules) -> bool:
    """Return whether the rules allow a program."""
    before: Op | None = None
    for op in program.ops:
        opening = Opening.COPY if isinstance(op, Copy) else Opening.GEN
        if opening not in rules.openings(before):
            return False
        if isinstance(op, Copy) and not (
            within(op.first, rules.firsts(before))
            and within(op.last, rules.lasts(before, op.first))
        ):
            return False
        before = op
    return Opening.END in rules.openings(before)


def around(document: Document, lock: tuple[int, int]) -> tuple[str, str]:
    """Return the text before and after the locked lines."""
    return document.span(1, lock[0] - 1), document.span(lock[1] + 1, len(document))


@given(scopes(), texts)
def test_every_edit_of_the_scope_has_a_legal_program(
    case: tuple[Document, tuple[int, int]], text: str
) -> None:
    document, lock = case
    before, after = around(document, lock)
    if after and text and not text.endswith(("\n", "\r")):
        text += "\n"
    program = locked_oracle(document, lock, text)
    assert is_legal(program, Rules(len(document), lock))
    assert resolve(program, document) == before + text + after


@given(scopes(), st.randoms(use_true_random=False))
def test_no_walk_leaves_the_scope_or_ends_in_a_dead_end(
    case: tuple[Document, tuple[int, int]], rng: random.Random
) -> None:
    document, lock = case
    rules = Rules(len(document), lock)
    ops: list[Op] = []
    for step in range(60):
        before = ops[-1] if ops else None
        openings = rules.openings(before)
        assert openings
        ending = step > 20  # From here on the way out is taken where there is one.
        can_end = Opening.END in openings
        if can_end and (ending or len(openings) == 1 or rng.random() < 0.3):
            break
        if Opening.GEN in openings and (ending or rng.random() < 0.5):
            ops.append(Gen(rng.choice(["", "x", "x\n"])))
            continue
        firsts = rules.firsts(before)
        first = firsts[-1][1] if ending else pick(firsts, rng)
        lasts = rules.lasts(before, first)
        ops.append(Copy(first, lasts[-1][1] if ending else pick(lasts, rng)))
    else:
        pytest.fail("no end was found")
    before_text, after_text = around(document, lock)
    result = resolve(Program(tuple(ops)), document)
    assert result.startswith(before_text)
    assert result.endswith(after_text)
    assert len(result) >= len(before_text) + len(after_text)
    assert is_legal(Program(tuple(ops)), rules)


def pick(ranges: Ranges, rng: random.Random) -> int:
    return rng.choice([n for low, high in ranges for n in range(low, high + 1)])


@pytest.mark.parametrize(
    ("ops", "legal"),
    [
        ((Copy(1, 2), Gen("x\n"), Copy(5, 6)), True),
        ((Copy(1, 2), Copy(5, 6)), True),
        ((Copy(1, 2), Copy(3, 6)), True),
        ((Copy(1, 2), Copy(3, 4), Gen("x\n"), Copy(5, 6)), True),
        ((Copy(1, 2), Copy(4, 4), Copy(3, 6)), True),
        ((Copy(1, 2), Gen(""), Copy(5, 6)), True),
        ((Copy(1, 6),), False),  # The copy before the scope is forced.
        ((Copy(1, 2), Gen("x\n")), False),
        ((Copy(1, 2), Gen("x\n"), Copy(6, 6)), False),
        ((Copy(1, 2), Gen("x\n"), Copy(5, 5), Gen("y\n"), Copy(6, 6)), False),
        ((Copy(1, 2), Gen("x\n"), Gen("y\n"), Copy(5, 6)), False),
        ((Copy(1, 2), Copy(3, 4), Copy(5, 6)), False),  # One copy: 3-6.
        ((Copy(1, 2), Copy(3, 3), Copy(4, 4), Copy(5, 6)), False),
        ((Copy(1, 2), Copy(3, 5), Copy(6, 6)), False),
        ((Copy(1, 2), Copy(3, 6), Gen("x\n")), False),
        ((Gen("x\n"), Copy(5, 6)), False),
    ],
)
def test_a_lock_on_lines_3_to_4_of_6(ops: tuple[Op, ...], legal: bool) -> None:
    assert is_legal(Program(ops), Rules(6, (3, 4))) == legal


@pytest.mark.parametrize(
    ("ops", "legal"),
    [
        ((), True),
        ((Copy(1, 2), Copy(1, 2)), True),
        ((Copy(2, 2), Gen("x"), Copy(1, 1)), True),
        ((Copy(1, 1), Copy(2, 2)), False),
        ((Gen("x"), Gen("y")), False),
    ],
)
def test_a_lock_on_the_whole_document_asks_for_canonical_programs(
    ops: tuple[Op, ...], legal: bool
) -> None:
    assert is_legal(Program(ops), Rules(2, (1, 2))) == legal
    assert is_legal(Program(ops), Rules(2))


def test_from_an_empty_document_nothing_can_be_copied() -> None:
    assert Rules(0).openings(None) == (Opening.GEN, Opening.END)


@pytest.mark.parametrize("lock", [(0, 1), (2, 1), (1, 4), (4, 4)])
def test_a_lock_outside_the_document_is_refused(lock: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="lines 1 to 3"):
        Rules(3, lock)
