r"""The embedded model's tokenizer: byte-level BPE made for copying code.

A name is cut the same way wherever it stands (no token joins it with the space before it), a
newline is always a token of its own, and a run of one to three digits is one token, so that a line
number below 1,000 is one decision. Knows nothing of prompts.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from copydecode.decode.vocabulary import OPTIONAL_MARKERS, SPECIAL_TOKENS

PATTERN = r"\n|[\p{L}\p{M}_]+|\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}_]+ ?|[^\S\n]+"
"""Newlines, names, numbers, punctuation with a space on either side, other white space."""

RESERVED = 16
"""Ids kept for the special tokens, so that later markers do not move the vocabulary."""


def train_tokenizer(texts: Iterable[str], size: int, *, digits: bool = False) -> Tokenizer:
    """Learn a vocabulary of `size` tokens, special tokens and all numbers below 1,000 included.

    With `digits` numbers are cut into digits.
    """
    numbers = [f"{n:0{width}}" for width in (2, 3) if not digits for n in range(10**width)]
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _pre_tokenizer()
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size - RESERVED - len(numbers),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    learnt = json.loads(learner.to_str())["model"]
    return Tokenizer.from_str(json.dumps(_assemble(learnt, numbers, size)))


def with_later_markers(tokenizer_json: str) -> str:
    """Return a tokenizer with the markers that came after it was made, in reserved places.

    A model that goes on from older weights learns them so; one that has them all, or is not of
    this project, comes back as it is.
    """
    data: dict[str, Any] = json.loads(tokenizer_json)
    known = {entry["content"] for entry in data["added_tokens"]}
    for index, marker in enumerate(OPTIONAL_MARKERS, start=len(SPECIAL_TOKENS)):
        for entry in data["added_tokens"]:
            reserved = entry["content"]
            if entry["id"] == index and reserved.startswith("<|reserved") and marker not in known:
                entry["content"] = marker
                vocabulary = data["model"]["vocab"]
                vocabulary[marker] = vocabulary.pop(reserved)
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def with_digits(tokenizer_json: str) -> str:
    """Return a tokenizer of this project that cuts numbers into digits, its ids as they were."""
    data: dict[str, Any] = json.loads(tokenizer_json)
    merges = data["model"]["merges"]
    data["model"]["merges"] = [pair for pair in merges if not "".join(pair).isdigit()]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, byte_level])


def _assemble(learnt: dict[str, Any], numbers: list[str], size: int) -> dict[str, Any]:
    """Put special tokens first, then the learnt vocabulary, then the numbers that it lacks."""
    shell = Tokenizer(models.BPE())
    shell.pre_tokenizer = _pre_tokenizer()
    shell.decoder = decoders.ByteLevel()
    result: dict[str, Any] = json.loads(shell.to_str())
    specials = [*SPECIAL_TOKENS, *OPTIONAL_MARKERS]
    specials += [f"<|reserved{n}|>" for n in range(RESERVED - len(specials))]
    by_id = sorted(learnt["vocab"], key=learnt["vocab"].__getitem__)
    # Text like `"/>` may have been learnt as a word: it must not become the marker.
    by_id = [w for w in by_id if w not in specials]
    words = [w for w in by_id if not (w.isdigit() and w.isascii() and len(w) > 1)]
    vocabulary = {token: index for index, token in enumerate([*specials, *words, *numbers])}
    merges = [list(pair) for pair in _number_merges()] if numbers else []
    merges += [
        pair
        for pair in learnt["merges"]
        if not "".join(pair).isdigit() and not {*pair, "".join(pair)} & {*specials}
    ]
    if len(vocabulary) > size:
        message = f"vocabulary of {len(vocabulary)} tokens exceeds {size}"
        raise ValueError(message)
    result["model"] |= {"vocab": vocabulary, "merges": merges}
    result["added_tokens"] = [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index, token in enumerate(specials)
    ]
    return result


def _number_merges() -> Iterator[tuple[str, str]]:
    """Yield the merges by which any run of two or three digits becomes one token."""
    digits = "0123456789"
    for a, b in itertools.product(digits, digits):
        yield a, b
    for a, b, c in itertools.product(digits, digits, digits):
        yield a + b, c
        yield a, b + c
