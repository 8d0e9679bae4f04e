"""Products with fixed weights, laid out once for the CPU that they run on.

A decode forward has few rows, so that it waits for weights to arrive from memory. Weights that were
trained in bf16 fit into 16 bits: FBGEMM keeps them as fp16, widens them in registers and adds up in
fp32. That is the arithmetic of fp32 weights (only sums are in another order) at half the traffic.
Knows nothing of networks.

Shapes: `T` rows, `I` inputs, `O` outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

Linear = Callable[[Tensor], Tensor]
"""`x [T, I] -> [T, O]`, fp32, always a new tensor."""

MakeLinear = Callable[[Tensor, Tensor | None], Linear]
"""`(weight [O, I], bias [O] or None) -> Linear`."""

HALF_STEP = 2.0**-25
"""Half of fp16's least step: what rounding may change of a weight below its normal range."""

MANY_ROWS = 16
"""From here on a product is worth several threads, where there are."""


def plain(weight: Tensor, bias: Tensor | None) -> Linear:
    """Return the product in fp32, by torch's BLAS."""

    def linear(x: Tensor) -> Tensor:
        return functional.linear(x, weight, bias)

    return linear


def packed(weight: Tensor, bias: Tensor | None) -> Linear:
    """Return the product with weights in fp16, activations and sums in fp32; needs `has_packed`.

    Few rows go the way that costs least to call (about 2 us; the other takes 20 us more), many the
    way that takes several threads. The kernels are the same; each way has its copy of the weights.
    """
    if bias is not None:
        without = packed(weight, None)

        def biased(x: Tensor) -> Tensor:
            return without(x).add_(bias)

        return biased
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Deprecated: `has_packed` asks whether it is there.
        few = torch.fbgemm_pack_gemm_matrix_fp16(weight)
    many = torch.ops.quantized.linear_prepack_fp16(weight, None)

    def linear(x: Tensor) -> Tensor:
        if len(x) < MANY_ROWS or torch.get_num_threads() == 1:
            return torch.fbgemm_linear_fp16_weight_fp32_activation(x, few, None)
        return torch.ops.quantized.linear_dynamic_fp16(x, many)  # type: ignore[no-any-return]

    return linear


def fits_half(weight: Tensor) -> bool:
    """Return whether fp16 holds these weights as well as fp32 does; bf16 checkpoints mostly fit."""
    return bool((weight.half().float() - weight).abs_().max() <= HALF_STEP)


def best(weights: Iterable[Tensor]) -> MakeLinear:
    """Return how to prepare products with these weights: packed where that loses nothing.

    By what the machine can do, never by timing: the choice is the same at every start.
    """
    return packed if has_packed() and all(map(fits_half, weights)) else plain


@cache
def has_packed() -> bool:
    """Return whether torch has FBGEMM's product on this CPU, and it computes what it should."""
    weight, x = torch.eye(16), torch.arange(32.0).view(2, 16)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Also warns at the first call, once.
            return torch.equal(packed(weight, None)(x), x)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
