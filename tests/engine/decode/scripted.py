"""Models and tokenizers without weights, for tests of the loop: their answers are written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor

from copydecode.config import Limits
from copydecode.decode.automaton import Automaton
from copydecode.decode.constraint import Constraint
from copydecode.decode.literals import Literals, encode_exactly
from copydecode.decode.loop import Task, decode
from copydecode.decode.model import C, Model
from copydecode.decode.prefix import Prefix
from copydecode.decode.receipt import Receipt
from copydecode.decode.sampling import Greedy
from copydecode.decode.vocabulary import byte_alphabet
from copydecode.edit import grammar
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op, Program


class ListCache:
    """Remembers the tokens themselves."""

    def __init__(self) -> None:
        self.tokens: list[int] = []

    @property
    def length(self) -> int:
        """The number of tokens held."""
        return len(self.tokens)

    @property
    def nbytes(self) -> int:
        """One byte a token."""
        return len(self.tokens)

    def crop(self, length: int) -> None:
        """Forget all but the first tokens."""
        assert 0 <= length <= len(self.tokens)
        del self.tokens[length:]

    def copy(self, length: int) -> ListCache:
        """Return another one that holds the first tokens."""
        copy = ListCache()
        copy.tokens = self.tokens[:length]
        return copy


_CERTAIN = 9.0
"""In nats: no other token is an idea of such a model."""


class FunctionModel:
    """Its logits after a token are a function of all tokens up to it."""

    device = torch.device("cpu")

    def __init__(self, logits: Callable[[Sequence[int]], Tensor], context: int = 100_000) -> None:
        self.context = context
        self.blocks: list[list[int]] = []
        self.caches: list[ListCache] = []
        self.fail_from: int | None = None
        """A forward that reaches this length runs out of memory, with the cache half filled."""
        self.row = logits

    def new_cache(self) -> ListCache:
        """Return an empty cache."""
        self.caches.append(ListCache())
        return self.caches[-1]

    def forward(self, tokens: Sequence[int], cache: ListCache, last: int) -> Tensor:
        """Append tokens; return logits `[last, V]`."""
        assert tokens
        self.blocks.append(list(tokens))
        cache.tokens += tokens
        if self.fail_from is not None and cache.length >= self.fail_from:
            raise MemoryError
        ends = range(cache.length - last + 1, cache.length + 1)
        rows = [self.row(cache.tokens[:end]) for end in ends]
        return torch.stack(rows) if rows else torch.empty(0, 0)


def scripted(sequence: Sequence[int], size: int, context: int = 100_000) -> FunctionModel:
    """Return a model that, having read `sequence[:k]`, wants `sequence[k]`, and nothing else."""

    def logits(read: Sequence[int]) -> Tensor:
        assert list(read) == list(sequence[: len(read)]), "the loop left the script"
        row = torch.zeros(size)
        row[sequence[len(read)]] = _CERTAIN
        return row

    return FunctionModel(logits, context)


def leniently(sequence: Sequence[int], size: int, context: int = 100_000) -> FunctionModel:
    """As `scripted`, but drafts that leave the script may be read; what follows them is nothing."""

    def logits(read: Sequence[int]) -> Tensor:
        row = torch.zeros(size)
        if list(read) == list(sequence[: len(read)]) and len(read) < len(sequence):
            row[sequence[len(read)]] = _CERTAIN
        return row

    return FunctionModel(logits, context)


def noisy(
    literals: Literals, seed: int, closing: float = 0.02, along: Sequence[int] = ()
) -> FunctionModel:
    """Return a model with random logits that leans more and more to the end of ops and programs.

    It likes to go on as the text `along` does after the same two tokens.
    """
    after = {(a, b): c for a, b, c in zip(along, along[1:], along[2:], strict=False)}
    ends = {*literals[grammar.GEN_CLOSE], *literals[grammar.PROGRAM_CLOSE]}
    ends_index = torch.tensor(sorted(ends))

    def logits(read: Sequence[int]) -> Tensor:
        generator = torch.Generator().manual_seed(hash((seed, *read)) % 2**62)
        row = torch.randn(literals.size, generator=generator)
        row[ends_index] += closing * len(read)
        follower = after.get((read[-2], read[-1])) if len(read) > 1 else None
        if follower is not None:
            row[follower] += 4.0
        return row

    return FunctionModel(logits)


class ByteLevelCodec:
    """A byte-level `tokenizers` tokenizer without markers."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        self.tokenizer = tokenizer
        self.size: int = tokenizer.get_vocab_size()
        alphabet = byte_alphabet()
        self._bytes = [b""] * self.size
        added = tokenizer.get_added_tokens_decoder()
        for token, index in tokenizer.get_vocab(with_added_tokens=False).items():
            if index not in added:
                self._bytes[index] = bytes(alphabet[character] for character in token)

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token."""
        return self._bytes[token]


def op_tokens(op: Op, literals: Literals) -> list[int]:
    """Return the tokens of one op, every piece on its own, nothing spliced."""
    encode = literals.codec.encode
    match op:
        case Copy(first, last) | CopyTokens(first, last):
            opening = grammar.COPY_OPEN if isinstance(op, Copy) else grammar.TOKENS_OPEN
            parts = [
                literals[opening],
                encode(str(first)),
                literals[grammar.COPY_DASH],
                encode(str(last)),
                literals[grammar.COPY_CLOSE],
            ]
            return [token for part in parts for token in part]
        case Gen(text):
            body = encode(grammar.escape(text))
            return [*literals[grammar.GEN_OPEN], *body, *literals[grammar.GEN_CLOSE]]
        case File(path):
            body = encode_exactly(literals.codec, grammar.escape_path(path))
            return [*literals[grammar.FILE_OPEN], *body, *literals[grammar.COPY_CLOSE]]


def program_tokens(program: Program, literals: Literals) -> list[int]:
    """Return the tokens of a program, nothing spliced."""
    ops = [token for op in program.ops for token in op_tokens(op, literals)]
    return [*literals[grammar.PROGRAM_OPEN], *ops, *literals[grammar.PROGRAM_CLOSE]]


def sequence_of(
    prompt: Sequence[int],
    program: Program,
    lines: Sequence[Sequence[int]],
    literals: Literals,
) -> list[int]:
    """Return prompt and program as decoding leaves them in the cache, whole spans spliced."""
    tokens = list(prompt)
    for op in program.ops:
        tokens += op_tokens(op, literals)
        if isinstance(op, Copy):
            tokens += [token for line in lines[op.first - 1 : op.last] for token in line]
        if isinstance(op, CopyTokens):
            tokens += [token for line in lines for token in line][op.first - 1 : op.last]
    return [*tokens, *literals[grammar.PROGRAM_CLOSE]]


def naive(  # noqa: PLR0913, PLR0917  # the parts of a decode, for tests only
    model: Model[C],
    constraint: Constraint,
    prompt: Sequence[int],
    splice: Callable[[int, int], list[int]],
    window: int | None = None,
    max_new_tokens: int = 100_000,
    splice_tokens: Callable[[int, int], list[int]] | None = None,
) -> tuple[Program, list[Tensor]]:
    """Decode with one token per forward; return the program and the logits of each decision."""
    literals = constraint.literals
    greedy = Greedy(literals, model.device)
    cache = model.new_cache()
    constraint.begin()
    logits = model.forward(prompt[:1], cache, 1)
    for token in prompt[1:]:
        logits = model.forward([token], cache, 1)
    ops: list[Op] = []
    decided: list[Tensor] = []
    new_tokens = 0
    while not constraint.done and new_tokens < max_new_tokens:
        token = greedy.over(logits)(0, constraint.allowed())
        if constraint.forced() is None:
            decided.append(logits[0])
        accepted = constraint.accept(token)
        new_tokens += 1
        follow = list(accepted.tokens)
        if accepted.op is not None:
            ops.append(accepted.op)
            if isinstance(accepted.op, Copy | CopyTokens):
                repeat = splice if isinstance(accepted.op, Copy) else splice_tokens
                assert repeat is not None
                span = repeat(accepted.op.first, accepted.op.last)
                follow += span if window is None else span[len(span) - min(window, len(span)) :]
        if not constraint.done:
            for fed in follow:
                logits = model.forward([fed], cache, 1)
    return Program(tuple(ops)), decided


def run(
    model: Model[C], automaton: Automaton, task: Task, receipt: Receipt | None = None
) -> Program:
    """Run the loop with an empty cache."""
    return decode(Prefix(model), automaton, task, receipt or Receipt())


UNLIMITED = Limits(max_new_tokens=100_000, deadline_s=None)
