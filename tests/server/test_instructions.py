"""Instructions from comments and diagnostics."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types as lsp

from copydecode import Document, Scope
from copydecode.errors import EmptyInstructionError
from copydecode_lsp import comments, instructions
from copydecode_lsp.instructions import Instruction
from tests.server.harness import diagnostic

BELOW = "\nx = 1\n\ny = 2\n"


@pytest.mark.parametrize(
    "line",
    [
        "# make it faster AI!",
        "x = 1  # make it faster AI!",
        "  // make it faster AI!",
        "/// make it faster AI!",
        "-- make it faster AI!",
        ";; make it faster AI!",
        "% make it faster AI!",
        "/* make it faster AI! */",
        "/** make it faster AI! **/",
        "<!-- make it faster AI! -->",
        '"""make it faster AI!"""',
        "'''make it faster AI!'''",
        "{- make it faster AI! -}",
        "(* make it faster AI! *)",
        "{# make it faster AI! #}",
        "--[[ make it faster AI! ]]",
        "# make it faster: AI!",
        "# make it faster ai!  ",
        'x = "# no"  # make it faster AI!',
        'url = "http://x.org"  // make it faster AI!',
    ],
)
def test_a_comment_in_any_syntax_is_an_instruction(line: str) -> None:
    found = instructions.from_comments(Document(line + BELOW), Scope(1, 1))
    assert [(i.text, i.scope, i.snippet) for i in found] == [
        ("make it faster", Scope(1, 2, locked=False), None)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "# make it faster",
        "# make it faster AI",
        "# MAKE IT WITH OPENAI!",
        "# AI!",
        "make_it_faster = AI!",
        "",
    ],
)
def test_anything_else_is_none(line: str) -> None:
    assert instructions.from_comments(Document(line + BELOW), Scope(1, 1)) == []


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("/*\n * make it\n * faster AI!\n */\nx\n", 5),
        ("/* make it\n   faster AI! */\n\nx\n", 2),
        ('"""make it\nfaster AI!\n"""\nx\ny\n\n', 5),
        ("<!--\nmake it\nfaster\nAI!\n-->\n", 5),
    ],
)
def test_a_block_comment_is_read_whole(text: str, last: int) -> None:
    document = Document(text)
    found = instructions.from_comments(document, Scope(1, len(document)))
    assert [f.text for f in found] == ["make it faster"]
    assert found[0].scope == Scope(1, max(last, len(document)), locked=False)


def test_a_closed_block_above_is_no_opener() -> None:
    document = Document('"""Doc."""\nx\nfaster AI!\n/* closed */\nfaster AI!\n')
    assert instructions.from_comments(document, Scope(1, 5)) == []


def test_the_nearest_comment_above_counts_within_reach() -> None:
    near = "# far AI!\n" + "x\n" * 5 + "# near AI!\n" + "x\n" * (comments.REACH - 1) + "here\n"
    document = Document(near)
    here = Scope(len(document), len(document))
    assert [i.text for i in instructions.from_comments(document, here)] == ["near"]
    beyond = Document(near.replace("here", "x\nhere"))
    assert instructions.from_comments(beyond, Scope(len(beyond), len(beyond))) == []


def test_every_comment_in_the_lines_counts() -> None:
    document = Document("# one AI!\nx\n# two AI!\ny\n\n# three AI!\nz\n\nend\n")
    found = instructions.from_comments(document, Scope(1, 6))
    assert [(i.text, i.scope) for i in found] == [
        ("one", Scope(1, 6, locked=False)),
        ("two", Scope(3, 6, locked=False)),
        ("three", Scope(6, 7, locked=False)),
    ]


def test_a_diagnostic_s_message_is_the_instruction_as_it_is() -> None:
    found = instructions.from_diagnostic(diagnostic("undefined name 'x'", 2), Document("a\nx\n"))
    assert found == Instruction("undefined name 'x'", Scope(2, 2))


def test_a_diagnostic_outside_the_document_or_without_words_is_none() -> None:
    assert instructions.from_diagnostic(diagnostic("m", 9), Document("a\n")) is None
    assert instructions.from_diagnostic(diagnostic(" ", 1), Document("a\n")) is None


def test_advice_behind_a_message_is_no_part_of_it() -> None:
    message = "`os` imported but unused\n\nhelp: Remove unused import: `os`"
    found = instructions.from_diagnostic(diagnostic(message, 1), Document("import os\n"))
    assert found is not None
    assert found.text == "`os` imported but unused"


def test_a_diagnostic_over_several_lines_is_about_them_all() -> None:
    span = lsp.Range(lsp.Position(0, 0), lsp.Position(2, 1))
    found = instructions.from_diagnostic(lsp.Diagnostic(span, "m"), Document("a\nb\nc\n"))
    assert found == Instruction("m", Scope(1, 3))


def test_a_missing_import_is_asked_for_where_the_document_imports() -> None:
    """With its own line locked there would be no way to mend it."""
    document = Document("import re\nimport sys\n\nprint(os.sep)\n")
    found = instructions.from_diagnostic(diagnostic("Undefined name `os`", 4), document)
    assert found is not None
    assert instructions.where_fixed(found, document, "python").scope == Scope(1, 1)
    assert instructions.where_fixed(found, document, "lua") == found
    other = Document("print(os.sep)\n")
    assert instructions.where_fixed(found, other, "python").scope == Scope(1, 1)


def test_an_empty_instruction_is_refused() -> None:
    assert instructions.require(" a \n") == "a"
    with pytest.raises(EmptyInstructionError):
        instructions.require(" \n\t")


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (Scope(1, 2), Scope(2, 3), True),
        (Scope(1, 2), Scope(3, 3), False),
        (None, Scope(3, 3), True),
    ],
)
def test_scopes_overlap_where_they_share_a_line(
    one: Scope | None, other: Scope | None, shared: bool
) -> None:
    assert instructions.overlaps(one, other) is shared


@pytest.mark.parametrize(
    ("text", "words", "snippet", "left"),
    [
        ("# do AI!\nx\n", "do", None, "x\n"),
        ("a\n    # do AI!\r\nx\n", "do", None, "a\nx\n"),
        ("x = 1  # do AI!\ny\n", "do", None, "x = 1\ny\n"),
        ("x\n# do AI!", "do", None, "x\n"),
        ("\ufeff# do AI!\nx\n", "do", None, "\ufeffx\n"),
        ("/* do AI! */\nx\n", "do", None, "x\n"),
        ("/* do AI!\n */ x\n", "do", None, " x\n"),
        ("f();  /* do\n  it AI! */\nx\n", "do it", None, "f();\nx\n"),
        ("/**\n * do\n * it AI!\n */\nx\n", "do it", None, "x\n"),
        ("<!--\ndo AI!\n-->\n<p>\n", "do", None, "<p>\n"),
        ("# use AI!\n# ```python\n# if a:\n#     b\n# ```\nx\n", "use", "if a:\n    b", "x\n"),
        ("# use:\n# ```\n# a\n# ```\n# AI!\nx\n", "use", "a", "x\n"),
        ("// ```\n// a\n// ```\n// AI!\nx\n", "Apply this snippet", "a", "x\n"),
        ("/*\n * use:\n * ```\n * a {\n *   b\n * ```\n * AI! */\nx\n", "use", "a {\n  b", "x\n"),
        ("# old\n# do AI!\n# more\nx\n", "do", None, "# old\n# more\nx\n"),
        ("# do AI!\n# ```\n# open\nx\n", "do", None, "# ```\n# open\nx\n"),
    ],
)
def test_a_comment_s_own_text_and_nothing_else_goes_with_the_edit(
    text: str, words: str, snippet: str | None, left: str
) -> None:
    (found,) = instructions.from_comments(Document(text), Scope(1, len(Document(text))))
    assert (found.text, found.snippet) == (words, snippet)
    assert found.erase is not None
    start, end = found.erase
    assert text[:start] + text[end:] == left


def test_a_snippet_is_shown_to_the_model_between_fences() -> None:
    assert Instruction("Use this:", None, "a\n").prompt == "Use this:\n```\na\n```"
    assert Instruction("delete it", None).prompt == "delete it"


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction("a", None),
        Instruction("a", Scope(1, 2, locked=False), "code", (3, 9)),
        Instruction("all", None, parts=(Instruction("a", Scope(1, 1)), Instruction("b", None))),
    ],
)
def test_an_action_carries_its_instruction_there_and_back(instruction: Instruction) -> None:
    data = json.loads(json.dumps(instructions.to_json(instruction)))
    assert instructions.from_json(data) == instruction


@pytest.mark.parametrize(
    "wrong", [{"snippet": 1}, {"erase": [1]}, {"parts": [{}]}, {"parts": [1]}, {"scope": [1]}]
)
def test_an_instruction_of_another_shape_is_none(wrong: dict[str, object]) -> None:
    assert instructions.from_json({"instruction": "a", "scope": None, **wrong}) is None
