"""Which lines of a document a model gets to see, and instructions that count lines as it does.

A document that does not fit is seen through a window around the scope. The window's first line is a
round one where there is a choice, so that two edits near each other have the same window and share
its cache. Lines are encoded when they are asked for: choosing costs what the window costs, however
long the document is. Knows nothing of prompts or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from copydecode.edit.document import Document
from copydecode.edit.fit import Window, visible
from copydecode.errors import ContextTooLongError, ScopeError

_NAMED_LINES = re.compile(
    r"\b(lines?\s+)(\d{1,9})(?:(\s*-\s*|\s+(?:to|through|and)\s+)(\d{1,9}))?\b", re.IGNORECASE
)


class Lines(Protocol):
    """A document's lines, and what each costs."""

    def __len__(self) -> int:
        """Return the number of lines."""
        ...

    def cost(self, line: int, limit: int) -> int:
        """Return the tokens of a line, 1-based; any number over `limit` where it is over it."""
        ...


class EncodedLines:
    """A document's lines as tokens, as a model sees them, each encoded when first asked for."""

    def __init__(
        self, document: Document, encode: Callable[[str], list[int]], longest_token: int
    ) -> None:
        """`encode` gives the tokens of a line; none of them has more than `longest_token` bytes."""
        self._document = document
        self._encode = encode
        self._longest_token = longest_token
        self._known: dict[int, list[int]] = {}

    def __len__(self) -> int:
        """Return the number of lines of the document."""
        return len(self._document)

    def __getitem__(self, line: int) -> list[int]:
        """Return the tokens of a line, 1-based, its newline included."""
        if line not in self._known:
            [text] = visible(self._document, Window(line, line))
            self._known[line] = self._encode(text)
        return self._known[line]

    def within(self, window: Window) -> list[list[int]]:
        """Return the tokens of each line of a window."""
        return [self[line] for line in range(window.first, window.last + 1)]

    def cost(self, line: int, limit: int) -> int:
        """Return the number of tokens of a line, or any number over `limit` where it is over it.

        A line that cannot be within the limit is not encoded.
        """
        if len(self._document.lines[line - 1]) > (limit + 1) * self._longest_token:
            return limit + 1
        return len(self[line])


def choose(
    lines: Lines,
    scope: tuple[int, int] | None,
    *,
    max_lines: int,
    max_tokens: int,
    number_tokens: Callable[[int], int] = lambda _line: 1,
) -> Window:
    """Return the lines to show: all where they fit, else a window around a scope.

    Of the lines and tokens that the scope leaves free, at least a quarter goes to either side of it
    as far as there are lines, and the rest to where it lets the window begin at a round line. At
    the end of a document up to a quarter may stay free for that.

    Args:
        lines: the document's lines.
        scope: the lines to be edited, 1-based and inclusive; cut to the document where outside.
        max_lines: the most lines to show.
        max_tokens: the most tokens of lines and their numbers.
        number_tokens: how many tokens a line's number has at most.

    Raises:
        ContextTooLongError: the document does not fit and there is no scope, or the scope is too
            long; the message says what to select.
    """

    def cost(line: int) -> int:
        return number_tokens(line) + lines.cost(line, max_tokens)

    def fits(first: int, last: int) -> bool:
        return last - first < max_lines and _total(cost, first, last, max_tokens) <= max_tokens

    if fits(1, len(lines)):
        return Window(1, len(lines))
    if scope is None:
        message = (
            f"expected at most {max_lines} lines and {max_tokens} tokens without a scope, found "
            f"{_size(len(lines), max_lines)}: select the lines to edit"
        )
        raise ContextTooLongError(message)
    first, last = (min(max(1, line), len(lines)) for line in scope)
    if not fits(first, last):
        message = (
            f"expected a scope of at most {max_lines} lines and {max_tokens} tokens, found "
            f"{_size(last - first + 1, max_lines)}: select fewer lines"
        )
        raise ContextTooLongError(message)
    free_lines = max_lines - (last - first + 1)
    free_tokens = max_tokens - _total(cost, first, last, max_tokens)
    low, high = _first_lines(cost, (first, last), len(lines), (free_lines, free_tokens))
    start = _roundest(low - 1, high - 1) + 1
    spent = _total(cost, start, last, max_tokens)
    while last < len(lines) and last - start + 1 < max_lines:
        spent += cost(last + 1)
        if spent > max_tokens:
            break
        last += 1
    return Window(start, last)


def named_lines(instruction: str) -> tuple[int, int] | None:
    """Return the first and last line that the words of an instruction name ("lines 3 to 5")."""
    numbers = [
        int(n) for m in _NAMED_LINES.finditer(prose(instruction)) for n in m.group(2, 4) if n
    ]
    return (min(numbers), max(numbers)) if numbers else None


def with_lines(instruction: str, numbers: Mapping[int, int]) -> str:
    """Return the instruction with the lines that it names called by other `numbers`, if any."""

    def replace(match: re.Match[str]) -> str:
        word, first, between, last = match.groups()
        called = [str(numbers.get(int(number), int(number))) for number in (first, last) if number]
        return f"{word}{(between or '').join(called)}"

    words = prose(instruction)
    renumbered: str = _NAMED_LINES.sub(replace, words)
    return renumbered + instruction[len(words) :]


def renumber_lines(instruction: str, window: Window, n_lines: int, *, scoped: bool) -> str:
    """Return the instruction with the line numbers that it names counted within the window.

    Where a scope says what to edit (`scoped`), lines outside the window are only mentioned ("unused
    import from line 3"): they become "an earlier line" or "a later line".

    Raises:
        ScopeError: without a scope, a line is not in the document.
        ContextTooLongError: without a scope, a line is not in the window.
    """

    def check(line: int) -> None:
        if not 1 <= line <= n_lines:
            message = f"expected the instruction to name lines within 1 to {n_lines}, found {line}"
            raise ScopeError(message)
        if line not in visible_lines:
            message = (
                f"expected lines within {window.first} to {window.last}, which the model sees, "
                f"found {line} in the instruction: select the lines to edit"
            )
            raise ContextTooLongError(message)

    def replace(match: re.Match[str]) -> str:
        word, first, between, last = match.groups()
        lines = [int(number) for number in (first, last) if number]
        if scoped and not all(line in visible_lines for line in lines):
            return "an earlier line" if lines[0] < window.first else "a later line"
        for line in lines:
            check(line)
        numbers = [str(line - window.first + 1) for line in lines]
        return f"{word}{(between or '').join(numbers)}"

    visible_lines = range(window.first, window.last + 1)
    words = prose(instruction)
    renumbered: str = _NAMED_LINES.sub(replace, words)
    return renumbered + instruction[len(words) :]


def within(
    instruction: str, scope: tuple[int, int] | None, window: Window, n_lines: int
) -> tuple[str, tuple[int, int] | None]:
    """Return the instruction and the scope with lines counted within the window.

    Raises:
        ScopeError, ContextTooLongError: as `renumber_lines`.
    """
    if len(window) == n_lines:
        return instruction, scope
    instruction = renumber_lines(instruction, window, n_lines, scoped=scope is not None)
    if scope is not None:
        scope = (scope[0] - window.first + 1, scope[1] - window.first + 1)
    return instruction, scope


def prose(instruction: str) -> str:
    """Return the instruction up to its first fenced block of code."""
    return instruction.split("```", maxsplit=1)[0]


def _total(cost: Callable[[int], int], first: int, last: int, limit: int) -> int:
    """Return the sum of the costs of some lines; it ends early where it is over the limit."""
    total = 0
    for line in range(first, last + 1):
        total += cost(line)
        if total > limit:
            break
    return total


def _size(n_lines: int, max_lines: int) -> str:
    return f"{n_lines} lines" if n_lines > max_lines else f"{n_lines} lines with more tokens"


def _first_lines(
    cost: Callable[[int], int], scope: tuple[int, int], n_lines: int, free: tuple[int, int]
) -> tuple[int, int]:
    """Return the earliest and the latest line that a window around a scope may begin with.

    `free` is how many lines and tokens the scope leaves. Lines and tokens are treated alike: before
    the scope go at most what leaves a quarter (or all that there is) for after it, and at least a
    quarter, or more where there is less than half to show after it.
    """
    first, last = scope
    after_lines = after_tokens = 0
    while last + after_lines < n_lines and after_lines < free[0] // 2:
        after_tokens += cost(last + after_lines + 1)
        if after_tokens >= free[1] // 2:
            break
        after_lines += 1
    most = [
        whole - min(whole // 4, after)
        for whole, after in zip(free, (after_lines, after_tokens), strict=True)
    ]
    least = [
        max(whole // 4, 3 * whole // 4 - after)
        for whole, after in zip(free, (after_lines, after_tokens), strict=True)
    ]
    low = high = first
    before_lines = before_tokens = 0
    while low > 1:
        tokens = before_tokens + cost(low - 1)
        if before_lines + 1 > most[0] or tokens > most[1]:
            break
        if before_lines < least[0] and before_tokens < least[1]:
            high = low - 1
        low, before_lines, before_tokens = low - 1, before_lines + 1, tokens
    return low, high


def _roundest(low: int, high: int) -> int:
    """Return the number within `low..high` that the largest power of two divides; 0 is it for all.

    It changes seldom while the bounds move: not before they have moved past it.
    """
    if low == 0:
        return 0
    shift = ((low - 1) ^ high).bit_length() - 1  # The first binary digit that counting has changed.
    return high >> shift << shift
