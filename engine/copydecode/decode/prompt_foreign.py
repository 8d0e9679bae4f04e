"""The prompt for models that were never taught the format: it explains it, with one small example.

The explanation and the numbered document come first and the instruction last, so that two
instructions on one document share the longest prefix. Where the tokenizer has a chat template, the
text is the user's turn. The template's own text may hold special tokens; ours never does, whatever
the document says: template, text and program are encoded apart, so tokens never merge across these
seams. Lines are encoded one by one, in the prompt and when they are spliced. Knows nothing of
models.
"""

from __future__ import annotations

from collections.abc import Sequence

from copydecode.decode.bundle_lines import bundle_hints, encode_bundle
from copydecode.decode.expect import hints
from copydecode.decode.hf import TransformersCodec
from copydecode.decode.literals import Literals, encode_exactly, longest_token
from copydecode.decode.prompt import Prompt, Shown
from copydecode.decode.window import EncodedLines, choose, named_lines, within
from copydecode.edit import grammar
from copydecode.edit.bundle import Bundle
from copydecode.edit.document import Document
from copydecode.edit.fit import Window, visible
from copydecode.edit.program import File
from copydecode.errors import ContextTooLongError

_FORMAT = """\
You edit a document. Answer with a program that builds the new document from top to bottom:
<program> starts it and </program> ends it.
<copy lines="i-j"/> repeats lines i to j of the original document, both included.
<gen>text</gen> writes new text; it ends each of its lines with a newline.
Lines that are neither repeated nor written are deleted. Copy all lines that stay.

Example document:
1|def area(r):
2|    return 3 * r * r
3|
4|print(area(2))
Example instruction: use math.pi
Example answer: <program><gen>import math

</gen><copy lines="1-1"/><gen>    return math.pi * r * r
</gen><copy lines="3-4"/></program>

The document:
"""
_FILES_FORMAT = """\
You edit several files. Answer with a program that builds the new text of each file that changes:
<program> starts it and </program> ends it.
<file path="p"/> begins the new text of file p, from top to bottom; a file without it stays.
<copy lines="i-j"/> repeats lines i to j, both included, of any file: lines count through all files.
<gen>text</gen> writes new text; it ends each of its lines with a newline.
Lines of a file that is begun are deleted where they are not repeated. Copy all lines that stay.

Example files:
<file path="main.py"/>
1|def area(r):
2|    return 3 * r * r
3|
4|print(area(2))
<file path="shapes.py"/>
5|SIDES = 4
Example instruction: move area to shapes.py
Example answer: <program><file path="main.py"/><gen>from shapes import area

</gen><copy lines="4-4"/><file path="shapes.py"/><copy lines="5-5"/><gen>
</gen><copy lines="1-2"/></program>

The files:
"""
_ONLY_COPIED = " (to copy from only)"
_SENTINEL = "@@copydecode-text@@"
_REQUEST_STEP = 128


class ForeignPrompt:
    """Builds prompts for any tokenizer."""

    def __init__(self, codec: TransformersCodec, literals: Literals, max_tokens: int) -> None:
        """`max_tokens` bounds the whole prompt and a copy of all visible lines after it."""
        self._codec = codec
        self._literals = literals
        self._max_tokens = max_tokens
        head, tail = _frame(codec)
        self._head = [*head, *codec.encode(_FORMAT)]
        self._files_head = [*head, *codec.encode(_FILES_FORMAT)]
        self._tail = tail
        self._longest = longest_token(codec)

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
            ContextTooLongError: the instruction is too long, or the document is and neither scope
                nor instruction says where to look, or the scope is.
            ScopeError: a document is too long to be seen whole, and the instruction names lines
                that it does not have.
        """
        named = named_lines(instruction)
        request = self._request(instruction, scope, language)
        shown = self._show(document, scope or named, len(request))
        window = shown.window
        if len(window) < len(document):
            instruction, scope = within(instruction, scope, window, len(document))
            request = self._request(instruction, scope, language)
        lines = visible(document, window)
        return Prompt(
            [*shown.tokens, *request],
            shown,
            hints(instruction, lines, scope, (), self._encode_line, selected=selected),
        )

    def build_files(self, bundle: Bundle, instruction: str, language: str | None = None) -> Prompt:
        """Return the prompt for an edit of several files.

        Raises:
            ContextTooLongError: the instruction is too long, or the files are.
        """
        request = self._request(instruction, None, language)
        headings = [
            encode_exactly(
                self._codec,
                grammar.render_op(File(place.path))
                + ("\n" if place.editable else f"{_ONLY_COPIED}\n"),
            )
            for place in bundle.places
        ]
        head = self._files_head
        encoded = encode_bundle(
            bundle,
            self._encode_line,
            longest_token=self._longest,
            max_lines=max(1, len(bundle.visible)),
            max_tokens=self._free(len(head) + sum(map(len, headings)), len(request)),
            number_tokens=_number_tokens,
        )
        tokens = [*head]
        for place, heading in zip(bundle.places, headings, strict=True):
            tokens += heading
            tokens += self._numbered(encoded[place.first - 1 : place.last], place.first)
        return Prompt(
            [*tokens, *request],
            Shown(tokens, Window(1, len(encoded)), encoded, head=len(head)),
            bundle_hints(instruction, bundle, (), self._encode_line),
            places=bundle.places,
        )

    def show(self, document: Document, scope: tuple[int, int] | None = None) -> Shown:
        """Return the part of the prompt that all short instructions about these lines share.

        Raises:
            ContextTooLongError: as `build`.
        """
        return self._show(document, scope, 1)

    def _show(self, document: Document, scope: tuple[int, int] | None, request: int) -> Shown:
        """Show what fits beside a request of so many tokens."""
        free = self._free(len(self._head), request)
        lines = EncodedLines(document, self._encode_line, self._longest)
        window = choose(
            lines,
            scope,
            max_lines=max(1, len(document)),
            max_tokens=free,
            number_tokens=_number_tokens,
        )
        encoded = lines.within(window)
        tokens = [*self._head, *self._numbered(encoded)]
        return Shown(tokens, window, encoded, head=len(self._head))

    def _free(self, head: int, request: int) -> int:
        """Return how many tokens of lines fit beside so many others, with a copy of them all.

        Raises:
            ContextTooLongError: none.
        """
        # Rounded up, so that instructions of about the same length see the same window.
        room = -(-request // _REQUEST_STEP) * _REQUEST_STEP
        free = (self._max_tokens - head - room) // 2
        if free < 1:
            message = (
                f"expected an instruction that leaves room for a document within "
                f"{self._max_tokens} tokens, found {request} tokens: shorten the instruction"
            )
            raise ContextTooLongError(message)
        return free

    def _encode_line(self, line: str) -> list[int]:
        return encode_exactly(self._codec, f"{line}\n")

    def _numbered(self, lines: Sequence[Sequence[int]], first: int = 1) -> list[int]:
        tokens: list[int] = []
        for number, line in enumerate(lines, start=first):
            tokens += encode_exactly(self._codec, f"{number}|")
            tokens += line
        return tokens

    def _request(
        self, instruction: str, scope: tuple[int, int] | None, language: str | None
    ) -> list[int]:
        parts = ["\n"]
        if language is not None:
            parts.append(f"Language: {language}\n")
        if scope is not None:
            parts.append(f"The instruction is about lines {scope[0]} to {scope[1]}.\n")
        parts.append(f"Instruction: {instruction.strip()}\nAnswer:")
        text = self._codec.encode("".join(parts))
        return [*text, *self._tail, *self._literals[grammar.PROGRAM_OPEN]]


def _number_tokens(line: int) -> int:
    """Return how many tokens a line's number has at most: one each digit, and the bar."""
    return len(str(line)) + 1


def _frame(codec: TransformersCodec) -> tuple[list[int], list[int]]:
    """Return what stands before and after the user's text: the chat template, or a start token."""
    tokenizer = codec.tokenizer
    if tokenizer.chat_template:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": _SENTINEL}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # For templates that know it; others ignore it.
        )
        before, _, after = text.partition(_SENTINEL)
        return codec.encode_markup(before), codec.encode_markup(after)
    # What the tokenizer itself puts before a text.
    start = tokenizer.bos_token_id
    return ([start] if start is not None and tokenizer.encode("")[:1] == [start] else []), []
