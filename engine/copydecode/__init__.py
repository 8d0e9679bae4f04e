"""The engine that applies AI edits by Copy-as-Decode. Importing it does not import torch."""

from copydecode.config import EngineConfig, Limits
from copydecode.decode.receipt import Receipt
from copydecode.decode.window import named_lines
from copydecode.edit.document import Document
from copydecode.edit.partial import so_far
from copydecode.edit.program import Copy, Gen, Program
from copydecode.edit.rebase import Change, change_between, follow, rebase
from copydecode.edit.resolve import Hunk, hunks
from copydecode.edits import EditRequest, EditResult, Scope, combine
from copydecode.engine import Engine, ModelInfo
from copydecode.files import FileEdit, FilesEdit, FilesRequest, FileText
from copydecode.fixes.imports import import_fix
from copydecode.self_check import is_gone, is_untidy
from copydecode.view import shown

__version__ = "0.1.0"

__all__ = [
    "Change",
    "Copy",
    "Document",
    "EditRequest",
    "EditResult",
    "Engine",
    "EngineConfig",
    "FileEdit",
    "FileText",
    "FilesEdit",
    "FilesRequest",
    "Gen",
    "Hunk",
    "Limits",
    "ModelInfo",
    "Program",
    "Receipt",
    "Scope",
    "__version__",
    "change_between",
    "combine",
    "follow",
    "hunks",
    "import_fix",
    "is_gone",
    "is_untidy",
    "named_lines",
    "rebase",
    "shown",
    "so_far",
]
