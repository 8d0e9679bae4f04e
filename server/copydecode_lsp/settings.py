"""What a client may set, for the server or for a workspace folder.

A value that cannot be used gives a message, and the default stays.
It knows nothing of how settings travel (`configuration`) or of what the engine does with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from copydecode import EngineConfig, Limits
from copydecode.config import (
    CONFIDENCE_THRESHOLD,
    LEAST_REMOTE_CONTEXT,
    Acceptance,
    Mode,
    RemoteApi,
)
from copydecode.errors import ConfigError


class Confirm(Enum):
    """Before which edits the user is asked."""

    LOW_CONFIDENCE = "low-confidence"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is set: the engine's configuration, and what the server does by itself.

    That is whether documents are read ahead, and before which edits the user is asked: of those
    with a low confidence, one below `confidence_threshold`.
    """

    engine: EngineConfig
    read_ahead: bool = True
    confirm: Confirm = Confirm.LOW_CONFIDENCE
    confidence_threshold: float = CONFIDENCE_THRESHOLD


SECTION = "copydecode"
"""What our settings are called among those of other servers."""

_Change = Callable[[Settings, Any], Settings]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what it must be, and what it changes."""

    expected: str
    accepts: Callable[[Any], bool]
    change: _Change


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_null(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_count(value) or isinstance(value, float)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _engine(name: str) -> _Change:
    """Return what sets a field of the engine's configuration."""
    return lambda settings, value: replace(
        settings, engine=replace(settings.engine, **{name: value})
    )


def _part(part: str, name: str, kind: Callable[[Any], Any] = lambda value: value) -> _Change:
    """Return what sets a field of a part of the engine's configuration, of a value made `kind`."""

    def change(settings: Settings, value: Any) -> Settings:  # noqa: ANN401 -- the field's own type
        changed = replace(getattr(settings.engine, part), **{name: kind(value)})
        return replace(settings, engine=replace(settings.engine, **{part: changed}))

    return change


def _own(name: str, kind: Callable[[Any], Any] = lambda value: value) -> _Change:
    """Return what sets a field of the server's own settings, of a value made `kind`."""
    return lambda settings, value: replace(settings, **{name: kind(value)})


def _as(name: str, kind: Callable[[Any], Any]) -> _Change:
    """Return what sets a field of the engine's configuration, of a value made `kind`."""
    return lambda settings, value: _engine(name)(settings, kind(value))


def _remote(name: str) -> _Change:
    """Return what sets a field about the model server; an empty text, as of an editor, is none."""
    return lambda settings, value: _engine(name)(settings, value or None)


def _choice(part: str, name: str, kind: type[Enum]) -> Setting:
    """Return the setting of one of a few names."""
    names = [member.value for member in kind]
    return Setting(_names(kind), names.__contains__, _part(part, name, kind))


def _names(kind: type[Enum]) -> str:
    return " or ".join(repr(member.value) for member in kind)


SETTINGS: dict[str, Setting] = {
    "model": Setting("a model name or path", _is_text, _engine("model")),
    "remoteUrl": Setting("an address, or null for none", _is_text_or_null, _remote("remote_url")),
    "remoteModel": Setting("a model's name, or null", _is_text_or_null, _remote("remote_model")),
    "remoteApi": Setting(
        _names(RemoteApi),
        [api.value for api in RemoteApi].__contains__,
        _as("remote_api", RemoteApi),
    ),
    "remoteContext": Setting(
        f"a whole number >= {LEAST_REMOTE_CONTEXT}", _is_count, _engine("remote_context")
    ),
    "threads": Setting(
        "a whole number >= 1, or null",
        lambda value: value is None or _is_count(value),
        _engine("threads"),
    ),
    "maxDocumentBytes": Setting("a whole number >= 1", _is_count, _engine("max_document_bytes")),
    "prefixCacheBytes": Setting("a whole number >= 0", _is_count, _engine("prefix_cache_bytes")),
    "concurrency": Setting("a whole number >= 1", _is_count, _engine("max_together")),
    "readAhead": Setting("true or false", _is_switch, _own("read_ahead")),
    "confirm": Setting(
        _names(Confirm), [c.value for c in Confirm].__contains__, _own("confirm", Confirm)
    ),
    "confidenceThreshold": Setting(
        "a number within 0 to 1",
        lambda value: _is_number(value) and 0 <= value <= 1,
        _own("confidence_threshold", float),
    ),
    "selfCheck": Setting("true or false", _is_switch, _engine("self_check")),
    "scopeLock": Setting("true or false", _is_switch, _engine("scope_lock")),
    "maxNewTokens": Setting("a whole number >= 1", _is_count, _part("limits", "max_new_tokens")),
    "deadlineSeconds": Setting(
        "a number > 0, or null for none",
        lambda value: value is None or _is_number(value),
        _part("limits", "deadline_s"),
    ),
    "mode": _choice("decoding", "mode", Mode),
    "acceptance": _choice("decoding", "acceptance", Acceptance),
    "temperature": Setting("a number >= 0", _is_number, _part("decoding", "temperature")),
    "seed": Setting("a whole number >= 0", _is_count, _part("decoding", "seed")),
    "drafts": Setting("true or false", _is_switch, _part("decoding", "drafts")),
}


_SECRETIVE = {"remoteUrl"}
"""Settings whose values are not repeated: somebody may have put a secret there."""


def read(options: object, default: Settings) -> tuple[Settings, list[str]]:
    """Return the settings and a message for each value that could not be used."""
    if options is None:
        return default, []
    if not isinstance(options, dict):
        return default, [f"{SECTION}: expected an object of settings, got {_kind(options)}"]
    settings = default
    problems: list[str] = []
    for name, value in options.items():
        setting = SETTINGS.get(name)
        if setting is None:
            problems.append(f"unknown setting {name!r}; known are {', '.join(SETTINGS)}")
        elif not setting.accepts(value):
            got = type(value).__name__ if name in _SECRETIVE else _kind(value)
            problems.append(f"{name}: expected {setting.expected}, got {got}")
        else:
            try:
                settings = setting.change(settings, value)
            except ConfigError as error:
                problems.append(f"{name}: {error}")
    return settings, problems


def section_of(settings: object) -> object:
    """Return our part of what `workspace/didChangeConfiguration` brings; {} where it has none.

    Most clients send all sections under their names, some (Helix) our own settings alone.
    """
    if not isinstance(settings, dict):
        return {}
    if SECTION in settings or not SETTINGS.keys() & settings.keys():
        return settings.get(SECTION) or {}
    return settings


def loaded_part(config: EngineConfig) -> EngineConfig:
    """Return what an engine is loaded with: all else can differ from request to request."""
    return replace(
        config,
        limits=Limits(),
        scope_lock=True,
        self_check=True,
        max_document_bytes=EngineConfig().max_document_bytes,
    )


def default_config(
    model: str | None = None,
    remote: str | None = None,
    remote_model: str | None = None,
    remote_api: str | None = None,
) -> EngineConfig:
    """Return the configuration before a client had its say.

    Raises:
        ConfigError: a value cannot be used.
    """
    api = RemoteApi.COMPLETIONS if remote_api is None else RemoteApi(remote_api)
    config = EngineConfig(remote_url=remote, remote_model=remote_model, remote_api=api)
    return config if model is None else replace(config, model=model)


def _kind(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {value!r}"[:60]
