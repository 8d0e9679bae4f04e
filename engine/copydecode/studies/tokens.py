"""Whose tokens a study counts: Qwen's, as the paper, or the embedded model's.

Knows nothing of corpora or models.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.decode.literals import Literals
from copydecode.decode.vocabulary import Vocabulary
from copydecode.studies.qwen import QwenCodec


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--tokens`."""
    parser.add_argument(
        "--tokens", choices=("qwen", "embedded"), default="qwen", help="whose tokens are counted"
    )


def load(choice: str, data: Path | None) -> Literals:
    """Return the literals of a tokenizer, which lead to its codec.

    Raises:
        ConfigError: Qwen's file is not in the evaluation data.
    """
    return Literals(QwenCodec.load(data)) if choice == "qwen" else embedded()


def embedded() -> Literals:
    """Return the literals of the embedded model's tokenizer: each marker is one token."""
    vocabulary = Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")
    return Literals(vocabulary, vocabulary.op_markers)
