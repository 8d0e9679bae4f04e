"""The prefix pool: never another answer than a fresh cache's, and never more bytes than allowed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from copydecode.decode.prefix import Prefix, PrefixPool
from tests.engine.decode.scripted import FunctionModel, ListCache

HEAD = [1, 2, 3]
INSTRUCTION = [7, 8, 9]


def fingerprint(read: Sequence[int]) -> Tensor:
    """Return logits that tell all tokens read so far."""
    return torch.tensor([float(hash(tuple(read)) % 2**20)])


def ask(
    pool: PrefixPool[ListCache], document: Sequence[int], owner: object = None
) -> Prefix[ListCache]:
    """Run one request in chunks, as the loop does; check logits and bytes after each."""
    prompt = [*HEAD, *document, *INSTRUCTION]
    prefix = pool.lend(prompt, head=len(HEAD), shared=len(HEAD) + len(document), owner=owner)
    at = prefix.resume(prompt[:-1])
    while at < len(prompt):
        end = min(at + 4, len(prompt))
        logits = prefix.feed(prompt[at:end], last=1)
        assert torch.equal(logits[0], fingerprint(prompt[:end]))
        assert pool.nbytes <= max(pool.max_bytes, prefix.nbytes)
        at = end
    assert prefix.tokens == prompt
    pool.give_back(prefix)
    return prefix


def documents(pool: PrefixPool[ListCache]) -> list[list[int]]:
    """Return the documents held, least recently used first."""
    held = [entry.prefix.tokens for entry in pool._idle]  # noqa: SLF001  # the order is inside
    return [tokens[len(HEAD) : -len(INSTRUCTION)] for tokens in held]


@given(
    st.lists(
        st.tuples(st.lists(st.integers(10, 12), max_size=12), st.sampled_from([None, "a", "b"])),
        max_size=12,
    ),
    st.integers(0, 60),
)
def test_any_requests_get_the_logits_of_a_fresh_cache_within_the_bound(
    requests: list[tuple[list[int], str | None]], max_bytes: int
) -> None:
    pool = PrefixPool(FunctionModel(fingerprint), max_bytes)
    for document, owner in requests:
        ask(pool, document, owner)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_least_recently_used_goes_first(order: list[int]) -> None:
    size = len(HEAD) + 10 + len(INSTRUCTION)
    pool = PrefixPool(FunctionModel(fingerprint), 3 * size)
    for which in order:
        ask(pool, [10 + which] * 10)
    recent = list(dict.fromkeys(reversed(order)))[:3]
    assert documents(pool) == [[10 + which] * 10 for which in reversed(recent)]


def test_two_instructions_on_one_document_share_it() -> None:
    model = FunctionModel(fingerprint)
    pool = PrefixPool(model, 1000)
    prefix = ask(pool, [10] * 20)
    again = pool.lend([*HEAD, *[10] * 20, 5, 5], head=3, shared=23)
    assert again is prefix
    assert again.resume([*HEAD, *[10] * 20, 5]) == 23
    assert len(model.caches) == 1


def test_documents_with_only_their_beginning_in_common_have_a_cache_each() -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 1000)
    licence = [9] * 5
    first = ask(pool, [*licence, *[10] * 20])
    second = ask(pool, [*licence, *[11] * 20])
    assert first is not second
    assert ask(pool, [*licence, *[10] * 20]) is first
    assert ask(pool, [*licence, *[11] * 20]) is second


def test_of_a_document_with_a_name_only_the_newest_version_is_kept() -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 1000)
    other = ask(pool, [13] * 20, "b")
    first = ask(pool, [10] * 20, "a")
    assert ask(pool, [12, *[10] * 20], "a") is first
    assert ask(pool, [12, *[13] * 20]) is not other
    assert len(pool) == 3


def test_reading_feeds_in_chunks_what_is_not_held_and_keeps_what_follows_it() -> None:
    model = FunctionModel(fingerprint)
    prefix = Prefix(model)
    tokens = [*HEAD, *[10] * 9]
    assert prefix.read(tokens, 5, lambda: len(model.blocks) >= 2) == 10
    assert prefix.read(tokens, 5, lambda: False) == 12
    assert prefix.read([*HEAD, 11], 5, lambda: True) == 3
    assert prefix.read(tokens, 5, lambda: False) == 12
    prefix.feed(INSTRUCTION, last=1)
    assert prefix.read(tokens, 5, lambda: False) == 12
    assert prefix.tokens == [*tokens, *INSTRUCTION]
    assert [len(block) for block in model.blocks] == [5, 5, 2, 5, 4, 3]


def test_the_sequence_in_use_stays_however_large_it_is() -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 0)
    prefix = ask(pool, [10] * 50)
    assert ask(pool, [10] * 50) is prefix
    ask(pool, [11] * 10)
    assert documents(pool) == [[11] * 10]


def test_room_is_made_while_a_sequence_grows() -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 60)
    ask(pool, [10] * 10)
    ask(pool, [11] * 10)
    prompt = [*HEAD, *[12] * 40]
    prefix = pool.lend(prompt, head=3, shared=43)
    held = []
    for token in prompt:
        prefix.feed([token], last=0)
        held.append(len(pool))
        assert pool.nbytes <= 60
    assert list(dict.fromkeys(held)) == [3, 2]


def test_after_a_failed_forward_nothing_of_its_sequence_is_reused() -> None:
    model = FunctionModel(fingerprint)
    pool = PrefixPool(model, 1000)
    ask(pool, [10] * 20)
    model.fail_from = 25
    prompt = [*HEAD, *[10] * 22, *INSTRUCTION]
    prefix = pool.lend(prompt, head=3, shared=25)
    at = prefix.resume(prompt)
    with pytest.raises(MemoryError):
        prefix.feed(prompt[at:], last=1)
    pool.give_back(prefix)
    model.fail_from = None
    assert prefix.common(prompt) == 0
    ask(pool, [10] * 22)


@given(st.data())
def test_any_requests_at_once_get_the_logits_of_a_fresh_cache_within_the_bound(
    data: st.DataObject,
) -> None:
    """They begin, are fed and end in any order, several of one document among them."""
    max_bytes = data.draw(st.integers(0, 80))
    pool = PrefixPool(FunctionModel(fingerprint), max_bytes)
    running: list[tuple[Prefix[ListCache], list[int]]] = []
    document = st.lists(st.integers(10, 12), max_size=12)
    for _ in range(data.draw(st.integers(1, 20))):
        if len(running) < 3 and data.draw(st.booleans()):
            text, owner = data.draw(document), data.draw(st.sampled_from([None, "a", "b"]))
            prompt = [*HEAD, *text, *INSTRUCTION]
            prefix = pool.lend(prompt, head=3, shared=3 + len(text), owner=owner)
            assert all(prefix is not other for other, _ in running)
            prefix.resume(prompt[:-1])
            running.append((prefix, prompt))
        elif running:
            index = data.draw(st.integers(0, len(running) - 1))
            prefix, prompt = running[index]
            at = len(prefix)
            end = min(at + 5, len(prompt))
            logits = prefix.feed(prompt[at:end], last=1)
            assert torch.equal(logits[0], fingerprint(prompt[:end]))
            if end == len(prompt) or data.draw(st.booleans()):  # To its end, or given up.
                pool.give_back(running.pop(index)[0])
        in_use = sum(prefix.nbytes for prefix, _ in running)
        assert pool.nbytes <= max(max_bytes, in_use) or (len(pool), in_use) == (1, 0)


def test_a_second_request_of_a_document_in_use_goes_on_from_a_copy() -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 1000)
    document = [10] * 20
    first = pool.lend([*HEAD, *document, 5], head=3, shared=23, owner="a")
    first.feed([*HEAD, *document, 5], last=1)
    second = pool.lend([*HEAD, *document, 6], head=3, shared=23, owner="a")
    assert second is not first
    assert second.resume([*HEAD, *document]) == 23
    assert torch.equal(second.feed([6], last=1)[0], fingerprint([*HEAD, *document, 6]))
    assert torch.equal(first.feed([7], last=1)[0], fingerprint([*HEAD, *document, 5, 7]))


@pytest.mark.parametrize("owner", ["a", None])
@pytest.mark.parametrize("last_first", [False, True])
def test_of_sequences_of_one_document_the_one_lent_last_is_kept(
    owner: str | None, last_first: bool
) -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 1000)
    other = ask(pool, [13] * 20, "b")
    prompt = [*HEAD, *[10] * 20, *INSTRUCTION]
    lent = [pool.lend(prompt, head=3, shared=23, owner=owner) for _ in range(2)]
    for prefix in lent:
        prefix.resume([])
        prefix.feed(prompt, last=1)
    for prefix in reversed(lent) if last_first else lent:
        pool.give_back(prefix)
    assert len(pool) == 2
    assert pool.lend(prompt, head=3, shared=23, owner=owner) is lent[1]
    assert ask(pool, [13] * 20, "b") is other


def test_what_a_sequence_in_use_will_hold_is_coming_until_it_is_held() -> None:
    pool = PrefixPool(FunctionModel(fingerprint), 1000)
    document = [10] * 20
    prompt, other = [*HEAD, *document, 5], [*HEAD, *document, 6]
    assert not pool.is_coming(other)
    first = pool.lend(prompt, head=3, shared=23)
    first.resume([])
    first.feed(prompt[:10], last=1)
    assert pool.is_coming(other)
    assert not pool.is_coming([*HEAD, 11])  # It holds that already.
    first.feed(prompt[10:], last=1)
    assert not pool.is_coming(other)
    assert pool.lend(other, head=3, shared=23).common(other) == 23
    pool.give_back(first)
    again = pool.lend([*HEAD, *[12] * 20], head=3, shared=23)
    again.resume([])
    pool.give_back(again)
    assert not pool.is_coming([*HEAD, *[12] * 20])  # Nobody reads it any more.
