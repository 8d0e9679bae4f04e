"""Which change of a line mends a syntax error."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from copydecode.fixes import slips
from copydecode.fixes.fix import Fix
from copydecode.fixes.syntax import LONGEST_LINE, syntax_fix

HEAD = ["import os", "", "", "class Shop:", "    def total(self, prices, rate):"]
TAIL = ["        return rate", "", "    def other(self):", "        return None"]


def mended(message: str, *lines: str, located: bool = True) -> list[str] | None:
    """Return the lines in the middle of a class as they become, None where no fix is known."""
    first = len(HEAD) + 1
    text = [*HEAD, *lines, *TAIL]
    for number in range(first, first + len(lines)):
        fix = syntax_fix(message, text, (number, number) if located else None)
        if fix is not None:
            done = [*text[: fix.line - 1], *fix.lines, *text[fix.line - 1 + fix.replaces :]]
            assert done[: len(HEAD)] == HEAD
            assert done[-len(TAIL) :] == TAIL
            return done[len(HEAD) : -len(TAIL)]
    return None


@pytest.mark.parametrize(
    ("message", "wrong", "right"),
    [
        ("SyntaxError: expected ':'", "if rate > 1", "if rate > 1:"),
        ("E999 SyntaxError: expected ':'", "if rate > 1  # now", "if rate > 1:  # now"),
        ("invalid-syntax: Expected `:`, found newline", "if rate > 1", "if rate > 1:"),
        ('Expected ":"', "if rate > 1", "if rate > 1:"),
        ("there is a colon missing", "if rate > 1", "if rate > 1:"),
        ("'(' was never closed", "if max(prices, rate:", "if max(prices, rate):"),
        ('"[" was not closed', "if prices[0:", "if prices[0]:"),
        ("missing bracket", "if sum(prices:", "if sum(prices):"),
        ("unmatched ')'", "if sum(prices)):", "if sum(prices):"),
        ("one bracket too many", "if sum(prices)):", "if sum(prices):"),
        (
            "closing parenthesis ']' does not match opening parenthesis '('",
            "if sum(prices]:",
            "if sum(prices):",
        ),
        ("unterminated string literal (detected at line 6)", "if rate == 'a:", "if rate == 'a':"),
        ("fix the missing quote", "if os.path.join(rate, a'):", "if os.path.join(rate, 'a'):"),
        ("missing comma", "for _ in zip(prices rate):", "for _ in zip(prices, rate):"),
        ("Expected `,`, found name", "for _ in zip(prices rate):", "for _ in zip(prices, rate):"),
        ("= instead of ==", "if rate = 1:", "if rate == 1:"),
        ("this should compare", "if rate = 1:", "if rate == 1:"),
        ("invalid syntax", "fro price in prices:", "for price in prices:"),
        ("`esle`?", "if rate > 1 esle prices:", None),
        ("misspelt keyword", "whlie rate:", "while rate:"),
        ("Simple statements must be separated by newlines or semicolons", "whlie a:", "while a:"),
        ("Expected expression", "if rate && prices:", "if rate and prices:"),
        ("invalid syntax  [syntax]", "else if rate:", None),
    ],
)
@pytest.mark.parametrize("located", [True, False])
def test_what_is_forgotten_doubled_or_misspelt_in_a_header(
    message: str, wrong: str, right: str | None, *, located: bool
) -> None:
    indent = " " * 8
    body = indent * 2 + "rate = 2"
    got = mended(message, indent + wrong, body, located=located)
    assert got == (None if right is None else [indent + right, body])


@pytest.mark.parametrize(
    ("message", "wrong", "right"),
    [
        ("unexpected indent", "            rate = 2", "        rate = 2"),
        ("wrong indentation", "          rate = 2", "        rate = 2"),
        (
            "unindent does not match any outer indentation level",
            "      rate = 2",
            "        rate = 2",
        ),
        ("`retrun`?", "        retrun rate", "        return rate"),
        ("missing quote", '        print("Hello, world)', '        print("Hello, world")'),
        ("missing quote", '        rate.get("prices, rate)', '        rate.get("prices", rate)'),
        ("missing quote", '        print(f{rate} is it")', '        print(f"{rate} is it")'),
        ("'(' was never closed", "        print(", "        print()"),
        ("'(' was never closed", "        print((", None),
    ],
)
def test_statements_of_one_line(message: str, wrong: str, right: str | None) -> None:
    got = mended(message, "        first = 1", wrong)
    assert got == (None if right is None else ["        first = 1", right])


def test_a_body_is_indented_and_its_words_are_not_taken_for_others() -> None:
    got = mended(
        "expected an indented block after 'if' statement on line 6",
        "        if rate:",
        "        rate = 2",
    )
    assert got == ["        if rate:", "            rate = 2"]


@pytest.mark.parametrize(
    "message",
    [
        "undefined name 'rate'",
        "remove this line",
        "insert a missing check before line 3",
        'Argument 1 has incompatible type; expected "str"',
        "fix the typo in the docstring",
        "SyntaxError: 'return' outside function",
        "",
    ],
)
def test_other_messages_are_left_alone(message: str) -> None:
    assert mended(message, "        rate = 2") is None
    if "SyntaxError" not in message:
        assert mended(message, "        if rate") is None


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("expected ':'", "        if rate: pass"),
        ("SyntaxError: expected ':'", "        if rate: pass"),
        ("'(' was never closed", "        print(rate)"),
        ("unexpected indent", "        print(rate)"),
    ],
)
def test_what_parses_by_now_is_left_as_it_is(message: str, line: str) -> None:
    lines = [*HEAD, line, *TAIL]
    assert syntax_fix(message, lines, (6, 6)) == Fix(6)
    assert Fix(6).instruction == "Change nothing."


@pytest.mark.parametrize(
    ("message", "lines", "number"),
    [
        (
            "expected an indented block after function definition on line 1",
            ["def f():", "", "def g():", "    pass"],
            3,
        ),
        (
            "unindent does not match any outer indentation level",
            ["class A:", "    def f(self):", "        pass", "  def g(self):", "        pass"],
            4,
        ),
        ("unexpected indent", ["x = 1", "    def f():", "        pass"], 2),
        ("invalid syntax", ["x = (1,", "", "def f():", "    pass"], 3),
        ("missing comma", ["x = ['a' 'b', 'c']"], 1),
    ],
)
def test_what_only_parses_by_itself_is_not_out_of_date(
    message: str, lines: list[str], number: int
) -> None:
    assert syntax_fix(message, lines, (number, number)) != Fix(number)


@pytest.mark.parametrize(
    "lines",
    [
        ["x = foo(", "    a,", "    b", "y = 1"],
        ["x = [", "    1,", "", "y = 3"],
        ["x = foo(a,", "        b", "y = 1"],
    ],
)
def test_brackets_over_several_lines_are_not_closed_in_the_first(lines: list[str]) -> None:
    assert syntax_fix("'(' was never closed", lines, (1, 1)) is None


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
            "print 'a'",
        ),
        ("SyntaxError: positional argument follows keyword argument", "f(a=1, b)"),
        ("SyntaxError: Generator expression must be parenthesized", "f(a for a in b, c)"),
        ("SyntaxError: f-string: valid expression required before '}'", "x = f'{}'"),
        ("SyntaxError: bytes can only contain ASCII literal characters", "x = b'\u00e9'"),
        ("invalid syntax", "x = 'say 'hi''"),
        ("invalid syntax", "print 'hello'"),
        ("invalid syntax", "x = [i for i in a if i else 0]"),
        ("unterminated string literal (detected at line 1)", "x = 'don't do it'"),
        ("Unmatched rows should raise ValueError", "def f(x)"),
        ("Expected `str` but got `int`", "f(1 2)"),
        ("remove the comma", "f(x, y z)"),
        ("should be = instead of ==", "if x = 1: pass"),
    ],
)
def test_what_is_no_slip_or_not_said_is_left_alone(message: str, line: str) -> None:
    assert syntax_fix(message, [line], (1, 1)) is None
    assert syntax_fix(message, [line, "    pass"], None) is None


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Expected `:`, found `,`", 3),
        ("syntax error", None),
        ("SyntaxError: invalid syntax", 3),
    ],
)
def test_a_bracket_that_is_closed_below_is_not_closed_above(message: str, number: int) -> None:
    lines = ["X = {", '    "a": 1,', '    "b" (1, 2, 3 4),', '    "c": 3,', "}"]
    scope = (number, number) if number else None
    assert syntax_fix(message, lines, scope) is None


@pytest.mark.parametrize(
    ("message", "lines", "number"),
    [
        ("invalid syntax", ["net = 1", "net  net * 2"], 2),
        ("invalid syntax", ["items [x for x in a]"], 1),
        ("unmatched ')'", ["items.sort)"], 1),
        ("unexpected indent", ["  import os"], 1),
    ],
)
def test_what_would_mean_something_else_is_no_fix(
    message: str, lines: list[str], number: int
) -> None:
    fix = syntax_fix(message, lines, (number, number))
    assert fix is None or fix == Fix(1, ("import os",), 1)


def test_the_nearest_indentation_is_meant_and_never_behind_a_return() -> None:
    lines = ["def f(a):", "    if a:", "        return 1", "     return 2"]
    message = "unindent does not match any outer indentation level"
    assert syntax_fix(message, lines, (4, 4)) == Fix(4, ("    return 2",), 1)


def test_a_comment_is_not_taken_into_a_text() -> None:
    fix = syntax_fix("unterminated string literal", ["x = 'abc  # why"], (1, 1))
    assert fix == Fix(1, ("x = 'abc'  # why",), 1)


def test_a_line_that_could_be_much_is_given_up() -> None:
    """After so many lines that were parsed, not after so much time: elsewhere it is the same."""
    body = [f"    x{k} = f(a, b, c, d, e, g, h, i, {k})" for k in range(110)]
    lines = ["def f():", *body, "    " + " ".join(f"w{k}" for k in range(40)), *body]
    assert syntax_fix("invalid syntax", lines, (112, 112)) is None


def test_the_name_that_a_message_quotes_is_what_changes() -> None:
    """Else `yild` could be the name of a variable with an annotation."""
    assert mended("`yild`?", "        yild rate") == ["        yield rate"]
    assert mended("typo in 'yild'", "        yild rate") == ["        yield rate"]


def test_errors_elsewhere_do_not_hinder() -> None:
    """Above the line in the same function, and in others below it."""
    lines = ["def f(:", "    a = (1", "    if a", "        return 1", "", "def g(x", "    pass"]
    assert syntax_fix("expected ':'", lines, (3, 3)) == Fix(3, ("    if a:",), 1)


def test_a_text_that_begins_in_the_middle_of_something() -> None:
    lines = ["        )", "    else:", "        a = 1", "", "    if a", "        return 1"]
    assert syntax_fix("expected ':'", lines, (5, 5)) == Fix(5, ("    if a:",), 1)


def test_several_lines_and_lines_that_are_too_long_are_left_alone() -> None:
    lines = ["if a", "    b()", "    c()", "    d()"]
    assert syntax_fix("expected ':'", lines, (1, 3)) == Fix(1, ("if a:",), 1)
    assert syntax_fix("expected ':'", lines, (1, 4)) is None
    long = [f"if {'a' * LONGEST_LINE}", "    b()"]
    assert syntax_fix("expected ':'", long, (1, 1)) is None


def test_line_ends_and_fences() -> None:
    assert syntax_fix("expected ':'", ["if a\r\n", "    b()\r\n"], (1, 1)) == Fix(1, ("if a:",), 1)
    fenced = ["if a == '```'", "    b()"]
    assert syntax_fix("expected ':'", fenced, (1, 1)) is None
    assert syntax_fix("expected ':'", [], None) is None
    assert syntax_fix("expected ':'", [""], (1, 1)) == Fix(1)


def test_what_is_told_of_a_line_below_an_error_is_not_out_of_date() -> None:
    lines = ["if a:", "    b(", "    c = 1", "    d = 2", "    e = 3", "    f = 4"]
    assert syntax_fix("invalid syntax", lines, (3, 3)) == Fix(2, ("    b()",), 1)
    assert syntax_fix("unexpected indent", lines, (3, 3)) != Fix(3)


def test_what_was_not_closed_is_mended_above_where_a_tool_tells_of_it() -> None:
    lines = ["def f(a):", "    b = g(a", "    if b:", "        return 1", "    return 2"]
    fix = Fix(2, ("    b = g(a)",), 1)
    assert syntax_fix("Expected `else`, found `:`", lines, (3, 3)) == fix
    assert syntax_fix("'(' was never closed", lines, (2, 2)) == fix
    assert syntax_fix("missing bracket", lines, (3, 3)) is None
    assert syntax_fix("'(' was never closed", lines, (1, 1)) is None


SOURCE = Path(slips.__file__).read_text(encoding="utf-8").split("\n")
HEADERS = [k for k, line in enumerate(SOURCE, 1) if line.endswith(":") and "(" in line]


def fixed(number: int, wrong: str) -> str | None:
    """Return what a line of a module becomes where it is `wrong`; None if told of elsewhere."""
    broken = [*SOURCE[: number - 1], wrong, *SOURCE[number:]]
    with pytest.raises(SyntaxError) as caught:
        ast.parse("\n".join(broken))
    if caught.value.lineno != number:
        return None
    fix = syntax_fix(f"SyntaxError: {caught.value.msg}", broken, (number, number))
    assert fix is not None
    return fix.lines[0]


@pytest.mark.parametrize("number", HEADERS)
def test_in_real_code_the_colon_of_a_header_comes_back(number: int) -> None:
    line = SOURCE[number - 1]
    assert fixed(number, line[:-1]) in {line, None}


def test_in_real_code_the_last_bracket_of_a_header_mostly_comes_back() -> None:
    """`count(quote) % 2` and `count(quote % 2)` are both Python: nobody can know."""
    lines = [SOURCE[number - 1] for number in HEADERS]
    wrong = [line[: (at := line.rindex(")"))] + line[at + 1 :] for line in lines]
    got = [fixed(number, text) for number, text in zip(HEADERS, wrong, strict=True)]
    told = [(line, text) for line, text in zip(lines, got, strict=True) if text is not None]
    assert len(told) > len(lines) / 2
    assert sum(line == text for line, text in told) >= 0.9 * len(told)
