"""Programs: what a model writes in place of the new text.

A program is a sequence of ops over one document. `Copy` repeats lines of the original document,
`Gen` brings new text. `CopyTokens` repeats tokens of what the model was shown: a program with such
ops says something only together with those tokens, and is lowered to one without (`token_copies`)
before anything else is done with it. A program over several files has a `File` before the ops that
write each of them (`bundle`). Knows nothing of the text form (`grammar`) or of what a program means
(`resolve`).
"""

from __future__ import annotations

from dataclasses import dataclass

from copydecode.errors import SectionError, TokenCopyError


@dataclass(frozen=True, slots=True)
class Copy:
    """Repeat lines `first` to `last` of the original document, 1-based and inclusive."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Gen:
    """New text, verbatim: line terminators included, reserved literals not escaped."""

    text: str


@dataclass(frozen=True, slots=True)
class CopyTokens:
    """Repeat tokens `first` to `last` of the lines shown, 1-based and inclusive.

    They are counted through all these lines; the newline of a line is a token of it.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class File:
    """What follows, up to the next one, is the new text of the file that is known by `path`."""

    path: str


LineOp = Copy | Gen
"""What says all by itself, over the lines of a document."""

Op = LineOp | CopyTokens | File
"""What a model may write."""


@dataclass(frozen=True, slots=True)
class Program:
    """A sequence of ops; their outputs in order are the new text."""

    ops: tuple[Op, ...] = ()

    @property
    def line_ops(self) -> tuple[LineOp, ...]:
        """The ops of a program over one document, without token copies.

        Raises:
            TokenCopyError: it has one.
            SectionError: it is a program over several files.
        """
        ops: list[LineOp] = []
        for op in self.ops:
            if isinstance(op, CopyTokens):
                message = (
                    f"expected a program without token copies, found one of tokens "
                    f"{op.first}-{op.last}: lower it first"
                )
                raise TokenCopyError(message)
            if isinstance(op, File):
                message = "expected a program over one document, found one over several files"
                raise SectionError(message)
            ops.append(op)
        return tuple(ops)
