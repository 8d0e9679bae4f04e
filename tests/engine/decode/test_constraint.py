"""The constraint accepts exactly the programs that `render` writes, within the bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copydecode.decode.constraint import Constraint, Phase, ProgramGrammar
from copydecode.decode.literals import PIECES, Literals
from copydecode.edit import grammar as text_form
from copydecode.edit.document import Document
from copydecode.edit.fit import fit, visible, whole
from copydecode.edit.oracle import locked_oracle
from copydecode.edit.program import Copy, CopyTokens, Gen, Op, Program
from copydecode.edit.resolve import resolve
from copydecode.edit.token_copies import Pieces, lower, token_oracle
from tests.engine.conftest import FOREIGN_SPECIAL
from tests.engine.decode.scripted import ByteLevelCodec, op_tokens, program_tokens

LINES = 1234
PARTS = [*text_form.RESERVED, "\\", "<", ">\n", "</gen", FOREIGN_SPECIAL, "x"]
texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.lists(st.sampled_from(PARTS), max_size=6).map("".join),
)
bounds = st.tuples(st.integers(1, LINES), st.integers(1, LINES)).map(sorted)
copies: st.SearchStrategy[Op] = bounds.map(lambda b: Copy(*b))
token_copies: st.SearchStrategy[Op] = bounds.map(lambda b: CopyTokens(*b))
ops: st.SearchStrategy[Op] = copies | texts.map(Gen)
programs = st.lists(ops, max_size=5).map(lambda found: Program(tuple(found)))
token_programs = st.lists(ops | token_copies, max_size=5).map(lambda found: Program(tuple(found)))
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def feed(constraint: Constraint, tokens: list[int]) -> Program:
    """Let a constraint take tokens that must all be legal; return the ops that closed."""
    found: list[Op] = []
    for token in tokens:
        assert constraint.permits(token)
        forced = constraint.forced()
        assert forced is None or forced == token
        if (op := constraint.accept(token).op) is not None:
            found.append(op)
    return Program(tuple(found))


@shared
@given(programs)
def test_every_program_in_range_is_accepted_and_read_back(
    grammar: ProgramGrammar, program: Program
) -> None:
    constraint = grammar.start(LINES)
    tokens = program_tokens(program, grammar.literals)
    assert feed(constraint, tokens) == program
    assert constraint.done
    assert constraint.tokens == tuple(tokens)
    assert constraint.allowed() is not None
    assert not constraint.permits(tokens[-1])


@shared
@given(token_programs, st.data())
def test_every_program_with_token_copies_in_range_is_accepted_and_read_back(
    grammar: ProgramGrammar, program: Program, data: st.DataObject
) -> None:
    """And undone exactly, wherever one stops."""
    constraint = grammar.start(LINES, line_tokens=[[0]] * LINES)
    tokens = program_tokens(program, grammar.literals)
    assert feed(constraint, tokens) == program
    assert constraint.done
    steps = data.draw(st.integers(0, len(tokens)))
    constraint.rollback(steps)
    assert constraint.tokens == tuple(tokens[: len(tokens) - steps])
    feed(constraint, tokens[len(tokens) - steps :])
    assert constraint.done


def legal_part(constraint: Constraint, tokens: list[int]) -> int:
    """Let a constraint take tokens as long as they are legal; return how many were."""
    for index, token in enumerate(tokens):
        if not constraint.permits(token):
            with pytest.raises(ValueError, match="legal"):
                constraint.accept(token)
            return index
        constraint.accept(token)
    return len(tokens)


@shared
@given(
    counts=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    lock=st.none() | st.sampled_from([(1, 1), (2, 2), (1, 2), (3, 3)]),
    first=st.integers(0, 125),
    last=st.integers(0, 125),
)
def test_a_token_copy_is_accepted_just_within_the_tokens_that_may_change(
    grammar: ProgramGrammar,
    counts: list[int],
    lock: tuple[int, int] | None,
    first: int,
    last: int,
) -> None:
    a, b = lock or (1, 3)
    constraint = grammar.start(3, lock, [[0] * count for count in counts])
    before: list[Op] = [Copy(1, a - 1)] if a > 1 else []
    opened = program_tokens(Program(tuple(before)), grammar.literals)
    feed(constraint, opened[: -len(grammar.literals[text_form.PROGRAM_CLOSE])])
    tokens = op_tokens(CopyTokens(first, last), grammar.literals)
    in_range = sum(counts[: a - 1]) < first <= last <= sum(counts[:b])
    assert (legal_part(constraint, tokens) == len(tokens)) == in_range


@pytest.mark.parametrize("lines", [0, 3])
def test_tokens_cannot_be_copied_where_that_is_not_switched_on(
    grammar: ProgramGrammar, lines: int
) -> None:
    """Nor where there are none."""
    literals = grammar.literals
    opening = list(literals[text_form.TOKENS_OPEN])
    empty: list[list[int]] = [[]] * lines
    for line_tokens in (None, empty):
        constraint = grammar.start(lines, None, line_tokens)
        feed(constraint, list(literals[text_form.PROGRAM_OPEN]))
        assert legal_part(constraint, opening) < len(opening)
    on = grammar.start(1, None, [[0]])
    feed(on, list(literals[text_form.PROGRAM_OPEN]))
    assert legal_part(on, opening) == len(opening)


@shared
@given(
    n=st.integers(1, 130),
    first=st.integers(0, 140),
    last=st.integers(0, 140),
)
def test_a_copy_is_accepted_just_within_bounds(
    grammar: ProgramGrammar, n: int, first: int, last: int
) -> None:
    constraint = grammar.start(n)
    feed(constraint, list(grammar.literals[text_form.PROGRAM_OPEN]))
    tokens = op_tokens(Copy(first, last), grammar.literals)
    legal = 0
    for token in tokens:
        if not constraint.permits(token):
            break
        legal += 1
        constraint.accept(token)
    assert (legal == len(tokens)) == (1 <= first <= last <= n)
    if legal < len(tokens):
        before = (constraint.tokens, constraint.phase)
        with pytest.raises(ValueError, match="legal"):
            constraint.accept(tokens[legal])
        assert (constraint.tokens, constraint.phase) == before


@pytest.mark.parametrize("n", [1, 9, 10, 57, 120, 999, 1000, 1234])
def test_any_walk_through_the_numbers_ends_in_range(grammar: ProgramGrammar, n: int) -> None:
    rng = random.Random(n)  # seeded, no secrets
    for _ in range(50):
        constraint = grammar.start(n)
        opening = grammar.literals[text_form.PROGRAM_OPEN] + grammar.literals[text_form.COPY_OPEN]
        feed(constraint, list(opening))
        while True:
            allowed = constraint.allowed()
            assert allowed is not None
            op = constraint.accept(int(rng.choice(allowed.tolist()))).op
            if op is not None:
                assert isinstance(op, Copy)
                assert 1 <= op.first <= op.last <= n
                break


def test_number_states_allow_canonical_numbers_alone(grammar: ProgramGrammar) -> None:
    n, first = 1234, 57
    literals = grammar.literals
    constraint = grammar.start(n)
    opening = [*literals[text_form.PROGRAM_OPEN], *literals[text_form.COPY_OPEN]]
    feed(constraint, [*opening, *literals.codec.encode(str(first)), *literals[text_form.COPY_DASH]])
    allowed = constraint.allowed()
    assert allowed is not None
    encoded = [literals.codec.encode(str(number)) for number in range(first, n + 1)]
    assert set(allowed.tolist()) == {ids[0] for ids in encoded}


def test_nothing_can_be_copied_from_an_empty_document(grammar: ProgramGrammar) -> None:
    literals = grammar.literals
    constraint = grammar.start(0)
    feed(constraint, list(literals[text_form.PROGRAM_OPEN]))
    ways = {literals[text_form.GEN_OPEN], literals[text_form.PROGRAM_CLOSE]}
    seen = set()
    for way in ways:
        feed(constraint, list(way))
        seen.add(constraint.phase)
        constraint.rollback(len(way))
    assert seen == {Phase.BODY, Phase.DONE}
    opening = literals[text_form.COPY_OPEN]
    shared_start = sum(a == b for a, b in zip(opening, literals[text_form.GEN_OPEN], strict=False))
    for token in opening[:shared_start]:
        constraint.accept(token)
    with pytest.raises(ValueError, match="legal"):
        constraint.accept(opening[shared_start])


def test_the_literals_leave_no_choice(own_grammar: ProgramGrammar) -> None:
    """In our own tokenizer an op costs its opening marker and its numbers; the rest is forced."""
    literals = own_grammar.literals
    assert all(len(literals[piece]) == 1 for piece in PIECES)
    constraint = own_grammar.start(999)
    free = []
    for token in program_tokens(Program((Copy(2, 45), Gen("x"))), literals):
        if constraint.forced() is None:
            free.append(token)
        else:
            assert constraint.forced() == token
        constraint.accept(token)
    encode = literals.codec.encode
    assert free == [
        *literals[text_form.COPY_OPEN],
        *encode("2"),
        *encode("45"),
        *literals[text_form.GEN_OPEN],
        *encode("x"),
        *literals[text_form.GEN_CLOSE],
        *literals[text_form.PROGRAM_CLOSE],
    ]


def test_special_tokens_are_never_text(grammar: ProgramGrammar) -> None:
    literals = grammar.literals
    constraint = grammar.start(3)
    feed(constraint, [*literals[text_form.PROGRAM_OPEN], *literals[text_form.GEN_OPEN]])
    assert constraint.allowed() is None
    special = [t for t in range(literals.size) if not literals.codec.token_bytes(t)]
    assert special
    for token in special:
        assert constraint.permits(token) == (token == literals.gen_close)
    for token in (-1, literals.size):
        assert not constraint.permits(token)


def test_a_token_past_the_marker_is_cut_at_it(foreign_literals: Literals) -> None:
    codec = foreign_literals.codec
    assert isinstance(codec, ByteLevelCodec)
    crossing = [t for t in range(codec.size) if codec.token_bytes(t) in {b">\n", b"><", b"><\n"}]
    assert len(crossing) == 3
    for token in crossing:
        constraint = ProgramGrammar(foreign_literals).start(3)
        opening = [
            *foreign_literals[text_form.PROGRAM_OPEN],
            *foreign_literals[text_form.GEN_OPEN],
        ]
        feed(constraint, [*opening, *codec.encode("a</gen")])
        accepted = constraint.accept(token)
        assert accepted.op == Gen("a")
        assert b"".join(map(codec.token_bytes, accepted.tokens)) == b">"
        assert constraint.phase.name == "OP"
        # The cut token is one step: undone, the gen is open again.
        constraint.rollback(1)
        assert constraint.phase is Phase.BODY
        constraint.accept(token)
        feed(constraint, list(foreign_literals[text_form.PROGRAM_CLOSE]))
        text = b"".join(map(codec.token_bytes, constraint.tokens)).decode()
        assert text == "<program><gen>a</gen></program>"


def test_text_that_reads_like_the_marker_is_text_where_the_marker_is_a_token(
    own_grammar: ProgramGrammar,
) -> None:
    literals = own_grammar.literals
    constraint = own_grammar.start(3)
    opening = [*literals[text_form.PROGRAM_OPEN], *literals[text_form.GEN_OPEN]]
    feed(constraint, [*opening, *literals.codec.encode("</gen>")])
    assert constraint.phase is Phase.BODY
    assert constraint.accept(literals[text_form.GEN_CLOSE][0]).op == Gen("</gen>")


def test_bytes_that_are_no_text_are_replaced(grammar: ProgramGrammar) -> None:
    literals = grammar.literals
    constraint = grammar.start(3)
    lone = next(t for t in range(literals.size) if literals.codec.token_bytes(t) == b"\xc3")
    opening = [*literals[text_form.PROGRAM_OPEN], *literals[text_form.GEN_OPEN]]
    program = feed(constraint, [*opening, lone, *literals[text_form.GEN_CLOSE]])
    assert program == Program((Gen("\ufffd"),))


@shared
@given(program=programs, data=st.data())
def test_rollback_undoes_exactly(
    grammar: ProgramGrammar, program: Program, data: st.DataObject
) -> None:
    constraint = grammar.start(LINES)
    tokens = program_tokens(program, grammar.literals)
    feed(constraint, tokens)
    steps = data.draw(st.integers(0, len(tokens)))
    constraint.rollback(steps)
    assert constraint.tokens == tuple(tokens[: len(tokens) - steps])
    feed(constraint, tokens[len(tokens) - steps :])
    assert constraint.done


@st.composite
def locked_edits(draw: st.DrawFn) -> tuple[Document, tuple[int, int], str]:
    """Draw a document, some of its lines, and what is to stand there."""
    names = st.lists(st.sampled_from(["a\n", "b\n", "</gen>\n", "\n"]), max_size=14)
    document = Document("".join(draw(names)) + draw(st.sampled_from(["a\n", "b"])))
    first, last = sorted(draw(st.tuples(*[st.integers(1, len(document))] * 2)))
    return document, (first, last), "".join(draw(names))


@shared
@given(locked_edits())
def test_every_edit_of_a_locked_scope_can_be_decoded(
    grammar: ProgramGrammar, case: tuple[Document, tuple[int, int], str]
) -> None:
    document, lock, text = case
    program = locked_oracle(document, lock, text)
    constraint = grammar.start(len(document), lock)
    assert feed(constraint, program_tokens(program, grammar.literals)) == program
    assert constraint.done


def walk(constraint: Constraint, rng: random.Random) -> Program:
    """Decode whatever is legal."""
    literals = constraint.literals
    close = literals[text_form.PROGRAM_CLOSE]
    found: list[Op] = []
    while not constraint.done:
        written, at = len(constraint.tokens), len(constraint.path)
        assert written < 2000
        allowed = constraint.allowed()
        if allowed is None:  # In a gen: one word, then its end.
            words = rng.choice(["x", "x\n", "\n"])
            tokens = [*literals.codec.encode(words), *literals[text_form.GEN_CLOSE]]
        elif (
            written > 200
            and constraint.phase is Phase.OP
            and constraint.path == close[:at]
            and close[at] in allowed
        ):
            tokens = [close[at]]  # Enough: the end is taken as soon as there is one.
        else:
            # Late numbers and the end are likelier, so that walks are short.
            tokens = [int(allowed[-1] if rng.random() < 0.5 else rng.choice(allowed.tolist()))]
        closed = [constraint.accept(token).op for token in tokens]
        found += [op for op in closed if op is not None]
    return Program(tuple(found))


@shared
@given(locked_edits(), st.integers(0, 10**6))
def test_whatever_is_decoded_leaves_the_lines_around_a_locked_scope(
    grammar: ProgramGrammar, case: tuple[Document, tuple[int, int], str], seed: int
) -> None:
    document, lock, _ = case
    program = walk(grammar.start(len(document), lock), random.Random(seed))
    result = resolve(program, document)
    assert result.startswith(document.span(1, lock[0] - 1))
    assert result.endswith(document.span(lock[1] + 1, len(document)))


def encoded(grammar: ProgramGrammar, lines: list[str]) -> list[list[int]]:
    return [grammar.literals.codec.encode(f"{line}\n") for line in lines]


def pieces_of(grammar: ProgramGrammar, line_tokens: list[list[int]]) -> Pieces:
    return [list(map(grammar.literals.codec.token_bytes, line)) for line in line_tokens]


@shared
@given(locked_edits(), st.integers(0, 10**6))
def test_token_copies_leave_the_lines_around_a_locked_scope(
    grammar: ProgramGrammar, case: tuple[Document, tuple[int, int], str], seed: int
) -> None:
    """Whatever is decoded: lowered, and fitted to the document's bytes."""
    document, lock, _ = case
    line_tokens = encoded(grammar, visible(document, whole(document)))
    program = walk(grammar.start(len(document), lock, line_tokens), random.Random(seed))
    lowered = lower(program, pieces_of(grammar, line_tokens), lock)
    result = resolve(fit(lowered, document, whole(document)), document)
    kept = document.lines[lock[1] :]
    assert result.startswith(document.span(1, lock[0] - 1))
    assert Document(result).lines[len(Document(result)) - len(kept) :] == kept


@shared
@given(locked_edits(), st.integers(1, 4))
def test_every_oracle_program_over_tokens_can_be_decoded(
    grammar: ProgramGrammar, case: tuple[Document, tuple[int, int], str], least: int
) -> None:
    document, _, target = case
    old, new = (
        encoded(grammar, visible(text, whole(text))) for text in (document, Document(target))
    )
    program = token_oracle(pieces_of(grammar, old), pieces_of(grammar, new), least)
    constraint = grammar.start(len(document), None, old)
    assert feed(constraint, program_tokens(program, grammar.literals)) == program
    assert constraint.done


def test_a_lock_leaves_few_decisions(own_grammar: ProgramGrammar) -> None:
    """One where the scope's new text begins, those in it, and one number behind it."""
    literals = own_grammar.literals
    program = Program((Copy(1, 56), Gen("x"), Copy(58, 99)))
    constraint = own_grammar.start(99, (57, 57))
    free = []
    for token in program_tokens(program, literals):
        if constraint.forced() is None:
            free.append(token)
        constraint.accept(token)
    encode = literals.codec.encode
    assert free == [
        *literals[text_form.GEN_OPEN],
        *encode("x"),
        *literals[text_form.GEN_CLOSE],
        *encode("58"),
    ]


def test_rollback_past_the_start_is_refused(grammar: ProgramGrammar) -> None:
    constraint = grammar.start(3)
    constraint.accept(grammar.literals[text_form.PROGRAM_OPEN][0])
    with pytest.raises(ValueError, match="at most 1"):
        constraint.rollback(2)
