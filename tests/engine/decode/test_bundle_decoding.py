"""Programs over several files through the real grammar, the loop and the prompts."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copydecode.config import Acceptance
from copydecode.decode.bundle_lines import encode_bundle
from copydecode.decode.constraint import Constraint, Phase, ProgramGrammar
from copydecode.decode.draft import ProgramDrafts
from copydecode.decode.expect import Hints
from copydecode.decode.guess import NoDrafts, Odds
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar as text_form
from copydecode.edit.bundle import Bundle, BundleFile, resolve_files
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, File, Gen, Op, Program
from copydecode.errors import ContextTooLongError, FilesError
from tests.engine.decode.scripted import (
    UNLIMITED,
    leniently,
    naive,
    noisy,
    op_tokens,
    program_tokens,
    run,
    scripted,
    sequence_of,
)

shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
PATHS = ("a.py", "a.py2", 'ü/<gen> "&".py', "context.py")
BUNDLE = Bundle(
    tuple(
        BundleFile(path, Document("".join(f"{path[0]} = {k}\n" for k in range(n))), number < 3)
        for number, (path, n) in enumerate(zip(PATHS, (9, 0, 95, 4), strict=True))
    )
)
PROGRAM = Program(
    (File(PATHS[1]), Copy(1, 9), Gen("x = 1\n"), Copy(105, 108), File("a.py"), Copy(2, 9))
)


def lines_of(literals: Literals) -> list[list[int]]:
    return [literals.codec.encode(f"{line}\n") for line in BUNDLE.visible]


def feed(constraint: Constraint, tokens: list[int]) -> Program:
    found: list[Op] = []
    for token in tokens:
        assert constraint.permits(token)
        assert constraint.forced() in {None, token}
        if (op := constraint.accept(token).op) is not None:
            found.append(op)
    return Program(tuple(found))


def random_program(rng: random.Random) -> Program:
    ops: list[Op] = []
    for path in rng.sample(PATHS[:3], rng.randint(0, 3)):
        ops.append(File(path))
        for _ in range(rng.randint(0, 4)):
            place = BUNDLE.places[rng.choice([0, 2, 3])]
            first = rng.randint(place.first, place.last)
            copy = Copy(first, rng.randint(first, place.last))
            gen = Gen(rng.choice(["", "new\n", '<file path="a.py"/>']))
            ops.append(copy if rng.random() < 0.5 else gen)
    return Program(tuple(ops))


@shared
@given(st.integers(0, 10_000), st.data())
def test_every_program_over_the_files_is_accepted_read_back_and_undone(
    grammar: ProgramGrammar, seed: int, data: st.DataObject
) -> None:
    program = random_program(random.Random(seed))
    constraint = grammar.start_files(BUNDLE.places)
    tokens = program_tokens(program, grammar.literals)
    assert feed(constraint, tokens) == program
    assert constraint.done
    steps = data.draw(st.integers(0, len(tokens)))
    constraint.rollback(steps)
    assert constraint.tokens == tuple(tokens[: len(tokens) - steps])
    feed(constraint, tokens[len(tokens) - steps :])
    assert constraint.done


@pytest.mark.parametrize("seed", range(40))
def test_any_walk_through_the_grammar_is_a_program_over_the_files(
    grammar: ProgramGrammar, seed: int
) -> None:
    """No path but one of the list, none twice, no copy across a file's end."""
    rng = random.Random(seed)
    literals = grammar.literals
    constraint = grammar.start_files(BUNDLE.places)
    constraint.begin()
    ops: list[Op] = []
    while not constraint.done:
        allowed = constraint.allowed()
        if allowed is None:  # In a gen: a word, then its end.
            body = [*literals.codec.encode("x"), *literals[text_form.GEN_CLOSE]]
            ops += feed(constraint, body).ops
            continue
        assert len(allowed)
        op = constraint.accept(int(rng.choice(allowed.tolist()))).op
        ops += [op] if op is not None else []
    assert set(resolve_files(Program(tuple(ops)), BUNDLE)) <= set(PATHS[:3])


@pytest.mark.parametrize(
    ("before", "op"),
    [
        ((), Copy(1, 1)),
        ((), Gen("")),
        ((), File("context.py")),
        ((), File("b.py")),
        ((File("a.py"), Gen("")), File("a.py")),
        ((File("a.py"),), Copy(9, 10)),
        ((File("a.py"),), Copy(105, 109)),
        ((File("a.py"),), Copy(104, 105)),
    ],
)
def test_what_the_files_do_not_allow_cannot_be_decoded(
    grammar: ProgramGrammar, before: tuple[Op, ...], op: Op
) -> None:
    constraint = grammar.start_files(BUNDLE.places)
    opened = program_tokens(Program(before), grammar.literals)
    feed(constraint, opened[: -len(grammar.literals[text_form.PROGRAM_CLOSE])])
    for token in op_tokens(op, grammar.literals):
        if not constraint.permits(token):
            with pytest.raises(ValueError, match="legal"):
                constraint.accept(token)
            return
        constraint.accept(token)
    pytest.fail("it was accepted")


def test_the_path_of_the_only_file_is_forced(grammar: ProgramGrammar) -> None:
    bundle = Bundle((BundleFile("only file.py", Document("a\n")),))
    constraint = grammar.start_files(bundle.places)
    constraint.begin()
    constraint.accept(grammar.literals[text_form.FILE_OPEN][0])
    op = None
    while constraint.phase in {Phase.OP, Phase.PATH} and op is None:
        token = constraint.forced()
        assert token is not None
        op = constraint.accept(token).op
    assert op == File("only file.py")


def test_a_path_that_the_tokenizer_cannot_spell_is_refused(own_literals: Literals) -> None:
    class Ascii:
        def __init__(self, other: Literals) -> None:
            self.size = other.size
            self._other = other.codec

        def encode(self, text: str) -> list[int]:
            return [] if not text.isascii() else self._other.encode(text)

        def token_bytes(self, token: int) -> bytes:
            text = self._other.token_bytes(token)
            return text if text.isascii() else b""

    literals = Literals(Ascii(own_literals), own_literals.markers)
    with pytest.raises(FilesError, match="ü"):
        ProgramGrammar(literals).start_files(BUNDLE.places)


def splice_of(lines: list[list[int]]) -> Callable[[int, int], list[int]]:
    return lambda first, last: [token for line in lines[first - 1 : last] for token in line]


def test_the_loop_splices_lines_of_any_file(own_grammar: ProgramGrammar) -> None:
    """What follows for certain has no forward of its own."""
    literals, lines = own_grammar.literals, lines_of(own_grammar.literals)
    prompt = [*literals.codec.encode("move it\n"), *literals[text_form.PROGRAM_OPEN]]
    script = sequence_of(prompt, PROGRAM, lines, literals)
    told: list[Op] = []
    task = Task(prompt, splice_of(lines), limits=UNLIMITED, on_op=told.append)
    receipt = Receipt()
    model = scripted(script, literals.size)
    assert run(model, own_grammar.start_files(BUNDLE.places), task, receipt) == PROGRAM
    assert [token for block in model.blocks for token in block] == script[:-1]
    assert told == list(PROGRAM.ops)
    assert receipt.forwards == receipt.generated_tokens - 1
    assert receipt.spliced_tokens == sum(map(len, (*lines[:9], *lines[104:], *lines[1:9])))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("acceptance", list(Acceptance))
def test_drafts_change_no_program_over_files(
    grammar: ProgramGrammar, seed: int, acceptance: Acceptance
) -> None:
    """Nor do any of the ways to accept a copy leave what the files allow."""
    literals, lines = grammar.literals, lines_of(grammar.literals)
    prompt = [*literals.codec.encode("some words\n"), *literals[text_form.PROGRAM_OPEN]]

    def decoded(*, drafts: bool) -> Program:
        constraint = grammar.start_files(BUNDLE.places)
        drafter = ProgramDrafts(constraint, lines, Hints(), Odds(), BUNDLE.places)
        task = Task(
            prompt,
            splice_of(lines),
            limits=UNLIMITED,
            acceptance=acceptance,
            drafter=drafter if drafts else NoDrafts(),
        )
        model = noisy(literals, seed, closing=0.05, along=[t for line in lines for t in line])
        return run(model, constraint, task)

    program = decoded(drafts=True)
    assert program == decoded(drafts=False)
    assert set(resolve_files(program, BUNDLE)) <= set(PATHS[:3])
    if acceptance is Acceptance.PROGRAM:
        model = noisy(literals, seed, closing=0.05, along=[t for line in lines for t in line])
        start = grammar.start_files(BUNDLE.places)
        assert naive(model, start, prompt, splice_of(lines))[0] == program


def test_drafts_save_forwards_where_a_file_is_copied_through(own_grammar: ProgramGrammar) -> None:
    literals, lines = own_grammar.literals, lines_of(own_grammar.literals)
    prompt = [*literals.codec.encode("go\n"), *literals[text_form.PROGRAM_OPEN]]
    program = Program((File("a.py"), Copy(1, 9), File(PATHS[2]), Copy(10, 104), File(PATHS[1])))
    script = sequence_of(prompt, program, lines, literals)
    constraint = own_grammar.start_files(BUNDLE.places)
    drafter = ProgramDrafts(constraint, lines, Hints(), Odds(), BUNDLE.places)
    task = Task(prompt, splice_of(lines), limits=UNLIMITED, drafter=drafter)
    receipt = Receipt()
    model = leniently(script, literals.size)
    assert run(model, constraint, task, receipt) == program
    # Undrafted are which file it is and, of a path with more than one token, none of the rest.
    assert receipt.forwards <= receipt.generated_tokens - receipt.accepted_tokens
    assert receipt.accepted_tokens >= 9


def shown_by(vocabulary: Vocabulary, tokens: list[int]) -> str:
    specials = {token: marker for marker, token in vocabulary.op_markers.items()}
    return "".join(
        specials.get(token) or vocabulary.decode([token]) or f"[{token}]" for token in tokens
    )


def test_the_prompt_shows_each_file_under_its_path_and_numbers_through(
    vocabulary: Vocabulary,
) -> None:
    bundle = Bundle(
        (
            BundleFile("a<b>.py", Document("\ufeffx = 1\r\ny\r\n")),
            BundleFile("empty.py", Document("")),
            BundleFile("c.py", Document("z"), editable=False),
        )
    )
    prompt = EmbeddedPrompt(vocabulary, 40, 640).build_files(bundle, "delete line 2 of all")
    assert shown_by(vocabulary, prompt.tokens[1:]).startswith(
        '<file path="a&lt;b&gt;.py"/>1x = 1\n2y\n<file path="empty.py"/><file path="c.py"/>3z\n'
    )
    assert prompt.tokens[: len(prompt.shown.tokens)] == prompt.shown.tokens
    assert prompt.splice(2, 3) == [*vocabulary.encode("y\n"), *vocabulary.encode("z\n")]
    assert prompt.places == bundle.places
    assert prompt.hints.program == ()


@pytest.mark.parametrize(("max_lines", "max_tokens"), [(107, 10_000), (108, 300), (108, 0)])
def test_files_that_are_too_long_together_are_refused(
    vocabulary: Vocabulary, max_lines: int, max_tokens: int
) -> None:
    def encoded(max_lines: int, max_tokens: int) -> list[list[int]]:
        return encode_bundle(
            BUNDLE,
            lambda line: vocabulary.encode(f"{line}\n"),
            longest_token=64,
            max_lines=max_lines,
            max_tokens=max_tokens,
        )

    assert len(encoded(108, 10_000)) == 108
    with pytest.raises(ContextTooLongError, match=r"108 lines.*name fewer"):
        encoded(max_lines, max_tokens)
