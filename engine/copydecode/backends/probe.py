"""What a model server is asked before it is trusted with an edit: does it do what it promises?

A server silently ignores fields that it does not know, and a tokenizer that differs in one token
gives edits that look right. So the version is only read where it is too old; all else is tried:

- the model is there;
- its tokenizer gives the same ids as ours, special tokens among them;
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

from copydecode.backends.dialect import Dialect, Vllm
from copydecode.backends.one_op import exactly
from copydecode.backends.remote import Stream, Wire
from copydecode.decode.literals import Literals
from copydecode.edit import grammar
from copydecode.errors import RemoteMismatchError, RemoteRefusedError

OLDEST = (0, 12)
"""The first vLLM that knows `structured_outputs`; it ignores `guided_grammar`."""

CACHED_PROMPT = 320
"""Tokens of the prompt that is sent again: a CPU caches blocks of 128, a GPU of 16."""

AGAIN = 3
"""So often it is sent again: a router that spreads requests may meet the same server by chance."""

_TEXT = "def f(x):\n\treturn 'a\u00e4\u20ac\u4e16' # 12345 <|x|>\n"
_COPY = (731, 942)  # Lines that no prompt of the probe speaks of.
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
        name, limit = _model(wire, model)
        _check_tokenizer(wire, name, literals)
        _check_constraint(wire, name, literals)
        tells = _check_cache(wire, name, literals)
    except BaseException:
        wire.close()
        raise
    return Server(name, min(context, limit or context), version, tells, Vllm(name))


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


def _model(wire: Wire, wanted: str | None) -> tuple[str, int | None]:
    """Return the model's name on the server, and its longest sequence where that is told."""
    answer = wire.get("/v1/models")
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        message = f"expected a model server with /v1/models at {wire.host}, found none"
        raise RemoteMismatchError(message)
    served: dict[str, Any] = {str(row["id"]): row for row in rows if "id" in row}
    if wanted is None and len(served) == 1:
        wanted = next(iter(served))
    if wanted is None:
        message = (
            f"expected a model's name, since {wire.host} serves {_names(served)}: set remoteModel"
        )
        raise RemoteRefusedError(message)
    if wanted not in served:
        message = f"expected {wire.host} to serve {wanted!r}, found {_names(served)}"
        raise RemoteRefusedError(message)
    limit = served[wanted].get("max_model_len")
    return wanted, limit if isinstance(limit, int) and limit > 0 else None


def _names(served: dict[str, Any]) -> str:
    return ", ".join(map(repr, list(served)[:5])) or "none"


def _check_tokenizer(wire: Wire, model: str, literals: Literals) -> None:
    """Have the server encode a text, and markers that are special tokens here."""
    markers = sorted(literals.markers, key=literals.markers.__getitem__)
    expected = [*literals.codec.encode(_TEXT), *(literals.markers[name] for name in markers)]
    text = _TEXT + "".join(markers)
    stream = _asked(
        wire,
        {"model": model, "prompt": text, "max_tokens": 1, "add_special_tokens": False},
    )
    if stream.prompt_ids is None:
        message = (
            f"expected token ids from {wire.host} (return_token_ids), found none: is it vLLM "
            f"{'.'.join(map(str, OLDEST))} or newer?"
        )
        raise RemoteMismatchError(message)
    if stream.prompt_ids != expected:
        message = (
            f"expected {wire.host} to serve {model!r} with the tokenizer of the configured model, "
            f"found another: a text of {len(expected)} tokens here has "
            f"{len(stream.prompt_ids)} there, or others"
        )
        raise RemoteMismatchError(message)


def _check_constraint(wire: Wire, model: str, literals: Literals) -> None:
    """Have the server write a copy op that nobody would, and stop behind it."""
    first, last = (literals.numbers.tokens(number) for number in _COPY)
    expected = [
        *literals[grammar.COPY_OPEN],
        *first,
        *literals[grammar.COPY_DASH],
        *last,
        *literals[grammar.COPY_CLOSE],
    ]
    behind = literals[grammar.PROGRAM_CLOSE]
    stream = _asked(
        wire,
        {
            "model": model,
            "prompt": literals.codec.encode(_TEXT),
            "max_tokens": len(expected) + len(behind),
            "temperature": 0,
            "return_token_ids": True,
            "skip_special_tokens": False,
            "stop": [grammar.COPY_CLOSE],
            "include_stop_str_in_output": True,
            "structured_outputs": {"grammar": exactly([*expected, *behind]).grammar},
        },
    )
    written = _taken(stream)
    if written[: len(expected)] != expected:
        message = (
            f"expected {wire.host} to write what a grammar says (structured_outputs, by xgrammar), "
            "found that it does not: no edit could be trusted"
        )
        raise RemoteMismatchError(message)
    if written != expected:
        message = f"expected {wire.host} to stop behind a stop text, found that it goes on"
        raise RemoteMismatchError(message)


def _check_cache(wire: Wire, model: str, literals: Literals) -> bool:
    """Send one prompt again and again; return whether the server tells that it found it."""
    line = literals.codec.encode(_TEXT)
    prompt = (line * (CACHED_PROMPT // len(line) + 1))[:CACHED_PROMPT]
    body = {
        "model": model,
        "prompt": prompt,
        "max_tokens": 1,
        "cache_salt": secrets.token_hex(8),  # So that nobody has sent it before.
    }
    session = secrets.token_hex(8)
    _asked(wire, body, session)
    found = [_asked(wire, body, session).cached_tokens for _ in range(AGAIN)]
    if None in found:
        _log.warning(
            "%s does not tell what it found in its cache: start vLLM with "
            "--enable-prompt-tokens-details to see it in receipts",
            wire.host,
        )
        return False
    if 0 in found:
        message = (
            f"expected {wire.host} to find a prompt of {CACHED_PROMPT} tokens in its cache when it "
            "is sent again, found that it did not: start vLLM with --enable-prefix-caching, and "
            "have a router keep to x-session-id"
        )
        raise RemoteMismatchError(message)
    return True


def _asked(wire: Wire, body: dict[str, Any], session: str = "") -> Stream:
    """Return a completion that has come to its end."""
    stream = wire.complete({**body, "return_token_ids": True}, session, private=False)
    stream.finished()
    wire.forget(stream)
    if stream.failure is not None:
        raise stream.failure
    return stream


def _taken(stream: Stream) -> list[int]:
    tokens: list[int] = []
    while (token := stream.take()) is not None:
        tokens.append(token)
    return tokens
