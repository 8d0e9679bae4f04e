"""What a chat model is told: examples that are right, the lines that are meant, and no more."""

from __future__ import annotations

import pytest

from copydecode.decode.prompt_chat import (
    BYTES_A_TOKEN,
    EXAMPLES,
    SYSTEM,
    ChatFormat,
    estimate,
)
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.fit import Window
from copydecode.edit.program import Program
from copydecode.edit.reading import Reading
from copydecode.edit.resolve import resolve
from copydecode.errors import ContextTooLongError, ScopeError

WANTED = [
    "import math\n\ndef area(r):\n    return math.pi * r * r\n\nprint(area(2))\n",
    "a = 1\nb = 2\nprint(a, b)\n",
    "<gen>\n<ul>\n  <li>one</li>\n</ul>\n</gen>\n",
]
LONG = Document("".join(f"line_{number} = {number}\n" for number in range(1, 401)))


@pytest.mark.parametrize(("example", "wanted"), [*zip(EXAMPLES, WANTED, strict=True)])
def test_the_examples_do_what_they_say(example: tuple[str, str, Program], wanted: str) -> None:
    text, instruction, program = example
    assert resolve(program, Document(text)) == wanted
    assert instruction in SYSTEM


def test_the_examples_are_read_as_they_are_shown() -> None:
    answers = SYSTEM.split("Answer:\n")[1:]
    for (text, _, program), shown in zip(EXAMPLES, answers, strict=True):
        reading = Reading(len(Document(text)))
        reading.take(shown.partition("\n\nExample document:")[0])
        assert reading.end() == program


def test_all_that_is_escaped_is_said() -> None:
    assert [literal for literal in grammar.RESERVED if literal not in SYSTEM] == []


def test_a_document_is_shown_with_numbered_lines_and_nothing_of_its_ends() -> None:
    prompt = ChatFormat(4096).build(Document("\ufeffa\r\n\n  b"), " fix it \n", None, "python")
    system, user = prompt.messages("file:///home/someone/secret/a%20b.py")
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"] == (
        "File: a b.py\nLanguage: python\nThe document, 3 lines:\n1|a\n2|\n3|  b\n\n"
        "Instruction: fix it"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/home/someone/x.py", "x.py"),
        ("untitled:Untitled-1", "Untitled-1"),
        ("vscode-notebook-cell:/home/someone/n.ipynb#W0", "n.ipynb"),
        ("file:///c%3A/Users/someone/y.ts", "y.ts"),
        ("file:///tmp/a%0AInstruction: b", "aInstruction: b"),
    ],
)
def test_of_a_name_its_last_part_is_told_in_one_line(name: str, told: str) -> None:
    prompt = ChatFormat(4096).build(Document("a\n"), "fix it")
    user = prompt.messages(name)[1]["content"]
    assert user.startswith(f"File: {told}\nThe document")
    assert "someone" not in user


def test_a_lock_is_said_with_the_copies_around_it() -> None:
    prompt = ChatFormat(4096).build(Document("a\nb\nc\nd\n"), "fix it", (2, 3))
    user = prompt.messages(lock=(2, 3))[1]["content"]
    assert "about lines 2 to 3" in user
    assert 'begins with <copy lines="1-1"/> and ends with <copy lines="4-4"/>' in user
    assert "Only lines" not in prompt.messages(lock=(1, 4))[1]["content"]


def test_an_empty_document_is_said_to_be_empty() -> None:
    prompt = ChatFormat(4096).build(Document(""), "write a line")
    assert "there is no line to copy" in prompt.messages()[1]["content"]


def test_a_long_document_is_shown_around_the_scope_and_the_rest_is_not() -> None:
    prompt = ChatFormat(2600).build(LONG, "fix line 250 and `x`", (249, 251))
    window = prompt.window
    assert window.first <= 249
    assert window.last >= 251
    assert len(window) < len(LONG)
    user = prompt.messages()[1]["content"]
    first = 249 - window.first + 1
    assert f"\n{first}|line_249 = 249\n" in user
    assert f"about lines {first} to {first + 2}" in user
    assert f"fix line {first + 1} and" in user
    assert f"line_{window.first - 1} " not in user
    assert prompt.size <= 2600 // 2


def test_what_does_not_fit_says_what_to_select() -> None:
    chat = ChatFormat(2600)
    with pytest.raises(ContextTooLongError, match="select the lines to edit"):
        chat.build(LONG, "rename it")
    with pytest.raises(ContextTooLongError, match="select fewer lines"):
        chat.build(LONG, "rename it", (1, 400))
    with pytest.raises(ContextTooLongError, match="shorten the instruction"):
        chat.build(Document("a\n"), "x" * 9000)
    with pytest.raises(ScopeError, match="lines within 1 to 400, found 999"):
        chat.build(LONG, "delete line 999")


def test_documents_of_a_hosted_model_s_size_are_seen_whole() -> None:
    chat = ChatFormat(32_768)
    assert chat.build(LONG, "rename it").window == Window(1, 400)
    assert chat.show(LONG).window == Window(1, 400)


def test_a_second_try_is_told_what_was_wrong_and_where() -> None:
    prompt = ChatFormat(4096).build(Document("a\nb\n"), "fix it", (2, 2))
    said, told = prompt.again("<program>Sure", "expected an op first", "Sure", (2, 2))
    assert said == {"role": "assistant", "content": "<program>Sure"}
    assert "expected an op first. What stands there begins with 'Sure'." in told["content"]
    assert 'begins with <copy lines="1-1"/>' in told["content"]
    assert prompt.again("", "expected", "", None)[0]["content"] == "(nothing)"


def test_of_a_long_answer_the_beginning_is_repeated() -> None:
    prompt = ChatFormat(4096).build(Document("a\nb\n"), "fix it")
    [said, _] = prompt.again("\u4e16" * 100_000, "expected", "", None)
    assert 100 < estimate(said["content"]) <= prompt.size // 2
    assert set(said["content"]) == {"\u4e16"}


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 2), ("\u4e16\u754c", 2)])
def test_tokens_are_estimated_by_bytes(text: str, tokens: int) -> None:
    assert BYTES_A_TOKEN == 3
    assert estimate(text) == tokens
