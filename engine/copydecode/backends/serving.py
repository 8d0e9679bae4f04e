"""How a model of ours is to be decoded: what its `config.json` says that it was trained for.

Knows nothing of weights or of how a decode goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from copydecode.config import Acceptance, Decoding, Mode
from copydecode.decode.confidence import Calibration
from copydecode.errors import ConfigError, ModelFormatError

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class Serving:
    """What the embedded model was trained for: the `copydecode` entry of its `config.json`.

    `splice_window` is how many of a copied span's last tokens enter the context, None for all;
    `max_lines` and `max_tokens` bound the visible part of the document. `modes` and `acceptance`
    are what it learnt: one without loss on copied text, or on whole files, gives wrong edits where
    its opinion of those is asked for. `token_copy` says that it was taught to copy tokens, too,
    `files` that it was taught programs over several files. `lenience` is as in `Decoding`, found
    best on validation. `calibration` tells how often it is right so; None where nobody counted.
    """

    splice_window: int | None
    max_lines: int
    max_tokens: int
    modes: tuple[Mode, ...] = (Mode.PROGRAM,)
    acceptance: tuple[Acceptance, ...] = (Acceptance.PROGRAM,)
    token_copy: bool = False
    files: bool = False
    lenience: float = 0.0
    calibration: Calibration | None = None

    @classmethod
    def from_json(cls, values: dict[str, Any], context: int) -> Serving:
        """Read the entry of a parsed `config.json`; without one, bounds come from the context.

        Raises:
            ModelFormatError: a value is no number in its range, no truth value, no list of known
                names, or no calibration.
        """
        entry = values.get("copydecode", {})
        window = entry.get("splice_window")
        lines = entry.get("max_lines", 999)
        tokens = entry.get("max_tokens", max(1, context // 2))
        for name, value, least in (("max_lines", lines, 1), ("max_tokens", tokens, 1)):
            if not isinstance(value, int) or value < least:
                message = f"expected copydecode.{name} >= {least} in config.json, found {value!r}"
                raise ModelFormatError(message)
        if window is not None and (not isinstance(window, int) or window < 0):
            message = f"expected copydecode.splice_window >= 0 in config.json, found {window!r}"
            raise ModelFormatError(message)
        modes = _named(entry, "modes", Mode, Mode.PROGRAM)
        acceptance = _named(entry, "acceptance", Acceptance, Acceptance.PROGRAM)
        token_copy, files = (_switch(entry, name) for name in ("token_copy", "files"))
        lenience = entry.get("lenience", 0.0)
        if isinstance(lenience, bool) or not isinstance(lenience, int | float) or lenience < 0:
            message = f"expected copydecode.lenience >= 0 in config.json, found {lenience!r}"
            raise ModelFormatError(message)
        calibration = Calibration.from_json(entry.get("calibration"))
        return cls(
            window, lines, tokens, modes, acceptance, token_copy, files, lenience, calibration
        )

    def require(self, decoding: Decoding) -> None:
        """Refuse to decode in a way that the model did not learn, unless it is asked for as such.

        Raises:
            ConfigError: which way, and which there are.
        """
        if decoding.untaught:
            return
        wanted: tuple[tuple[str, Enum, Sequence[Enum]], ...] = (
            ("mode", decoding.mode, self.modes),
            ("acceptance", decoding.acceptance, self.acceptance),
        )
        for name, value, taught in wanted:
            if value not in taught:
                message = (
                    f"expected {name} to be one that this model was trained for "
                    f"({', '.join(str(way.value) for way in taught)}), got {value.value}"
                )
                raise ConfigError(message)


def _switch(entry: dict[str, Any], name: str) -> bool:
    """Return a truth value of the `copydecode` entry, False where it has none."""
    value = entry.get(name, False)
    if not isinstance(value, bool):
        message = f"expected true or false as copydecode.{name} in config.json, found {value!r}"
        raise ModelFormatError(message)
    return value


def _named(entry: dict[str, Any], name: str, kind: type[E], default: E) -> tuple[E, ...]:
    """Return the members of `kind` that a list of the `copydecode` entry names."""
    values = entry.get(name, [default.value])
    known = [member.value for member in kind]
    if not isinstance(values, list) or not values or any(value not in known for value in values):
        message = (
            f"expected copydecode.{name} in config.json to name some of {', '.join(known)}, "
            f"found {values!r}"
        )
        raise ModelFormatError(message)
    return tuple(map(kind, values))
