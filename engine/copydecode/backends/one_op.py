"""What a model server may write in one request: one op of a program, or the rest of one.

The grammar is spelled in XGrammar's EBNF, which vLLM takes, or in llama.cpp's GBNF. It depends on
the document as little as it can, so that a server compiles it once: a range of more than `LISTED`
numbers is known by its digits alone. It allows all that the local constraint does, and a little
more (a copy that ends before it begins); the constraint looks at every token, and one that is not
legal is asked for again. So a program is what it would be had the server held the constraint
itself.

Where `</gen>` is a special token the ops behind a gen belong to the same request, since nothing is
spliced between them. Where it is spelled, its end may share a token with what follows: the request
ends there.

In EBNF each rule with tokens leads on to a text that no other grammar has. XGrammar (0.2.8) keeps
the masks of rules across grammars by their shape, in which it does not count which tokens
`Token(id)` names: a server then takes the tokens of another grammar, maybe somebody else's. The
text makes the shape ours alone; it stands behind what the server stops at, and is never written.

GBNF takes no set of tokens out of a text: beside the end of new text it allows special tokens
there, which are then not legal here. Knows nothing of servers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from copydecode.decode.constraint import Constraint, Phase
from copydecode.decode.literals import Literals
from copydecode.edit import grammar
from copydecode.edit.program import Gen, Op
from copydecode.edit.rules import Opening, Ranges

LISTED = 300
"""Of so many numbers each is listed: the server then writes canonical ones only."""

_PIECES = {
    Opening.COPY: grammar.COPY_OPEN,
    Opening.GEN: grammar.GEN_OPEN,
    Opening.END: grammar.PROGRAM_CLOSE,
}
_COPY_ENDS = (grammar.COPY_CLOSE, grammar.PROGRAM_CLOSE)
_END = "end"  # The rule of the text that is never written.


@dataclass(frozen=True, slots=True)
class OneOp:
    """A grammar, and the texts at which the server stops once it has written one of them."""

    grammar: str
    stop: tuple[str, ...]


class Spelling(Protocol):
    """How grammars are written; rules are alternatives by name."""

    def tokens(self, tokens: Iterable[int]) -> str:
        """Return tokens, one after the other."""
        ...

    def any_of(self, sequences: Sequence[tuple[int, ...]]) -> list[str]:
        """Return the alternatives that are some sequences, each there once."""
        ...

    def text(self, literals: Literals, follows: str) -> dict[str, list[str]]:
        """Return the rules of new text, that named `text` first; `follows` is behind its end.

        Where the end is spelled, anything may stand behind it.
        """
        ...

    def spell(self, rules: dict[str, list[str]]) -> str:
        """Return the grammar; `end` in its rules is what stands behind all."""
        ...


def one_op(constraint: Constraint, before: Op | None, spelling: Spelling | None = None) -> OneOp:
    """Return what may be written from the constraint's state on; `before` closed last."""
    return _Grammar(constraint, before, spelling or EBNF).written()


def exactly(
    tokens: Sequence[int], stop: tuple[str, ...] = (), spelling: Spelling | None = None
) -> OneOp:
    """Return the grammar of these tokens, one after the other."""
    return either([tuple(tokens)], stop, spelling)


def either(
    sequences: Sequence[tuple[int, ...]],
    stop: tuple[str, ...] = (),
    spelling: Spelling | None = None,
) -> OneOp:
    """Return the grammar of one of these sequences."""
    spelling = spelling or EBNF
    root = [f"{each} {_END}" for each in spelling.any_of(sequences)]
    return OneOp(spelling.spell({"root": root}), stop)


class _Ebnf:
    """XGrammar's EBNF."""

    def tokens(self, tokens: Iterable[int]) -> str:
        return " ".join(f"Token({token})" for token in tokens) or '""'

    def any_of(self, sequences: Sequence[tuple[int, ...]]) -> list[str]:
        return list(dict.fromkeys(map(self.tokens, sequences)))

    def text(self, literals: Literals, follows: str) -> dict[str, list[str]]:
        if (close := literals.gen_close) is None:
            # Behind the marker anything: the token that ends it may go on, and is cut there.
            end = grammar.GEN_CLOSE
            text = 'TagDispatch(loop_after_dispatch=false, excludes=("{}"))'
            return {"text": [f'{text.format(end)} "{end}" {text.format(end + end)}']}
        excluded = ", ".join(map(str, literals.not_in_text.tolist()))
        return {"text": [f"ExcludeToken({excluded}) text", f"Token({close}) {follows}"]}

    def spell(self, rules: dict[str, list[str]]) -> str:
        text = _ruled(rules)
        name = hashlib.sha256(text.encode()).hexdigest()[:24]
        return f'{text}{_END} ::= "copydecode-{name}"\n'


class _Gbnf:
    """llama.cpp's GBNF."""

    def tokens(self, tokens: Iterable[int]) -> str:
        return " ".join(f"<[{token}]>" for token in tokens) or '""'

    def any_of(self, sequences: Sequence[tuple[int, ...]]) -> list[str]:
        """Return a tree: llama.cpp follows each alternative that has not parted yet by itself."""
        branches: dict[int, list[tuple[int, ...]]] = {}
        for first, *rest in filter(None, sequences):
            branches.setdefault(first, []).append(tuple(rest))
        found = []
        for first, rests in branches.items():
            more = self.any_of(rests)
            found.append(f"<[{first}]>" if more == ['""'] else f"<[{first}]> ({' | '.join(more)})")
        return found if all(sequences) else [*found, '""']

    def text(self, literals: Literals, follows: str) -> dict[str, list[str]]:
        if (close := literals.gen_close) is not None:
            # Tokens that end within a character are known by characters alone; no marker has one.
            wide = "[^\\x00-\\x7F] text"
            return {"text": [f"!<[{close}]> text", wide, f"<[{close}]> {follows}"]}
        # The marker begins with its only `<`, so what is no more of it begins anew, or not at all.
        end = grammar.GEN_CLOSE
        names = ["text", *(f"text{matched}" for matched in range(1, len(end))), "tail"]
        rules = {"text": ["[^<] text", f"[<] {names[1]}"]}
        for matched in range(1, len(end)):
            more = [f"[^<{end[matched]}] text", f"[<] {names[1]}"]
            rules[names[matched]] = [f"[{end[matched]}] {names[matched + 1]}", *more]
        return rules | {"tail": ["[^<] tail", "[<] tail", '""']}

    def spell(self, rules: dict[str, list[str]]) -> str:
        return f'{_ruled(rules)}{_END} ::= ""\n'


EBNF: Spelling = _Ebnf()
GBNF: Spelling = _Gbnf()


class _Grammar:
    """The grammar of a state, written rule by rule."""

    def __init__(self, constraint: Constraint, before: Op | None, spelling: Spelling) -> None:
        self._constraint = constraint
        self._literals: Literals = constraint.literals
        self._before = before
        self._spelling = spelling
        self._rules: dict[str, list[str]] = {"root": []}

    def written(self) -> OneOp:
        """Return the grammar of the state."""
        constraint, rules = self._constraint, self._constraint.rules
        spelled = self._literals.gen_close is None
        stop: tuple[str, ...] = (*_COPY_ENDS, grammar.GEN_CLOSE) if spelled else _COPY_ENDS
        match constraint.phase:
            case Phase.BODY:
                root, stop = self._body(behind=False), (grammar.GEN_CLOSE,)
            case Phase.FIRST:
                root = self._first(self._before, constraint.path)
            case Phase.LAST:
                root = self._last(rules.lasts(self._before, constraint.first), constraint.path)
            case _:
                root = self._ops(self._before, constraint.path)
        self._rules["root"] = root
        return OneOp(self._spelling.spell(self._rules), stop)

    def _ops(self, before: Op | None, begun: tuple[int, ...] = ()) -> list[str]:
        """Return the ops that may follow `before`, of whose first literal tokens have come."""
        alternatives: list[str] = []
        for opening in self._constraint.rules.openings(before):
            tokens = self._literals[_PIECES[opening]]
            if tokens[: len(begun)] != begun:
                continue
            begin = self._spelling.tokens(tokens[len(begun) :])
            match opening:
                case Opening.COPY:
                    kind = "behind" if isinstance(before, Gen) else "copy"
                    follows = self._rule(kind, lambda: self._first(before))
                case Opening.GEN:
                    follows = self._rule("body", lambda: self._body(behind=True))
                case _:
                    follows = _END
            alternatives.append(f"{begin} {follows}")
        return alternatives

    def _first(self, before: Op | None, begun: tuple[int, ...] = ()) -> list[str]:
        """Return the numbers at which a copy may begin, and what follows."""
        rules = self._constraint.rules
        firsts = rules.firsts(before)
        lasts = rules.lasts(before, min(first for first, _ in firsts))
        kind = "behind" if isinstance(before, Gen) else "copy"
        last = self._rule(f"{kind}last", lambda: self._last(lasts))
        dash = self._spelling.tokens(self._literals[grammar.COPY_DASH])
        return [f"{number} {dash} {last}" for number in self._numbers(firsts, begun)]

    def _last(self, lasts: Ranges, begun: tuple[int, ...] = ()) -> list[str]:
        """Return the numbers at which it may end, and what closes it."""
        close = self._spelling.tokens(self._literals[grammar.COPY_CLOSE])
        return [f"{number} {close} {_END}" for number in self._numbers(lasts, begun)]

    def _numbers(self, ranges: Ranges, begun: tuple[int, ...]) -> list[str]:
        """Return the numbers of some ranges, of which these tokens have come."""
        if sum(last - first + 1 for first, last in ranges) > LISTED:
            most = len(str(max(last for _, last in ranges)))
            return [f"[0-9]{{0,{most}}}" if begun else f"[1-9] [0-9]{{0,{most - 1}}}"]
        spelt = (
            self._literals.numbers.tokens(number)
            for first, last in ranges
            for number in range(first, last + 1)
        )
        left = [tokens[len(begun) :] for tokens in spelt if tokens[: len(begun)] == begun]
        return self._spelling.any_of(left)

    def _body(self, *, behind: bool) -> list[str]:
        """Return the rest of new text, what ends it, and with `behind` the ops behind it."""
        follows = _END
        if behind and self._literals.gen_close is not None:
            follows = self._rule("ops", lambda: self._ops(Gen("")))
        self._rules |= self._spelling.text(self._literals, follows)
        return ["text"]

    def _rule(self, name: str, alternatives: Callable[[], list[str]]) -> str:
        """Write a rule, if it is not there yet; return its name."""
        if name not in self._rules:
            self._rules[name] = []  # It may speak of itself.
            self._rules[name] = alternatives()
        return name


def _ruled(rules: dict[str, list[str]]) -> str:
    return "".join(f"{name} ::= {' | '.join(of)}\n" for name, of in rules.items())
