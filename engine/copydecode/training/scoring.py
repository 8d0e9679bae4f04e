"""Where a model's program leaves the gold one: spans begun and ended right, and why an edit missed.

The paper (Liu, arXiv 2604.18170) reports exact match, the shares of copies that begin and that end
at the right line, and a table of failures. Here the k-th copy of the gold program is held against
the k-th of the model's, and a miss is named by the first op in which the two programs differ.
Programs that write the same ops in other pieces count as the same. Knows nothing of models.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from copydecode.edit.program import Copy, Gen, LineOp, Program


class Failure(enum.Enum):
    """Why an edit is not the gold one: what came first."""

    UNCHANGED = "nothing was changed"
    START = "a copy begins at another line"
    END_EARLY = "a copy ends too early"
    END_LATE = "a copy ends too late"
    WRITES = "new text where a copy should be"
    COPIES = "a copy where new text should be"
    TEXT = "other new text"
    ENDS = "the program ends too early"
    GOES_ON = "the program goes on"
    ERROR = "no edit: an error or a limit"


@dataclass(frozen=True, slots=True)
class Share:
    """How many of `n`."""

    hits: int
    n: int

    @property
    def value(self) -> float | None:
        """The share, None of nothing."""
        return self.hits / self.n if self.n else None

    def __add__(self, other: Share) -> Share:
        """Return both together."""
        return Share(self.hits + other.hits, self.n + other.n)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one edit came out; `starts` and `ends` are over the gold program's copies."""

    failure: Failure | None
    starts: Share
    ends: Share

    @property
    def exact(self) -> bool:
        """Whether the text is the wanted one."""
        return self.failure is None


def judge(gold: Program, written: Program | None, *, exact: bool, changed: bool) -> Verdict:
    """Hold a written program against the gold one over the same document.

    `written` is None where there was no edit; `exact` says whether its text is the wanted one,
    `changed` whether it is another than the document's.
    """
    wanted = joined(gold.line_ops)
    found = [] if written is None else joined(written.line_ops)
    copies, made = (tuple(op for op in ops if isinstance(op, Copy)) for ops in (wanted, found))
    pairs = list(zip(copies, made, strict=False))
    starts = Share(sum(a.first == b.first for a, b in pairs), len(copies))
    ends = Share(sum(a.last == b.last for a, b in pairs), len(copies))
    if exact:
        return Verdict(None, starts, ends)
    if written is None:
        return Verdict(Failure.ERROR, starts, ends)
    return Verdict(first_failure(wanted, found) if changed else Failure.UNCHANGED, starts, ends)


def first_failure(wanted: Sequence[LineOp], found: Sequence[LineOp]) -> Failure:
    """Name the first difference of two programs that are not the same."""
    for want, got in zip(wanted, found, strict=False):
        if want == got:
            continue
        match want, got:
            case Copy(), Gen():
                return Failure.WRITES
            case Gen(), Copy():
                return Failure.COPIES
            case Copy(), Copy() if want.first != got.first:
                return Failure.START
            case Copy(), Copy():
                return Failure.END_EARLY if got.last < want.last else Failure.END_LATE
            case _:
                return Failure.TEXT
    return Failure.ENDS if len(found) < len(wanted) else Failure.GOES_ON


def joined(ops: Sequence[LineOp]) -> list[LineOp]:
    """Return a program's ops with copies that go on, and gens that follow each other, as one."""
    found: list[LineOp] = []
    for op in ops:
        match found[-1] if found else None, op:
            case _, Gen(""):
                pass
            case Gen(before), Gen(text):
                found[-1] = Gen(before + text)
            case Copy(first, last), Copy(begun, ended) if begun == last + 1:
                found[-1] = Copy(first, ended)
            case _:
                found.append(op)
    return found


def failures(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Count the misses by why, the commonest first."""
    counts = Counter(v.failure.value for v in verdicts if v.failure is not None)
    return dict(counts.most_common())
