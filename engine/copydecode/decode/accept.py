"""Acceptance policies: how much of a copied span stands once its own logits are known.

A spliced span is read in one forward, which also tells what the model would have written at each of
its places. `program` takes the program at its word (Liu, arXiv 2604.18170). `checked` cuts the span
short where, at the end of one of its last lines, the model strongly prefers to leave it. `verified`
keeps the whole lines that the model would have written itself. What is cut off never happened: the
next op is decided by the logits that stand behind the last line kept. Knows nothing of grammars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from copydecode.config import Acceptance
from copydecode.decode.literals import Ids

CHECKED_LINES = 3
"""How many line ends before the last are looked at by `checked`."""

CHECKED_MARGIN = 3.0
"""By how many nats leaving has to be more likely than going on."""


@dataclass(frozen=True, slots=True)
class Span:
    """The spliced tokens of a copy op, and after how many of them each of its lines ends.

    `ends` rises and ends with the number of tokens; lines that are not whole are left out.
    """

    tokens: Sequence[int]
    ends: Sequence[int]


def kept_lines(
    policy: Acceptance, span: Span, logits: Tensor, leaving: Sequence[int], not_in_text: Ids
) -> int:
    """Return how many of the span's lines stand.

    Args:
        policy: what to go by.
        span: at least one line.
        logits: `[N + 1, V]`, row k behind the first k of the span's N tokens.
        leaving: ids that begin the next op, or end the program.
        not_in_text: ids that the model could not have written inside the span.
    """
    match policy:
        case Acceptance.PROGRAM:
            return len(span.ends)
        case Acceptance.CHECKED:
            return _checked(span, logits, leaving)
        case Acceptance.VERIFIED:
            return _verified(span, logits, not_in_text)


def _checked(span: Span, logits: Tensor, leaving: Sequence[int]) -> int:
    best, kept = CHECKED_MARGIN, len(span.ends)
    for index in range(max(0, len(span.ends) - 1 - CHECKED_LINES), len(span.ends) - 1):
        end = span.ends[index]
        row = logits[end]
        margin = float(row[list(leaving)].logsumexp(dim=0) - row[span.tokens[end]])
        if margin > best:
            best, kept = margin, index + 1
    return kept


def _verified(span: Span, logits: Tensor, not_in_text: Ids) -> int:
    banned = torch.from_numpy(not_in_text).to(logits.device)
    written = logits[:-1].index_fill(1, banned, float("-inf")).argmax(dim=1).tolist()
    agreed = 0
    while agreed < len(written) and written[agreed] == span.tokens[agreed]:
        agreed += 1
    return sum(end <= agreed for end in span.ends)
