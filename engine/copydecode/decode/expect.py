"""What the words of an instruction promise for the lines: guesses for drafts and lenient choices.

"Delete lines 3 to 5" says what will be left (`operations`), "rename `a` to `b`" how each line with
`a` will read, a quoted name with a similar one beside it how a misspelt line will (`renaming`), and
a fenced block is text that will be written. All of it may be wrong: the model is asked. Knows
nothing of tokenizers or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from copydecode.decode.found import spoken_of
from copydecode.decode.merge import merge
from copydecode.decode.operations import Context, operation, placed
from copydecode.decode.promise import NewText, Promised
from copydecode.decode.renaming import is_elsewhere, renamed_lines, renaming
from copydecode.decode.window import named_lines, prose
from copydecode.edit.program import Copy

MAX_WORDS = 2000
"""Characters; who writes more says more than a rule can read."""

_APPLICATION = re.compile(
    r"\s*(?:please\s+)?(?:"
    r"apply|(?:apply|make|merge|integrate|work(?:\s+in)?)\s+(?:it|(?:this|these|the(?:\s+following)?)"
    r"(?:\s+(?:code\s+)?(?:snippets?|changes?|edits?|updates?|code))?)(?:\s+(?:here|in))?"
    r"|(?:change|edit|update)\s+(?:it|this|the\s+(?:code|file|document|selection))"
    r"(?:\s+(?:like\s+this|as\s+follows|accordingly))?"
    r"|here\s+is\s+the\s+(?:updated|changed|new|edited)\s+(?:code|file|version)"
    r")\s*[:.]?\s*",
    re.IGNORECASE,
)
"""Words that ask for nothing but that a snippet be worked in."""

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


def hints(  # noqa: PLR0913  # what is known of an edit, each named
    instruction: str,
    lines: Sequence[str],
    scope: tuple[int, int] | None,
    similar: Sequence[str],
    encode_line: Callable[[str], list[int]],
    *,
    selected: bool = True,
) -> Hints:
    """Return what an instruction promises for the lines.

    Args:
        instruction: as the model sees it.
        lines: what the model sees, without terminators.
        scope: the lines that the edit is about, where they are known beside the instruction.
        similar: names that are like one quoted in the instruction, best first.
        encode_line: gives a line's tokens, its newline's included.
        selected: whether these lines are meant; else they stood below a comment with the words.
    """
    words = prose(instruction)
    if len(words) > MAX_WORDS:
        return Hints(scope)
    likely = scope or named_lines(words) or spoken_of(instruction, lines)
    inside = scope is not None and scope[0] < scope[1]
    about = likely
    if scope is not None and not selected:
        words, about = placed(words, scope), (scope[0], scope[0])
        inside, scope = False, None
    names = renaming(words, similar)
    if (bounds := named_lines(words)) is not None and scope is None:
        about, inside = bounds, True
    if names is not None and is_elsewhere(lines, names):
        names = replace(names, said=False, alone=False)
    renamed = {} if names is None else renamed_lines(lines, names, about, inside=inside)
    changed = {number: encode_line(line) for number, line in renamed.items()}
    texts = tuple(
        [token for line in block.removesuffix("\n").split("\n") for token in encode_line(line)]
        for block in blocks(instruction)
    )
    program: Promised = ()
    said = False
    stated = any(words.strip() in line for line in lines)  # A comment that asks for it goes, too.
    if names is not None and names.alone and changed and not texts:
        program, said = _with_lines(changed, len(lines)), True
    elif len(texts) <= 1:
        text = tuple(texts[0]) if texts else None
        program, said = operation(words, Context(lines, encode_line, scope, likely, text))
    if not said and len(texts) == 1:
        merged = application(instruction, scope, lines, encode_line)
        program, said = (merged, True) if merged else (program, False)
    more = _BLOCK.sub("", instruction).strip() != prose(instruction).strip()  # Behind a block.
    said = said and not stated and not more
    promised = frozenset(changed) if names is not None and names.said else frozenset[int]()
    return Hints(likely, program, changed, texts, promised, said)


def application(
    instruction: str,
    scope: tuple[int, int] | None,
    lines: Sequence[str],
    encode_line: Callable[[str], list[int]],
) -> Promised:
    """Return the program that works the one block in, none where it is in doubt or more is asked.

    Lines outside the scope, if there is one, do not change.
    """
    if "```diff" in instruction or not _APPLICATION.fullmatch(_BLOCK.sub("", instruction)):
        return ()
    [block] = blocks(instruction)
    merged = merge(lines, block.removesuffix("\n").split("\n"), scope) or ()
    return [
        op if isinstance(op, Copy) else tuple(token for line in op for token in encode_line(line))
        for op in merged
    ]


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


def blocks(instruction: str) -> list[str]:
    """Return the texts of the instruction's fenced blocks."""
    return _BLOCK.findall(instruction)
