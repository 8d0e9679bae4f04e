"""What a client may set through `initializationOptions`.

A value that cannot be used gives a message, and the default stays.
It knows nothing of how settings travel or of what the engine does with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from copydecode import EngineConfig, Limits
from copydecode.errors import ConfigError

_Change = Callable[[EngineConfig, Any], EngineConfig]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what it must be, and how it changes the engine's configuration."""

    expected: str
    accepts: Callable[[Any], bool]
    change: _Change


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_count(value) or isinstance(value, float)


def _with_limits(config: EngineConfig, **changes: Any) -> EngineConfig:  # noqa: ANN401 -- as replace()
    return replace(config, limits=replace(config.limits, **changes))


SETTINGS: dict[str, Setting] = {
    "model": Setting(
        "a model name or path", _is_text, lambda config, value: replace(config, model=value)
    ),
    "threads": Setting(
        "a whole number >= 1, or null",
        lambda value: value is None or _is_count(value),
        lambda config, value: replace(config, threads=value),
    ),
    "maxDocumentBytes": Setting(
        "a whole number >= 1",
        _is_count,
        lambda config, value: replace(config, max_document_bytes=value),
    ),
    "prefixCacheBytes": Setting(
        "a whole number >= 0",
        _is_count,
        lambda config, value: replace(config, prefix_cache_bytes=value),
    ),
    "scopeLock": Setting(
        "true or false",
        lambda value: isinstance(value, bool),
        lambda config, value: replace(config, scope_lock=value),
    ),
    "maxNewTokens": Setting(
        "a whole number >= 1",
        _is_count,
        lambda config, value: _with_limits(config, max_new_tokens=value),
    ),
    "deadlineSeconds": Setting(
        "a number > 0, or null for none",
        lambda value: value is None or _is_number(value),
        lambda config, value: _with_limits(config, deadline_s=value),
    ),
}


def read(options: object, default: EngineConfig) -> tuple[EngineConfig, list[str]]:
    """Return the configuration and a message for each value that could not be used."""
    if options is None:
        return default, []
    if not isinstance(options, dict):
        return default, [f"initializationOptions: expected an object, got {_kind(options)}"]
    config = default
    problems: list[str] = []
    for name, value in options.items():
        setting = SETTINGS.get(name)
        if setting is None:
            problems.append(f"unknown setting {name!r}; known are {', '.join(SETTINGS)}")
        elif not setting.accepts(value):
            problems.append(f"{name}: expected {setting.expected}, got {_kind(value)}")
        else:
            try:
                config = setting.change(config, value)
            except ConfigError as error:
                problems.append(f"{name}: {error}")
    return config, problems


def default_config(model: str | None = None) -> EngineConfig:
    """Return the configuration before a client had its say."""
    return EngineConfig(limits=Limits()) if model is None else EngineConfig(model=model)


def _kind(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {value!r}"[:60]
