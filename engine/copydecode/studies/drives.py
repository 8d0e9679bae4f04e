"""Our own loop, driven along a gold edit (teacher-forced) by any model.

The model runs for real and its choices are replaced by the gold ones, drafts are verified against
them: forwards, tokens and seconds are those of a model that would have written the gold. With
`Blank` in place of a model only the counts are had, at no cost. Knows nothing of corpora.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from copydecode.config import Limits
from copydecode.decode.automaton import Automaton
from copydecode.decode.constraint import Constraint, ProgramGrammar
from copydecode.decode.cost import FREE, CostCurve
from copydecode.decode.draft import ProgramDrafts, RewriteDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.forwards import Forwards
from copydecode.decode.freetext import FreeText
from copydecode.decode.guess import Drafter, Guess, Kind, NoDrafts, Odds
from copydecode.decode.literals import Ids, Literals
from copydecode.decode.loop import Task, decode, decoding
from copydecode.decode.model import Model
from copydecode.decode.prefix import Prefix
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Choose
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar
from copydecode.edit.document import Document, strip_terminator
from copydecode.edit.oracle import oracle, without_copies
from copydecode.edit.program import Op, Program
from copydecode.studies.baselines import Drive
from copydecode.studies.replay import encode

UNLIMITED = Limits(max_new_tokens=10**9, deadline_s=None)


@dataclass(frozen=True, slots=True)
class Edit:
    """A gold edit in the tokens of one vocabulary.

    `prompt` ends with `<program>`, `lines` are the document's, `program` leads to the gold, whose
    tokens are `gold`.
    """

    prompt: list[int]
    lines: list[list[int]]
    program: Program
    gold: list[int]

    def splice(self, first: int, last: int) -> list[int]:
        """Return the tokens of lines `first` to `last`."""
        return [token for line in self.lines[first - 1 : last] for token in line]


def prepare(source: str, target: str, instruction: str, vocabulary: Vocabulary) -> Edit:
    """Return the edit from one text to another, with line ends as a model sees them."""
    old, new = (
        Document(text.replace("\r\n", "\n").replace("\r", "\n")) for text in (source, target)
    )
    prompts = EmbeddedPrompt(vocabulary, max(1, len(old)), 10**9)
    texts = [strip_terminator(line) for line in old.lines]
    lines = prompts.encode_lines(texts)
    prompt = prompts.document_tokens(lines) + prompts.request_tokens(instruction, None, [], texts)
    return Edit(prompt, lines, oracle(old, new), vocabulary.encode(new.text))


class Teacher:
    """A chooser that decides what is given, in order, whatever the logits say."""

    def __init__(self, decisions: Sequence[int]) -> None:
        self._decisions = iter(decisions)

    def over(self, logits: Tensor) -> Choose:  # noqa: ARG002  # that is the point
        """Return how to decide: by the next given token."""

        def choose(row: int, allowed: Ids | None, promised: int | None = None) -> int:  # noqa: ARG001  # as it is called
            return next(self._decisions)

        return choose


class BlankCache:
    """Counts tokens."""

    def __init__(self) -> None:
        self.length = 0
        self.nbytes = 0

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        self.length = length

    def copy(self, length: int) -> BlankCache:
        """Return another one that holds the first `length` tokens."""
        copy = BlankCache()
        copy.length = length
        return copy


class Blank:
    """A model without arithmetic, for counting forwards: its logits say nothing."""

    context = 10**9
    device = torch.device("cpu")

    def new_cache(self) -> BlankCache:
        """Return an empty cache."""
        return BlankCache()

    def forward(self, tokens: Sequence[int], cache: BlankCache, last: int) -> Tensor:
        """Append tokens; return empty logits `[last, 1]`."""
        cache.length += len(tokens)
        return torch.zeros(last, 1)


class _Counting:
    """A model that counts the tokens that it is fed behind the prompt."""

    def __init__(self, model: Model[Any], prompt: int) -> None:
        self.context, self.device = model.context, model.device
        self.new_cache = model.new_cache
        self.fed = 0
        self._model = model
        self._prompt = prompt

    def forward(self, tokens: Sequence[int], cache: Any, last: int) -> Tensor:  # noqa: ANN401  # the model's own
        """Append tokens; return the logits."""
        if cache.length >= self._prompt:
            self.fed += len(tokens)
        return self._model.forward(tokens, cache, last)


class NgramDrafts:
    """Prompt lookup as it is usually done: always `k` tokens, from the last place of the n-gram."""

    LONGEST = 3

    def __init__(self, text: FreeText, prompt: Sequence[int], k: int) -> None:
        self.odds: Odds = _Sure()
        self._text = text
        self._k = k
        self._tokens = list(prompt)
        self._prompt = len(prompt)
        self._behind: dict[tuple[int, ...], int] = {}
        self._indexed = 0

    def guesses(self, ops: Sequence[Op]) -> Iterator[Guess]:  # noqa: ARG002  # there are none
        """Guess what came after the same last tokens before."""
        self._tokens[self._prompt :] = self._text.body
        self._index()
        start = self._find()
        if start is None:
            return
        for token in self._tokens[start : start + self._k]:
            yield Guess(token, Kind.LOOKED_UP)

    def _index(self) -> None:
        for end in range(max(1, self._indexed), len(self._tokens)):
            for size in range(1, min(self.LONGEST, end) + 1):
                self._behind[tuple(self._tokens[end - size : end])] = end
        self._indexed = len(self._tokens)

    def _find(self) -> int | None:
        for size in range(min(self.LONGEST, len(self._tokens)), 0, -1):
            if (found := self._behind.get(tuple(self._tokens[-size:]))) is not None:
                return found
        return None


class _Sure(Odds):
    """Every guess is made, whatever it costs."""

    def __getitem__(self, kind: Kind) -> float:
        """Return 1."""
        return 1.0


class Driver:
    """Drives one model; `odds` are kept from edit to edit, as an engine keeps them."""

    def __init__(self, model: Model[Any], literals: Literals, cost: CostCurve = FREE) -> None:
        self.model = model
        self.literals = literals
        self.cost = cost
        self.compiled = ProgramGrammar(literals)

    def program(
        self, edit: Edit, odds: Odds | None, window: int | None = None
    ) -> tuple[Drive, Receipt]:
        """Write the gold's program, with drafts where `odds` are given.

        Raises:
            RuntimeError: something else came out.
        """
        constraint = self.compiled.start(len(edit.lines))
        drafter: Drafter = NoDrafts()
        if odds is not None:
            drafter = ProgramDrafts(constraint, edit.lines, Hints(), odds)
        return self.write(edit, constraint, drafter, window)

    def worthwhile(self, edit: Edit, minimum: int) -> Edit:
        """Return the edit with the text of shorter spans than `minimum` tokens in its gens."""
        lines = [b"".join(map(self.literals.codec.token_bytes, line)) for line in edit.lines]
        source = Document(b"".join(lines).decode())
        program = without_copies(
            edit.program, source, lambda op: len(edit.splice(op.first, op.last)) < minimum
        )
        return replace(edit, program=program)

    def write(
        self,
        edit: Edit,
        constraint: Constraint,
        drafter: Drafter,
        window: int | None = None,
    ) -> tuple[Drive, Receipt]:
        """Write the gold's program with any drafts; `constraint` is at its start."""
        decisions = self._decisions(edit)
        return self._run(edit, constraint, decisions, drafter, edit.program, window)

    def decoding(self, edit: Edit, odds: Odds, receipt: Receipt) -> Forwards[Program]:
        """Do as `program` with drafts, by forwards that whoever drives the generator runs."""
        constraint = self.compiled.start(len(edit.lines))
        task = Task(
            edit.prompt,
            edit.splice,
            limits=UNLIMITED,
            chooser=Teacher(self._decisions(edit)),
            drafter=ProgramDrafts(constraint, edit.lines, Hints(), odds),
            cost=self.cost,
        )
        program = yield from decoding(Prefix(self.model), constraint, task, receipt)
        _check(program, edit.program)
        return program

    def text(self, edit: Edit, odds: Odds | None) -> tuple[Drive, Receipt]:
        """Write the gold's full text, with the document as draft where `odds` are given."""
        text = FreeText(self.literals)
        drafter: Drafter = NoDrafts()
        if odds is not None:
            drafter = RewriteDrafts(text, edit.lines, Hints(), odds)
        return self._run_text(edit, text, drafter)

    def lookup(self, edit: Edit, k: int) -> tuple[Drive, Receipt]:
        """Write the gold's full text with `k` tokens looked up in prompt and text."""
        text = FreeText(self.literals)
        return self._run_text(edit, text, NgramDrafts(text, edit.prompt, k))

    def _run_text(self, edit: Edit, text: FreeText, drafter: Drafter) -> tuple[Drive, Receipt]:
        decisions = [*edit.gold, *self.literals[grammar.GEN_CLOSE]]
        return self._run(edit, text, decisions, drafter, None, None)

    def _decisions(self, edit: Edit) -> list[int]:
        constraint = self.compiled.start(len(edit.lines))
        constraint.begin()
        decided = []
        for token in encode(edit.program, self.literals):
            if constraint.forced() is None:
                decided.append(token)
            constraint.accept(token)
        return decided

    def _run(  # noqa: PLR0913, PLR0917  # what differs between the ways of writing
        self,
        edit: Edit,
        automaton: Automaton,
        decisions: Sequence[int],
        drafter: Drafter,
        expected: Program | None,
        window: int | None,
    ) -> tuple[Drive, Receipt]:
        lookup = isinstance(drafter, NgramDrafts)
        task = Task(
            edit.prompt,
            edit.splice,
            splice_window=window,
            limits=UNLIMITED,
            chooser=Teacher(decisions),
            drafter=drafter,
            cost=FREE if lookup else self.cost,
        )
        receipt = Receipt()
        counting = _Counting(self.model, len(edit.prompt))
        started = time.perf_counter()
        program = decode(Prefix(counting), automaton, task, receipt)
        seconds = time.perf_counter() - started - receipt.prefill_s
        if expected is not None:
            _check(program, expected)
        drive = Drive(
            tokens=len(edit.gold),
            forwards=receipt.forwards,
            fed=counting.fed,
            prompt_s=receipt.prefill_s,
            seconds=seconds,
            model_s=receipt.decode_s,
            grammar_s=receipt.grammar_s,
        )
        return drive, receipt


def _check(program: Program, expected: Program) -> None:
    if program != expected:
        message = "expected the loop to write the gold, found something else"
        raise RuntimeError(message)
