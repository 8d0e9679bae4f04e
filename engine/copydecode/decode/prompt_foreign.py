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

from copydecode.decode.hf import TransformersCodec
from copydecode.decode.literals import Literals, encode_exactly
from copydecode.decode.prompt import Prompt, named_lines
from copydecode.edit import grammar
from copydecode.edit.document import Document
from copydecode.edit.fit import visible, whole
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
_SENTINEL = "@@copydecode-text@@"


class ForeignPrompt:
    """Builds prompts for any tokenizer."""

    def __init__(self, codec: TransformersCodec, literals: Literals, max_tokens: int) -> None:
        """`max_tokens` bounds the whole prompt."""
        self._codec = codec
        self._literals = literals
        self._max_tokens = max_tokens
        head, tail = _frame(codec)
        self._head = [*head, *codec.encode(_FORMAT)]
        self._tail = tail

    def build(
        self,
        document: Document,
        instruction: str,
        scope: tuple[int, int] | None = None,
        language: str | None = None,
    ) -> Prompt:
        """Return the prompt for an edit of the whole document; `scope` is 1-based and inclusive.

        Raises:
            ContextTooLongError: document and instruction do not fit.
        """
        window = whole(document)
        lines = [encode_exactly(self._codec, f"{line}\n") for line in visible(document, window)]
        shared = [*self._head, *self._numbered(lines)]
        tokens = [*shared, *self._request(instruction, scope, language)]
        if len(tokens) > self._max_tokens:
            message = (
                f"expected a prompt of at most {self._max_tokens} tokens, found {len(tokens)}: "
                "the document is too long for this model"
            )
            raise ContextTooLongError(message)
        likely = scope or named_lines(instruction)
        head = len(self._head)
        return Prompt(tokens, window, lines, head=head, shared=len(shared), likely=likely)

    def _numbered(self, lines: Sequence[Sequence[int]]) -> list[int]:
        tokens: list[int] = []
        for number, line in enumerate(lines, start=1):
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
