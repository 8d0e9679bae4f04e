"""The engine that applies AI edits by Copy-as-Decode. Importing it does not import torch."""

from copydecode.config import EngineConfig, Limits
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, Program
from copydecode.edit.resolve import Hunk
from copydecode.engine import EditRequest, EditResult, Engine, Scope

__version__ = "0.1.0"

__all__ = [
    "Copy",
    "Document",
    "EditRequest",
    "EditResult",
    "Engine",
    "EngineConfig",
    "Gen",
    "Hunk",
    "Limits",
    "Program",
    "Scope",
    "__version__",
]
