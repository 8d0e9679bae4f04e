"""A fix that is known, as lines of a document, and in words that leave nothing open.

Knows nothing of messages and languages.
"""

from __future__ import annotations

from dataclasses import dataclass

FENCE = "```"


@dataclass(frozen=True, slots=True)
class Fix:
    """Lines to write in place of `replaces` lines from `line` on (1-based), or before it.

    Without lines those are deleted; where there are none of these either, nothing is to be done.
    """

    line: int
    lines: tuple[str, ...] = ()
    replaces: int = 0

    @property
    def span(self) -> tuple[int, int]:
        """The lines that it is about, one at least."""
        return self.line, self.line + max(1, self.replaces) - 1

    @property
    def instruction(self) -> str:
        """The same in words."""
        first, last = self.span
        which = f"line {first}" if first == last else f"lines {first}-{last}"
        if not self.lines:
            return f"Delete {which}." if self.replaces else "Change nothing."
        words = f"Replace {which} with:" if self.replaces else f"Insert before {which}:"
        return "\n".join([words, f"{FENCE}python", *self.lines, FENCE])

    @property
    def can_be_said(self) -> bool:
        """Return whether the words can be read back: no line looks like the end of them."""
        return not any(FENCE in line for line in self.lines)

    def keeps_to(self, first: int, last: int) -> bool:
        """Return whether no line but `first` to `last` changes."""
        if not self.replaces:
            return not self.lines or first <= self.line <= last + 1
        return first <= self.line and self.span[1] <= last
