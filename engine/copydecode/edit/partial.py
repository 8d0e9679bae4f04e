"""What a program that is still being written says so far.

The ops that have closed, and behind them the lines after the last one copied, as if all of them
stayed. It knows nothing of how programs are decoded: it is told the ops.
"""

from __future__ import annotations

from collections.abc import Sequence

from copydecode.edit.document import Document
from copydecode.edit.fit import fit, whole
from copydecode.edit.program import Copy, LineOp, Program


def so_far(ops: Sequence[LineOp], document: Document) -> Program:
    """Return the program over the document that begins with `ops` and then copies all the rest.

    Copies count lines of the document, new text may still have the line ends that a model sees.
    Without ops it is the program that changes nothing.
    """
    last = next((op.last for op in reversed(ops) if isinstance(op, Copy)), 0)
    rest = [Copy(last + 1, len(document))] if last < len(document) else []
    return fit(Program((*ops, *rest)), document, whole(document))
