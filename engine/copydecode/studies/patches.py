r"""Two formats that edits are commonly written in: search/replace blocks and unified diffs.

For each an encoder of the gold edit and a strict applier: what does not match exactly, or matches
in more than one place, is an error, never a guess. Lines are cut at `\n` only. Knows nothing of
tokens or programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff

SEARCH, DIVIDER, REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
NO_NEWLINE = "\\ No newline at end of file"

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class DoesNotApplyError(ValueError):
    """A patch is no patch, or does not fit the text, or fits in more than one place."""


def search_replace(source: str, target: str, context: int = 0) -> str:
    """Write an edit as search/replace blocks, with that many lines of context around each change.

    Without context, new lines that replace none are put behind the line before them (or before the
    first line), since an empty search finds nothing.
    """
    old, new = source.split("\n"), target.split("\n")
    blocks: list[str] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(context):
        i1, i2, j1, j2 = group[0][1], group[-1][2], group[0][3], group[-1][4]
        if i1 == i2:
            before = i1 > 0
            i1, j1 = i1 - before, j1 - before
            i2, j2 = i2 + (not before), j2 + (not before)
        blocks += [SEARCH, *old[i1:i2], DIVIDER, *new[j1:j2], REPLACE]
    return "".join(line + "\n" for line in blocks)


def search_replace_unique(source: str, target: str) -> str:
    """Write an edit as search/replace blocks with the least context that makes them apply.

    Context is doubled until the new text comes out, at most to the whole text; a text that holds
    the format's own delimiters may never come out.
    """
    context = 0
    while True:
        patch = search_replace(source, target, context)
        try:
            if apply_search_replace(source, patch) == target:
                return patch
        except DoesNotApplyError:
            pass
        if context > len(source):
            return patch
        context = max(1, 2 * context)


def apply_search_replace(source: str, patch: str) -> str:
    """Return the text after all blocks, each applied to the result of those before.

    Raises:
        DoesNotApplyError: the patch is no sequence of blocks, or a block's lines are not found, or
            are found in more than one place.
    """
    lines = source.split("\n")
    for old, new in _blocks(patch):
        places = [at for at in range(len(lines) - len(old) + 1) if lines[at : at + len(old)] == old]
        if len(places) != 1 or not old:
            message = f"expected the lines of a block in one place, found them in {len(places)}"
            raise DoesNotApplyError(message)
        lines[places[0] : places[0] + len(old)] = new
    return "\n".join(lines)


def write_unified_diff(source: str, target: str, context: int = 3) -> str:
    """Write an edit as a unified diff of a file `a` and a file `b`."""
    diff = unified_diff(_with_ends(source), _with_ends(target), "a", "b", n=context)
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}\n" for line in diff)


def apply_unified_diff(source: str, patch: str) -> str:
    """Return the text after all hunks, each at exactly the line that it names.

    Raises:
        DoesNotApplyError: the patch is no unified diff, or a line differs from what it says.
    """
    lines = _with_ends(source)
    result: list[str] = []
    at = 0
    rest = patch.split("\n")
    if rest[:1] != [""]:
        rest = rest[2:]  # The two lines of file names.
    while rest and rest != [""]:
        header = _HUNK.fullmatch(rest.pop(0))
        if header is None:
            message = "expected a hunk's header, found something else"
            raise DoesNotApplyError(message)
        first, removed, added = int(header[1]), int(header[2] or 1), int(header[4] or 1)
        start = (
            first - 1 if removed else first
        )  # A hunk that removes nothing names the line before.
        if not at <= start <= len(lines):
            message = f"expected hunks in order within {len(lines)} lines, found one at {first}"
            raise DoesNotApplyError(message)
        result += lines[at:start]
        at = start
        for sign, line in _body(rest, removed, added):
            if sign != "+":
                if at >= len(lines) or lines[at] != line:
                    message = f"expected line {at + 1} as the hunk has it, found another"
                    raise DoesNotApplyError(message)
                at += 1
            if sign != "-":
                result.append(line)
    return "".join([*result, *lines[at:]])


def _blocks(patch: str) -> Iterator[tuple[list[str], list[str]]]:
    lines = patch.split("\n")
    if lines.pop() or (lines and lines[-1] != REPLACE):
        message = "expected blocks to the end of the patch, found something else"
        raise DoesNotApplyError(message)
    while lines:
        try:
            divider = lines.index(DIVIDER)
            end = lines.index(REPLACE, divider)
        except ValueError as error:
            message = "expected a block's divider and end, found none"
            raise DoesNotApplyError(message) from error
        if lines[0] != SEARCH:
            message = "expected a block's begin, found something else"
            raise DoesNotApplyError(message)
        yield lines[1:divider], lines[divider + 1 : end]
        lines = lines[end + 1 :]


def _body(rest: list[str], removed: int, added: int) -> Iterator[tuple[str, str]]:
    """Take a hunk's lines from the front of `rest`; yield their signs and texts."""
    while removed or added:
        if not rest or rest[0][:1] not in {" ", "+", "-"}:
            message = "expected the lines that a hunk's header counts, found fewer"
            raise DoesNotApplyError(message)
        sign, text = rest[0][0], rest[0][1:]
        del rest[0]
        if rest[:1] == [NO_NEWLINE]:
            del rest[0]
        else:
            text += "\n"
        removed -= sign != "+"
        added -= sign != "-"
        yield sign, text


def _with_ends(text: str) -> Sequence[str]:
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
