"""Oracle programs: the program that leads from one text to another.

By `difflib.SequenceMatcher(None, A, B, autojunk=False)` over lines with their terminators (Liu,
arXiv 2604.18170): equal blocks become copy ops, the rest gen ops. Knows nothing of tokens.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, Op, Program


def oracle(source: Document, target: Document) -> Program:
    """Return a program with `resolve(oracle(a, b), a) == b.text` for every pair of texts."""
    old, new = source.lines, target.lines
    ops: lits[Op] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            ops.append(Copy(i1 + 1, i2))
        elif j1 < j2:
            ops.append(Gen("".join(new[j1:j2])))
    return Program(tuple(ops))
