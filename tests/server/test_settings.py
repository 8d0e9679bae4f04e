"""Settings: good values change the configuration, bad ones give a message and the default."""

from __future__ import annotations

import pytest

from copydecode import EngineConfig, Limits
from copydecode.config import Acceptance, Decoding, Mode
from copydecode_lsp import settings
from copydecode_lsp.settings import Confirm, Settings

DEFAULT = Settings(EngineConfig(model="given"))


def test_every_setting_reaches_the_configuration() -> None:
    options = {
        "model": "/m",
        "threads": 2,
        "maxDocumentBytes": 10,
        "prefixCacheBytes": 30,
        "concurrency": 2,
        "readAhead": False,
        "confirm": "always",
        "confidenceThreshold": 1,
        "selfCheck": False,
        "scopeLock": False,
        "maxNewTokens": 20,
        "deadlineSeconds": 1.5,
        "mode": "rewrite",
        "acceptance": "checked",
        "temperature": 0.5,
        "seed": 3,
        "drafts": False,
    }
    assert options.keys() == settings.SETTINGS.keys()
    chosen, problems = settings.read(options, DEFAULT)
    assert problems == []
    decoding = Decoding(Mode.REWRITE, Acceptance.CHECKED, drafts=False, temperature=0.5, seed=3)
    engine = EngineConfig(
        "/m",
        2,
        10,
        30,
        Limits(20, 1.5),
        scope_lock=False,
        self_check=False,
        decoding=decoding,
        max_together=2,
    )
    assert chosen == Settings(
        engine, read_ahead=False, confirm=Confirm.ALWAYS, confidence_threshold=1.0
    )


@pytest.mark.parametrize("options", [None, {}])
def test_no_options_change_nothing(options: object) -> None:
    assert settings.read(options, DEFAULT) == (DEFAULT, [])


def test_null_means_no_deadline() -> None:
    chosen, problems = settings.read({"deadlineSeconds": None}, DEFAULT)
    assert (chosen.engine.limits.deadline_s, problems) == (None, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 3),
        ("model", " "),
        ("threads", 0),
        ("threads", True),
        ("threads", "two"),
        ("maxDocumentBytes", -1),
        ("maxDocumentBytes", 1.5),
        ("prefixCacheBytes", -1),
        ("concurrency", 0),
        ("concurrency", "all"),
        ("readAhead", 0),
        ("confirm", "sometimes"),
        ("confirm", True),
        ("confidenceThreshold", 1.5),
        ("confidenceThreshold", True),
        ("confidenceThreshold", None),
        ("selfCheck", "yes"),
        ("scopeLock", 1),
        ("maxNewTokens", None),
        ("deadlineSeconds", 0),
        ("deadlineSeconds", float("nan")),
        ("mode", "patch"),
        ("mode", ["rewrite"]),
        ("acceptance", None),
        ("temperature", -0.1),
        ("temperature", "hot"),
        ("seed", 2**64),
        ("seed", 0.5),
        ("drafts", "yes"),
        ("colour", "red"),
    ],
)
def test_a_bad_value_is_named_and_the_rest_counts(name: str, value: object) -> None:
    chosen, problems = settings.read(
        {name: value, "threads" if name == "maxNewTokens" else "maxNewTokens": 7}, DEFAULT
    )
    assert len(problems) == 1
    assert name in problems[0]
    assert 7 in {chosen.engine.limits.max_new_tokens, chosen.engine.threads}
    assert chosen.engine.model == DEFAULT.engine.model


def test_options_that_are_no_object_are_named() -> None:
    chosen, problems = settings.read([1], DEFAULT)
    assert chosen == DEFAULT
    assert "expected an object" in problems[0]
