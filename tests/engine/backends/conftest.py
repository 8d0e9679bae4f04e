"""What the tests of model servers share: the key that stand-ins want, and an engine without."""

from __future__ import annotations

import pytest

from copydecode import Engine, EngineConfig
from copydecode.config import API_KEY, Decoding
from tests.engine.backends.stand_in import KEY


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY, KEY)


@pytest.fixture(scope="session")
def local() -> Engine:
    """The embedded model in this process."""
    # No server is lenient: it chooses among all tokens.
    return Engine.load(EngineConfig(threads=1, decoding=Decoding(lenience=0.0)))
