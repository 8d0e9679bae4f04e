"""Several real vLLMs behind one address, by the configurations of docs/remote.md.

The text of the configurations is that of the document, but for names and ports. Where a router is
not installed its tests are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from copydecode import EditRequest, EditResult, Engine, EngineConfig
from copydecode.backends import local, model_server, remote
from copydecode.errors import (
    CopydecodeError,
    EditCancelledError,
    RemoteMismatchError,
    RemoteUnreachableError,
)
from tests.real_server import free_port
from tests.vllm.conftest import Running, serve
from tests.vllm.test_real_vllm import ENDLESS, cases, endless, noted

DOCUMENT = Path(__file__).parents[2] / "docs" / "remote.md"
DOCUMENTS = 64
"""By so many both of two replicas are reached, but for a chance of less than one in a billion."""

REQUEST = EditRequest("a = 1\nb = 2\nc = 3\n", "delete line 2", language="python")
EDITED = "a = 1\nc = 3\n"  # By two copies: a request for each.
LONGEST = 1800  # Tokens that `ENDLESS` comes to.
RUNNING, WRITTEN = "num_requests_running", "generation_tokens_total"

NGINX = """
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
events {{}}
http {{
access_log off;
client_body_temp_path {place}/body;
proxy_temp_path {place}/proxy;
fastcgi_temp_path {place}/fastcgi;
uwsgi_temp_path {place}/uwsgi;
scgi_temp_path {place}/scgi;
{text}
}}
"""


@dataclass(frozen=True, slots=True)
class Router:
    """A router: its title in the document, how it is run, and what is around its text there.

    `keeps` is what has it keep to a session, with what spreads requests in its place.
    """

    title: str
    words: tuple[str, ...]
    around: str
    keeps: tuple[str, str]


ROUTERS = [
    Router("nginx", ("nginx", "-c"), NGINX, ("hash $http_x_session_id consistent;", "")),
    Router(
        "HAProxy",
        ("haproxy", "-db", "-f"),
        "{text}",
        ("balance hdr(x-session-id)", "balance roundrobin"),
    ),
]


@pytest.fixture(params=ROUTERS, ids=lambda router: router.title)
def router(request: pytest.FixtureRequest) -> Router:
    found: Router = request.param
    if program(found) is None:
        pytest.skip(f"{found.title} is not installed")
    return found


def program(router: Router) -> str | None:
    """Return where a router is installed: Debian's lie where only root looks."""
    return shutil.which(router.words[0], path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Running]]:
    """Serve the embedded model three times: two are routed to, and tests may kill all but one."""
    place = tmp_path_factory.mktemp("replicas")
    starting = [serve(local.EMBEDDED_FOLDER, place / f"log{number}") for number in range(3)]
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        yield list(pool.map(stack.enter_context, starting))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and its certificate."""
    place = tmp_path_factory.mktemp("certificate")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=models"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "certificate"]
    subprocess.run(["openssl", *words], check=True, cwd=place, capture_output=True)  # noqa: S603, S607  # our own words
    both = place / "models.pem"
    both.write_bytes((place / "certificate").read_bytes() + (place / "key").read_bytes())
    return both


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("NO_PROXY", "*")
    # As for another machine: of this one the environment is not asked.
    monkeypatch.setattr(remote, "is_loopback", lambda _host: False)


def documented(title: str) -> str:
    """Return the configuration that the document has below a line that begins like this."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(rf"^{title}\b.*:\n\n((?: {{4}}.*\n)+)", text, re.MULTILINE)
    assert found, title
    return found[1]


def filled(text: str, words: Mapping[str, str]) -> str:
    """Return a text with others in the place of words, each of which it has."""
    for word, other in words.items():
        assert word in text, word
        text = text.replace(word, other)
    return text


def listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program takes connections at a port."""
    until = time.monotonic() + 60
    while True:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)  # Not for a fixed time: until it listens.


@contextmanager
def routed(
    router: Router,
    replicas: Sequence[Running],
    certificate: Path,
    place: Path,
    *,
    keeps: bool = True,
) -> Iterator[str]:
    """Run a router before two replicas; yield its address."""
    port = free_port()
    words = {"/etc/ssl/models.pem": str(certificate), "*:443": f"127.0.0.1:{port}"}
    words |= {
        f"gpu-{n}:8000": each.url.removeprefix("http://") for n, each in enumerate(replicas, 1)
    }
    if not keeps:
        words |= dict([router.keeps])
    file = place / "configuration"
    text = router.around.format(place=place, text=filled(documented(router.title), words))
    file.write_text(text, encoding="utf-8")
    run = program(router)
    assert run is not None
    process = subprocess.Popen([run, *router.words[1:], str(file)])  # noqa: S603  # our own words
    try:
        listening(port, process)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def engine(url: str) -> Engine:
    config = EngineConfig(remote_url=url)
    return Engine(model_server.load(config), config)


def made(
    editor: Engine, request: EditRequest, replicas: Sequence[Running]
) -> tuple[EditResult, list[int]]:
    """Make an edit; return it, and how many requests of it each replica has had."""

    def ended() -> list[int]:
        return [int(each.counted("request_success_total")) for each in replicas]

    before = ended()
    edit = editor.edit(request)
    until = time.monotonic() + 60
    while True:  # Until the replicas have counted them.
        had = [now - then for now, then in zip(ended(), before, strict=True)]
        if sum(had) >= edit.receipt.requests or time.monotonic() > until:
            return edit, had


def test_all_edits_of_a_document_reach_one_replica_and_documents_spread(
    router: Router, replicas: list[Running], certificate: Path, tmp_path: Path
) -> None:
    pair = replicas[:2]
    reached: set[int] = set()
    with routed(router, pair, certificate, tmp_path) as url:
        editor = engine(url)
        for number in range(DOCUMENTS):
            here: set[int] = set()
            for _ in range(2):
                edit, had = made(editor, replace(REQUEST, name=f"{number}.py"), pair)
                assert edit.text == EDITED
                assert edit.receipt.requests > 1
                assert sorted(had) == [0, edit.receipt.requests]
                here.add(had.index(edit.receipt.requests))
            assert len(here) == 1
            reached |= here
            if len(reached) == len(pair):
                break
    assert len(reached) == len(pair)


def test_what_is_cached_is_what_is_with_one_replica(
    router: Router, replicas: list[Running], certificate: Path, tmp_path: Path
) -> None:
    alone = engine(replicas[0].url)
    with routed(router, replicas[:2], certificate, tmp_path) as url:
        together = engine(url)
        spliced = 0
        for request in cases(24, 38, tokens=300):
            expected, got = counts(alone, request), counts(together, request)
            assert got == expected
            spliced += 0 if got is None else got[0]
    assert spliced > 0


def counts(editor: Engine, request: EditRequest) -> tuple[int, int, int, int | None] | None:
    """Return tokens spliced, requests, tokens sent, and those of them that were cached."""
    try:
        receipt = editor.edit(request).receipt
    except CopydecodeError:
        return None
    return receipt.spliced_tokens, receipt.requests, receipt.sent_tokens, receipt.cached_tokens


def test_a_router_that_does_not_keep_to_a_session_is_found_out(
    router: Router, replicas: list[Running], certificate: Path, tmp_path: Path
) -> None:
    expected = "in its cache when it is sent again, found that it did not: .*x-session-id"
    with (
        routed(router, replicas[:2], certificate, tmp_path, keeps=False) as url,
        pytest.raises(RemoteMismatchError, match=expected),
    ):
        engine(url)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    router: Router,
    replicas: list[Running],
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with (
        routed(router, replicas[:2], certificate, tmp_path) as url,
        pytest.raises(RemoteUnreachableError),
    ):
        engine(url)


def test_a_cancel_frees_the_request_behind_a_router(
    router: Router, replicas: list[Running], certificate: Path, tmp_path: Path
) -> None:
    pair = replicas[:2]

    def counted(name: str) -> float:
        return sum(each.counted(name) for each in pair)

    with routed(router, pair, certificate, tmp_path) as url:
        editor = endless(replace(replicas[0], url=url))
        streams = noted(editor)

        def written() -> float:
            """Return how many tokens were written for an edit that was cancelled on its way."""
            before = counted(WRITTEN)
            streams.clear()
            with pytest.raises(EditCancelledError):
                editor.edit(ENDLESS, cancelled=lambda: bool(streams) and streams[-1][1].any)
            until = time.monotonic() + 60
            while counted(RUNNING) and time.monotonic() < until:
                pass
            return counted(WRITTEN) - before

        # On a busy machine all may have been written before the first token arrives.
        assert any(written() < LONGEST for _ in range(5))


def test_an_edit_goes_on_where_its_replica_is_killed(
    router: Router, replicas: list[Running], certificate: Path, tmp_path: Path
) -> None:
    doomed = replicas.pop()
    pair = [doomed, replicas[0]]
    with routed(router, pair, certificate, tmp_path) as url:
        editor = engine(url)
        documents = (replace(REQUEST, name=f"{number}.py") for number in range(DOCUMENTS))
        request = next(each for each in documents if made(editor, each, pair)[1][1] == 0)

        def kill(*_: object) -> None:
            if doomed.process.poll() is None:
                doomed.kill()

        assert editor.edit(request, on_op=kill).text == EDITED  # More requests follow an op.
        assert doomed.process.poll() is not None
        assert editor.edit(request).text == EDITED
