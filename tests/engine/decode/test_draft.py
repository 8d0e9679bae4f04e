"""Drafts follow what programs and texts usually do; they never change what is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.cost import FREE, CostCurve
from copydecode.decode.draft import ProgramDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.following import Lookup
from copydecode.decode.guess import Guess, Kind, NoDrafts, Odds
from copydecode.decode.loop import Task
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Greedy
from copydecode.edit import grammar as text_form
from copydecode.edit.program import Copy, CopyTokens, Gen, Program
from tests.engine.decode.scripted import (
    UNLIMITED,
    FunctionModel,
    leniently,
    noisy,
    run,
    sequence_of,
)

LINES = [f"value_{n} = compute({n}, other)\n" for n in range(1, 31)]


def encoded(grammar: ProgramGrammar, lines: Sequence[str]) -> list[list[int]]:
    return [grammar.literals.codec.encode(line) for line in lines]


def forwards(
    grammar: ProgramGrammar,
    program: Program,
    hints: Hints | None = None,
    cost: CostCurve = FREE,
    odds: Odds | None = None,
) -> Receipt:
    """Decode a program that the model is bound to write, with drafts."""
    lines = encoded(grammar, LINES)
    literals = grammar.literals
    prompt = [*literals.codec.encode("words\n"), *literals[text_form.PROGRAM_OPEN]]
    model = leniently(sequence_of(prompt, program, lines, literals), literals.size)
    constraint = grammar.start(len(lines), line_tokens=lines)
    drafter = ProgramDrafts(constraint, lines, hints or Hints(), odds or Odds())
    receipt = Receipt()
    text = [token for line in lines for token in line]
    task = Task(
        prompt,
        lambda first, last: [t for line in lines[first - 1 : last] for t in line],
        limits=UNLIMITED,
        drafter=drafter,
        cost=cost,
        splice_tokens=lambda first, last: text[first - 1 : last],
    )
    assert run(model, constraint, task, receipt) == program
    return receipt


CHANGED = "value_10 = compute(10, another)\n"


@pytest.mark.parametrize(
    ("program", "likely", "most"),
    [
        # A line of a known scope: a forward up to the change, one for it, one for the rest.
        (Program((Copy(1, 9), Gen(CHANGED), Copy(11, 30))), (10, 10), 5),
        # The line is not known: one more for it.
        (Program((Copy(1, 9), Gen(CHANGED), Copy(11, 30))), None, 6),
        (Program((Copy(1, 30),)), None, 1),
        (Program((Gen("value_1 = 0\n"), Copy(2, 30))), (1, 1), 7),
        (Program((Copy(1, 30), Gen("value_31 = compute(31, other)\n"))), None, 8),
    ],
)
def test_usual_programs_take_few_forwards(
    grammar: ProgramGrammar, program: Program, likely: tuple[int, int] | None, most: int
) -> None:
    assert forwards(grammar, program, Hints(likely)).forwards <= most


def spells_no_marker(grammar: ProgramGrammar) -> bool:
    """Return whether text is cut alike in lines and in a gen: a spelled marker joins its end."""
    return grammar.literals.gen_close is not None


def test_lines_that_change_as_promised_take_no_forward_of_their_own(
    grammar: ProgramGrammar,
) -> None:
    encode = grammar.literals.codec.encode
    renamed = {k: LINES[k - 1].replace("other", "another") for k in (10, 11, 20)}
    program = Program(
        (
            Copy(1, 9),
            Gen(renamed[10] + renamed[11]),
            Copy(12, 19),
            Gen(renamed[20]),
            Copy(21, 30),
        )
    )
    promised = Hints(changed={number: encode(line) for number, line in renamed.items()})
    most = 0 if spells_no_marker(grammar) else 4
    assert forwards(grammar, program, promised).forwards <= most
    assert forwards(grammar, program).forwards > 5


@pytest.mark.parametrize(
    "copies",
    [
        ((1, 9), (12, 30)),  # Lines 10 and 11 are deleted,
        ((1, 11), (10, 30)),  # duplicated,
        ((1, 3), (10, 11), (4, 9), (12, 30)),  # moved up,
        ((1, 9), (12, 30), (10, 11)),  # and moved to the end.
    ],
)
def test_copies_as_promised_take_no_forward_of_their_own(
    grammar: ProgramGrammar, copies: tuple[tuple[int, int], ...]
) -> None:
    program = Program(tuple(Copy(first, last) for first, last in copies))
    promised = [Copy(first, last) for first, last in copies]
    assert forwards(grammar, program, Hints((10, 11), promised)).forwards == 0
    assert forwards(grammar, program, Hints((10, 11))).forwards > 0


@pytest.mark.parametrize("likely", [(10, 10), None])
def test_a_text_that_the_instruction_brings_is_drafted(
    grammar: ProgramGrammar, likely: tuple[int, int] | None
) -> None:
    text = "if ready:\n    begin(everything)\n"
    program = Program((Copy(1, 9), Gen(text), Copy(11, 30)))
    encode = grammar.literals.codec.encode
    block = [token for line in text.splitlines(keepends=True) for token in encode(line)]
    brought = forwards(grammar, program, Hints(likely, blocks=[block]))
    assert brought.forwards <= (3 if spells_no_marker(grammar) else 6)
    assert forwards(grammar, program, Hints(likely)).forwards > brought.forwards + 5


def test_a_promise_that_is_not_kept_costs_little(grammar: ProgramGrammar) -> None:
    encode = grammar.literals.codec.encode
    program = Program((Copy(1, 9), Gen(CHANGED), Copy(11, 30)))
    wrong = Hints(
        (10, 10),
        [(1, 4), (12, 30)],
        {10: encode("something(else)\n")},
        [encode("a block\n")],
    )
    without = forwards(grammar, program, Hints((10, 10)))
    assert forwards(grammar, program, wrong).forwards <= without.forwards + 8


def test_a_kind_of_guess_comes_back_when_it_is_right_again(grammar: ProgramGrammar) -> None:
    program = Program((Copy(1, 9), Gen(CHANGED), Copy(11, 30)))
    curve = CostCurve(((1, 1.0), (100, 3.0)))
    odds = Odds()
    usual = forwards(grammar, program, Hints((10, 10)), curve, odds).forwards
    for kind in Kind:
        for _ in range(300):
            odds.record(kind, right=False)
    worst = forwards(grammar, program, Hints((10, 10)), curve, odds).forwards
    later = [forwards(grammar, program, Hints((10, 10)), curve, odds).forwards for _ in range(30)]
    assert usual <= later[-1] <= usual + 2 < worst


def test_behind_a_token_copy_the_rest_is_guessed(own_grammar: ProgramGrammar) -> None:
    """Line 10 is copied up to a word; the copy of the rest and the end cost no forward more."""
    lines = encoded(own_grammar, LINES)
    before = sum(map(len, lines[:9]))
    changed = Program((CopyTokens(1, before + 4), Gen("other\n"), Copy(11, 30)))
    receipt = forwards(own_grammar, changed)
    assert receipt.accepted_tokens >= 2
    assert receipt.forwards < receipt.generated_tokens - 3
    # A copy up to a line's end is followed by the next line.
    assert forwards(own_grammar, Program((CopyTokens(1, before), Copy(10, 30)))).accepted_tokens > 1


def test_accepted_drafts_are_decisions_without_a_forward(own_grammar: ProgramGrammar) -> None:
    program = Program((Copy(1, 9), Gen(CHANGED), Copy(11, 30)))
    receipt = forwards(own_grammar, program)
    assert receipt.accepted_tokens <= receipt.drafted_tokens
    # Behind its drafts a forward makes one decision more, unless they end the program; the
    # prompt's forward is not counted.
    others = receipt.generated_tokens - receipt.accepted_tokens
    assert others in {receipt.forwards, receipt.forwards + 1}


def test_drafts_that_cost_too_much_are_left_out(own_grammar: ProgramGrammar) -> None:
    program = Program((Copy(1, 9), Gen(CHANGED), Copy(11, 30)))
    dear = CostCurve(((1, 1.0), (2, 2.0)))  # A forward of n tokens costs n forwards.
    receipt = forwards(own_grammar, program, Hints((10, 10)), dear)
    assert receipt.drafted_tokens <= 1  # What ends the program is never fed.
    free = forwards(own_grammar, program, Hints((10, 10)))
    assert free.forwards < receipt.forwards


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 12),
    likely=st.none() | st.tuples(st.integers(1, 6), st.integers(6, 12)),
    changed=st.sets(st.integers(1, 12), max_size=3),
    said=st.sets(st.integers(1, 12)),
    window=st.sampled_from([None, 0, 3]),
    token_copies=st.booleans(),
    whole=st.booleans(),
    lenience=st.sampled_from([0.0, 3.0]),
    right=st.lists(st.booleans(), max_size=60),
)
def test_drafts_change_forwards_never_the_program(  # noqa: PLR0913, PLR0917  # drawn
    grammar: ProgramGrammar,
    seed: int,
    n: int,
    likely: tuple[int, int] | None,
    changed: set[int],
    said: set[int],
    window: int | None,
    *,
    token_copies: bool,
    whole: bool,
    lenience: float,
    right: list[bool],
) -> None:
    """Nor does what was right before, where choices are lenient with what is promised."""
    literals = grammar.literals
    encode = literals.codec.encode
    program: list[Copy | tuple[int, ...]] = []
    if likely:
        program = [Copy(*likely), tuple(encode("line 1\nline 2\n")), Copy(1, n)]
    texts = {k: encode("line 2\n") for k in changed}
    hints = Hints(likely, program, texts, [encode("line 1\n")], said & changed, whole)
    lines = encoded(grammar, [f"line {k % 4}\n" for k in range(n)])
    prompt = [*literals.codec.encode("some words\n"), *literals[text_form.PROGRAM_OPEN]]
    text = [token for line in lines for token in line]

    def splice(first: int, last: int) -> list[int]:
        return [token for line in lines[first - 1 : last] for token in line]

    def model() -> FunctionModel:
        return noisy(literals, seed, closing=0.05, along=text)

    programs, receipts = [], []
    for drafts in (False, True):
        constraint = grammar.start(n, line_tokens=lines if token_copies else None)
        odds = Odds()
        for kind, once in zip(cycle(Kind), right if drafts else (), strict=False):
            odds.record(kind, right=once)
        task = Task(
            prompt,
            splice,
            splice_window=window,
            limits=UNLIMITED,
            chooser=Greedy(literals, torch.device("cpu"), lenience=lenience),
            drafter=ProgramDrafts(constraint, lines, hints, odds),
            drafting=drafts,
            splice_tokens=(lambda first, last: text[first - 1 : last]) if token_copies else None,
        )
        receipts.append(Receipt())
        programs.append(run(model(), constraint, task, receipts[-1]))
    plain, drafted = receipts
    assert programs[0] == programs[1]
    assert drafted.forwards <= plain.forwards
    assert drafted.generated_tokens == plain.generated_tokens
    assert drafted.forced_tokens == plain.forced_tokens
    assert drafted.spliced_tokens == plain.spliced_tokens


def test_a_slip_in_a_promised_line_is_forgiven_within_the_lenience(
    own_grammar: ProgramGrammar,
) -> None:
    """The model's own text stands where nothing is promised, and beyond the lenience."""
    lines = encoded(own_grammar, LINES)
    literals = own_grammar.literals
    prompt = [*literals.codec.encode("words\n"), *literals[text_form.PROGRAM_OPEN]]
    slip, meant = (
        Program((Copy(1, 9), Gen(text), Copy(11, 30)))
        for text in ("value_10 = compute(10, a_other)\n", CHANGED)
    )
    likes = [(sequence_of(prompt, slip, lines, literals), 10.0)]
    likes.append((sequence_of(prompt, meant, lines, literals), 8.5))

    def logits(read: Sequence[int]) -> torch.Tensor:
        row = torch.zeros(literals.size)
        for sequence, liking in likes:
            if list(read) == sequence[: len(read)] and len(read) < len(sequence):
                row[sequence[len(read)]] += liking
        return row

    def decoded(lenience: float, hints: Hints) -> Program:
        constraint = own_grammar.start(len(lines))
        task = Task(
            prompt,
            lambda first, last: [t for line in lines[first - 1 : last] for t in line],
            limits=UNLIMITED,
            chooser=Greedy(literals, torch.device("cpu"), lenience=lenience),
            drafter=ProgramDrafts(constraint, lines, hints, Odds()),
        )
        return run(FunctionModel(logits), constraint, task, Receipt())

    changed = {10: literals.codec.encode(CHANGED)}
    promise = Hints((10, 10), changed=changed, promised={10})
    assert decoded(2.0, promise) == meant
    assert decoded(1.0, promise) == slip
    assert decoded(0.0, promise) == slip
    assert decoded(2.0, Hints((10, 10), changed=changed)) == slip
    whole: list[Copy | tuple[int, ...]] = [Copy(1, 9), tuple(changed[10]), Copy(11, 30)]
    assert decoded(2.0, Hints(program=whole, said=True)) == meant
    assert decoded(2.0, Hints(program=whole)) == slip


def test_a_lookup_prefers_the_longest_end_and_the_next_place() -> None:
    lookup = Lookup([1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3, 6])
    assert lookup.find([1, 2, 3], 2, near=0) == 3
    assert lookup.find([1, 2, 3], 2, near=4) == 11
    assert lookup.find([1, 2, 3], 2, near=99) == 11
    assert lookup.find([7, 2, 3], 2, near=4) == 7
    assert lookup.find([7, 8, 3], 2, near=0) is None
    assert lookup.find([7, 8, 3], 1, near=0) == 3
    assert lookup.find([3, 6], 2, near=0) is None  # Nothing comes after it.


def test_odds_learn_from_what_was_verified() -> None:
    odds = Odds()
    before = odds[Kind.LOOKED_UP]
    for _ in range(200):
        odds.record(Kind.LOOKED_UP, right=True)
    assert before < 0.5
    assert 0.9 < odds[Kind.LOOKED_UP] < 1.0
    for _ in range(200):
        odds.record(Kind.LOOKED_UP, right=False)
    assert odds[Kind.LOOKED_UP] < 0.1
    assert odds[Kind.CLOSE_AFTER_LINE] == Odds()[Kind.CLOSE_AFTER_LINE]


def test_no_drafts_are_none() -> None:
    nothing: list[Guess] = list(NoDrafts().guesses([]))
    assert nothing == []
