"""Gold programs through the real token grammar: what a decoder would have to decide, and what not.

A program is encoded with a tokenizer's literals and given to `decode.constraint` token by token, as
the decode loop would. Where the grammar leaves one choice, a token is forced; all others are
decisions. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals, encode_exactly
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op, Program


@dataclass(slots=True)
class Step:
    """A decision and what follows from it for certain: counts of forced and spliced tokens."""

    forced: int = 0
    spliced: int = 0

    @property
    def width(self) -> int:
        """The tokens of the forward that takes this step into the cache."""
        return 1 + self.forced + self.spliced


@dataclass(slots=True)
class Replay:
    """A program as it came out of the grammar. `tokens` counts all but those of `<program>`."""

    program: Program
    steps: list[Step] = field(default_factory=list)
    tokens: int = 0


def encode(program: Program, literals: Literals) -> list[int]:
    """Return a program's token ids behind `<program>`, each piece encoded on its own."""
    ids: list[int] = []
    for op in program.ops:
        match op:
            case Copy(first, last) | CopyTokens(first, last):
                opening = grammar.COPY_OPEN if isinstance(op, Copy) else grammar.TOKENS_OPEN
                ids += literals[opening]
                ids += encode_exactly(literals.codec, str(first))
                ids += literals[grammar.COPY_DASH]
                ids += encode_exactly(literals.codec, str(last))
                ids += literals[grammar.COPY_CLOSE]
            case Gen(text):
                ids += literals[grammar.GEN_OPEN]
                ids += encode_exactly(literals.codec, grammar.escape(text))
                ids += literals[grammar.GEN_CLOSE]
            case File(path):
                ids += literals[grammar.FILE_OPEN]
                ids += encode_exactly(literals.codec, grammar.escape_path(path))
                ids += literals[grammar.COPY_CLOSE]
    return [*ids, *literals[grammar.PROGRAM_CLOSE]]


def replay(program: Program, document: Document, compiled: ProgramGrammar) -> Replay:
    """Let the grammar accept a program over a document.

    Raises:
        ValueError: the grammar does not accept it.
    """
    literals = compiled.literals
    constraint = compiled.start(len(document))
    for token in literals[grammar.PROGRAM_OPEN]:
        constraint.accept(token)
    ops: list[Op] = []
    result = Replay(program)
    for token in encode(program, literals):
        is_forced = constraint.forced() == token
        # The first token has a step even where it is certain: the prompt's forward comes before.
        if is_forced and result.steps:
            result.steps[-1].forced += 1
        else:
            result.steps.append(Step())
        accepted = constraint.accept(token)
        result.tokens += 1
        if isinstance(accepted.op, Copy):
            span = document.span(accepted.op.first, accepted.op.last)
            result.steps[-1].spliced = len(literals.codec.encode(span))
        if accepted.op is not None:
            ops.append(accepted.op)
    if not constraint.done:
        message = "expected the grammar to be at its end with the program, found it open"
        raise ValueError(message)
    result.program = Program(tuple(ops))
    return result
