"""Text comes out as tokens of exactly its bytes, also from tokenizers that add or change some."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from copydecode.decode.literals import PIECES, Literals, Numbers, encode_exactly

CHARACTERS = sorted({*'abcdefghijklmnopqrstuvwxyz0123456789<>/="- \n▁', *"<copy lines></gen>"})


class WordPieces:
    """Like SentencePiece: a space before each text, some text normalised, few characters known."""

    def __init__(self) -> None:
        vocabulary = {"<unk>": 0} | {c: n for n, c in enumerate(CHARACTERS, start=1)}
        words = ["ge", "gen", "▁<"]
        vocabulary |= {word: len(vocabulary) + n for n, word in enumerate(words)}
        merges = [("g", "e"), ("ge", "n"), ("▁", "<")]
        self.tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))  # noqa: S106  # no password
        self.tokenizer.normalizer = normalizers.Replace("zz", "z")
        self.tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
        self.size: int = self.tokenizer.get_vocab_size()
        self._bytes = [b""] * self.size
        for token, index in self.tokenizer.get_vocab().items():
            self._bytes[index] = token.replace("▁", " ").encode() if index else b""

    def encode(self, text: str) -> list[int]:
        """Return ids, with the tokenizer's own additions."""
        return list(self.tokenizer.encode(text).ids)

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token."""
        return self._bytes[token]


@pytest.fixture(scope="module")
def word_pieces() -> WordPieces:
    return WordPieces()


def text_of(codec: WordPieces, ids: list[int]) -> str:
    return b"".join(map(codec.token_bytes, ids)).decode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from([c for c in CHARACTERS if c != "▁"]), max_size=20))
def test_no_byte_is_added_or_lost(word_pieces: WordPieces, text: str) -> None:
    assert text_of(word_pieces, encode_exactly(word_pieces, text)) == text


def test_a_dummy_space_is_cut_off(word_pieces: WordPieces) -> None:
    assert text_of(word_pieces, word_pieces.encode("<gen>")) == " <gen>"
    assert text_of(word_pieces, encode_exactly(word_pieces, "<gen>")) == "<gen>"
    assert len(encode_exactly(word_pieces, "<gen>")) == 3  # The merges are still used.


def test_every_piece_is_spelled_exactly(word_pieces: WordPieces) -> None:
    literals = Literals(word_pieces)
    assert literals.gen_close is None
    for piece in PIECES:
        assert text_of(word_pieces, list(literals[piece])) == piece


def test_numbers_follow_their_canonical_tokens(word_pieces: WordPieces) -> None:
    numbers = Numbers(word_pieces)
    digit = {d: encode_exactly(word_pieces, str(d))[0] for d in range(10)}
    assert numbers.following((), 35, 120) == [digit[d] for d in (1, 3, 4, 5, 6, 7, 8, 9)]
    assert numbers.following((digit[3],), 35, 120) == [digit[d] for d in (5, 6, 7, 8, 9)]
    assert numbers.following((digit[1],), 35, 120) == [digit[0], digit[1], digit[2]]
    assert numbers.following((digit[1], digit[2]), 35, 120) == [digit[0]]
    assert numbers.following((digit[0],), 1, 120) == []
    assert numbers.value((digit[1], digit[2])) == 12
    assert numbers.value((digit[0],)) is None
