"""What a format makes of weights, and what it takes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from rich.progress import Progress

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.training import evaluate
from copydecode.training.precision import Format, compare
from copydecode.training.sheets import SheetMaker


def test_integers_are_as_near_as_their_steps() -> None:
    weight = torch.randn(6, 64, generator=torch.Generator().manual_seed(0))
    assert Format("as saved").rounded(weight) is weight
    errors = []
    for form in (Format("8", 8), Format("6", 6), Format("6g", 6, 32), Format("4", 4)):
        held = form.rounded(weight)
        blocks = (weight.view(6, -1, form.group or 64), held.view(6, -1, form.group or 64))
        step = blocks[0].abs().amax(-1, keepdim=True) / (2 ** (form.bits or 0) // 2 - 1)
        assert ((blocks[0] - blocks[1]).abs() <= 0.51 * step).all()
        errors.append(float((held - weight).norm()))
    assert errors[0] < errors[2] < errors[1] < errors[3]


def test_zeros_stay_and_groups_have_to_fit() -> None:
    assert Format("8", 8).rounded(torch.zeros(2, 8)).eq(0).all()
    with pytest.raises(ValueError, match="groups of 3, got 8"):
        Format("8", 8, 3).rounded(torch.zeros(2, 8))


def test_bytes_count_the_scales() -> None:
    weight = torch.zeros(4, 64, dtype=torch.bfloat16)
    assert Format("as saved").bytes_of(weight) == 512
    assert Format("8", 8).bytes_of(weight) == 256 + 4 * 2
    assert Format("4", 4, 32).bytes_of(weight) == 128 + 8 * 2


def test_eight_bits_edit_like_sixteen_and_two_do_not(maker: SheetMaker) -> None:
    rng = Random(3)
    sheets = [maker.draw(rng, 12, 1, {"delete": 1.0, "find-delete": 1.0}) for _ in range(6)]
    trials = [evaluate.trial("delete", sheet, sheet.cases[0]) for sheet in sheets]
    formats = (Format("as saved"), Format("8", 8), Format("2", 2))
    with Progress(disable=True) as progress:
        rows = compare(Path(EMBEDDED_FOLDER), trials, formats, progress)
    assert rows[0].same == 1.0
    assert rows[1].same >= 0.8
    assert rows[2].same < rows[1].same
    assert rows[0].megabytes > rows[1].megabytes > rows[2].megabytes
