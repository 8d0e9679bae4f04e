"""The wire to a model server: completions over HTTP, as they are written.

One event loop in a thread of its own serves all requests of a backend over kept-alive HTTP/1.1
connections; whoever decodes takes tokens as they come and never waits for one that it does not
want. A completion changes nothing on the server, so it is asked for again where no token of it has
come and the server is busy, or the connection broke. Closing a stream closes its connection, and
that frees the request on the server.

Errors name the host, never the key, and nothing that a server says about a request with somebody's
text: it may quote it. Knows nothing of grammars, programs or tokenizers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx2

from copydecode.config import API_KEY, is_loopback, remote_host
from copydecode.errors import (
    RemoteBusyError,
    RemoteError,
    RemoteMismatchError,
    RemoteRefusedError,
    RemoteUnreachableError,
)

T = TypeVar("T")

_BUSY = frozenset({408, 425, 429, 502, 503, 504, 529})  # 529 is Anthropic's.
_NONE_BEHIND = frozenset({502, 504})
"""What a router says where no server behind it answers."""
_KEY = frozenset({401, 403})
_KEPT = ("finish", "prompt_ids", "prompt_tokens", "cached_tokens", "written_tokens")
_OK = 200
_NOT_FOUND = 404
_SAID = 200  # Characters of a server's message that are told.


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, in seconds, and how often to ask it again.

    `silence_s` is the longest time between two pieces of an answer: under load a request waits for
    its turn without one. The n-th repetition comes `pause_s` times 2**n later, or when the server
    says, `longest_pause_s` later at most. An edit's own deadline stands above all of them.
    """

    connect_s: float = 5.0
    silence_s: float = 60.0
    repeats: int = 4
    pause_s: float = 0.25
    longest_pause_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Came(Generic[T]):
    """What one piece of an answer brings: token ids or text, and what is None where it is not said.

    `finish` is why the server stopped. `prompt_ids` are the prompt as the server's tokenizer has
    it, and `prompt_tokens`, `cached_tokens` and `written_tokens` what was counted.
    """

    written: Sequence[T] = ()
    finish: str | None = None
    prompt_ids: list[int] | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    written_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """Where completions are asked for, and how answers read.

    Where `streamed` they come piece by piece as server-sent events, as OpenAI has it; else whole,
    and nothing comes before that. Where it is `silent` nothing may come for long, since the model
    thinks first: it is left at the edit's own deadline alone. `counts` says whether a stream is
    asked to tell at its end what it took. `read` raises what indexing and converting raise for a
    piece that is none.
    """

    path: str
    streamed: bool
    read: Callable[[dict[str, Any]], Came[T]]
    silent: bool = False
    counts: bool = True


def counted(usage: Mapping[str, Any] | None) -> dict[str, int | None]:
    """Return what a `usage` of OpenAI's counts, by the names of `Came`."""
    if not usage:
        return {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    written = usage.get("completion_tokens")
    return {
        "prompt_tokens": int(usage["prompt_tokens"]),
        "cached_tokens": None if cached is None else int(cached),
        "written_tokens": None if written is None else int(written),
    }


def _completion(chunk: dict[str, Any]) -> Came[int]:
    """Read a piece of a completion with token ids."""
    counts = counted(chunk.get("usage"))
    choices = chunk.get("choices")
    choice: dict[str, Any] = choices[0] if choices else {}
    ids = choice.get("token_ids")
    if choice.get("text") and ids is None:
        message = "expected token ids beside the text (return_token_ids)"
        raise RemoteMismatchError(message)
    prompt = choice.get("prompt_token_ids") or None
    return Came([*map(int, ids or ())], choice.get("finish_reason"), prompt, **counts)


COMPLETIONS = Form("/v1/completions", streamed=True, read=_completion)


class Answer(Generic[T]):
    """One completion on its way: what is written, to be taken as it comes, then how it ended."""

    def __init__(self, arrived: threading.Condition) -> None:
        self._arrived = arrived
        self._written: deque[T] = deque()
        self._task: Future[None] | None = None
        self.any = False
        """Whether anything has come."""
        self.ended = False
        self.failure: Exception | None = None
        self.finish: str | None = None
        """Why the server stopped, in its own words."""
        self.prompt_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.written_tokens: int | None = None
        self.repeats = 0
        """How often it had to be asked for again."""
        self.prompt_ids: list[int] | None = None
        """The prompt as the server's tokenizer has it."""

    @property
    def ready(self) -> bool:
        """Whether there is something to be taken, or nothing more will come."""
        return bool(self._written) or self.ended

    def take(self) -> T | None:
        """Return what is next; None where nothing is there yet, or nothing is left."""
        return self._written.popleft() if self._written else None

    def finished(self) -> None:
        """Wait for its end, however it ends."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.ended)

    def close(self) -> None:
        """Want no more of it; returns at once."""
        if self._task is not None and not self.ended:
            self._task.cancel()

    def _began(self, task: Future[None]) -> None:
        self._task = task

    def _came(self, came: Came[T]) -> None:
        """Take over a piece of the answer."""
        with self._arrived:
            self._written.extend(came.written)
            self.any = self.any or bool(self._written)
            for name in _KEPT:
                value = getattr(came, name)
                setattr(self, name, getattr(self, name) if value is None else value)
            self._arrived.notify_all()

    def _end(self, failure: Exception | None = None) -> None:
        with self._arrived:
            self.failure, self.ended = failure, True
            self._arrived.notify_all()


Stream: TypeAlias = Answer[int]
"""An answer in token ids."""


class Wire:
    """The connections to one server."""

    def __init__(self, url: str, key: str | None, patience: Patience | None = None) -> None:
        """`url` is as `config.remote_host` takes it; a path is kept, `/v1` at its end is not.

        Raises:
            ConfigError: the address cannot be used.
            RemoteRefusedError: the key cannot be sent.
        """
        self.host = remote_host(url)
        self.has_key = bool(key)
        self._patience = patience or Patience()
        self._arrived = threading.Condition()
        self._answers: list[Answer[Any]] = []
        self._client = _client(url, key, self._patience)
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(
            target=_live, args=(self._loop, self._client), name="model-server", daemon=True
        )
        thread.start()
        # A backend that nobody holds any more takes its thread and its connections with it.
        self._finalizer = weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop)

    def close(self) -> None:
        """End all requests and connections; a second call does nothing."""
        self._finalizer()

    def get(self, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  # JSON
        """Return the JSON at a path, None where the server knows no such path; waits for it.

        With a body it is posted there.

        Raises:
            RemoteError: why there is none.
        """
        work = _get(self._client, path, body, self.host, has_key=self.has_key)
        return self._wait_for(work)

    def complete(
        self,
        body: Mapping[str, Any],
        session: str = "",
        *,
        form: Form[T],
        private: bool = True,
    ) -> Answer[T]:
        """Ask for a completion; returns at once.

        Requests of one `session` shall reach the same one of several servers. Of a `private` one
        nothing that the server says is told.
        """
        stream: Answer[T] = Answer(self._arrived)
        with self._arrived:
            self._answers = [each for each in self._answers if not each.ended]
            self._answers.append(stream)
        ask = _Ask(self.host, self.has_key, form, dict(body), session, private)
        work = _complete(self._client, ask, stream, self._patience)
        stream._began(asyncio.run_coroutine_threadsafe(work, self._loop))  # noqa: SLF001  # its maker
        return stream

    def wait(self, seconds: float) -> None:
        """Wait until any stream that is open is ready, so long at most."""
        with self._arrived:
            self._arrived.wait_for(lambda: any(each.ready for each in self._answers), seconds)

    def forget(self, answer: Answer[Any]) -> None:
        """Close an answer: `wait` waits for it no more."""
        answer.close()
        with self._arrived:
            if answer in self._answers:
                self._answers.remove(answer)

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request, and what its errors may say."""

    host: str
    has_key: bool
    form: Form[Any]
    body: dict[str, Any]
    session: str
    private: bool


class _AgainError(Exception):
    """The request may be sent once more, `after` seconds later where the server said so."""

    def __init__(self, error: RemoteError, after: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.after = after


def _live(loop: asyncio.AbstractEventLoop, client: httpx2.AsyncClient) -> None:
    """Serve requests until the loop is stopped, then close what is open."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(client.aclose())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _client(url: str, key: str | None, patience: Patience) -> httpx2.AsyncClient:
    headers = {"accept": "application/json"}
    if key:
        if not key.isascii() or not key.isprintable() or key != key.strip():
            message = f"expected a key of plain characters in {API_KEY}, found others"
            raise RemoteRefusedError(message)
        headers["authorization"] = f"Bearer {key}"
    local = is_loopback(urlsplit(url).hostname or "")
    return httpx2.AsyncClient(
        base_url=url.rstrip("/").removesuffix("/v1"),
        headers=headers,
        timeout=httpx2.Timeout(patience.silence_s, connect=patience.connect_s, pool=None),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=16),
        follow_redirects=False,  # The key and the text are for this server alone.
        trust_env=not local,  # A proxy is another machine.
    )


async def _get(
    client: httpx2.AsyncClient,
    path: str,
    body: Mapping[str, Any] | None,
    host: str,
    *,
    has_key: bool,
) -> Any:  # noqa: ANN401  # JSON
    try:
        response = await client.request("GET" if body is None else "POST", path, json=body)
    except (httpx2.HTTPError, OSError) as error:
        raise _unreachable(host, error) from error
    if response.status_code == _NOT_FOUND:
        return None
    if response.status_code != _OK:
        raise _refusal(host, response.status_code, response.text, has_key=has_key, private=False)
    try:
        return response.json()
    except ValueError as error:
        message = f"expected JSON from {host} at {path}, found something else"
        raise RemoteMismatchError(message) from error


async def _complete(
    client: httpx2.AsyncClient, ask: _Ask, stream: Answer[Any], patience: Patience
) -> None:
    """Run a completion to its end, asking again where that is safe."""
    failure: Exception | None = None
    try:
        while True:
            try:
                return await _once(client, ask, stream)
            except _AgainError as again:
                failure = again.error
                if stream.any or stream.repeats == patience.repeats:
                    return None
                pause = again.after or patience.pause_s * 2**stream.repeats
                stream.repeats += 1
                failure = None
                await asyncio.sleep(min(pause, patience.longest_pause_s))
    except RemoteError as error:
        failure = error
    except asyncio.CancelledError:
        failure = RemoteUnreachableError(f"the request to {ask.host} was ended")
        raise
    except Exception as error:  # noqa: BLE001  # who decodes is told, in its own thread
        failure = error
    finally:
        stream._end(failure)  # noqa: SLF001  # its maker


async def _once(client: httpx2.AsyncClient, ask: _Ask, stream: Answer[Any]) -> None:
    """Send the request and take over its answer.

    Raises:
        _AgainError: the server is busy, or the connection failed.
        RemoteError: it will not be otherwise the next time.
    """
    form, headers = ask.form, {"x-session-id": ask.session} if ask.session else {}
    body = {**ask.body, "stream": form.streamed}
    if form.streamed and form.counts:
        body["stream_options"] = {"include_usage": True}
    timeout = client.timeout
    if ask.private and (form.silent or not form.streamed):
        # What comes whole is silent up to its end: the edit's own deadline stands alone.
        timeout = httpx2.Timeout(None, connect=timeout.connect)
    try:
        async with client.stream(
            "POST", form.path, json=body, headers=headers, timeout=timeout
        ) as answer:
            if answer.status_code != _OK:
                text = (await answer.aread()).decode("utf-8", "replace")
                error = _refused(ask, answer.status_code, text)
                if isinstance(error, RemoteBusyError):
                    raise _AgainError(error, _retry_after(answer))
                raise error
            kind = "text/event-stream" if form.streamed else "application/json"
            if not answer.headers.get("content-type", "").startswith(kind):
                message = f"expected {kind} from {ask.host}, found another answer"
                raise RemoteMismatchError(message)
            async for chunk in _chunks(answer, ask):
                stream._came(_read(form, chunk))  # noqa: SLF001  # its maker
    except (httpx2.HTTPError, OSError) as error:
        raise _AgainError(_unreachable(ask.host, error)) from error


async def _chunks(answer: httpx2.Response, ask: _Ask) -> AsyncIterator[dict[str, Any]]:
    """Yield the chunks of a stream of events, up to its end, or the answer that came whole.

    Raises:
        RemoteError: the stream has an error in it, or what is no chunk.
        _AgainError: it ended before its end.
    """
    if not ask.form.streamed:
        yield _object(await answer.aread(), ask)
        return
    done = False
    async for line in answer.aiter_lines():  # To the end, else the connection is not used again.
        if done or not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            done = True
            continue
        yield _object(data, ask)
    if not done:
        raise _AgainError(_broken(ask.host))


def _object(data: str | bytes, ask: _Ask) -> dict[str, Any]:
    """Return a piece of an answer.

    Raises:
        RemoteError: it is none, or an error.
    """
    try:
        chunk = json.loads(data)
    except ValueError as error:
        message = f"expected JSON from {ask.host}, found something else"
        raise RemoteMismatchError(message) from error
    if not isinstance(chunk, dict):
        message = f"expected an object from {ask.host}, found something else"
        raise RemoteMismatchError(message)
    if said := chunk.get("error"):
        code = said.get("code") if isinstance(said, dict) else None
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        raise _refused(ask, code if isinstance(code, int) else 500, text)
    return chunk


def _read(form: Form[T], chunk: dict[str, Any]) -> Came[T]:
    """Return what a piece of an answer brings; RemoteMismatchError where it is none."""
    try:
        return form.read(chunk)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        message = "expected pieces of a completion from the model server, found others"
        raise RemoteMismatchError(message) from error


def _refused(ask: _Ask, status: int, text: str) -> RemoteError:
    return _refusal(ask.host, status, text, has_key=ask.has_key, private=ask.private)


def _refusal(host: str, status: int, text: str, *, has_key: bool, private: bool) -> RemoteError:
    """Return the error for an answer that is none."""
    if status in _KEY:
        key = f"the key in {API_KEY}" if has_key else f"requests without a key in {API_KEY}"
        return RemoteRefusedError(f"expected {host} to take {key}, got HTTP {status}")
    said = "" if private else _said(text)
    if status in _BUSY:
        wanted = "an answer from behind" if status in _NONE_BEHIND else "room for a request at"
        message = f"expected {wanted} {host}, got HTTP {status}{said}"
        return RemoteBusyError(message)
    if status == _NOT_FOUND and private:
        return RemoteRefusedError(f"expected {host} to serve the model, got HTTP {status}")
    return RemoteRefusedError(f"expected {host} to take a request, got HTTP {status}{said}")


def _said(text: str) -> str:
    """Return what a server says about its error, for one line."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        body = json.loads(text)
        error = body.get("error", body)
        text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f": {line[:_SAID]}" if line else ""


def _unreachable(host: str, error: Exception) -> RemoteUnreachableError:
    """Return the error for a connection; what the library says may name a proxy's user."""
    if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError):
        return RemoteUnreachableError(f"expected a model server at {host}, found none")
    if isinstance(error, httpx2.TimeoutException):
        return RemoteUnreachableError(f"expected an answer from {host}, it came to a stop")
    return _broken(host)


def _broken(host: str) -> RemoteUnreachableError:
    return RemoteUnreachableError(f"expected an answer from {host}, the connection broke")


def _retry_after(answer: httpx2.Response) -> float | None:
    """Return how many seconds a busy server wants to be left alone."""
    try:
        seconds = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if seconds > 0 else None
