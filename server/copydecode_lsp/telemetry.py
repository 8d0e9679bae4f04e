"""Receipts as OpenTelemetry spans. `opentelemetry-api` is optional (extra `telemetry`).

Without it, or without a provider that exports, nothing is done and nothing leaves the machine.
Spans carry counts, times and the edit's id: no text, no instruction, no name of a document.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Optional, and imported with the first receipt only.
    from opentelemetry.trace import Tracer

NAME = "copydecode"

_PARTS = ("queue", "prompt", "prefill", "decode", "resolve", "check")


def tracer() -> Tracer | None:
    """Return the tracer of the process's provider, None where OpenTelemetry is not installed."""
    if importlib.util.find_spec("opentelemetry") is None:
        return None
    from opentelemetry import trace  # noqa: PLC0415 -- optional

    return trace.get_tracer(NAME)


def record(receipt: Mapping[str, float | int | str | None], tracer: Tracer | None) -> None:
    """Make a span of an edit that has just ended, with one inside for each part of its time.

    A receipt knows how long the parts took, not when: they are laid end to end. The decode's is
    what the others leave of the whole, the grammar's time included.
    """
    if tracer is None:
        return
    from opentelemetry.trace import StatusCode, set_span_in_context  # noqa: PLC0415 -- optional

    known = {key: value for key, value in receipt.items() if value is not None}
    queue, total = float(known["queue_s"]), float(known["total_s"])
    parts = {name: float(known[f"{name}_s"]) for name in _PARTS}
    others = parts["prompt"] + parts["prefill"] + parts["resolve"] + parts["check"]
    parts["decode"] = max(0.0, total - others)
    ended = time.time_ns()
    at = ended - int((queue + total) * 1e9)
    attributes = {f"{NAME}.{key}": value for key, value in known.items() if key != "uri"}
    span = tracer.start_span(f"{NAME}.edit", start_time=at, attributes=attributes)
    if "failed" in receipt:
        span.set_status(StatusCode.ERROR, str(receipt["failed"]))
    inside = set_span_in_context(span)
    for name in _PARTS:
        part = tracer.start_span(f"{NAME}.{name}", context=inside, start_time=at)
        at = min(ended, at + int(parts[name] * 1e9))
        part.end(at)
    span.end(ended)
