"""Acceptance policies: a span is cut where its own logits say so, as stepping one by one would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copydecode.config import Acceptance
from copydecode.decode import loop
from copydecode.decode.accept import CHECKED_LINES, CHECKED_MARGIN, Span, kept_lines, verdicts
from copydecode.decode.constraint import Constraint, ProgramGrammar
from copydecode.decode.draft import ProgramDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.guess import NoDrafts, Odds
from copydecode.decode.literals import Ids, Literals
from copydecode.decode.loop import Task
from copydecode.decode.model import C, Model
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Greedy
from copydecode.edit import grammar as text_form
from copydecode.edit.program import Copy, CopyTokens, Gen, Op, Program
from tests.engine.decode.scripted import UNLIMITED, FunctionModel, noisy, op_tokens, run

SPAN = Span(tokens=[5, 6, 7, 5, 8], ends=[2, 4, 5])
LEAVING = [1, 2]
BANNED = np.array([0, 1, 2], dtype=np.int64)


def rows(*wanted: int) -> torch.Tensor:
    """Return logits that want these tokens."""
    logits = torch.zeros(len(wanted), 10)
    logits[range(len(wanted)), list(wanted)] = 9.0
    return logits


def kept(
    policy: Acceptance, span: Span, logits: torch.Tensor, leaving: Sequence[int] = LEAVING
) -> int:
    """Return how many lines stand by the logits `[N + 1, V]` along a span."""
    if policy is Acceptance.PROGRAM:
        return kept_lines(policy, span, [])
    return kept_lines(policy, span, verdicts(policy, span.tokens, logits[:-1], leaving, BANNED))


@pytest.mark.parametrize(
    ("policy", "wanted", "expected"),
    [
        (Acceptance.PROGRAM, (9, 9, 9, 9, 9, 9), 3),
        (Acceptance.VERIFIED, (5, 6, 7, 5, 8, 9), 3),
        (Acceptance.VERIFIED, (5, 6, 7, 5, 9, 9), 2),
        (Acceptance.VERIFIED, (5, 6, 7, 9, 8, 9), 1),  # Half a line is not kept.
        (Acceptance.VERIFIED, (9, 6, 7, 5, 8, 9), 0),
        (Acceptance.CHECKED, (5, 6, 7, 5, 8, 1), 3),
        (Acceptance.CHECKED, (5, 6, 1, 5, 8, 1), 1),
        (Acceptance.CHECKED, (5, 6, 7, 5, 2, 1), 2),
        (Acceptance.CHECKED, (1, 1, 7, 1, 8, 1), 3),  # Not at the end of a line.
    ],
)
def test_a_policy_keeps_whole_lines(
    policy: Acceptance, wanted: tuple[int, ...], expected: int
) -> None:
    assert kept(policy, SPAN, rows(*wanted)) == expected


def test_what_could_not_be_text_does_not_disagree() -> None:
    logits = rows(5, 6, 7, 5, 8, 1)
    logits[:, 1] = 20.0  # Inside a span an op's begin is no continuation.
    assert kept(Acceptance.VERIFIED, SPAN, logits) == 3


def test_only_the_last_lines_are_checked_and_only_a_strong_wish_counts() -> None:
    lines = CHECKED_LINES + 3
    span = Span([5] * lines, list(range(1, lines + 1)))
    logits = torch.zeros(lines + 1, 10)
    logits[1, 1] = 50.0  # Too far from the end.
    assert kept(Acceptance.CHECKED, span, logits) == lines
    logits[lines - 1, 1] = CHECKED_MARGIN - 0.1
    assert kept(Acceptance.CHECKED, span, logits, [1]) == lines
    logits[lines - 1, 1] = CHECKED_MARGIN + 0.1
    assert kept(Acceptance.CHECKED, span, logits, [1]) == lines - 1


def by_single_steps(  # noqa: C901, PLR0912  # one loop, to be read against the text of the policy
    model: Model[C],
    constraint: Constraint,
    prompt: Sequence[int],
    lines: list[list[int]],
    lock: tuple[int, int] | None,
) -> Program:
    """Decode `verified` with one token per forward: the reference."""
    literals = constraint.literals
    greedy = Greedy(literals, model.device)
    constraint.begin()
    single = [[token] for line in lines for token in line]
    cache = model.new_cache()
    ops: list[Op] = []

    def feed(tokens: Sequence[int]) -> torch.Tensor:
        logits = torch.empty(0)
        for token in tokens:
            logits = model.forward([token], cache, 1)
        return logits

    logits = feed(prompt)
    while not constraint.done:
        accepted = constraint.accept(greedy.over(logits)(0, constraint.allowed()))
        if accepted.op is not None:
            ops.append(accepted.op)
        if constraint.done:
            break
        logits = feed(accepted.tokens)
        if not isinstance(op := accepted.op, Copy | CopyTokens):
            continue
        free = op.last
        if lock is not None and isinstance(op, Copy):
            # Lines outside the lock are copied whatever the model thinks of them.
            free = min(op.last, lock[1]) if op.first >= lock[0] else 0
        parts = lines if isinstance(op, Copy) else single
        if free < op.first:
            for tokens in parts[op.first - 1 : op.last]:
                logits = feed(tokens)
            continue
        last = op.first - 1
        kept, behind = cache.length, logits
        after_gen = len(ops) > 1 and isinstance(ops[-2], Gen)
        for part in range(op.first, op.last + 1):
            kept_anyway = (after_gen and part == op.first) or part > free
            for token in parts[part - 1]:
                if not kept_anyway and greedy.over(logits)(0, text_of(literals)) != token:
                    break
                logits = feed([token])
            else:
                last, kept, behind = part, cache.length, logits
                continue
            break
        cache.crop(kept)
        logits = behind
        if last >= op.first:
            ops[-1] = replace(op, last=last)
            continue
        ops.pop()
        written = len(op_tokens(op, literals))
        constraint.rollback(written)
        cache.crop(cache.length - written)
        for token in literals[text_form.GEN_OPEN]:
            constraint.accept(token)
            logits = feed([token])
    return Program(tuple(ops))


def text_of(literals: Literals) -> Ids:
    """Return all ids that a gen may hold, its end left out."""
    return np.setdiff1d(np.arange(literals.size), literals.not_in_text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 10),
    lock=st.none() | st.tuples(st.integers(1, 10), st.integers(1, 10)),
    drafts=st.booleans(),
    chunk=st.sampled_from([4, loop.CHUNK]),  # A span may be read in several forwards.
    token_copies=st.booleans(),
)
def test_verified_spans_are_what_the_model_would_have_written(  # noqa: PLR0913  # drawn
    grammar: ProgramGrammar,
    seed: int,
    n: int,
    lock: tuple[int, int] | None,
    chunk: int,
    *,
    drafts: bool,
    token_copies: bool,
) -> None:
    """Of lines whole ones, of tokens each."""
    literals = grammar.literals
    if lock is not None:
        lock = (min(*lock, n), min(max(lock), n))
    lines = [literals.codec.encode(f"line {k % 3}\n") for k in range(n)]
    text = [token for line in lines for token in line]
    prompt = [*text, *literals[text_form.PROGRAM_OPEN]]

    def model() -> FunctionModel:
        return noisy(literals, seed, closing=0.05, along=text)

    def start() -> Constraint:
        return grammar.start(n, lock, lines if token_copies else None)

    constraint = start()
    told: list[Op] = []
    receipt = Receipt()
    task = Task(
        prompt,
        lambda first, last: [t for line in lines[first - 1 : last] for t in line],
        limits=UNLIMITED,
        on_op=told.append,
        drafter=ProgramDrafts(constraint, lines, Hints(), Odds()) if drafts else NoDrafts(),
        acceptance=Acceptance.VERIFIED,
        splice_tokens=(lambda first, last: text[first - 1 : last]) if token_copies else None,
    )
    with patch.object(loop, "CHUNK", chunk):
        program = run(model(), constraint, task, receipt)
    assert program == by_single_steps(model(), start(), prompt, lines, lock)
    assert tuple(told) == program.ops
    spliced = 0
    for op in program.ops:
        match op:
            case Copy(first, last):
                spliced += sum(map(len, lines[first - 1 : last]))
            case CopyTokens(first, last):
                spliced += last - first + 1
            case _:
                pass
    assert receipt.spliced_tokens in {spliced, spliced + len(text)}  # The end may need none.


def test_a_cut_copy_ends_where_the_model_leaves_it(own_grammar: ProgramGrammar) -> None:
    """The model writes 1-3, but would rather go on with new text behind line 2."""
    literals = own_grammar.literals
    lines = [literals.codec.encode(f"value_{k} = {k}\n") for k in range(1, 6)]
    prompt = list(literals[text_form.PROGRAM_OPEN])
    copy = op_tokens(Copy(1, 3), literals)
    gen = op_tokens(Gen("new\n"), literals)
    rest = op_tokens(Copy(4, 5), literals)
    cut = [*prompt, *copy, *lines[0], *lines[1]]
    wishes = dict(_after([*prompt, *copy, *lines[0], *lines[1], *lines[2]], len(prompt)))
    wishes |= dict(_after([*cut, *gen, *rest, *lines[3], *lines[4]], len(cut)))
    wishes[*cut, *gen, *rest, *lines[3], *lines[4]] = literals[text_form.PROGRAM_CLOSE][0]

    def logits(read: Sequence[int]) -> torch.Tensor:
        row = torch.zeros(literals.size)
        if (wish := wishes.get(tuple(read))) is not None:
            row[wish] = 20.0
        return row

    def decoded(policy: Acceptance) -> Program:
        task = Task(
            prompt,
            lambda first, last: [t for line in lines[first - 1 : last] for t in line],
            limits=UNLIMITED,
            acceptance=policy,
        )
        return run(FunctionModel(logits), own_grammar.start(5), task)

    assert decoded(Acceptance.CHECKED) == Program((Copy(1, 2), Gen("new\n"), Copy(4, 5)))


def _after(sequence: list[int], start: int) -> list[tuple[tuple[int, ...], int]]:
    return [(tuple(sequence[:k]), sequence[k]) for k in range(start, len(sequence))]
