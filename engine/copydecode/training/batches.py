"""Sheets as tensors: each document once, its cases as branches that share it.

A branch is what decoding appends to the document's tokens: the request, then the program with its
forced and spliced tokens in place. Only decided tokens carry loss. Beside them stand the numbers of
lines that training may ask for inside the network: each document token's own, and at the texts that
an instruction mentions the line where they stand. Knows nothing of optimisers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from copydecode.decode.prompt import EmbeddedPrompt, similar_names
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import split_lines
from copydecode.edit.grammar import COPY_CLOSE, COPY_DASH
from copydecode.edit.program import Program
from copydecode.edit.token_copies import with_token_copies
from copydecode.training.tasks import Case, Sheet

PAD = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """`N` sheets of up to `P` document tokens and `K` branches of up to `S` tokens.

    The network gets the `T` tokens at `kept` alone, in one row: padding is for attention only.

    Attributes:
        tokens: `[N, P + K * S]`, documents first.
        positions: `[N, P + K * S]`; a branch goes on where its document ends.
        document_lengths: `[N]`.
        kept: `[T]`, rising indices into the flat `[N * (P + K * S)]`: all tokens, and as much of
            the padding as makes `T` a round number.
        targets: `[N, P + K * S]`, the next token, or -1 where nothing is decided.
        lines: `[N, P + K * S]`, the line that a token belongs to or mentions, or -1.
        ends: `[N, P + K * S]`, whether the next token is of the number of a copy's last line.
        branches: `K`; `branch_tokens` is `S`, `document_tokens` is `P`.
        cases: the `N * K` cases in order.
    """

    tokens: Tensor
    positions: Tensor
    document_lengths: Tensor
    kept: Tensor
    targets: Tensor
    lines: Tensor
    ends: Tensor
    document_tokens: int
    branches: int
    branch_tokens: int
    cases: tuple[Case, ...]

    @property
    def in_document(self) -> Tensor:
        """`[T]`: whether a kept token stands before the branches."""
        return self.kept % self.tokens.shape[1] < self.document_tokens

    @property
    def size(self) -> int:
        """The number of tokens without padding."""
        return int((self.tokens != PAD).sum())


def make_batch(
    sheets: Sequence[Sheet],
    prompt: EmbeddedPrompt,
    splice_window: int | None,
    decisions: int | None = None,
    least_tokens: int | None = None,
) -> Batch:
    """Encode sheets with the same number of cases each.

    Branches end with the decision of that number, where it is not None. New text that stands in the
    lines that may change is copied as tokens, in spans of `least_tokens`, where that is not None.
    """
    documents: list[list[int]] = []
    own_lines: list[list[int]] = []
    branches: list[list[_Branch]] = []
    for sheet in sheets:
        line_tokens = prompt.encode_lines(sheet.lines)
        documents.append(prompt.document_tokens(line_tokens))
        # A number's token is its own line's, the opening marker is none's.
        numbered = enumerate(line_tokens, start=1)
        own_lines.append([-1])
        for k, line in numbered:
            own_lines[-1] += [k] * (len(prompt.number_tokens(k)) + len(line))
        own: list[_Branch] = []
        for case in sheet.cases:
            program, copies = case.program, least_tokens is not None
            if least_tokens is not None:
                program = _with_token_copies(case, line_tokens, prompt.vocabulary, least_tokens)
            written = prompt.program_tokens(
                program, line_tokens, splice_window, case.lock, token_copies=copies
            )
            own.append(_branch(sheet, case, prompt, written).until(decisions))
        branches.append(own)
    n, k = len(sheets), len(branches[0])
    # oneDNN compiles a kernel for every new shape: keep them few.
    p = _round_up(max(map(len, documents)), 64)
    s = _round_up(max(len(branch.tokens) for row in branches for branch in row), 32)
    tokens = torch.full((n, p + k * s), PAD)
    targets = torch.full((n, p + k * s), -1)
    lines = torch.full((n, p + k * s), -1)
    ends = torch.zeros((n, p + k * s), dtype=torch.bool)
    positions = torch.zeros((n, p + k * s), dtype=torch.long)
    for row, document in enumerate(documents):
        d = len(document)
        tokens[row, :d] = torch.tensor(document)
        targets[row, : d - 1] = tokens[row, 1:d]
        lines[row, :d] = torch.tensor(own_lines[row])
        positions[row, :p] = torch.arange(p)
        for index, branch in enumerate(branches[row]):
            at = p + index * s
            there = slice(at, at + len(branch.tokens))
            tokens[row, there] = torch.tensor(branch.tokens)
            targets[row, there] = torch.tensor(branch.targets)
            lines[row, there] = torch.tensor(branch.lines)
            ends[row, there] = torch.tensor(branch.ends)
            positions[row, at : at + s] = torch.arange(d, d + s)
    lengths = torch.tensor([len(d) for d in documents])
    used = torch.zeros(n, p + k * s, dtype=torch.bool)
    for row, document in enumerate(documents):
        used[row, : len(document)] = True
        for index, branch in enumerate(branches[row]):
            used[row, p + index * s : p + index * s + len(branch.tokens)] = True
    spare = (~used).flatten().nonzero()[:, 0]
    count = int(used.sum())
    rounded = min(used.numel(), _round_up(count, 256))
    used.view(-1)[spare[: rounded - count]] = True
    kept = used.flatten().nonzero()[:, 0]
    cases = tuple(case for sheet in sheets for case in sheet.cases)
    return Batch(tokens, positions, lengths, kept, targets, lines, ends, p, k, s, cases)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch's tokens; at each the decided token that comes next, and the line that it mentions.

    Both -1 where there is none. `ends` says where the next token is of a copy's last line.
    """

    tokens: list[int]
    targets: list[int]
    lines: list[int]
    ends: list[bool]

    def until(self, decisions: int | None) -> _Branch:
        """Return the part that leads to the decision of that number, all where there are less."""
        decided = [at for at, target in enumerate(self.targets) if target >= 0]
        if decisions is None or len(decided) <= decisions:
            return self
        end = decided[decisions - 1] + 1
        return _Branch(self.tokens[:end], self.targets[:end], self.lines[:end], self.ends[:end])


def _branch(
    sheet: Sheet, case: Case, prompt: EmbeddedPrompt, written: tuple[list[int], list[bool]]
) -> _Branch:
    """Return the branch of a case, of whose program the tokens are `written`, some decided."""
    program, decided = written
    names = similar_names(case.instruction, sheet.lines, sheet.language)
    request = prompt.request_tokens(case.instruction, case.scope, names, sheet.lines)
    ids = request + program
    flags = [False] * len(request) + decided
    following = [i if flag else -1 for i, flag in zip(ids[1:], flags[1:], strict=True)]
    lines = [-1] * len(ids)
    placed = prompt.instruction_tokens(case.instruction, sheet.lines) if case.mentions else []
    for (start, end), line in _mentions(case, sheet.lines):
        # Behind the marker of the instruction; a token is in the mention where its end is.
        for at, (_, token_end) in enumerate(placed, start=1):
            if token_end is not None and start < token_end <= end:
                lines[at] = line
    return _Branch(ids, [*following, -1], lines, _ends(ids, len(request), prompt))


def _with_token_copies(
    case: Case, line_tokens: Sequence[Sequence[int]], vocabulary: Vocabulary, least: int
) -> Program:
    pieces = [list(map(vocabulary.token_bytes, line)) for line in line_tokens]
    return with_token_copies(case.program, pieces, partial(_cut, vocabulary), case.lock, least)


def _cut(vocabulary: Vocabulary, text: str) -> list[list[bytes]]:
    """Return the bytes of each token of each line of new text."""
    lines = map(vocabulary.encode, split_lines(text))
    return [list(map(vocabulary.token_bytes, line)) for line in lines]


def _ends(ids: Sequence[int], start: int, prompt: EmbeddedPrompt) -> list[bool]:
    """Return where the next token is of the number of a copy's last line.

    `ids[start:]` is the program. Numbers stand between a dash and the marker that closes a copy,
    which no text has.
    """
    [dash] = prompt.vocabulary.encode(COPY_DASH)
    close = prompt.vocabulary.special(COPY_CLOSE)
    ends = [False] * len(ids)
    for at in range(start, len(ids)):
        if ids[at] == close:
            before = at - 1
            while ids[before] != dash:
                ends[before - 1] = True
                before -= 1
    return ends


def _mentions(case: Case, lines: Sequence[str]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield where in the instruction a line is mentioned, from where on it can be no other.

    The place is that of characters `start < end <= ...`; one more is in it, since a closing quote
    may be in the last token.
    """
    at = 0
    for text, line in case.mentions:
        found = case.instruction.find(text, at)
        if found < 0:
            continue
        length = 1
        while length < len(text) and sum(text[:length] in other for other in lines) > 1:
            length += 1
        yield (found + length - 1, found + len(text) + 1), line
        at = found + len(text)


class BranchAttention:
    """Documents attend causally to themselves, branches to their document and to themselves.

    The same as one mask over the whole row, at about 40 % of its scores for six branches. It gets
    the tokens that the batch keeps, and spreads them over sheets and branches itself.

    `watched` names one head in some layers; `looks` then holds for each how far it is from looking,
    at a text of the instruction, at the line where that stands: the mean of minus the logarithm of
    the attention that goes there.
    """

    def __init__(
        self,
        batch: Batch,
        dtype: torch.dtype,
        device: torch.device,
        watched: Mapping[int, int] | None = None,
    ) -> None:
        self.looks: list[Tensor] = []
        self._watched = watched or {}
        if self._watched:
            lines = batch.lines.to(device)
            own = lines[:, batch.document_tokens :]
            self._asks = own > 0  # [N, K * S]
            same = lines[:, None, : batch.document_tokens] == own[..., None]
            self._wanted = same[self._asks]  # [M, P]
        self._p, self._k, self._s = batch.document_tokens, batch.branches, batch.branch_tokens
        self._n = len(batch.tokens)
        self._kept = batch.kept.to(device)
        outside = torch.arange(self._p) >= batch.document_lengths[:, None]  # [N, P]
        self._document_bias = _bias(outside, dtype, device)
        causal = torch.ones(self._s, self._s, dtype=torch.bool).tril()
        self._own_bias = _bias(~causal, dtype, device)

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend; shapes as `network.Attention` with `B` 1 and the `T` tokens of the batch."""
        groups = q.shape[1] // k.shape[1]
        q, k, v = self._spread(q), self._spread(k), self._spread(v)
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        out = self._attend(q, k, v, self._watched.get(layer))  # [N, H, P + K * S, E]
        rows = out.transpose(1, 2).reshape(-1, out.shape[1] * out.shape[3])
        rows = rows.index_select(0, self._kept)
        return rows.view(1, len(rows), out.shape[1], out.shape[3]).transpose(1, 2)

    def _spread(self, x: Tensor) -> Tensor:
        """Map `[1, H, T, E]` to `[N, H, P + K * S, E]`, zero where there is no token."""
        _, h, t, e = x.shape
        rows = x.transpose(1, 2).reshape(t, h * e)
        length = self._p + self._k * self._s
        empty = rows.new_zeros(self._n * length, h * e)
        return empty.index_copy(0, self._kept, rows).view(self._n, length, h, e).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, watched: int | None) -> Tensor:
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
        if watched is not None and len(self._wanted):
            rows = scores[:, watched].flatten(1, 2)[self._asks].float()  # [M, P + S]
            there = rows[:, :p].masked_fill(~self._wanted, -torch.inf)
            self.looks.append((rows.logsumexp(-1) - there.logsumexp(-1)).mean())
        of_document, of_own = torch.split(scores.softmax(-1), [p, self._s], -1)
        out = (of_own @ v_own.reshape(each)).reshape(n, h, -1, e)
        out = out + of_document.reshape(n, h, -1, p) @ v_document
        return torch.cat((documents, out), 2)


def _bias(hidden: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return minus infinity where `hidden`, else zero."""
    bias = torch.zeros(hidden.shape, dtype=dtype)
    return bias.masked_fill_(hidden, -torch.inf).to(device)
