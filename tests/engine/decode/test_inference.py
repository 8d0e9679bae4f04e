"""The forwards that decode compute what the trained network does, however the tokens are fed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from copydecode.decode import linear
from copydecode.decode.cache import KeyValueCache
from copydecode.decode.inference import InferenceNetwork, Norm
from copydecode.decode.model import EmbeddedModel, Forward
from copydecode.decode.network import Network, NetworkConfig, RMSNorm
from copydecode.decode.static import StaticNetwork

CPU = torch.device("cpu")
FAMILIES = ["qwen3", "qwen2", "llama"]
TOKENS = torch.tensor([(7 * k * k + 3 * k) % 180 for k in range(700)])
CLOSE = 1e-4

needs_packed = pytest.mark.skipif(not linear.has_packed(), reason="no FBGEMM for this CPU")


def network_of(family: str, *, tied: bool = False) -> Network:
    """A network of random weights that bf16 holds, each head and each channel with its own."""
    torch.manual_seed(1)
    config = NetworkConfig(
        model_type=family,
        vocab_size=180,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=16,
        rms_norm_eps=1e-5,
        rope_theta=10_000.0,
        max_position_embeddings=700,
        tie_word_embeddings=tied,
    )
    network = Network(config).eval().requires_grad_(requires_grad=False)
    for parameter in network.parameters():
        wider = 2.0 * parameter if parameter.dim() > 1 else parameter
        parameter.data = (wider + 0.1 * torch.randn_like(parameter)).bfloat16().float()
    return network


def whole(network: Network, tokens: Tensor) -> Tensor:
    """Return the logits `[T, V]` after every token, by the training class without any cache."""

    def attention(_layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    positions = torch.arange(len(tokens))[None]
    return network.logits(network.hidden(tokens[None], positions, attention)[0])


def static(network: Network) -> Forward:
    """Make the GPU's forward, here on the CPU."""
    return StaticNetwork(network, torch.float32, CPU)


def plain(network: Network) -> Forward:
    """Make the CPU's forward with fp32 weights."""
    return InferenceNetwork(network, linear.plain)


def packed(network: Network) -> Forward:
    """Make the CPU's forward with fp16 weights."""
    return InferenceNetwork(network, linear.packed)


def new_cache(network: Network) -> KeyValueCache:
    return KeyValueCache(network.config, dtype=torch.float32, device=CPU)


forwards = pytest.mark.parametrize(
    "make", [plain, static, pytest.param(packed, marks=needs_packed)]
)
Make = Callable[[Network], Forward]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
@forwards
def test_blocks_equal_the_network_that_was_trained(make: Make, family: str, tied: bool) -> None:
    network = network_of(family, tied=tied)
    expected = whole(network, TOKENS)
    forward, cache = make(network), new_cache(network)
    rows = [
        forward.forward(block, cache, len(block))
        for block in torch.split(TOKENS, [1, 99, 1, 3, 500, 96])
    ]
    assert cache.length == 700
    torch.testing.assert_close(torch.cat(rows), expected, atol=CLOSE, rtol=CLOSE)


@pytest.mark.parametrize("size", [1, 2, 5])
@forwards
def test_only_the_last_rows_are_computed_and_they_are_right(make: Make, size: int) -> None:
    network = network_of("qwen3")
    expected = whole(network, TOKENS[: 40 + size])
    forward = make(network)
    for last in range(size + 1):
        cache = new_cache(network)
        forward.forward(TOKENS[:40], cache, 0)
        logits = forward.forward(TOKENS[40 : 40 + size], cache, last)
        assert logits.shape == (last, 180)
        torch.testing.assert_close(logits, expected[len(expected) - last :], atol=CLOSE, rtol=CLOSE)


@forwards
@given(steps=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60)), max_size=6))
@settings(max_examples=15)
def test_any_way_of_appending_and_cropping_ends_the_same(
    make: Make, steps: list[tuple[int, int]]
) -> None:
    network = network_of("qwen3")
    forward, cache = make(network), new_cache(network)
    held: list[int] = []
    for wanted, count in steps:
        keep = min(wanted, len(held))
        cache.crop(keep)
        block = torch.randint(0, 180, (count,))
        forward.forward(block, cache, 1)
        held = [*held[:keep], *block.tolist()]
    logits = forward.forward(TOKENS[:7], cache, 7)
    expected = whole(network, torch.tensor([*held, *TOKENS[:7].tolist()]))
    torch.testing.assert_close(logits, expected[-7:], atol=CLOSE, rtol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("make", [linear.plain, pytest.param(linear.packed, marks=needs_packed)])
@given(
    blocks=st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 40), st.integers(0, 40)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=15)
def test_sequences_that_share_a_forward_get_what_each_gets_alone(
    make: linear.MakeLinear, family: str, blocks: list[tuple[int, int, int]]
) -> None:
    """To the last bit where products add up each row in the same way however many there are."""
    network = network_of(family)
    forward = InferenceNetwork(network, make)
    parts, expected = [], []
    for held, count, last in blocks:
        caches = [new_cache(network) for _ in range(2)]
        for cache in caches if held else []:
            forward.forward(TOKENS[:held], cache, 0)
        block = TOKENS[held : held + count]
        expected.append(forward.forward(block, caches[0], min(count, last)))
        parts.append((block, caches[1], min(count, last)))
    logits = forward.forward_together(parts)
    alike = torch.cat(expected)
    if make is linear.packed:
        assert torch.equal(logits, alike)
    torch.testing.assert_close(logits, alike, atol=CLOSE, rtol=CLOSE)
    for _, cache, _ in parts:  # And what they hold is what they would hold.
        after = forward.forward(TOKENS[cache.length :][:1], cache, 1)
        torch.testing.assert_close(
            after, whole(network, TOKENS[: cache.length])[-1:], atol=CLOSE, rtol=CLOSE
        )


@needs_packed
def test_packed_products_are_those_of_fp32_in_another_order() -> None:
    weight, bias = torch.randn(96, 48).bfloat16().float(), torch.randn(96)
    for rows in (1, 2, 7, linear.MANY_ROWS - 1, linear.MANY_ROWS, 300):
        x = torch.randn(rows, 48)
        for b in (None, bias):
            expected = functional.linear(
                x.double(), weight.double(), b if b is None else b.double()
            )
            found = linear.packed(weight, b)(x)
            torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


def test_weights_are_packed_only_where_that_loses_nothing() -> None:
    rounded = torch.randn(64, 64).bfloat16().float()
    tiny = 1e-6 * rounded
    assert linear.fits_half(rounded)
    assert linear.fits_half(tiny)
    assert not linear.fits_half(torch.tensor([1e5]))  # Over fp16's greatest.
    assert not linear.fits_half(torch.tensor([0.1]))
    assert linear.best([rounded, torch.tensor([0.1])]) is linear.plain
    assert linear.best([rounded, tiny]) is (linear.packed if linear.has_packed() else linear.plain)


def test_the_norm_is_rms_norm() -> None:
    theirs = RMSNorm(48, 1e-3)
    theirs.weight.data = torch.randn(48)
    x = torch.randn(5, 3, 48) * torch.tensor([0.0, 1e-3, 1.0, 1e3, 1e6])[:, None, None]
    torch.testing.assert_close(Norm(theirs.weight.detach(), 1e-3)(x), theirs(x).detach())


def test_a_model_is_independent_of_the_network_it_was_made_of() -> None:
    network = network_of("qwen3")
    model = EmbeddedModel(network, CPU)
    before = model.forward([1, 2, 3], model.new_cache(), 1)
    assert model.parameters == sum(parameter.numel() for parameter in network.parameters())
    torch.testing.assert_close(
        before, whole(network, torch.tensor([1, 2, 3]))[-1:], atol=CLOSE, rtol=CLOSE
    )


def test_padding_does_not_reach_beyond_the_context() -> None:
    """The last block has no room to be padded to the next size."""
    network = network_of("qwen3")
    forward, cache = static(network), new_cache(network)
    forward.forward(TOKENS[:697], cache, 0)
    logits = forward.forward(TOKENS[697:], cache, 3)
    torch.testing.assert_close(logits, whole(network, TOKENS)[-3:], atol=CLOSE, rtol=CLOSE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_forwards_equal_the_network_that_was_trained(family: str) -> None:
    """Replayed at other positions, after a crop, over a grown storage, and beside another cache."""
    cuda = torch.device("cuda")
    network = network_of(family)
    expected = whole(network, TOKENS)
    forward = StaticNetwork(network, torch.float32, cuda)
    caches = [KeyValueCache(network.config, dtype=torch.float32, device=cuda) for _ in range(2)]
    tokens = TOKENS.to(cuda)
    with torch.inference_mode():
        for start, count in ((0, 400), (400, 1), (401, 1), (300, 7), (307, 8), (315, 240)):
            for cache in caches:
                cache.crop(start)
                logits = forward.forward(tokens[start : start + count], cache, count)
                found = expected[start : start + count]
                torch.testing.assert_close(logits.cpu(), found, atol=1e-3, rtol=1e-3)
        for start in range(555, 700):
            logits = forward.forward(tokens[start : start + 1], caches[0], 1)
            torch.testing.assert_close(
                logits.cpu(), expected[start : start + 1], atol=1e-3, rtol=1e-3
            )
