"""Oracle programs: the program that leads from one text to another.

By `difflib.SequenceMatcher(None, A, B, autojunk=False)` over lines with their terminators (Liu,
arXiv 2604.18170): equal blocks become copy ops, the rest gen ops. `locked_oracle` gives the program
that the rules of a lock allow (`rules`), `without_copies` one that writes some spans in place of
copying them. Knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import SequenceMatcher

from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, Op, Program


def oracle(source: Document, target: Document) -> Program:
    """Return a program with `resolve(oracle(a, b), a) == b.text` for every pair of texts."""
    old, new = source.lines, target.lines
    ops: list[Op] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            ops.append(Copy(i1 + 1, i2))
        elif j1 < j2:
            ops.append(Gen("".join(new[j1:j2])))
    return Program(tuple(ops))


def without_copies(program: Program, source: Document, unwanted: Callable[[Copy], bool]) -> Program:
    """Return an oracle program in which gens write what unwanted copies repeat.

    A span shorter than m* tokens is cheaper written than copied (Liu, arXiv 2604.18170): what is
    unwanted is the caller's to say.
    """
    ops: list[Op] = []
    for op in program.line_ops:
        written = Gen(source.span(op.first, op.last)) if isinstance(op, Copy) else op
        if isinstance(op, Copy) and not unwanted(op):
            ops.append(op)
        elif ops and isinstance(before := ops[-1], Gen):
            ops[-1] = Gen(before.text + written.text)
        else:
            ops.append(written)
    return Program(tuple(ops))


def locked_oracle(source: Document, lock: tuple[int, int], text: str) -> Program:
    """Return the program that puts `text` in place of the locked lines, as the rules want it.

    `lock` is 1-based and inclusive. `text` has to end in a terminator where it is not empty and
    lines follow it: else the resolver puts the document's newline between.
    """
    first, last = lock
    inner = oracle(Document(source.span(first, last)), Document(text)).ops
    body = [
        Copy(op.first + first - 1, op.last + first - 1) if isinstance(op, Copy) else op
        for op in inner
    ]
    ops: list[Op] = [*([Copy(1, first - 1)] if first > 1 else []), *body]
    if last < len(source):
        match ops:
            case [*_, Copy(begun, ended)] if ended == last:
                ops[-1] = Copy(begun, len(source))
            case _:
                ops.append(Copy(last + 1, len(source)))
    return Program(tuple(ops))
