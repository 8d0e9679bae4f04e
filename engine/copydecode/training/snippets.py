"""Snippets with elided code, as a chat assistant gives them, to be worked into the document.

An edit like those that people ask for is made in one place or several; the snippet shows what
stands there then, between lines of context and elisions (`# ... existing code ...`). What it says
of the context need not be exact: the indentation may be cut off, a comment, a final comma or a
space may differ. Such lines stay as the document has them; only what is new or gone counts. Knows
nothing of tokens or models.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from copydecode.edit.program import Copy, Gen, Op, Program
from copydecode.training.languages import LANGUAGES, Language, prose
from copydecode.training.tasks import (
    FENCE,
    Case,
    Lines,
    Maker,
    Material,
    code_names,
    fenced,
    indent_of,
)


@dataclass(frozen=True, slots=True)
class Hunk:
    """`new` in place of the `removed` lines from `first` on (1-based); none are for insertion."""

    first: int
    removed: int
    new: tuple[str, ...]

    @property
    def last(self) -> int:
        """The last line that goes, `first - 1` where none does."""
        return self.first + self.removed - 1


def splice(lines: Lines, hunks: Sequence[Hunk]) -> Program:
    """Return the program of hunks that rise and do not touch."""
    ops: list[Op] = []
    at = 1
    for hunk in hunks:
        if at < hunk.first:
            ops.append(Copy(at, hunk.first - 1))
        if hunk.new:
            ops.append(Gen("".join(f"{line}\n" for line in hunk.new)))
        at = hunk.last + 1
    if at <= len(lines):
        ops.append(Copy(at, len(lines)))
    return Program(tuple(ops))


# Edits like those that people ask for.

_Change = Callable[[str, Random, Material, Sequence[str]], str | None]


def _other_number(text: str, rng: Random, material: Material, _names: Sequence[str]) -> str | None:
    match = _pick(re.finditer(r"(?<![\w.])\d+(?![\w.])", text), text, rng, material.language)
    if match is None:
        return None
    number = int(match[0])
    other = rng.choice((number + 1, number * 2, number * 10, max(0, number - 1), 0))
    return text[: match.start()] + str(other) + text[match.end() :] if other != number else None


def _other_name(text: str, rng: Random, material: Material, names: Sequence[str]) -> str | None:
    found = [m for m in code_names(text, material.language) if _is_free(m[0], material)]
    if not found:
        return None
    match = rng.choice(found)
    name = rng.choice(names if names and rng.random() < 0.7 else material.names)  # noqa: PLR2004  # most are at hand
    return text[: match.start()] + name + text[match.end() :] if name != match[0] else None


def _other_words(text: str, rng: Random, material: Material, _names: Sequence[str]) -> str | None:
    """Change a word within a string, or in prose."""
    words = list(re.finditer(r"(?<=[ '\"])[a-z]{3,}(?=[ '\".,:!?])", text))
    if material.language.name != "markdown":
        words = [m for m in words if text[: m.start()].count('"') % 2]
    if not words:
        return None
    match = rng.choice(words)
    word = rng.choice(material.names).lower()
    return text[: match.start()] + word + text[match.end() :] if word != match[0] else None


_DEFINITION = re.compile(r"\s*(?:export |async |def |class |function )|.*\) (?:\{|=>.*)$")
_PLAIN_CALL = re.compile(r"(?<=\w)\(([^()'\"`{}]*)\)")


def _more_arguments(text: str, rng: Random, material: Material, names: Sequence[str]) -> str | None:
    match = _pick(_PLAIN_CALL.finditer(text), text, rng, material.language)
    if match is None:
        return None
    python = material.language.name == "python"
    value = rng.choice((*names, "None" if python else "null", "0", "1"))
    if _DEFINITION.match(text):
        value = rng.choice(material.names) + ("=None" if python else "")
    elif python and rng.random() < 0.5:  # noqa: PLR2004  # half by name
        value = f"{rng.choice(material.names)}={value}"
    inner = f"{match[1]}, {value}" if match[1].strip() else value
    return f"{text[: match.start()]}({inner}){text[match.end() :]}"


def _fewer_arguments(
    text: str, rng: Random, material: Material, _names: Sequence[str]
) -> str | None:
    calls = (m for m in _PLAIN_CALL.finditer(text) if ", " in m[1])
    match = _pick(calls, text, rng, material.language)
    if match is None:
        return None
    arguments = match[1].split(", ")
    del arguments[rng.randrange(len(arguments))]
    return f"{text[: match.start()]}({', '.join(arguments)}){text[match.end() :]}"


def _longer_condition(
    text: str, rng: Random, material: Material, names: Sequence[str]
) -> str | None:
    if not names:
        return None
    if material.language.name == "python":
        match = re.match(r"(\s*(?:if|elif|while) [^()]+):$", text)
        join = rng.choice(("and ", "or ", "and not "))
        return f"{match[1]} {join}{rng.choice(names)}:" if match else None
    match = re.match(r"(.*\b(?:if|while) \([^()]+)\) \{$", text)
    join = rng.choice(("&& ", "|| ", "&& !"))
    return f"{match[1]} {join}{rng.choice(names)}) {{" if match else None


_CHANGES: tuple[_Change, ...] = (
    _other_number,
    _other_name,
    _other_name,
    _other_words,
    _more_arguments,
    _more_arguments,
    _fewer_arguments,
    _longer_condition,
)

_GUARDS = {
    "python": (
        ("if not {0}:", "{1}return"),
        ("if {0} is None:", "{1}return None"),
        ("if {0} is None:", "{1}raise ValueError({2!r})"),
        ("try:", "{1}{0}.{2}()", "except KeyError:", "{1}pass"),
        ("with {0}.{2}() as {3}:", "{1}{3}.{2}()"),
        ("for {3} in {0}:", "{1}{2}({3})"),
        ("logger.debug({2!r}, {0})",),
        ("assert {0} is not None",),
        ("# Note that {0} may be empty.",),
    ),
    "script": (
        ("if (!{0}) {{", "{1}return;", "}}"),
        ("if ({0} === undefined) {{", "{1}return null;", "}}"),
        ("if ({0} == null) {{", "{1}throw new TypeError('{2}');", "}}"),
        ("try {{", "{1}{0}.{2}();", "}} catch (error) {{", "{1}console.error(error);", "}}"),
        ("for (const {3} of {0}) {{", "{1}{2}({3});", "}}"),
        ("console.log({0});",),
        ("const {3} = await {0}.{2}();",),
        ("// {0} may be empty here.",),
    ),
    "markdown": (
        ("- {0}: {2}",),
        ("See `{0}` for {2}.",),
        ("- `{0}`", "- `{2}`"),
        ("> Note that `{0}` needs `{2}`.",),
    ),
}


def _statements(
    indent: str, step: str, rng: Random, material: Material, names: Sequence[str]
) -> list[str]:
    """Return lines of the sort that are added: a guard, a log line, a loop."""
    kind = material.language.name
    lines = rng.choice(_GUARDS.get(kind, _GUARDS["script"]))
    name = rng.choice(names or material.names)
    words = [rng.choice(material.names) for _ in range(2)]
    return [indent + line.format(name, step, *words) for line in lines]


def _statement(rng: Random, material: Material, names: Sequence[str]) -> str:
    """Return a whole statement of other code with some of its names taken from the sheet."""
    language = material.language
    text = rng.choice(material.lines)
    for _ in range(20):
        if _is_complete(text, language):
            break
        text = rng.choice(material.lines)
    for match in reversed(code_names(text, language)):
        if names and _is_free(match[0], material) and rng.random() < 0.4:  # noqa: PLR2004  # some
            text = text[: match.start()] + rng.choice(names) + text[match.end() :]
    return text


_BRACKETS = re.compile(r"[()\[\]{}]")
_OPEN_END = (",", "(", "[", "{", ":", "\\", "=", "=>", "+", "|", "&&", "||", "?", "and", "or", ".")
_JOINS = (
    "else",
    "elif",
    "except",
    "finally",
    "catch",
    "case ",
    "default:",
    "@",
    ".",
    "?",
    ":",
    "|",
)


def _depth(text: str, language: Language) -> int:
    """Return how many brackets more a line opens than it closes, braces of scripts left out."""
    for match in reversed(list(language.hidden.finditer(text))):
        text = text[: match.start()] + text[match.end() :]
    braces = "" if language.name == "python" else "{}"
    signs = [m[0] for m in _BRACKETS.finditer(text) if m[0] not in braces]
    return sum(1 if sign in "([{" else -1 for sign in signs)


def _is_complete(text: str, language: Language) -> bool:
    """Return whether a line looks like a statement of its own, or is one of prose."""
    if language.name == "markdown":
        return FENCE not in text
    bare = text.strip()
    if (
        not bare
        or bare.endswith(_OPEN_END)
        or bare.startswith((*_JOINS, ")", "]", "}", "*", '"', "'"))
    ):
        return False
    whole = bare.count("{") == bare.count("}") and bare.count('"""') % 2 == 0
    return whole and _depth(bare, language) == 0


def _open(lines: Lines, language: Language) -> list[bool]:
    """Return for each line whether a statement can begin with it; none does within prose."""
    if language.name == "markdown":
        return [True] * len(lines)
    uncoded = prose("\n".join(lines), language.name)
    found: list[bool] = []
    depth, begun = 0, True
    for number, line in enumerate(lines):
        bare = line.strip()
        coded = number not in uncoded
        found.append(coded and depth == 0 and begun and not bare.startswith((")", "]", *_JOINS)))
        if coded and bare:
            depth = max(0, depth + _depth(line, language))
            begun = not bare.endswith(_OPEN_END) or bare.endswith((":", "{"))
    return found


def _indent_at(lines: Lines, at: int) -> str:
    """Return the white space of a line that comes to stand before line `at`."""
    here = lines[at - 1] if at <= len(lines) else ""
    above = next((line for line in reversed(lines[: at - 1]) if line.strip()), "")
    if above.rstrip().endswith((":", "{")):
        deeper = indent_of(above) + _step(lines)
        return indent_of(here) if len(indent_of(here)) > len(indent_of(above)) else deeper
    if here.strip() and not here.strip().startswith(("}", ")", "]", *_JOINS)):
        return min(indent_of(here), indent_of(above), key=len) if above else indent_of(here)
    return indent_of(above)


def draw_hunk(lines: Lines, at: int, rng: Random, material: Material) -> Hunk | None:
    """Draw an edit of line `at`, or before it; None where it offers no occasion.

    Statements are put where statements stand, go whole, and are followed by their like; elsewhere
    a line changes in itself.
    """
    text, language = lines[at - 1], material.language
    found = {m[0] for line in lines for m in code_names(line, language)}
    names = sorted(name for name in found if _is_free(name, material))
    begins = _open(lines, language)
    free = begins[at - 1]
    single = free and _is_complete(text, language) and begins[at : at + 1] != [False]
    match rng.choices(range(6), weights=(5, 2, 2, 1.5, 1.5, 1.5))[0]:
        case 1 if free:
            indent = _indent_at(lines, at)
            count = rng.choice((1, 1, 2))
            new = [indent + _statement(rng, material, names) for _ in range(count)]
            return Hunk(at, 0, tuple(new))
        case 2 if free:
            new = _statements(_indent_at(lines, at), _step(lines), rng, material, names)
            return Hunk(at, 0, tuple(new))
        case 3 if single:
            count = rng.choice((1, 1, 2, 3))
            while count > 1 and not all(
                _is_complete(x, language) for x in lines[at : at - 1 + count]
            ):
                count -= 1
            return Hunk(at, min(count, len(lines) - at + 1), ())
        case 4 if single:
            new = [indent_of(text) + _statement(rng, material, names)]
            return Hunk(at, 1, tuple(new)) if [text] != new else None
        case 5 if text.strip().endswith((",", ";")) or single:
            like = rng.choice(_CHANGES)(text, rng, material, names)
            return None if like in {None, text} else Hunk(at + 1, 0, (like or "",))
        case _:
            changed = rng.choice(_CHANGES)(text, rng, material, names)
            return None if changed in {None, text} else Hunk(at, 1, (changed or "",))


def _step(lines: Lines) -> str:
    """Return the white space of one level of indentation."""
    widths = sorted({len(indent_of(line)) for line in lines if line.strip()})
    if any(line.startswith("\t") for line in lines):
        return "\t"
    gaps = [b - a for a, b in itertools.pairwise(widths) if b - a > 1]
    return " " * (min(gaps) if gaps else 4)


def _is_free(name: str, material: Material) -> bool:
    return name not in material.language.reserved and name not in {"self", "cls"}


def _pick(
    matches: Iterable[re.Match[str]], text: str, rng: Random, language: Language
) -> re.Match[str] | None:
    """Draw a match that stands outside strings and comments."""
    hidden = [match.span() for match in language.hidden.finditer(text)]
    free = [m for m in matches if not any(a < m.end() and m.start() < b for a, b in hidden)]
    return rng.choice(free) if free else None


# The snippet.

_ELIDED = (
    "... existing code ...",
    "... existing code ...",
    "... existing code ...",
    "...",
    "...",
    "... rest of the code ...",
    "existing code",
    "existing code here",
    "rest of the function unchanged",
    "rest of the code unchanged",
    "... (unchanged) ...",
    "... rest of the file stays the same ...",
    "[...]",
    "(other code)",
    "unchanged",
)
INTROS = (
    "Apply this snippet:",
    "Apply this snippet:",
    "Apply:",
    "apply this change",
    "Make this change:",
    "Change it like this:",
    "Update the code:",
    "Work this in:",
    "Here is the updated code:",
)


def elision_of(rng: Random, language: Language) -> str:
    """Return what stands for left-out code, nearly always as a comment of the language."""
    if rng.random() < 0.15:  # noqa: PLR2004  # some write dots alone
        return rng.choice(("...", "…"))
    if rng.random() < 0.05:  # noqa: PLR2004  # some get the comment wrong
        language = rng.choice(list(LANGUAGES.values()))
    opening, closing = language.comment
    if opening == "// " and rng.random() < 0.1:  # noqa: PLR2004  # the other style of scripts
        opening, closing = "/* ", " */"
    return opening + rng.choice(_ELIDED) + closing


def _drifted(line: str, rng: Random, language: Language) -> list[str]:
    """Return a line of context as somebody remembers it: white space, comment or comma differ.

    An empty line may be left out.
    """
    if not line.strip():
        return [line] if rng.random() < 0.5 else []  # noqa: PLR2004  # half and half
    if language.name == "markdown":
        return [line]
    ways = [line]
    opening = language.comment[0]
    if (at := line.find(f"  {opening}")) > 0 and line[:at].strip():
        ways.append(line[:at].rstrip())
    elif opening.strip() not in line and _is_complete(line, language):
        ways.append(f"{line}  {opening}{rng.choice(('as before', 'unchanged', 'same as before'))}")
    if line.endswith((",", ";")):
        ways.append(line[:-1])
    ways += [re.sub(r"(?<=\w) = (?=\w)", "=", line, count=1)] * bool(re.search(r"\w = \w", line))
    ways += [re.sub(r"(?<=\w), (?=\w)", ",", line, count=1)] * bool(re.search(r"\w, \w", line))
    return [rng.choice(ways)]


def _bare(lines: Lines) -> list[str]:
    return [line.strip() for line in lines]


def is_place(lines: Lines, first: int, last: int) -> bool:
    """Return whether lines stand together in one place only, whatever their indentation."""
    bare = _bare(lines)
    run = bare[first - 1 : last]
    width = len(run)
    hits = sum(bare[k : k + width] == run for k in range(len(bare) - width + 1))
    return hits == 1 and any(len(x) > 3 for x in run)  # noqa: PLR2004  # a bracket names no place


@dataclass(frozen=True, slots=True)
class _Piece:
    """A hunk with its context: lines `first..last` of the document are what the piece stands for.

    `head` is the line that begins the definition around it, where the snippet shows that, too.
    """

    hunk: Hunk
    first: int
    last: int
    head: int | None = None

    @property
    def begin(self) -> int:
        """The first line of the document that the piece shows."""
        return self.first if self.head is None else self.head


def _piece(lines: Lines, hunk: Hunk, rng: Random, *, whole: bool) -> _Piece | None:
    """Choose the context: some lines before and after, so that no other place can be meant.

    `whole` takes all of the definition around the hunk, if that is short.
    """
    head = _head(lines, hunk.first)
    if whole:
        end = _end(lines, head) if head else 0
        if head is None or end < hunk.last or end - head > 14:  # noqa: PLR2004  # elided otherwise
            return None
        first, last, head = head, end, None
    else:
        first = max(1, hunk.first - rng.choice((1, 1, 2, 2, 3)))
        while first > 1 and not is_place(lines, first, hunk.first - 1):
            first -= 1
        last = min(len(lines), hunk.last + rng.choice((1, 1, 2, 2, 3)))
        if head is None or head >= first or rng.random() < 0.6:  # noqa: PLR2004  # most do without
            head = None
    after = _bare(lines[hunk.last : last])
    bare = _bare(lines)
    # What goes has to end where the context behind it begins for the first time.
    ends = next(
        k for k in range(hunk.first - 1, len(bare) + 1) if bare[k : k + len(after)] == after
    )
    if hunk.first - first > 4 + 14 * whole or not is_place(
        lines, first, hunk.first - 1
    ):  # nobody quotes more
        return None
    if ends != hunk.last or (hunk.last < len(lines) and not any(after)):
        return None
    return _Piece(hunk, first, last, head)


def _head(lines: Lines, number: int) -> int | None:
    """Return the nearest line above that begins the definition or section that a line is in."""
    width = len(indent_of(lines[number - 1])) if number <= len(lines) else 0
    for k in range(number - 1, 0, -1):
        line = lines[k - 1]
        if not line.strip():
            continue
        if line.startswith("#") and width == 0:
            return k
        if len(indent_of(line)) < width:
            width = len(indent_of(line))
            if line.rstrip().endswith((":", "{")) and _DEFINITION.match(line):
                return k
    return None


def _end(lines: Lines, head: int) -> int:
    """Return the last line of the definition that begins in a line, a closing bracket included."""
    width = len(indent_of(lines[head - 1]))
    end = head
    for k in range(head + 1, len(lines) + 1):
        line = lines[k - 1]
        if line.strip() and len(indent_of(line)) <= width:
            return k if line.strip().startswith("}") else end
        if line.strip():
            end = k
    return end


def _pieces(lines: Lines, count: int, rng: Random, material: Material) -> list[_Piece]:
    """Draw `count` edits whose contexts do not touch, in their order; fewer where none fit."""
    found: list[_Piece] = []
    whole = count == 1 and rng.random() < 0.2  # noqa: PLR2004  # share of whole definitions
    for _ in range(4 * count):
        if len(found) == count:
            break
        hunk = draw_hunk(lines, rng.randint(2, len(lines)), rng, material)
        if hunk is None:
            continue
        piece = _piece(lines, hunk, rng, whole=whole)
        if piece and all(piece.last + 1 < p.begin or p.last + 1 < piece.begin for p in found):
            found.append(piece)
    return sorted(found, key=lambda piece: piece.first)


def snippet(lines: Lines, rng: Random, material: Material, *, kind: str, most: int) -> Case | None:
    """Apply a snippet with up to `most` edits, as a chat assistant would give it."""
    if len(lines) < 6 or any(FENCE in line for line in lines):  # noqa: PLR2004  # nothing to elide
        return None
    count = min(rng.randint(2, most), len(lines) // 5 + 1) if most > 1 else 1
    pieces = _pieces(lines, count, rng, material)
    if len(pieces) != count:
        return None
    remembered = rng.random() < 0.3  # noqa: PLR2004  # share of snippets from memory
    elision = elision_of(rng, material.language)
    text: list[str] = []
    mentions: list[tuple[str, int]] = []
    at = 1
    for piece in pieces:
        if at < piece.begin:
            text.append(indent_of(lines[piece.begin - 1]) + elision)
        if piece.head is not None:
            text.append(lines[piece.head - 1])
            if piece.head + 1 < piece.first:
                text.append(indent_of(lines[piece.first - 1]) + elision)
        shown, mention = _shown(lines, piece, rng, material.language, drift=remembered)
        text += shown
        mentions.append(mention)
        at = piece.last + 1
    if at <= len(lines):
        text.append(indent_of(lines[at - 2]) + elision)
    if len(text) > 2 and rng.random() < 0.1:  # noqa: PLR2004  # some leave that out, too
        text = text[1:] if text[0].strip() == elision else text
    if rng.random() < 0.35:  # noqa: PLR2004  # share of snippets that begin at the margin
        width = min(len(indent_of(line)) for line in text if line.strip())
        text = [line[width:] for line in text]
    instruction = f"{rng.choice(INTROS)}\n" + fenced(text, rng, material.language)
    program = splice(lines, [piece.hunk for piece in pieces])
    return Case(kind, instruction, None, program, tuple(mentions))


def _shown(
    lines: Lines, piece: _Piece, rng: Random, language: Language, *, drift: bool
) -> tuple[list[str], tuple[str, int]]:
    """Return what a piece shows, and a line of it that is as in the document, with its number."""
    hunk = piece.hunk
    before = list(lines[piece.first - 1 : hunk.first - 1])
    after = list(lines[hunk.last : piece.last])
    solid = [k for k, line in enumerate(before) if line.strip()]
    exact = rng.choice(solid) if drift else solid[-1]
    mention = (before[exact].strip(), piece.first + exact)
    if drift:
        around = [_drifted(line, rng, language) for line in before]
        around[exact] = [before[exact]]
        before = [line for lines_of in around for line in lines_of]
        after = [line for x in after for line in _drifted(x, rng, language)]
    return [*before, *hunk.new, *after], mention


def anchor(lines: Lines, rng: Random, material: Material) -> Case | None:
    """Apply a snippet of one line that stands in the document, and new lines behind it."""
    if len(lines) < 4 or any(FENCE in line for line in lines):  # noqa: PLR2004  # nothing to elide
        return None
    begins = _open(lines, material.language)
    places = [k for k in range(1, len(lines)) if begins[k] and is_place(lines, k, k)]
    if not places:
        return None
    number = rng.choice(places)
    line = lines[number - 1]
    indent = _indent_at(lines, number + 1)
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        new = [indent + _statement(rng, material, ()) for _ in range(rng.choice((1, 1, 2)))]
    else:
        new = _statements(indent, _step(lines), rng, material, ())
    elision = indent_of(line) + elision_of(rng, material.language)
    text = [elision, line, *new, elision]
    return Case(
        "snippet-anchor",
        f"{rng.choice(INTROS)}\n" + fenced(text, rng, material.language),
        None,
        splice(lines, [Hunk(number + 1, 0, tuple(new))]),
        ((line.strip(), number),),
    )


MAKERS: dict[str, Maker] = {
    "snippet": partial(snippet, kind="snippet", most=1),
    "snippet-several": partial(snippet, kind="snippet-several", most=3),
    "snippet-anchor": anchor,
}
