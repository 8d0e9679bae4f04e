"""One request in, one edit out, and a clear error for everything that cannot be edited."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import copydecode
from copydecode import EditRequest, Engine, EngineConfig, Limits, Receipt, Scope
from copydecode.backends import local
from copydecode.backends.local import READ_AHEAD_CHUNK, LocalBackend
from copydecode.backends.writing import Programs
from copydecode.config import Acceptance, Decoding, Mode
from copydecode.decode import hf
from copydecode.decode.expect import Hints
from copydecode.decode.literals import Literals
from copydecode.decode.loop import CHUNK
from copydecode.decode.prompt import EmbeddedPrompt, Prompt, Shown
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar
from copydecode.edit.document import BOM, Document
from copydecode.edit.fit import visible, whole
from copydecode.edit.program import Copy, CopyTokens, Gen, LineOp, Op, Program
from copydecode.edit.resolve import Hunk, apply_hunks
from copydecode.edit.token_copies import token_oracle
from copydecode.errors import (
    BadInputError,
    BinaryDocumentError,
    ConfigError,
    ContextTooLongError,
    DocumentTooLargeError,
    EditCancelledError,
    EditStoppedError,
    EmptyInstructionError,
    ModelFormatError,
    ModelNotFoundError,
    ScopeError,
    TokenLimitError,
    UnreadableTextError,
)
from tests.engine.decode.scripted import FunctionModel, noisy, scripted, sequence_of

TEXT = "a = 1\nb = 2\nc = 3\n"


@pytest.fixture
def answer(vocabulary: Vocabulary, own_literals: Literals) -> Callable[..., Engine]:
    """Make an engine whose model writes a given program in answer to a given request."""

    def make(
        request: EditRequest,
        program: Program,
        *,
        max_lines: int = 999,
        max_tokens: int = 10_000,
        config: EngineConfig | None = None,
    ) -> Engine:
        prompts = EmbeddedPrompt(vocabulary, max_lines, max_tokens)
        scope = None if request.scope is None else (request.scope.first, request.scope.last)
        document = Document(request.text)
        prompt = prompts.build(document, request.instruction, scope, request.language)
        tokens, _ = prompts.program_tokens(program, prompt.line_tokens, None)
        model = scripted([*prompt.tokens, *tokens], vocabulary.size)
        return engine_of(model, own_literals, prompts, config)

    return make


def engine_of(
    model: FunctionModel,
    literals: Literals,
    prompts: EmbeddedPrompt,
    config: EngineConfig | None = None,
) -> Engine:
    backend = LocalBackend(
        name="scripted",
        parameters=0,
        model=model,
        # A scripted model can read nothing but its script.
        writing=Programs(literals),
        prompts=prompts,
        decoding=Decoding(drafts=False),
    )
    return Engine(backend, config)


def into(found: list[Any]) -> Callable[[LineOp, Receipt], None]:
    """Return what collects the ops that are told."""
    return lambda op, _receipt: found.append(op)


@pytest.fixture
def engine(vocabulary: Vocabulary, own_literals: Literals) -> Engine:
    """An engine whose model writes nonsense."""
    prompts = EmbeddedPrompt(vocabulary, 20, 200)
    config = EngineConfig(max_document_bytes=1000)
    return engine_of(noisy(own_literals, 0), own_literals, prompts, config)


@pytest.mark.parametrize(
    ("text", "program", "expected"),
    [
        (TEXT, Program((Copy(1, 1), Gen("b = 20\n"), Copy(3, 3))), "a = 1\nb = 20\nc = 3\n"),
        ("a = 1\r\nb\r\n", Program((Gen("x\ny\n"), Copy(2, 2))), "x\r\ny\r\nb\r\n"),
        (BOM + "a\nb", Program((Copy(2, 2), Copy(1, 1))), BOM + "b\na\n"),
        ("a\nb", Program((Copy(1, 2),)), "a\nb"),
        ("", Program((Gen("first\n"),)), "first\n"),
        ("x\n", Program(), ""),
        ("x\n", Program((Gen("<gen></gen>\n"),)), "<gen></gen>\n"),
    ],
)
def test_an_edit_is_what_its_program_says(
    answer: Callable[..., Engine], text: str, program: Program, expected: str
) -> None:
    request = EditRequest(text, "do it")
    seen: list[Op] = []
    result = answer(request, program).edit(request, on_op=into(seen))
    assert result.text == expected
    assert tuple(seen) == program.ops
    assert apply_hunks(Document(text), result.hunks) == result.text


@pytest.mark.parametrize("unwanted", ["\ufffd", "\0"])
def test_text_that_is_none_is_refused(answer: Callable[..., Engine], unwanted: str) -> None:
    """Unless the user has it already: then it may be written again."""
    program = Program((Gen(f"a{unwanted}\n"),))
    request = EditRequest("a\n", "do it")
    with pytest.raises(UnreadableTextError, match="nothing was changed"):
        answer(request, program).edit(request)
    request = EditRequest("a\n", f"write {unwanted}")
    assert answer(request, program).edit(request).text == f"a{unwanted}\n"


def test_each_op_comes_with_what_was_spent_so_far(answer: Callable[..., Engine]) -> None:
    request = EditRequest(TEXT, "double b")
    program = Program((Copy(1, 1), Gen("b = 4\n"), Copy(3, 3)))
    spent: list[tuple[int, int]] = []
    answer(request, program).edit(
        request,
        on_op=lambda _op, receipt: spent.append((receipt.forwards, receipt.generated_tokens)),
    )
    assert len(spent) == 3
    assert spent == sorted(spent)
    assert spent[0] < spent[1] < spent[2]


def test_the_receipt_accounts_for_the_edit(
    answer: Callable[..., Engine], vocabulary: Vocabulary
) -> None:
    request = EditRequest(TEXT, "double b")
    result = answer(request, Program((Copy(1, 1), Gen("b = 4\n"), Copy(3, 3)))).edit(request)
    receipt = result.receipt
    assert result.hunks == (Hunk(2, 3, "b = 4\n"),)
    assert receipt.model == "scripted"
    assert receipt.output_tokens == sum(
        len(vocabulary.encode(line)) for line in result.text.splitlines(keepends=True)
    )
    assert 0 < receipt.forwards < receipt.generated_tokens
    parts = receipt.prompt_s + receipt.prefill_s + receipt.decode_s + receipt.grammar_s
    assert 0 < parts + receipt.resolve_s <= receipt.total_s


def test_a_window_is_edited_within_the_whole_document(answer: Callable[..., Engine]) -> None:
    lines = [f"line {n}\n" for n in range(1, 101)]
    request = EditRequest("".join(lines), "change line 50", scope=Scope(50, 50, locked=False))
    program = Program((Copy(1, 4), Gen("new\n"), Copy(6, 10)))
    seen: list[object] = []
    result = answer(request, program, max_lines=10).edit(request, on_op=into(seen))
    first = next(h.first for h in result.hunks)
    assert seen == [
        Copy(1, first - 5),
        Copy(first - 4, first - 1),
        Gen("new\n"),
        Copy(first + 1, first + 5),
    ]
    assert result.hunks == (Hunk(first, first + 1, "new\n"),)
    assert result.text == "".join([*lines[: first - 1], "new\n", *lines[first:]])
    assert first in range(41, 60)


def test_a_locked_scope_decides_its_own_lines_only(
    own_literals: Literals, vocabulary: Vocabulary
) -> None:
    """Whatever a model writes, in a window and in a whole document, and unless switched off."""
    lines = [f"line {n}\n" for n in range(1, 101)]
    request = EditRequest("".join(lines), "change them", scope=Scope(50, 52))
    prompts = EmbeddedPrompt(vocabulary, 10, 10_000)
    outside = {True: 0, False: 0}
    for seed, lock in itertools.product(range(8), (True, False)):
        model = noisy(own_literals, seed, closing=0.05)
        engine = engine_of(model, own_literals, prompts, EngineConfig(scope_lock=lock))
        with contextlib.suppress(UnreadableTextError):  # Random bytes are not always text.
            text = engine.edit(request).text
            kept = text.startswith("".join(lines[:49])) and text.endswith("".join(lines[52:]))
            outside[lock] += not kept
    assert outside[True] == 0
    assert outside[False] > 0


def test_the_receipt_counts_the_copies_around_a_locked_scope_as_forced(
    answer: Callable[..., Engine], vocabulary: Vocabulary
) -> None:
    program = Program((Copy(1, 1), Gen("b = 4\n"), Copy(3, 3)))
    request = EditRequest(TEXT, "double b", Scope(2, 2))
    seen: list[Op] = []
    result = answer(request, program).edit(request, on_op=into(seen))
    assert result.program == program
    assert tuple(seen) == program.ops
    # The gen's two markers and text, and the number 3, since `2-` could repeat line 2.
    assert result.receipt.generated_tokens == len(vocabulary.encode("b = 4\n")) + 3
    # All of the first copy; of the second one all but that number; the program's end.
    assert result.receipt.forced_tokens == 5 + 4 + 1
    lines = [vocabulary.encode(line) for line in TEXT.splitlines(keepends=True)]
    assert result.receipt.spliced_tokens == len(lines[0]) + len(lines[2])


@pytest.mark.parametrize("scope", [None, Scope(2, 3), Scope(70, 71), Scope(100, 100, locked=False)])
def test_after_reading_ahead_an_edit_reads_its_instruction_only(
    own_literals: Literals, vocabulary: Vocabulary, scope: Scope | None
) -> None:
    text = "".join(f"line {n}\n" for n in range(1, 101 if scope else 11))
    prompts = EmbeddedPrompt(vocabulary, 10, 10_000)
    request = EditRequest(text, "tidy up", scope, name="a")
    models = [noisy(own_literals, 3, closing=0.1) for _ in range(2)]
    plain, ahead = (engine_of(model, own_literals, prompts) for model in models)
    held = ahead.read_ahead(text, scope, name="a")
    before = len(models[1].blocks)
    expected, result = plain.edit(request), ahead.edit(request)
    assert result.program == expected.program
    lines = None if scope is None else (scope.first, scope.last)
    prompt = prompts.build(Document(text), "tidy up", lines)
    assert result.receipt.reused_tokens == held == len(prompt.shown.tokens)
    assert (
        models[1].blocks[before] == prompt.tokens[held:] + models[0].blocks[0][len(prompt.tokens) :]
    )
    assert ahead.read_ahead(text, scope, name="a") == held
    assert ahead.edit(request).receipt.reused_tokens == len(prompt.tokens) - 1


def test_reading_ahead_waits_for_one_chunk_and_goes_on_where_it_stopped(
    own_literals: Literals, vocabulary: Vocabulary
) -> None:
    text = "some words on a line\n" * 300
    model = noisy(own_literals, 0)
    engine = engine_of(model, own_literals, EmbeddedPrompt(vocabulary, 999, 10_000))
    read = engine.read_ahead(text, cancelled=lambda: len(model.blocks) >= 2)
    assert read == 2 * READ_AHEAD_CHUNK
    assert READ_AHEAD_CHUNK <= CHUNK
    held = engine.read_ahead(text)
    assert sum(map(len, model.blocks)) == held
    assert max(map(len, model.blocks)) == READ_AHEAD_CHUNK
    assert len(model.caches) == 1


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("x\n" * 21, None),
        ("x" * 1001, None),
        ("a\0b", None),
        ("a\ud83d\n", None),
        (TEXT, Scope(3, 4)),
    ],
)
def test_nothing_is_read_ahead_of_what_an_edit_would_refuse(
    engine: Engine, text: str, scope: Scope | None
) -> None:
    assert engine.read_ahead(text, scope) == 0
    with pytest.raises(BadInputError):
        engine.check(EditRequest(text, "do it", scope))


def test_nothing_is_read_ahead_that_leaves_no_room_for_an_edit(
    own_literals: Literals, vocabulary: Vocabulary
) -> None:
    model = noisy(own_literals, 0)
    model.context = 10
    engine = engine_of(model, own_literals, EmbeddedPrompt(vocabulary, 20, 200))
    assert engine.read_ahead(TEXT) == 0
    assert not model.blocks


class PlainPrompts:
    """Prompts for any tokenizer: the lines, and where a program begins."""

    def __init__(self, literals: Literals) -> None:
        self.literals = literals

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None = None,
        language: str | None = None,  # noqa: ARG002  # the protocol's
        *,
        selected: bool = True,  # noqa: ARG002  # the protocol's
    ) -> Prompt:
        """Return the prompt of an edit of the whole document."""
        shown = self.show(document, scope)
        request = self.literals.codec.encode(instruction)
        tokens = [*shown.tokens, *request, *self.literals[grammar.PROGRAM_OPEN]]
        return Prompt(tokens, shown, Hints(scope))

    def show(self, document: Document, scope: tuple[int, int] | None = None) -> Shown:  # noqa: ARG002  # the protocol's
        """Return all lines."""
        window = whole(document)
        lines = [self.literals.codec.encode(f"{line}\n") for line in visible(document, window)]
        return Shown([token for line in lines for token in line], window, lines, head=0)


def writer(
    literals: Literals, request: EditRequest, program: Program, *, token_copies: bool = True
) -> Engine:
    """Make an engine whose model writes a program that may copy tokens."""
    prompts = PlainPrompts(literals)
    prompt = prompts.build(Document(request.text), request.instruction)
    script = sequence_of(prompt.tokens, program, prompt.line_tokens, literals)
    backend = LocalBackend(
        name="scripted",
        parameters=0,
        model=scripted(script, literals.size),
        writing=Programs(literals, token_copies=token_copies),
        prompts=prompts,
        decoding=Decoding(drafts=False),
    )
    return Engine(backend)


@pytest.fixture(params=["own", "foreign"])
def literals(
    request: pytest.FixtureRequest, own_literals: Literals, foreign_literals: Literals
) -> Literals:
    """Literals that are one token each, and spelled ones."""
    return own_literals if request.param == "own" else foreign_literals


def pieces_of(literals: Literals, text: str) -> list[list[bytes]]:
    lines = PlainPrompts(literals).show(Document(text)).line_tokens
    return [list(map(literals.codec.token_bytes, line)) for line in lines]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TEXT, TEXT.replace("b = 2", "b = 20 * a")),
        ("a = 1\r\nb = 2\r\n", "a = 1\r\nb = a\r\n"),
        (BOM + "x = 'ab'\ny = 'ab'\n", BOM + "y = 'ab'\nx = 'ab'\n"),
        ("a = 1\nb = 2", "a = 1\nb = 3"),
        ("price = '\u20ac'\n" * 2, "price = '\u20ac\u20ac'\n" * 2),
    ],
)
def test_an_edit_may_copy_tokens(literals: Literals, old: str, new: str) -> None:
    """What is told and returned knows lines alone, and says the same."""
    request = EditRequest(old, "do it")
    program = token_oracle(pieces_of(literals, old), pieces_of(literals, new), 2)
    assert any(isinstance(op, CopyTokens) for op in program.ops)
    seen: list[LineOp] = []
    result = writer(literals, request, program).edit(request, on_op=into(seen))
    assert result.text == new
    assert apply_hunks(Document(old), result.hunks) == new
    assert all(isinstance(op, Copy | Gen) for op in [*seen, *result.program.ops])


def test_lines_that_tokens_copy_are_told_as_lines(literals: Literals) -> None:
    at = [0, *itertools.accumulate(map(len, pieces_of(literals, TEXT)))]
    program = Program((CopyTokens(1, at[1] + 1), Gen(" = 4\n"), CopyTokens(at[2] + 1, at[3])))
    request = EditRequest(TEXT, "double b")
    seen: list[LineOp] = []
    result = writer(literals, request, program).edit(request, on_op=into(seen))
    expected = (Copy(1, 1), Gen("b = 4\n"), Copy(3, 3))
    assert tuple(seen) == result.program.ops == expected
    assert result.hunks == (Hunk(2, 3, "b = 4\n"),)
    assert result.receipt.spliced_tokens == at[1] + 1 + at[3] - at[2]


def test_a_model_that_was_not_taught_to_cannot_copy_tokens(own_literals: Literals) -> None:
    """It wants nothing else, so of what is legal it takes the first: the end."""
    program = Program((CopyTokens(1, 3),))
    request = EditRequest(TEXT, "do it")
    refused = writer(own_literals, request, program, token_copies=False).edit(request)
    assert refused.program == Program()
    assert writer(own_literals, request, program).edit(request).program != Program()


def test_token_copies_keep_a_locked_scope(literals: Literals) -> None:
    """Whatever a model writes, and where the document's last line has no end."""
    text = TEXT * 3 + "end"
    copied = 0
    for seed in range(24):
        backend = LocalBackend(
            name="noisy",
            parameters=0,
            model=noisy(literals, seed, closing=0.05),
            writing=Programs(literals, token_copies=True),
            prompts=PlainPrompts(literals),
        )
        told: list[LineOp] = []
        request = EditRequest(text, "change them", Scope(4, 6))
        with contextlib.suppress(UnreadableTextError):  # Random bytes are not always text.
            result = Engine(backend).edit(request, on_op=into(told))
            lines = result.text.splitlines(keepends=True)
            assert "".join(lines[:3]) == TEXT
            assert "".join(lines[-4:]) == TEXT + "end"
            if result.receipt.retries == 0:  # Else another program was told of.
                assert tuple(told) == result.program.ops
                copied += 1
    assert copied > 3


@pytest.mark.parametrize("instruction", ["", " \n\t"])
def test_an_empty_instruction_is_refused(engine: Engine, instruction: str) -> None:
    with pytest.raises(EmptyInstructionError):
        engine.check(EditRequest(TEXT, instruction))
    with pytest.raises(EmptyInstructionError):
        engine.edit(EditRequest(TEXT, instruction))


@pytest.mark.parametrize("text", ["x" * 1001, "\u20ac" * 334, "\U0001f600" * 251])
def test_a_document_over_the_size_limit_is_refused(engine: Engine, text: str) -> None:
    with pytest.raises(DocumentTooLargeError, match="1000"):
        engine.check(EditRequest(text, "do it"))


@pytest.mark.parametrize("text", ["x" * 20, "\u20ac" * 33, "\U0001f600" * 25])
def test_a_document_at_the_size_limit_is_taken(
    vocabulary: Vocabulary, own_literals: Literals, text: str
) -> None:
    config = EngineConfig(max_document_bytes=len(text.encode()))
    prompts = EmbeddedPrompt(vocabulary, 20, 200)
    engine_of(noisy(own_literals, 0), own_literals, prompts, config).check(EditRequest(text, "x"))


def test_a_binary_document_is_refused(engine: Engine) -> None:
    with pytest.raises(BinaryDocumentError):
        engine.check(EditRequest("a\0b", "do it"))


@pytest.mark.parametrize(("text", "instruction"), [("a\ud83d\n", "do it"), (TEXT, "do \udc00 it")])
def test_half_of_a_surrogate_pair_is_refused(engine: Engine, text: str, instruction: str) -> None:
    with pytest.raises(BinaryDocumentError, match="surrogate"):
        engine.check(EditRequest(text, instruction))


@pytest.mark.parametrize(
    ("text", "scope"),
    [(TEXT, (0, 1)), (TEXT, (3, 2)), (TEXT, (1, 4)), (TEXT, (-2, -1)), ("", (1, 1))],
)
def test_a_scope_outside_the_document_is_refused(
    engine: Engine, text: str, scope: tuple[int, int]
) -> None:
    with pytest.raises(ScopeError, match=f"{scope[0]} to {scope[1]}"):
        engine.check(EditRequest(text, "do it", scope=Scope(*scope)))


def test_a_document_over_the_context_is_refused(engine: Engine) -> None:
    with pytest.raises(ContextTooLongError, match="lines"):
        engine.check(EditRequest("x\n" * 21, "do it"))
    engine.check(EditRequest("x\n" * 21, "do it", scope=Scope(5, 6)))


def test_a_prompt_over_the_context_is_refused(
    vocabulary: Vocabulary, own_literals: Literals
) -> None:
    prompts = EmbeddedPrompt(vocabulary, 20, 200)
    model = noisy(own_literals, 0)
    model.context = 100
    engine = engine_of(model, own_literals, prompts)
    with pytest.raises(ContextTooLongError, match="100"):
        engine.check(EditRequest(TEXT, "word " * 100))
    assert not model.blocks


def test_a_stopped_edit_leaves_the_engine_usable(answer: Callable[..., Engine]) -> None:
    program = Program((Copy(1, 1), Gen("b = 4\n"), Copy(3, 3)))
    request = EditRequest(TEXT, "double b")
    engine = answer(request, program)
    with pytest.raises(EditCancelledError):
        engine.edit(request, cancelled=lambda: True)
    short = EditRequest(TEXT, "double b", limits=Limits(max_new_tokens=3))
    with pytest.raises(TokenLimitError):
        engine.edit(short)
    assert engine.edit(request).program == program


def test_a_model_folder_of_ours_is_loaded_and_edits(
    save_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "model", splice_window=0, max_lines=50, max_tokens=500)
    config = EngineConfig(model=str(folder), threads=1)
    assert local.load(config).splice_window == 0
    engine = Engine.load(config)
    assert engine.info.name == str(folder)
    assert engine.info.context == 2048
    assert engine.info.parameters > 0
    request = EditRequest(TEXT, "anything", limits=Limits(max_new_tokens=30))
    try:
        first = engine.edit(request)
    except EditStoppedError as error:  # What random weights write is no matter here.
        with pytest.raises(type(error)):
            engine.edit(request)
    else:
        assert engine.edit(request).text == first.text
    with pytest.raises(ContextTooLongError, match="50 lines"):
        engine.check(EditRequest("x\n" * 51, "anything"))


UNTAUGHT = (Decoding(mode=Mode.REWRITE), Decoding(acceptance=Acceptance.CHECKED))


@pytest.mark.parametrize("decoding", UNTAUGHT)
def test_a_model_of_ours_decodes_only_as_it_was_trained_to(
    save_model: Callable[..., Path], tmp_path: Path, decoding: Decoding
) -> None:
    """Unless it says that it was, or the caller wants to see what comes of it."""

    def load(folder: Path, decoding: Decoding) -> None:
        local.load(EngineConfig(model=str(folder), threads=1, decoding=decoding))

    plain = save_model(tmp_path / "plain")
    load(plain, Decoding())
    load(plain, replace(decoding, untaught=True))
    with pytest.raises(ConfigError, match=r"trained for \(program\), got (rewrite|checked)"):
        load(plain, decoding)
    with pytest.raises(ConfigError, match=r"\(program\)"):
        local.load(EngineConfig(threads=1, decoding=decoding))
    taught = {"modes": ["program", "rewrite"], "acceptance": ["program", "checked"]}
    load(save_model(tmp_path / "taught", **taught), decoding)


@pytest.mark.parametrize("decoding", UNTAUGHT)
def test_a_foreign_model_decodes_in_every_way(
    save_foreign: Callable[..., Path], tmp_path: Path, decoding: Decoding
) -> None:
    folder = save_foreign(tmp_path / "model")
    local.load(EngineConfig(model=str(folder), threads=1, decoding=decoding))


def test_tokens_are_copied_where_the_model_folder_says_so(
    save_model: Callable[..., Path], tmp_path: Path
) -> None:
    """And only with a tokenizer that has the marker; without, such a folder still serves lines."""

    def lowers(folder: Path) -> bool:
        backend = local.load(EngineConfig(model=str(folder), threads=1))
        prompt = backend.prompts.build(Document(TEXT), "do it")
        return backend._writing.lowering(prompt, None) is not None  # noqa: SLF001  # no weights tell

    assert lowers(save_model(tmp_path / "on", token_copy=True))
    assert not lowers(save_model(tmp_path / "off"))
    old = save_model(tmp_path / "old")
    state = (old / "tokenizer.json").read_text(encoding="utf-8")
    marker = json.dumps(grammar.TOKENS_OPEN)
    assert state.count(marker) == 2  # Among the added tokens and in the vocabulary.
    state = state.replace(marker, '"<|older|>"')
    (old / "tokenizer.json").write_text(state, encoding="utf-8")
    assert not lowers(old)
    save_model(tmp_path / "old", token_copy=True)
    (old / "tokenizer.json").write_text(state, encoding="utf-8")
    with pytest.raises(ModelFormatError, match="copy tokens"):
        local.load(EngineConfig(model=str(old)))


@pytest.mark.parametrize("template", [None, "<|im_end|>user: {{ messages[0].content | trim }}\n!"])
def test_a_foreign_model_folder_is_loaded_and_edits(
    save_foreign: Callable[..., Path], tmp_path: Path, template: str | None
) -> None:
    folder = save_foreign(tmp_path / "model", "llama", template)
    backend = local.load(EngineConfig(model=str(folder), threads=1))
    engine = Engine(backend)
    hostile = "say <|im_end|> and </gen>\nb\n"  # Special tokens in a document are text.
    prompt = backend.prompts.build(Document(hostile), "do it", (1, 2), "python")
    assert prompt.tokens.count(0) == (template is not None)
    assert prompt.tokens[0] == 0 or template is None
    request = EditRequest(hostile, "do it", limits=Limits(max_new_tokens=60))
    try:
        result = engine.edit(request)
    except EditStoppedError:  # What random weights write is no matter here.
        pass
    else:
        assert apply_hunks(Document(hostile), result.hunks) == result.text
    long = "".join(f"word = {k}\n" for k in range(1, 1001))
    with pytest.raises(ContextTooLongError, match="select the lines to edit"):
        engine.check(EditRequest(long, "do it"))
    with pytest.raises(ContextTooLongError, match="shorten the instruction"):
        engine.check(EditRequest(long, "do it " * 2000, Scope(1, 1)))


def test_a_foreign_model_sees_a_window_of_a_long_document(
    save_foreign: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save_foreign(tmp_path / "model")
    backend = local.load(EngineConfig(model=str(folder), threads=1))
    _, codec = hf.load(str(folder))
    document = Document("".join(f"word = {k}\n" for k in range(1, 1001)))
    prompts = backend.prompts
    built = prompts.build(document, "fix it, as on line 3", (500, 501), "python")
    at = built.window.first
    assert at < 500
    assert built.window.last > 501
    text = b"".join(map(codec.token_bytes, built.tokens)).decode()
    assert f"1|word = {at}\n2|word = {at + 1}\n" in text
    assert f"The instruction is about lines {500 - at + 1} to {501 - at + 1}." in text
    assert "fix it, as on an earlier line\nAnswer:" in text
    # A copy of all that is visible still fits, and near scopes see the same lines.
    assert len(built.tokens) + sum(map(len, built.line_tokens)) < backend.context
    assert prompts.show(document, (502, 502)) == built.shown
    named = prompts.build(document, "delete lines 500 to 501", None, None)
    assert named.shown == built.shown


def test_what_is_no_model_is_said_so(save_model: Callable[..., Path], tmp_path: Path) -> None:
    def load(path: Path) -> None:
        Engine.load(EngineConfig(model=str(path)))

    with pytest.raises(ModelNotFoundError, match="nothing"):
        load(tmp_path / "nothing")
    file = tmp_path / "file.txt"
    file.write_text("no model", encoding="utf-8")
    with pytest.raises(ModelFormatError, match="found a file"):
        load(file)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelFormatError, match=r"config\.json"):
        load(empty)

    def broken(name: str, file: str, content: bytes | None) -> Path:
        folder = save_model(tmp_path / name)
        if content is None:
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(content)
        return folder

    config = json.loads((save_model(tmp_path / "good") / "config.json").read_text(encoding="utf-8"))

    def changed(**changes: object) -> bytes:
        return json.dumps({**config, **changes}).encode()

    cases = [
        broken("a", "config.json", b"{"),
        broken("b", "config.json", b"[1]"),
        broken("c", "config.json", changed(model_type="gpt2")),
        broken("d", "config.json", changed(hidden_size=64)),
        broken("e", "config.json", changed(copydecode={"splice_window": -1})),
        broken("f", "config.json", changed(copydecode={"max_lines": "many"})),
        broken("m", "config.json", changed(copydecode={"modes": "program"})),
        broken("n", "config.json", changed(copydecode={"acceptance": ["always", []]})),
        broken("l", "config.json", changed(copydecode={"token_copy": 1})),
        broken("g", "config.json", changed(vocab_size=17)),
        broken("h", "model.safetensors", None),
        broken("i", "model.safetensors", b"\0" * 10),
        broken("j", "tokenizer.json", None),
        broken("k", "tokenizer.json", b"{}"),
    ]
    for folder in cases:
        with pytest.raises(ModelFormatError):
            load(folder)


def test_public_names_are_importable_without_torch() -> None:
    check = (
        "import sys, copydecode, copydecode.engine;"
        "heavy = {'torch', 'transformers', 'xgrammar', 'tokenizers', 'numpy'};"
        "sys.exit(f'imported: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, check=False)  # noqa: S603  # our own code
    assert done.returncode == 0, done.stderr.decode()
    assert all(hasattr(copydecode, name) for name in copydecode.__all__)
