"""What an instruction says is to be done with whole lines: the program that comes of it.

"Delete lines 3 to 5", "insert before the line `x = 1`: ...", "remove all lines with `print`". Where
the words say no more than that, the program is *said*; where they only seem to be about it, it is a
guess for drafts. Lines are named by number, by their text where one line alone has it, or as the
selection. Knows nothing of tokens or prompts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from copydecode.decode.found import whole_lines
from copydecode.decode.promise import NewText, Promised
from copydecode.edit.program import Copy

Encode = Callable[[str], list[int]]
Span = tuple[int, int]

_LINES = re.compile(
    r"\blines?\s+(\d{1,7})(?:(?:\s*-\s*|\s+(?:to|through|and)\s+)(\d+))?", re.IGNORECASE
)
_VERB = re.compile(r"\b(delete|remove|drop|duplicate|double|repeat|move)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:to the (?P<end>top|start|beginning|end|bottom)\b|(?P<side>before|after)\s+line\b)",
    re.IGNORECASE,
)

# What says no more than an operation, whole.
_PLEASE = r"\s*(?:please\s+)?"
_END = r"the\s+(?P<end>top|start|beginning|end|bottom)(?:\s+of\s+the\s+(?:file|document))?"
_SELECTED = r"(?:the\s+selection|(?:this|these|the\s+selected)\s+lines?|this|it)"
_NUMBERED = r"(?:lines?\s+(?P<first>\d{1,7})(?:\s*(?:-|to|through|and)\s*(?P<last>\d{1,7}))?)"
_GIVEN = r"(?:\s+(?:this|these|it|the\s+following)(?:\s+(?:lines?|code|text|snippet))?)?"
_INLINE = r"(?P<quote>[`'\"])(?P<inline>[^\n]+)(?P=quote)"
_SEVERAL = re.compile(r"[`'\"]\s*(?:,|\band\b|\bor\b)\s*[`'\"]", re.IGNORECASE)
"""Between texts of which each is quoted."""
_SIDE = rf"(?P<side>before|after|above|below)\s+(?:{_NUMBERED}|{_SELECTED})"
_INSERTION, _INSERTION_FIRST, _REPLACEMENT, _OPERATION = (
    re.compile(f"{_PLEASE}{form}", re.IGNORECASE)
    for form in (
        rf"(?:insert|add|put|paste){_GIVEN}\s+(?:{_SIDE}|at\s+{_END})\s*[:.]?\s*(?:{_INLINE})?\s*",
        rf"(?:insert|add|put|paste)\s+{_INLINE}\s+(?:{_SIDE}|at\s+{_END})\s*[:.]?\s*",
        rf"(?:replace|change)\s+(?:{_NUMBERED}|{_SELECTED})\s+(?:by|with|to)"
        rf"(?:{_GIVEN}\s*:?\s*|\s*:?\s*{_INLINE}\s*)",
        rf"(?P<verb>delete|remove|drop|duplicate|double|repeat|move)\s+(?:{_NUMBERED}|{_SELECTED})"
        rf"(?P<target>\s+(?:up\s+)?(?:to\s+{_END}|(?:to\s+)?(?:before|after)\s+line\s+\d+))?"
        r"\s*[.]?\s*",
    )
)
_UNQUOTED = tuple(
    (re.compile(f"{_PLEASE}{form}", re.IGNORECASE), quoted)
    for form, quoted in (
        (
            rf"(?:insert|add|put|paste)\s+(?P<bare>[^\n]+?)(?P<rest>\s+{_SIDE}\s*[.]?)",
            "insert {}{}",
        ),
        (rf"(?P<rest>(?:insert|add|put|paste)\s+{_SIDE}):?\s+(?P<bare>[^\n]+)", "{1} {0}"),
        (
            rf"(?P<rest>(?:replace|change)\s+{_NUMBERED}\s+(?:by|with|to)):?\s+(?P<bare>[^\n]+)",
            "{1} {0}",
        ),
    )
)
"""The same with a text that is not quoted, and the words with it quoted."""

_CODE = re.compile(r"[=(){}\[\];]|[\w)]\.\w|:$|,$|^(?:#|//|import |from |return\b)")
_OPENERS = (
    r"(?:return|raise|import|from|def|class|for|while|if|elif|else|with|async|await|yield|del|assert"
    r"|not|lambda|const|let|var|function|export|new|throw|public|private|static|type|interface)\b"
)
_PROSE = re.compile(
    r"(?:an?|the|some|this|that|these|those|two|three|another|more|code|lines?|it|one)\b|.*`"
    rf"|(?!{_OPENERS})[a-z]+\s+[a-z(]|.*\s(?:that|which|instead|around|about|so)\s|.*;"
    r"|.*\s(?:call|comment|lines?|statement|method|function)\s*$",
    re.IGNORECASE,
)
"""What tells code from a description of it."""

_NOTHING = re.compile(r"\s*(?:change|do) nothing\s*[.]?\s*", re.IGNORECASE)
_APART = re.compile(r"\blines?\s+\d+\s+and\s+\d+", re.IGNORECASE)
"""Two lines rather than all from one to the other."""

_ALL = re.compile(
    rf"{_PLEASE}(?:delete|remove)\s+(?:all|every|each|the)\s+lines?\s+(?:that\s+(?:contains?"
    rf"|mentions?)|with|containing)\s+(?:{_INLINE}|(?P<bare>[^\W\d]\w*))(?:\s+in\s+(?:them|it))?"
    r"\s*[.]?\s*",
    re.IGNORECASE,
)

# Lines that are named by what stands in them.
_THE_LINE = r"\b(?:the\s+)?line(?:\s+that\s+(?:says|reads)|:)?\s+"
_WITH = r"(?:with|that\s+(?:contains|mentions|has|uses)|containing)"
_QUOTED_LINE = re.compile(
    rf"(?:{_THE_LINE}(?:{_WITH}\s+)?)?(?P<quote>[`'\"])(?P<inline>[^\n]+?)(?P=quote)", re.IGNORECASE
)
_BEFORE_LINE = re.compile(rf"(?:{_THE_LINE}|(?<=\s))$", re.IGNORECASE)
_BEHIND_LINE = re.compile(r":?(?:\s|$)")
_SHORT = r"(?P<quote>[`'\"])(?P<inline>(?:(?!(?P=quote))[^\n])+)(?P=quote)"
_HOLDING = re.compile(
    rf"(?i:\b(?:the\s+)?line\s+{_WITH}\s+)"
    rf"(?:{_SHORT}|(?P<bare>[^\W\d]\w*))(?i:\s+in\s+it)?(?=\s|:|$)"
    r"|(?i:\bthe\s+)(?P<called>(?=\w*(?:_|[a-z][A-Z]))[^\W\d]\w*)\s+line\b"
)
_FROM = re.compile(
    r"\b(?:everything\s+|all\s+lines\s+|the\s+lines?\s+)?from\s+lines?\s+(\d+)\s+"
    r"(?:to|through|up\s+to(?:\s+and\s+including)?)\s+lines?\s+(\d+)",
    re.IGNORECASE,
)


# Lines that are named by where the words stand: in a comment above them.
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5}
_COUNT = rf"\d|{'|'.join(_COUNTS)}"
_BELOW = re.compile(
    rf"\b(?:(?P<block>this\s+(?:whole\s+)?block|all\s+of\s+this"
    r"|everything\s+(?:up|down)\s+to\s+the\s+next\s+empty\s+line)"
    rf"|(?:the\s+)?(?:next|following)\s+(?P<next>{_COUNT})\s+lines"
    rf"|the\s+(?P<below>{_COUNT})\s+lines\s+below"
    r"|this\s+line|the\s+(?:next|following)\s+line|the\s+line\s+below|this(?=\s*[.]?\s*$))",
    re.IGNORECASE,
)
_COPY = re.compile(r"^\s*copy(?=\s+lines?\s+\d+(?:-\d+)?\s*[.]?\s*$)", re.IGNORECASE)
_HERE = re.compile(
    r"\s*(?:please\s+)?(?:insert|add|put)\s+(?:here:\s*(?P<behind>[^\n]+?)|(?P<before>[^\n]+?)\s+here)"
    r"\s*",
    re.IGNORECASE,
)
_SWAP = re.compile(
    r"\s*(?:please\s+)?(?:swap|exchange)\s+(?:these|the\s+next)\s+two\s+lines\s*[.]?\s*",
    re.IGNORECASE,
)
_NAMES = (
    (r"use {new}\s+instead\s+of\s+{old}(?:\s+here)?", "replace `{old}` by `{new}`"),
    (r"{old}\s+should\s+be\s+{new}", "replace `{old}` by `{new}`"),
    (r"replace\s+{old}\s+(?:by|with)\s+{new}\s+here", "replace `{old}` by `{new}`"),
    (r"call\s+{old}\s+{new}\s+instead", "rename `{old}` to `{new}`"),
)
_NAMED = [
    (
        re.compile(
            r"\s*"
            + form.replace(" ", r"\s+").format(
                old=r"[`'\"]?(?P<old>[^\W\d]\w*)[`'\"]?", new=r"[`'\"]?(?P<new>[^\W\d]\w*)[`'\"]?"
            )
            + r"\s*[.]?\s*",
            re.IGNORECASE,
        ),
        plain,
    )
    for form, plain in _NAMES
]


@dataclass(frozen=True, slots=True)
class Context:
    """What the words are about: the lines that are seen, and those of them that are meant.

    `scope` is what is selected, 1-based and inclusive, `likely` what the words seem to be about.
    `text` are the tokens of the one text that the instruction brings, if it does.
    """

    lines: Sequence[str]
    encode_line: Encode
    scope: Span | None = None
    likely: Span | None = None
    text: NewText | None = None


def operation(words: str, context: Context) -> tuple[Promised, bool]:
    """Return the program for the words, and whether they say it in full; empty for other words."""
    if _NOTHING.fullmatch(words) and context.text is None and context.lines:
        return (Copy(1, len(context.lines)),), True
    words = _with_quotes(numbered(words, context.lines))
    if program := (_text_operation(words, context) or _without_all(words, context.lines)):
        return program, True
    match = _OPERATION.fullmatch(words)
    if _APART.search(words):
        match = None
    is_numbered = match is not None and match["first"] is not None
    spans = _line_operation(words, context, is_numbered=is_numbered)
    said = match is not None and (is_numbered or context.scope is not None)
    if match is not None and not match["verb"].lower().startswith("move"):
        said = said and match["target"] is None
    return tuple(_copies(spans)), said and bool(spans) and context.text is None


def placed(words: str, below: Span) -> str:
    """Return the words of a comment above some lines, which these call by their numbers.

    `below` are the lines down to the next empty one, 1-based and inclusive: "delete the next two
    lines" is about the first of them. Other words stay.
    """
    first, last = below
    if _SWAP.fullmatch(words):
        return f"move line {first + 1} before line {first}"
    for form, plain in _NAMED:
        if match := form.fullmatch(words):
            return plain.format(old=match["old"], new=match["new"])
    if match := _HERE.fullmatch(words):
        text = match["behind"] or match["before"]
        if text[0] not in "`'\"" or text[0] != text[-1]:
            quote = next((q for q in "`'\"" if q not in text), None)
            text = f"{quote}{text}{quote}" if quote else text
        return f"insert {text} before line {first}"

    def called(match: re.Match[str]) -> str:
        if match["block"]:  # Of one line it would rather be what that line is in.
            return match[0] if first == last else f"lines {first}-{last}"
        count = (match["next"] or match["below"] or "1").lower()
        end = first - 1 + (_COUNTS.get(count) or int(count))
        return f"line {first}" if end == first else f"lines {first}-{end}"

    return _COPY.sub("duplicate", _BELOW.sub(called, words))


def numbered(words: str, lines: Sequence[str]) -> str:
    """Return the words with the lines that they name by their text called by their numbers.

    Only where one line alone has the text. Numbers are 1-based.
    """
    bare = [line.strip() for line in lines]

    def whole(match: re.Match[str]) -> str:
        numbers = [k for k, line in enumerate(bare, 1) if line == match["inline"].strip()]
        return f"line {numbers[0]}" if len(numbers) == 1 else match[0]

    words = _QUOTED_LINE.sub(whole, words)
    for start, end in sorted(whole_lines(words, bare), reverse=True):
        numbers = [k for k, line in enumerate(bare, 1) if line == words[start:end]]
        opened = _BEFORE_LINE.search(words, 0, start)
        if len(numbers) == 1 and opened is not None and _BEHIND_LINE.match(words, end):
            words = f"{words[: opened.start()]}line {numbers[0]}{words[end:]}"

    def called(match: re.Match[str]) -> str:
        text = match["inline"] or match["bare"] or match["called"]
        numbers = [k for k, line in enumerate(lines, 1) if text in line]
        return f"line {numbers[0]}" if len(numbers) == 1 else match[0]

    return _FROM.sub(r"lines \1-\2", _HOLDING.sub(called, words))


def _with_quotes(words: str) -> str:
    """Return words that bring a text with quotes around it, where it is code for certain."""
    for form, quoted in _UNQUOTED:
        if (match := form.fullmatch(words)) is not None:
            text = match["bare"].strip()
            quote = next((sign for sign in "`'\"" if sign not in text), None)
            if quote and _CODE.search(text) and not _PROSE.match(text) and text[0] not in "`'\"":
                return quoted.format(f"{quote}{text}{quote}", match["rest"])
    return words


def _text_operation(words: str, context: Context) -> Promised:
    """Return the program that puts a text beside or in place of lines."""
    n_lines = len(context.lines)
    match = _INSERTION.fullmatch(words) or _INSERTION_FIRST.fullmatch(words)
    inserts = match is not None
    match = None if _APART.search(words) else match or _REPLACEMENT.fullmatch(words)
    if match is None or (context.text is None) == (match["inline"] is None):
        return ()
    if match["inline"] and _is_more(match["inline"], match["quote"]):
        return ()
    end = match["end"] if inserts else None
    first, last = context.scope or (0, 0)
    if match["first"]:
        first, last = int(match["first"]), int(match["last"] or match["first"])
    if end:
        first, last = (1, 1) if _is_top(end) else (n_lines, n_lines)
    if not 1 <= first <= last <= n_lines:
        return ()
    text = context.text
    if text is None:
        indent = re.match(r"\s*", context.lines[first - 1])
        text = tuple(context.encode_line((indent[0] if indent else "") + match["inline"].strip()))
    if inserts:
        above = _is_top(end) if end else match["side"].lower() in {"before", "above"}
        first, last = (first, first - 1) if above else (last + 1, last)
    return [*_copies([(1, first - 1)]), text, *_copies([(last + 1, n_lines)])]


def _is_more(text: str, quote: str) -> bool:
    """Return whether what stands between two quotes is more than one text."""
    if _SEVERAL.search(text):
        return True
    return quote in text and (quote == "`" or re.search(r"\blines?\b", text) is not None)


def _without_all(words: str, lines: Sequence[str]) -> Promised:
    """Return the program that deletes all lines with a text; none where there are no such lines."""
    match = _ALL.fullmatch(words)
    if match is None:
        return ()
    text = match["inline"] or match["bare"]
    word = re.compile(rf"\b{re.escape(text)}\b" if match["bare"] else re.escape(text))
    kept = [k for k, line in enumerate(lines, 1) if not word.search(line)]
    if not 0 < len(kept) < len(lines):
        return ()
    program: list[Copy] = []
    for number in kept:
        if program and program[-1].last == number - 1:
            program[-1] = Copy(program[-1].first, number)
        else:
            program.append(Copy(number, number))
    return program


def _line_operation(words: str, context: Context, *, is_numbered: bool) -> list[Span]:
    """Return the copies that delete, duplicate or move lines, none where it is something else.

    The selected lines are in question, unless others are named by number for certain; else those
    that the words name first, else the likely ones.
    """
    n_lines = len(context.lines)
    named = [(int(m[1]), int(m[2] or m[1])) for m in _LINES.finditer(words)]
    selected = None if is_numbered else context.scope
    lines = selected or (named.pop(0) if named else context.likely)
    verb = _VERB.search(words)
    if verb is None or lines is None or not 1 <= lines[0] <= lines[1] <= n_lines:
        return []
    first, last = lines
    match verb[1].lower():
        case "move":
            spans = _moved(lines, _target(words, named, n_lines), n_lines)
        case "delete" | "remove" | "drop":
            spans = [(1, first - 1), (last + 1, n_lines)]
        case _:
            spans = [(1, last), (first, n_lines)]
    return [(i, j) for i, j in spans if i <= j]


def _target(words: str, named: Sequence[Span], n_lines: int) -> int | None:
    """Return the line behind which lines are to be moved, 0 for the top."""
    place = _PLACE.search(words)
    if place is None:
        return None
    if place["end"]:
        return 0 if _is_top(place["end"]) else n_lines
    if not named:
        return None
    return named[-1][1] if place["side"].lower() == "after" else named[-1][0] - 1


def _moved(lines: Span, target: int | None, n_lines: int) -> list[Span]:
    first, last = lines
    if target is None or first - 1 <= target <= last or target > n_lines:
        return []
    if target < first:
        return [(1, target), lines, (target + 1, first - 1), (last + 1, n_lines)]
    return [(1, first - 1), (last + 1, target), lines, (target + 1, n_lines)]


def _is_top(end: str) -> bool:
    return end.lower() in {"top", "start", "beginning"}


def _copies(spans: Sequence[Span]) -> list[Copy]:
    return [Copy(first, last) for first, last in spans if first <= last]
