"""Programs: what a model writes in place of the new text.

A program is a sequence of ops over one document. `Copy` repeats lines of the original document,
`Gen` brings new text. Knows nothing of the text form (`grammar`) or of what a program means
(`resolve`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Copy:
    """Repeat lines `first` to `last` of the original document, 1-based and inclusive."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Gen:
    """New text, verbatim: line terminators included, reserved literals not escaped."""

    text: str


Op = Copy | Gen


@dataclass(frozen=True, slots=True)
class Program:
    """A sequence of ops; their outputs in order are the new text."""

    ops: tuple[Op, ...] = ()
