"""Token ids and text: a thin layer over `tokenizers` that keeps text and markers apart.

Text never becomes a special token here, whatever it says: a document that contains the characters
`<gen>` is encoded as characters. Knows nothing of prompts or grammars.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from copydecode.edit import grammar
from copydecode.errors import ModelFormatError

DOCUMENT = "<|document|>"
INSTRUCTION = "<|instruction|>"
SCOPE = "<|scope|>"
NAMES = "<|names|>"
FOUND = "<|found|>"
END = "<|end|>"

OP_MARKERS = (
    grammar.PROGRAM_OPEN,
    grammar.PROGRAM_CLOSE,
    grammar.COPY_OPEN,
    grammar.COPY_CLOSE,
    grammar.GEN_OPEN,
    grammar.GEN_CLOSE,
)
OPTIONAL_MARKERS = (grammar.TOKENS_OPEN, FOUND, grammar.FILE_OPEN)
"""Markers that tokenizers made before them lack."""

SPECIAL_TOKENS = (END, DOCUMENT, INSTRUCTION, SCOPE, NAMES, *OP_MARKERS)
"""What a tokenizer made by this project holds at ids 0, 1, 2, ..., the optional markers behind."""


def byte_alphabet() -> dict[str, int]:
    """Return GPT-2's map from printable characters to the bytes that they stand for."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = {chr(byte): byte for byte in printable}
    extra = 256
    for byte in range(256):
        if byte not in characters.values():
            characters[chr(extra)] = byte
            extra += 1
    return characters


class Vocabulary:
    """A byte-level BPE tokenizer whose special tokens are op and prompt markers."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # Markers in text are text.
        self.size: int = tokenizer.get_vocab_size(with_added_tokens=True)

    def __reduce__(self) -> tuple[type[Vocabulary], tuple[Tokenizer]]:
        """Pickle by the tokenizer; that markers in text are text is not in it, and is set anew."""
        return Vocabulary, (self.tokenizer,)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read a `tokenizer.json`.

        Raises:
            ModelFormatError: it is missing, unreadable, or lacks one of the markers.
        """
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            message = f"expected a tokenizer at {path}: {error}"
            raise ModelFormatError(message) from error
        except Exception as error:  # tokenizers raises bare Exception
            message = f"expected a tokenizers file at {path}: {error}"
            raise ModelFormatError(message) from error
        missing = [t for t in SPECIAL_TOKENS if tokenizer.token_to_id(t) is None]
        if missing:
            message = f"expected the special tokens {', '.join(missing)} in {path}, found none"
            raise ModelFormatError(message)
        return cls(tokenizer)

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; markers inside it are text."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return `encode` of each text."""
        batch = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [one.ids for one in batch]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ordinary tokens; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")

    def special(self, token: str) -> int:
        """Return the id of a special token."""
        return self._specials[token]

    def has(self, token: str) -> bool:
        """Return whether there is such a special token: tokenizers lack what came after them."""
        return token in self._specials

    @property
    def op_markers(self) -> dict[str, int]:
        """The ids of the op markers, of the optional ones as far as there are any."""
        known = (*OP_MARKERS, grammar.TOKENS_OPEN, grammar.FILE_OPEN)
        return {marker: self._specials[marker] for marker in known if marker in self._specials}

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that a token stands for; none for a special token."""
        return self._bytes[token]

    @cached_property
    def _specials(self) -> dict[str, int]:
        added = json.loads(self.tokenizer.to_str())["added_tokens"]
        return {entry["content"]: entry["id"] for entry in added if entry["special"]}

    @cached_property
    def _bytes(self) -> list[bytes]:
        alphabet = byte_alphabet()
        table = [b""] * self.size
        for token, index in self.tokenizer.get_vocab(with_added_tokens=False).items():
            if token not in self._specials:
                table[index] = bytes(alphabet[character] for character in token)
        return table
