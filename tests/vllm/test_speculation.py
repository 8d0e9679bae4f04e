"""A real vLLM that speculates by n-grams: the same edits, and guesses that are right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copydecode import Engine, EngineConfig
from copydecode.backends import local
from copydecode.config import Decoding, Mode
from tests.vllm.conftest import Running, serve
from tests.vllm.test_real_vllm import CASES, cases, differing, outcome, remote

SPECULATES = {
    "method": "ngram",
    "num_speculative_tokens": 8,
    "prompt_lookup_min": 2,
    "prompt_lookup_max": 5,
}
"""As docs/remote.md has it."""

WORDS = ("--speculative-config", json.dumps(SPECULATES))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    log = tmp_path_factory.mktemp("speculating") / "log"
    with serve(local.EMBEDDED_FOLDER, log, *WORDS) as running:
        yield running


def accepted(running: Running) -> float:
    """Return how many guesses were right so far."""
    return running.counted("spec_decode_num_accepted_tokens_total")


def test_programs_are_the_local_ones(embedded: Running) -> None:
    ours = Engine.load(EngineConfig(threads=1, decoding=Decoding(lenience=0.0)))
    before = accepted(embedded)
    assert differing(ours, remote(embedded), cases(CASES, 38, tokens=300)) == []
    assert accepted(embedded) > before


def test_full_text_is_the_local_one(save_foreign: Callable[..., Path], tmp_path: Path) -> None:
    folder = save_foreign(tmp_path / "model", "qwen2", hidden_size=128, head_dim=32)
    decoding = Decoding(mode=Mode.REWRITE)
    ours = Engine(local.load(EngineConfig(str(folder), threads=1, decoding=decoding)))
    with serve(folder, tmp_path / "log", *WORDS) as running:
        theirs = remote(running, model=str(folder), decoding=decoding)
        for request in cases(12, 12, tokens=24):
            assert outcome(theirs, request) == outcome(ours, request)
