"""The decode loop: one block per forward, and everything that is certain rides along.

A *step* is one decision and all tokens that follow from it for certain: what the grammar forces,
and where a copy op closed, the splice of its lines. A block is the tokens of the last step that are
not in the cache yet, and perhaps drafted steps behind them; its forward decides the next step, or
as many drafted ones as agree and the one after. What a draft got wrong is undone in the grammar and
cropped from the cache, so the result is that of stepping token by token.

Greedy. Knows nothing of texts, tokenizers or prompt formats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from copydecode.config import Limits
from copydecode.decode.constraint import Constraint
from copydecode.decode.literals import Ids
from copydecode.decode.model import C
from copydecode.decode.prefix import Prefix
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import greedy
from copydecode.edit import grammar
from copydecode.edit.program import Copy, Op, Program
from copydecode.errors import (
    ContextTooLongError,
    DeadlineExceededError,
    EditCancelledError,
    TokenLimitError,
)

CHUNK = 512
"""Tokens per forward at most, beyond those that decide: a cancel is noticed between two."""

Drafter = Callable[[Constraint], Iterable[int]]
"""Guesses the next decisions, given the grammar's state; forced and spliced tokens left out."""


def no_drafts(_constraint: Constraint) -> Iterable[int]:
    """Guess nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be decoded, and how far.

    `prompt` ends with the tokens of `<program>`. `splice(first, last)` gives the tokens of these
    lines, of which the last `splice_window` enter the context, all where it is None.
    """

    prompt: Sequence[int]
    splice: Callable[[int, int], list[int]]
    splice_window: int | None = None
    limits: Limits = field(default_factory=Limits)
    cancelled: Callable[[], bool] = lambda: False
    on_op: Callable[[Op], None] = lambda _op: None
    drafter: Drafter = no_drafts


def decode(prefix: Prefix[C], constraint: Constraint, task: Task, receipt: Receipt) -> Program:
    """Decode one program greedily under the constraint.

    `prefix` holds the model and its cache: what it shares with the prompt is not computed again,
    and it is left with all that was. `receipt` is added to, also where the decode ends with an
    error.

    Raises:
        ContextTooLongError: the prompt, or prompt and program, do not fit the model's context.
        EditCancelledError: `cancelled` said so; it is asked before every forward.
        DeadlineExceededError, TokenLimitError: over the limits.
    """
    return _Decode(prefix, constraint, task, receipt).run()


@dataclass(slots=True)
class _Step:
    """A decision among `allowed` and what follows from it; `accepts` counts the grammar's steps."""

    allowed: Ids | None
    token: int = -1  # None was decided: the step is what is certain before the first decision.
    tokens: list[int] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    accepts: int = 0
    forced: int = 0
    spliced: int = 0


class _Decode(Generic[C]):
    """The state of one decode."""

    def __init__(
        self, prefix: Prefix[C], constraint: Constraint, task: Task, receipt: Receipt
    ) -> None:
        self._prefix = prefix
        self._constraint = constraint
        self._literals = constraint.literals
        self._task = task
        self._receipt = receipt
        self._context = prefix.model.context
        banned = torch.from_numpy(self._literals.never_text)
        self._banned = banned.to(prefix.model.device)
        self._ops: list[Op] = []
        self._new_tokens = 0
        self._started = time.perf_counter()

    def run(self) -> Program:
        """Decide block by block until the program is complete."""
        pending = self._begin()
        while not self._constraint.done:
            block, drafts = self._block(pending)
            logits = self._forward(block, last=len(block) - len(pending) + 1)
            pending = self._verify(drafts, logits)
        return Program(tuple(self._ops))

    def _begin(self) -> list[int]:
        """Return what the first block begins with: the prompt, but for what is cached of it."""
        prompt = self._task.prompt
        self._receipt.prompt_tokens += len(prompt)
        self._check_context(len(prompt))
        for token in self._literals[grammar.PROGRAM_OPEN]:
            self._constraint.accept(token)
        # At least one token has to be fed again: its logits decide the first step.
        at = self._prefix.resume(prompt[:-1])
        self._receipt.reused_tokens += at
        step = self._certain(_Step(None))  # Without lines to copy, an op's first token is certain.
        self._commit(step)
        return [*prompt[at:], *step.tokens]

    def _block(self, pending: list[int]) -> tuple[list[int], list[_Step]]:
        """Return the next forward's tokens: what is pending, then drafted steps."""
        block = list(pending)
        drafts: list[_Step] = []
        room = self._context - len(self._prefix)
        for guess in self._task.drafter(self._constraint):
            if self._constraint.done or not self._constraint.permits(guess):
                break
            step = self._take(guess, self._constraint.allowed())
            if len(block) + len(step.tokens) > room:
                self._constraint.rollback(step.accepts)
                break
            drafts.append(step)
            if not self._constraint.done:  # What ends the program is decided, never fed.
                block += step.tokens
        return block, drafts

    def _forward(self, block: list[int], last: int) -> Tensor:
        """Run the model on a block; return the logits `[last, V]` of its last positions."""
        self._check_context(len(self._prefix) + len(block))
        at = 0
        while len(block) - at - last >= CHUNK:
            self._feed(block[at : at + CHUNK], last=0)
            at += CHUNK
        return self._feed(block[at:], last)

    def _verify(self, drafts: list[_Step], logits: Tensor) -> list[int]:
        """Commit the drafted steps that the logits agree with, and the decision after them.

        `logits [R, V]` begin with the row that decides the first draft. Returns the tokens of the
        last committed step: they are not in the cache.
        """
        row = 0
        for index, draft in enumerate(drafts):
            token = self._pick(logits[row], draft.allowed)
            if token != draft.token:
                self._constraint.rollback(sum(step.accepts for step in drafts[index:]))
                # The rows behind the one that decided belong to tokens that are wrong now.
                self._prefix.crop(len(self._prefix) - (len(logits) - 1 - row))
                return self._decide(token, draft.allowed)
            self._commit(draft)
            row += len(draft.tokens)
        if self._constraint.done:
            return []
        allowed = self._allowed()
        return self._decide(self._pick(logits[row], allowed), allowed)

    def _decide(self, token: int, allowed: Ids | None) -> list[int]:
        step = self._take(token, allowed)
        self._commit(step)
        return step.tokens

    def _take(self, token: int, allowed: Ids | None) -> _Step:
        """Let the grammar take a decision and what follows from it."""
        started = time.perf_counter()
        step = _Step(allowed, token)
        self._accept(step, token)
        self._certain(step)
        self._receipt.grammar_s += time.perf_counter() - started
        return step

    def _certain(self, step: _Step) -> _Step:
        """Add the tokens that the grammar forces, and the splice of each copy that closes."""
        while (token := self._constraint.forced()) is not None:
            self._accept(step, token)
            step.forced += 1
        return step

    def _accept(self, step: _Step, token: int) -> None:
        accepted = self._constraint.accept(token)
        step.accepts += 1
        step.tokens += accepted.tokens
        if accepted.op is None:
            return
        step.ops.append(accepted.op)
        if isinstance(accepted.op, Copy):
            spliced = self._task.splice(accepted.op.first, accepted.op.last)
            if self._task.splice_window is not None:
                spliced = spliced[max(0, len(spliced) - self._task.splice_window) :]
            step.tokens += spliced
            step.spliced += len(spliced)

    def _commit(self, step: _Step) -> None:
        """Make a step part of the result."""
        receipt, limit = self._receipt, self._task.limits.max_new_tokens
        receipt.generated_tokens += step.token >= 0
        receipt.forced_tokens += step.forced
        receipt.spliced_tokens += step.spliced
        self._new_tokens += step.forced + (step.token >= 0)
        if self._new_tokens > limit:
            message = f"expected a program of at most {limit} tokens, found no end"
            raise TokenLimitError(message)
        for op in step.ops:
            self._ops.append(op)
            self._task.on_op(op)

    def _allowed(self) -> Ids | None:
        started = time.perf_counter()
        allowed = self._constraint.allowed()
        self._receipt.grammar_s += time.perf_counter() - started
        return allowed

    def _pick(self, logits: Tensor, allowed: Ids | None) -> int:
        return greedy(logits, allowed, self._literals.size, self._banned)

    def _feed(self, tokens: Sequence[int], last: int) -> Tensor:
        """Append tokens to the cache in one forward; return logits `[last, V]`."""
        if self._task.cancelled():
            message = "the edit was cancelled"
            raise EditCancelledError(message)
        self._check_deadline()
        is_prompt = len(self._prefix) < len(self._task.prompt)
        started = time.perf_counter()
        logits = self._prefix.feed(tokens, last)
        elapsed = time.perf_counter() - started
        if is_prompt:
            self._receipt.prefill_s += elapsed
        else:
            self._receipt.decode_s += elapsed
            self._receipt.forwards += 1
        return logits

    def _check_deadline(self) -> None:
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
