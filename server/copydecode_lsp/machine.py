"""What a bug report has to say of versions and machine. No names of users, no document text."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from copydecode import __version__

_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "xgrammar",
    "safetensors",
    "numpy",
    "pygls",
    "lsprotocol",
    "opentelemetry-api",
)


def versions() -> dict[str, str | None]:
    """Return our version, Python's and the packages', None for one that is not installed."""
    import importlib.metadata  # noqa: PLC0415 -- 50 ms that a server's start need not pay

    found: dict[str, str | None] = {
        "copydecode": __version__,
        "python": platform.python_version(),
    }
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict[str, str | int | None]:
    """Return the system, the processor and how many of it we may use."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def resident_bytes(process: int | None = None) -> int | None:
    """Return the memory that this or another process holds; None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process or 'self'}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return _peak_bytes() if process is None else None
    return pages * os.sysconf("SC_PAGE_SIZE")


def without_home(text: str) -> str:
    """Return a path or a message with `~` in place of the user's own folder."""
    return text.replace(str(Path.home()), "~")


def _peak_bytes() -> int | None:
    """Return the most that was held so far, as the next best."""
    try:
        import resource  # noqa: PLC0415 -- not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
