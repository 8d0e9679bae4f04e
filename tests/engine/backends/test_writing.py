"""Full text in place of programs: the same text as plain decoding, as a program over the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copydecode.backends.writing import Rewrites
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task
from copydecode.decode.prompt import EmbeddedPrompt, Prompt
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit import grammar as text_form
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, Gen, Program
from copydecode.edit.resolve import resolve
from copydecode.errors import OutsideScopeError
from tests.engine.decode.scripted import UNLIMITED, leniently, noisy, run

TEXT = "".join(f"value_{n} = compute({n}, other)\n" for n in range(1, 31))


def nothing(_first: int, _last: int) -> list[int]:
    return []


@pytest.fixture(scope="session")
def prompt(vocabulary: Vocabulary) -> Prompt:
    """The prompt of an edit of the text."""
    return EmbeddedPrompt(vocabulary, 999, 10_000).build(Document(TEXT), "do it")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), n=st.integers(0, 12))
def test_drafts_change_forwards_never_the_text(
    own_literals: Literals, prompt: Prompt, seed: int, n: int
) -> None:
    shown = replace(prompt, shown=replace(prompt.shown, line_tokens=prompt.line_tokens[:n]))
    along = [token for line in shown.line_tokens for token in line]
    programs, receipts = [], []
    for drafts in (False, True):
        automaton, drafter = Rewrites(own_literals).begin(shown, None)
        task = Task(prompt.tokens[:9], nothing, limits=UNLIMITED, drafter=drafter, drafting=drafts)
        receipts.append(Receipt())
        model = noisy(own_literals, seed, closing=0.05, along=along)
        programs.append(run(model, automaton, task, receipts[-1]))
    plain, drafted = receipts
    assert programs[0] == programs[1]
    assert drafted.forwards <= plain.forwards
    assert drafted.generated_tokens == plain.generated_tokens


def rewritten(
    literals: Literals, prompt: Prompt, new: str, lock: tuple[int, int] | None = None
) -> tuple[Program, Receipt]:
    """Let a model write a text that it is bound to write."""
    writing = Rewrites(literals)
    automaton, drafter = writing.begin(prompt, lock)
    sequence = [*prompt.tokens, *literals.codec.encode(new), *literals[text_form.GEN_CLOSE]]
    receipt = Receipt()
    task = Task(prompt.tokens, nothing, limits=UNLIMITED, drafter=drafter)
    program = run(leniently(sequence, literals.size), automaton, task, receipt)
    return writing.program(program, prompt, lock), receipt


def test_what_was_written_becomes_a_program_with_copies(
    own_literals: Literals, prompt: Prompt
) -> None:
    new = TEXT.replace("value_10 = compute(10", "value_10 = calculate(10")
    program, receipt = rewritten(own_literals, prompt, new)
    assert program.ops[0] == Copy(1, 9)
    assert program.ops[2] == Copy(11, 30)
    assert resolve(program, Document(TEXT)) == new
    assert receipt.forwards < 8  # For some 300 tokens: the document is the draft.


@pytest.mark.parametrize(
    "new", ["", TEXT, "other\n", TEXT.replace("value_1 ", ""), TEXT + "more\n", TEXT[40:]]
)
def test_any_text_can_be_written(own_literals: Literals, prompt: Prompt, new: str) -> None:
    program, _ = rewritten(own_literals, prompt, new)
    assert resolve(program, Document(TEXT)) == new


def test_a_locked_scope_is_kept_or_the_edit_refused(own_literals: Literals, prompt: Prompt) -> None:
    lines: Sequence[str] = Document(TEXT).lines
    new = "".join([*lines[:4], "new\n", *lines[6:]])
    program, _ = rewritten(own_literals, prompt, new, lock=(5, 6))
    assert program == Program((Copy(1, 4), Gen("new\n"), Copy(7, 30)))
    with pytest.raises(OutsideScopeError, match="outside 6 to 6"):
        rewritten(own_literals, prompt, new, lock=(6, 6))
    with pytest.raises(OutsideScopeError):  # Nothing is counted twice.
        rewritten(own_literals, prompt, "".join(lines[:4]), lock=(5, 6))
