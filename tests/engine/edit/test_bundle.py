"""Programs over several files keep every byte of each, whatever its line ends and last line."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from copydecode.edit import grammar
from copydecode.edit.bundle import (
    Bundle,
    BundleFile,
    BundleRules,
    exact_programs,
    fitted_programs,
    lent,
    resolve_files,
)
from copydecode.edit.bundle_oracle import oracle_files
from copydecode.edit.document import BOM, Document, split_lines
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op, Program
from copydecode.edit.resolve import resolve
from copydecode.edit.rules import Opening
from copydecode.errors import CopyRangeError, FilesError, SectionError, TokenCopyError

line = st.sampled_from(["", "a", "b", "  c", "\f", '<file path="a.py"/>', "</gen>", "\ufeff"])
end = st.sampled_from(["\n", "\n", "\r\n", "\r"])
made_of_lines = st.lists(st.tuples(line, end).map("".join), max_size=8).map("".join)
texts = st.tuples(made_of_lines, line).map("".join)
PATHS = ("a.py", "b & c/<d> 'e'.py", "context.py")


def bundle_of(*texts: str, editable: int = 99) -> Bundle:
    """Return a bundle whose first `editable` files may be changed."""
    return Bundle(
        tuple(
            BundleFile(path, Document(text), number < editable)
            for number, (path, text) in enumerate(zip(PATHS, texts, strict=False))
        )
    )


@given(st.tuples(texts, texts, texts), st.tuples(texts, texts), st.integers(1, 4))
@example(("", "a", "a\r\nb"), ("a\r\nb", ""), 1)
def test_a_round_trip_keeps_every_byte_of_each_file(
    old: tuple[str, str, str], new: tuple[str, str], least: int
) -> None:
    """Line ends that differ between the files, missing last newlines and empty files included."""
    bundle = bundle_of(*old, editable=2)
    wanted = dict(zip(PATHS, new, strict=False))
    program = oracle_files(bundle, wanted, least)
    changed = {p: t for p, t, before in zip(PATHS, new, old, strict=False) if t != before}
    assert resolve_files(program, bundle) == changed
    assert grammar.parse(grammar.render(program)) == program


def test_a_function_that_moves_to_another_file_is_copied_not_written() -> None:
    body = "def area(r):\n    return 3 * r * r\n\n"
    bundle = bundle_of(f"import math\n{body}print(1)\n", "x = 1\n")
    program = oracle_files(bundle, {"a.py": "import math\nprint(1)\n", PATHS[1]: f"x = 1\n{body}"})
    assert program == Program(
        (File("a.py"), Copy(1, 1), Copy(5, 5), File(PATHS[1]), Copy(6, 6), Copy(2, 4))
    )
    assert lent(program, bundle) == {"a.py": ((2, 4),)}


def test_a_line_alone_is_not_worth_a_copy_from_elsewhere() -> None:
    bundle = bundle_of("}\n\n\n", "x\n")
    program = oracle_files(bundle, {PATHS[1]: "x\n}\ny\n\n\n"})
    assert program == Program((File(PATHS[1]), Copy(4, 4), Gen("}\ny\n\n\n")))


@given(st.tuples(texts, texts, texts), st.integers(0, 10_000))
def test_whatever_the_rules_allow_can_be_resolved(old: tuple[str, str, str], seed: int) -> None:
    bundle = bundle_of(*old, editable=2)
    program = walk(BundleRules(bundle.places), random.Random(seed))
    parts = [file for file in program.ops if isinstance(file, File)]
    assert len(set(parts)) == len(parts)
    new = resolve_files(program, bundle)
    assert set(new) == {file.path for file in parts}
    assert PATHS[2] not in new


def walk(rules: BundleRules, rng: random.Random) -> Program:
    """Return a random program that the rules allow."""
    ops: list[Op] = []
    while True:
        before = ops[-1] if ops else None
        match rng.choice(rules.openings(before)):
            case Opening.END:
                return Program(tuple(ops))
            case Opening.FILE:
                ops.append(File(rng.choice(rules.files)))
            case Opening.COPY:
                [(low, high)] = rules.firsts(before)
                first = rng.randint(low, high)
                [(low, high)] = rules.lasts(before, first)
                ops.append(Copy(first, rng.randint(low, high)))
            case _:
                ops.append(Gen(rng.choice(["", "x", "x\n"])))
        rules = rules.after(ops[-1])


@given(st.tuples(texts, texts), st.integers(0, 10_000))
def test_new_text_and_lines_of_another_file_get_the_line_ends_of_their_file(
    old: tuple[str, str], seed: int
) -> None:
    bundle = bundle_of(*(text.replace(BOM, "") for text in old))
    program = walk(BundleRules(bundle.places), random.Random(seed))
    for path, section in fitted_programs(program, bundle).items():
        document = next(file.document for file in bundle.files if file.path == path)
        ends = {text[len(text.rstrip("\r\n")) :] for text in split_lines(document.text)}
        new = [op.text for op in section.ops if isinstance(op, Gen)]
        lines = [piece for text in new for piece in split_lines(text)]
        assert {piece[len(piece.rstrip("\r\n")) :] for piece in lines} <= {document.newline, ""}
        if len(ends - {""}) == 1:
            resolved = split_lines(resolve(section, document))
            assert {t[len(t.rstrip("\r\n")) :] for t in resolved} <= {document.newline, ""}


def test_a_byte_order_mark_stays_with_its_file() -> None:
    bundle = bundle_of(f"{BOM}a\r\nb\r\n", f"{BOM}c\n")
    program = Program((File(PATHS[1]), Copy(1, 2), Copy(3, 3), File("a.py"), Copy(2, 2)))
    programs = fitted_programs(program, bundle)
    new = {f.path: resolve(programs[f.path], f.document) for f in bundle.files}
    assert new == {"a.py": f"{BOM}b\r\n", PATHS[1]: f"{BOM}a\nb\nc\n"}


def test_a_file_without_a_section_stays_and_an_empty_section_empties_it() -> None:
    bundle = bundle_of("a\n", "b\n")
    assert exact_programs(Program(), bundle) == {}
    assert resolve_files(Program((File("a.py"),)), bundle) == {"a.py": ""}


def test_no_token_is_copied_between_files() -> None:
    rules = BundleRules(bundle_of("a\n", "b\n").places, ("a.py",))
    assert Opening.TOKENS not in rules.openings(A)
    assert rules.token_firsts(A) == rules.token_lasts(1) == ()


A, B = File("a.py"), File(PATHS[1])


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ((Copy(1, 1),), SectionError),
        ((Gen("x"), A), SectionError),
        ((A, B, A), SectionError),
        ((A, CopyTokens(1, 1)), SectionError),
        ((File("context.py"),), SectionError),
        ((File("../a.py"),), SectionError),
        ((A, Copy(1, 3)), CopyRangeError),
        ((A, Copy(0, 1)), CopyRangeError),
        ((B, Copy(2, 6)), CopyRangeError),
    ],
)
def test_what_is_no_program_over_the_files_is_refused(
    program: tuple[Op, ...], error: type[Exception]
) -> None:
    bundle = bundle_of("1\n2\n", "3\n4\n", "5\n", editable=2)
    with pytest.raises(error):
        resolve_files(Program(program), bundle)


def test_files_that_cannot_be_told_apart_are_refused() -> None:
    empty = Document("")
    for files in (
        (),
        (BundleFile("a", empty, editable=False),),
        (BundleFile("a", empty), BundleFile("a", empty, editable=False)),
        (BundleFile("", empty),),
        (BundleFile("a\nb", empty),),
        (BundleFile("\udc80", empty),),
    ):
        with pytest.raises(FilesError):
            Bundle(files)


def test_a_program_over_files_is_none_over_a_document() -> None:
    with pytest.raises(SectionError):
        resolve(Program((A, Gen("x"))), Document(""))
    with pytest.raises(TokenCopyError):
        resolve(Program((CopyTokens(1, 1),)), Document("x"))
