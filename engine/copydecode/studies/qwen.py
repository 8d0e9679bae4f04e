"""The byte-level BPE of Qwen2 and Qwen2.5, for the paper's token counts.

Read from `qwen.tiktoken` of the evaluation data with the pattern that Hugging Face's Qwen2
tokenizer has; text is normalised to NFC first, as there. Special tokens are left out: none is
needed to count text. A `Codec`, so that the program grammar runs on it.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from pathlib import Path

from copydecode.errors import ConfigError
from copydecode.studies import corpora

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class QwenCodec:
    """Text and token ids of Qwen2."""

    def __init__(self, ranks: dict[bytes, int]) -> None:
        """`ranks` are the tokens' bytes with their ids, which are also the order of merges.

        Raises:
            ConfigError: tiktoken is not installed.
        """
        try:
            import tiktoken  # noqa: PLC0415  # an extra
        except ImportError as error:
            message = (
                "expected tiktoken, found none: install it (pip install 'copydecode[studies]')"
            )
            raise ConfigError(message) from error
        self._encoding = tiktoken.Encoding(
            "qwen2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={}
        )
        self.size = len(ranks)

    @classmethod
    def load(cls, folder: Path | None = None) -> QwenCodec:
        """Read the ranks from the evaluation data.

        Raises:
            ConfigError: the file is missing or not in tiktoken's format, or tiktoken is missing.
        """
        path = corpora.find(corpora.QWEN_RANKS, folder)
        ranks: dict[bytes, int] = {}
        try:
            for line in path.read_bytes().splitlines():
                token, rank = line.split()
                ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (OSError, ValueError, binascii.Error) as error:
            message = f"expected tiktoken ranks in {path}: {error}"
            raise ConfigError(message) from error
        return cls(ranks)

    def encode(self, text: str) -> list[int]:
        """Return the ids of text."""
        return self._encoding.encode_ordinary(unicodedata.normalize("NFC", text))

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that a token stands for."""
        return self._encoding.decode_single_token_bytes(token)
