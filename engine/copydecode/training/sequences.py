"""A prompt and its gold program as the tokens that decoding leaves in the cache, of any model.

The grammar itself is led along the program: what it forces and what is spliced is not decided, and
carries no loss. New text is encoded line by line, as documents are, so that what is written along
the document has its tokens. Knows nothing of networks or optimisers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from copydecode.decode.constraint import Phase, ProgramGrammar
from copydecode.decode.literals import Literals, encode_exactly
from copydecode.decode.prompt import Prompt, tail
from copydecode.edit import grammar as text_form
from copydecode.edit.document import split_lines
from copydecode.edit.program import Copy, Gen, Program


@dataclass(frozen=True, slots=True)
class Example:
    """One edit as tokens.

    `decided` are the positions, rising, of the tokens that the model decides; `ends` are those of
    them that say where a copy ends.
    """

    tokens: list[int]
    decided: list[int]
    ends: frozenset[int]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)


def example(
    prompt: Prompt,
    program: Program,
    grammar: ProgramGrammar,
    splice_window: int | None,
    lock: tuple[int, int] | None = None,
) -> Example:
    """Return a prompt and the program behind it; `splice_window` and `lock` as the loop has them.

    Raises:
        ValueError: the grammar does not allow the program.
        TokenCopyError: it copies tokens.
    """
    constraint = grammar.start(len(prompt.window), lock)
    constraint.begin()
    tokens = list(prompt.tokens)
    decided: list[int] = []
    ends: set[int] = set()
    for token in _spelled(program, grammar.literals):
        if constraint.forced() is None:
            decided.append(len(tokens))
            if constraint.phase is Phase.LAST:
                ends.add(len(tokens))
        accepted = constraint.accept(token)
        tokens += accepted.tokens
        if isinstance(op := accepted.op, Copy):
            tokens += tail(prompt.splice(op.first, op.last), splice_window)
    return Example(tokens, decided, frozenset(ends))


def _spelled(program: Program, literals: Literals) -> Iterator[int]:
    """Yield the tokens of a program behind `<program>`, without spliced ones."""
    for op in program.line_ops:
        match op:
            case Copy(first, last):
                yield from literals[text_form.COPY_OPEN]
                yield from literals.numbers.tokens(first)
                yield from literals[text_form.COPY_DASH]
                yield from literals.numbers.tokens(last)
                yield from literals[text_form.COPY_CLOSE]
            case Gen(text):
                yield from literals[text_form.GEN_OPEN]
                for line in split_lines(text_form.escape(text)):
                    yield from encode_exactly(literals.codec, line)
                yield from literals[text_form.GEN_CLOSE]
    yield from literals[text_form.PROGRAM_CLOSE]
