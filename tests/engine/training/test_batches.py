"""Training sequences are what decoding leaves in the cache, and branches attend as if alone."""

from __future__ import annotations

from random import Random

import pytest
import torch

from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.decode.loop import Task, decode
from copydecode.decode.model import EmbeddedModel
from copydecode.decode.network import Network
from copydecode.decode.prefix import Prefix
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.receipt import Receipt
from copydecode.decode.vocabulary import Vocabulary
from copydecode.edit.document import Document
from copydecode.edit.program import Copy, CopyTokens
from copydecode.edit.resolve import resolve
from copydecode.edit.token_copies import lower
from copydecode.training.batches import PAD, BranchAttention, make_batch
from copydecode.training.corpus import SourceFile
from copydecode.training.lessons import Lessons, Loader
from copydecode.training.sheets import DIAGNOSTICS, EVERYDAY, FINDING, REFACTORS, SheetMaker
from copydecode.training.tokenizer import train_tokenizer
from copydecode.training.trainer import TrainConfig
from tests.engine.decode.scripted import scripted

WINDOW = 8
TINY = TrainConfig(width=32, layers=2, heads=2, key_value_heads=1, feed_forward=48)


def test_training_sequences_are_what_decoding_produces(
    maker: SheetMaker, vocabulary: Vocabulary, own_literals: Literals
) -> None:
    """A model that follows the training sequence token by token decodes the gold program."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    grammar = ProgramGrammar(own_literals)
    rng = Random(1)
    for mix in (EVERYDAY, DIAGNOSTICS, REFACTORS) * 12:
        sheet = maker.draw(rng, rng.randint(14, 24), 2, mix)
        batch = make_batch([sheet], prompt, WINDOW)
        p, s, d = batch.document_tokens, batch.branch_tokens, int(batch.document_lengths[0])
        for index, case in enumerate(sheet.cases):
            built = prompt.build(
                Document(sheet.document.text), case.instruction, case.scope, "python"
            )
            branch = batch.tokens[0, p + index * s : p + (index + 1) * s].tolist()
            sequence = [*batch.tokens[0, :d].tolist(), *branch]
            assert built.tokens == sequence[: len(built.tokens)]
            model = scripted(sequence, vocabulary.size)
            task = Task(built.tokens, built.splice, WINDOW)
            constraint = grammar.start(len(sheet.lines), case.lock)
            assert decode(Prefix(model), constraint, task, Receipt()) == case.program


def test_sequences_with_token_copies_are_what_decoding_produces_too(
    maker: SheetMaker, vocabulary: Vocabulary, own_literals: Literals
) -> None:
    """What is decoded copies tokens, is allowed, and comes to the gold program."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    grammar = ProgramGrammar(own_literals)
    rng = Random(1)
    copies = 0
    for mix in (EVERYDAY, DIAGNOSTICS) * 8:
        sheet = maker.draw(rng, rng.randint(14, 24), 2, mix)
        batch = make_batch([sheet], prompt, WINDOW, None, 4)
        p, s, d = batch.document_tokens, batch.branch_tokens, int(batch.document_lengths[0])
        for index, case in enumerate(sheet.cases):
            built = prompt.build(
                Document(sheet.document.text), case.instruction, case.scope, "python"
            )
            branch = batch.tokens[0, p + index * s : p + (index + 1) * s].tolist()
            model = scripted([*batch.tokens[0, :d].tolist(), *branch], vocabulary.size)
            task = Task(built.tokens, built.splice, WINDOW, splice_tokens=built.splice_tokens)
            constraint = grammar.start(len(sheet.lines), case.lock, built.line_tokens)
            written = decode(Prefix(model), constraint, task, Receipt())
            copies += any(isinstance(op, CopyTokens) for op in written.ops)
            pieces = [list(map(vocabulary.token_bytes, line)) for line in built.line_tokens]
            lowered = lower(written, pieces, case.lock)
            assert resolve(lowered, sheet.document) == resolve(case.program, sheet.document)
    assert copies > 5


def test_branches_attend_as_if_they_were_alone(maker: SheetMaker, vocabulary: Vocabulary) -> None:
    """Hidden states equal those of document and branch in one causal sequence."""
    torch.manual_seed(0)
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    rng = Random(2)
    batch = make_batch([maker.draw(rng, n, 3, EVERYDAY) for n in (8, 16)], prompt, WINDOW)
    network = Network(TINY.network())
    attention = BranchAttention(batch, torch.float32, torch.device("cpu"))
    with torch.no_grad():
        tokens, positions = (x.flatten()[batch.kept][None] for x in (batch.tokens, batch.positions))
        packed = network.hidden(tokens, positions, attention)[0]
    hidden = torch.zeros(batch.tokens.numel(), packed.shape[-1]).index_copy(0, batch.kept, packed)
    hidden = hidden.view(*batch.tokens.shape, -1)
    model = EmbeddedModel(network, torch.device("cpu"))
    p, s = batch.document_tokens, batch.branch_tokens
    for row in range(2):
        d = int(batch.document_lengths[row])
        for index in range(3):
            branch = slice(p + index * s, p + (index + 1) * s)
            alone = [*batch.tokens[row, :d].tolist(), *batch.tokens[row, branch].tolist()]
            logits = model.forward(alone, model.new_cache(), s)
            length = int((batch.tokens[row, branch] != PAD).sum())
            expected = network.logits(hidden[row, branch])
            torch.testing.assert_close(logits[:length], expected[:length], atol=1e-4, rtol=1e-4)


def test_a_watched_head_is_asked_how_much_it_looks_at_the_mentioned_line(
    maker: SheetMaker, vocabulary: Vocabulary
) -> None:
    """Against the softmax of each asking token over its document and its own branch."""
    torch.manual_seed(0)
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    batch = make_batch(
        [maker.draw(Random(4), 12, 3, {"find-delete": 1.0}) for _ in range(2)], prompt, WINDOW
    )
    p, s, t = batch.document_tokens, batch.branch_tokens, len(batch.kept)
    attention = BranchAttention(batch, torch.float32, torch.device("cpu"), {1: 1})
    q, k, v = torch.randn(1, 2, t, 8), torch.randn(1, 1, t, 8), torch.randn(1, 1, t, 8)
    for layer in range(3):
        attention(layer, q, k, v)
    (look,) = attention.looks
    where = {int(flat): at for at, flat in enumerate(batch.kept)}
    width = batch.tokens.shape[1]
    expected = []
    for row in range(2):
        for column in range(p, width):
            line = int(batch.lines[row, column])
            if line < 0:
                continue
            begun = column - (column - p) % s
            seen = [*range(int(batch.document_lengths[row])), *range(begun, column + 1)]
            keys = k[0, 0, [where[row * width + at] for at in seen]]
            mass = (keys @ q[0, 1, where[row * width + column]] / 8**0.5).softmax(0)
            there = torch.tensor([at < p and int(batch.lines[row, at]) == line for at in seen])
            expected.append(-mass[there].sum().log())
    torch.testing.assert_close(look, torch.stack(expected).mean(), atol=1e-4, rtol=1e-4)


def test_mentions_are_at_the_tokens_from_which_on_a_line_is_certain(
    maker: SheetMaker, vocabulary: Vocabulary
) -> None:
    """What has come of the instruction by then stands in that line and in no other."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    rng = Random(5)
    asked = 0
    for _ in range(20):
        sheet = maker.draw(rng, 12, 1, {"find-delete": 1.0})
        (case,) = sheet.cases
        batch = make_batch([sheet], prompt, WINDOW)
        branch, lines = (
            x[0, batch.document_tokens :].tolist() for x in (batch.tokens, batch.lines)
        )
        ((text, line),) = case.mentions
        at = case.instruction.index(text)
        for index, number in enumerate(lines):
            if number < 0:
                continue
            asked += 1
            assert number == line
            come = vocabulary.decode(branch[1 : index + 1])[at:][: len(text)]
            assert [k for k, other in enumerate(sheet.lines, 1) if come in other] == [line]
    assert asked > 20


def test_the_ends_of_copies_are_known(maker: SheetMaker, files: list[SourceFile]) -> None:
    """Also where a number is several tokens."""
    for digits in (False, True):
        texts = [file.text for file in files]
        vocabulary = Vocabulary(train_tokenizer(texts, 1500, digits=digits))
        prompt = EmbeddedPrompt(vocabulary, 60, 2000)
        sheet = maker.draw(Random(6), 16, 4, EVERYDAY)
        batch = make_batch([sheet], prompt, WINDOW)
        for index, case in enumerate(sheet.cases):
            start = batch.document_tokens + index * batch.branch_tokens
            tokens = batch.tokens[0, start : start + batch.branch_tokens]
            ends = batch.ends[0, start : start + batch.branch_tokens]
            numbers = "".join(str(op.last) for op in case.program.ops if isinstance(op, Copy))
            assert vocabulary.decode(tokens[1:][ends[:-1]].tolist()) == numbers
            assert len(numbers) > (ends.sum() if not digits else 0)
            assert not digits or len(numbers) == ends.sum()


def test_batches_made_ahead_are_the_same(maker: SheetMaker, vocabulary: Vocabulary) -> None:
    """Made in another process, from the same seed, in the order of the steps."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    lessons = Lessons(
        maker, prompt, curriculum="everyday", splice_window=WINDOW, sheets=1, cases=2, seed="1/0"
    )
    with Loader(lessons, 1, lambda step: step / 4) as ahead, Loader(lessons, 0, float) as here:
        for step in range(4):
            one, other = ahead.batch(step), lessons.batch(step, step / 4)
            assert one.cases == other.cases
            assert torch.equal(one.tokens, other.tokens)
        assert here.batch(1).cases == lessons.batch(1, 1.0).cases
        with pytest.raises(ValueError, match="asked for step 4, got 7"):
            ahead.batch(7)


def test_sheets_are_as_long_as_the_window_allows(maker: SheetMaker, vocabulary: Vocabulary) -> None:
    """Curricula are written for 40 lines; a model with a longer window practises longer ones."""
    longest = {}
    for lines in (40, 120):
        prompt = EmbeddedPrompt(vocabulary, lines, 4000)
        lessons = Lessons(
            maker, prompt, curriculum="all", splice_window=0, sheets=1, cases=1, seed="2"
        )
        batches = [lessons.batch(step, 0.5) for step in range(12)]
        longest[lines] = max(int(batch.lines.max()) for batch in batches)
    assert longest[40] <= 40 + 2
    assert 60 < longest[120] <= 120 + 2


def test_cut_branches_end_with_a_decision(maker: SheetMaker, vocabulary: Vocabulary) -> None:
    """The first decisions are those of the whole branch."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    sheet = maker.draw(Random(6), 16, 4, EVERYDAY)
    whole, cut = make_batch([sheet], prompt, WINDOW), make_batch([sheet], prompt, WINDOW, 3)
    for index in range(4):
        found = []
        for batch in (whole, cut):
            start = batch.document_tokens + index * batch.branch_tokens
            targets = batch.targets[0, start : start + batch.branch_tokens]
            found.append(targets[targets >= 0].tolist())
        assert found[1] == found[0][:3]


def test_targets_are_what_decoding_decides(
    maker: SheetMaker, vocabulary: Vocabulary, own_literals: Literals
) -> None:
    """No loss on requests, padding and spliced tokens, nor on what grammar or lock force."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    grammar = ProgramGrammar(own_literals)
    rng = Random(3)
    close = vocabulary.special('"/>')
    for _ in range(12):
        sheet = maker.draw(rng, 16, 4, {**EVERYDAY, **FINDING, **DIAGNOSTICS, **REFACTORS})
        batch = make_batch([sheet], prompt, 0)  # Nothing is spliced.
        p, s = batch.document_tokens, batch.branch_tokens
        for index, case in enumerate(sheet.cases):
            there = slice(p + index * s, p + (index + 1) * s)
            tokens, targets = batch.tokens[0, there].tolist(), batch.targets[0, there].tolist()
            start = tokens.index(vocabulary.special("<program>"))
            constraint = grammar.start(len(sheet.lines), case.lock)
            constraint.begin()
            for at in range(start, len(tokens)):
                forced = constraint.done or constraint.forced() is not None
                # A number of one digit is over with it, for the model as for our tokenizer.
                token = tokens[at + 1] if at + 1 < len(tokens) else PAD
                if targets[at] == -1:
                    assert forced or tokens[at + 1] in own_literals["-"] or token == close
                else:
                    assert targets[at] == token
                    assert not forced
                if not constraint.done:
                    constraint.accept(token)
            assert constraint.done
            assert all(target == -1 for target in targets[:start])
