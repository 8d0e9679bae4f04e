"""Token copies: lowered, they say the same to the last byte, and all the rest knows lines alone."""

from __future__ import annotations

import random
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals, encode_exactly
from copydecode.edit import grammar as text_form
from copydecode.edit.document import Document
from copydecode.edit.fit import fit, whole
from copydecode.edit.program import Copy, CopyTokens, Gen, Op, Program
from copydecode.edit.resolve import apply_hunks, hunks, resolve
from copydecode.edit.rules import Opening, Ranges, Rules
from copydecode.edit.token_copies import Lowering, Pieces, lower, token_oracle
from copydecode.errors import CopyRangeError, TokenCopyError

word = st.sampled_from(["", "a", "b", "ab ", "\u20ac", "\U0001f600", "</gen>", "\u2028", "\ufeff"])
end = st.sampled_from(["\n", "\n", "\r\n", "\r", ""])
made_of_words = st.lists(st.tuples(word, word, end).map("".join), max_size=10).map("".join)
texts = st.one_of(made_of_words, st.text())
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

DOCUMENT = Document("ab\ncd\nef\n")
LETTERS = [[b"a", b"b", b"\n"], [b"c", b"d", b"\n"], [b"e", b"f", b"\n"]]


def cut(document: Document, size: int) -> Pieces:
    """Cut each line into tokens of so many bytes, characters too."""
    return [
        [line[at : at + size] for at in range(0, len(line), size)]
        for line in (text.encode() for text in document.lines)
    ]


def encoded(document: Document, literals: Literals) -> Pieces:
    """Return the tokens of a real tokenizer."""
    codec = literals.codec
    return [list(map(codec.token_bytes, encode_exactly(codec, line))) for line in document.lines]


def check_round_trip(source: Document, old: Pieces, new: Pieces, least: int, target: str) -> None:
    program = token_oracle(old, new, least)
    assert all(op.last - op.first >= least - 1 for op in program.ops if isinstance(op, CopyTokens))
    assert text_form.parse(text_form.render(program)) == program
    lowered = lower(program, old)
    assert resolve(lowered, source) == target
    assert resolve(lower(program, old, mode="clipped"), source, "clipped") == target
    assert apply_hunks(source, hunks(lowered, source)) == target


@given(texts, texts, st.integers(1, 4), st.integers(1, 9))
def test_the_oracle_of_any_tokens_keeps_every_byte(
    source: str, target: str, size: int, least: int
) -> None:
    """For every pair of texts, also where tokens hold parts of characters."""
    old, new = Document(source), Document(target)
    check_round_trip(old, cut(old, size), cut(new, size), least, target)


@shared
@given(texts, texts, st.integers(1, 9))
def test_the_oracle_of_a_tokenizer_keeps_every_byte(
    grammar: ProgramGrammar, source: str, target: str, least: int
) -> None:
    old, new = Document(source), Document(target)
    pieces = [encoded(document, grammar.literals) for document in (old, new)]
    check_round_trip(old, pieces[0], pieces[1], least, target)


def test_a_changed_word_is_the_only_new_text(own_literals: Literals) -> None:
    """That is what token copies are for: the line around the word is copied."""
    old = Document("result = compute(value, other_value, reslut)\nprint(result)\n")
    new = Document(old.text.replace("reslut", "result"))
    program = token_oracle(encoded(old, own_literals), encoded(new, own_literals), 3)
    assert [type(op) for op in program.ops] == [CopyTokens, Gen, CopyTokens]
    assert sum(len(op.text) for op in program.ops if isinstance(op, Gen)) <= len("result")
    lowered = lower(program, encoded(old, own_literals))
    assert lowered == Program((Gen(new.lines[0]), Copy(2, 2)))


@st.composite
def flowing(draw: st.DrawFn) -> tuple[Document, int, Program]:
    """Draw a program of token copies and gens, no gen behind a gen."""
    document = Document(draw(texts.filter(bool)))
    size = draw(st.integers(1, 4))
    n = sum(map(len, cut(document, size)))
    spans = st.tuples(st.integers(1, n), st.integers(1, n)).map(sorted)
    op: st.SearchStrategy[Op] = st.one_of(spans.map(lambda s: CopyTokens(*s)), texts.map(Gen))
    ops: list[Op] = []
    for drawn in draw(st.lists(op, max_size=6)):
        if not (ops and isinstance(ops[-1], Gen) and isinstance(drawn, Gen)):
            ops.append(drawn)
    return document, size, Program(tuple(ops))


@given(flowing())
def test_token_copies_and_new_text_are_joined_as_they_are(
    case: tuple[Document, int, Program],
) -> None:
    """No joint appears because one ends within a line; bytes that meet are characters again."""
    document, size, program = case
    tokens = list(chain.from_iterable(cut(document, size)))
    parts = [
        op.text.encode() if isinstance(op, Gen) else b"".join(tokens[op.first - 1 : op.last])
        for op in program.ops
        if isinstance(op, Gen | CopyTokens)
    ]
    expected = b"".join(parts).decode("utf-8", errors="replace")
    assert resolve(lower(program, cut(document, size)), document) == expected


@given(st.lists(st.one_of(texts.map(Gen), st.just(Copy(1, 2)), st.just(Copy(3, 3))), max_size=6))
def test_other_programs_stay_as_they_are_but_for_empty_gens(ops: list[Op]) -> None:
    lowered = lower(Program(tuple(ops)), LETTERS)
    assert lowered == Program(tuple(op for op in ops if op != Gen("")))
    assert resolve(lowered, DOCUMENT) == resolve(Program(tuple(ops)), DOCUMENT)


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        # Whole lines are line copies.
        ((CopyTokens(1, 9),), (Copy(1, 3),)),
        ((CopyTokens(4, 6), CopyTokens(1, 3)), (Copy(2, 2), Copy(1, 1))),
        # What stands of a line is new text, as is what is put beside it.
        ((CopyTokens(1, 7),), (Copy(1, 2), Gen("e"))),
        ((CopyTokens(2, 9),), (Gen("b\n"), Copy(2, 3))),
        ((CopyTokens(1, 4), Gen("x"), CopyTokens(6, 9)), (Copy(1, 1), Gen("cx\n"), Copy(3, 3))),
        ((Gen("x"), CopyTokens(1, 6)), (Gen("xab\n"), Copy(2, 2))),
        ((Gen("x\n"), CopyTokens(1, 6)), (Gen("x\n"), Copy(1, 2))),
        ((Gen("x"), CopyTokens(3, 6)), (Gen("x\n"), Copy(2, 2))),
        # A line copy goes on where a token copy ends, and is otherwise left alone.
        ((CopyTokens(1, 1), Copy(2, 3)), (Gen("acd\n"), Copy(3, 3))),
        ((CopyTokens(1, 1), Gen(""), Copy(2, 2)), (Gen("acd\n"),)),
        ((CopyTokens(1, 3), Copy(2, 3)), (Copy(1, 1), Copy(2, 3))),
        ((CopyTokens(1, 1), Gen("x"), Copy(2, 3)), (Gen("ax"), Copy(2, 3))),
        ((Copy(1, 1), CopyTokens(4, 4)), (Copy(1, 1), Gen("c"))),
        # Between other ops all stays as it was.
        ((Gen("x"), Gen("y"), CopyTokens(1, 1)), (Gen("x"), Gen("ya"))),
    ],
)
def test_lowering_keeps_whole_lines_and_joins_the_rest(
    ops: tuple[Op, ...], expected: tuple[Op, ...]
) -> None:
    assert lower(Program(ops), LETTERS) == Program(expected)


def test_a_last_line_without_terminator_is_a_line_only_at_the_end() -> None:
    pieces = [[b"a", b"\n"], [b"b"]]
    assert lower(Program((CopyTokens(1, 3),)), pieces) == Program((Copy(1, 1), Copy(2, 2)))
    twice = Program((CopyTokens(3, 3), CopyTokens(3, 3), Copy(1, 1)))
    assert lower(twice, pieces) == Program((Gen("bba\n"),))


def test_a_line_outside_the_lock_is_not_run_into() -> None:
    """The resolver's joint stands between, as behind new text without a line end."""
    program = Program((Copy(1, 1), CopyTokens(4, 4), Copy(3, 3)))
    assert resolve(lower(program, LETTERS), DOCUMENT) == "ab\ncef\n"
    locked = lower(program, LETTERS, lock=(2, 2))
    assert locked == Program((Copy(1, 1), Gen("c"), Copy(3, 3)))
    assert resolve(locked, DOCUMENT) == "ab\nc\nef\n"


def test_half_a_character_is_one_again_or_none() -> None:
    pieces = [["\u20ac".encode()[:2], "\u20ac".encode()[2:], b"\n"]]
    halves = Program((CopyTokens(1, 1), CopyTokens(2, 2)))
    assert lower(halves, pieces) == Program((Gen("\u20ac"),))
    parted = Program((CopyTokens(1, 1), Gen("x"), CopyTokens(2, 3)))
    assert lower(parted, pieces) == Program((Gen("\ufffdx\ufffd\n"),))


@pytest.mark.parametrize("whole_line", [Copy(2, 2), CopyTokens(4, 5)])
def test_half_a_character_ends_within_a_line(whole_line: Op) -> None:
    pieces = [["\u20ac".encode()[:2], "\u20ac".encode()[2:], b"\n"], [b"c", b"\n"]]
    program = Program((CopyTokens(1, 1), whole_line))
    assert lower(program, pieces) == Program((Gen("\ufffdc\n"),))


def test_text_is_told_when_nothing_can_be_joined_to_it() -> None:
    lowering = Lowering(LETTERS)
    assert lowering.take(CopyTokens(1, 4)) == [Copy(1, 1)]
    assert lowering.take(Gen("x")) == []
    assert lowering.take(CopyTokens(6, 6)) == []
    assert lowering.take(Copy(3, 3)) == [Gen("cx\n"), Copy(3, 3)]
    assert lowering.take(Gen("y")) == []
    assert lowering.end() == [Gen("y")]


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 10), (2, 1), (10, 10)])
def test_strict_refuses_tokens_that_were_not_shown(first: int, last: int) -> None:
    with pytest.raises(CopyRangeError, match=f"1 <= i <= j <= 9, found tokens {first}-{last}"):
        lower(Program((CopyTokens(first, last),)), LETTERS)


def test_strict_refuses_lines_that_there_are_not() -> None:
    """Behind a token copy, too, where lowering looks at them."""
    with pytest.raises(CopyRangeError, match="found lines 3-4"):
        lower(Program((CopyTokens(1, 1), Copy(3, 4))), LETTERS)


@pytest.mark.parametrize(
    ("first", "last", "text"), [(0, 1, "a"), (8, 10, "f\n"), (2, 1, "b"), (10, 12, "\n")]
)
def test_clipped_clamps_and_warns(
    first: int, last: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    lowered = lower(Program((CopyTokens(first, last),)), LETTERS, mode="clipped")
    assert lowered == Program((Gen(text),))
    assert "tokens" in caplog.text


def test_clipped_copies_nothing_where_nothing_was_shown() -> None:
    assert lower(Program((CopyTokens(1, 1), Gen("x"))), [], mode="clipped") == Program((Gen("x"),))


def test_what_knows_lines_alone_refuses_token_copies() -> None:
    program = Program((CopyTokens(1, 2),))
    with pytest.raises(TokenCopyError, match="tokens 1-2: lower it first"):
        resolve(program, DOCUMENT)
    with pytest.raises(TokenCopyError):
        hunks(program, DOCUMENT)
    with pytest.raises(TokenCopyError):
        fit(program, DOCUMENT, whole(DOCUMENT))


def pick(ranges: Ranges, rng: random.Random) -> int:
    return rng.choice([n for low, high in ranges for n in range(low, high + 1)])


@given(texts.filter(bool), st.data(), st.integers(1, 3), st.randoms(use_true_random=False))
def test_no_walk_with_token_copies_leaves_a_locked_scope(
    text: str, data: st.DataObject, size: int, rng: random.Random
) -> None:
    """Lowered, it leaves all lines around the scope, and there is always a way out."""
    document = Document(text)
    first, last = sorted(data.draw(st.tuples(*[st.integers(1, len(document))] * 2)))
    pieces = cut(document, size)
    before = sum(map(len, pieces[: first - 1]))
    tokens = (before + 1, before + sum(map(len, pieces[first - 1 : last])))
    rules = Rules(len(document), (first, last), tokens)
    ops: list[Op] = []
    while True:
        assert len(ops) < 500
        behind = ops[-1] if ops else None
        openings = rules.openings(behind)
        assert openings
        if Opening.END in openings and (len(openings) == 1 or rng.random() < 0.3):
            break
        match rng.choice([opening for opening in openings if opening is not Opening.END]):
            case Opening.GEN:
                ops.append(Gen(rng.choice(["", "x", "x\n"])))
            case Opening.TOKENS:
                start = pick(rules.token_firsts(behind), rng)
                stop = pick(rules.token_lasts(start), rng)
                assert tokens[0] <= start <= stop <= tokens[1]
                ops.append(CopyTokens(start, stop))
            case _:
                start = pick(rules.firsts(behind), rng)
                ops.append(Copy(start, pick(rules.lasts(behind, start), rng)))
    lowered = lower(Program(tuple(ops)), pieces, (first, last))
    result = Document(resolve(lowered, document))
    kept = document.lines[last:]
    assert result.text.startswith(document.span(1, first - 1))
    assert result.text.endswith("".join(kept))
    # Lines, not only bytes: nothing was put before the first of them.
    assert result.lines[len(result) - len(kept) :] == kept
