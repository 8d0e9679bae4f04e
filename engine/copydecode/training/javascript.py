"""What linters and compilers say of JavaScript and TypeScript, and the edits that mend it.

Mistakes are put into lines as in `mistakes`; the words are those of ESLint with its plugins, of the
TypeScript compiler and of Node, which an editor hands on as they are, sometimes with the rule or
the code. The scope is the line that the diagnostic stands at. Knows nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from copydecode.edit.program import Program
from copydecode.training.languages import JAVASCRIPT
from copydecode.training.mistakes import Maker as PutIn
from copydecode.training.mistakes import Mistake, Undo, fix_mutation, misspell
from copydecode.training.tasks import (
    NAME,
    Case,
    Lines,
    Maker,
    Material,
    code_names,
    indent_of,
    replace_lines,
)

# Misspelt names.

_UNDEFINED = (
    "'{0}' is not defined.",
    "'{0}' is not defined.",
    "'{0}' is not defined",
    "'{0}' is not defined.  no-undef",
    "Cannot find name '{0}'.",
    "Cannot find name '{0}'. Did you mean '{1}'?",
    "Cannot find name '{0}'. Did you mean '{1}'?",
    "Cannot find name '{0}'. Did you mean '{1}'?  ts(2552)",
    "Could not find name '{0}'. Did you mean '{1}'?",
    "The {0} variable is undeclared.",
    "ReferenceError: {0} is not defined",
    "Fix the misspelt name `{0}`",
    "typo in '{0}'",
)
_NO_MEMBER = (
    "Property '{0}' does not exist on type '{2}'.",
    "Property '{0}' does not exist on type '{2}'. Did you mean '{1}'?",
    "Property '{0}' does not exist on type '{2}'. Did you mean '{1}'?",
    "Property '{0}' does not exist on type '{2}'. Did you mean '{1}'?  ts(2551)",
    "Property '{0}' may not exist on type '{2}'. Did you mean '{1}'?",
    "TypeError: {0} is not a function",
    "Fix the misspelt name `{0}`",
    "typo in '{0}'",
)
_TYPES = ("string", "string[]", "Options", "{}", "object", "Promise<void>", "Node", "T")


def _misspell_name(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Misspell one name of a line that the sheet also holds elsewhere, or that everybody knows."""
    text = lines[line - 1]
    others = {m[0] for k, other in enumerate(lines) if k != line - 1 for m in NAME.finditer(other)}
    choices = [
        m
        for m in code_names(text, JAVASCRIPT)
        if len(m[0]) >= 4 and (m[0] in others or m[0] in JAVASCRIPT.reserved)  # noqa: PLR2004  # shorter names have too many neighbours
    ]
    if not choices:
        return None
    match = rng.choice(choices)
    wrong = misspell(match[0], rng)
    if wrong in others or wrong in JAVASCRIPT.reserved or not wrong.isidentifier():
        return None
    if re.search(rf"\b{wrong}\b", text):
        return None
    broken = text[: match.start()] + wrong + text[match.end() :]
    return broken, Mistake(line, text, wrong)


def _fix_misspelling(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    wrong = mistake.name or ""
    broken = lines[mistake.line - 1]
    at = broken.index(wrong)
    right = mistake.right[at : at + len(mistake.right) - len(broken) + len(wrong)]
    member = broken[:at].endswith(".") and not broken[:at].endswith("..")
    words = rng.choice(_NO_MEMBER if member else _UNDEFINED)
    return _at_line(
        "js-misspelling", words.format(wrong, right, rng.choice(_TYPES)), lines, mistake
    )


# Wrong operators and constants.

_MUTATIONS = tuple(
    (re.compile(pattern), wrong)
    for pattern, wrong in (
        (r"===", "!=="),
        (r"!==", "==="),
        (r"(?<![<>=])<=", "<"),
        (r"(?<![<>=])>=(?!=)", ">"),
        (r" < ", " <= "),
        (r" > ", " >= "),
        (r"&&", "||"),
        (r"\|\|", "&&"),
        (r"\?\?(?!=)", "||"),
        (r" \+ ", " - "),
        (r" - ", " + "),
        (r"(?<=[\w)]) \* (?=[\w(])", " + "),
        (r"\+\+", "--"),
        (r"\+= ", "-= "),
        (r"\btrue\b", "false"),
        (r"\bfalse\b", "true"),
        (r"\(!(?=\w)", "("),
        (r"\b0\b", "1"),
        (r"\b1\b", "0"),
        (r"\.length - 1\b", ".length"),
        (r"\bMath\.min\b", "Math.max"),
        (r"\bMath\.max\b", "Math.min"),
        (r"\bbreak;", "continue;"),
        (r"\.some\(", ".every("),
        (r"\.every\(", ".some("),
        (r"\.push\(", ".unshift("),
        (r"\bawait ", ""),
    )
)


def _mutate(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Swap one operator, constant or method of a line for a wrong one."""
    text = lines[line - 1]
    found = [(match, wrong) for pattern, wrong in _MUTATIONS for match in _seen(pattern, text)]
    if not found:
        return None
    match, wrong = rng.choice(found)
    return text[: match.start()] + wrong + text[match.end() :], Mistake(line, text)


def _fix_bug(lines: Lines, mistake: Mistake, rng: Random) -> Case:
    case = fix_mutation(lines, mistake, rng)
    return Case(f"js-{case.kind}", case.instruction, case.scope, case.program)


# Rules: what a line is to look like, how it breaks it, and what is said then.


@dataclass(frozen=True, slots=True)
class _Rule:
    """A way to break a right line, and the words for it.

    `right` is looked for in the code of a line; `wrong` is put in its place. In `words` stand the
    groups of the match: `{0}` is all of it.
    """

    right: re.Pattern[str]
    wrong: str
    words: tuple[str, ...]


def _rule(right: str, wrong: str, *words: str) -> _Rule:
    return _Rule(re.compile(right), wrong, words)


_SYNTAX = (
    _rule(
        r"(?<=[\w)\]'\"`]);$",
        "",
        "Missing semicolon.",
        "Missing semicolon.",
        "Missing semicolon",
        "Missing semicolon.  semi",
        "Insert `;`",
        "';' expected.",
        "';' expected.  ts(1005)",
    ),
    _rule(
        r"(?<=[\w)\]'\"]);$",
        ";;",
        "Unnecessary semicolon.",
        "Unnecessary semicolon.  no-extra-semi",
        "Delete `;`",
    ),
    _rule(
        r"(?<=[\w'\"])\)(?=;$)",
        "",
        "')' expected.",
        "')' expected.",
        "Parsing error: Unexpected token ;",
        "SyntaxError: missing ) after argument list",
        "')' expected.  ts(1005)",
    ),
    _rule(
        r"(?<=[\w'\"]\))\) \{$",
        " {",
        "')' expected.",
        "Parsing error: Unexpected token {{",
        "SyntaxError: Unexpected token '{{'",
    ),
    _rule(
        r"(?<=\)) \{$",
        "",
        "'{{' expected.",
        "'{{' expected.",
        "'{{' expected.  ts(1005)",
        'Parsing error: Unexpected token, expected "{{"',
        "SyntaxError: Unexpected token, expected '{{'",
    ),
    _rule(
        r"^(\s*const \w+) =(?= [\w'\"\[{])",
        r"\1",
        "',' expected.",
        "',' expected.  ts(1005)",
        "Parsing error: Unexpected token",
        "SyntaxError: Missing initializer in const declaration",
    ),
    _rule(
        r"(?<=\w)\](?=[;,)]?$)",
        "",
        "']' expected.",
        "']' expected.  ts(1005)",
        "Parsing error: Unexpected token",
    ),
    _rule(
        r"=>",
        "=",
        "'=>' expected.",
        "Parsing error: Unexpected token",
        "Malformed arrow function parameter list",
    ),
    _rule(r"\?\.", "?..", "Identifier expected.", "Parsing error: Unexpected token ."),
    _rule(
        r"\b(function)\b",
        "funtion",
        "Unexpected keyword or identifier.",
        "Parsing error: Missing semicolon",
        "SyntaxError: Unexpected identifier",
        "Unknown keyword or identifier. Did you mean 'function'?",
    ),
    _rule(
        r"\b(return)\b",
        "retrun",
        "Unexpected keyword or identifier.",
        "Unknown keyword or identifier. Did you mean 'return'?",
        "'retrun' is not defined.",
    ),
    _rule(
        r"\b(const)(?= \w)",
        "cosnt",
        "Unexpected keyword or identifier.",
        "Unknown keyword or identifier. Did you mean 'const'?",
        "Parsing error: Unexpected token",
        "SyntaxError: Unexpected identifier",
    ),
)

_STYLE = (
    _rule(
        r"^(\s*)const (\w+) =(?!.*,$)",
        r"\1let \2 =",
        "'{2}' is never reassigned. Use 'const' instead.",
        "'{2}' is never reassigned. Use 'const' instead.",
        "'{2}' is never reassigned. Use 'const' instead.  prefer-const",
        "This let declares a variable that is only assigned once.",
    ),
    _rule(
        r"^(\s*)let (?=\w)",
        r"\1var ",
        "Unexpected var, use let or const instead.",
        "Unexpected var, use let or const instead.  no-var",
    ),
    _rule(
        r"(?<=\w )===(?= \S)",
        "==",
        "Expected '===' and instead saw '=='.",
        "Expected '===' and instead saw '=='.",
        "Expected '===' and instead saw '=='.  eqeqeq",
        "Use === instead of ==.",
    ),
    _rule(
        r"(?<=\w )!==(?= \S)",
        "!=",
        "Expected '!==' and instead saw '!='.",
        "Expected '!==' and instead saw '!='.  eqeqeq",
        "Use !== instead of !=.",
    ),
    _rule(
        r"(?<=[\w)])\.([a-z]\w*)(?= = |;$|\.\w)",
        r'["\1"]',
        '["{1}"] is better written in dot notation.',
        '["{1}"] is better written in dot notation.  dot-notation',
    ),
    _rule(
        r"\(([A-Za-z]\w*)\) =>",
        r"\1 =>",
        "Expected parentheses around arrow function argument.",
        "Expected parentheses around arrow function argument.  arrow-parens",
    ),
    _rule(
        r"(?:(?<=\()|(?<=, )|(?<== ))([A-Za-z]\w*) =>",
        r"(\1) =>",
        "Unexpected parentheses around single function argument.",
        "Unexpected parentheses around single function argument.  arrow-parens",
    ),
    _rule(
        r"\b(if|for|while|switch|catch) (?=\()",
        r"\1",
        'Expected space(s) after "{1}".',
        'Expected space(s) after "{1}".  keyword-spacing',
        "Insert `·`",
    ),
    _rule(
        r"(?<=\)) \{$",
        "{",
        "Missing space before opening brace.",
        "Missing space before opening brace.  space-before-blocks",
        "Insert `·`",
    ),
    _rule(
        r"(?<=\w), (?=\w)",
        ",",
        "A space is required after ','.",
        "A space is required after ','.  comma-spacing",
        "Insert `·`",
    ),
    _rule(
        r" (=|\+|-|\*|===|&&|\|\|) (?=\S)",
        r"\1",
        "Operator '{1}' must be spaced.",
        "Operator '{1}' must be spaced.  space-infix-ops",
    ),
    _rule(
        r"(?<=\w) (=|===|&&) (?=\S)",
        r"  \1 ",
        "Multiple spaces found before '{1}'.",
        "Multiple spaces found before '{1}'.  no-multi-spaces",
        "Delete `·`",
    ),
    _rule(
        r"(\w[\w.]*) === (\d+|null|undefined)\b",
        r"\2 === \1",
        "Expected literal to be on the right side of ===.",
        "Expected literal to be on the right side of ===.  yoda",
    ),
    _rule(
        r"(?<=: )([A-Za-z]\w*)\[\]",
        r"Array<\1>",
        "Array type using 'Array<{1}>' is forbidden. Use '{1}[]' instead.",
        "Array type using 'Array<{1}>' is forbidden. Use '{1}[]' instead.  "
        "@typescript-eslint/array-type",
    ),
    _rule(
        r"^(\s*)await (?=\w)",
        r"\1",
        "Promises must be awaited.",
        "Promises must be awaited.  @typescript-eslint/no-floating-promises",
        "Missing await",
    ),
    _rule(
        r"\bnew ([A-Z]\w*)(?=\()",
        r"\1",
        "Value of type 'typeof {1}' is not callable. Did you mean to include 'new'?",
        "Class constructor {1} cannot be invoked without 'new'",
        "TypeError: Class constructor {1} cannot be invoked without 'new'",
        "A function with a name starting with an uppercase letter should only be used as a "
        "constructor.",
    ),
    _rule(
        r"!(?=[a-z]\w*[.)])",
        "!!!",
        "Redundant double negation.",
        "Redundant double negation.  no-extra-boolean-cast",
    ),
)


def _break(
    rules: Sequence[_Rule], lines: Lines, line: int, rng: Random
) -> tuple[str, Mistake] | None:
    """Break a rule that a line keeps in one place only, so that only one edit mends it."""
    text = lines[line - 1]
    found = []
    for number, rule in enumerate(rules):
        matches = _seen(rule.right, text)
        if len(matches) == 1:
            found.append((number, matches[0]))
    if not found:
        return None
    number, match = rng.choice(found)
    broken = text[: match.start()] + match.expand(rules[number].wrong) + text[match.end() :]
    words = rng.choice(rules[number].words).format(match[0], *match.groups())
    return (broken, Mistake(line, text, words=words)) if broken != text else None


def _keep(kind: str, lines: Lines, mistake: Mistake, _rng: Random) -> Case:
    """Mend what a rule complains of; the mistake brings its words along."""
    return _at_line(kind, mistake.words, lines, mistake)


def _wrong_quotes(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Put a string of a line into the other quotes."""
    text = lines[line - 1]
    strings = list(re.finditer(r"(?<=[(\[ ,=])(['\"])([\w ./:@-]*)\1", text))
    if len(strings) != 1 or re.search(r"//|/\*|^\s*\*|`", text):
        return None
    (match,) = strings
    right, wrong = ("single", '"') if match[1] == "'" else ("double", "'")
    broken = text[: match.start()] + wrong + match[2] + wrong + text[match.end() :]
    words = rng.choice(
        (
            f"Strings must use {right}quote.",
            f"Strings must use {right}quote.",
            f"Strings must use {right}quote.  quotes",
            f"Replace `{wrong}{match[2]}{wrong}` with `{match[0]}`",
        )
    )
    return broken, Mistake(line, text, words=words)


def _wrong_indent(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Move a line in or out by a space or two."""
    text = lines[line - 1]
    right = len(indent_of(text))
    wrong = right + rng.choice((-2, -1, 1, 2))
    if "\t" in indent_of(text) or wrong < 0 or right % 2 or text.lstrip().startswith(("*", "/")):
        return None
    words = rng.choice(
        (
            f"Expected indentation of {right} spaces but found {wrong}.",
            f"Expected indentation of {right} spaces but found {wrong}.",
            f"Expected indentation of {right} spaces but found {wrong}.  indent",
        )
    )
    return " " * wrong + text.lstrip(), Mistake(line, text, words=words)


def _trailing(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Put spaces behind a line."""
    text, spaces = lines[line - 1], rng.randint(1, 3)
    words = rng.choice(
        (
            "Trailing spaces not allowed.",
            "Trailing spaces not allowed.  no-trailing-spaces",
            f"Delete `{'·' * spaces}`",
        )
    )
    return text + " " * spaces, Mistake(line, text, words=words)


def _no_style(lines: Lines, line: int, rng: Random) -> tuple[str, Mistake] | None:
    """Break one of the rules of style in a line."""
    ways: tuple[PutIn, ...] = (partial(_break, _STYLE), _wrong_quotes, _wrong_indent, _trailing)
    (way,) = rng.choices(ways, weights=(8, 2, 1, 0.5))
    return way(lines, line, rng)


# What is there and not used.

_ONE_NAME = re.compile(
    r"^\s*(?:import (?:\* as )?(?:type )?(\w+) from ['\"].*['\"]"
    r"|import (?:type )?\{ (\w+) \} from ['\"].*['\"]"
    r"|(?:const|let|var) (?:\{ )?(\w+)(?: \})? = [^{(\[]*(?:\(.*\))?);?$"
)
_NAMES = re.compile(
    r"^(\s*(?:import (?:type )?|const |let |var )\{ )(\w+(?:, \w+)+)( \} (?:from|=) .*)$"
)
_CALL = re.compile(r"^\s*(console\.\w+\(.*\)|debugger);?$")

_UNUSED = (
    "'{}' is defined but never used.",
    "'{}' is defined but never used.",
    "'{}' is defined but never used.  no-unused-vars",
    "'{}' is defined but never used.  @typescript-eslint/no-unused-vars",
    "'{}' is declared but its value is never read.",
    "'{}' is declared but its value is never read.",
    "'{}' is declared but its value is never read.  ts(6133)",
    "'{}' is declared but never used.",
    "Remove the unused `{}`",
)
_ASSIGNED = (
    "'{}' is assigned a value but never used.",
    "'{}' is assigned a value but never used.  no-unused-vars",
    "'{}' is declared but its value is never read.",
    "'{}' is declared but its value is never read.  ts(6133)",
    "This variable {} is unused.",
    "Remove the unused `{}`",
)
_CONSOLE = (
    "Unexpected console statement.",
    "Unexpected console statement.  no-console",
    "Don't use console.",
    "Remove this console call",
)
_DEBUGGER = (
    "Unexpected 'debugger' statement.",
    "Unexpected 'debugger' statement.  no-debugger",
    "This is an unexpected use of the debugger statement.",
)


def unused(lines: Lines, rng: Random, _material: Material) -> Case | None:
    """Remove an import, a variable or one name of several that nothing else mentions; or a call.

    The line goes where nothing of it is left.
    """
    if len(lines) < 2:  # noqa: PLR2004  # something has to be left
        return None
    counts = Counter(name for line in lines for name in re.findall(r"[\w$]+", line))
    once = {name for name, count in counts.items() if count == 1}
    found = [
        (number, *idle)
        for number, line in enumerate(lines, 1)
        if (idle := _idle(line, once, rng)) is not None
    ]
    if not found:
        return None
    number, words, text = rng.choice(found)
    return Case("js-unused", words, (number, number), replace_lines(lines, number, number, text))


def _idle(line: str, once: set[str], rng: Random) -> tuple[str, list[str]] | None:
    """Return what is said of a line that holds a name without use, and what is left of it."""
    if match := _ONE_NAME.match(line):
        name = match[1] or match[2] or match[3]
        words = rng.choice(_ASSIGNED if match[3] else _UNUSED)
        return (words.format(name), []) if name in once else None
    if match := _NAMES.match(line):
        names = match[2].split(", ")
        idle = [name for name in names if name in once]
        if not idle:
            return None
        name = rng.choice(idle)
        words = rng.choice(_ASSIGNED if match[3].startswith(" } =") else _UNUSED)
        rest = ", ".join(x for x in names if x != name)
        return words.format(name), [match[1] + rest + match[3]]
    if match := _CALL.match(line):
        return rng.choice(_DEBUGGER if match[1] == "debugger" else _CONSOLE), []
    return None


# Helpers.


def _seen(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Return the matches that do not touch a string or a comment."""
    hidden = [match.span() for match in JAVASCRIPT.hidden.finditer(text)]
    return [
        match
        for match in pattern.finditer(text)
        if not any(
            start < max(match.end(), match.start() + 1) and match.start() < end
            for start, end in hidden
        )
    ]


def _at_line(kind: str, words: str, lines: Lines, mistake: Mistake) -> Case:
    program: Program = replace_lines(lines, mistake.line, mistake.line, [mistake.right])
    return Case(kind, words, (mistake.line, mistake.line), program)


MISTAKES: dict[str, tuple[PutIn, Undo]] = {
    "js-misspelling": (_misspell_name, _fix_misspelling),
    "js-bug": (_mutate, _fix_bug),
    "js-syntax": (partial(_break, _SYNTAX), partial(_keep, "js-syntax")),
    "js-style": (_no_style, partial(_keep, "js-style")),
}
"""As `mistakes.MAKERS`."""

MAKERS: dict[str, Maker] = {"js-unused": unused}
