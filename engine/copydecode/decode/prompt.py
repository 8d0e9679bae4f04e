r"""The prompt of the embedded model: what it sees of a document, an instruction and a scope.

    <|document|> 1 text \n 2 text \n ... <|instruction|> text [<|scope|> i-j] [<|names|> a, b]
    <program>

The document comes first, so that two instructions on one document share the longest prefix. Lines
are numbered from 1 within the window that the model sees. Where the instruction quotes a name, the
document's most similar other names are listed: a misspelt name is cut into other tokens than the
right one, and a small model does not see how alike they are. Training uses the same functions, so
that a training sequence is what decoding produces. Knows nothing of models or masks.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from copydecode.decode import vocabulary as markers
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.fit import Window, visible, whole
from copydecode.edit.program import Copy, Gen, Program
from copydecode.errors import ContextTooLongError, ScopeError

MAX_NAMES = 3
"""How many similar names a prompt lists."""

MAX_QUOTED = 4
"""How many quoted names are looked up: each costs up to a second in a document of 2 MB."""

MIN_SIMILARITY = 0.6
"""Names less alike than this (`difflib` ratio) are not listed."""

_NAMED_LINES = re.compile(
    r"\b(lines?\s+)(\d{1,9})(?:(\s*-\s*|\s+(?:to|through|and)\s+)(\d{1,9}))?\b", re.IGNORECASE
)
_QUOTED_NAME = re.compile(r"[`'\"\u2018\u201c]([^\W\d]\w*)[`'\"\u2019\u201d]")
_NAME = re.compile(r"[^\W\d]\w{2,}")
_PYTHON_NAMES = tuple(n for n in (*dir(builtins), *keyword.kwlist) if not n.startswith("_"))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and what the decode loop needs to know of it.

    `tokens` ends with `<program>`. `window` says which lines of the document are visible, and
    `line_tokens[k]` are the tokens of its line k + 1 as they are spliced: text and newline, no
    number. The first `head` tokens are those of every prompt, the first `shared` those of every
    instruction on these lines. `likely` are the first and last line, counted in the window, that
    scope or instruction name. Where full text is asked for, `fence` ends it at a line's start.
    """

    tokens: list[int]
    window: Window
    line_tokens: list[list[int]]
    head: int
    shared: int
    likely: tuple[int, int] | None = None
    fence: str | None = None

    def splice(self, first: int, last: int) -> list[int]:
        """Return the tokens of lines `first` to `last` of the window, 1-based and inclusive."""
        return [token for line in self.line_tokens[first - 1 : last] for token in line]


class EmbeddedPrompt:
    """Builds prompts within the window that the embedded model was trained for."""

    def __init__(self, vocabulary: Vocabulary, max_lines: int, max_tokens: int) -> None:
        """`max_lines` and `max_tokens` bound the visible part of the document."""
        self.vocabulary = vocabulary
        self.max_lines = max_lines
        self.max_tokens = max_tokens
        self._newline = vocabulary.encode("\n")

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None = None,
        language: str | None = None,
    ) -> Prompt:
        """Return the prompt for an edit; `scope` is 1-based and inclusive.

        Raises:
            ContextTooLongError: the document is too long and neither scope nor instruction says
                where to look, or the scope is too long.
            ScopeError: the instruction names lines that the document does not have.
        """
        lines = visible(document, whole(document))
        encoded = self.encode_lines(lines)
        named = named_lines(instruction)
        window = self._window([len(line) + 1 for line in encoded], scope or named)
        shown = encoded[window.first - 1 : window.last]
        if scope is not None:
            scope = (scope[0] - window.first + 1, scope[1] - window.first + 1)
        if named:
            scoped = scope is not None
            instruction = renumber_lines(instruction, window, len(lines), scoped=scoped)
        names = similar_names(instruction, lines, language)
        shared = self.document_tokens(shown)
        tokens = shared + self.request_tokens(instruction, scope, names)
        likely = scope or named_lines(instruction)
        return Prompt(tokens, window, shown, head=1, shared=len(shared), likely=likely)

    def encode_lines(self, lines: Sequence[str]) -> list[list[int]]:
        """Return each line's tokens with a newline token at the end."""
        if not lines:
            return []
        return [ids + self._newline for ids in self.vocabulary.encode_batch(lines)]

    def document_tokens(self, line_tokens: Sequence[Sequence[int]]) -> list[int]:
        """Return the part of the prompt that is the numbered document."""
        tokens = [self.vocabulary.special(markers.DOCUMENT)]
        for number, line in enumerate(line_tokens, start=1):
            tokens += self.vocabulary.encode(str(number))
            tokens += line
        return tokens

    def request_tokens(
        self, instruction: str, scope: tuple[int, int] | None, names: Sequence[str]
    ) -> list[int]:
        """Return the part of the prompt after the document, `<program>` included."""
        encode, special = self.vocabulary.encode, self.vocabulary.special
        tokens = [special(markers.INSTRUCTION), *encode(instruction.strip())]
        if scope is not None:
            tokens += [special(markers.SCOPE), *encode(f"{scope[0]}-{scope[1]}")]
        if names:
            tokens += [special(markers.NAMES), *encode(", ".join(names))]
        tokens.append(special(grammar.PROGRAM_OPEN))
        return tokens

    def program_tokens(
        self, program: Program, line_tokens: Sequence[Sequence[int]], window: int | None
    ) -> tuple[list[int], list[bool]]:
        """Return a program's tokens as decoding leaves them in the cache, and which were decided.

        Forced and spliced tokens are not decided. `window` is the splice window: how many of a
        span's last tokens are spliced, None for all.
        """
        encode, special = self.vocabulary.encode, self.vocabulary.special
        tokens: list[int] = []
        decided: list[bool] = []

        def add(ids: Sequence[int], *, by_model: bool) -> None:
            tokens.extend(ids)
            decided.extend([by_model] * len(ids))

        for op in program.ops:
            match op:
                case Copy(first, last):
                    add([special(grammar.COPY_OPEN), *encode(str(first))], by_model=True)
                    add(encode(grammar.COPY_DASH), by_model=False)
                    add(encode(str(last)), by_model=True)
                    add([special(grammar.COPY_CLOSE)], by_model=False)
                    span = [token for line in line_tokens[first - 1 : last] for token in line]
                    add(tail(span, window), by_model=False)
                case Gen(text):
                    body = encode(grammar.escape(text))
                    body = [special(grammar.GEN_OPEN), *body, special(grammar.GEN_CLOSE)]
                    add(body, by_model=True)
        add([special(grammar.PROGRAM_CLOSE)], by_model=True)
        return tokens, decided

    def _window(self, costs: Sequence[int], scope: tuple[int, int] | None) -> Window:
        """Choose the visible lines around a scope; `costs` are the tokens of each line."""
        if len(costs) <= self.max_lines and sum(costs) <= self.max_tokens:
            return Window(1, len(costs))
        if scope is None:
            message = (
                f"expected at most {self.max_lines} lines and {self.max_tokens} tokens without a "
                f"scope, found {len(costs)} lines and {sum(costs)} tokens: select the lines to edit"
            )
            raise ContextTooLongError(message)
        first, last = (min(max(1, line), len(costs)) for line in scope)
        spent = sum(costs[first - 1 : last])
        if last - first + 1 > self.max_lines or spent > self.max_tokens:
            message = (
                f"expected a scope of at most {self.max_lines} lines and {self.max_tokens} tokens, "
                f"found {last - first + 1} lines and {spent} tokens: select fewer lines"
            )
            raise ContextTooLongError(message)
        grown = True
        while grown and last - first + 1 < self.max_lines:
            grown = False
            if first > 1 and spent + costs[first - 2] <= self.max_tokens:
                first -= 1
                spent += costs[first - 1]
                grown = True
            if (
                last < len(costs)
                and last - first + 1 < self.max_lines
                and spent + costs[last] <= self.max_tokens
            ):
                last += 1
                spent += costs[last - 1]
                grown = True
        return Window(first, last)


def tail(span: list[int], window: int | None) -> list[int]:
    """Return the last `window` tokens of a span, all where `window` is None."""
    if window is None:
        return span
    return span[-window:] if window else []


def named_lines(instruction: str) -> tuple[int, int] | None:
    """Return the first and last line that the words of an instruction name ("lines 3 to 5")."""
    numbers = [
        int(n) for m in _NAMED_LINES.finditer(_prose(instruction)) for n in m.group(2, 4) if n
    ]
    return (min(numbers), max(numbers)) if numbers else None


def renumber_lines(instruction: str, window: Window, n_lines: int, *, scoped: bool) -> str:
    """Return the instruction with the line numbers that it names counted within the window.

    Where a scope says what to edit (`scoped`), lines outside the window are only mentioned ("unused
    import from line 3"): they become "an earlier line" or "a later line".

    Raises:
        ScopeError: without a scope, a line is not in the document.
        ContextTooLongError: without a scope, a line is not in the window.
    """

    def check(line: int) -> None:
        if not 1 <= line <= n_lines:
            message = f"expected the instruction to name lines within 1 to {n_lines}, found {line}"
            raise ScopeError(message)
        if line not in visible_lines:
            message = (
                f"expected lines within {window.first} to {window.last}, which the model sees, "
                f"found {line} in the instruction: select the lines to edit"
            )
            raise ContextTooLongError(message)

    def replace(match: re.Match[str]) -> str:
        word, first, between, last = match.groups()
        lines = [int(number) for number in (first, last) if number]
        if scoped and not all(line in visible_lines for line in lines):
            return "an earlier line" if lines[0] < window.first else "a later line"
        for line in lines:
            check(line)
        numbers = [str(line - window.first + 1) for line in lines]
        return f"{word}{(between or '').join(numbers)}"

    visible_lines = range(window.first, window.last + 1)
    prose = _prose(instruction)
    renumbered: str = _NAMED_LINES.sub(replace, prose)
    return renumbered + instruction[len(prose) :]


def _prose(instruction: str) -> str:
    """Return the instruction up to its first fenced block of code."""
    return instruction.split("```", maxsplit=1)[0]


def similar_names(instruction: str, lines: Sequence[str], language: str | None) -> list[str]:
    """Return names of the document that are like those quoted in the instruction, best first.

    For Python its keywords and builtins take part. Code in a fenced block is not looked at, nor are
    more than `MAX_QUOTED` quoted names. At most `MAX_NAMES`, none of them quoted itself.
    """
    quoted = list(dict.fromkeys(_QUOTED_NAME.findall(_prose(instruction))))
    if not quoted:
        return []
    known = dict.fromkeys(name for line in lines for name in _NAME.findall(line))
    if language == "python":
        known |= dict.fromkeys(_PYTHON_NAMES)
    for name in quoted:
        known.pop(name, None)
    found: dict[str, None] = {}
    for name in quoted[:MAX_QUOTED]:
        found |= dict.fromkeys(get_close_matches(name, known, n=MAX_NAMES, cutoff=MIN_SIMILARITY))
    return list(found)[:MAX_NAMES]
