r"""The grammar of programs on token ids: what may come next, and what has come.

XGrammar holds the automaton: one generic grammar, compiled once per tokenizer, whose literals are
`Token(id)` sequences (one legal token a position), so that it never depends on the document. The
bounds `1 <= i <= j <= n` are laid over it in the number states: there the legal tokens are those of
canonical numbers that keep one in range reachable, and the delimiter once the number is in range.

How a gen ends depends on the tokenizer. Where `</gen>` is a special token, that token ends it, and
text that merely reads `</gen>` does not. Where it is spelled, the end is found on the bytes of the
tokens; a token that carries bytes past the marker (`>\n`) is legal and is cut at the marker.

Knows nothing of models, logits or line texts.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import xgrammar as xg

from copydecode.decode.literals import Ids, Literals
from copydecode.edit import grammar
from copydecode.edit.program import Copy, Gen, Op

_MARKER = grammar.GEN_CLOSE.encode()


class Phase(enum.Enum):
    """Where in a program the next token stands."""

    START = enum.auto()
    OP = enum.auto()
    FIRST = enum.auto()
    DASH = enum.auto()
    LAST = enum.auto()
    CLOSE = enum.auto()
    BODY = enum.auto()
    DONE = enum.auto()


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of a token: the tokens that stand in the program, and the op that they close."""

    tokens: tuple[int, ...]
    op: Op | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """A place in the program.

    `path` holds the tokens of the piece or number that has begun; `first` and `last` are the
    numbers of the copy so far; `start` is the index of the first token of the gen; `matched` counts
    the bytes of a spelled `</gen>` that have come.
    """

    phase: Phase
    path: tuple[int, ...] = ()
    first: int = 0
    last: int = 0
    start: int = 0
    matched: int = 0


class ProgramGrammar:
    """The compiled grammar of one tokenizer; makes constraints for documents."""

    def __init__(self, literals: Literals) -> None:
        """Build XGrammar's view of the vocabulary: about 1 s at 150,000 tokens, 10 ms at 8,000."""
        self.literals = literals
        self._compiler = xg.GrammarCompiler(_tokenizer_info(literals), max_threads=1)
        self._compiled: dict[bool, xg.CompiledGrammar] = {}

    def start(self, lines: int) -> Constraint:
        """Return the constraint of a program over a document of that many lines."""
        copies = lines > 0
        if copies not in self._compiled:
            text = _ebnf(self.literals, copies=copies)
            self._compiled[copies] = self._compiler.compile_grammar(xg.Grammar.from_ebnf(text))
        return Constraint(self.literals, self._compiled[copies], lines)


class Constraint:
    """The grammar's state along one program."""

    def __init__(self, literals: Literals, compiled: xg.CompiledGrammar, lines: int) -> None:
        self.literals = literals
        self._lines = lines
        self._matcher = xg.GrammarMatcher(compiled, terminate_without_stop_token=True)
        self._bitmask = xg.allocate_token_bitmask(1, literals.size)
        self._bits = self._bitmask.numpy().view(np.uint8)[0]
        self._state = _State(Phase.START)
        self._history: list[tuple[_State, int]] = []  # The state before, and the tokens before.
        self._tokens: list[int] = []

    @property
    def done(self) -> bool:
        """Whether the program is complete."""
        return self._state.phase is Phase.DONE

    @property
    def tokens(self) -> tuple[int, ...]:
        """The program so far, without spliced tokens."""
        return tuple(self._tokens)

    @property
    def phase(self) -> Phase:
        """Where the next token stands."""
        return self._state.phase

    def allowed(self) -> Ids | None:
        """Return the ids that may come next; None for all but `Literals.never_text`.

        Empty once the program is complete.
        """
        state = self._state
        match state.phase:
            case Phase.BODY:
                return None
            case Phase.FIRST:
                return self._number(state, 1, grammar.COPY_DASH)
            case Phase.LAST:
                return self._number(state, state.first, grammar.COPY_CLOSE)
            case Phase.DONE:
                return np.empty(0, dtype=np.int64)
            case Phase.START | Phase.OP | Phase.DASH | Phase.CLOSE:
                self._matcher.fill_next_token_bitmask(self._bitmask)
                return _set_bits(self._bits)

    def permits(self, token: int) -> bool:
        """Return whether the token may come next."""
        allowed = self.allowed()
        if allowed is not None:
            return token in allowed
        return 0 <= token < self.literals.size and token not in self._never_text

    def forced(self) -> int | None:
        """Return the next token where the grammar leaves no choice."""
        if self._state.phase in {Phase.BODY, Phase.DONE}:
            return None
        allowed = self.allowed()
        return int(allowed[0]) if allowed is not None and len(allowed) == 1 else None

    def accept(self, token: int) -> Accepted:
        """Take one token.

        Raises:
            ValueError: the token may not come next; the state is as before.
        """
        state = self._state
        if state.phase in {Phase.FIRST, Phase.LAST}:
            accepted, after = self._accept_number(state, token)
        elif state.phase is Phase.BODY:
            accepted, after = self._accept_text(state, token)
        else:
            accepted, after = self._accept_piece(state, token)
        self._history.append((state, len(self._tokens)))
        self._tokens.extend(accepted.tokens)
        self._state = after
        return accepted

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
        self._matcher.rollback(steps)
        self._state, length = self._history[-steps]
        del self._history[-steps:]
        del self._tokens[length:]

    @property
    def _never_text(self) -> Ids:
        return self.literals.never_text

    def _number(self, state: _State, low: int, delimiter: str) -> Ids:
        ids = self.literals.numbers.following(state.path, low, self._lines)
        value = self.literals.numbers.value(state.path)
        if value is not None and low <= value <= self._lines:
            ids.append(self.literals[delimiter][0])
        return np.array(sorted(ids), dtype=np.int64)

    def _accept_number(self, state: _State, token: int) -> tuple[Accepted, _State]:
        low = 1 if state.phase is Phase.FIRST else state.first
        delimiter = grammar.COPY_DASH if state.phase is Phase.FIRST else grammar.COPY_CLOSE
        if token not in self._number(state, low, delimiter):
            raise _illegal(token, state)
        self._match(token, state)
        path = (*state.path, token)
        if token != self.literals[delimiter][0]:
            return Accepted((token,)), replace(state, path=path)
        value = self.literals.numbers.value(state.path)
        assert value is not None  # noqa: S101  # the delimiter is legal after a whole number only
        if state.phase is Phase.FIRST:
            return self._piece_done(_State(Phase.DASH, first=value), token)
        return self._piece_done(_State(Phase.CLOSE, first=state.first, last=value), token)

    def _accept_piece(self, state: _State, token: int) -> tuple[Accepted, _State]:
        if state.phase is Phase.DONE:
            raise _illegal(token, state)
        self._match(token, state)
        return self._piece_done(state, token)

    def _piece_done(  # noqa: PLR0911  # one line for each literal that may end here
        self, state: _State, token: int
    ) -> tuple[Accepted, _State]:
        """Follow one token of a literal, and the change of phase if it is the literal's last."""
        literals = self.literals
        path = (*state.path, token)
        accepted = Accepted((token,))
        match state.phase:
            case Phase.START if path == literals[grammar.PROGRAM_OPEN]:
                return accepted, _State(Phase.OP)
            case Phase.OP if path == literals[grammar.COPY_OPEN]:
                return accepted, _State(Phase.FIRST)
            case Phase.OP if path == literals[grammar.GEN_OPEN]:
                return accepted, _State(Phase.BODY, start=len(self._tokens) + 1)
            case Phase.OP if path == literals[grammar.PROGRAM_CLOSE]:
                return accepted, _State(Phase.DONE)
            case Phase.DASH if path == literals[grammar.COPY_DASH]:
                return accepted, _State(Phase.LAST, first=state.first)
            case Phase.CLOSE if path == literals[grammar.COPY_CLOSE]:
                return Accepted((token,), Copy(state.first, state.last)), _State(Phase.OP)
            case _:
                return accepted, replace(state, path=path)

    def _accept_text(self, state: _State, token: int) -> tuple[Accepted, _State]:
        if not self.permits(token):
            raise _illegal(token, state)
        if (close := self.literals.gen_close) is not None:
            self._match(token, state)
            if token == close:
                return Accepted((token,), Gen(self._text(state, ()))), _State(Phase.OP)
            return Accepted((token,)), state
        text = self.literals.codec.token_bytes(token)
        matched = state.matched
        for index, byte in enumerate(text):
            # The marker begins with its only `<`, so a failed match can begin anew nowhere else.
            matched = matched + 1 if byte == _MARKER[matched] else int(byte == _MARKER[0])
            if matched == len(_MARKER):
                head = text[: index + 1]
                tokens = (token,) if head == text else tuple(self.literals.spell(head))
                self._match(token if head == text else head, state)
                op = Gen(self._text(state, tokens, cut=len(_MARKER)))
                return Accepted(tokens, op), _State(Phase.OP)
        self._match(token, state)
        return Accepted((token,)), replace(state, matched=matched)

    def _text(self, state: _State, tail: Iterable[int], cut: int = 0) -> str:
        ids = [*self._tokens[state.start :], *tail]
        text = b"".join(map(self.literals.codec.token_bytes, ids))
        return grammar.unescape(text[: len(text) - cut].decode("utf-8", errors="replace"))

    def _match(self, token: int | bytes, state: _State) -> None:
        """Tell XGrammar; what it refuses is illegal."""
        if isinstance(token, bytes):
            taken = self._matcher.accept_string(token)
        else:
            taken = self._matcher.accept_token(token)
        if not taken:
            raise _illegal(token, state)


def _illegal(token: int | bytes, state: _State) -> ValueError:
    return ValueError(f"expected a token that is legal in {state.phase.name}, got {token!r}")


def _set_bits(mask: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Ids:
    """Return the indices of the bits that are set, for masks where few are."""
    # Non-zero bytes first: unpacking a 150,000-bit mask whole costs ten times as much.
    where = np.flatnonzero(mask)
    bits = np.unpackbits(mask[where], bitorder="little").reshape(-1, 8)
    rows, columns = np.nonzero(bits)
    return (where[rows] * 8 + columns).astype(np.int64)


def _tokenizer_info(literals: Literals) -> xg.TokenizerInfo:
    # Special tokens are blank, so that none is legal as text; markers keep bytes, since XGrammar
    # accepts no token without.
    names = {token: name.encode() for name, token in literals.markers.items()}
    vocabulary = [
        names.get(token) or literals.codec.token_bytes(token) for token in range(literals.size)
    ]
    return xg.TokenizerInfo(
        vocabulary, xg.VocabType.RAW, vocab_size=literals.size, stop_token_ids=[]
    )


def _ebnf(literals: Literals, *, copies: bool) -> str:
    def piece(name: str) -> str:
        return " ".join(f"Token({token})" for token in literals[name])

    if literals.gen_close is None:
        body = f'TagDispatch(loop_after_dispatch=false, excludes=("{grammar.GEN_CLOSE}"))'
        close = f'"{grammar.GEN_CLOSE}"'
    else:
        body = f"ExcludeToken({', '.join(map(str, sorted(literals.markers.values())))})*"
        close = piece(grammar.GEN_CLOSE)
    return f"""
root ::= {piece(grammar.PROGRAM_OPEN)} op* {piece(grammar.PROGRAM_CLOSE)}
op ::= {"copy | gen" if copies else "gen"}
copy ::= {piece(grammar.COPY_OPEN)} range {piece(grammar.COPY_CLOSE)}
range ::= number {piece(grammar.COPY_DASH)} number
number ::= [1-9] [0-9]*
gen ::= {piece(grammar.GEN_OPEN)} body {close}
body ::= {body}
"""
