"""Pairs of texts made to break a round trip: everything that looks like markup or like a line end.

Drawn by seed from fragments: reserved literals whole, escaped and in part, backslashes, every
character that some convention takes for a line end (LF, CRLF, CR, form feed, vertical tab, NEL, LS,
PS), byte order marks, characters outside the basic plane, combining marks, empty lines, and texts
without a final newline. Knows nothing of tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from copydecode.edit import grammar

_MARKS = (
    *grammar.RESERVED,
    *(grammar.escape(literal) for literal in grammar.RESERVED),
    *(grammar.escape(grammar.escape(literal)) for literal in grammar.RESERVED),
)
_PARTS = (
    "<", ">", "</", "/>", '"/>', "<c", "<copy lines=", '<copy lines="1-2"/>', "copy", "<ge", "gen>",
    "</gen", "</program", "<program", "\\", "\\\\", "<\\", "<\\\\copy", "1-1", "-", "0", "17", "\0",
)  # fmt: skip
_ODD = (
    "\f", "\v", "\x85", "\u2028", "\u2029", "\ufeff", "\x1c", "\t", " ", "\u00a0", "\u200b", "é",
    "e\u0301", "\u0301", "ß", "日本語", "\U0001f600", "\U0001f469\u200d\U0001f52c", "\U00020000",
    "\ufffd", "\U0010ffff", "name", "x = 1", "    return",
)  # fmt: skip
_ENDS = ("\n", "\n", "\n", "\r\n", "\r", "")
_MOST_LINES = 8
_MOST_FRAGMENTS = 4


def pairs(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of an old and a new text; the new one keeps some lines of the old one."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    for _ in range(count):
        old = [_line(draw) for _ in range(draw.randrange(_MOST_LINES + 1))]
        yield "".join(old), "".join(_changed(old, draw))


def _line(draw: random.Random) -> str:
    fragments = (draw.choice(draw.choice((_MARKS, _PARTS, _ODD))) for _ in range(_MOST_FRAGMENTS))
    kept = list(fragments)[: draw.randrange(_MOST_FRAGMENTS + 1)]
    return "".join(kept) + draw.choice(_ENDS)


def _changed(old: list[str], draw: random.Random) -> Iterator[str]:
    """Yield the old lines with some left out, repeated, replaced, moved, and new ones between."""
    lines = list(old)
    if lines and draw.random() < 0.2:  # noqa: PLR2004  # some are moved
        lines.insert(draw.randrange(len(lines)), lines.pop(draw.randrange(len(lines))))
    for line in lines:
        match draw.randrange(8):
            case 0:
                continue
            case 1:
                yield _line(draw)
            case 2:
                yield from (line, line)
            case 3:
                yield from (_line(draw), line)
            case _:
                yield line
    if draw.random() < 0.3:  # noqa: PLR2004  # some get a new end
        yield _line(draw)
