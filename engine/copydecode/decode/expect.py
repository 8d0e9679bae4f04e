"""What the words of an instruction promise for the lines: guesses for drafts, never decisions.

"Delete lines 3 to 5" says which lines will be copied, and so does "delete the line `x = 1`" where
one line reads so; "rename `a` to `b`" says how each line with `a` will read, a quoted name with a
similar one beside it how a misspelt line will, and a fenced block is text that will be written. All
of it may be wrong: the model is asked. Knows nothing of tokenizers or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from copydecode.decode.found import spoken_of
from copydecode.decode.renaming import renamed_lines, renaming
from copydecode.decode.window import named_lines, prose

_LINES = re.compile(
    r"\blines?\s+(\d+)(?:(?:\s*-\s*|\s+(?:to|through|and)\s+)(\d+))?", re.IGNORECASE
)
_VERB = re.compile(r"\b(delete|remove|drop|duplicate|double|repeat|move)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:to the (?P<end>top|start|beginning|end|bottom)\b|(?P<side>before|after)\s+line\b)",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"^```[^\n`]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of an edit beforehand; lines are counted in what the model sees, from 1.

    `likely` are the first and last line that the edit is about. `copies` are the lines that will be
    copied one after the other, where nothing else is to be done. `changed` holds for lines that
    will read otherwise their new tokens, `blocks` the tokens of texts that the instruction brings.
    Of the changed lines the instruction itself says how those `promised` will read; the others are
    guessed by likeness. With `alone` the promised lines are all that is to change.
    """

    likely: tuple[int, int] | None = None
    copies: Sequence[tuple[int, int]] = ()
    changed: Mapping[int, list[int]] = field(default_factory=dict)
    blocks: Sequence[list[int]] = ()
    promised: AbstractSet[int] = frozenset()
    alone: bool = False


def hints(
    instruction: str,
    lines: Sequence[str],
    scope: tuple[int, int] | None,
    similar: Sequence[str],
    encode_line: Callable[[str], list[int]],
) -> Hints:
    """Return what an instruction promises for the lines.

    Args:
        instruction: as the model sees it.
        lines: what the model sees, without terminators.
        scope: the lines that the edit is about, where they are known beside the instruction.
        similar: names that are like one quoted in the instruction, best first.
        encode_line: gives a line's tokens, its newline's included.
    """
    words = prose(instruction)
    likely = scope or named_lines(words) or spoken_of(instruction, lines)
    names = renaming(words, similar)
    inside = scope is not None and scope[0] < scope[1]
    changed = {} if names is None else renamed_lines(lines, names, likely, inside=inside)
    promised = frozenset(changed) if names is not None and names.said else frozenset[int]()
    texts = [block.removesuffix("\n").split("\n") for block in blocks(instruction)]
    return Hints(
        likely,
        line_operation(words, scope, len(lines), likely),
        {number: encode_line(line) for number, line in changed.items()},
        tuple([token for line in text for token in encode_line(line)] for text in texts),
        promised,
        alone=names is not None and names.alone and bool(promised),
    )


def line_operation(
    words: str,
    scope: tuple[int, int] | None,
    n_lines: int,
    likely: tuple[int, int] | None = None,
) -> tuple[tuple[int, int], ...]:
    """Return the copies that delete, duplicate or move lines, none where it is something else.

    `scope` are the lines in question; else those that the words name first are, else `likely`.
    """
    named = [(int(m[1]), int(m[2] or m[1])) for m in _LINES.finditer(words)]
    lines = scope or (named.pop(0) if named else likely)
    verb = _VERB.search(words)
    if verb is None or lines is None or not 1 <= lines[0] <= lines[1] <= n_lines:
        return ()
    first, last = lines
    match verb[1].lower():
        case "move":
            spans = _moved(lines, _target(words, named, n_lines), n_lines)
        case "delete" | "remove" | "drop":
            spans = [(1, first - 1), (last + 1, n_lines)]
        case _:
            spans = [(1, last), (first, n_lines)]
    return tuple((i, j) for i, j in spans if i <= j)


def _target(words: str, named: Sequence[tuple[int, int]], n_lines: int) -> int | None:
    """Return the line behind which lines are to be moved, 0 for the top."""
    place = _PLACE.search(words)
    if place is None:
        return None
    if place["end"]:
        return n_lines if place["end"].lower() in {"end", "bottom"} else 0
    if not named:
        return None
    return named[-1][1] if place["side"].lower() == "after" else named[-1][0] - 1


def _moved(lines: tuple[int, int], target: int | None, n_lines: int) -> list[tuple[int, int]]:
    first, last = lines
    if target is None or first - 1 <= target <= last or target > n_lines:
        return []
    if target < first:
        return [(1, target), lines, (target + 1, first - 1), (last + 1, n_lines)]
    return [(1, first - 1), (last + 1, target), lines, (target + 1, n_lines)]


def blocks(instruction: str) -> list[str]:
    """Return the texts of the instruction's fenced blocks."""
    return _BLOCK.findall(instruction)
