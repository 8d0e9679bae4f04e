"""Training sequences are what decoding leaves in the cache, and branches attend as if alone."""

from __future__ import annotations

from random import Random

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
from copydecode.training.batches import BranchAttention, make_batch
from copydecode.training.sheets import EVERYDAY, SheetMaker
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
    for _ in range(25):
        sheet = maker.draw(rng, rng.randint(14, 24), 2, EVERYDAY)
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
            constraint = grammar.start(len(sheet.lines))
            assert decode(Prefix(model), constraint, task, Receipt()) == case.program


def test_branches_attend_as_if_they_were_alone(maker: SheetMaker, vocabulary: Vocabulary) -> None:
    """Hidden states equal those of document and branch in one causal sequence."""
    torch.manual_seed(0)
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    rng = Random(2)
    batch = make_batch([maker.draw(rng, n, 3, EVERYDAY) for n in (8, 16)], prompt, WINDOW)
    network = Network(TINY.network())
    attention = BranchAttention(batch, torch.float32, torch.device("cpu"))
    with torch.no_grad():
        hidden = network.hidden(batch.tokens, batch.positions, attention)
    model = EmbeddedModel(network, torch.device("cpu"))
    p, s = batch.document_tokens, batch.branch_tokens
    for row in range(2):
        d = int(batch.document_lengths[row])
        for index in range(3):
            branch = slice(p + index * s, p + (index + 1) * s)
            tokens = [*batch.tokens[row, :d].tolist(), *batch.tokens[row, branch].tolist()]
            logits = model.forward(tokens, model.new_cache(), s)
            expected = network.logits(hidden[row, branch])
            torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_targets_are_the_next_decided_tokens(maker: SheetMaker, vocabulary: Vocabulary) -> None:
    """No loss on requests, forced and spliced tokens or padding."""
    prompt = EmbeddedPrompt(vocabulary, 60, 2000)
    batch = make_batch([maker.draw(Random(3), 16, 4, EVERYDAY)], prompt, WINDOW)
    p, s = batch.document_tokens, batch.branch_tokens
    never = {vocabulary.special('"/>'), vocabulary.special("<program>")}
    for index in range(4):
        tokens = batch.tokens[0, p + index * s : p + (index + 1) * s].tolist()
        targets = batch.targets[0, p + index * s : p + (index + 1) * s].tolist()
        start = tokens.index(vocabulary.special("<program>"))
        assert all(target == -1 for target in targets[:start])
        decided = [(k, target) for k, target in enumerate(targets) if target != -1]
        assert all(tokens[k + 1] == target for k, target in decided)
        assert not never & {target for _, target in decided}
        assert decided[-1][1] == vocabulary.special("</program>")
