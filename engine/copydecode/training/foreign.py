"""Puts words outside ASCII into the comments and messages of code: packages hold hardly any.

A line written again has to be copied byte by byte there, so the words are at random: nothing in
them can be guessed. Knows a language's comments and strings, nothing of tasks or tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from copydecode.training.languages import Language

_ALPHABETS = (
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüýßœşğıčřšžąęłńśźż",
    "абвгдежзийклмнопрстуфхцчшщыьэюяії",
    "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ",
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家",
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわん",
    "가나다라마바사아자차카타파하고노도로모보소오조초코토포호",
    "אבגדהוזחטיכלמנסעפצקרשת",
)
_SIGNS = "…–—→←≤≥≠×÷±µ°€£§©™«»“”„‘’•✓✗λΔπ∑√∞"  # noqa: RUF001  # on purpose
_PICTURES = "🙂🎉🚀🔥✨✅❌⚠💥🐛🐍📦🔧📝🎨💡👍🤖"

_MESSAGE = re.compile(r"(?<=['\"])[A-Z]?[a-z]+ [A-Za-z ,.:%]*(?=['\"])")
"""A string of words; names that code looks up have no spaces."""

_COMMENTED = 0.15
_CHANGED = 0.7


def put_in(lines: Sequence[str], rng: Random, language: Language) -> list[str]:
    """Return the lines with words outside ASCII in some messages, and behind some code."""
    before, after = language.comment
    changed: list[str] = []
    for line in lines:
        new = line
        if rng.random() < _CHANGED:
            new = _MESSAGE.sub(lambda match: _mixed(match[0], rng), new)
        if new == line and line.strip() and not line.endswith("\\") and rng.random() < _COMMENTED:
            own = line.strip().startswith(before.strip())
            new = _mixed(line, rng) if own else f"{line}  {before}{words(rng)}{after}"
        changed.append(new if len(new) <= language.longest else line)
    return changed


def words(rng: Random) -> str:
    """Return one to three words, mostly of one alphabet, now and then with a sign or a picture."""
    alphabet = rng.choice(_ALPHABETS)
    said = [_word(alphabet, rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.5:  # noqa: PLR2004  # half and half
        said.insert(rng.randint(0, len(said)), rng.choice(rng.choice((_SIGNS, _PICTURES))))
    return " ".join(said)


def _word(alphabet: str, rng: Random) -> str:
    letters = rng.choices(alphabet, k=rng.randint(1, 6))
    if alphabet is _ALPHABETS[0]:  # Accents stand among plain letters.
        letters = [rng.choice((x, *"aeinrst")) for x in letters]
    return "".join(letters)


def _mixed(text: str, rng: Random) -> str:
    """Return a text with one of its words replaced, or with words behind the last."""
    found = list(re.finditer(r"[A-Za-z]{3,}", text))
    if not found or rng.random() < 0.3:  # noqa: PLR2004  # most keep their length
        return f"{text} {words(rng)}"
    match = rng.choice(found)
    return text[: match.start()] + words(rng) + text[match.end() :]
