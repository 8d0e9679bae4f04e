"""What a model server is asked before it is trusted with an edit: does it do what it promises?

A server silently ignores fields that it does not know, and a tokenizer that differs in one token
gives edits that look right. So the version is only read where it is too old; all else is tried:

- what kind of server it is: llama-server has `/props`, all else is taken for vLLM;
- the model is there;
- its tokenizer has the same ids as ours, special tokens among them;
- a grammar constrains, stop texts stop, and token ids come with the text;
- a prompt that was sent before is found in the cache, where the server tells what it found.

No text of anybody's is sent. Each failure says what was expected, what came, and what to set.
"""

from __future__ import annotations

import logging
import re
import secrets
from dataclasses import dataclass
from typing import Any

from copydecode.backends.dialect import Dialect, Wish
from copydecode.backends.elsewhere import ended, served
from copydecode.backends.llama import LlamaServer
from copydecode.backends.one_op import exactly
from copydecode.backends.remote import COMPLETIONS, Stream, Wire
from copydecode.backends.vllm import Vllm
from copydecode.decode.literals import Literals
from copydecode.edit import grammar
from copydecode.errors import RemoteMismatchError, RemoteRefusedError

OLDEST = (0, 12)
"""The first vLLM that knows `structured_outputs`; it ignores `guided_grammar`."""

CACHED_PROMPT = 320
"""Tokens of the prompt that is sent again: a CPU caches blocks of 128, a GPU of 16."""

AGAIN = 3
"""So often it is sent again: a router that spreads requests may meet the same server by chance."""

_CHAT = 'where it has chat completions alone, set remoteApi to "chat"'

_TEXT = "def f(x):\n\treturn 'a\u00e4\u20ac\u4e16' # 12345 <|x|>\n"
_COPY = (731, 942)  # Lines that no prompt of the probe speaks of.
_SAMPLED = 500
"""So many ids at most are looked at one by one, where a server does not take text for ids."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """What was found: the model's name there, its context in tokens, the server's version.

    `tells_cached` says whether it tells what it found in its cache, `dialect` how it is asked.
    """

    model: str
    context: int
    version: str | None
    tells_cached: bool
    dialect: Dialect


def probe(wire: Wire, model: str | None, literals: Literals, context: int) -> Server:
    """Find out whether the server can be used; `context` is the model's own.

    Raises:
        RemoteError: it cannot, and why.
    """
    try:
        version = _version(wire)
        props = None if version else _props(wire)
        name, limit = served(wire, model)
        dialect: Dialect
        if props is None:
            _check_tokenizer(wire, name, literals)
            dialect = _vllm(wire, name, literals)
        else:
            dialect = LlamaServer(name)
            version, limit = props
            _check_vocabulary(wire, name, literals)
        _check_constraint(wire, dialect, literals)
        tells = _check_cache(wire, dialect, literals)
    except BaseException:
        wire.close()
        raise
    return Server(name, min(context, limit or context), version, tells, dialect)


def _version(wire: Wire) -> str | None:
    """Return vLLM's version, None behind a router that does not tell."""
    answer = wire.get("/version")
    version = answer.get("version") if isinstance(answer, dict) else None
    if not isinstance(version, str):
        return None
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and tuple(map(int, numbers.groups())) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        message = f"expected vLLM {oldest} or newer at {wire.host}, found {version[:20]}"
        raise RemoteMismatchError(message)
    return version[:40]


def _props(wire: Wire) -> tuple[str | None, int | None] | None:
    """Return a llama-server's build and its context in tokens, None for any other server."""
    answer = wire.get("/props")
    settings = answer.get("default_generation_settings") if isinstance(answer, dict) else None
    if not isinstance(settings, dict):
        return None
    build, context = answer.get("build_info"), settings.get("n_ctx")
    return (
        build[:40] if isinstance(build, str) else None,
        context if isinstance(context, int) and context > 0 else None,
    )


def _vllm(wire: Wire, model: str, literals: Literals) -> Vllm:
    """Return vLLM's words; where it speculates it refuses a bias."""
    biased = Vllm(model)
    try:
        _asked(wire, biased, Wish(literals.codec.encode(_TEXT), None, 1, literals))
    except RemoteRefusedError:
        return Vllm(model, biased=False)
    return biased


def _check_tokenizer(wire: Wire, model: str, literals: Literals) -> None:
    """Have the server encode a text, and markers that are special tokens here."""
    markers = sorted(literals.markers, key=literals.markers.__getitem__)
    expected = [*literals.codec.encode(_TEXT), *(literals.markers[name] for name in markers)]
    text = _TEXT + "".join(markers)
    body: dict[str, Any] = {"model": model, "prompt": text, "max_tokens": 1}
    body["add_special_tokens"] = False
    body["return_token_ids"] = True
    try:
        stream = ended(wire, wire.complete(body, form=COMPLETIONS, private=False))
    except RemoteRefusedError as error:
        message = f"{error}; {_CHAT}"
        raise RemoteMismatchError(message) from error
    if stream.prompt_ids is None:
        message = (
            f"expected token ids from {wire.host} (return_token_ids), found none (is it vLLM "
            f"{'.'.join(map(str, OLDEST))} or newer?); {_CHAT}"
        )
        raise RemoteMismatchError(message)
    if stream.prompt_ids != expected:
        message = (
            f"expected {wire.host} to serve {model!r} with the tokenizer of the configured model, "
            f"found another: a text of {len(expected)} tokens here has "
            f"{len(stream.prompt_ids)} there, or others"
        )
        raise RemoteMismatchError(message)


def _check_vocabulary(wire: Wire, model: str, literals: Literals) -> None:
    """Have the server say what ids from all over the vocabulary stand for."""
    names = {token: name.encode() for name, token in literals.markers.items()}
    step = max(1, literals.size // _SAMPLED)
    ids = [*names, *literals.codec.encode(_TEXT), *range(0, literals.size, step)]
    tokens: list[int] = []
    text = ""
    for token in ids:
        try:
            piece = (names.get(token) or literals.codec.token_bytes(token)).decode()
        except UnicodeDecodeError:
            continue  # A part of a character has no text.
        if piece:
            tokens.append(token)
            text += piece
    answer = wire.get("/detokenize", {"model": model, "tokens": tokens})
    if not isinstance(answer, dict) or answer.get("content") != text:
        message = (
            f"expected {wire.host} to serve {model!r} with the tokenizer of the configured model, "
            "found that its tokens are others"
        )
        raise RemoteMismatchError(message)


def _check_constraint(wire: Wire, dialect: Dialect, literals: Literals) -> None:
    """Have the server write a copy op that nobody would, and stop behind it."""
    first, last = (literals.numbers.tokens(number) for number in _COPY)
    close = literals[grammar.COPY_CLOSE]
    expected = [
        *literals[grammar.COPY_OPEN],
        *first,
        *literals[grammar.COPY_DASH],
        *last,
        *close,
    ]
    behind = literals[grammar.PROGRAM_CLOSE]
    written = exactly([*expected, *behind], (grammar.COPY_CLOSE,), dialect.spelling)
    prompt, room = literals.codec.encode(_TEXT), len(expected) + len(behind)
    try:
        stream = _asked(wire, dialect, Wish(prompt, written, room, literals))
    except RemoteRefusedError as error:
        message = f"{error}: expected a server with {dialect.hints.constraint}"
        raise RemoteMismatchError(message) from error
    came = _taken(stream)
    if came[: len(expected)] != expected:
        message = (
            f"expected {wire.host} to write what a grammar says ({dialect.hints.constraint}), "
            "found that it does not: no edit could be trusted; "
            f"{_CHAT}"
        )
        raise RemoteMismatchError(message)
    if came != expected:
        message = f"expected {wire.host} to stop behind a stop text, found that it goes on"
        raise RemoteMismatchError(message)


def _check_cache(wire: Wire, dialect: Dialect, literals: Literals) -> bool:
    """Send one prompt again and again; return whether the server tells that it found it."""
    line = literals.codec.encode(_TEXT)
    prompt = (line * (CACHED_PROMPT // len(line) + 1))[:CACHED_PROMPT]
    # So that nobody has sent it before.
    wish = Wish(prompt, None, 1, literals, salt=secrets.token_hex(8))
    session = secrets.token_hex(8)
    _asked(wire, dialect, wish, session)
    found = [_asked(wire, dialect, wish, session).cached_tokens for _ in range(AGAIN)]
    if None in found:
        _log.warning(
            "%s does not tell what it found in its cache: %s to see it in receipts",
            wire.host,
            dialect.hints.counts,
        )
        return False
    if 0 in found:
        message = (
            f"expected {wire.host} to find a prompt of {CACHED_PROMPT} tokens in its cache when it "
            f"is sent again, found that it did not: {dialect.hints.cache}"
        )
        raise RemoteMismatchError(message)
    return True


def _asked(wire: Wire, dialect: Dialect, wish: Wish, session: str = "") -> Stream:
    """Return a completion that has come to its end."""
    return ended(wire, wire.complete(dialect.body(wish), session, private=False, form=dialect.form))


def _taken(stream: Stream) -> list[int]:
    tokens: list[int] = []
    while (token := stream.take()) is not None:
        tokens.append(token)
    return tokens
