"""The embedded model's prompt: windows, line numbers in words, similar names, splices."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.decode.prompt import EmbeddedPrompt, around, similar_names
from copydecode.decode.vocabulary import (
    OP_MARKERS,
    OPTIONAL_MARKERS,
    SPECIAL_TOKENS,
    Vocabulary,
)
from copydecode.edit.document import Document
from copydecode.edit.fit import Window
from copydecode.edit.program import Copy, CopyTokens, Gen, Program
from copydecode.errors import ContextTooLongError
from copydecode.training.tokenizer import RESERVED, train_tokenizer, with_later_markers


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """Return the embedded model's own tokenizer."""
    return Vocabulary.load(EMBEDDED_FOLDER / "tokenizer.json")


def text(vocabulary: Vocabulary, tokens: list[int]) -> str:
    """Return tokens as text, special ones by name."""
    return "".join(
        vocabulary.decode([t]) or str(vocabulary.tokenizer.id_to_token(t)) for t in tokens
    )


def test_the_prompt_numbers_lines_and_ends_with_the_program(vocabulary: Vocabulary) -> None:
    """Document first, then the request, with names like the quoted one."""
    prompt = EmbeddedPrompt(vocabulary, 40, 640).build(
        Document("result = 1\r\nprint(reslut)"), "Undefined name `reslut`", (2, 2)
    )
    assert text(vocabulary, prompt.tokens) == (
        "<|document|>1result = 1\n2print(reslut)\n<|instruction|>Undefined name `reslut`"
        "<|found|>2<|scope|>2-2<|names|>result<program>"
    )
    assert text(vocabulary, prompt.splice(1, 2)) == "result = 1\nprint(reslut)\n"


def test_markers_in_a_document_stay_text(vocabulary: Vocabulary) -> None:
    """No special token comes out of a document or an instruction."""
    line = "<|document|> <gen> </program>"
    prompt = EmbeddedPrompt(vocabulary, 40, 640).build(Document(line), line)
    specials = {vocabulary.special(t) for t in ("<|document|>", "<gen>", "</program>")}
    assert [t for t in prompt.tokens if t in specials] == [vocabulary.special("<|document|>")]
    assert vocabulary.decode(prompt.line_tokens[0]) == line + "\n"


def test_every_number_below_1000_is_one_token(vocabulary: Vocabulary) -> None:
    """So a line number is one decision."""
    assert all(len(vocabulary.encode(str(number))) == 1 for number in range(1000))


def test_program_tokens_splice_the_tail_of_a_span(vocabulary: Vocabulary) -> None:
    """Forced and spliced tokens are in place and not decided."""
    prompt = EmbeddedPrompt(vocabulary, 40, 640)
    lines = prompt.encode_lines(["aa", "bb", "cc"])
    program = Program((Copy(1, 2), Gen("x\n")))
    tokens, decided = prompt.program_tokens(program, lines, 2)
    assert text(vocabulary, tokens) == '<copy lines="1-2"/>b\n<gen>x\n</gen></program>'
    by_model = [t for t, flag in zip(tokens, decided, strict=True) if flag]
    assert text(vocabulary, by_model) == '<copy lines="12<gen>x\n</gen></program>'


def test_tokens_are_counted_through_the_lines() -> None:
    vocabulary = Vocabulary(train_tokenizer(["ab cd\n"] * 9, 1500))
    prompt = EmbeddedPrompt(vocabulary, 40, 640)
    built = prompt.build(Document("ab\nab cd\n"), "copy")
    assert list(map(len, built.line_tokens)) == [2, 4]
    assert text(vocabulary, built.splice_tokens(2, 4)) == "\nab "
    tokens, decided = prompt.program_tokens(Program((CopyTokens(2, 5),)), built.line_tokens, 2)
    assert text(vocabulary, tokens) == '<copy tokens="2-5"/> cd</program>'
    by_model = [token for token, own in zip(tokens, decided, strict=True) if own]
    assert text(vocabulary, by_model) == '<copy tokens="25</program>'


def without_later_markers(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer as it would have been made before there were those markers."""
    text = tokenizer.to_str()
    for place, marker in enumerate(OPTIONAL_MARKERS):
        text = text.replace(json.dumps(marker), json.dumps(f"<|reserved-{place}|>"))
    return Tokenizer.from_str(text)


def test_markers_that_came_later_are_optional() -> None:
    """Where they stand were reserved places, so that older weights can learn them."""
    made = train_tokenizer(["ab cd\n"] * 9, 1500)
    new, old = Vocabulary(made), Vocabulary(without_later_markers(made))
    assert set(old.op_markers) == set(OP_MARKERS)
    assert {*new.op_markers} - {*old.op_markers} == {'<copy tokens="', '<file path="'}
    for place, marker in enumerate(OPTIONAL_MARKERS):
        assert new.special(marker) == len(SPECIAL_TOKENS) + place
        assert (new.has(marker), old.has(marker)) == (True, False)
        assert new.encode(marker)[0] >= RESERVED  # In text it is text.
    assert old.token_bytes(RESERVED) == new.token_bytes(RESERVED)
    again = Tokenizer.from_str(with_later_markers(old.tokenizer.to_str()))
    assert json.loads(again.to_str()) == json.loads(made.to_str())


def test_texts_of_the_instruction_come_with_their_lines() -> None:
    """Numbers as the document has them, where the tokenizer has the marker for that."""
    made = train_tokenizer(["Rename `a` to b = 1\n"] * 9, 1500)
    new, old = Vocabulary(made), Vocabulary(without_later_markers(made))
    prompt = EmbeddedPrompt(new, 40, 640).build(Document("a = 1\nbc = a\n"), " Rename `a` to `d`")
    assert text(new, prompt.tokens).endswith(
        "<|instruction|>Rename `a`<|found|>1,2 to `d`<|found|>-<program>"
    )
    plain = EmbeddedPrompt(old, 40, 640).build(Document("a = 1\nbc = a\n"), " Rename `a` to `d`")
    assert text(old, plain.tokens).endswith("<|instruction|>Rename `a` to `d`<program>")


def test_a_long_document_is_shown_around_what_is_spoken_of(vocabulary: Vocabulary) -> None:
    """Where neither scope nor line numbers say where to look."""
    document = Document("".join(f"x{k}\n" for k in range(1, 101)))
    prompt = EmbeddedPrompt(vocabulary, 10, 640)
    assert prompt.build(document, "Delete the line `x50`").window == Window(45, 54)
    with pytest.raises(ContextTooLongError, match="in lines 3 to 90: select"):
        prompt.build(document, "Move `x3` behind `x90`")
    with pytest.raises(ContextTooLongError, match="without a scope"):
        prompt.build(document, "Delete the line `y`")


def test_a_long_document_is_shown_around_the_scope(vocabulary: Vocabulary) -> None:
    """The window holds the scope and lines on both sides, its lines counted from 1."""
    document = Document("".join(f"x{k}\n" for k in range(1, 101)))
    prompt = EmbeddedPrompt(vocabulary, 10, 640)
    built = prompt.build(document, "fix", (50, 51))
    assert built.window == Window(45, 54)
    assert text(vocabulary, built.tokens).startswith("<|document|>1x45\n2x46\n3x47\n")
    assert text(vocabulary, built.tokens).endswith("<|instruction|>fix<|scope|>6-7<program>")
    assert prompt.build(document, "fix", (1, 1)).window == Window(1, 10)
    assert prompt.build(document, "fix", (100, 100)).window == Window(93, 100)
    tight = EmbeddedPrompt(vocabulary, 10, 12).build(document, "fix", (50, 50)).window
    assert tight.first <= 50 <= tight.last
    assert len(tight) < 10


def test_what_is_shown_begins_every_prompt_about_the_same_lines(vocabulary: Vocabulary) -> None:
    """So it can be read before there is an instruction."""
    document = Document("".join(f"x{k}\n" for k in range(1, 101)))
    prompt = EmbeddedPrompt(vocabulary, 40, 640)
    shown = prompt.show(document, (50, 50))
    for instruction in ("fix", "delete the selected lines"):
        built = prompt.build(document, instruction, (50, 50))
        assert built.tokens[: len(shown.tokens)] == shown.tokens
        assert built.shown == shown


def test_what_does_not_fit_says_what_to_select(vocabulary: Vocabulary) -> None:
    """Without a scope, or with one that is too long."""
    document = Document("x\n" * 100)
    prompt = EmbeddedPrompt(vocabulary, 10, 640)
    with pytest.raises(ContextTooLongError, match="select the lines to edit"):
        prompt.build(document, "fix")
    with pytest.raises(ContextTooLongError, match=r"found 11 lines: select fewer lines"):
        prompt.build(document, "fix", (1, 11))


def test_lines_named_in_words_place_the_window(vocabulary: Vocabulary) -> None:
    """And are counted within it, as the model counts."""
    document = Document("".join(f"x{k}\n" for k in range(1, 101)))
    prompt = EmbeddedPrompt(vocabulary, 10, 640).build(document, "Delete lines 50 to 51")
    assert prompt.window == Window(45, 54)
    assert "Delete lines 6 to 7<program>" in text(vocabulary, prompt.tokens)


def test_similar_names_are_the_documents_own() -> None:
    """Best first, builtins for Python, nothing for a text without quoted names."""
    lines = ["results = compute(result_set)", "retry"]
    assert similar_names("undefined name 'reslut'", lines, None)[0] == "results"
    assert similar_names("Undefined name `pritn`", [], "python")[0] == "print"
    assert similar_names("Undefined name `pritn`", [], "rust") == []
    assert similar_names("Delete line 3", lines, "python") == []
    many = " ".join(f"`{letter * 5}`" for letter in "vwxyz")
    assert similar_names(many, ["vvvvv1", "zzzzz1"], None) == ["vvvvv1"]


def test_similar_names_of_a_large_document_are_looked_for_near_the_window() -> None:
    """Half of the characters above it, half below, whole lines."""
    document = Document("".join(f"x{k:03}\n" for k in range(1, 101)))
    assert around(document, Window(50, 51), 20) == [f"x{k:03}" for k in range(48, 54)]
    assert around(document, Window(1, 2), 20) == ["x001", "x002", "x003", "x004"]
    assert len(around(document, Window(50, 51), 500)) == 100


def test_a_scope_that_the_words_name_is_not_said_twice(vocabulary: Vocabulary) -> None:
    """No model is taught that; one that is only part of them, or around them, is said."""
    prompts, document = EmbeddedPrompt(vocabulary, 40, 640), Document("a\nb\nc\nd\n")

    def tokens(scope: tuple[int, int] | None) -> list[int]:
        return prompts.build(document, "Delete lines 2 to 3", scope).tokens

    assert tokens((2, 3)) == tokens(None)
    assert tokens((2, 2)) != tokens(None) != tokens((1, 3))
