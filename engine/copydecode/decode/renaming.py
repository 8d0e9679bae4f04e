"""Which name an instruction says is to become which, and in which lines that is meant.

"Rename `a` to `b` in `f`" says it, and so does what a tool says of a misspelt name: "did you mean",
or a similar name that the document has. Knows nothing of tokens, prompts or programs.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

_QUOTE = r"[`'\"\u2018\u201c\u2019\u201d]?"
_NAME = r"[^\W\d]\w*"

_CALLED = (
    r"(?:(?:the|a|an|all|every|each|local|global|uses?|occurrences?|calls?|of|to|names?|variables?"
    r"|parameters?|arguments?|functions?|methods?|class(?:es)?|attributes?|fields?|constants?"
    r"|propert(?:y|ies)|symbols?|identifiers?|types?)\s+)*?"
)
"""What may stand before a name that is to be another one; other words say that it is no name."""

_CALLED_ONLY = re.compile(_CALLED, re.IGNORECASE)
_VALUES = frozenset(
    {*dir(builtins), *keyword.kwlist, "async", "null", "undefined", "number", "string"}
)
"""What a name is changed to that will be no name: a type or a value."""

_TO = r"\s+(?:to|by|with|into|as)\s+"
_RENAMING = re.compile(
    rf"\b(?P<verb>rename|replace|change)\s+(?P<called>{_CALLED}|[^\n]*?)"
    rf"(?P<quote>{_QUOTE})(?P<owner>{_NAME}\.)?\b(?P<old>{_NAME})(?:\(\))?{_QUOTE}"
    rf"(?:\s+(?:of|in|from|inside)\s+(?:the\s+)?(?:\w+\s+)?{_QUOTE}{_NAME}{_QUOTE})?"
    rf"{_TO}{_QUOTE}(?P<new>{_NAME})(?:\(\))?{_QUOTE}(?!\w|\s*[.([|])",
    re.IGNORECASE,
)
_POINTING = re.compile(
    r"(?:this|that|these|those|it|them|all|everything|functions?|methods?|class|classes)",
    re.IGNORECASE,
)
_KIND = re.compile(
    r"(?:names?|variables?|parameters?|arguments?|attributes?|fields?|constants?|propert(?:y|ies)"
    r"|files?|code|selections?|lines?|modules?|types?|strings?|comments?)",
    re.IGNORECASE,
)
"""Words that are no names of their own behind an article: "rename the variable to `x`"."""

_ANYWHERE = re.compile(
    r"this|that|the|file|module|document|code|here|it|function|method|class|selection",
    re.IGNORECASE,
)
_MEMBER = re.compile(r"\b(?:method|attribute|field|property|class|function)\b|\(\)", re.IGNORECASE)
_PLACE = re.compile(
    rf"\b(?:of|in|inside|within)\s+(?:the\s+)?(?:(?:function|method|class)\s+)?{_QUOTE}({_NAME})"
    rf"|\brename\s+{_CALLED}{_QUOTE}({_NAME})\.{_NAME}",
    re.IGNORECASE,
)
_REST = re.compile(
    r"(?:please|everywhere|throughout|here|only|too|and|update|its|their|all|callers|calls|usages|uses"
    rf"|references|(?:of|in|inside|within)\s+(?:the\s+|this\s+)?(?:(?:function|method|class)\s+)?"
    rf"{_QUOTE}{_NAME}{_QUOTE}|[\s.,!])*",
    re.IGNORECASE,
)
"""What may stand beside a renaming that is all that is asked for."""

_QUOTED = re.compile(
    rf"[`'\"\u2018\u201c]({_NAME})[`'\"\u2019\u201d]",
)
_UNKNOWN = re.compile(
    r"\b(?:undefined|undeclared|unresolved|unknown|not (?:been )?(?:defined|declared)|no attribute"
    r"|cannot (?:find|access)|can(?:'|\u2019)t find|could not find|not found|does not exist"
    r"|did you mean|misspel\w*|spelling|typo|unexpected keyword argument|no '\w+' member)\b",
    re.IGNORECASE,
)
"""Words that tools have for a name that there is not."""

_SPEAKS_OF = re.compile(
    r"\b(?:when|whenever|where|case|cases|if|until|raise|return|handle|print|log|report|unbound)\b",
    re.IGNORECASE,
)
"""Words of people that say what is to be done with names that are not there."""

_MISSED = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\b(?:attribute|argument|property)\s+{_QUOTE}({_NAME}){_QUOTE}",
        rf"\bno\s+{_QUOTE}({_NAME}){_QUOTE}\s+(?:member|attribute)",
        rf"\btypo\s+in\s+{_QUOTE}({_NAME}){_QUOTE}\s*[.]?$",
        rf"\bmisspel\w+\s+(?:name\s+)?{_QUOTE}({_NAME}){_QUOTE}\s*[.]?$",
        rf"^{_QUOTE}({_NAME}){_QUOTE}\s+is\s+misspel",
    )
)
"""Where the first quoted name is another one, such as that of what lacks it, or none is quoted."""

_CLOSE = 0.7
"""A name that is at least so like (difflib's ratio) is what a misspelt one was to be."""

_MORE = re.compile(r"\b(?:and|then|also|instead|unless|but)\b", re.IGNORECASE)
"""Words that ask for more than that a name be spelt right."""

_MEANT = re.compile(
    r"\b(?:did you mean|do you mean|perhaps you meant|maybe)\b:?\s*"
    rf"(?:[`'\"\u2018\u201c]({_NAME})|({_NAME})\s*\??\)?$)",
    re.IGNORECASE,
)
_DEFINED = r"\b(?:def|class|function)\s+{}\b"
_CLOSING = (")", "]", "}")


@dataclass(frozen=True, slots=True)
class Renaming:
    """The name `old` is to become `new`.

    It is `said` where the words say so; else it is a guess by likeness alone. `places` are names
    that it may be meant within, such as that of a function. A `member` is one of a class or module:
    `x.old` is it, too, as it is not where a variable is meant. Where it stands `alone`, the words
    ask for nothing else. One that is meant `everywhere` is not bound to the line of a cursor.
    """

    old: str
    new: str
    said: bool = True
    places: tuple[str, ...] = ()
    member: bool = False
    alone: bool = False
    everywhere: bool = False


def renaming(words: str, similar: Sequence[str] = ()) -> Renaming | None:
    """Return which name an instruction is about, None where it is about none.

    Args:
        words: the instruction, without blocks of code.
        similar: names that are like quoted ones, best first: those may be misspelt.
    """
    match = _RENAMING.search(words)
    if match and not _speaks(match):
        renames = match["verb"].lower() == "rename"
        rest = f"{words[: match.start()]} {words[match.end() :]}"
        alone = _REST.fullmatch(rest) is not None
        if renames:
            said = _CALLED_ONLY.fullmatch(match["called"]) is not None
        else:  # "Change the type of `x` to `int`" is about more than a name, and so is "x to int".
            called = match["called"].strip().lower()
            said = alone and called in {"", "the name"} and not match["owner"]
            if match["verb"].lower() == "change":  # And the name of a thing is not called "name".
                said = said and match["new"] not in _VALUES and match["old"] != "name"
        said = said and not keyword.iskeyword(match["new"])
        places = tuple(m[1] or m[2] for m in _PLACE.finditer(words))
        member = match["owner"] is not None or _MEMBER.search(match[0]) is not None
        old, new = match["old"], match["new"]
        everywhere = match["verb"].lower() == "rename" or "everywhere" in words.lower()
        return Renaming(old, new, said, places, member, said and alone, everywhere)
    quoted = [] if match else _QUOTED.findall(words)
    old = None if match else missed(words) or (quoted[0] if quoted else None)
    if old is None:
        return None
    said = _UNKNOWN.search(words) is not None and _SPEAKS_OF.search(words) is None
    alone = said and _MORE.search(words) is None
    if said and (meant := _MEANT.search(words)):
        new = meant[1] or meant[2]
        return Renaming(old, new, member=True, alone=alone) if new != old else None
    nearest = get_close_matches(old, similar, n=1)
    if not nearest:
        return None
    alone = alone and SequenceMatcher(None, old, nearest[0]).ratio() >= _CLOSE
    return Renaming(old, nearest[0], said, member=True, alone=alone)


def missed(words: str) -> str | None:
    """Return the name that words say there is not, where it need not be the first one quoted."""
    if not _UNKNOWN.search(words):
        return None
    for form in _MISSED:
        match = form.search(words)
        if match and not (_ANYWHERE.fullmatch(match[1]) or _KIND.fullmatch(match[1])):
            return match[1]
    return None


def is_elsewhere(lines: Sequence[str], names: Renaming) -> bool:
    """Return whether it is meant within something that the lines do not define."""
    return any(
        not _ANYWHERE.fullmatch(place) and _extent(lines, place) is None for place in names.places
    )


def _speaks(match: re.Match[str]) -> bool:
    """Return whether what seems to be the old name is a word of the sentence."""
    if match["quote"]:
        return False
    if _POINTING.fullmatch(match["old"]):
        return True
    article = re.search(r"\b(?:the|an?|this|that|its?)\s+$", match["called"], re.IGNORECASE)
    return article is not None and _KIND.fullmatch(match["old"]) is not None


def renamed_lines(
    lines: Sequence[str],
    names: Renaming,
    scope: tuple[int, int] | None,
    *,
    inside: bool = False,
) -> Mapping[int, str]:
    """Return the lines that have a name, by number, with the other name in its place.

    Only those of the function or class that is spoken of, or else of the scope (1-based and
    inclusive), where these have the name. With `inside` a variable of the scope is meant, as it is
    where a function is spoken of; else a scope is where a mistake is, or a cursor. The words
    themselves may stand in a line, as a comment.
    """
    extents = [bounds for place in names.places if (bounds := _extent(lines, place))]
    before = r"(?<!\.)" if (inside or extents) and not names.member else ""
    pattern = re.compile(rf"{before}\b{re.escape(names.old)}\b")
    changed = {
        number: pattern.sub(names.new, line)
        for number, line in enumerate(lines, start=1)
        if pattern.search(line) and not _RENAMING.search(line)
    }
    if scope is not None and (inside or not names.everywhere):
        extents.append(scope)
    for first, last in extents:
        if within := {k: line for k, line in changed.items() if first <= k <= last}:
            return within
    return changed


def _extent(lines: Sequence[str], name: str) -> tuple[int, int] | None:
    """Return the lines of the one function or class of a name, by its indentation."""
    pattern = re.compile(_DEFINED.format(re.escape(name)))
    found = [number for number, line in enumerate(lines, start=1) if pattern.search(line)]
    if len(found) != 1:
        return None
    first = last = found[0]
    indent = _indent(lines[first - 1])
    for number, line in enumerate(lines[first:], start=first + 1):
        text = line.strip()
        if text and _indent(line) <= indent and not text.startswith(_CLOSING):
            break
        if text:
            last = number
    return first, last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
