"""Take a program over to the next version of its document, without the model.

While a program is written its document may change. Where every change lies within lines that the
program copies, the program still says what to do: its copies repeat those lines as they are now,
with what was added among them and without what was deleted. A change of any other line, or one
that may belong to either side of an op's border, is refused.

A change is told as lines, not as text; so several in a row, of any client, can be put together.
Knows nothing of who changes documents, or when.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.errors import RebaseError


@dataclass(frozen=True, slots=True)
class Change:
    """One contiguous change: lines `first` up to, not including, `end` became `count` lines.

    Lines are 1-based; `first == end` inserts before line `first`. Where a line was added to or
    taken from a run of its like, the text does not tell which one: the change could as well have
    been made up to `slack` lines further up, and no further down.
    """

    first: int
    end: int
    count: int
    slack: int = 0


def change_between(old: Document, new: Document) -> Change | None:
    """Return the smallest contiguous change from one text to the other, None where they are equal.

    It is the change that was made where that was one range; of several it is their hull.
    """
    before, after = old.lines, new.lines
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    removed, added = len(before) - head - tail, len(after) - head - tail
    if removed == added == 0:
        return None
    slack = 0
    if not (removed and added):
        # The block can move up while the line before it is the block's last line.
        longer, block = (before, removed) if removed else (after, added)
        while slack < head and longer[head - 1 - slack] == longer[head + block - 1 - slack]:
            slack += 1
    return Change(head + 1, head + removed + 1, added, slack)


def rebase(program: Program, lines: int, changes: Iterable[Change]) -> Program:
    """Return the program over the document as it is after the changes.

    `program` is one over a document of `lines` lines; each change counts the lines that the one
    before it left.

    Raises:
        RebaseError: a change touches a line that the program does not copy, or copies more than
            once, or one that may lie on either side of an op's border.
        TokenCopyError: the program copies tokens.
    """
    spans = _Spans(_merged(program.line_ops), lines)
    homes = _homes(lines)
    for change in changes:
        spans.require(*_touched(homes, lines, change))
        homes = _after(homes, change)
    ops: list[LineOp] = []
    for index, op in enumerate(spans.ops):
        if isinstance(op, Copy):
            # What was added at an end of the document belongs to the copy at that end.
            low = 2 * op.first - spans.owns(0, index)
            high = 2 * op.last + spans.owns(lines + 1, index)
            if (found := _between(homes, low, high)) is not None:
                ops.append(Copy(*found))
        else:
            ops.append(op)
    return Program(tuple(ops))


def follow(first: int, last: int, lines: int, changes: Iterable[Change]) -> tuple[int, int] | None:
    """Return where lines `first` to `last`, of `lines`, are after the changes; None: they are gone.

    What was inserted before the first of them or behind the last one is not among them.
    """
    homes = _homes(lines)
    for change in changes:
        homes = _after(homes, change)
    return _between(homes, 2 * first, 2 * last)


class _Spans:
    """Which op copies which line. Lines 0 and n + 1 stand for the document's two ends."""

    def __init__(self, ops: Sequence[LineOp], lines: int) -> None:
        self.ops = ops
        # The index of the only op that copies the line, None where there is none or several.
        self._owner: list[int | None] = [None] * (lines + 2)
        seen: set[int] = set()
        for index, op in enumerate(ops):
            if isinstance(op, Copy):
                for line in range(op.first, op.last + 1):
                    self._owner[line] = None if line in seen else index
                    seen.add(line)
        # What is added at an end of the document stays there, where the program's output has it.
        if ops and isinstance(head := ops[0], Copy) and head.first == 1:
            self._owner[0] = 0
        if ops and isinstance(foot := ops[-1], Copy) and foot.last == lines:
            self._owner[lines + 1] = len(ops) - 1

    def owns(self, line: int, index: int) -> bool:
        """Return whether a line is copied by the op with this index and by no other."""
        return self._owner[line] == index

    def require(self, first: int, last: int) -> None:
        """Refuse a change of lines that are not all copied by one op, once each."""
        owners = set(self._owner[first : last + 1])
        if len(owners) != 1 or None in owners:
            message = (
                f"expected changes within lines that the edit copies, found one at lines "
                f"{first} to {last}"
            )
            raise RebaseError(message)


def _merged(ops: Iterable[LineOp]) -> list[LineOp]:
    """Return ops with the same output: copies that adjoin are one, and no gen is empty."""
    merged: list[LineOp] = []
    for op in ops:
        if op == Gen(""):
            continue
        match (merged[-1] if merged else None), op:
            case Copy(begun, ended), Copy(first, last) if first == ended + 1:
                merged[-1] = Copy(begun, last)
            case _:
                merged.append(op)
    return merged


# While changes are followed, each line of the newest version has a *home*: 2k for line k of the old
# document and for what it was changed to, 2k + 1 for what was inserted between lines k and k + 1.


def _homes(lines: int) -> list[int]:
    return list(range(2, 2 * lines + 2, 2))


def _after(homes: Sequence[int], change: Change) -> list[int]:
    """Return the homes after a change; they never fall."""
    low, high = change.first - 1, change.end - 1
    home = homes[low] if low < len(homes) else -1  # That of the line replaced, or behind.
    before = homes[low - 1] if low else 0
    if low == high and before != home:  # Not inside what one line was changed to.
        home = before | 1
    return [*homes[:low], *([home] * change.count), *homes[high:]]


def _touched(homes: Sequence[int], lines: int, change: Change) -> tuple[int, int]:
    """Return the first and last line of the old document that have to be copied together."""
    low, high = change.first - 1 - change.slack, change.end - 1
    if change.first < change.end:
        begin, end = homes[low], homes[high - 1]
    else:
        # Inserted: the lines on both sides, between all the places where it could be.
        begin = homes[low - 1] if low else 0
        end = homes[high] if high < len(homes) else 2 * lines + 2
    return begin // 2, (end + 1) // 2


def _between(homes: Sequence[int], low: int, high: int) -> tuple[int, int] | None:
    """Return the first and last line with a home from `low` to `high`, None where there is none."""
    first, last = bisect_left(homes, low) + 1, bisect_right(homes, high)
    return (first, last) if first <= last else None
