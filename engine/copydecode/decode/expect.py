"""What the words of an instruction promise for the lines: guesses for drafts, never decisions.

"Delete lines 3 to 5" says which lines will be copied, and so does "delete the line `x = 1`" where
one line reads so; "rename `a` to `b`" says how each line with `a` will read, a quoted name with a
similar one beside it how a misspelt line will, and a fenced block is text that will be written. All
of it may be wrong: the model is asked. Knows nothing of tokenizers or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from copydecode.decode.found import spoken_of
from copydecode.decode.window import named_lines, prose

_QUOTE = r"[`'\"\u2018\u201c\u2019\u201d]"
_NAME = r"[^\W\d]\w*"
_RENAMING = re.compile(
    rf"\b(?:rename|replace|change)\b[^\n]*?"
    rf"(?:{_QUOTE}({_NAME}){_QUOTE}|\b({_NAME}))\s+(?:to|by|with|into|as)\s+"
    rf"(?:{_QUOTE}({_NAME}){_QUOTE}|({_NAME})\b)",
    re.IGNORECASE,
)
_QUOTED = re.compile(rf"{_QUOTE}({_NAME}){_QUOTE}")
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
    """

    likely: tuple[int, int] | None = None
    copies: Sequence[tuple[int, int]] = ()
    changed: Mapping[int, list[int]] = field(default_factory=dict)
    blocks: Sequence[list[int]] = ()


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
    changed = {} if names is None else renamed_lines(lines, names, likely)
    texts = [block.removesuffix("\n").split("\n") for block in blocks(instruction)]
    return Hints(
        likely,
        line_operation(words, scope, len(lines), likely),
        {number: encode_line(line) for number, line in changed.items()},
        tuple([token for line in text for token in encode_line(line)] for text in texts),
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


def renaming(words: str, similar: Sequence[str] = ()) -> tuple[str, str] | None:
    """Return the name that will be replaced, and the one that will stand in its place.

    Args:
        words: the instruction, without blocks of code.
        similar: names that are like a quoted one, best first: it may be misspelt.
    """
    if match := _RENAMING.search(words):
        quoted_old, old, quoted_new, new = match.groups()
        return quoted_old or old, quoted_new or new
    if similar and (quoted := _QUOTED.search(words)):
        return quoted[1], similar[0]
    return None


def renamed_lines(
    lines: Sequence[str], names: tuple[str, str], scope: tuple[int, int] | None
) -> dict[int, str]:
    """Return the lines that have a name, by number, with the other name in its place.

    Only those of the scope, 1-based and inclusive, where there is one with the name.
    """
    pattern = re.compile(rf"\b{re.escape(names[0])}\b")
    changed = {
        number: new
        for number, line in enumerate(lines, start=1)
        if (new := pattern.sub(names[1], line)) != line
    }
    within = {
        number: line for number, line in changed.items() if scope and scope[0] <= number <= scope[1]
    }
    return within or changed


def blocks(instruction: str) -> list[str]:
    """Return the texts of the instruction's fenced blocks."""
    return _BLOCK.findall(instruction)
