"""Every error that the engine raises on purpose, as one tree.

It knows nothing of LSP or exit codes.

    CopydecodeError
    ├── BadInputError               what came in cannot be edited as it is
    │   ├── EmptyInstructionError
    │   ├── DocumentTooLargeError
    │   ├── BinaryDocumentError
    │   ├── ScopeError              the scope is not inside the document
    │   ├── FilesError              several files cannot be edited together as they are named
    │   └── ContextTooLongError     the prompt does not fit the model's context
    ├── ConfigError                 a setting has a value that cannot be used
    ├── ModelError
    │   ├── ModelNotFoundError      nothing at that path or name
    │   ├── ModelFormatError        something is there, but it is no model that we can run
    │   └── RemoteError             a model server cannot be used
    │       ├── RemoteUnreachableError  no answer, or it broke off
    │       ├── RemoteBusyError     it is overloaded, and stayed so
    │       ├── RemoteRefusedError  it refuses the key, the model or the request
    │       └── RemoteMismatchError it answers, but not as this engine needs it
    ├── ProgramError
    │   ├── ProgramSyntaxError      the text form does not parse
    │   ├── CopyRangeError          a copy op names lines or tokens that there are not
    │   ├── TokenCopyError          tokens are copied where only lines are known
    │   ├── SectionError            the sections of a program are not as its files have them
    │   └── RebaseError             the document changed where the program changes it, too
    └── EditStoppedError            the edit ended before the program did: there is no result
        ├── EditCancelledError
        ├── DeadlineExceededError
        ├── TokenLimitError
        ├── NoProgramError          the model's answer is none, and so was the next one
        ├── OutsideScopeError       the model changed lines that it had to leave alone
        ├── UnreadableTextError     the model wrote bytes that are no text
        └── WithheldError           the edit would leave errors in the text

Messages say what was expected and what came, and never quote document text.
"""

from __future__ import annotations

from collections.abc import Sequence


class CopydecodeError(Exception):
    """Base of all errors raised on purpose."""


class BadInputError(CopydecodeError):
    """What came in cannot be edited as it is."""


class EmptyInstructionError(BadInputError):
    """The instruction is empty or only white space."""


class DocumentTooLargeError(BadInputError):
    """The document is over the configured size limit."""


class BinaryDocumentError(BadInputError):
    """The document is not text."""


class ScopeError(BadInputError):
    """The scope does not lie inside the document."""


class FilesError(BadInputError):
    """Files cannot be edited together as they are named."""


class ContextTooLongError(BadInputError):
    """Prompt and room for the answer do not fit the model's context."""


class ConfigError(CopydecodeError):
    """A setting has a value that cannot be used."""


class ModelError(CopydecodeError):
    """A model could not be used."""


class ModelNotFoundError(ModelError):
    """There is nothing at the given path or name."""


class ModelFormatError(ModelError):
    """What is there is no model that this engine can run."""


class RemoteError(ModelError):
    """A model server cannot be used. Messages name its host, never a key or a path."""


class RemoteUnreachableError(RemoteError):
    """The server does not answer, or its answer broke off."""


class RemoteBusyError(RemoteError):
    """The server is overloaded, and stayed so."""


class RemoteRefusedError(RemoteError):
    """The server refuses the key, the model or the request."""


class RemoteMismatchError(RemoteError):
    """The server answers, but not as this engine needs it: another version, set-up or tokenizer."""


class ProgramError(CopydecodeError):
    """A program is not well formed."""


class ProgramSyntaxError(ProgramError):
    """The text form of a program does not parse."""


class CopyRangeError(ProgramError):
    """A copy op names lines that the document does not have, or tokens that were not shown."""


class TokenCopyError(ProgramError):
    """A program copies tokens where only the document's lines are known."""


class SectionError(ProgramError):
    """A program's sections are not as its files have them, or there is one where files are not."""


class RebaseError(ProgramError):
    """The document changed in lines that the program does not copy."""


class EditStoppedError(CopydecodeError):
    """The edit ended before its program did: there is no result."""


class EditCancelledError(EditStoppedError):
    """The caller cancelled the edit."""


class DeadlineExceededError(EditStoppedError):
    """The edit took longer than its deadline."""


class TokenLimitError(EditStoppedError):
    """The program did not end within the allowed number of new tokens."""


class NoProgramError(EditStoppedError):
    """A model that has no grammar wrote what is no program over the document, twice."""


class OutsideScopeError(EditStoppedError):
    """The model changed lines outside the scope."""


class UnreadableTextError(EditStoppedError):
    """The model wrote bytes that are no text."""


class WithheldError(EditStoppedError):
    """The edit would add errors to the text or not mend its own, and so would the next best ones.

    `found` says which, with the names that they are about: it is for the user, not for a log.
    """

    def __init__(self, found: Sequence[str]) -> None:
        count = f"{len(found)} errors" if len(found) > 1 else "an error"
        super().__init__(f"the edit would leave {count} in the document: nothing was changed")
        self.found = tuple(found)
