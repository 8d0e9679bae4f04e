"""What a chunk of Python says, though it may begin and end in the middle of a statement.

`read` parses as much of a chunk as parses; the rest is left out. Line numbers are those of the
chunk, from 1. Knows nothing of tasks, tokens or models.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_ATTEMPTS = 12
_BEGINS = re.compile(r"\s*(?:def|class|async def|@|import|from)\b|\s*@")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Code:
    """The part of a chunk from line `first` to `last` that parses, and its tree.

    `head` are the lines put before it where it begins inside of blocks; `lines` is the chunk.
    `nodes` are all nodes of the tree: walking it takes as long as all else.
    """

    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    first: int
    last: int
    head: tuple[str, ...]
    lines: tuple[str, ...]

    def text(self, lines: tuple[str, ...] | None = None) -> str:
        """Return the part as a module of its own, or the same part of an equally long chunk."""
        body = (lines or self.lines)[self.first - 1 : self.last]
        return "\n".join((*self.head, *body)) + "\n"

    def own(self, number: int) -> int:
        """Return the line of the chunk that a line of `text` is."""
        return number - len(self.head) + self.first - 1

    def functions(self) -> Iterator[Function]:
        """Yield all functions, methods too."""
        for node in self.nodes:
            if isinstance(node, Function):
                yield node

    def methods(self) -> Iterator[tuple[ast.ClassDef, Function]]:
        """Yield the functions that are defined in a class, with it."""
        for node in self.nodes:
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, Function):
                        yield node, item

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """Yield the sequences of statements of one indentation."""
        for node in self.nodes:
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                # Of a head only what stands in it is the chunk's.
                if isinstance(block, list) and block and block[0].lineno >= self.first:
                    yield block

    def strings(self) -> set[int]:
        """Return the lines that a string of several lines touches."""
        return {
            k
            for node in self.nodes
            if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno != node.lineno
            for k in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }

    def fills_line(self, node: ast.stmt | ast.expr) -> bool:
        """Return whether a node is all that stands in one line, but for a comment."""
        if node.lineno != node.end_lineno or not self.first <= node.lineno <= self.last:
            return False
        line = self.lines[node.lineno - 1]
        rest = line.encode()[node.end_col_offset :].decode().strip()
        begin = line.encode()[: node.col_offset].decode()
        return not begin.strip() and (not rest or rest.startswith("#"))


@lru_cache(maxsize=256)
def read(lines: tuple[str, ...]) -> Code | None:
    """Return what parses of a chunk, None where that is less than half of it."""
    first, last = 0, len(lines)
    for _ in range(_ATTEMPTS):
        while first < last and not lines[first].strip():
            first += 1
        if last - first < max(2, len(lines) // 2):
            return None
        head = _head(lines[first:last])
        text = "\n".join((*head, *lines[first:last])) + "\n"
        try:
            tree = parse(text)
        except (SyntaxError, ValueError, RecursionError) as error:
            at = _at(error, len(head)) + first  # 0-based
            if at - first > (last - first) // 2:
                last = min(at, last - 1)
            else:
                later = range(max(at, first) + 1, last)
                first = next((k for k in later if _BEGINS.match(lines[k])), last)
            continue
        ast.increment_lineno(tree, first - len(head))
        return Code(tree, tuple(ast.walk(tree)), first + 1, last, head, lines)
    return None


def parse(text: str) -> ast.Module:
    """Parse without warnings.

    Raises:
        SyntaxError, ValueError, RecursionError: as `ast.parse`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def documented(body: list[ast.stmt]) -> bool:
    """Return whether a body begins with a docstring."""
    match body[0]:
        case ast.Expr(ast.Constant(str())):
            return True
        case _:
            return False


def _head(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return headers of the blocks that the first line stands in."""
    least = len(lines[0]) - len(lines[0].lstrip())
    levels = {0} if least else set()
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < least:
            least = indent
            levels.add(indent)
    return tuple(" " * level + "if _:" for level in sorted(levels))


def _at(error: Exception, head: int) -> int:
    """Return the line of an error, from 0 at the first one behind the head."""
    if not isinstance(error, SyntaxError) or error.lineno is None:
        return 0
    opened = re.search(r" on line (\d+)$", error.msg or "")
    line = int(opened[1]) if opened else error.lineno
    return max(0, line - head - 1)
