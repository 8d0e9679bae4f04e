"""The number of threads is the fastest that was measured, and one where they are much alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from copydecode.backends.threads import choose, fastest
from copydecode.decode.model import EmbeddedModel
from copydecode.decode.network import Network


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({1: 1.0}, 1),
        ({1: 1.0, 2: 0.6, 4: 0.4}, 4),
        ({1: 1.0, 2: 0.9, 4: 0.1}, 1),  # After no gain nothing more is tried.
        ({1: 1.0, 2: 5.0}, 1),
        ({1: 1.0, 2: 0.7, 4: 0.69}, 2),
    ],
)
def test_more_threads_have_to_earn_it(seconds: dict[int, float], expected: int) -> None:
    limits = []

    def measure(threads: int, limit: float) -> float:
        limits.append(limit)
        return seconds[threads]

    assert fastest(list(seconds), measure) == expected
    assert limits == sorted(limits, reverse=True)


@pytest.fixture
def _threads_restored() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads_restored")
def test_the_choice_is_set(make_network: Callable[..., Network]) -> None:
    torch.set_num_threads(2)
    model = EmbeddedModel(make_network(context=100), torch.device("cpu"))
    chosen = choose(model)
    assert chosen in {1, 2}
    assert torch.get_num_threads() == chosen
