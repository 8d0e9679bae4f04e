"""What the makers of tasks have to know of a language: comments, strings, reserved names, heads.

No more than lexical facts, by regular expressions: a template literal within another, or a regular
expression with a quote in it, is read wrong. Knows nothing of tasks, files or tokens.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Language:
    """One language as the makers see it.

    Attributes:
        name: as an editor names it.
        fences: the words behind the opening of a fenced block.
        comment: what a comment on a line of its own begins and ends with.
        hidden: strings and comments within a line: no names are looked for in them.
        multiline: what may go over several lines and is no code then.
        keywords: words that are no names.
        reserved: keywords and names that everybody knows: not renamed, nor given as new names.
        heads: what a line begins with where a definition at the top begins.
        longest: sheets are cut from where no line has more characters.
    """

    name: str
    fences: tuple[str, ...]
    comment: tuple[str, str]
    hidden: re.Pattern[str]
    multiline: re.Pattern[str]
    keywords: frozenset[str]
    reserved: frozenset[str]
    heads: tuple[str, ...]
    longest: int = 110


PYTHON = Language(
    "python",
    ("python",),
    ("# ", ""),
    re.compile(r"#.*|(['\"])(?:\\.|(?!\1).)*\1"),
    re.compile(r"\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)", re.DOTALL),
    frozenset(keyword.kwlist),
    frozenset(keyword.kwlist) | frozenset(dir(builtins)),
    ("def ", "class "),
)

_KEYWORDS = """
async await break case catch class const continue debugger default delete do else enum export
extends false finally for function if implements import in instanceof interface let new null
private protected public return static super switch this throw true try typeof undefined var void
while with yield
"""
_GLOBALS = """
Array ArrayBuffer BigInt Boolean Buffer Date Error Infinity JSON Map Math NaN Number Object
Promise Proxy RangeError Reflect RegExp Set String Symbol TypeError Uint8Array WeakMap WeakSet any
boolean clearTimeout console constructor declare decodeURIComponent document encodeURIComponent
exports fetch globalThis isNaN keyof module namespace navigator never number object parseInt
process readonly require setInterval setTimeout string symbol type unknown window
"""
_COMMON_WORDS = """
about all also and any are but can for from has have into its more not one only other should that
the their them then there these they this use used using was when where which will with you your
"""
_SCRIPT_KEYWORDS = frozenset(_KEYWORDS.split())
_SCRIPT_RESERVED = _SCRIPT_KEYWORDS | frozenset(_GLOBALS.split())

_SCRIPT_HIDDEN = re.compile(r"//.*|/\*.*?(?:\*/|$)|^\s*\*.*|(['\"`])(?:\\.|(?!\1).)*\1")
_SCRIPT_MULTILINE = re.compile(
    r"//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|/\*.*?\*/|`(?:\\.|[^`\\])*`", re.DOTALL
)
_SCRIPT_HEADS = (
    "function ",
    "class ",
    "async function ",
    "export ",
    "module.exports",
    "exports.",
    "interface ",
    "type ",
    "const ",
)

JAVASCRIPT = Language(
    "javascript",
    ("js", "javascript"),
    ("// ", ""),
    _SCRIPT_HIDDEN,
    _SCRIPT_MULTILINE,
    _SCRIPT_KEYWORDS,
    _SCRIPT_RESERVED,
    _SCRIPT_HEADS,
)
TYPESCRIPT = Language(
    "typescript",
    ("ts", "typescript"),
    ("// ", ""),
    _SCRIPT_HIDDEN,
    _SCRIPT_MULTILINE,
    _SCRIPT_KEYWORDS,
    _SCRIPT_RESERVED,
    _SCRIPT_HEADS,
)
_NOTHING = re.compile(r"(?!)")
MARKDOWN = Language(
    "markdown",
    ("markdown", "md"),
    ("<!-- ", " -->"),
    _NOTHING,
    _NOTHING,
    frozenset(),
    frozenset(_COMMON_WORDS.split()),
    ("# ", "## ", "### "),
    200,
)

LANGUAGES: Mapping[str, Language] = {
    language.name: language for language in (PYTHON, JAVASCRIPT, TYPESCRIPT, MARKDOWN)
}
SCRIPTS = frozenset({"javascript", "typescript"})
CODE = SCRIPTS | {"python"}


@lru_cache(maxsize=20_000)
def prose(text: str, language: str) -> frozenset[int]:
    """Return the 0-based numbers of lines that are no code: in long strings or block comments."""
    touched: set[int] = set()
    at = line = 0
    for match in LANGUAGES[language].multiline.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        height = match[0].count("\n")
        # A docstring is none even on one line; a script's strings and comments there are `hidden`.
        if height or language == "python":
            touched.update(range(line, line + height + 1))
    return frozenset(touched)
