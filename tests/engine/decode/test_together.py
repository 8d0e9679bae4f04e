"""Decodes at once: each gets what it gets alone, and none waits for long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from copydecode.config import Limits
from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.cost import FREE, CostCurve, measure
from copydecode.decode.draft import ProgramDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.forwards import Forwards, Pause, alone
from copydecode.decode.guess import NoDrafts, Odds
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task, decode, decoding
from copydecode.decode.model import EmbeddedModel, Model, Part
from copydecode.decode.network import Network
from copydecode.decode.prefix import Prefix
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Sampling
from copydecode.decode.together import Together
from copydecode.edit import grammar as text_form
from copydecode.edit.program import Program
from copydecode.errors import DeadlineExceededError, EditCancelledError, TokenLimitError
from tests.engine.decode.scripted import FunctionModel, ListCache, noisy

CPU = torch.device("cpu")


class SharedModel(FunctionModel):
    """A model of functions that takes several sequences into one forward."""

    can_share = True

    def __init__(self, logits: Callable[[Sequence[int]], Tensor]) -> None:
        super().__init__(logits)
        self.widths: list[list[int]] = []

    def forward_together(self, parts: Sequence[Part[ListCache]]) -> list[Tensor]:
        """Append tokens to each; a cache that is full fails them all, half of them fed."""
        self.widths.append([len(tokens) for tokens, _, _ in parts])
        return [self.forward(*part) for part in parts]


def always(_tokens: int, _more: int) -> bool:
    return True


def never(_tokens: int, _more: int) -> bool:
    return False


def future_of(together: Together[Program], run: Forwards[Program]) -> Future[Program]:
    future: Future[Program] = Future()
    assert future.set_running_or_notify_cancel()
    together.add(run, future)
    return future


def finish(together: Together[Program]) -> None:
    while together:
        together.step()


class Asked:
    """One decode with random logits, its prompt and limits by a seed; the same at every call."""

    def __init__(self, literals: Literals, grammar: ProgramGrammar, seed: int) -> None:
        self.seed = seed
        self._grammar = grammar
        self._lines = [literals.codec.encode(f"line {k} of {seed}\n") for k in range(5)]
        words = literals.codec.encode("words " * (seed % 7) + f"{seed}\n")
        self.prompt = [*words, *literals[text_form.PROGRAM_OPEN]]

    def run(
        self,
        model: Model[Any],
        receipt: Receipt,
        cost: CostCurve = FREE,
        **more: Any,  # noqa: ANN401  # as Task's
    ) -> Forwards[Program]:
        """Return the decode; a third is drawn at a temperature, a third without drafts."""
        constraint = self._grammar.start(len(self._lines))
        literals = constraint.literals
        drafter = ProgramDrafts(constraint, self._lines, Hints(), Odds())
        task = Task(
            self.prompt,
            lambda first, last: [t for line in self._lines[first - 1 : last] for t in line],
            chooser=Sampling(literals, CPU, 1.0, self.seed) if self.seed % 3 == 0 else None,
            drafter=NoDrafts() if self.seed % 3 == 1 else drafter,
            cost=cost,
            **{"limits": Limits(max_new_tokens=60), **more},
        )
        return decoding(Prefix(model), constraint, task, receipt)


def outcome_of(future: Future[Program]) -> Program | type[Exception]:
    """Return what a decode came to, which may be that it found no end."""
    try:
        return future.result()
    except TokenLimitError as error:
        return type(error)


def outcome(run: Forwards[Program]) -> Program | type[Exception]:
    """Return what a decode comes to alone."""
    together: Together[Program] = Together(never)
    future = future_of(together, run)
    finish(together)
    return outcome_of(future)


@pytest.fixture(scope="module")
def model(make_network: Callable[..., Network]) -> EmbeddedModel:
    """A network of random weights that fp16 holds, as the embedded model's."""
    network = make_network()
    for parameter in network.parameters():
        wider = 3.0 * parameter if parameter.dim() > 1 else parameter
        parameter.data = wider.detach().bfloat16().float()
    return EmbeddedModel(network, CPU)


COUNTS = ("forwards", "generated_tokens", "drafted_tokens", "accepted_tokens", "reused_tokens")


@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=8),
    joins=st.lists(st.integers(0, 6), min_size=8, max_size=8),
    stops=st.dictionaries(st.integers(0, 7), st.integers(0, 20), max_size=2),
    costs=st.sampled_from([always, never, CostCurve(((1, 1.0), (9, 5.0)), 0.2).sharing_pays]),
)
@settings(max_examples=40)
def test_programs_are_token_for_token_those_of_decodes_alone(  # noqa: PLR0913, PLR0917  # fixtures, and what is drawn
    own_literals: Literals,
    own_grammar: ProgramGrammar,
    model: EmbeddedModel,
    seeds: list[int],
    joins: list[int],
    stops: dict[int, int],
    costs: Callable[[int, int], bool],
) -> None:
    """Greedy and at a temperature, with drafts and without, beside others that are cancelled."""
    asked = [Asked(own_literals, own_grammar, seed) for seed in seeds]
    receipts = [Receipt() for _ in asked]
    together: Together[Program] = Together(costs)
    futures = []
    for index, (one, receipt) in enumerate(zip(asked, receipts, strict=True)):
        most = stops.get(index, 10_000)
        run = one.run(
            model, receipt, cancelled=lambda receipt=receipt, most=most: receipt.forwards >= most
        )
        futures.append(future_of(together, run))
        for _ in range(joins[index]):  # The next one joins in the middle.
            together.step()
    finish(together)
    for index, (one, receipt) in enumerate(zip(asked, receipts, strict=True)):
        alone = Receipt()
        if isinstance(futures[index].exception(), EditCancelledError):
            assert receipt.forwards == stops[index]
            continue
        expected = outcome(one.run(model, alone))
        assert outcome_of(futures[index]) == expected
        assert [getattr(receipt, name) for name in COUNTS] == [
            getattr(alone, name) for name in COUNTS
        ]


def test_a_decode_alone_is_that_of_the_loop(
    own_literals: Literals, own_grammar: ProgramGrammar
) -> None:
    model = noisy(own_literals, 1, closing=0.05)
    constraint = own_grammar.start(3)
    task = Task([5, *own_literals[text_form.PROGRAM_OPEN]], lambda _i, _j: [7])
    program = decode(Prefix(model), constraint, task, Receipt())
    again = decoding(Prefix(model), own_grammar.start(3), task, Receipt())
    assert outcome(again) == program


def shared(literals: Literals, seed: int, closing: float = 0.01) -> SharedModel:
    """Return a model that shares forwards, with random logits; it never ends by itself below 0."""
    return SharedModel(noisy(literals, seed, closing).row)


def test_a_forward_that_fails_for_one_fails_for_that_one_alone(
    own_literals: Literals, own_grammar: ProgramGrammar
) -> None:
    model = shared(own_literals, 3)
    asked = [Asked(own_literals, own_grammar, seed) for seed in (1, 6, 4, 7)]
    expected = [outcome(one.run(model, Receipt())) for one in asked]
    together: Together[Program] = Together(always)
    model.fail_from = len(asked[1].prompt)  # The longest: no other one's first forward fails.
    assert all(len(one.prompt) < model.fail_from for one in asked if one is not asked[1])
    futures = [future_of(together, one.run(model, Receipt())) for one in asked]
    together.step()
    model.fail_from = None
    finish(together)
    assert model.widths
    assert isinstance(futures[1].exception(), MemoryError)
    for index in (0, 2, 3):
        assert outcome_of(futures[index]) == expected[index]


def test_a_cancelled_decode_has_no_further_forward_also_while_others_have_theirs(
    own_literals: Literals, own_grammar: ProgramGrammar
) -> None:
    model = shared(own_literals, 5, closing=-1.0)
    together: Together[Program] = Together(never)
    stop = False
    kept, stopped = Receipt(), Receipt()
    one, other = (Asked(own_literals, own_grammar, seed) for seed in (1, 4))
    future_of(together, one.run(model, kept))
    future = future_of(together, other.run(model, stopped, cancelled=lambda: stop))
    for _ in range(5):
        together.step()
    before = stopped.forwards
    assert before > 0
    assert not future.done()
    stop = True
    together.step()  # Whoever's turn it is.
    assert isinstance(future.exception(), EditCancelledError)
    assert stopped.forwards == before
    assert kept.forwards > before


def test_a_deadline_counts_while_others_have_their_forwards(
    own_literals: Literals, own_grammar: ProgramGrammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shared(own_literals, 5, closing=-1.0)
    now = 0.0
    monkeypatch.setattr("copydecode.decode.loop.time.perf_counter", lambda: now)
    together: Together[Program] = Together(never)
    one, other = (Asked(own_literals, own_grammar, seed) for seed in (1, 4))
    limits = Limits(max_new_tokens=60, deadline_s=3.5)
    late = future_of(together, one.run(model, Receipt(), limits=limits))
    patient = future_of(together, other.run(model, Receipt()))
    now = 4.0
    together.step()
    assert isinstance(late.exception(), DeadlineExceededError)
    assert not patient.done()


def test_a_short_decode_is_not_held_up_by_long_ones_that_came_before(
    own_literals: Literals, own_grammar: ProgramGrammar
) -> None:
    model = shared(own_literals, 5, closing=-1.0)
    together: Together[Program] = Together(never)
    limits = Limits(max_new_tokens=3)
    long = [Asked(own_literals, own_grammar, seed) for seed in (1, 4)]
    futures = [future_of(together, one.run(model, Receipt())) for one in long]
    for _ in range(6):
        together.step()
    receipt = Receipt()
    short = future_of(
        together, Asked(own_literals, own_grammar, 7).run(model, receipt, limits=limits)
    )
    before = len(model.blocks)
    while not short.done():
        together.step()
    mine = receipt.forwards + 1  # The prompt's.
    assert len(model.blocks) - before <= 3 * mine
    assert not any(future.done() for future in futures)


def test_the_receipt_tells_who_shared_and_what_was_waited(
    own_literals: Literals, own_grammar: ProgramGrammar
) -> None:
    model = shared(own_literals, 5)
    receipts = [Receipt() for _ in range(3)]
    together: Together[Program] = Together(always)
    for seed, receipt in zip((1, 4, 7), receipts, strict=True):
        future_of(together, Asked(own_literals, own_grammar, seed).run(model, receipt))
    finish(together)
    assert [receipt.at_once for receipt in receipts] == [3, 3, 3]
    assert sum(receipt.shared_forwards for receipt in receipts) == sum(map(len, model.widths))
    total = Receipt.total(receipts)
    assert total.at_once == 3
    assert total.shared_forwards == sum(map(len, model.widths))


def test_time_between_forwards_is_waiting_not_decoding(
    own_literals: Literals, own_grammar: ProgramGrammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock by which each forward takes a second: two decodes wait for each other."""
    model = shared(own_literals, 5)
    monkeypatch.setattr(time, "perf_counter", lambda: float(len(model.blocks)))
    together: Together[Program] = Together(never)
    receipts = [Receipt(), Receipt()]
    limits = Limits(max_new_tokens=10, deadline_s=None)
    for seed, receipt in zip((1, 4), receipts, strict=True):
        one = Asked(own_literals, own_grammar, seed)
        future_of(together, one.run(model, receipt, limits=limits))
    finish(together)
    assert model.widths == []
    for receipt in receipts:
        assert receipt.prefill_s == 1
        assert receipt.decode_s == receipt.forwards
        assert receipt.waited_s == pytest.approx(receipt.forwards + 1, abs=1)
        assert (receipt.shared_forwards, receipt.at_once) == (0, 1)


def test_what_a_further_sequence_costs_is_measured_where_it_can_share(
    model: EmbeddedModel,
) -> None:
    alone = FunctionModel(lambda _read: torch.zeros(4))
    assert measure(alone, widths=(1, 4)).sequence is None
    assert measure(model, widths=(1, 8)).sequence is not None


def test_sharing_pays_where_it_costs_less_than_a_forward_of_ones_own() -> None:
    points = ((1, 1.0), (11, 2.0), (12, 3.0))
    assert CostCurve(points, 0.5).sharing_pays(1, 1)
    assert not CostCurve(points, 0.95).sharing_pays(1, 1)
    assert not CostCurve(points, 0.5).sharing_pays(11, 1)
    assert not CostCurve(points).sharing_pays(1, 1)


def test_a_decode_that_pauses_goes_on_when_it_is_ready_or_nobody_else_asks(
    own_literals: Literals, own_grammar: ProgramGrammar
) -> None:
    model = shared(own_literals, 5, closing=-1.0)
    together: Together[Program] = Together(never)
    ready, stop = False, False
    order: list[str] = []

    def check() -> None:
        if stop:
            raise EditCancelledError

    def pausing(name: str) -> Forwards[Program]:
        yield Pause(lambda: ready, check)
        order.append(name)
        return Program(())

    receipt = Receipt()
    one = future_of(together, Asked(own_literals, own_grammar, 1).run(model, receipt))
    future_of(together, pausing("when ready"))
    together.step()
    together.step()
    assert order == []
    assert receipt.forwards == 1
    ready = True
    together.step()
    assert order == ["when ready"]
    ready = False
    future_of(together, pausing("when idle"))
    finish(together)
    assert one.done()
    assert order == ["when ready", "when idle"]
    future_of(together, Asked(own_literals, own_grammar, 1).run(model, receipt))
    stopped = future_of(together, pausing("never"))
    stop = True
    together.step()
    assert isinstance(stopped.exception(), EditCancelledError)
    stop = False
    assert alone(pausing("alone")) == Program(())
