"""The command line: real files, the scripted server in a subprocess, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pygls.workspace import PositionCodec

from copydecode.errors import BadInputError, ConfigError, CopydecodeError, ModelNotFoundError
from copydecode_lsp import apply, bench, cli, headless, pyflakes_diagnostics
from copydecode_lsp.apply import FileChangedError, write_all, write_atomically
from tests.server.test_stdio import FAKE, ROOT

SOURCE = "import os\n\nname = 1\nprint(names)\n"


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the scripted server where the command line starts the real one."""

    def command(model: str | None) -> list[str]:
        return [*FAKE, *(["--model", model] if model else [])]

    monkeypatch.setattr(headless, "server_command", command)
    monkeypatch.chdir(ROOT)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "example.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


def test_a_diff_is_shown_and_the_file_left_alone(
    source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("apply", source, "--instruction", "delete", "--lines", "3-4") == 0
    assert source.read_text(encoding="utf-8") == SOURCE
    assert capfd.readouterr().out == (
        "--- a/example.py\n+++ b/example.py\n@@ -1,4 +1,2 @@\n"
        " import os\n \n-name = 1\n-print(names)\n"
    )


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        (b"a\r\nb\r\nc", "2", b"a\r\nnew\r\nc"),
        (b"a\nb", "2-2", b"a\nnew"),
        (b"\xef\xbb\xbfa\nb\n", "2", b"\xef\xbb\xbfa\nnew\n"),
        (b"\xef\xbb\xbfa\nb\n", "1", b"\xef\xbb\xbfnew\nb\n"),
        (b"a\rb\n\x0cc\xe2\x80\xa8d\n", "2", b"a\rnew\n\x0cc\xe2\x80\xa8d\n"),
        ("\U0001f40d\n\U0001f40d".encode(), "1", "new\n\U0001f40d".encode()),
    ],
)
def test_write_keeps_every_other_byte_and_the_mode(
    tmp_path: Path, before: bytes, lines: str, after: bytes
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(before)
    path.chmod(0o751)
    assert run("apply", path, "--instruction", "put: new", "--lines", lines, "--write") == 0
    assert path.read_bytes() == after
    assert path.stat().st_mode & 0o777 == 0o751
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("instruction", ["unsure: new", "put: new"])
def test_an_edit_that_the_model_is_not_sure_of_is_shown_and_stderr_says_so(
    source: Path, capfd: pytest.CaptureFixture[str], instruction: str
) -> None:
    """A diff is a preview, and who says --write means it: nobody is asked."""
    words = ("apply", source, "--instruction", instruction, "--lines", "3-4", "--write")
    assert run(*words) == 0
    assert source.read_text(encoding="utf-8") == "import os\n\nnew\n"
    assert ("Likely wrong" in capfd.readouterr().err) is instruction.startswith("unsure")


def test_write_goes_through_a_link_to_its_target(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.py"
    link.symlink_to(source)
    assert run("apply", link, "--instruction", "delete", "--write") == 0
    assert link.is_symlink()
    assert source.read_bytes() == b""


def test_a_file_that_cannot_be_written_is_bad_input(
    source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_words: object, **_more: object) -> tuple[int, str]:
        raise PermissionError(13, "Permission denied", str(source.parent))

    monkeypatch.setattr("tempfile.mkstemp", full)
    assert run("apply", source, "--instruction", "delete", "--lines", "1", "--write") == 2
    assert "Permission denied" in capfd.readouterr().err
    assert source.read_text(encoding="utf-8") == SOURCE


def test_a_diff_counts_lines_as_patch_does() -> None:
    diff = headless.unified_diff("f", "a\rb\nc\r\nd", "a\rx\nc\r\nd")
    assert diff == (
        "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n-a\rb\n+a\rx\n c\r\n d\n\\ No newline at end of file\n"
    )


def test_write_refuses_a_file_that_changed_meanwhile(source: Path) -> None:
    with pytest.raises(FileChangedError):
        write_atomically(source, b"what it was", b"new")
    assert source.read_text(encoding="utf-8") == SOURCE
    assert [p.name for p in source.parent.iterdir()] == [source.name]


def test_json_holds_the_edit_and_the_receipt(
    source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("apply", source, "--instruction", "delete", "--lines", "1-3", "--json") == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["text"] == "print(names)\n"
    assert answer["changed"] is True
    assert answer["receipt"]["model"] == "scripted"
    assert answer["diff"].startswith("--- a/example.py\n")


def test_a_diff_that_is_piped_holds_the_file_s_own_bytes(source: Path) -> None:
    source.write_bytes(b"a\tb\r\n  c\nlast")
    script = (
        "import sys; from copydecode_lsp import cli, headless\n"
        f"headless.server_command = lambda model: {FAKE!r}\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["apply", str(source), "--instruction", "put: new\ttab", "--lines", "3"]
    shown = subprocess.run(  # noqa: S603 -- our own interpreter and script
        [sys.executable, "-c", script, *words], capture_output=True, check=True, cwd=ROOT
    )
    assert b"-last\n\\ No newline at end of file\n+new\ttab\n\\ No newline" in shown.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--instruction", "nothing"], 1, "no change"),
        (["--instruction", "", "--diff"], 2, "expected an instruction"),
        (["--instruction", "delete", "--lines", "3-9", "--write"], 2, "lines within 1 to 4"),
        (["--instruction", "delete", "--model", "missing", "--json"], 3, "nothing at missing"),
        (["--instruction", "delete", "--model", "garbage", "--write"], 3, "config.json in garbage"),
        (["--instruction", "endless", "--write"], 4, "within 8 tokens"),
        (["--instruction", "late"], 4, "within 1 s"),
        (["--instruction", "crash", "--write"], 5, "no such script"),
    ],
)
def test_the_exit_code_tells_how_it_ended(
    source: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run("apply", source, *words) == code
    captured = capfd.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert source.read_text(encoding="utf-8") == SOURCE


def test_no_change_as_json_is_said_in_json(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("apply", source, "--instruction", "nothing", "--json") == 1
    assert json.loads(capfd.readouterr().out)["changed"] is False


@pytest.mark.parametrize(
    ("data", "said"), [(b"a\0b", "zero byte"), (b"ok\n\xff\xfe", "offset 3"), (None, "readable")]
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], data: bytes | None, said: str
) -> None:
    path = tmp_path / "file.bin"
    if data is not None:
        path.write_bytes(data)
    assert run("apply", path, "--instruction", "delete") == 2
    assert said in capfd.readouterr().err


def test_a_server_that_dies_is_said_with_the_end_of_its_log(
    source: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = [sys.executable, "-c", "raise SystemExit('out of luck')"]
    monkeypatch.setattr(headless, "server_command", lambda _model: dying)
    assert run("apply", source, "--instruction", "delete") == 5
    assert "out of luck" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["apply", "f"],
        ["apply", "f", "--instruction", "x", "--lines", "0-1"],
        ["apply", "f", "--instruction", "x", "--lines", "3-1"],
        ["apply", "f", "--instruction", "x", "--lines", "a"],
        ["apply", "f", "--instruction", "x", "--diff", "--json"],
        ["bench", "f", "--repeat", "0"],
        ["serve", "--tcp", "host"],
        ["serve", "--tcp", "localhost:99999"],
        ["serve", "--tcp", "0.0.0.0:2087"],
        ["serve", "--tcp", "example.org:2087"],
    ],
)
def test_bad_usage_ends_with_two(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2
    assert "usage: copydecode" in capfd.readouterr().err


def test_a_bad_model_setting_ends_serve_with_two() -> None:
    words = [sys.executable, "-m", "copydecode_lsp", "serve", "--model", " "]
    ended = subprocess.run(words, capture_output=True, check=False, cwd=ROOT)  # noqa: S603
    assert ended.returncode == 2
    assert b"expected a model name" in ended.stderr


def test_help_documents_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("apply", "--help")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n  {int(code)}  " in text for code in headless.ExitCode)


def test_a_bug_of_ours_is_not_reported_as_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_args: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(bench, "bench", failing)
    assert run("bench", "x") == 5


def test_the_demo_fixes_its_mistake(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("demo") == 0
    shown = capfd.readouterr().out
    assert "undefined name 'countss'" in shown
    assert "+    return counts.most_common(1)[0][0] if counts else" in shown
    assert "the mistake is fixed" in shown


def test_the_demo_says_when_the_model_fails(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--model", "missing") == 3
    assert "nothing at missing" in capfd.readouterr().out


def test_pyflakes_columns_are_in_the_client_s_units() -> None:
    text = "s = '\U0001f40d'; print(nome)\n"
    (found,) = pyflakes_diagnostics.diagnose(text, "x.py", PositionCodec())
    assert found.message == "undefined name 'nome'"
    assert (found.range.start.character, found.range.end.character) == (16, 20)


def test_pyflakes_says_nothing_of_text_that_does_not_parse() -> None:
    assert pyflakes_diagnostics.diagnose("def", "x.py", PositionCodec()) == []


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_training_commands_come_from_the_engine(name: str) -> None:
    pytest.importorskip("copydecode.training.cli")
    with pytest.raises(SystemExit) as ended:
        run(name, "--help")
    assert ended.value.code == 0


def test_outputs_are_named_as_their_options() -> None:
    assert {output.value for output in apply.Output} == {"diff", "write", "json"}


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("bad"), 2), (ModelNotFoundError("no"), 3)]
)
def test_an_error_of_the_engine_ends_any_command_clearly(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: CopydecodeError,
    code: int,
) -> None:
    async def failing(*_args: object) -> int:
        raise error

    monkeypatch.setattr(bench, "bench", failing)
    assert run("bench", "x") == code
    assert capfd.readouterr().err == f"copydecode: {error}\n"


MOVE = (
    'write: <program><file path="example.py"/><copy lines="1-2"/><copy lines="4-4"/>'
    '<file path="lib/other.py"/><copy lines="5-5"/><copy lines="3-3"/></program>'
)
MOVED, RECEIVED = "import os\n\nprint(names)\n", b"x\r\nname = 1\r\n"


@pytest.fixture
def other(source: Path) -> Path:
    path = source.parent / "lib" / "other.py"
    path.parent.mkdir()
    path.write_bytes(b"x\r\n")
    return path


def test_several_files_are_written_with_one_edit(source: Path, other: Path) -> None:
    assert run("apply", source, other, "--instruction", MOVE, "--write") == 0
    assert source.read_text(encoding="utf-8") == MOVED
    assert other.read_bytes() == RECEIVED
    assert sorted(p.name for p in source.parent.rglob("*")) == ["example.py", "lib", "other.py"]


def test_the_diff_of_several_files_names_each_and_json_holds_all(
    source: Path, other: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("apply", source, other, "--instruction", MOVE) == 0
    assert capfd.readouterr().out == (
        "--- a/example.py\n+++ b/example.py\n@@ -1,4 +1,3 @@\n"
        " import os\n \n-name = 1\n print(names)\n"
        "--- a/lib/other.py\n+++ b/lib/other.py\n@@ -1 +1,2 @@\n x\r\n+name = 1\r\n"
    )
    assert run("apply", source, other, "--instruction", MOVE, "--json") == 0
    answer = json.loads(capfd.readouterr().out)
    assert [file["text"] for file in answer["files"]] == [MOVED, RECEIVED.decode()]
    assert answer["receipt"]["files"] == 2
    assert source.read_text(encoding="utf-8") == SOURCE


def test_a_file_of_the_context_is_read_and_not_written(source: Path, other: Path) -> None:
    words = 'write: <program><file path="lib/other.py"/><copy lines="4-4"/></program>'
    context = ("--context", source)
    assert run("apply", other, *context, "--instruction", words, "--write") == 0
    assert other.read_bytes() == b"name = 1\r\n"
    assert source.read_text(encoding="utf-8") == SOURCE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("{source}", "{source}"), "each file once"),
        (("{source}", "--context", "{source}"), "each file once"),
        (("{source}", "{other}", "--lines", "1"), "one file with --lines"),
        (("{source}", "no.py"), "no.py"),
    ],
)
def test_files_that_cannot_be_edited_together_are_bad_input(
    source: Path,
    other: Path,
    words: tuple[str, ...],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    named = [word.format(source=source, other=other) for word in words]
    assert run("apply", *named, "--instruction", MOVE, "--write") == 2
    assert said in capfd.readouterr().err
    assert source.read_text(encoding="utf-8") == SOURCE


def test_no_file_is_written_where_one_of_them_changed_meanwhile(source: Path, other: Path) -> None:
    with pytest.raises(FileChangedError, match=r"other\.py"):
        write_all([(source, SOURCE.encode(), b"new"), (other, b"what it was", b"new")])
    assert source.read_text(encoding="utf-8") == SOURCE
    assert sorted(p.name for p in source.parent.rglob("*")) == ["example.py", "lib", "other.py"]


def test_a_file_that_was_written_gets_its_bytes_back_where_the_next_cannot_be(
    source: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "other.py":
            raise PermissionError(13, "Permission denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BadInputError, match="Permission denied"):
        write_all([(source, SOURCE.encode(), b"new"), (other, b"x\r\n", b"new")])
    assert source.read_text(encoding="utf-8") == SOURCE
    assert other.read_bytes() == b"x\r\n"
    assert sorted(p.name for p in source.parent.rglob("*")) == ["example.py", "lib", "other.py"]
