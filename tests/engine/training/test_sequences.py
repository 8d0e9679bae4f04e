"""A sequence is what decoding leaves in the cache, with any tokenizer, window and lock."""

from __future__ import annotations

from random import Random

import pytest

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task, decode
from copydecode.decode.prefix import Prefix
from copydecode.decode.prompt import EmbeddedPrompt, Prompt, Shown
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import Document
from copydecode.edit.fit import whole
from copydecode.edit.program import Copy, Gen, Program
from copydecode.training.sequences import example
from copydecode.training.sheets import EVERYDAY, SheetMaker
from tests.engine.decode.scripted import scripted


def plain_prompt(literals: Literals, lines: list[str]) -> Prompt:
    """Return a prompt of no format of ours: lines, then the beginning of a program."""
    encoded = [literals.codec.encode(line + "\n") for line in lines]
    tokens = [*(t for line in encoded for t in line), *literals["<program>"]]
    return Prompt(
        tokens, Shown(tokens, whole(Document("".join(f"{x}\n" for x in lines))), encoded, 0)
    )


@pytest.mark.parametrize("window", [None, 0, 5])
def test_a_model_that_follows_the_sequence_decodes_the_program(
    maker: SheetMaker, grammar: ProgramGrammar, window: int | None
) -> None:
    """And is asked for just the tokens that are said to be decided."""
    literals = grammar.literals
    rng = Random(1)
    for _ in range(12):
        sheet = maker.draw(rng, rng.randint(8, 20), 2, EVERYDAY)
        prompt = plain_prompt(literals, list(sheet.lines))
        for case in sheet.cases:
            made = example(prompt, case.program, grammar, window, case.lock)
            receipt = Receipt()
            task = Task(prompt.tokens, prompt.splice, window)
            constraint = grammar.start(len(sheet.lines), case.lock)
            model = scripted(made.tokens, literals.size)
            assert decode(Prefix(model), constraint, task, receipt) == case.program
            assert receipt.generated_tokens == len(made.decided)


def test_reserved_literals_and_odd_text_come_back(grammar: ProgramGrammar) -> None:
    literals = grammar.literals
    prompt = plain_prompt(literals, ["one", "<gen>two</gen>"])
    for text in ("<gen></gen>\n", "<\n", "☃ and\ttabs\n\n\n", "no end", "</gen\n", ""):
        program = Program((Copy(2, 2), Gen(text), Copy(1, 2)))
        made = example(prompt, program, grammar, None)
        model = scripted(made.tokens, literals.size)
        constraint = grammar.start(2)
        assert decode(Prefix(model), constraint, Task(prompt.tokens, prompt.splice), Receipt()) == (
            program
        )


def test_the_embedded_models_sequences_are_those_it_was_trained_on(
    maker: SheetMaker, vocabulary: Vocabulary, own_grammar: ProgramGrammar
) -> None:
    """Token for token, and with loss on no others."""
    prompts = EmbeddedPrompt(vocabulary, 60, 2000)
    rng = Random(2)
    for _ in range(12):
        sheet = maker.draw(rng, 16, 3, EVERYDAY)
        for case in sheet.cases:
            prompt = prompts.build(sheet.document, case.instruction, case.scope, "python")
            tokens, decided = prompts.program_tokens(case.program, prompt.line_tokens, 8, case.lock)
            made = example(prompt, case.program, own_grammar, 8, case.lock)
            start = len(prompt.tokens)
            assert made.tokens[start:] == tokens
            trained = {start + index for index, flag in enumerate(decided) if flag}
            assert set(made.decided) <= trained


def test_ends_are_the_decisions_of_last_lines(own_grammar: ProgramGrammar) -> None:
    """Where the lock leaves no choice there is none."""
    prompt = plain_prompt(own_grammar.literals, [f"x = {k}" for k in range(9)])
    program = Program((Copy(1, 3), Gen("y\n"), Copy(5, 9)))
    made = example(prompt, program, own_grammar, 0)
    assert len(made.ends) == 2
    assert made.ends < set(made.decided)
    locked = example(prompt, program, own_grammar, 0, (4, 4))
    assert locked.ends == frozenset()
