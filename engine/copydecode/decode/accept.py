"""Acceptance policies: how much of a copied span stands once its own logits are known.

A spliced span is read in one forward, which also tells what the model would have written at each of
its places. `program` takes the program at its word (Liu, arXiv 2604.18170). `checked` cuts the span
short where, at the end of one of its last lines, the model strongly prefers to leave it. `verified`
keeps the whole lines that the model would have written itself. What is cut off never happened: the
next op is decided by the logits that stand behind the last line kept. A copy of tokens may end with
any token: to the policies each is a line of its own. Knows nothing of grammars.
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


def verdicts(
    policy: Acceptance,
    following: Sequence[int],
    logits: Tensor,
    leaving: Sequence[int],
    not_in_text: Ids,
) -> list[float]:
    """Return for each row how much it speaks against the span's token that follows it.

    `checked`: by how many nats leaving is likelier than the token. `verified`: 1 where the model
    would have written another token, else 0.

    Args:
        policy: what to go by, not `program`: that asks no logits.
        following: the span's token behind each row.
        logits: `[R, V]`.
        leaving: ids that begin the next op, or end the program.
        not_in_text: ids that the model could not have written inside the span.
    """
    tokens = torch.tensor(following, dtype=torch.long, device=logits.device)
    if policy is Acceptance.CHECKED:
        going_on = logits.gather(1, tokens[:, None])[:, 0]  # [R]
        against = logits[:, list(leaving)].logsumexp(dim=1) - going_on
    else:
        banned = torch.from_numpy(not_in_text).to(logits.device)
        written = logits.index_fill(1, banned, float("-inf")).argmax(dim=1)
        against = (written != tokens).float()
    found: list[float] = against.tolist()
    return found


def kept_lines(policy: Acceptance, span: Span, against: Sequence[float]) -> int:
    """Return how many of the span's lines stand.

    Args:
        policy: what to go by.
        span: at least one line.
        against: the `verdicts` on the span's N tokens; none are needed for `program`.
    """
    match policy:
        case Acceptance.PROGRAM:
            return len(span.ends)
        case Acceptance.CHECKED:
            return _checked(span, against)
        case Acceptance.VERIFIED:
            agreed = next((k for k, verdict in enumerate(against) if verdict), len(against))
            return sum(end <= agreed for end in span.ends)


def _checked(span: Span, against: Sequence[float]) -> int:
    best, kept = CHECKED_MARGIN, len(span.ends)
    for index in range(max(0, len(span.ends) - 1 - CHECKED_LINES), len(span.ends) - 1):
        margin = against[span.ends[index]]
        if margin > best:
            best, kept = margin, index + 1
    return kept
