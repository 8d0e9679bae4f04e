"""The decode loop: one block per forward, and everything that can be predicted rides along.

A *step* is one decision and all tokens that follow from it for certain: what the grammar forces,
and where a copy op closed, the splice of what it repeats. A block is the tokens of the last step
that are not in the cache yet, and drafted steps behind them as far as they are worth their
arithmetic; its forward decides the next step, or as many drafted ones as agree and the one after.
What a draft got wrong is undone in the grammar and cropped from the cache, so the result is that of
stepping token by token, greedily or at a temperature.

A decode is a generator that asks for its forwards (`forwards`), so that several can share one. The
loop writes programs under `constraint`, or full text under `freetext`: it knows neither, nor
texts, tokenizers or prompt formats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from torch import Tensor

from copydecode.config import Acceptance, Limits
from copydecode.decode.accept import Span, kept_lines, verdicts
from copydecode.decode.automaton import Automaton
from copydecode.decode.cost import FREE, CostCurve
from copydecode.decode.forwards import Ask, Forwards, alone
from copydecode.decode.guess import Drafter, Guess, NoDrafts
from copydecode.decode.literals import Ids
from copydecode.decode.model import C
from copydecode.decode.prefix import Prefix
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Choose, Chooser, Greedy
from copydecode.edit import grammar
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op, Program
from copydecode.errors import (
    ContextTooLongError,
    DeadlineExceededError,
    EditCancelledError,
    TokenLimitError,
)

CHUNK = 512
"""Tokens per forward at most, beyond those that decide: a cancel is noticed between two."""


_LEAVING = (grammar.COPY_OPEN, grammar.GEN_OPEN, grammar.PROGRAM_CLOSE)
_COPY_PIECES = (grammar.COPY_DASH, grammar.COPY_CLOSE)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be decoded, and how far.

    `prompt` ends with the tokens of `<program>`. `splice(first, last)` gives the tokens of these
    lines, of which the last `splice_window` enter the context, all where it is None;
    `splice_tokens` is the same for tokens, None where they cannot be copied. Without a `chooser`
    the decode is greedy. `cost` says what a forward costs, and so how long drafts pay; without
    `drafting` none ride along, and the drafter only says what is promised.
    """

    prompt: Sequence[int]
    splice: Callable[[int, int], list[int]]
    splice_window: int | None = None
    limits: Limits = field(default_factory=Limits)
    cancelled: Callable[[], bool] = lambda: False
    on_op: Callable[[Op], None] = lambda _op: None
    chooser: Chooser | None = None
    drafter: Drafter = field(default_factory=NoDrafts)
    drafting: bool = True
    cost: CostCurve = FREE
    acceptance: Acceptance = Acceptance.PROGRAM
    splice_tokens: Callable[[int, int], list[int]] | None = None

    def check_cancel(self) -> None:
        """Raise EditCancelledError where `cancelled` says so."""
        if self.cancelled():
            message = "the edit was cancelled"
            raise EditCancelledError(message)


def decode(prefix: Prefix[C], automaton: Automaton, task: Task, receipt: Receipt) -> Program:
    """Decode one program as the automaton allows.

    `prefix` holds the model and its cache: what it shares with the prompt is not computed again,
    and it is left with all that was. `receipt` is added to, also where the decode ends with an
    error.

    Raises:
        ContextTooLongError: the prompt, or prompt and program, do not fit the model's context.
        EditCancelledError: `cancelled` said so; it is asked before every forward.
        DeadlineExceededError, TokenLimitError: over the limits.
    """
    return alone(decoding(prefix, automaton, task, receipt))


def decoding(
    prefix: Prefix[C], automaton: Automaton, task: Task, receipt: Receipt
) -> Forwards[Program]:
    """Do as `decode`, by forwards that whoever drives the generator runs."""
    return _Decode(prefix, automaton, task, receipt).run()


@dataclass(slots=True)
class _Step:
    """A decision among `allowed` and what follows from it; `accepts` counts the grammar's steps.

    `copied` holds for each copy op that closes in the step the index in `tokens` of its splice.
    """

    allowed: Ids | None
    token: int = -1  # None was decided: the step is what is certain before the first decision.
    guess: Guess | None = None
    tokens: list[int] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    copied: list[int] = field(default_factory=list)
    accepts: int = 0
    forced: int = 0
    spliced: int = 0


@dataclass(slots=True)
class _Block:
    """What one forward reads: `pending` tokens that are certain, then those of drafted steps.

    `left` is the guess behind them, which is not drafted: it is not worth its tokens.
    """

    tokens: list[int]
    pending: int
    drafts: list[_Step] = field(default_factory=list)
    left: Guess | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A copy that is to end with line or token `last`, by dropping tokens of its splice."""

    op: Copy | CopyTokens
    last: int
    dropped: int


class _Decode(Generic[C]):
    """The state of one decode."""

    def __init__(
        self, prefix: Prefix[C], automaton: Automaton, task: Task, receipt: Receipt
    ) -> None:
        self._prefix = prefix
        self._automaton = automaton
        self._literals = automaton.literals
        self._task = task
        self._receipt = receipt
        self._context = prefix.model.context
        self._chooser = task.chooser or Greedy(automaton.literals, prefix.model.device)
        self._ops: list[Op] = []  # Those of drafted steps included, until they are undone.
        self._told = 0  # How many of them `on_op` has heard of.
        self._new_tokens = 0
        self._started = time.perf_counter()

    def run(self) -> Forwards[Program]:
        """Decide block by block until the program is complete."""
        reused, step = self._begin()
        pending = [*self._task.prompt[reused:], *step.tokens]
        while not self._automaton.done:
            block = self._block(pending)
            logits, against = yield from self._forward(block, step)
            step = yield from self._verify(step, block, logits, against)
            pending = step.tokens
        return Program(tuple(self._ops))

    def _begin(self) -> tuple[int, _Step]:
        """Return how much of the prompt is cached, and what is certain behind it."""
        prompt = self._task.prompt
        self._receipt.prompt_tokens += len(prompt)
        self._check_context(len(prompt))
        self._automaton.begin()
        # At least one token has to be fed again: its logits decide the first step.
        at = self._prefix.resume(prompt[:-1])
        self._receipt.reused_tokens += at
        step = self._certain(_Step(None))  # Without lines to copy, an op's first token is certain.
        self._commit(step)
        return at, step

    def _block(self, pending: list[int]) -> _Block:
        """Return what the next forward reads: what is pending, then drafted steps."""
        block = _Block(list(pending), len(pending))
        room = self._context - len(self._prefix)
        if self._task.acceptance is not Acceptance.PROGRAM:
            room = min(room, len(pending) + CHUNK)  # Every row's logits are asked for.
        cost, odds = self._task.cost, self._task.drafter.odds
        saved = cost(1)
        likely = 1.0  # That all drafted steps are right.
        for guess in self._task.drafter.guesses(self._ops):
            if not self._permits(guess.token):
                break
            if not self._task.drafting:
                block.left = guess
                break
            step = self._take(guess.token, self._allowed(), guess)
            # What ends the program is decided, never fed.
            fed = [] if self._automaton.done else step.tokens
            width = len(block.tokens) + len(fed)
            likely *= odds[guess.kind]
            if width > room or likely * saved < cost(width) - cost(len(block.tokens)):
                self._undo([step])
                block.left = guess
                break
            block.drafts.append(step)
            block.tokens += fed
        return block

    def _forward(self, block: _Block, step: _Step) -> Forwards[tuple[Tensor, Sequence[float]]]:
        """Run the model on a block, whose last certain step is `step`.

        Returns the logits `[R, V]` of its last positions, at least from the last pending token on,
        and where the step's span is reviewed, what they and those before say against its tokens.
        """
        tokens, pending = block.tokens, block.pending
        self._check_context(len(self._prefix) + len(tokens))
        last = pending - 1  # The row that decides.
        judging = last - step.spliced if self._reviews(step) else last  # The row before the span.
        against: list[float] = []
        at = 0
        while last - at >= CHUNK:
            rows = min(CHUNK, max(0, at + CHUNK - judging)) if judging < last else 0
            logits = yield from self._feed(tokens[at : at + CHUNK], last=rows)
            at += CHUNK
            against += self._against(tokens[at - rows + 1 : at + 1], logits)
        first = max(at, judging)
        logits = yield from self._feed(tokens[at:], last=len(tokens) - first)
        against += self._against(tokens[first + 1 : pending], logits[: last - first])
        return logits, against

    def _against(self, following: Sequence[int], logits: Tensor) -> list[float]:
        """Return what rows `[R, V]` say against the tokens of a span behind each of them."""
        if not following:
            return []
        pieces = _LEAVING if self._task.splice_tokens is None else (*_LEAVING, grammar.TOKENS_OPEN)
        if any(isinstance(op, File) for op in self._ops):
            pieces = (*pieces, grammar.FILE_OPEN)
        leaving = sorted({self._literals[piece][0] for piece in pieces})
        banned = self._literals.not_in_text
        return verdicts(self._task.acceptance, following, logits, leaving, banned)

    def _verify(
        self, step: _Step, block: _Block, logits: Tensor, against: Sequence[float]
    ) -> Forwards[_Step]:
        """Commit the drafted steps that the logits agree with, and the decision after them.

        `step` was committed before and is fed now, `against` is on its span where it is reviewed.
        The last rows of `logits [R, V]` are those from its last token on. Returns the last step
        committed: it is not in the cache.
        """
        drafts, odds = block.drafts, self._task.drafter.odds
        choose = self._chooser.over(logits)
        row = len(logits) - 1 - (len(block.tokens) - block.pending)
        for index, draft in enumerate([*drafts, None]):
            if (cut := self._review(step, against)) is not None:
                self._undo(drafts[index:])
                return (yield from self._cut(cut, choose, row, logits))
            if self._reviews(step):
                self._tell(step)
            if draft is None:
                break
            assert draft.guess is not None  # noqa: S101  # drafted steps have one
            token = choose(row, draft.allowed, _promised(draft.guess))
            odds.record(draft.guess.kind, right=token == draft.token)
            self._receipt.drafted_tokens += 1
            if token != draft.token:
                self._undo(drafts[index:])
                self._crop_behind(row, logits)
                return self._commit(self._take(token, draft.allowed))
            self._commit(draft)
            self._receipt.accepted_tokens += 1
            step = draft
            if self._reviews(step):
                at = row + len(step.tokens) - step.spliced
                against = self._against(
                    step.tokens[-step.spliced :], logits[at : at + step.spliced]
                )
            row += len(draft.tokens)
        if self._automaton.done:
            return step
        step = self._decide(choose, row, block.left)
        if block.left is not None:  # So a kind of guess that was seldom right can come back.
            odds.record(block.left.kind, right=step.token == block.left.token)
        return step

    def _decide(self, choose: Choose, row: int, guess: Guess | None) -> _Step:
        """Decide by a row of logits; `guess` is what the drafter thinks, if the grammar has it."""
        allowed = self._allowed()
        promised = None if guess is None else _promised(guess)
        return self._commit(self._take(choose(row, allowed, promised), allowed))

    def _crop_behind(self, row: int, logits: Tensor) -> None:
        """Forget the tokens behind the one whose row decides: they are wrong now."""
        self._prefix.crop(len(self._prefix) - (len(logits) - 1 - row))

    def _take(self, token: int, allowed: Ids | None, guess: Guess | None = None) -> _Step:
        """Let the grammar take a decision and what follows from it."""
        started = time.perf_counter()
        step = _Step(allowed, token, guess)
        self._accept(step, token)
        self._certain(step)
        self._receipt.grammar_s += time.perf_counter() - started
        return step

    def _certain(self, step: _Step) -> _Step:
        """Add the tokens that the grammar forces, and the splice of each copy that closes.

        Behind a span that may still be cut nothing is certain.
        """
        while not self._reviews(step) and (token := self._automaton.forced()) is not None:
            self._accept(step, token)
            step.forced += 1
        return step

    def _accept(self, step: _Step, token: int) -> None:
        accepted = self._automaton.accept(token)
        step.accepts += 1
        step.tokens += accepted.tokens
        if accepted.op is None:
            return
        step.ops.append(accepted.op)
        self._ops.append(accepted.op)
        if isinstance(accepted.op, Copy | CopyTokens):
            spliced = self._spliced(accepted.op)
            if self._task.splice_window is not None:
                spliced = spliced[max(0, len(spliced) - self._task.splice_window) :]
            step.copied.append(len(step.tokens))
            step.tokens += spliced
            step.spliced += len(spliced)

    def _spliced(self, op: Copy | CopyTokens) -> list[int]:
        """Return the tokens that a copy repeats."""
        if isinstance(op, Copy):
            return self._task.splice(op.first, op.last)
        assert self._task.splice_tokens is not None  # noqa: S101  # else the grammar has no such op
        return self._task.splice_tokens(op.first, op.last)

    def _undo(self, steps: Sequence[_Step]) -> None:
        """Undo drafted steps, the last ones taken."""
        self._automaton.rollback(sum(step.accepts for step in steps))
        ops = sum(len(step.ops) for step in steps)
        del self._ops[len(self._ops) - ops :]

    def _commit(self, step: _Step) -> _Step:
        """Make a step part of the result."""
        receipt, limit = self._receipt, self._task.limits.max_new_tokens
        receipt.generated_tokens += step.token >= 0
        receipt.forced_tokens += step.forced
        receipt.spliced_tokens += step.spliced
        self._new_tokens += step.forced + (step.token >= 0)
        if self._new_tokens > limit:
            message = f"expected a program of at most {limit} tokens, found no end"
            raise TokenLimitError(message)
        if not self._reviews(step):
            self._tell(step)
        return step

    def _tell(self, step: _Step) -> None:
        for _ in step.ops:
            self._task.on_op(self._ops[self._told])
            self._told += 1

    def _reviews(self, step: _Step) -> bool:
        """Return whether the step's span may be cut: the model chose it, and it is not locked."""
        return (
            self._task.acceptance is not Acceptance.PROGRAM
            and step.token >= 0
            and len(step.copied) == 1
            and 0 < step.spliced == len(step.tokens) - step.copied[0]
            and isinstance(op := step.ops[-1], Copy | CopyTokens)
            and self._automaton.removable(op) > 0
        )

    def _review(self, step: _Step, against: Sequence[float]) -> _Cut | None:
        """Return what is to be cut off the step's span, by what speaks `against` its tokens."""
        if not self._reviews(step):
            return None
        op = step.ops[-1]
        assert isinstance(op, Copy | CopyTokens)  # noqa: S101  # `_reviews` says so
        span = self._span(op, step)
        # Locked lines stand whatever the model thinks of them.
        locked = 1 + op.last - op.first - self._automaton.removable(op)
        free = len(span.ends) - locked
        if free <= 0:
            return None
        span = Span(span.tokens[: span.ends[free - 1]], span.ends[:free])
        if free + locked == 1 + op.last - op.first and isinstance(self._before(op), Gen):
            # In place of the first line could only stand a gen, and one has just ended.
            against = [0.0] * span.ends[0] + list(against[span.ends[0] :])
        kept = kept_lines(self._task.acceptance, span, against[: len(span.tokens)])
        if kept == free:
            return None
        last = op.last - locked - (free - kept)
        return _Cut(op, last, step.spliced - (span.ends[kept - 1] if kept else 0))

    def _before(self, op: Op) -> Op | None:
        """Return the op before one that has not been told yet."""
        index = self._ops.index(op, self._told)
        return self._ops[index - 1] if index else None

    def _span(self, op: Copy | CopyTokens, step: _Step) -> Span:
        """Return the spliced tokens of a copy, and where among them it may end."""
        if isinstance(op, CopyTokens):
            return Span(step.tokens[step.copied[0] :], range(1, step.spliced + 1))
        ends = [step.spliced]
        for line in range(op.last, op.first, -1):
            end = ends[-1] - len(self._task.splice(line, line))
            if end <= 0:
                break
            ends.append(end)
        return Span(step.tokens[step.copied[0] :], ends[::-1])

    def _cut(self, cut: _Cut, choose: Choose, row: int, logits: Tensor) -> Forwards[_Step]:
        """Let a copy end earlier, and decide behind it; `row` is that of its last token."""
        row -= cut.dropped
        self._crop_behind(row, logits)
        self._receipt.spliced_tokens -= cut.dropped
        if cut.last >= cut.op.first:
            self._ops[-1] = replace(cut.op, last=cut.last)
            self._task.on_op(self._ops[-1])
            self._told += 1
            if row < 0:  # Its logits came with an earlier forward of a long span.
                token = self._prefix.tokens[-1]
                self._prefix.crop(len(self._prefix) - 1)
                again = yield from self._feed([token], last=1)
                return self._decide(self._chooser.over(again), 0, None)
            return self._decide(choose, row, None)  # The model has refused what was to come.
        # Nothing is left of it: it was never written, and the model writes text in its place.
        del self._ops[-1]
        written = self._written(cut.op)
        self._automaton.rollback(written)
        self._prefix.crop(len(self._prefix) - written)
        step = _Step(None)
        for token in self._literals[grammar.GEN_OPEN]:
            self._accept(step, token)
            step.forced += 1
        return self._commit(self._certain(step))

    def _written(self, op: Copy | CopyTokens) -> int:
        """Return the number of tokens of a copy op, its splice left out."""
        literals = self._literals
        opening = grammar.COPY_OPEN if isinstance(op, Copy) else grammar.TOKENS_OPEN
        numbers = sum(len(literals.numbers.tokens(number)) for number in (op.first, op.last))
        return numbers + sum(len(literals[piece]) for piece in (opening, *_COPY_PIECES))

    def _permits(self, token: int) -> bool:
        started = time.perf_counter()
        permitted = self._automaton.permits(token)
        self._receipt.grammar_s += time.perf_counter() - started
        return permitted

    def _allowed(self) -> Ids | None:
        started = time.perf_counter()
        allowed = self._automaton.allowed()
        self._receipt.grammar_s += time.perf_counter() - started
        return allowed

    def _feed(self, tokens: Sequence[int], last: int) -> Forwards[Tensor]:
        """Append tokens to the cache in one forward; return logits `[last, V]`."""
        receipt, asked = self._receipt, time.perf_counter()
        is_prompt = len(self._prefix) < len(self._task.prompt)
        answer = yield Ask(self._prefix, tokens, last, self._check_time)
        if is_prompt:
            receipt.prefill_s += answer.seconds
        else:
            receipt.decode_s += answer.seconds
            receipt.forwards += 1
        receipt.waited_s += max(0.0, time.perf_counter() - asked - answer.seconds)
        receipt.shared_forwards += answer.together > 1
        receipt.at_once = max(receipt.at_once, answer.together)
        return answer.logits

    def _check_time(self) -> None:
        """Raise where the decode was cancelled, or is over its deadline."""
        self._task.check_cancel()
        deadline = self._task.limits.deadline_s
        if deadline is not None and time.perf_counter() - self._started > deadline:
            message = f"expected the edit to end within {deadline} s, found no end"
            raise DeadlineExceededError(message)

    def _check_context(self, tokens: int) -> None:
        if tokens > self._context:
            message = (
                f"expected prompt and program to fit the model's context of "
                f"{self._context} tokens, found {tokens}: select fewer lines"
            )
            raise ContextTooLongError(message)


def _promised(guess: Guess) -> int | None:
    return guess.token if guess.promised else None
