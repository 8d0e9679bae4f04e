"""How often a model is right where it is as sure as it was of one edit.

A logistic curve over the log of the program's surprise, another one where all of it is as the words
promise (it is right far more often then), fitted once a model (`training/calibrate`) and kept in
its `config.json`. What the model thinks of text that was copied is not asked: ours has
no loss there, and so no opinion. Knows nothing of how programs are decoded.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from copydecode.errors import ModelFormatError

VERSION = 2

_LEAST_SURPRISE = 1e-4
"""In nats: below it all programs are certain alike."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`confidence = 1 / (1 + exp(-(intercept + slope * feature(log_prob) [+ promised])))`.

    `promised` is added where all was decided as the words promise it. `cases` says how many edits
    it was fitted on.
    """

    intercept: float
    slope: float
    promised: float
    cases: int

    def confidence(self, log_prob: float, *, as_promised: bool) -> float:
        """Return the chance that a program of this log-probability is right."""
        at = self.intercept + self.slope * feature(log_prob) + self.promised * as_promised
        return 1 / (1 + math.exp(-max(-_FAR, min(_FAR, at))))

    def as_json(self) -> dict[str, Any]:
        """Return the entry for `config.json`."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, entry: object) -> Calibration | None:
        """Read `copydecode.calibration` of a `config.json`.

        None where there is no entry, or one of another version: the model is then uncalibrated.

        Raises:
            ModelFormatError: an entry of this version has other fields or no numbers in them.
        """
        match entry:
            case {
                "version": 2,
                "intercept": int() | float() as intercept,
                "slope": int() | float() as slope,
                "promised": int() | float() as promised,
                "cases": int(cases),
            } if all(map(math.isfinite, (intercept, slope, promised))):
                return cls(float(intercept), float(slope), float(promised), cases)
            case None:
                return None
            case {"version": int(version)} if version != VERSION:
                return None
            case _:
                message = (
                    "expected copydecode.calibration in config.json to have a version and finite "
                    "numbers intercept, slope, promised and cases"
                )
                raise ModelFormatError(message)


_FAR = 700.0  # exp of it is still a float.


def feature(log_prob: float) -> float:
    """Return what the curve goes along: minus the log of the surprise in nats."""
    return -math.log(max(_LEAST_SURPRISE, -log_prob))
