r"""The grammar of programs on token ids: what may come next, and what has come.

XGrammar holds the automaton: one generic grammar, compiled once per tokenizer, whose literals are
`Token(id)` sequences (one legal token a position), so that it never depends on the document. What
depends on it is laid over (`edit.rules`: the bounds `1 <= i <= j <= n` of lines, or of tokens where
those may be copied; the lock of a scope). Where an op begins, the legal tokens are those of the
literals that may open it; in the number states they are those of canonical numbers that keep an
allowed one reachable, and the delimiter behind one. In a program over several files (`edit.bundle`)
a path is one of those that may be opened: each is its canonical encoding on its own.

How a gen ends depends on the tokenizer. Where `</gen>` is a special token, that token ends it, and
text that merely reads `</gen>` does not. Where it is spelled, the end is found on the bytes of the
tokens; a token that carries bytes past the marker (`>\n`) is legal and is cut at the marker.

Knows nothing of models, logits or line texts.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xgrammar as xg

from copydecode.decode.automaton import Accepted
from copydecode.decode.literals import Ids, Literals, encode_exactly
from copydecode.edit import grammar
from copydecode.edit.bundle import BundleRules, Place
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op
from copydecode.edit.rules import Opening, Ranges, Rules, token_range
from copydecode.errors import FilesError

_OPENINGS = {
    Opening.COPY: grammar.COPY_OPEN,
    Opening.TOKENS: grammar.TOKENS_OPEN,
    Opening.GEN: grammar.GEN_OPEN,
    Opening.FILE: grammar.FILE_OPEN,
    Opening.END: grammar.PROGRAM_CLOSE,
}
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
    PATH = enum.auto()
    DONE = enum.auto()


_DELIMITERS = {Phase.FIRST: grammar.COPY_DASH, Phase.LAST: grammar.COPY_CLOSE}


@dataclass(frozen=True, slots=True)
class _State:
    """A place in the program.

    `rules` hold here; `before` is the op that closed last; `path` holds the tokens of the piece,
    number or file's path that has begun; `first` and `last` are the numbers of the copy so far, of
    tokens where `of_tokens`; `start` is the index of the first token of the gen; `matched` counts
    the bytes of a spelled `</gen>` that have come.
    """

    phase: Phase
    rules: Rules | BundleRules
    before: Op | None = None
    path: tuple[int, ...] = ()
    first: int = 0
    last: int = 0
    of_tokens: bool = False
    start: int = 0
    matched: int = 0


class ProgramGrammar:
    """The compiled grammar of one tokenizer; makes constraints for documents."""

    def __init__(self, literals: Literals) -> None:
        """Build XGrammar's view of the vocabulary: about 1 s at 150,000 tokens, 10 ms at 8,000."""
        self.literals = literals
        self._compiler = xg.GrammarCompiler(_tokenizer_info(literals), max_threads=1)
        self._compiled: dict[tuple[str, ...], xg.CompiledGrammar] = {}

    def start(
        self,
        lines: int,
        lock: tuple[int, int] | None = None,
        line_tokens: Sequence[Sequence[int]] | None = None,
    ) -> Constraint:
        """Return the constraint of a program over a document of that many lines.

        `lock` is 1-based and inclusive: the program leaves all other lines as they are. With the
        tokens of each line the program may copy tokens too.

        Raises:
            ValueError: the lock is not within the lines.
        """
        tokens = None if line_tokens is None else token_range(list(map(len, line_tokens)), lock)
        rules = Rules(lines, lock, tokens)
        copies = ("copy",) if lines > 0 else ()
        if rules.tokens is not None:
            copies = (*copies, "tokens")
        return Constraint(self.literals, self._compile(copies), rules)

    def start_files(self, places: Sequence[Place]) -> Constraint:
        """Return the constraint of a program over several files, whose lines stand there.

        Raises:
            FilesError: a path has characters for which the tokenizer has no tokens.
        """
        rules = BundleRules(places)
        paths = {path: self._path_tokens(path) for path in rules.files}
        ops = ("copy", "file") if places[-1].last else ("file",)
        return Constraint(self.literals, self._compile(ops), rules, paths)

    def _compile(self, ops: tuple[str, ...]) -> xg.CompiledGrammar:
        if ops not in self._compiled:
            text = _ebnf(self.literals, ops)
            self._compiled[ops] = self._compiler.compile_grammar(xg.Grammar.from_ebnf(text))
        return self._compiled[ops]

    def _path_tokens(self, path: str) -> tuple[int, ...]:
        """Return the tokens of a path and of what stands behind it: none begins another's."""
        literals, text = self.literals, grammar.escape_path(path)
        tokens = encode_exactly(literals.codec, text)
        if b"".join(map(literals.codec.token_bytes, tokens)) != text.encode():
            message = f"expected paths that the model's tokenizer can spell, found {path}"
            raise FilesError(message)
        return (*tokens, *literals[grammar.COPY_CLOSE])


class Constraint:
    """The grammar's state along one program."""

    def __init__(
        self,
        literals: Literals,
        compiled: xg.CompiledGrammar,
        rules: Rules | BundleRules,
        paths: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """`paths` are the tokens of each file that may be opened, its op's end included."""
        self.literals = literals
        self._paths = paths or {}
        self._matcher = xg.GrammarMatcher(compiled, terminate_without_stop_token=True)
        self._bitmask = xg.allocate_token_bitmask(1, literals.size)
        self._bits = self._bitmask.numpy().view(np.uint8)[0]
        self._state = _State(Phase.START, rules)
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

    @property
    def path(self) -> tuple[int, ...]:
        """The tokens so far of the literal or number that has begun."""
        return self._state.path

    @property
    def first(self) -> int:
        """The first line of the copy op that is being written, 0 before it is known."""
        return self._state.first

    @property
    def of_tokens(self) -> bool:
        """Whether the copy op that is being written counts tokens."""
        return self._state.of_tokens

    @property
    def rules(self) -> Rules | BundleRules:
        """What may come next, and where the lines of files stand."""
        return self._state.rules

    @property
    def body(self) -> list[int]:
        """The tokens so far of the gen op that is being written."""
        return self._tokens[self._state.start :] if self._state.phase is Phase.BODY else []

    def begin(self) -> None:
        """Take `<program>`: every prompt ends with it."""
        for token in self.literals[grammar.PROGRAM_OPEN]:
            self.accept(token)

    def allowed(self) -> Ids | None:
        """Return the ids that may come next; None for all but `Literals.never_text`.

        Empty once the program is complete.
        """
        state = self._state
        match state.phase:
            case Phase.BODY:
                return None
            case Phase.FIRST | Phase.LAST:
                return self._number(state)
            case Phase.OP:
                return self._opening(state)
            case Phase.PATH:
                return _sorted({tokens[len(state.path)] for tokens in self._reachable(state)})
            case Phase.DONE:
                return np.empty(0, dtype=np.int64)
            case Phase.START | Phase.DASH | Phase.CLOSE:
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

    def removable(self, copy: Copy | CopyTokens) -> int:
        """Return how many lines or tokens of a copy, from its first on, a program may leave out."""
        return self._state.rules.removable(copy)

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

    def _opening(self, state: _State) -> Ids:
        """Return the tokens that lead on in one of the literals that may come before an op."""
        at = len(state.path)
        pieces = (
            self.literals[_OPENINGS[opening]] for opening in state.rules.openings(state.before)
        )
        return _sorted({piece[at] for piece in pieces if piece[:at] == state.path})

    def _number(self, state: _State) -> Ids:
        """Return the tokens that lead on to an allowed number, or end it."""
        numbers, ranges = self.literals.numbers, self._ranges(state)
        ids = {token for low, high in ranges for token in numbers.following(state.path, low, high)}
        value = numbers.value(state.path)
        if value is not None and any(low <= value <= high for low, high in ranges):
            ids.add(self.literals[_DELIMITERS[state.phase]][0])
        return _sorted(ids)

    def _ranges(self, state: _State) -> Ranges:
        rules = state.rules
        if state.of_tokens:
            if state.phase is Phase.FIRST:
                return rules.token_firsts(state.before)
            return rules.token_lasts(state.first)
        if state.phase is Phase.FIRST:
            return rules.firsts(state.before)
        return rules.lasts(state.before, state.first)

    def _reachable(self, state: _State) -> dict[tuple[int, ...], str]:
        """Return the paths that may still be meant, by their tokens."""
        begun = len(state.path)
        return {
            tokens: path
            for path in state.rules.files
            if (tokens := self._paths[path])[:begun] == state.path
        }

    def _accept_number(self, state: _State, token: int) -> tuple[Accepted, _State]:
        if token not in self._number(state):
            raise _illegal(token, state)
        self._match(token, state)
        path = (*state.path, token)
        if token != self.literals[_DELIMITERS[state.phase]][0]:
            return Accepted((token,)), replace(state, path=path)
        value = self.literals.numbers.value(state.path)
        assert value is not None  # noqa: S101  # the delimiter is legal after a whole number only
        if state.phase is Phase.FIRST:
            return self._piece_done(replace(state, phase=Phase.DASH, path=(), first=value), token)
        return self._piece_done(replace(state, phase=Phase.CLOSE, path=(), last=value), token)

    def _accept_piece(self, state: _State, token: int) -> tuple[Accepted, _State]:
        if state.phase is Phase.DONE:
            raise _illegal(token, state)
        if state.phase is Phase.OP and token not in self._opening(state):
            raise _illegal(token, state)
        if state.phase is Phase.PATH and not self.permits(token):
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
                return accepted, _State(Phase.OP, state.rules)
            case Phase.OP if path == literals[grammar.COPY_OPEN]:
                return accepted, _State(Phase.FIRST, state.rules, state.before)
            case Phase.OP if path == literals[grammar.TOKENS_OPEN]:
                return accepted, _State(Phase.FIRST, state.rules, state.before, of_tokens=True)
            case Phase.OP if path == literals[grammar.GEN_OPEN]:
                start = len(self._tokens) + 1
                return accepted, _State(Phase.BODY, state.rules, state.before, start=start)
            case Phase.OP if path == literals[grammar.FILE_OPEN]:
                return accepted, _State(Phase.PATH, state.rules, state.before)
            case Phase.OP if path == literals[grammar.PROGRAM_CLOSE]:
                return accepted, _State(Phase.DONE, state.rules)
            case Phase.DASH if path == literals[grammar.COPY_DASH]:
                return accepted, replace(state, phase=Phase.LAST, path=())
            case Phase.CLOSE if path == literals[grammar.COPY_CLOSE]:
                kind = CopyTokens if state.of_tokens else Copy
                return self._op_done(state, (token,), kind(state.first, state.last))
            case Phase.PATH if (name := self._reachable(state).get(path)) is not None:
                return self._op_done(state, (token,), File(name))
            case _:
                return accepted, replace(state, path=path)

    def _accept_text(self, state: _State, token: int) -> tuple[Accepted, _State]:
        if not self.permits(token):
            raise _illegal(token, state)
        if (close := self.literals.gen_close) is not None:
            self._match(token, state)
            if token == close:
                return self._op_done(state, (token,), Gen(self._text(state, ())))
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
                text_of_gen = self._text(state, tokens, cut=len(_MARKER))
                return self._op_done(state, tokens, Gen(text_of_gen))
        self._match(token, state)
        return Accepted((token,)), replace(state, matched=matched)

    @staticmethod
    def _op_done(state: _State, tokens: tuple[int, ...], op: Op) -> tuple[Accepted, _State]:
        return Accepted(tokens, op), _State(Phase.OP, state.rules.after(op), op)

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


def _sorted(ids: Iterable[int]) -> Ids:
    return np.array(sorted(ids), dtype=np.int64)


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


def _ebnf(literals: Literals, ops: Sequence[str]) -> str:
    """Write the grammar of programs; `ops` names the rules of the ops that it has beside gens."""

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
op ::= {" | ".join((*ops, "gen"))}
copy ::= {piece(grammar.COPY_OPEN)} range {piece(grammar.COPY_CLOSE)}
tokens ::= {piece(grammar.TOKENS_OPEN)} range {piece(grammar.COPY_CLOSE)}
file ::= {piece(grammar.FILE_OPEN)} path {piece(grammar.COPY_CLOSE)}
path ::= [^"]+
range ::= number {piece(grammar.COPY_DASH)} number
number ::= [1-9] [0-9]*
gen ::= {piece(grammar.GEN_OPEN)} body {close}
body ::= {body}
"""
