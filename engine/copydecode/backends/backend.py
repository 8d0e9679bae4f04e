"""What the engine asks of whoever runs the model: in this process, or on a server.

Knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from copydecode.config import Limits
from copydecode.decode.decisions import Decisions
from copydecode.decode.forwards import Forwards
from copydecode.decode.prompt import Prompt, Shown
from copydecode.decode.receipt import Receipt
from copydecode.edit.bundle import Bundle
from copydecode.edit.document import Document
from copydecode.edit.fit import Window
from copydecode.edit.program import Op, Program


class Asked(Protocol):
    """A prompt, as far as the engine knows it."""

    @property
    def window(self) -> Window:
        """Which lines of the document the model sees."""
        ...

    @property
    def size(self) -> int:
        """How many tokens it has, where they are not known by an estimate."""
        ...


class Sized(Protocol):
    """What prompts have in common, as far as the engine knows it."""

    @property
    def size(self) -> int:
        """As of a prompt."""
        ...


P = TypeVar("P", bound=Asked)
S = TypeVar("S", bound=Sized)
P_co = TypeVar("P_co", bound=Asked, covariant=True)
S_co = TypeVar("S_co", bound=Sized, covariant=True)


class PromptFormat(Protocol[P_co, S_co]):
    """Turns an edit into a prompt."""

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None = None,
        language: str | None = None,
        *,
        selected: bool = True,
    ) -> P_co:
        """Return the prompt; ContextTooLongError where it does not fit.

        The scope is `selected` where it is known which lines are meant; else it is a guess, of what
        a comment is about that stood above it.
        """
        ...

    def show(self, document: Document, scope: tuple[int, int] | None = None) -> S_co:
        """Return what prompts about these lines have in common; errors as `build`."""
        ...


class FilesFormat(Protocol[P_co]):
    """Turns an edit of several files into a prompt."""

    def build_files(self, bundle: Bundle, instruction: str, language: str | None = None) -> P_co:
        """Return the prompt; ContextTooLongError where it does not fit."""
        ...


TokenFormat: TypeAlias = PromptFormat[Prompt, Shown]
TokenFilesFormat: TypeAlias = FilesFormat[Prompt]


class Backend(Protocol[P, S]):
    """A model, its tokenizer, its grammar and its prompt format. For one thread."""

    name: str
    parameters: int
    """Weights, 0 where they are not known."""
    context: int
    """Tokens that a prompt and its program may have together."""
    prompts: PromptFormat[P, S]
    files: FilesFormat[P] | None
    """Prompts about several files, where the model can write programs over those."""
    remote: str | None
    """The host that the text goes to, None where it stays in this process."""

    def decoding(  # noqa: PLR0913  # the parts of a decode, each named at the call
        self,
        prompt: P,
        limits: Limits,
        receipt: Receipt,
        *,
        name: str | None,
        lock: tuple[int, int] | None,
        cancelled: Callable[[], bool],
        on_op: Callable[[Op], None],
        decisions: Decisions,
    ) -> Forwards[Program]:
        """Decode the program of a prompt, over the prompt's window."""
        ...

    def confidence(self, decisions: Decisions) -> float | None:
        """Return how often what was decided like this is right, None where that is not known."""
        ...

    def read_ahead(self, shown: S, *, name: str | None, cancelled: Callable[[], bool]) -> int:
        """Read what prompts have in common; return how many tokens are held."""
        ...

    def pays(self, tokens: int, more: int) -> bool:
        """Return whether `more` tokens cost less in a forward of `tokens` others than alone."""
        ...

    @property
    def cached_documents(self) -> int:
        """How many prompts are held in this process."""
        ...

    @property
    def cache_bytes(self) -> int:
        """The bytes that they take."""
        ...
