"""The embedded model's prompt: windows, line numbers in words, similar names, splices."""

from __future__ import annotations

import pytest

from copydecode.backends.local import EMBEDDED_FOLDER
from copydecode.decode.prompt import EmbeddedPrompt, named_lines, renumber_lines, similar_names
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import Document
from copydecode.edit.fit import Window
from copydecode.edit.program import Copy, Gen, Program
from copydecode.errors import ContextTooLongError, ScopeError


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
        "<|scope|>2-2<|names|>result<program>"
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


def test_a_long_document_is_shown_around_the_scope(vocabulary: Vocabulary) -> None:
    """The window holds the scope and as much around it as fits."""
    document = Document("".join(f"x{k}\n" for k in range(1, 101)))
    prompt = EmbeddedPrompt(vocabulary, 10, 640)
    assert prompt.build(document, "fix", (50, 51)).window == Window(46, 55)
    assert prompt.build(document, "fix", (1, 1)).window == Window(1, 10)
    assert prompt.build(document, "fix", (100, 100)).window == Window(91, 100)
    tight = EmbeddedPrompt(vocabulary, 10, 12).build(document, "fix", (50, 50)).window
    assert tight.first <= 50 <= tight.last
    assert len(tight) < 10


def test_what_does_not_fit_says_what_to_select(vocabulary: Vocabulary) -> None:
    """Without a scope, or with one that is too long."""
    document = Document("x\n" * 100)
    prompt = EmbeddedPrompt(vocabulary, 10, 640)
    with pytest.raises(ContextTooLongError, match="select the lines to edit"):
        prompt.build(document, "fix")
    with pytest.raises(ContextTooLongError, match=r"found 11 lines .* select fewer lines"):
        prompt.build(document, "fix", (1, 11))


def test_lines_named_in_words_place_the_window(vocabulary: Vocabulary) -> None:
    """And are counted within it, as the model counts."""
    document = Document("".join(f"x{k}\n" for k in range(1, 101)))
    prompt = EmbeddedPrompt(vocabulary, 10, 640).build(document, "Delete lines 50 to 51")
    assert prompt.window == Window(46, 55)
    assert "Delete lines 5 to 6<program>" in text(vocabulary, prompt.tokens)


@pytest.mark.parametrize(
    ("instruction", "lines"),
    [
        ("Delete line 7", (7, 7)),
        ("Move lines 3-5 to after line 9", (3, 9)),
        ("swap line 4 and line 2", (2, 4)),
        ("line up 7 items", None),
        ("Replace this by:\n```\nline 7\n```", None),
    ],
)
def test_named_lines(instruction: str, lines: tuple[int, int] | None) -> None:
    """Only prose is read, not code."""
    assert named_lines(instruction) == lines


def test_a_line_outside_the_window_is_refused_or_only_mentioned() -> None:
    """With a scope the number is no target: a diagnostic may mention far lines."""
    window = Window(50, 60)
    message = "redefinition of unused 'os' from line 3"
    renumbered = renumber_lines(message, window, 100, scoped=True)
    assert renumbered == "redefinition of unused 'os' from an earlier line"
    with pytest.raises(ContextTooLongError, match="found 3 in the instruction"):
        renumber_lines("delete line 3", window, 100, scoped=False)
    with pytest.raises(ScopeError, match="within 1 to 100, found 101"):
        renumber_lines("delete line 101", window, 100, scoped=False)


def test_similar_names_are_the_documents_own() -> None:
    """Best first, builtins for Python, nothing for a text without quoted names."""
    lines = ["results = compute(result_set)", "retry"]
    assert similar_names("undefined name 'reslut'", lines, None)[0] == "results"
    assert similar_names("Undefined name `pritn`", [], "python")[0] == "print"
    assert similar_names("Undefined name `pritn`", [], "rust") == []
    assert similar_names("Delete line 3", lines, "python") == []
    many = " ".join(f"`{letter * 5}`" for letter in "vwxyz")
    assert similar_names(many, ["vvvvv1", "zzzzz1"], None) == ["vvvvv1"]
