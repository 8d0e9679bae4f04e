"""Refuses what cannot be edited, and what a model wrote that is no text, in words for its user.

Knows nothing of models or windows.
"""

from __future__ import annotations

from copydecode.edit.document import Document
from copydecode.edit.program import Gen, Program
from copydecode.edits import Scope
from copydecode.errors import (
    BinaryDocumentError,
    DocumentTooLargeError,
    EmptyInstructionError,
    ScopeError,
    UnreadableTextError,
)


def checked_document(text: str, scope: Scope | None, limit: int) -> Document:
    """Check a text of at most `limit` bytes and a scope in it; return the text as lines.

    Raises:
        DocumentTooLargeError, BinaryDocumentError, ScopeError: with what was expected.
    """
    size = len(text)
    if size <= limit:  # Encoding a document that is too long in characters would be in vain.
        size = utf8_size(text)
    if size > limit:
        message = f"expected a document of at most {limit} bytes, got at least {size}"
        raise DocumentTooLargeError(message)
    if "\0" in text:
        message = "expected text, found a NUL character: the document is binary"
        raise BinaryDocumentError(message)
    document = Document(text)
    if scope is not None and not 1 <= scope.first <= scope.last <= len(document):
        message = (
            f"expected a scope within lines 1 to {len(document)}, got {scope.first} to {scope.last}"
        )
        raise ScopeError(message)
    return document


def require_instruction(instruction: str) -> None:
    """Refuse an instruction without a word (EmptyInstructionError)."""
    if not instruction.strip():
        message = "expected an instruction, got an empty one"
        raise EmptyInstructionError(message)


def require_text(program: Program, known: str) -> None:
    """Refuse new text with half a character or a NUL in it, unless `known` text has it.

    Tokens are bytes: a model can end a gen in the middle of a character, which decodes to U+FFFD.

    Raises:
        UnreadableTextError: there is some.
    """
    new = "".join(op.text for op in program.ops if isinstance(op, Gen))
    for unwanted in ("\ufffd", "\0"):
        if unwanted in new and unwanted not in known:
            message = "expected text from the model, found bytes that are none: nothing was changed"
            raise UnreadableTextError(message)


def utf8_size(text: str) -> int:
    """Return the number of bytes of a text.

    Raises:
        BinaryDocumentError: it holds half of a surrogate pair: JSON can carry that, no tokenizer
            takes it.
    """
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        message = f"expected text, found half of a surrogate pair at offset {error.start}"
        raise BinaryDocumentError(message) from error
