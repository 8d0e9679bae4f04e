"""Which forward of our own network is the fastest on this machine, and does it decide the same?

Times one forward of T tokens behind a prefix for each way to run the same weights, against the
class that is trained (`network`). Ways take turns in short runs, so that noise hits all alike and
each finds its weights in the processor's caches as a decode does. Beside each time stands what the
way costs in exactness: its greatest difference of a logit, and the share of positions where the
greatest logit is the same. `one_by_one` says the same of one token at a time against blocks.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.config import EMBEDDED
from copydecode.decode import linear, prompt
from copydecode.decode.cache import KeyValueCache
from copydecode.decode.inference import InferenceNetwork
from copydecode.decode.linear import Linear
from copydecode.decode.model import Forward, load_network
from copydecode.decode.network import Network
from copydecode.decode.vocabulary import Vocabulary
from copydecode.errors import ConfigError
from copydecode.studies import shapes
from copydecode.studies.study import Column, Context, Report, Row, Study, main

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (1, 4, 16, 64, 256)
CPU = torch.device("cpu")
_RUN = 4  # Forwards of one way in a row; the first is not counted.
_COMPARED = 256  # Tokens behind the prefix whose logits are compared.
_BLOCK = 64


class Trained:
    """The network as it is trained, over a cache: what the other ways are measured against."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._repeats = network.config.num_attention_heads // network.config.num_key_value_heads

    def forward(self, tokens: Tensor, cache: KeyValueCache, last: int) -> Tensor:
        """Append tokens `[T]` to the cache; return the logits `[last, V]` of the last of them."""
        count = len(tokens)
        start = cache.extend(count)
        end = start + count
        storage = cache.storage
        positions = torch.arange(start, end)
        mask: Tensor | None = None  # One token sees all: no mask is the fast way.
        if count > 1:
            mask = (torch.arange(end) <= positions[:, None]).repeat(self._repeats, 1)

        def attention(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            storage[layer, 0, :, start:end] = k[0]
            storage[layer, 1, :, start:end] = v[0]
            keys, values = storage[layer, :, None, :, :end]  # [1, G, S, E]
            rows = q.reshape(1, keys.shape[1], self._repeats * count, q.shape[3])
            out = functional.scaled_dot_product_attention(rows, keys, values, attn_mask=mask)
            return out.view(q.shape)

        hidden = self._network.hidden(tokens[None], positions[None], attention)
        return self._network.logits(hidden[0, count - last :])


def bf16(weight: Tensor, bias: Tensor | None) -> Linear:
    """Return the product with weights and activations in bf16."""
    half = weight.bfloat16()
    half_bias = None if bias is None else bias.bfloat16()
    return lambda x: functional.linear(x.bfloat16(), half, half_bias).float()


def int8(weight: Tensor, bias: Tensor | None) -> Linear:
    """Return the product with weights in int8, a scale a row, and activations in int8, too."""
    scales = weight.abs().amax(1).clamp_min(1e-12) / 127
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Deprecated by torch, as all its quantised tensors are.
        quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    held = torch.ops.quantized.linear_prepack(quantised, bias)
    return lambda x: torch.ops.quantized.linear_dynamic(x, held, reduce_range=True)


def ways(network: Network) -> dict[str, Forward]:
    """Return each way to run the network on this CPU, the trained class first."""
    found: dict[str, Forward] = {
        "network": Trained(network),
        "fp32": InferenceNetwork(network, linear.plain),
    }
    if linear.has_packed():
        found["packed fp16"] = InferenceNetwork(network, linear.packed)
        found["int8"] = InferenceNetwork(network, int8)
    found["bf16"] = InferenceNetwork(network, bf16)
    return found


@torch.inference_mode()
def run(context: Context) -> Report:
    """Time and compare all ways with one model."""
    torch.set_num_threads(context.options.threads or 1)
    network, tokens = _subject(context)
    prefix: int = context.options.prefix
    if prefix + max(SIZES) > network.config.max_position_embeddings:
        message = f"expected a prefix of at least {max(SIZES)} tokens less than the context"
        raise ConfigError(message)
    forwards = ways(network)
    exactness = {
        name: _exactness(network, forward, forwards["network"], tokens, prefix)
        for name, forward in forwards.items()
    }
    times: dict[tuple[str, int], list[float]] = {(n, size): [] for n in forwards for size in SIZES}
    caches = {
        name: _filled(network, forward, tokens[:prefix]) for name, forward in forwards.items()
    }
    for _ in context.track(range(context.limit or 1), f"{context.model}, prefix {prefix}"):
        for size in SIZES:
            block = tokens[prefix : prefix + size]
            for name, forward in forwards.items():
                times[name, size] += _times(forward, block, caches[name], prefix)
    middle = {key: 1e3 * statistics.median(values) for key, values in times.items()}
    rows: list[Row] = [
        {
            "way": name,
            **exactness[name],
            **{f"ms_{size}": middle[name, size] for size in SIZES},
            **{f"ratio_{size}": middle["network", size] / middle[name, size] for size in SIZES},
        }
        for name in forwards
    ]
    title = (
        f"runtime: {context.model}, {sum(p.numel() for p in network.parameters()) / 1e6:,.1f}M "
        f"parameters, prefix {prefix}, {torch.get_num_threads()} threads"
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name in forwards:
            axes.plot(SIZES, [middle[name, size] for size in SIZES], "o-", label=name)
        axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="ms", title=title)
        axes.legend()

    return Report(
        title=title,
        columns=(
            Column("way", "way"),
            Column("agrees", "same greatest logit", ".1%"),
            Column("difference", "max. difference", ".0e"),
            Column("one_by_one", "one by one: same", ".1%"),
            Column("one_by_one_difference", "difference", ".0e"),
            *(Column(f"ms_{size}", f"{size}, ms", ".2f") for size in SIZES),
            *(Column(f"ratio_{size}", f"{size}, x", ".2f") for size in SIZES),
        ),
        rows=rows,
        draw=draw,
        notes=(
            f"Medians of {(_RUN - 1) * (context.limit or 1)} forwards with one row of logits; x is "
            "how many times faster than the class that is trained, in this run.",
        ),
    )


def _subject(context: Context) -> tuple[Network, Tensor]:
    """Return the network, and tokens: real text where there is a tokenizer, else random ones."""
    if config := shapes.SHAPES.get(context.model.lower()):
        network = shapes.random_network(config, CPU, context.seed)
        generator = torch.Generator().manual_seed(context.seed)
        return network.eval().requires_grad_(requires_grad=False), torch.randint(
            config.vocab_size, (context.options.prefix + _COMPARED,), generator=generator
        )
    folder = EMBEDDED_FOLDER if context.model == EMBEDDED else Path(context.model).expanduser()
    network = load_network(folder).float().eval().requires_grad_(requires_grad=False)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    text = Path(prompt.__file__).read_text(encoding="utf-8")
    ids = vocabulary.encode(text)
    wanted = context.options.prefix + _COMPARED
    return network, torch.tensor((ids * (1 + wanted // len(ids)))[:wanted])


def _exactness(
    network: Network, forward: Forward, trained: Forward, tokens: Tensor, prefix: int
) -> Row:
    """Compare a way with the trained class, and with itself token by token."""

    def logits(way: Forward, size: int) -> Tensor:
        cache = _filled(network, way, tokens[:prefix])
        blocks = torch.split(tokens[prefix : prefix + _COMPARED], size)
        return torch.cat([way.forward(block, cache, len(block)) for block in blocks])

    expected, blocks, single = logits(trained, _BLOCK), logits(forward, _BLOCK), logits(forward, 1)
    return {
        "agrees": _agreement(blocks, expected),
        "difference": float((blocks - expected).abs().max()),
        "one_by_one": _agreement(single, blocks),
        "one_by_one_difference": float((single - blocks).abs().max()),
    }


def _agreement(found: Tensor, expected: Tensor) -> float:
    return float((found.argmax(-1) == expected.argmax(-1)).float().mean())


def _filled(network: Network, forward: Forward, prefix: Tensor) -> KeyValueCache:
    cache = KeyValueCache(network.config, dtype=torch.float32, device=CPU)
    for block in torch.split(prefix, 512):
        forward.forward(block, cache, 0)
    return cache


def _times(forward: Forward, block: Tensor, cache: KeyValueCache, prefix: int) -> Sequence[float]:
    """Return the seconds of each counted forward of one run."""
    found = []
    for _ in range(_RUN):
        cache.crop(prefix)
        started = time.perf_counter()
        forward.forward(block, cache, 1)
        found.append(time.perf_counter() - started)
    cache.crop(prefix)
    return found[1:]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--prefix", type=int, default=512, metavar="N")
    parser.epilog = f"M may also be a shape with random weights: {', '.join(shapes.SHAPES)}."


STUDY = Study(
    name="runtime",
    question="Which forward is the fastest on this machine, and does it decide the same?",
    run=run,
    limit="rounds",
    default_limit=20,
    add_options=_options,
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
