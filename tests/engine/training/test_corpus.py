"""What the corpus holds: one side a project, one copy of a text, nothing that was built."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from copydecode.errors import ConfigError
from copydecode.training import corpus
from copydecode.training.duplicates import Kept
from copydecode.training.packages import EVALUATED, NPM_PACKAGES, PACKAGES, PYTHON_PACKAGES, Package

PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "PSF-2.0"}


def test_no_project_is_in_two_splits() -> None:
    """Scoped packages of one owner are one project."""
    assert len({package.name for package in PACKAGES}) == len(PACKAGES)
    scopes: dict[str, set[str]] = {}
    for package in PACKAGES:
        owner = package.name.partition("/")[0].lstrip("@")
        scopes.setdefault(owner.partition("-")[0], set()).add(package.split)
    assert [owner for owner, splits in scopes.items() if len(splits) > 1] == []


def test_every_package_is_pinned_and_permissively_licensed() -> None:
    for package in PACKAGES:
        assert package.version
        terms = package.licence.replace(" OR ", " AND ").split(" AND ")
        assert set(terms) <= PERMISSIVE
    for package in NPM_PACKAGES:
        assert len(package.sha256) == 64
        assert package.folders


def test_no_project_whose_commits_are_for_evaluation_is_in_the_corpus() -> None:
    evaluated = {repository.partition("/")[2] for repository in EVALUATED}
    assert not {p.name for p in PACKAGES} & evaluated


def test_every_split_has_every_language(archives: Path) -> None:
    for split in ("train", "validation", "test"):
        files = corpus.read(archives, split)
        assert {file.language for file in files} == set(corpus.LANGUAGES.values())


def test_read_takes_what_was_written_by_hand(archives: Path) -> None:
    """Not what is vendored, built, declared only, or does not parse."""
    read = corpus.read(archives, "test")
    python = [f"{p.name}/module.py" for p in PYTHON_PACKAGES if p.split == "test"]
    assert [file.path for file in read if file.language == "python"] == python
    for package in NPM_PACKAGES:
        if package.split == "test":
            place = package.folders[0]
            paths = {file.path for file in read if file.package == package.name}
            assert paths == {"README.md", f"{place}/queue.js", f"{place}/store.ts"}


def lines(*numbers: int) -> str:
    return "".join(f"this is line number {n}\n" for n in numbers)


def test_a_text_is_kept_once() -> None:
    """White space tells nothing apart."""
    kept = Kept()
    assert kept.add("one text")
    assert kept.add("another text")
    assert not kept.add("one  text\n")


def test_what_shares_most_lines_is_near() -> None:
    """With any text before it, whichever is longer, whatever the indentation and the order."""
    kept = Kept()
    assert kept.add(lines(*range(10)))
    assert kept.add(lines(*range(100, 140)))
    assert not kept.add(lines(*range(4, 14)))
    assert kept.add(lines(*range(5, 15)))
    turned = reversed(lines(*range(120, 130)).splitlines())
    assert not kept.add("".join(f"    {line}\n" for line in turned))


def test_short_lines_and_common_ones_make_nothing_near() -> None:
    kept = Kept()
    assert kept.add("}\n" * 20 + lines(*range(6)))
    assert kept.add("}\n" * 20 + lines(*range(6, 12)))
    header = "".join(f"a line of a licence, number {n}\n" for n in range(8))
    for k in range(250):
        kept.add(header + lines(*range(1000 + 20 * k, 1010 + 20 * k)))
    assert kept.add(header + lines(90_000))


def test_what_is_near_to_a_test_file_is_not_trained_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The training side loses it, the test side keeps it; validation lies between."""
    shared, other = lines(*range(20)), lines(*range(50, 70))
    held = {
        "test": [shared],
        "validation": [other, shared + "one more line than the others\n"],
        "train": [lines(*range(18)), lines(*range(52, 75)), lines(*range(200, 220))],
    }
    monkeypatch.setattr(
        corpus,
        "_read_all",
        lambda _folder, split: [corpus.SourceFile(split, "x", text) for text in held[split]],
    )
    assert [file.text for file in corpus.read(tmp_path, "test")] == [shared]
    assert [file.text for file in corpus.read(tmp_path, "validation")] == [other]
    assert [file.text for file in corpus.read(tmp_path, "train")] == [lines(*range(200, 220))]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Serve one byte for every address, and keep the addresses."""
    addresses: list[str] = []

    def serve(url: str, timeout: float) -> io.BytesIO:
        assert timeout
        addresses.append(url)
        return io.BytesIO(b"x")

    monkeypatch.setattr(urllib.request, "urlopen", serve)
    monkeypatch.delenv("npm_config_registry", raising=False)
    return addresses


def pinned(monkeypatch: pytest.MonkeyPatch, sha256: str) -> None:
    package = Package("@an/one", "1.2.3", "MIT", "test", "npm", ("src",), sha256)
    monkeypatch.setattr(corpus, "PACKAGES", (package,))


def test_tarballs_come_from_the_registry_that_npm_uses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: list[str]
) -> None:
    pinned(monkeypatch, hashlib.sha256(b"x").hexdigest())
    corpus.fetch(tmp_path / "first", ("test",))
    monkeypatch.setenv("npm_config_registry", "http://localhost:4873/")
    corpus.fetch(tmp_path / "second", ("test",))
    assert asked == [
        "https://registry.npmjs.org/@an/one/-/one-1.2.3.tgz",
        "http://localhost:4873/@an/one/-/one-1.2.3.tgz",
    ]
    assert (tmp_path / "first" / "an-one-1.2.3.tgz").read_bytes() == b"x"


def test_what_is_there_is_not_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: list[str]
) -> None:
    pinned(monkeypatch, hashlib.sha256(b"x").hexdigest())
    for _ in range(2):
        corpus.fetch(tmp_path, ("test",))
    corpus.fetch(tmp_path, ("train",))
    assert len(asked) == 1


def test_another_file_than_the_pinned_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: list[str]
) -> None:
    pinned(monkeypatch, hashlib.sha256(b"y").hexdigest())
    with pytest.raises(ConfigError, match="pinned hash"):
        corpus.fetch(tmp_path, ("test",))
    assert asked
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_is_said_clearly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(url: str, timeout: float) -> io.BytesIO:
        message = f"no way to {url} in {timeout} s"
        raise urllib.error.URLError(message)

    pinned(monkeypatch, "")
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ConfigError, match=r"@an/one 1\.2\.3 from npm"):
        corpus.fetch(tmp_path, ("test",))
