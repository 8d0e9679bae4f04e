"""Full text in place of a program: what may come next, and where it ends.

Offers the decode loop what `constraint` offers for programs, for models that were never taught the
format. Any text may come; it ends with a fence at the start of a line, found on the bytes of the
tokens, or with the one token that ends a text by itself (`Literals.gen_close`; of a foreign model
its end-of-sequence token). Knows nothing of models or documents.
"""

from __future__ import annotations

import numpy as np

from copydecode.decode.automaton import Accepted
from copydecode.decode.literals import Ids, Literals
from copydecode.edit.program import Copy, CopyTokens, Gen


class FreeText:
    """The state along one text; an `Automaton` of the loop."""

    def __init__(self, literals: Literals, fence: str | None = None) -> None:
        self.literals = literals
        self.body: list[int] = []
        """The tokens of the text so far."""
        self.done = False
        self._fence = fence.encode() if fence else None
        self._bytes = bytearray()
        self._history: list[int] = []  # Bytes before each token.

    @property
    def closing_token(self) -> int:
        """The first token of what ends the text."""
        if (token := self.literals.gen_close) is not None:
            return token
        return self.literals.spell(self._fence or b"\n")[0]

    def begin(self) -> None:
        """Take what the prompt has written already: nothing."""

    def allowed(self) -> Ids | None:
        """Return None: all that may be text, and what ends it; empty once it has ended."""
        return np.empty(0, dtype=np.int64) if self.done else None

    def permits(self, token: int) -> bool:
        """Return whether the token may come next."""
        known = 0 <= token < self.literals.size
        return not self.done and known and token not in self.literals.never_text

    def forced(self) -> int | None:
        """Return None: there is always a choice."""
        return None

    def accept(self, token: int) -> Accepted:
        """Take one token.

        Raises:
            ValueError: the token may not come next; the state is as before.
        """
        if not self.permits(token):
            message = f"expected a token that may be text, got {token}"
            raise ValueError(message)
        self._history.append(len(self._bytes))
        self.body.append(token)
        if token == self.literals.gen_close:
            return self._end(len(self._bytes))
        before = len(self._bytes)
        self._bytes += self.literals.codec.token_bytes(token)
        fence_at = self._find_fence(before)
        if fence_at is not None:
            return self._end(fence_at)
        return Accepted((token,))

    def rollback(self, steps: int) -> None:
        """Undo the last `steps` calls of `accept`.

        Raises:
            ValueError: there were fewer.
        """
        if not 0 <= steps <= len(self._history):
            message = f"expected at most {len(self._history)} steps to undo, got {steps}"
            raise ValueError(message)
        if steps == 0:
            return
        del self._bytes[self._history[-steps] :]
        del self._history[-steps:]
        del self.body[-steps:]
        self.done = False

    def removable(self, copy: Copy | CopyTokens) -> int:
        """Return all of a copy: a text has none."""
        return 1 + copy.last - copy.first

    def _find_fence(self, before: int) -> int | None:
        """Return where a fence stands at the start of a line, if the newest token completed it."""
        if self._fence is None:
            return None
        if before < len(self._fence) and self._bytes.startswith(self._fence):
            return 0
        at = self._bytes.find(b"\n" + self._fence, max(0, before - len(self._fence)))
        return None if at < 0 else at + 1

    def _end(self, length: int) -> Accepted:
        self.done = True
        text = bytes(self._bytes[:length]).decode("utf-8", errors="replace")
        return Accepted((self.body[-1],), Gen(text))
