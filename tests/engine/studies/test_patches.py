"""Search/replace blocks and unified diffs: what comes back, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from copydecode.studies import adversarial, patches
from copydecode.studies.patches import DoesNotApplyError

TEXT = st.lists(st.sampled_from(["a", "b", "", "-", "+ c", "\\ d", "@@"]), max_size=8).map(
    "\n".join
)


@given(TEXT, TEXT, st.integers(0, 4))
@example("", "a", 3)
@example("a\n", "a", 3)
@example("a", "", 0)
def test_a_unified_diff_comes_back(source: str, target: str, context: int) -> None:
    patch = patches.write_unified_diff(source, target, context)
    assert patches.apply_unified_diff(source, patch) == target


def test_a_unified_diff_of_odd_strings_comes_back() -> None:
    for source, target in adversarial.pairs(300, seed=1):
        patch = patches.write_unified_diff(source, target)
        assert patches.apply_unified_diff(source, patch) == target


@given(TEXT, TEXT)
@example("", "a")
@example("a\na", "a\nb\na")
@example("a", "b\na")
def test_unique_search_replace_comes_back(source: str, target: str) -> None:
    patch = patches.search_replace_unique(source, target)
    assert patches.apply_search_replace(source, patch) == target


def test_a_block_that_fits_twice_is_refused() -> None:
    source, target = "x\ny\nx\n", "x\ny\nz\n"
    with pytest.raises(DoesNotApplyError, match="found them in 2"):
        patches.apply_search_replace(source, patches.search_replace(source, target))


def test_an_insertion_is_anchored_at_the_line_before() -> None:
    patch = patches.search_replace("a\nb\n", "a\nnew\nb\n")
    assert patch == "<<<<<<< SEARCH\na\n=======\na\nnew\n>>>>>>> REPLACE\n"


@pytest.mark.parametrize(
    "patch",
    [
        "words",
        "<<<<<<< SEARCH\na\n=======\nb\n",
        "<<<<<<< SEARCH\na\n>>>>>>> REPLACE\n",
        "\n=======\nb\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\nmissing\n=======\nb\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\n=======\nb\n>>>>>>> REPLACE\n",
    ],
)
def test_what_is_no_search_replace_is_refused(patch: str) -> None:
    with pytest.raises(DoesNotApplyError):
        patches.apply_search_replace("a\n", patch)


@pytest.mark.parametrize(
    "hunk",
    [
        "words",
        "@@ -1 +1 @@\n-b\n+c\n",  # Another line.
        "@@ -2 +2 @@\n-a\n+c\n",  # Another place.
        "@@ -5,0 +6 @@\n+c\n",  # Behind the end.
        "@@ -1 +1 @@\n-a\n",  # Too short.
        "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+c\n",  # There is one.
    ],
)
def test_what_does_not_fit_exactly_is_refused(hunk: str) -> None:
    with pytest.raises(DoesNotApplyError):
        patches.apply_unified_diff("a\n", "--- a\n+++ b\n" + hunk)
