"""Settings: good values change the configuration, bad ones give a message and the default."""

from __future__ import annotations

import pytest

from copydecode import EngineConfig, Limits
from copydecode.config import Acceptance, Decoding, Mode, RemoteApi
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
        "remoteUrl": "https://models.example:8000",
        "remoteModel": "served",
        "remoteApi": "chat",
        "remoteContext": 8192,
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
        remote_url="https://models.example:8000",
        remote_model="served",
        remote_api=RemoteApi.CHAT,
        remote_context=8192,
    )
    assert chosen == Settings(
        engine, read_ahead=False, confirm=Confirm.ALWAYS, confidence_threshold=1.0
    )


@pytest.mark.parametrize("options", [None, {}])
def test_no_options_change_nothing(options: object) -> None:
    assert settings.read(options, DEFAULT) == (DEFAULT, [])


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_address_means_no_model_server(nothing: str | None) -> None:
    chosen, problems = settings.read({"remoteUrl": nothing, "remoteModel": nothing}, DEFAULT)
    assert (chosen, problems) == (DEFAULT, [])


@pytest.mark.parametrize(
    "address",
    [
        "http://models.example",
        "https://user:s3cret@models.example",
        "https://models.example/?key=s3cret",
        "ftp://models.example",
        "models.example:8000",
        "https://[::1",
        "https://models.example:s3cret",
    ],
)
def test_a_bad_address_is_told_without_what_may_be_secret_in_it(address: str) -> None:
    chosen, problems = settings.read({"remoteUrl": address}, DEFAULT)
    assert chosen == DEFAULT
    (problem,) = problems
    assert problem.startswith("remoteUrl: expected")
    assert "s3cret" not in problem


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_this_machine_needs_no_https(host: str) -> None:
    chosen, problems = settings.read({"remoteUrl": f"http://{host}:8000/v1"}, DEFAULT)
    assert problems == []
    assert chosen.engine.remote_host == f"{host}:8000"


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
