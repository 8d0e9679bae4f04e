"""Greedy takes the best legal token; sampling keeps the distribution, with and without drafts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from copydecode.config import Limits
from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.decisions import Decisions
from copydecode.decode.draft import ProgramDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.guess import NoDrafts, Odds
from copydecode.decode.literals import Ids, Literals
from copydecode.decode.loop import Task
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Chooser, Greedy, Sampling
from copydecode.edit import grammar as text_form
from copydecode.edit.program import Program
from copydecode.errors import TokenLimitError
from tests.engine.decode.scripted import FunctionModel, run

CPU = torch.device("cpu")


def test_greedy_takes_the_best_legal_token_the_lowest_of_equals(own_literals: Literals) -> None:
    logits = torch.zeros(2, own_literals.size + 5)
    logits[0, own_literals.size :] = 9.0  # Padding.
    logits[0, own_literals.never_text] = 8.0
    logits[0, 700] = 1.0
    choose = Greedy(own_literals, CPU).over(logits)
    assert choose(0, None) == 700
    assert choose(0, np.array([690, 700, 710])) == 700
    assert choose(1, np.array([30, 50, 90])) == 30


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampling_draws_by_the_softmax_at_the_temperature(
    own_literals: Literals, temperature: float
) -> None:
    ids = np.array([100, 200, 300, 400])
    logits = torch.full((1, own_literals.size), 5.0)
    logits[0, ids] = torch.tensor([2.0, 1.0, 0.0, -30.0])
    expected = (logits[0, ids].double() / temperature).softmax(dim=0)
    choose = Sampling(own_literals, CPU, temperature, seed=1).over(logits)
    draws = 20_000
    counts = Counter(choose(0, ids) for _ in range(draws))
    assert set(counts) <= set(ids.tolist())
    for token, probability in zip(ids.tolist(), expected.tolist(), strict=True):
        error = (probability * (1 - probability) / draws) ** 0.5
        assert abs(counts[token] / draws - probability) <= 5 * error + 1e-9


def test_sampled_text_is_legal(own_literals: Literals) -> None:
    logits = torch.zeros(1, own_literals.size + 5)
    choose = Sampling(own_literals, CPU, 1.0).over(logits)
    banned = set(own_literals.never_text.tolist())
    drawn = {choose(0, None) for _ in range(3000)}
    assert not drawn & banned
    assert max(drawn) < own_literals.size


# A vocabulary of a few tokens, whatever stood before: every program has a known probability.
LIKES = {"copy": 1.0, "gen": 0.5, "end": 0.8, "1": 0.3, "2": 0.0, "a": 0.5, "b": 0.0, "close": 0.7}


def small_model(literals: Literals) -> tuple[FunctionModel, dict[str, int]]:
    ids = {
        "copy": literals[text_form.COPY_OPEN][0],
        "gen": literals[text_form.GEN_OPEN][0],
        "end": literals[text_form.PROGRAM_CLOSE][0],
        "close": literals[text_form.GEN_CLOSE][0],
        **{text: literals.codec.encode(text)[0] for text in ("1", "2", "a", "b")},
    }
    row = torch.full((literals.size,), float("-inf"))
    for name, token in ids.items():
        row[token] = LIKES[name]
    return FunctionModel(lambda _read: row), ids


def sampled(own_grammar: ProgramGrammar, seed: int, *, drafts: bool) -> tuple[object, Receipt]:
    """Return the program of a seed, or that it was too long, over the lines `a` and `b`."""
    literals = own_grammar.literals
    lines = [literals.codec.encode("a"), literals.codec.encode("b")]
    model, _ = small_model(literals)
    constraint = own_grammar.start(2)
    receipt = Receipt()
    task = Task(
        list(literals[text_form.PROGRAM_OPEN]),
        lambda first, last: [t for line in lines[first - 1 : last] for t in line],
        limits=Limits(max_new_tokens=24),
        chooser=Sampling(literals, CPU, 1.0, seed),
        drafter=ProgramDrafts(constraint, lines, Hints(), Odds()) if drafts else NoDrafts(),
    )
    try:
        return run(model, constraint, task, receipt), receipt
    except TokenLimitError:
        return "too long", receipt


def test_drafts_keep_the_distribution(own_grammar: ProgramGrammar) -> None:
    """Seed by seed the same program; and over the seeds the probabilities that the logits say."""
    draws = 600
    empty, accepted = 0, 0
    for seed in range(draws):
        with_drafts, receipt = sampled(own_grammar, seed, drafts=True)
        assert with_drafts == sampled(own_grammar, seed, drafts=False)[0]
        accepted += receipt.accepted_tokens
        empty += with_drafts == Program()
    weights = {name: np.exp(LIKES[name]) for name in ("copy", "gen", "end")}
    probability = weights["end"] / sum(weights.values())
    error = (probability * (1 - probability) / draws) ** 0.5
    assert abs(empty / draws - probability) <= 5 * error
    assert accepted > draws  # The drafts did take part.


@pytest.mark.parametrize("allowed", [None, np.array([30, 200, 700, 710])])
@pytest.mark.parametrize("kind", ["greedy", "sampling"])
def test_what_is_decided_is_noted_with_its_chance_among_the_legal_tokens(
    own_literals: Literals, kind: str, allowed: Ids | None
) -> None:
    """At temperature 1, whatever it was drawn at, with the likeliest other token."""
    generator = torch.Generator().manual_seed(3)
    logits = 4 * torch.randn(5, own_literals.size + 5, generator=generator)
    logits[:, own_literals.size :] = 99.0  # Padding.
    decisions = Decisions()
    chooser: Chooser = Greedy(own_literals, CPU, decisions)
    if kind == "sampling":
        chooser = Sampling(own_literals, CPU, 3.0, 1, decisions)
    choose = chooser.over(logits)
    banned = set(own_literals.never_text.tolist())
    legal = [i for i in range(own_literals.size) if i not in banned]
    if allowed is not None:
        legal = allowed.tolist()
    for row in range(5):
        token = choose(row, allowed)
        expected = logits[row, legal].double().log_softmax(dim=0)
        index = legal.index(token)
        assert decisions.log_probs[row] == pytest.approx(float(expected[index]), abs=1e-5)
        others = torch.cat([expected[:index], expected[index + 1 :]])
        margin = float(expected[index] - others.max())
        assert decisions.margins[row] == pytest.approx(margin, abs=1e-5)


def test_what_is_promised_is_chosen_where_it_is_nearly_as_good(own_literals: Literals) -> None:
    """It counts as sure as what it takes the place of, and is the first to fork at."""
    logits = torch.zeros(3, own_literals.size)
    logits[:, [300, 400]] = torch.tensor([3.0, 1.5])
    for allowed in (None, np.array([300, 400, 500])):
        decisions = Decisions()
        choose = Greedy(own_literals, CPU, decisions, lenience=2.0).over(logits)
        assert choose(0, allowed, 400) == 400
        sure = Decisions()
        Greedy(own_literals, CPU, sure).over(logits)(0, allowed)
        assert decisions.log_probs == sure.log_probs
        assert decisions.margins == [0.0]
        assert choose(1, allowed, 500) == 300
        assert choose(2, allowed) == 300
        strict = Greedy(own_literals, CPU).over(logits)
        assert strict(0, allowed, 400) == 300
        forked = Greedy(own_literals, CPU, Decisions(fork=0), lenience=2.0).over(logits)
        assert forked(0, allowed, 400) == 300


def test_a_fork_takes_the_second_best_once(own_literals: Literals) -> None:
    logits = torch.zeros(1, own_literals.size)
    logits[0, [300, 400, 500]] = torch.tensor([1.0, 3.0, 2.0])
    choose = Greedy(own_literals, CPU, Decisions(fork=1)).over(logits)
    assert [choose(0, None), choose(0, None), choose(0, None)] == [400, 500, 400]
    choose = Greedy(own_literals, CPU, Decisions(fork=0)).over(logits)
    assert choose(0, np.array([300])) == 300
