r"""The prompt of the embedded model: what it sees of a document, an instruction and a scope.

    <|document|> 1 text \n 2 text \n ... <|instruction|> text [<|scope|> i-j] [<|names|> a, b]
    <program>

The document comes first, so that two instructions on one document share the longest prefix. Lines
are numbered from 1 within the window that the model sees; several files are numbered through, each
behind a file op with its path. Where the instruction quotes a name, the
document's most similar other names are listed: a misspelt name is cut into other tokens than the
right one, and a small model does not see how alike they are. Texts of the instruction are followed
by the numbers of their lines (`found`): "Rename `a`<|found|>3,7 to `b`<|found|>-". Training uses
the same functions, so that a training sequence is what decoding produces. Knows nothing of models
or masks.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from copydecode.decode import vocabulary as markers
from copydecode.decode.bundle_lines import bundle_hints, encode_bundle
from copydecode.decode.expect import Hints, hints
from copydecode.decode.found import notes, spoken_of
from copydecode.decode.literals import longest_token
from copydecode.decode.renaming import missed
from copydecode.decode.vocabulary import Vocabulary
from copydecode.decode.window import EncodedLines, choose, named_lines, prose, renumber_lines
from copydecode.edit import grammar
from copydecode.edit.bundle import Bundle, Place
from copydecode.edit.document import Document
from copydecode.edit.fit import Window, visible
from copydecode.edit.program import Copy, CopyTokens, File, Gen, Op, Program
from copydecode.edit.rules import Ranges, Rules, token_range
from copydecode.errors import ContextTooLongError, SectionError

MAX_NAMES = 3
"""How many similar names a prompt lists."""

MAX_QUOTED = 4
"""How many quoted names are looked up: each costs up to 0.1 s."""

MIN_SIMILARITY = 0.6
"""Names less alike than this (`difflib` ratio) are not listed."""

NAMES_CHARACTERS = 200_000
"""In so much of a document, nearest to the window, similar names are looked for."""

_QUOTED_NAME = re.compile(r"[`'\"\u2018\u201c]([^\W\d]\w*)[`'\"\u2019\u201d]")
_NAME = re.compile(r"[^\W\d]\w{2,}")
_PYTHON_NAMES = tuple(n for n in (*dir(builtins), *keyword.kwlist) if not n.startswith("_"))


@dataclass(frozen=True, slots=True)
class Shown:
    """The part of a prompt that does not depend on the instruction.

    `tokens` are the `head` tokens that every prompt begins with and those of the visible lines.
    `window` says which lines of the document these are, and `line_tokens[k]` are the tokens of its
    line k + 1 as they are spliced: text and newline, no number.
    """

    tokens: list[int]
    window: Window
    line_tokens: list[list[int]]
    head: int

    @property
    def size(self) -> int:
        """How many tokens it has."""
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and what the decode loop needs to know of it.

    `tokens` ends with `<program>`. `hints` say what scope and instruction promise for the window.
    Where full text is asked for, `fence` ends it at a line's start. In a prompt about several files
    `places` say where the lines of each stand.
    """

    tokens: list[int]
    shown: Shown
    hints: Hints = field(default_factory=Hints)
    fence: str | None = None
    places: tuple[Place, ...] = ()

    @property
    def window(self) -> Window:
        """Which lines of the document are visible."""
        return self.shown.window

    @property
    def size(self) -> int:
        """How many tokens it has."""
        return len(self.tokens)

    @property
    def line_tokens(self) -> list[list[int]]:
        """The tokens of each visible line as they are spliced."""
        return self.shown.line_tokens

    def splice(self, first: int, last: int) -> list[int]:
        """Return the tokens of lines `first` to `last` of the window, 1-based and inclusive."""
        return [token for line in self.line_tokens[first - 1 : last] for token in line]

    def splice_tokens(self, first: int, last: int) -> list[int]:
        """Return tokens `first` to `last` of the window's lines, 1-based and inclusive."""
        return self.splice(1, len(self.line_tokens))[first - 1 : last]


class EmbeddedPrompt:
    """Builds prompts within the window that the embedded model was trained for."""

    def __init__(self, vocabulary: Vocabulary, max_lines: int, max_tokens: int) -> None:
        """`max_lines` and `max_tokens` bound the visible part of the document."""
        self.vocabulary = vocabulary
        self.max_lines = max_lines
        self.max_tokens = max_tokens
        self._newline = vocabulary.encode("\n")
        self._longest = longest_token(vocabulary)

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None = None,
        language: str | None = None,
        *,
        selected: bool = True,
    ) -> Prompt:
        """Return the prompt for an edit; `scope` is 1-based and inclusive.

        It is `selected` where it is known which lines are meant; else it is a guess, of what a
        comment is about that stood above it.

        Raises:
            ContextTooLongError: the document is too long and neither scope nor instruction says
                where to look, or the scope is too long.
            ScopeError: the instruction names lines that the document does not have.
        """
        named = named_lines(instruction)
        shown = self._show(document, scope or named, instruction)
        window = shown.window
        if named:
            scoped = scope is not None
            instruction = renumber_lines(instruction, window, len(document), scoped=scoped)
        if scope == named:
            scope = None  # The words say it already: models are taught the one or the other.
        if scope is not None:
            scope = (scope[0] - window.first + 1, scope[1] - window.first + 1)
        names = similar_names(instruction, around(document, window, NAMES_CHARACTERS), language)
        lines = visible(document, window)
        tokens = shown.tokens + self.request_tokens(instruction, scope, names, lines)
        promise = hints(instruction, lines, scope, names, self._encode_line, selected=selected)
        return Prompt(tokens, shown, promise)

    def build_files(self, bundle: Bundle, instruction: str, language: str | None = None) -> Prompt:
        """Return the prompt for an edit of several files, for a model that was taught those.

        Raises:
            ContextTooLongError: the files are too long together.
        """
        encoded = encode_bundle(
            bundle,
            self._encode_line,
            longest_token=self._longest,
            max_lines=self.max_lines,
            max_tokens=self.max_tokens,
        )
        special, encode = self.vocabulary.special, self.vocabulary.encode
        tokens = [special(markers.DOCUMENT)]
        for place in bundle.places:
            tokens.append(special(grammar.FILE_OPEN))
            tokens += [*encode(grammar.escape_path(place.path)), special(grammar.COPY_CLOSE)]
            for number in range(place.first, place.last + 1):
                tokens += [*self.number_tokens(number), *encoded[number - 1]]
        names = similar_names(instruction, bundle.visible, language)
        return Prompt(
            [*tokens, *self.request_tokens(instruction, None, names, bundle.visible)],
            Shown(tokens, Window(1, len(encoded)), encoded, head=1),
            bundle_hints(instruction, bundle, names, self._encode_line),
            places=bundle.places,
        )

    def show(self, document: Document, scope: tuple[int, int] | None = None) -> Shown:
        """Return the part of the prompt that all instructions about these lines share.

        Raises:
            ContextTooLongError: as `build`.
        """
        lines = EncodedLines(document, self._encode_line, self._longest)
        window = choose(
            lines,
            scope,
            max_lines=self.max_lines,
            max_tokens=self.max_tokens,
            number_tokens=lambda line: len(self.number_tokens(min(line, self.max_lines))),
        )
        encoded = lines.within(window)
        return Shown(self.document_tokens(encoded), window, encoded, head=1)

    def _show(self, document: Document, scope: tuple[int, int] | None, instruction: str) -> Shown:
        """Return what `show` does; without a scope, around the lines that are spoken of."""
        try:
            return self.show(document, scope)
        except ContextTooLongError:
            everywhere = visible(document, Window(1, len(document)))
            spoken = None if scope else spoken_of(instruction, everywhere)
            if spoken is None:
                raise
        try:
            return self.show(document, spoken)
        except ContextTooLongError as error:
            message = (
                f"expected what the instruction speaks of within {self.max_lines} lines, found it "
                f"in lines {spoken[0]} to {spoken[1]}: select the lines to edit"
            )
            raise ContextTooLongError(message) from error

    def encode_lines(self, lines: Sequence[str]) -> list[list[int]]:
        """Return each line's tokens with a newline token at the end."""
        if not lines:
            return []
        return [ids + self._newline for ids in self.vocabulary.encode_batch(lines)]

    def _encode_line(self, line: str) -> list[int]:
        return self.vocabulary.encode(line) + self._newline

    def document_tokens(self, line_tokens: Sequence[Sequence[int]]) -> list[int]:
        """Return the part of the prompt that is the numbered document."""
        tokens = [self.vocabulary.special(markers.DOCUMENT)]
        for number, line in enumerate(line_tokens, start=1):
            tokens += self.number_tokens(number)
            tokens += line
        return tokens

    def number_tokens(self, number: int) -> list[int]:
        """Return the tokens of a line's number: one, with a tokenizer that keeps numbers whole."""
        return self.vocabulary.encode(str(number))

    def request_tokens(
        self,
        instruction: str,
        scope: tuple[int, int] | None,
        names: Sequence[str],
        lines: Sequence[str],
    ) -> list[int]:
        """Return the part of the prompt after the document, `<program>` included.

        `lines` are those that the model sees, without terminators.
        """
        encode, special = self.vocabulary.encode, self.vocabulary.special
        tokens = [special(markers.INSTRUCTION)]
        tokens += [token for token, _ in self.instruction_tokens(instruction, lines)]
        if scope is not None:
            tokens += [special(markers.SCOPE), *encode(f"{scope[0]}-{scope[1]}")]
        if names:
            tokens += [special(markers.NAMES), *encode(", ".join(names))]
        tokens.append(special(grammar.PROGRAM_OPEN))
        return tokens

    def instruction_tokens(
        self, instruction: str, lines: Sequence[str]
    ) -> list[tuple[int, int | None]]:
        """Return an instruction's tokens, with what was found of it in the lines.

        Each comes with how many of the instruction's characters have come with it; None where it
        is not of the instruction.
        """
        text, at = instruction.strip(), 0
        tokens: list[tuple[int, int | None]] = []
        known = notes(text, lines) if self.vocabulary.has(markers.FOUND) else []
        for note in known:
            tokens += self._with_ends(text, at, note.at)
            tokens.append((self.vocabulary.special(markers.FOUND), None))
            tokens += [(token, None) for token in self.vocabulary.encode(str(note))]
            at = note.at
        return tokens + self._with_ends(text, at, len(text))

    def _with_ends(self, text: str, start: int, end: int) -> list[tuple[int, int | None]]:
        encoding = self.vocabulary.tokenizer.encode(text[start:end], add_special_tokens=False)
        return [
            (token, start + last)
            for token, (_, last) in zip(encoding.ids, encoding.offsets, strict=True)
        ]

    def program_tokens(
        self,
        program: Program,
        line_tokens: Sequence[Sequence[int]],
        window: int | None,
        lock: tuple[int, int] | None = None,
        *,
        token_copies: bool = False,
    ) -> tuple[list[int], list[bool]]:
        """Return a program's tokens as decoding leaves them in the cache, and which were decided.

        Forced and spliced tokens are not decided: what the rules leave no choice for, where only
        the lines of `lock` may change, and tokens may be copied or not. `window` is the splice
        window: how many of a span's last tokens are spliced, None for all.

        Raises:
            SectionError: the program is one over several files.
        """
        encode, special = self.vocabulary.encode, self.vocabulary.special
        spans = token_range([len(line) for line in line_tokens], lock) if token_copies else None
        rules = Rules(len(line_tokens), lock, spans)
        tokens: list[int] = []
        decided: list[bool] = []

        def add(ids: Sequence[int], *, by_model: bool) -> None:
            tokens.extend(ids)
            decided.extend([by_model] * len(ids))

        def add_copy(op: Copy | CopyTokens, choices: tuple[bool, bool], span: list[int]) -> None:
            add(encode(str(op.first)), by_model=choices[0])
            add(encode(grammar.COPY_DASH), by_model=False)
            add(encode(str(op.last)), by_model=choices[1])
            add([special(grammar.COPY_CLOSE)], by_model=False)
            add(tail(span, window), by_model=False)

        before: Op | None = None
        for op in program.ops:
            opening = len(rules.openings(before)) > 1
            match op:
                case Copy(first, last):
                    add([special(grammar.COPY_OPEN)], by_model=opening)
                    firsts, lasts = rules.firsts(before), rules.lasts(before, first)
                    span = [token for line in line_tokens[first - 1 : last] for token in line]
                    add_copy(op, (_is_choice(firsts), _is_choice(lasts)), span)
                case CopyTokens(first, last):
                    add([special(grammar.TOKENS_OPEN)], by_model=opening)
                    span = [token for line in line_tokens for token in line][first - 1 : last]
                    add_copy(op, (True, True), span)
                case Gen(text):
                    add([special(grammar.GEN_OPEN)], by_model=opening)
                    body = encode(grammar.escape(text))
                    add([*body, special(grammar.GEN_CLOSE)], by_model=True)
                case File():
                    message = "expected a program over one document, found one over several files"
                    raise SectionError(message)
            before = op
        add([special(grammar.PROGRAM_CLOSE)], by_model=len(rules.openings(before)) > 1)
        return tokens, decided


def _is_choice(ranges: Ranges) -> bool:
    """Return whether there is more than one number in some ranges."""
    return sum(last - first + 1 for first, last in ranges) > 1


def tail(span: list[int], window: int | None) -> list[int]:
    """Return the last `window` tokens of a span, all where `window` is None."""
    if window is None:
        return span
    return span[-window:] if window else []


def around(document: Document, window: Window, characters: int) -> list[str]:
    """Return the window's lines and their neighbours, about half of `characters` on either side.

    All lines, where the document is not longer than that. They are as a model sees them.
    """
    first, last = window.first, window.last
    if len(document.text) <= characters:
        return visible(document, Window(1, len(document)))
    room = characters // 2
    while first > 1 and (room := room - len(document.lines[first - 2])) >= 0:
        first -= 1
    room = characters // 2
    while last < len(document) and (room := room - len(document.lines[last])) >= 0:
        last += 1
    return visible(document, Window(first, last))


def similar_names(instruction: str, lines: Sequence[str], language: str | None) -> list[str]:
    """Return names of the document that are like those quoted in the instruction, best first.

    Only like the one that is missed, where the words say which one that is.

    For Python its keywords and builtins take part. Code in a fenced block is not looked at, nor are
    more than `MAX_QUOTED` quoted names. At most `MAX_NAMES`, none of them quoted itself.
    """
    words = prose(instruction)
    name = missed(words)
    quoted = [name] if name else list(dict.fromkeys(_QUOTED_NAME.findall(words)))
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
