"""What the words of an instruction promise for the lines: guesses for drafts, never decisions.

"Rename `a` to `b`" says how each line with `a` will read, a quoted name with a similar one beside
it how a misspelt line will, and a fenced block is text that will be written. All of it may be
wrong: the model is asked. Knows nothing of tokenizers or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_FENCE = "```"
_QUOTE = r"[`'\"\u2018\u201c\u2019\u201d]"
_NAME = r"[^\W\d]\w*"
_RENAMING = re.compile(
    rf"\b(?:rename|replace|change)\b[^\n]*?"
    rf"(?:{_QUOTE}({_NAME}){_QUOTE}|\b({_NAME}))\s+(?:to|by|with|into|as)\s+"
    rf"(?:{_QUOTE}({_NAME}){_QUOTE}|({_NAME})\b)",
    re.IGNORECASE,
)
_QUOTED = re.compile(rf"{_QUOTE}({_NAME}){_QUOTE}")
_BLOCK = re.compile(r"^```[^\n`]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of an edit beforehand; lines are counted in what the model sees, from 1.

    `likely` are the first and last line that the edit is about. `changed` holds for lines that will
    read otherwise their new tokens, `blocks` the tokens of texts that the instruction brings along.
    """

    likely: tuple[int, int] | None = None
    changed: Mapping[int, list[int]] = field(default_factory=dict)
    blocks: Sequence[list[int]] = ()


def hints(
    instruction: str,
    lines: Sequence[str],
    likely: tuple[int, int] | None,
    similar: Sequence[str],
    encode_line: Callable[[str], list[int]],
) -> Hints:
    """Return what an instruction promises for the lines.

    Args:
        instruction: as the model sees it.
        lines: what the model sees, without terminators.
        likely: the lines that the edit is about, where they are known.
        similar: names that are like one quoted in the instruction, best first.
        encode_line: gives a line's tokens, its newline's included.
    """
    names = renaming(instruction.split(_FENCE, maxsplit=1)[0], similar)
    changed = {} if names is None else renamed_lines(lines, names, likely)
    texts = [block.removesuffix("\n").split("\n") for block in blocks(instruction)]
    return Hints(
        likely,
        {number: encode_line(line) for number, line in changed.items()},
        tuple([token for line in text for token in encode_line(line)] for text in texts),
    )


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
