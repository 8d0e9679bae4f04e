"""The loop feeds exactly what is certain, decides greedily, and stops when it has to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copydecode.config import Limits
from copydecode.decode.constraint import Constraint, ProgramGrammar
from copydecode.decode.guess import Guess, Kind, Odds
from copydecode.decode.loop import CHUNK, Task, decode
from copydecode.decode.prefix import Prefix
from copydecode.decode.prompt import EmbeddedPrompt, Prompt
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar as text_form
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, CopyTokens, Gen, Op, Program
from copydecode.errors import (
    ContextTooLongError,
    DeadlineExceededError,
    EditCancelledError,
    TokenLimitError,
)
from tests.engine.decode.scripted import (
    UNLIMITED,
    FunctionModel,
    ListCache,
    leniently,
    naive,
    noisy,
    program_tokens,
    run,
    scripted,
)

DOCUMENT = Document("".join(f"value_{n} = compute({n})\n" for n in range(1, 41)))
PROGRAM = Program((Copy(1, 9), Gen("value_10 = 1 </gen>\n"), Copy(11, 38), Copy(40, 40)))
# Decided: marker and two numbers of each copy, start and end of the gen, the end. But after `40-`
# only 40 is in range, so that number is forced like the dash and the end of each copy.
DECIDED = 3 * 3 - 1 + 2 + 1
FORCED = 3 * 2 + 1


@pytest.fixture(scope="session")
def prompt(vocabulary: Vocabulary) -> Prompt:
    """The prompt of an edit of the document."""
    return EmbeddedPrompt(vocabulary, 999, 10_000).build(DOCUMENT, "change line 10, drop line 39")


@pytest.fixture
def body(vocabulary: Vocabulary) -> list[int]:
    """The tokens of the program's gen."""
    return vocabulary.encode(text_form.escape("value_10 = 1 </gen>\n"))


@pytest.fixture
def model(vocabulary: Vocabulary, prompt: Prompt) -> FunctionModel:
    """A model that writes the program."""
    return scripted(expected(vocabulary, prompt, PROGRAM), vocabulary.size)


def expected(
    vocabulary: Vocabulary, prompt: Prompt, program: Program, window: int | None = None
) -> list[int]:
    """Return prompt and program as training sees them."""
    prompts = EmbeddedPrompt(vocabulary, 999, 10_000)
    tokens, _ = prompts.program_tokens(program, prompt.line_tokens, window)
    return [*prompt.tokens, *tokens]


def task_of(prompt: Prompt, limits: Limits = UNLIMITED, **more: Any) -> Task:  # noqa: ANN401  # as Task's
    return Task(prompt.tokens, prompt.splice, limits=limits, **more)


def asking(grammar: ProgramGrammar, n: int, **more: Any) -> Task:  # noqa: ANN401  # as Task's
    """Return a short request about `n` short lines."""
    literals = grammar.literals
    lines = [literals.codec.encode(f"line {k}\n") for k in range(n)]

    def splice(first: int, last: int) -> list[int]:
        return [token for line in lines[first - 1 : last] for token in line]

    tokens = [*literals.codec.encode("some words\n"), *literals[text_form.PROGRAM_OPEN]]
    return Task(tokens, splice, limits=UNLIMITED, **more)


@pytest.mark.parametrize("window", [None, 0, 1, 7, 1000])
def test_a_decode_feeds_what_training_saw(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar, prompt: Prompt, window: int | None
) -> None:
    script = expected(vocabulary, prompt, PROGRAM, window)
    model = scripted(script, vocabulary.size)
    assert run(model, own_grammar.start(40), task_of(prompt, splice_window=window)) == PROGRAM
    fed = [token for block in model.blocks for token in block]
    assert fed == script[:-1]  # The last decision ends the program: nothing is fed after it.


@pytest.mark.parametrize("window", [None, 0, 1, 7, 1000])
def test_tokens_are_spliced_as_lines_are(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar, prompt: Prompt, window: int | None
) -> None:
    """They ride in the next block, as training sees them, and within the splice window."""
    tokens = [token for line in prompt.line_tokens for token in line]
    program = Program((CopyTokens(1, 90), Gen("x = 1\n"), CopyTokens(95, len(tokens)), Copy(2, 3)))
    script = expected(vocabulary, prompt, program, window)
    model = scripted(script, vocabulary.size)
    task = Task(
        prompt.tokens,
        prompt.splice,
        splice_window=window,
        limits=UNLIMITED,
        splice_tokens=prompt.splice_tokens,
    )
    receipt = Receipt()
    constraint = own_grammar.start(40, line_tokens=prompt.line_tokens)
    assert run(model, constraint, task, receipt) == program
    assert [token for block in model.blocks for token in block] == script[:-1]
    assert receipt.forwards == receipt.generated_tokens - 1
    spans = [tokens[:90], tokens[94:], prompt.splice(2, 3)]
    limit = len(tokens) if window is None else window
    assert receipt.spliced_tokens == sum(min(limit, len(span)) for span in spans)


def test_forwards_follow_the_decisions_not_the_output(
    model: FunctionModel, own_grammar: ProgramGrammar, prompt: Prompt, body: list[int]
) -> None:
    receipt = Receipt()
    run(model, own_grammar.start(40), task_of(prompt), receipt)
    spliced = sum(map(len, prompt.line_tokens)) - len(prompt.splice(10, 10))
    spliced -= len(prompt.splice(39, 39))
    assert receipt.generated_tokens == DECIDED + len(body)
    assert receipt.forwards == receipt.generated_tokens - 1  # The prompt's last one decides, too.
    assert receipt.forced_tokens == FORCED
    assert receipt.spliced_tokens == spliced
    assert receipt.prompt_tokens == len(prompt.tokens)
    assert receipt.reused_tokens == 0
    assert len(model.blocks) - receipt.forwards == -(-len(prompt.tokens) // CHUNK)


def test_ops_are_streamed_when_they_close(
    model: FunctionModel, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    seen: list[tuple[int, Op]] = []
    task = task_of(prompt, on_op=lambda op: seen.append((len(model.blocks), op)))
    run(model, own_grammar.start(40), task)
    assert [op for _, op in seen] == list(PROGRAM.ops)
    at = [forwards for forwards, _ in seen]
    assert at == sorted(set(at))
    assert at[-1] < len(model.blocks)


@pytest.mark.parametrize("allowed", [0, 1, 2, 5])
def test_a_cancel_stops_before_the_next_forward(
    model: FunctionModel, own_grammar: ProgramGrammar, prompt: Prompt, allowed: int
) -> None:
    task = task_of(prompt, cancelled=lambda: len(model.blocks) >= allowed)
    with pytest.raises(EditCancelledError):
        run(model, own_grammar.start(40), task)
    assert len(model.blocks) == allowed


def test_a_long_prompt_can_be_cancelled_midway(own_grammar: ProgramGrammar) -> None:
    literals = own_grammar.literals
    tokens = [*literals.codec.encode("x\n" * 2000), *literals[text_form.PROGRAM_OPEN]]
    model = noisy(literals, 0)
    task = Task(tokens, lambda _i, _j: [], cancelled=lambda: len(model.blocks) >= 2)
    assert len(tokens) > 3 * CHUNK
    with pytest.raises(EditCancelledError):
        run(model, own_grammar.start(1), task)
    assert [len(block) for block in model.blocks] == [CHUNK] * 2


def test_a_long_splice_is_fed_in_chunks(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar
) -> None:
    document = Document("some words on a line\n" * 400)
    prompts = EmbeddedPrompt(vocabulary, 999, 100_000)
    asked = prompts.build(document, "copy all")
    program = Program((Copy(1, 400),))
    tokens, _ = prompts.program_tokens(program, asked.line_tokens, None)
    script = [*asked.tokens, *tokens]
    model = scripted(script, vocabulary.size)
    receipt = Receipt()
    assert run(model, own_grammar.start(400), task_of(asked), receipt) == program
    assert [token for block in model.blocks for token in block] == script[:-1]
    assert max(map(len, model.blocks)) <= CHUNK + 1
    # The first number, the last number, and the splice with what is around it.
    assert receipt.forwards == 2 + -(-(receipt.spliced_tokens + 2) // CHUNK)


def test_the_token_limit_counts_decided_and_forced_tokens(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    script = expected(vocabulary, prompt, PROGRAM)
    needed = len(program_tokens(PROGRAM, own_grammar.literals)) - 1  # `<program>` is the prompt's.
    enough = task_of(prompt, Limits(max_new_tokens=needed))
    assert run(scripted(script, vocabulary.size), own_grammar.start(40), enough) == PROGRAM
    short = task_of(prompt, Limits(max_new_tokens=needed - 1))
    with pytest.raises(TokenLimitError, match=str(needed - 1)):
        run(scripted(script, vocabulary.size), own_grammar.start(40), short)


def test_the_deadline_is_checked_before_every_forward(
    model: FunctionModel,
    own_grammar: ProgramGrammar,
    prompt: Prompt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A clock by which each forward takes one second.
    monkeypatch.setattr(
        "copydecode.decode.loop.time.perf_counter", lambda: float(len(model.blocks))
    )
    with pytest.raises(DeadlineExceededError, match=r"3\.5"):
        run(model, own_grammar.start(40), task_of(prompt, Limits(deadline_s=3.5)))
    assert len(model.blocks) == 4


def test_prompt_and_program_have_to_fit_the_context(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    script = expected(vocabulary, prompt, PROGRAM)
    enough = scripted(script, vocabulary.size, context=len(script) - 1)
    assert run(enough, own_grammar.start(40), task_of(prompt)) == PROGRAM
    for context in (len(script) - 2, len(prompt.tokens), len(prompt.tokens) - 1):
        short = scripted(script, vocabulary.size, context=context)
        with pytest.raises(ContextTooLongError, match=str(context)):
            run(short, own_grammar.start(40), task_of(prompt))
        assert sum(map(len, short.blocks)) <= context


def test_the_common_prefix_is_not_computed_again(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    other = EmbeddedPrompt(vocabulary, 999, 10_000).build(DOCUMENT, "delete line 1")
    first = (prompt, expected(vocabulary, prompt, PROGRAM))
    second = (other, expected(vocabulary, other, Program((Copy(2, 40),))))
    size = vocabulary.size
    model = FunctionModel(lambda read: scripted(script, size).forward(read, ListCache(), 1)[0])
    prefix = Prefix(model)
    for asked, script in (first, second, second, first):
        receipt = Receipt()
        before = len(model.blocks)
        common = prefix.common(asked.tokens)
        decode(prefix, own_grammar.start(40), task_of(asked), receipt)
        assert receipt.reused_tokens == min(common, len(asked.tokens) - 1)
        fed = [token for block in model.blocks[before:] for token in block]
        assert fed == script[receipt.reused_tokens : -1]


def test_an_edit_that_failed_leaves_a_cache_that_can_be_used(
    model: FunctionModel, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    prefix = Prefix(model)
    stop = task_of(prompt, cancelled=lambda: len(model.blocks) >= 4)
    with pytest.raises(EditCancelledError):
        decode(prefix, own_grammar.start(40), stop, Receipt())
    receipt = Receipt()
    assert decode(prefix, own_grammar.start(40), task_of(prompt), receipt) == PROGRAM
    assert receipt.reused_tokens == len(prompt.tokens) - 1


def test_a_forward_that_failed_leaves_nothing_behind(
    model: FunctionModel, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    prefix = Prefix(model)
    model.fail_from = len(prompt.tokens) + 9
    with pytest.raises(MemoryError):
        decode(prefix, own_grammar.start(40), task_of(prompt), Receipt())
    model.fail_from = None
    receipt = Receipt()
    assert decode(prefix, own_grammar.start(40), task_of(prompt), receipt) == PROGRAM
    assert receipt.reused_tokens == 0
    assert len(model.caches) == 2


class Guesses:
    """A drafter made of a function that gives the next token, or None."""

    def __init__(self, guess: Callable[[], int | None]) -> None:
        self.odds = Odds()
        self._guess = guess

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:  # noqa: ARG002  # the protocol's
        """Guess as long as the function does."""
        while (token := self._guess()) is not None:
            yield Guess(token, Kind.ALONG_THE_SOURCE)


def oracle_drafts(
    constraint: Constraint, tokens: list[int], wrong: frozenset[int] = frozenset()
) -> Guesses:
    """Guess the decisions of a program that is known, some of them wrongly."""

    def guess() -> int | None:
        at = len(constraint.tokens)
        if at >= len(tokens):
            return None
        if at not in wrong:
            return tokens[at]
        allowed = constraint.allowed()
        others = range(20, 400) if allowed is None else map(int, allowed)
        return next((t for t in others if t != tokens[at]), tokens[at])

    return Guesses(guess)


def test_right_drafts_need_one_forward(
    model: FunctionModel, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    constraint = own_grammar.start(40)
    drafter = oracle_drafts(constraint, program_tokens(PROGRAM, own_grammar.literals))
    receipt = Receipt()
    task = task_of(prompt, drafter=drafter)
    assert run(model, constraint, task, receipt) == PROGRAM
    assert receipt.accepted_tokens == receipt.drafted_tokens == receipt.generated_tokens
    assert receipt.forwards == 0


@given(seed=st.integers(0, 10_000), wrong=st.frozensets(st.integers(0, 60), max_size=12))
def test_drafts_change_forwards_never_the_result(
    grammar: ProgramGrammar, seed: int, wrong: frozenset[int]
) -> None:
    model = noisy(grammar.literals, seed, closing=0.05)
    plain, drafted = Receipt(), Receipt()
    constraint, second = grammar.start(25), grammar.start(25)
    program = run(model, constraint, asking(grammar, 25), plain)
    drafter = oracle_drafts(second, list(constraint.tokens), wrong)
    assert run(model, second, asking(grammar, 25, drafter=drafter), drafted) == program
    assert drafted.generated_tokens == plain.generated_tokens
    assert drafted.spliced_tokens == plain.spliced_tokens
    assert drafted.forwards <= plain.forwards


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 30),
    window=st.sampled_from([None, 0, 5]),
    token_copies=st.booleans(),
)
def test_random_logits_end_in_a_program_in_range_like_step_by_step(
    grammar: ProgramGrammar, seed: int, n: int, window: int | None, *, token_copies: bool
) -> None:
    literals = grammar.literals
    tokens = [*literals.codec.encode("some words\n"), *literals[text_form.PROGRAM_OPEN]]
    lines = [literals.codec.encode(f"line {number}\n") for number in range(n)]

    def splice(first: int, last: int) -> list[int]:
        return [token for line in lines[first - 1 : last] for token in line]

    def splice_tokens(first: int, last: int) -> list[int]:
        return splice(1, n)[first - 1 : last]

    def start() -> Constraint:
        return grammar.start(n, line_tokens=lines if token_copies else None)

    task = Task(
        tokens,
        splice,
        splice_window=window,
        limits=UNLIMITED,
        splice_tokens=splice_tokens if token_copies else None,
    )
    program = run(noisy(literals, seed, closing=0.05), start(), task)
    assert text_form.parse(text_form.render(program)) == program
    for op in program.ops:
        match op:
            case Copy(first, last):
                assert 1 <= first <= last <= n
            case CopyTokens(first, last):
                assert token_copies
                assert 1 <= first <= last <= len(splice(1, n))
            case _:
                pass
    one_by_one, _ = naive(
        noisy(literals, seed, closing=0.05),
        start(),
        tokens,
        splice,
        window,
        splice_tokens=splice_tokens,
    )
    assert one_by_one == program


def test_nonsense_drafts_do_no_harm(
    vocabulary: Vocabulary, own_grammar: ProgramGrammar, prompt: Prompt
) -> None:
    rng = random.Random(0)  # seeded, no secrets
    nonsense = Guesses(lambda: rng.randrange(-5, vocabulary.size + 5))
    model = leniently(expected(vocabulary, prompt, PROGRAM), vocabulary.size)
    assert run(model, own_grammar.start(40), task_of(prompt, drafter=nonsense)) == PROGRAM
