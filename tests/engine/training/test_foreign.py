"""Words outside ASCII go where they change nothing that code means."""

from __future__ import annotations

import ast
from random import Random

import pytest

from copydecode.training import foreign
from copydecode.training.languages import LANGUAGES, PYTHON, Language

CODE = """\
def total(items):
    # Nothing is added twice.
    seen = set()
    if not items:
        raise ValueError("expected some items, found none")
    return sum(x for x in items if x not in seen)
""".splitlines()


@pytest.mark.parametrize("seed", range(20))
def test_code_means_what_it_did(seed: int) -> None:
    changed = foreign.put_in(CODE, Random(seed), PYTHON)
    assert len(changed) == len(CODE)
    assert max(map(len, changed)) <= PYTHON.longest

    def without_texts(lines: list[str]) -> str:
        tree = ast.parse("\n".join(lines))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = ""
        return ast.dump(tree)

    assert without_texts(changed) == without_texts(CODE)


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda language: language.name)
def test_most_texts_get_some(language: Language) -> None:
    drawn = [foreign.put_in(CODE, Random(seed), language) for seed in range(20)]
    assert sum(not "".join(lines).isascii() for lines in drawn) > 10


def test_words_are_of_many_scripts_and_seeded() -> None:
    said = "".join(foreign.words(Random(seed)) for seed in range(400))
    for script in ("éü", "жи", "λμ", "的人", "のは", "가나", "של", "🎉🐛", "→…"):
        assert any(letter in said for letter in script), script
    assert foreign.words(Random(3)) == foreign.words(Random(3))
