"""How a kind of model server is asked for tokens: the same wishes, in its own words.

Knows nothing of HTTP, nor of how what comes is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from copydecode.backends.one_op import OneOp, Spelling
from copydecode.backends.remote import Form
from copydecode.decode.literals import Literals

Written = OneOp | list[int] | None
"""What may be written: by a grammar, one token of some, or any text."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to go on from, what may be written, and how much of it.

    `fence` is the text that ends any text. `salt` keeps a document's cache apart from others'.
    A `seed` is there where tokens are to be drawn. It is asked `again` where what the server wrote
    here was not legal.
    """

    tokens: list[int]
    written: Written
    room: int
    literals: Literals
    fence: str | None = None
    salt: str = ""
    temperature: float = 0.0
    seed: int | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Hints:
    """What to look at where a server's grammar, cache or counts are not as they must be."""

    constraint: str
    cache: str
    counts: str


class Dialect(Protocol):
    """The words of one kind of server."""

    form: Form[int]
    spelling: Spelling
    hints: Hints

    def body(self, wish: Wish) -> dict[str, Any]:
        """Return the request for a wish."""
        ...
