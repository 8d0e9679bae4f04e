"""The text form of programs: parse, render, and the escape of reserved literals.

    program := <program> (copy | tokens | gen | file)* </program>
    copy    := <copy lines="i-j"/>
    tokens  := <copy tokens="a-b"/>
    gen     := <gen> text </gen>
    file    := <file path="p"/>

`render` writes no white space between ops and none around a gen's text; `parse` allows white space
between ops. Gen text may hold anything: a reserved literal inside it is escaped by one backslash
after its `<`, and one that already has backslashes there gets one more, so that `unescape` inverts
`escape` on every text. A path has its markup characters as entities; `<file` in a gen is text,
since only `</gen>` ends it, and is not escaped: so programs of one document are as they were. Knows
nothing of tokens: the decoder finds the end of a gen on token ids.
"""

from __future__ import annotations

import html
import re
from typing import Final

from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op, Program
from copydecode.errors import ProgramSyntaxError

PROGRAM_OPEN: Final = "<program>"
PROGRAM_CLOSE: Final = "</program>"
COPY_OPEN: Final = '<copy lines="'
TOKENS_OPEN: Final = '<copy tokens="'
COPY_DASH: Final = "-"
COPY_CLOSE: Final = '"/>'
FILE_OPEN: Final = '<file path="'
GEN_OPEN: Final = "<gen>"
GEN_CLOSE: Final = "</gen>"

RESERVED: Final = ("<copy", "</copy>", "<gen>", "</gen>", "<program>", "</program>")

_RESERVED_TAIL = "|".join(re.escape(literal[1:]) for literal in RESERVED)
_PLAIN = re.compile(rf"<(\\*)({_RESERVED_TAIL})")
_ESCAPED = re.compile(rf"<\\(\\*)({_RESERVED_TAIL})")
_SPACE = re.compile(r"[ \t\r\n]*")
_FILE = re.compile(r'<file path="([^"]+)"/>')
_COPY = re.compile(r'<copy (lines|tokens)="([1-9][0-9]*)-([1-9][0-9]*)"/>')


def escape(text: str) -> str:
    """Escape every reserved literal, so that the result contains none."""
    return _PLAIN.sub(r"<\\\1\2", text)


def unescape(text: str) -> str:
    """Invert `escape`."""
    return _ESCAPED.sub(r"<\1\2", text)


def escape_path(path: str) -> str:
    """Return a path as it stands between the quotes of a file op; `html.unescape` inverts it."""
    return html.escape(path)


def render_op(op: Op) -> str:
    """Write one op in its text form."""
    match op:
        case Copy(first, last):
            return f"{COPY_OPEN}{first}{COPY_DASH}{last}{COPY_CLOSE}"
        case CopyTokens(first, last):
            return f"{TOKENS_OPEN}{first}{COPY_DASH}{last}{COPY_CLOSE}"
        case Gen(text):
            return f"{GEN_OPEN}{escape(text)}{GEN_CLOSE}"
        case File(path):
            return f"{FILE_OPEN}{escape_path(path)}{COPY_CLOSE}"


def render(program: Program) -> str:
    """Write a program in its text form."""
    return PROGRAM_OPEN + "".join(map(render_op, program.ops)) + PROGRAM_CLOSE


def parse(text: str) -> Program:
    """Read the text form of a program, with nothing but white space around it.

    Raises:
        ProgramSyntaxError: where the text is no program; the message gives the offset.
    """
    at = skip_space(text, 0)
    at = _expect(text, at, PROGRAM_OPEN)
    ops: list[Op] = []
    while True:
        at = skip_space(text, at)
        if text.startswith(PROGRAM_CLOSE, at):
            break
        found = op_at(text, at)
        if found is None:
            raise _no_op(text, at)
        op, at = found
        ops.append(op)
    at = skip_space(text, at + len(PROGRAM_CLOSE))
    if at != len(text):
        message = f"expected nothing after {PROGRAM_CLOSE}, found text at offset {at}"
        raise ProgramSyntaxError(message)
    return Program(tuple(ops))


def op_at(text: str, at: int) -> tuple[Op, int] | None:
    """Return the op that begins at an offset and where it ends, None where none begins or ends."""
    if text.startswith(GEN_OPEN, at):
        start = at + len(GEN_OPEN)
        end = text.find(GEN_CLOSE, start)
        return None if end < 0 else (Gen(unescape(text[start:end])), end + len(GEN_CLOSE))
    if copy := _COPY.match(text, at):
        kind = Copy if copy[1] == "lines" else CopyTokens
        return kind(int(copy[2]), int(copy[3])), copy.end()
    if file := _FILE.match(text, at):
        return File(html.unescape(file[1])), file.end()
    return None


def skip_space(text: str, at: int) -> int:
    """Return where the white space that is allowed between ops ends."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _no_op(text: str, at: int) -> ProgramSyntaxError:
    if text.startswith(GEN_OPEN, at):
        message = f"expected {GEN_CLOSE} after the {GEN_OPEN} at offset {at}, found the end"
    else:
        message = f"expected a copy, gen or file op or {PROGRAM_CLOSE} at offset {at}"
    return ProgramSyntaxError(message)


def _expect(text: str, at: int, literal: str) -> int:
    if not text.startswith(literal, at):
        message = f"expected {literal} at offset {at}"
        raise ProgramSyntaxError(message)
    return at + len(literal)
