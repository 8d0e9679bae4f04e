"""What can be set about the engine, with a default for every field. It reads no files."""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from copydecode.errors import ConfigError

EMBEDDED = "embedded"

PREFIX_CACHE_BYTES = 256 * 2**20
"""The default of `EngineConfig.prefix_cache_bytes`."""

REMOTE_CONTEXT = 32_768
"""The default of `EngineConfig.remote_context`: what is hosted for chat has as many tokens."""

LEAST_REMOTE_CONTEXT = 2048
"""Below that there is hardly room for a document beside the words that explain the format."""

CONFIDENCE_THRESHOLD = 0.7
"""From which confidence on an edit is offered without a question, unless that is set.

Of the embedded model's edits on the test split 56 % are as sure, and 96 % of these are right; of
the others 34 % are.
"""

API_KEY = "COPYDECODE_API_KEY"
"""The environment variable that alone holds a model server's key."""

_MOMENT_S = 1e-3


@dataclass(frozen=True, slots=True)
class Limits:
    """What one edit may cost before it ends with an error and no result.

    `deadline_s` is in seconds from the start of the decode; None means no deadline.
    """

    max_new_tokens: int = 2048
    deadline_s: float | None = 120.0

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            message = f"expected max_new_tokens >= 1, got {self.max_new_tokens}"
            raise ConfigError(message)
        if self.deadline_s is not None and not self.deadline_s > 0:
            message = f"expected deadline_s > 0, got {self.deadline_s}"
            raise ConfigError(message)

    def less(self, seconds: float, tokens: int) -> Limits:
        """Return what is left of them for a further decode of one edit, of at most some tokens."""
        deadline_s = self.deadline_s
        if deadline_s is not None:
            deadline_s = max(_MOMENT_S, deadline_s - seconds)
        return replace(self, max_new_tokens=min(self.max_new_tokens, tokens), deadline_s=deadline_s)


class Acceptance(enum.Enum):
    """How much of a copied span stands: `decode/accept` tells the policies apart."""

    PROGRAM = "program"
    CHECKED = "checked"
    VERIFIED = "verified"


class RemoteApi(enum.Enum):
    """How a model server is asked.

    `COMPLETIONS` by token ids and grammars, so that programs are those of a local model; `CHAT` in
    words, so that any chat model can be asked, and what it answers is looked at afterwards.
    """

    COMPLETIONS = "completions"
    CHAT = "chat"


class Mode(enum.Enum):
    """What a model writes: a program over the document, or the whole new text."""

    PROGRAM = "program"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a model is decoded.

    `drafts` says whether guesses ride along in a forward: they change the time, never the result.
    `lenience` is by how many nats the model may find something else better than what the
    instruction promises (`decode.sampling.Greedy`); None is what a model of ours is best with by
    its `config.json` where it writes programs, and else 0. Model servers are never lenient.
    `temperature` 0 is greedy; above it tokens are drawn, reproducibly by `seed`, 0 to 2**64 - 1. A
    model of ours is loaded with the modes and acceptances that its `config.json` names, with others
    only where `untaught` is set: for studies that measure what it then gets wrong.
    """

    mode: Mode = Mode.PROGRAM
    acceptance: Acceptance = Acceptance.PROGRAM
    drafts: bool = True
    temperature: float = 0.0
    seed: int = 0
    lenience: float | None = None
    untaught: bool = False

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            message = f"expected temperature >= 0, got {self.temperature}"
            raise ConfigError(message)
        if self.lenience is not None and not self.lenience >= 0:
            message = f"expected lenience >= 0, got {self.lenience}"
            raise ConfigError(message)
        if not 0 <= self.seed < 2**64:
            message = f"expected a seed within 0 to 2**64 - 1, got {self.seed}"
            raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an engine is loaded.

    `model` is `"embedded"`, the path of a model folder, or a Hugging Face name. `threads` is the
    number of torch threads; with None the embedded model measures what is fastest, and others take
    torch's own choice. `max_document_bytes` counts UTF-8. `prefix_cache_bytes` bounds what is kept
    of earlier prompts' keys and values; the newest stays whatever its size, and so do those of the
    edits under way, of which there are at most `max_together` at once. No scope is locked where
    `scope_lock` is off, and no edit is checked where `self_check` is.

    With `remote_url` the model is run by a server there, and documents' text leaves the machine
    with each edit; `model` then says whose tokenizer and prompt are used, and `remote_model` what
    the server calls it (None where it serves one only). `remote_api` says how it is asked: as a
    chat model it needs no `model` here, and nobody but `remote_context` says how many tokens its
    prompt and its answer may have together.
    """

    model: str = EMBEDDED
    threads: int | None = None
    max_document_bytes: int = 2_000_000
    prefix_cache_bytes: int = PREFIX_CACHE_BYTES
    limits: Limits = field(default_factory=Limits)
    scope_lock: bool = True
    self_check: bool = True
    decoding: Decoding = field(default_factory=Decoding)
    max_together: int = 4
    remote_url: str | None = None
    remote_model: str | None = None
    remote_api: RemoteApi = RemoteApi.COMPLETIONS
    remote_context: int = REMOTE_CONTEXT

    def __post_init__(self) -> None:
        if not self.model.strip():
            message = "expected a model name or path, got an empty string"
            raise ConfigError(message)
        if self.remote_url is not None:
            remote_host(self.remote_url)
        if self.remote_context < LEAST_REMOTE_CONTEXT:
            message = (
                f"expected remote_context >= {LEAST_REMOTE_CONTEXT}, got {self.remote_context}"
            )
            raise ConfigError(message)
        if self.threads is not None and self.threads < 1:
            message = f"expected threads >= 1, got {self.threads}"
            raise ConfigError(message)
        if self.max_document_bytes < 1:
            message = f"expected max_document_bytes >= 1, got {self.max_document_bytes}"
            raise ConfigError(message)
        if self.prefix_cache_bytes < 0:
            message = f"expected prefix_cache_bytes >= 0, got {self.prefix_cache_bytes}"
            raise ConfigError(message)
        if self.max_together < 1:
            message = f"expected max_together >= 1, got {self.max_together}"
            raise ConfigError(message)

    @property
    def model_name(self) -> str:
        """What the model is called that makes the edits: a chat model is known by its server."""
        if self.remote_url is None or self.remote_api is not RemoteApi.CHAT:
            return self.model
        return self.remote_model or remote_host(self.remote_url)

    @property
    def remote_host(self) -> str | None:
        """Where text goes, as `host` or `host:port`; None where it stays in this process."""
        return None if self.remote_url is None else remote_host(self.remote_url)


def remote_host(url: str) -> str:
    """Return the host, with its port where one is given, of a model server's address.

    Raises:
        ConfigError: it is no address, has more in it than where to go, or would send text in the
            clear to another machine. The message does not repeat it: it may hold a secret.
    """
    expected = "expected an address like https://host:port"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        message = f"{expected}, got one that cannot be read"
        raise ConfigError(message) from error
    if parts.scheme not in {"http", "https"} or not host or url != url.strip():
        message = f"{expected}, got none"
        raise ConfigError(message)
    if parts.username is not None or parts.password is not None:
        message = f"{expected}, got one with a user in it: the key is taken from {API_KEY}"
        raise ConfigError(message)
    if parts.query or parts.fragment:
        message = f"{expected}, got one with a query or a fragment"
        raise ConfigError(message)
    if parts.scheme == "http" and not is_loopback(host):
        message = f"expected https, since {host} is another machine, got http"
        raise ConfigError(message)
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or number alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
