"""Which name is to become which is read from the words; where they do not say it, it is guessed."""

from __future__ import annotations

import pytest

from copydecode.decode.renaming import Renaming, is_elsewhere, renamed_lines, renaming


@pytest.mark.parametrize(
    ("words", "old", "new"),
    [
        ("Rename `old` to `new`", "old", "new"),
        ("rename old to new", "old", "new"),
        ("please rename the parameter 'a' into \u2018b\u2019 everywhere", "a", "b"),
        ("Replace `x` by `y` everywhere", "x", "y"),
        ("rename the method write of Stream to send", "write", "send"),
        ("Rename `Stream.write` to `send`", "write", "send"),
        ("rename write() to send()", "write", "send"),
        ("rename the parameter args in dumps to values", "args", "values"),
        ("Rename the parameter name of add to title", "name", "title"),
        ("in dumps, rename args to values", "args", "values"),
        ("Cannot find name 'requir'. Did you mean 'require'?", "requir", "require"),
        (
            "Property 'lenght' does not exist on type 'A'. Did you mean 'length'?",
            "lenght",
            "length",
        ),
        (
            "E1101: Instance of 'A' has no 'colour' member; maybe 'color'? (no-member)",
            "colour",
            "color",
        ),
    ],
)
def test_words_say_which_name_becomes_which(words: str, old: str, new: str) -> None:
    names = renaming(words, ["other"])
    assert names
    assert (names.old, names.new, names.said) == (old, new, True)


@pytest.mark.parametrize(
    ("words", "similar", "names"),
    [
        (
            "Undefined name `reslut`",
            ["result", "results"],
            Renaming("reslut", "result", member=True, alone=True),
        ),
        ("Undefined name `reslut`", [], None),
        (
            '"Self" has no attribute "aclole"',
            ["self", "aclose"],
            Renaming("aclole", "aclose", member=True, alone=True),
        ),
        (
            "Unexpected keyword argument 'nmae' in call",
            ["name"],
            Renaming("nmae", "name", member=True, alone=True),
        ),
        # What is like a quoted name is a guess where nothing says that this one is wrong.
        (
            "'Thread' imported but unused",
            ["thread"],
            Renaming("Thread", "thread", said=False, member=True),
        ),
        ('"Self" has no attribute "aclole"', ["self", "help"], None),
        ("Unknown keyword or identifier. Did you mean 'const'?", ["cons"], None),
        ("Delete line 3", ["lines"], None),
        ("", [], None),
    ],
)
def test_a_misspelt_name_becomes_the_one_that_is_most_like_it(
    words: str, similar: list[str], names: Renaming | None
) -> None:
    assert renaming(words, similar) == names


@pytest.mark.parametrize(
    "words",
    [
        "Change the type of `value` to `int`",
        "Change the return type of `write` to str",
        "Rename the heading Pretty Printing to Similar",
        "replace os.stat by pathlib",
        "change price to float",
        "Change name to title case",
        "change add to add_item but keep the old name as an alias",
        "Change the text of the link 'parse5' to \"inherited\"",
    ],
)
def test_what_is_about_more_than_a_name_says_nothing_for_certain(words: str) -> None:
    names = renaming(words)
    assert names is None or not names.said


@pytest.mark.parametrize(
    "words",
    [
        "Replace this with foo",
        "rename the function to foo",
        "Rename function to foo",
        "rename the variable to foo",
        "change it to async",
        "Replace everything by nothing",
    ],
)
def test_words_of_the_sentence_are_no_names(words: str) -> None:
    assert renaming(words) is None


def test_a_name_may_be_such_a_word() -> None:
    for words in ("rename file to path", "rename `function` to `path`", "Replace name by path"):
        names = renaming(words)
        assert names
        assert (names.new, names.said) == ("path", True)


def test_words_that_name_expressions_are_no_renaming() -> None:
    assert renaming("Replace `print` by `logging.info`") is None
    assert renaming("Change the type of `value` to `int | None`") is None


def test_whole_names_are_replaced_in_the_scope_if_it_has_any() -> None:
    lines = ["a = old", "b = older", "old(old)", ""]
    names = Renaming("old", "new")
    assert renamed_lines(lines, names, None) == {1: "a = new", 3: "new(new)"}
    assert renamed_lines(lines, names, (3, 4)) == {3: "new(new)"}
    assert renamed_lines(lines, names, (2, 2)) == {1: "a = new", 3: "new(new)"}
    assert renamed_lines(lines, Renaming("none", "new"), None) == {}


def test_a_renaming_by_words_reaches_beyond_the_cursor_but_not_beyond_a_selection() -> None:
    lines = ["old = 1", "use(old)", "old += 1"]
    names = renaming("rename old to new")
    assert names
    assert len(renamed_lines(lines, names, (2, 2))) == 3
    assert len(renamed_lines(lines, names, (2, 3), inside=True)) == 2


@pytest.mark.parametrize(
    "words",
    [
        "raise KeyError when 'name' is not found",
        "return 404 when `name` does not exist",
        "handle the case where 'name' is unknown",
        "'name' is possibly unbound; not defined in all paths",
        "change name of f to h",
        "rename name to class",
        "replace name with None",
    ],
)
def test_what_is_to_be_done_with_a_name_is_no_renaming(words: str) -> None:
    names = renaming(words, ["names"])
    assert names is None or not names.said


def test_what_was_meant_is_quoted_or_stands_at_the_end() -> None:
    names = renaming("Cannot find `nmae`: did you mean to import it from 'title'?", ["name"])
    assert names == Renaming("nmae", "name", member=True, alone=True)
    assert renaming("undefined name 'a', did you mean b?") == Renaming(
        "a", "b", member=True, alone=True
    )


@pytest.mark.parametrize(
    ("words", "alone"),
    [
        ("rename old to new", True),
        ("Please rename the variable `old` to `new` in `f` everywhere.", True),
        ("In f, rename old to new", True),
        ("rename old to new and add a docstring", False),
        ("Delete line 3 and rename old to new", False),
        ("Undefined name `old`", True),
        ("Undefined name `old`: import it and call it", False),
    ],
)
def test_a_renaming_stands_alone_where_nothing_else_is_asked(words: str, alone: bool) -> None:
    names = renaming(words, ["olds"])
    assert names
    assert names.alone == alone


def test_a_name_is_replaced_in_the_function_that_is_spoken_of() -> None:
    lines = [
        "key = 1",
        "def dumps(",
        "    key,",
        ") -> None:",
        "",
        "    return key",
        "",
        "def loads(key): ...",
    ]
    inside = {3: "    name,", 6: "    return name"}
    for words in ("Rename `key` to `name` in `dumps`", "rename the parameter key of dumps to name"):
        names = renaming(words)
        assert names
        assert renamed_lines(lines, names, (8, 8)) == inside
    elsewhere = renaming("Rename `key` to `name` in this file")
    assert elsewhere
    assert len(renamed_lines(lines, elsewhere, None)) == 4


def test_what_a_name_is_meant_within_may_not_be_there() -> None:
    lines = ["def add(name):", "    return name"]
    for words, elsewhere in (
        ("rename name to title in add", False),
        ("rename name to title in this file", False),
        ("rename name to title in the docstring", True),
        ("rename name to title in the constructor", True),
    ):
        names = renaming(words)
        assert names
        assert is_elsewhere(lines, names) == elsewhere


def test_a_variable_is_no_attribute_of_the_same_name() -> None:
    lines = ["def f(self, name):", "    self.name = name"]
    for words, inside in (("rename name to label in f", False), ("rename name to label", True)):
        names = renaming(words)
        assert names
        renamed = renamed_lines(lines, names, (1, 2), inside=inside)
        assert renamed[2] == "    self.name = label"
    names = renaming("rename the method name to label")
    assert names
    assert renamed_lines(lines, names, (1, 2), inside=True)[2] == "    self.label = label"


def test_the_words_themselves_may_stand_in_a_line() -> None:
    lines = ["# rename old to new AI!", "old = 1"]
    names = renaming("rename old to new")
    assert names
    assert renamed_lines(lines, names, None) == {2: "new = 1"}
