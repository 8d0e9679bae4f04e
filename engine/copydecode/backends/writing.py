"""What a model is made to write: a program over the window, or the window's whole new text.

Either gives the decode loop its automaton and its drafts, and turns what was written into a program
over the window. Knows nothing of models, prompts' wording or caches.
"""

from __future__ import annotations

from typing import Protocol

from copydecode.config import Mode
from copydecode.decode.automaton import Automaton
from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.draft import ProgramDrafts, RewriteDrafts
from copydecode.decode.freetext import FreeText
from copydecode.decode.guess import Drafter, Odds
from copydecode.decode.literals import Literals
from copydecode.decode.prompt import Prompt
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.oracle import oracle
from copydecode.edit.program import Copy, Gen, LineOp, Program
from copydecode.edit.token_copies import Lowering, lower
from copydecode.errors import OutsideScopeError

Lock = tuple[int, int] | None
"""The lines of the window that alone may change, 1-based and inclusive."""


class Writing(Protocol):
    """How one model writes its edits."""

    literals: Literals
    opening: tuple[int, ...]
    """Tokens that stand behind every prompt."""

    def begin(self, prompt: Prompt, lock: Lock) -> tuple[Automaton, Drafter]:
        """Return what may be written for a prompt, and guesses at it."""
        ...

    def lowering(self, prompt: Prompt, lock: Lock) -> Lowering | None:
        """Return what lowers the ops as they are written; None where tokens are not copied."""
        ...

    def program(self, written: Program, prompt: Prompt, lock: Lock) -> Program:
        """Return the program over the window, without token copies, that was written.

        Raises:
            OutsideScopeError: it changes lines outside the lock.
        """
        ...


def output_tokens(program: Program, prompt: Prompt, literals: Literals) -> int:
    """Return the length of the window's new text in the model's tokens."""
    count = 0
    for op in program.ops:
        if isinstance(op, Copy):
            count += sum(map(len, prompt.line_tokens[op.first - 1 : op.last]))
        elif isinstance(op, Gen):
            count += len(literals.codec.encode(op.text))
    return count


class Programs:
    """The model writes programs, under the grammar."""

    opening: tuple[int, ...] = ()

    def __init__(self, literals: Literals, *, token_copies: bool = False) -> None:
        """With `token_copies` a program may copy tokens, for models that were taught to."""
        self.literals = literals
        self._grammar = ProgramGrammar(literals)
        self._token_copies = token_copies
        self._odds = Odds()

    def begin(self, prompt: Prompt, lock: Lock) -> tuple[Automaton, Drafter]:
        """Return the constraint of a program over the window, or the files, and its drafts."""
        if prompt.places:
            constraint = self._grammar.start_files(prompt.places)
        else:
            tokens = prompt.line_tokens if self._token_copies else None
            constraint = self._grammar.start(len(prompt.window), lock, tokens)
        drafts = ProgramDrafts(
            constraint, prompt.line_tokens, prompt.hints, self._odds, prompt.places
        )
        return constraint, drafts

    def lowering(self, prompt: Prompt, lock: Lock) -> Lowering | None:
        """Return what lowers the ops as they are written; None where tokens are not copied."""
        copies = self._token_copies and not prompt.places
        return Lowering(self._pieces(prompt), lock) if copies else None

    def program(self, written: Program, prompt: Prompt, lock: Lock) -> Program:
        """Return what was written, without token copies; the grammar has seen to the lock."""
        if not self._token_copies or prompt.places:
            return written
        return lower(written, self._pieces(prompt), lock)

    def _pieces(self, prompt: Prompt) -> list[list[bytes]]:
        return [list(map(self.literals.codec.token_bytes, line)) for line in prompt.line_tokens]


class Rewrites:
    """The model writes full text, with the window's lines as drafts."""

    def __init__(self, literals: Literals, *, opening: tuple[int, ...] = ()) -> None:
        """`literals.gen_close` is the token that ends a text, if there is one."""
        self.literals = literals
        self.opening = opening
        self._odds = Odds()

    def begin(self, prompt: Prompt, lock: Lock) -> tuple[Automaton, Drafter]:  # noqa: ARG002  # looked at afterwards
        """Return the rules of full text, and drafts along the window."""
        text = FreeText(self.literals, prompt.fence)
        return text, RewriteDrafts(text, prompt.line_tokens, prompt.hints, self._odds)

    def lowering(self, prompt: Prompt, lock: Lock) -> Lowering | None:  # noqa: ARG002  # the protocol's
        """Return None: full text is new text."""
        return None

    def program(self, written: Program, prompt: Prompt, lock: Lock) -> Program:
        """Return the program from the window's text to the one that was written.

        Raises:
            OutsideScopeError: lines outside the lock were changed.
        """
        text = "".join(op.text for op in written.ops if isinstance(op, Gen))
        lines = [self._text(line) for line in prompt.line_tokens]
        first, last = lock or (1, len(lines))
        before, after = "".join(lines[: first - 1]), "".join(lines[last:])
        middle = len(text) - len(after)
        kept = text.startswith(before) and text.endswith(after) and middle >= len(before)
        if not kept:
            message = (
                f"expected lines outside {first} to {last} to stay, found others from the model: "
                "nothing was changed"
            )
            raise OutsideScopeError(message)
        old = Document("".join(lines[first - 1 : last]))
        changed = oracle(old, Document(text[len(before) : middle]))
        ops: list[LineOp] = [Copy(1, first - 1)] if first > 1 else []
        for op in changed.line_ops:
            shifted = (
                Copy(op.first + first - 1, op.last + first - 1) if isinstance(op, Copy) else op
            )
            ops.append(shifted)
        if last < len(lines):
            ops.append(Copy(last + 1, len(lines)))
        return Program(tuple(ops))

    def _text(self, tokens: list[int]) -> str:
        codec = self.literals.codec
        return b"".join(map(codec.token_bytes, tokens)).decode("utf-8", errors="replace")


def of_ours(literals: Literals, mode: Mode, *, token_copies: bool = False) -> Writing:
    """Return how a model of ours writes; full text as one gen: it knows no other way to."""
    if mode is Mode.REWRITE:
        return Rewrites(literals, opening=literals[grammar.GEN_OPEN])
    return Programs(literals, token_copies=token_copies)


def of_another(literals: Literals, end: int | None, mode: Mode) -> Writing:
    """Return how any other model writes; `end` is the token that ends a text, if there is one."""
    if mode is Mode.REWRITE:
        ends = {} if end is None else {grammar.GEN_CLOSE: end}
        return Rewrites(Literals(literals.codec, ends))
    return Programs(literals)
