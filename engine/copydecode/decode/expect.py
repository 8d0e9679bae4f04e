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
from copydecode.decode.promise import NewText, Promised
from copydecode.decode.renaming import renamed_lines, renaming
from copydecode.decode.window import named_lines, prose
from copydecode.edit.program import Copy

_LINES = re.compile(
    r"\blines?\s+(\d+)(?:(?:\s*-\s*|\s+(?:to|through|and)\s+)(\d+))?", re.IGNORECASE
)
_VERB = re.compile(r"\b(delete|remove|drop|duplicate|double|repeat|move)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:to the (?P<end>top|start|beginning|end|bottom)\b|(?P<side>before|after)\s+line\b)",
    re.IGNORECASE,
)
_GIVEN = r"(?:\s+(?:this|these|it|the\s+following)(?:\s+(?:lines?|code|text|snippet))?)?"
_SELECTED = r"(?:the\s+selection|(?:this|these|the\s+selected)\s+lines?)"
_INSERTION = re.compile(
    rf"\s*(?:please\s+)?(?:insert|add|put|paste){_GIVEN}\s+"
    rf"(?:(?P<side>before|after|above|below)\s+(?:line\s+(?P<line>\d+)|it|this|{_SELECTED})"
    r"|at\s+the\s+(?P<end>top|start|beginning|end|bottom)"
    r"(?:\s+of\s+the\s+(?:file|document))?)\s*[:.]?\s*",
    re.IGNORECASE,
)
_REPLACEMENT = re.compile(
    r"\s*(?:please\s+)?(?:replace|change)\s+"
    rf"(?:lines?\s+(?P<first>\d+)(?:\s*(?:-|to|through|and)\s*(?P<last>\d+))?|this|{_SELECTED})"
    rf"\s+(?:by|with|to){_GIVEN}\s*:?\s*",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"^```[^\n`]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of an edit beforehand; lines are counted in what the model sees, from 1.

    `likely` are the first and last line that the edit is about. `program` is all that is to be
    done, where that can be read from the words; it is promised where they `said` all of it.
    `changed` holds for lines that will read otherwise their new tokens, `blocks` the tokens of
    texts that the instruction brings. How the changed lines that are `promised` will read the words
    themselves say; the others are guessed by likeness.
    """

    likely: tuple[int, int] | None = None
    program: Promised = ()
    changed: Mapping[int, list[int]] = field(default_factory=dict)
    blocks: Sequence[list[int]] = ()
    promised: AbstractSet[int] = frozenset()
    said: bool = False


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
    renamed = {} if names is None else renamed_lines(lines, names, likely, inside=inside)
    changed = {number: encode_line(line) for number, line in renamed.items()}
    texts = tuple(
        [token for line in block.removesuffix("\n").split("\n") for token in encode_line(line)]
        for block in blocks(instruction)
    )
    program: Promised = ()
    stated = any(words.strip() in line for line in lines)  # A comment that asks for it goes, too.
    if names is not None and names.alone and changed and not texts and not stated:
        program = _with_lines(changed, len(lines))
    elif len(texts) == 1:
        program = text_operation(words, scope, len(lines), tuple(texts[0]))
    said = bool(program)
    if not said:
        copied = line_operation(words, scope, len(lines), likely)
        program = tuple(Copy(*span) for span in copied)
    promised = frozenset(changed) if names is not None and names.said else frozenset[int]()
    return Hints(likely, program, changed, texts, promised, said)


def _with_lines(changed: Mapping[int, Sequence[int]], n_lines: int) -> Promised:
    """Return the program that copies all lines but those with new tokens."""
    ops: list[Copy | NewText] = []
    for number in range(1, n_lines + 1):
        match ops:
            case [*_, Copy(first, last)] if last == number - 1 and number not in changed:
                ops[-1] = Copy(first, number)
            case [*_, tuple() as text] if number in changed:
                ops[-1] = (*text, *changed[number])
            case _:
                ops.append(tuple(changed[number]) if number in changed else Copy(number, number))
    return ops


def text_operation(
    words: str, scope: tuple[int, int] | None, n_lines: int, text: NewText
) -> Promised:
    """Return the program that puts a text beside or in place of lines; none for other words.

    The words have to name the lines by number, or to call them selected, and to say no more.
    """
    if match := _INSERTION.fullmatch(words):
        first, last = (int(match["line"]),) * 2 if match["line"] else scope or (0, 0)
        if match["end"]:
            above = match["end"].lower() in {"top", "start", "beginning"}
            first, last = (1, 0) if above else (n_lines + 1, n_lines)
        elif not 1 <= first <= last <= n_lines:
            return ()
        before = bool(match["end"]) or match["side"].lower() in {"before", "above"}
        first, last = (first, first - 1) if before else (last + 1, last)
    elif match := _REPLACEMENT.fullmatch(words):
        first, last = scope or (0, 0)
        if match["first"]:
            first, last = int(match["first"]), int(match["last"] or match["first"])
        if not 1 <= first <= last <= n_lines:
            return ()
    else:
        return ()
    before_it = [Copy(1, first - 1)] if first > 1 else []
    behind_it = [Copy(last + 1, n_lines)] if last < n_lines else []
    return [*before_it, text, *behind_it]


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
