"""Sheets as tensors: each document once, its cases as branches that share it.

A branch is what decoding appends to the document's tokens: the request, then the program with its
forced and spliced tokens in place. Only decided tokens carry loss. Knows nothing of optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from copydecode.decode.prompt import EmbeddedPrompt, similar_names
from copydecode.training.tasks import Case, Sheet

PAD = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """`N` sheets of up to `P` document tokens and `K` branches of up to `S` tokens.

    Attributes:
        tokens: `[N, P + K * S]`, documents first.
        positions: `[N, P + K * S]`; a branch goes on where its document ends.
        document_lengths: `[N]`.
        targets: `[N, P + K * S]`, the next token, or -1 where nothing is decided.
        branches: `K`; `branch_tokens` is `S`, `document_tokens` is `P`.
        cases: the `N * K` cases in order.
    """

    tokens: Tensor
    positions: Tensor
    document_lengths: Tensor
    targets: Tensor
    document_tokens: int
    branches: int
    branch_tokens: int
    cases: tuple[Case, ...]


def make_batch(sheets: Sequence[Sheet], prompt: EmbeddedPrompt, splice_window: int | None) -> Batch:
    """Encode sheets with the same number of cases each."""
    documents: list[list[int]] = []
    branches: list[list[tuple[list[int], list[int]]]] = []
    for sheet in sheets:
        line_tokens = prompt.encode_lines(sheet.lines)
        documents.append(prompt.document_tokens(line_tokens))
        branches.append(
            [_branch(sheet, case, line_tokens, prompt, splice_window) for case in sheet.cases]
        )
    n, k = len(sheets), len(branches[0])
    # oneDNN compiles a kernel for every new shape: keep them few.
    p = _round_up(max(map(len, documents)), 64)
    s = _round_up(max(len(ids) for row in branches for ids, _ in row), 32)
    tokens = torch.full((n, p + k * s), PAD)
    targets = torch.full((n, p + k * s), -1)
    positions = torch.zeros((n, p + k * s), dtype=torch.long)
    for row, document in enumerate(documents):
        d = len(document)
        tokens[row, :d] = torch.tensor(document)
        targets[row, : d - 1] = tokens[row, 1:d]
        positions[row, :p] = torch.arange(p)
        for index, (ids, decided) in enumerate(branches[row]):
            at = p + index * s
            tokens[row, at : at + len(ids)] = torch.tensor(ids)
            targets[row, at : at + len(ids)] = torch.tensor(decided)
            positions[row, at : at + s] = torch.arange(d, d + s)
    lengths = torch.tensor([len(d) for d in documents])
    cases = tuple(case for sheet in sheets for case in sheet.cases)
    return Batch(tokens, positions, lengths, targets, p, k, s, cases)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _branch(
    sheet: Sheet,
    case: Case,
    line_tokens: Sequence[Sequence[int]],
    prompt: EmbeddedPrompt,
    splice_window: int | None,
) -> tuple[list[int], list[int]]:
    """Return a branch's tokens and, at each, the decided token that comes next or -1."""
    names = similar_names(case.instruction, sheet.lines, "python")
    request = prompt.request_tokens(case.instruction, case.scope, names)
    program, decided = prompt.program_tokens(case.program, line_tokens, splice_window)
    ids = request + program
    flags = [False] * len(request) + decided
    following = [i if flag else -1 for i, flag in zip(ids[1:], flags[1:], strict=True)]
    return ids, [*following, -1]


class BranchAttention:
    """Documents attend causally to themselves, branches to their document and to themselves.

    The same as one mask over the whole row, at about 40 % of its scores for six branches.
    """

    def __init__(self, batch: Batch, dtype: torch.dtype, device: torch.device) -> None:
        self._p, self._k, self._s = batch.document_tokens, batch.branches, batch.branch_tokens
        outside = torch.arange(self._p) >= batch.document_lengths[:, None]  # [N, P]
        self._document_bias = _bias(outside, dtype, device)
        causal = torch.ones(self._s, self._s, dtype=torch.bool).tril()
        self._own_bias = _bias(~causal, dtype, device)

    def __call__(self, _layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend; shapes as `network.Attention`."""
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        n, h, t, e = q.shape
        # Split, not sliced: the gradient of a slice is a zero tensor of the whole size.
        p = self._p
        q_document, q_own = torch.split(q, [p, t - p], 2)
        k_document, k_own = torch.split(k, [p, t - p], 2)
        v_document, v_own = torch.split(v, [p, t - p], 2)
        documents = functional.scaled_dot_product_attention(
            q_document, k_document, v_document, is_causal=True
        )
        q_own = q_own * e**-0.5  # [N, H, K * S, E]
        each = (n, h, self._k, self._s, e)
        to_document = q_own @ k_document.transpose(-1, -2)  # [N, H, K * S, P]
        to_document = to_document + self._document_bias[:, None, None]
        to_own = q_own.reshape(each) @ k_own.reshape(each).transpose(-1, -2) + self._own_bias
        scores = torch.cat((to_document.view(*each[:-1], p), to_own), -1)  # [N, H, K, S, P + S]
        of_document, of_own = torch.split(scores.softmax(-1), [p, self._s], -1)
        out = (of_own @ v_own.reshape(each)).reshape(n, h, -1, e)
        out = out + of_document.reshape(n, h, -1, p) @ v_document
        return torch.cat((documents, out), 2)


def _bias(hidden: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return minus infinity where `hidden`, else zero."""
    bias = torch.zeros(hidden.shape, dtype=dtype)
    return bias.masked_fill_(hidden, -torch.inf).to(device)
