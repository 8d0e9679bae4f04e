"""The lines of several files as tokens, as far as a model has room for all of them.

There is no window over several files: a copy may name any line of any of them. Knows nothing of
prompts' wording or models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from copydecode.decode.expect import Hints, hints
from copydecode.edit.bundle import Bundle
from copydecode.errors import ContextTooLongError


def encode_bundle(  # noqa: PLR0913  # two bounds and what counts towards them
    bundle: Bundle,
    encode_line: Callable[[str], list[int]],
    *,
    longest_token: int,
    max_lines: int,
    max_tokens: int,
    number_tokens: Callable[[int], int] = lambda _line: 1,
) -> list[list[int]]:
    """Return the tokens of each line of all files, its newline included.

    Args:
        bundle: the files.
        encode_line: gives the tokens of a line; none of them has more than `longest_token` bytes.
        longest_token: in bytes.
        max_lines: the most lines to show.
        max_tokens: the most tokens of lines and their numbers.
        number_tokens: how many tokens a line's number has at most.

    Raises:
        ContextTooLongError: the files are too long together.
    """
    lines = bundle.visible
    encoded: list[list[int]] = []
    left = max_tokens
    if len(lines) <= max_lines:
        for number, line in enumerate(lines, start=1):
            if len(line) > (left + 1) * longest_token:  # It need not be encoded.
                break
            tokens = encode_line(line)
            left -= number_tokens(number) + len(tokens)
            if left < 0:
                break
            encoded.append(tokens)
        else:
            return encoded
    found = f"{len(lines)} lines" + ("" if len(lines) > max_lines else " with more tokens")
    message = (
        f"expected files of at most {max_lines} lines and {max_tokens} tokens together, found "
        f"{found}: name fewer or shorter files"
    )
    raise ContextTooLongError(message)


def bundle_hints(
    instruction: str,
    bundle: Bundle,
    similar: Sequence[str],
    encode_line: Callable[[str], list[int]],
) -> Hints:
    """Return what an instruction promises for the lines of all files.

    Which lines are copied is not guessed: a number in its words is a line of one of the files.
    """
    promised = hints(instruction, bundle.visible, None, similar, encode_line)
    return replace(promised, likely=None, program=(), said=False)
