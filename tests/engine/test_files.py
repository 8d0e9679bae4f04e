"""The engine edits several files: together where the model writes such programs, else each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from copydecode import (
    Copy,
    Document,
    Engine,
    EngineConfig,
    FilesEdit,
    FilesRequest,
    FileText,
    Gen,
    Limits,
    Program,
    Receipt,
)
from copydecode.backends.local import LocalBackend
from copydecode.backends.writing import Programs
from copydecode.config import Decoding, Mode
from copydecode.decode import prompt_foreign
from copydecode.decode.literals import Literals
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.bundle import Bundle, BundleFile, resolve_files
from copydecode.edit.grammar import parse
from copydecode.edit.program import File, LineOp
from copydecode.edit.resolve import apply_hunks, resolve
from copydecode.errors import (
    BadInputError,
    BinaryDocumentError,
    ContextTooLongError,
    DeadlineExceededError,
    DocumentTooLargeError,
    EditCancelledError,
    EmptyInstructionError,
    FilesError,
    ModelFormatError,
    TokenLimitError,
)
from tests.engine.decode.scripted import UNLIMITED, scripted, sequence_of

MAIN = FileText("main.py", "import os\r\ndef area(r):\r\n    return r\r\nprint(1)\r\n")
SHAPES = FileText("src/shapes.py", "SIDES = 4")
HELP = FileText("help.py", "a = 1\nb = 2\n", editable=False)
REQUEST = FilesRequest((MAIN, SHAPES, HELP), "move area to shapes", UNLIMITED)


def writer(vocabulary: Vocabulary, program: Program, request: FilesRequest = REQUEST) -> Engine:
    """Make an engine whose model, taught files, writes this program."""
    literals = Literals(vocabulary, vocabulary.op_markers)
    prompts = EmbeddedPrompt(vocabulary, 40, 640)
    bundle = Bundle(tuple(BundleFile(f.path, Document(f.text), f.editable) for f in request.files))
    prompt = prompts.build_files(bundle, request.instruction)
    script = sequence_of(prompt.tokens, program, prompt.line_tokens, literals)
    backend = LocalBackend(
        name="scripted",
        parameters=0,
        model=scripted(script, literals.size),
        writing=Programs(literals),
        prompts=prompts,
        decoding=Decoding(drafts=False),
        files=prompts,
    )
    return Engine(backend)


def texts_of(edit: FilesEdit) -> dict[str, str]:
    return {file.path: file.text for file in edit.files}


def test_a_function_moves_to_another_file_with_that_files_line_ends(vocabulary: Vocabulary) -> None:
    program = Program(
        (File("main.py"), Copy(1, 1), Copy(4, 4), File(SHAPES.path), Copy(5, 5), Copy(2, 3))
    )
    told: list[tuple[str, LineOp]] = []
    edit = writer(vocabulary, program).edit_files(
        REQUEST, on_op=lambda path, op, _receipt: told.append((path, op))
    )
    assert edit.together
    assert texts_of(edit) == {
        "main.py": "import os\r\nprint(1)\r\n",
        "src/shapes.py": "SIDES = 4\ndef area(r):\n    return r",
        "help.py": HELP.text,
    }
    assert [file.lent for file in edit.files] == [((2, 3),), (), ()]
    assert told == [
        ("main.py", Copy(1, 1)),
        ("main.py", Copy(4, 4)),
        ("src/shapes.py", Copy(1, 1)),
        ("src/shapes.py", Gen("def area(r):\n    return r\n")),
    ]
    for file, given in zip(edit.files, REQUEST.files, strict=True):
        document = Document(given.text)
        assert resolve(file.program, document) == apply_hunks(document, file.hunks) == file.text


def test_a_file_without_a_section_has_no_hunk(vocabulary: Vocabulary) -> None:
    edit = writer(vocabulary, Program((File("src/shapes.py"), Gen("x\n")))).edit_files(REQUEST)
    assert [len(file.hunks) for file in edit.files] == [0, 1, 0]
    assert texts_of(edit)["src/shapes.py"] == "x"  # As before, no final line end.


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"instruction": " "}, EmptyInstructionError),
        ({"files": ()}, FilesError),
        ({"files": (HELP,)}, FilesError),
        ({"files": (MAIN, MAIN)}, FilesError),
        ({"files": (MAIN, FileText("a\nb", ""))}, FilesError),
        ({"files": (MAIN, FileText("nul.py", "a\0"))}, BinaryDocumentError),
        ({"files": (MAIN, FileText("big.py", "x" * 200)), "max_document_bytes": 100}, None),
        ({"files": (MAIN, FileText("long.py", "x\n" * 60))}, ContextTooLongError),
    ],
)
def test_what_cannot_be_edited_is_refused_by_name_before_any_work(
    vocabulary: Vocabulary,
    save_model: Callable[..., Path],
    tmp_path: Path,
    changed: dict[str, Any],
    error: type[BadInputError] | None,
) -> None:
    request = FilesRequest(**{"files": REQUEST.files, "instruction": "fix", **changed})
    each = Engine.load(EngineConfig(str(save_model(tmp_path / "m", max_lines=40)), threads=1))
    for engine in (writer(vocabulary, Program()), each):
        asked = count()
        with pytest.raises(error or DocumentTooLargeError) as caught:
            engine.edit_files(request, cancelled=partial(_never, asked))
        assert next(asked) == 1  # Once, at the start: no forward came.
        if len(request.files) == 2 and request.files[1].path in {"nul.py", "big.py"}:
            assert request.files[1].path in str(caught.value)


def _never(asked: Iterator[int]) -> bool:
    return next(asked) < 0


def test_a_cancelled_edit_of_files_is_none(vocabulary: Vocabulary) -> None:
    program = Program((File("main.py"), Copy(1, 1)))
    for limit in range(3):
        asked: list[object] = []

        def cancelled(asked: list[object] = asked, limit: int = limit) -> bool:
            asked.append(1)
            return len(asked) > limit

        with pytest.raises(EditCancelledError):
            writer(vocabulary, program).edit_files(REQUEST, cancelled=cancelled)


@pytest.fixture(scope="module")
def foreign(save_foreign: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A Qwen2 with random weights, through transformers: it was taught nothing."""
    folder = save_foreign(tmp_path_factory.mktemp("foreign"), "qwen2")
    limits = Limits(max_new_tokens=400)
    return Engine.load(EngineConfig(str(folder), threads=1, limits=limits))


INSTRUCTIONS = [f"rename area to size, try {n}" for n in range(6)]


def random_edits(engine: Engine, instructions: Sequence[str]) -> list[FilesEdit]:
    """Return the edits of those instructions whose program ends within the limits."""
    edits: list[FilesEdit] = []
    for instruction in instructions:
        try:
            edits.append(engine.edit_files(FilesRequest((MAIN, SHAPES, HELP), instruction)))
        except TokenLimitError:
            continue
    return edits


def test_whatever_a_foreign_model_decodes_is_an_edit_of_the_files(foreign: Engine) -> None:
    """By the grammar: it knows no other path, and writes no file that is there to be copied."""
    edits = random_edits(foreign, INSTRUCTIONS)
    assert edits
    for edit in edits:
        assert edit.together
        assert [file.path for file in edit.files] == ["main.py", "src/shapes.py", "help.py"]
        assert edit.files[2].text == HELP.text
        for file, given in zip(edit.files, (MAIN, SHAPES, HELP), strict=True):
            assert apply_hunks(Document(given.text), file.hunks) == file.text


def test_a_foreign_prompt_shows_each_file_under_its_path(foreign: Engine) -> None:
    backend = foreign._backend  # noqa: SLF001  # what the model reads
    assert backend.files is not None
    bundle = Bundle(
        (
            BundleFile("a<b>.py", Document("x = 1\r\ny\r\n")),
            BundleFile("empty.py", Document("")),
            BundleFile("help.py", Document("z"), editable=False),
        )
    )
    prompt = backend.files.build_files(bundle, "fix it", "python")
    assert isinstance(backend, LocalBackend)
    codec = backend._writing.literals.codec  # noqa: SLF001
    text = b"".join(map(codec.token_bytes, prompt.tokens)).decode()
    assert text.endswith(
        "The files:\n"
        '<file path="a&lt;b&gt;.py"/>\n1|x = 1\n2|y\n'
        '<file path="empty.py"/>\n'
        '<file path="help.py"/> (to copy from only)\n3|z\n'
        "\nLanguage: python\nInstruction: fix it\nAnswer:<program>"
    )
    assert prompt.tokens[: len(prompt.shown.tokens)] == prompt.shown.tokens
    with pytest.raises(ContextTooLongError, match="name fewer"):
        backend.files.build_files(
            Bundle((BundleFile("a.py", Document("x\n" * 900)),)), "fix it", None
        )


def test_the_example_of_the_foreign_prompt_is_right() -> None:
    """What it shows a model is a program that does what it says."""
    example = prompt_foreign._FILES_FORMAT.partition("Example files:\n")[2]  # noqa: SLF001
    shown, _, rest = example.partition("Example instruction: ")
    main, shapes = [
        [line.partition("|")[2] + "\n" for line in part.splitlines() if "|" in line]
        for part in shown.split("<file")[1:]
    ]
    answer = rest.partition("Example answer: ")[2].removesuffix("\n\nThe files:\n")
    bundle = Bundle(
        (
            BundleFile("main.py", Document("".join(main))),
            BundleFile("shapes.py", Document("".join(shapes))),
        )
    )
    assert resolve_files(parse(answer), bundle) == {
        "main.py": "from shapes import area\n\nprint(area(2))\n",
        "shapes.py": "SIDES = 4\n\ndef area(r):\n    return 3 * r * r\n",
    }


def test_a_foreign_prompt_names_the_files_and_the_second_edit_reads_only_its_instruction(
    foreign: Engine,
) -> None:
    first, second = (
        foreign.edit_files(FilesRequest((MAIN, SHAPES), words, Limits(max_new_tokens=4000)))
        for words in ("fix one", "fix two")
    )
    assert second.receipt.reused_tokens > 0.9 * second.receipt.prompt_tokens
    assert first.receipt.prompt_tokens > 100


def is_together(engine: Engine, request: FilesRequest) -> bool:
    """Return how an engine goes about files; a program that has no end is of one file or of all."""
    try:
        return engine.edit_files(request).together
    except TokenLimitError as error:
        return not str(error).startswith("main.py: ")


def test_a_model_that_was_taught_files_says_so_in_its_config(
    save_model: Callable[..., Path], tmp_path: Path
) -> None:
    request = FilesRequest((MAIN, SHAPES, HELP), "fix", Limits(max_new_tokens=1))
    for name, files in (("taught", True), ("not", False)):
        engine = Engine.load(EngineConfig(str(save_model(tmp_path / name, files=files)), threads=1))
        assert is_together(engine, request) is files
    with pytest.raises(ModelFormatError, match=r"copydecode\.files"):
        Engine.load(EngineConfig(str(save_model(tmp_path / "bad", files="yes"))))


def test_a_model_that_writes_full_text_edits_one_file_after_the_other(
    save_foreign: Callable[..., Path], tmp_path: Path
) -> None:
    config = EngineConfig(
        str(save_foreign(tmp_path / "m", "qwen2")),
        threads=1,
        limits=Limits(max_new_tokens=3000),
        decoding=Decoding(mode=Mode.REWRITE),
    )
    backend = Engine.load(config)._backend  # noqa: SLF001
    assert backend.files is None


def test_the_embedded_model_edits_each_file_with_the_whole_instruction() -> None:
    """It was not taught programs over files: the receipts are added up, and it says so."""
    engine = Engine.load(EngineConfig(threads=1))
    request = FilesRequest(
        (
            FileText("a.py", "a = 1\nb = 2\nc = 3\n", "python"),
            FileText("b.py", "x = 1\r\ny = 2\r\nz = 3", "python"),
            HELP,
        ),
        "delete line 2",
    )
    told: list[str] = []

    def on_op(path: str, _op: LineOp, receipt: Receipt) -> None:
        assert receipt.model == "embedded"
        told.append(path)

    edit = engine.edit_files(request, on_op=on_op)
    assert not edit.together
    assert texts_of(edit) == {
        "a.py": "a = 1\nc = 3\n",
        "b.py": "x = 1\r\nz = 3",
        "help.py": HELP.text,
    }
    assert sorted(set(told)) == ["a.py", "b.py"]
    alone = engine.edit_files(FilesRequest(request.files[:1], "delete line 2")).receipt
    assert edit.receipt.prompt_tokens > alone.prompt_tokens


def test_the_deadline_is_that_of_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine.load(EngineConfig(threads=1))
    files = (FileText("a.py", "a = 1\n"), FileText("b.py", "b = 1\n"))
    now = time.perf_counter()
    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: now + next(ticks))  # A second at each look.
    with pytest.raises(DeadlineExceededError) as caught:
        engine.edit_files(FilesRequest(files, "delete line 1", Limits(deadline_s=40.0)))
    assert str(caught.value).startswith(("a.py: ", "b.py: "))
