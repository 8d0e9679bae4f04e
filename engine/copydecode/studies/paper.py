r"""What the paper reports, and its line convention: references to compare with, never results.

Liu, Copy-as-Decode, arXiv 2604.18170 (April 2026). Its documents are cut by `split("\n")`, spans
and ops are joined by one newline, and what follows a final newline counts as a line; ours differ
(`copydecode.edit`), so its convention lives here. Knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from copydecode.edit.program import Copy, Gen, Program


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A row of Table 2: counts in Qwen2.5 tokens, covers in percent, bounds as factors."""

    cases: int
    tokens: int
    copied: int
    spans: int
    bound_m8: float
    bound_mean: float
    bound_exact: float
    token_cover: float | None = None
    token_bound: float | None = None
    token_optimum: float | None = None


CEILINGS = {
    "probe": Ceiling(154, 101_113, 98_844, 321, 6.01, 29.1, 29.02, 99.3, 6.4, 98.6),
    "fix-python": Ceiling(164, 8_872, 6_577, 295, 2.72, 3.30, 3.45, 91.0, 4.5, 92.7),
    "fix-js": Ceiling(164, 14_876, 11_725, 311, 3.05, 4.15, 4.18, 93.3, 5.4, 94.5),
    "pooled": Ceiling(482, 124_861, 117_146, 927, 5.00, 13.6, 13.01),
}

KERNEL: dict[str, dict[float, float]] = {
    "qwen2.5-7b": {8: 6.8, 512: 90.5},
    "qwen2.5-1.5b": {8: 7.0, 512: 303.0},
}
"""s(N) that the paper prints: eager attention, bf16, one A100 80GB, prefix 1024. s(1) and s(2) are
about 1.1 to 1.3 for both."""

PERTURBATION = {
    "probe": {0: 100.0, 1: 8.57, 2: 3.38, 3: 1.82, 5: 1.43},
    "fix-python": {0: 100.0, 1: 24.76, 2: 18.29, 3: 15.00, 5: 14.15},
    "fix-js": {0: 100.0, 1: 12.68, 2: 6.22, 3: 4.27, 5: 1.22},
    "pooled": {0: 100.0, 1: 15.48, 2: 9.42, 3: 7.14, 5: 5.68},
}
"""Table 8: trimmed exact match in percent by the greatest error of an endpoint."""

DRAWS = 5
"""Perturbed programs a case: the percentages of Table 8 are multiples of 1 / (5 n)."""

FORMATS = {
    "full text": {"probe": (694.6, 1.00), "fix-python": (53.8, 1.00), "fix-js": (103.7, 1.00)},
    "search/replace": {"probe": (44.8, 0.81), "fix-python": (38.0, 0.94), "fix-js": (60.5, 0.91)},
    "unified diff": {"probe": (67.1, 1.00), "fix-python": (54.9, 1.00), "fix-js": (83.2, 1.00)},
    "copy/gen program": {
        "probe": (45.3, 1.00),
        "fix-python": (40.1, 1.00),
        "fix-js": (50.7, 1.00),
    },
}
"""Table 3: mean tokens and round-trip exact match, over 31 / 33 / 33 cases."""

ROUND_TRIPS = (482, 482)
"""Table 4: cases that come back, of all, strict and clipped."""


def lines(text: str) -> list[str]:
    """Cut a text into the paper's lines: never none, and an empty one after a final newline."""
    return text.split("\n")


def oracle(source: Sequence[str], target: Sequence[str]) -> Program:
    """Return the paper's oracle program between two texts in its lines.

    A gen's text is its lines joined by newlines, without one at its end.
    """
    ops: list[Copy | Gen] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, source, target, autojunk=False).get_opcodes():
        if tag == "equal":
            ops.append(Copy(i1 + 1, i2))
        elif j1 < j2:
            ops.append(Gen("\n".join(target[j1:j2])))
    return Program(tuple(ops))


def resolve(program: Program, source: Sequence[str]) -> str:
    """Return the new text of a program whose copies are within the document's lines."""
    return "\n".join(
        "\n".join(source[op.first - 1 : op.last]) if isinstance(op, Copy) else op.text
        for op in program.line_ops
    )


def kernel_points() -> dict[float, float]:
    """Return points of the paper's s(N) for 7B, the kernel of its bounds.

    Beside what it prints (`KERNEL`, and s(1) = 1.1, s(2) = 1.3) stand three points that follow from
    its Table 2: the bound at the mean span is `T / (T_gen + T_copy / s(mean))`, solved for s.
    """
    points: dict[float, float] = {1: 1.1, 2: 1.3}
    points |= KERNEL["qwen2.5-7b"]
    for name in ("probe", "fix-python", "fix-js"):
        row = CEILINGS[name]
        generated = row.tokens - row.copied
        points[row.copied / row.spans] = row.copied / (row.tokens / row.bound_mean - generated)
    return dict(sorted(points.items()))
