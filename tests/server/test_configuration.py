"""Settings at run time, by folder, and another model while the old one serves."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest
from lsprotocol import types as lsp

from copydecode import Engine, EngineConfig
from copydecode_lsp import configuration, settings
from copydecode_lsp.client import Abilities
from copydecode_lsp.names import FIX_ALL_KIND
from tests.server import fake_engine
from tests.server.harness import PATIENCE_S, URI, Pair, connected, diagnostic, failure, lines, until

PULLS = Abilities(configuration=True)
TEXT = "a\nb\n"
OTHER = "file:///other/b.py"


class Models:
    """Loads scripted engines by model name; notes them weakly, and waits at a gate."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.engines: list[weakref.ref[Engine]] = []
        self.threads: list[int] = []
        self.gates: dict[str, threading.Event] = {}

    def load(self, config: EngineConfig) -> Engine:
        self.loads.append(config.model)
        if gate := self.gates.get(config.model):
            assert gate.wait(PATIENCE_S)
        engine = fake_engine.load(config)
        engine._backend.name = config.model  # noqa: SLF001 -- what its receipts say
        vars(engine)["itself"] = engine  # As caches and pools do refer to each other.
        self.engines.append(weakref.ref(engine))
        self.threads.append(threading.get_ident())
        return engine


def changed(pair: Pair, sent: object) -> None:
    pair.client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(sent))


async def ready(pair: Pair) -> None:
    await pair.client.execute("copydecode.waitUntilReady")


@pytest.mark.parametrize(
    ("sent", "own"),
    [
        ({"copydecode": {"seed": 1}, "python": {}}, {"seed": 1}),
        ({"copydecode": None}, {}),
        ({"python": {}}, {}),
        ({"seed": 1, "unknown": 2}, {"seed": 1, "unknown": 2}),
        ([], {}),
    ],
)
def test_our_settings_are_found_among_those_of_other_servers(sent: object, own: object) -> None:
    assert settings.section_of(sent) == own


async def test_settings_that_a_client_sends_count_from_the_next_edit_on() -> None:
    async with connected(text=TEXT, options={"maxDocumentBytes": 100}) as pair:
        changed(pair, {"copydecode": {"maxDocumentBytes": 3, "threads": "many"}})
        error = await failure(pair.edit("nothing"))
        assert "at most 3 bytes" in error.message
        (message,) = pair.client.messages
        assert message.type == lsp.MessageType.Warning
        assert "threads: expected a whole number" in message.message
        # What is not set any more is as at the start; what stays bad is not told again.
        changed(pair, {"copydecode": {"threads": "many"}})
        assert (await pair.edit("nothing"))["hunks"] == 0
        assert len(pair.client.messages) == 1


async def test_settings_are_pulled_and_each_folder_has_its_own() -> None:
    models = Models()
    async with connected(PULLS, load=models.load, text=TEXT) as pair:
        await ready(pair)
        await until(lambda: pair.client.registered)
        pair.client.open(OTHER, TEXT)
        pair.client.configuration = {
            None: {"maxDocumentBytes": 50},
            "file:///tmp": {"scopeLock": False, "maxDocumentBytes": 50, "maxNewTokens": 9},
            "file:///other": {"maxDocumentBytes": 3, "model": "own", "readAhead": False},
        }
        folders = [lsp.WorkspaceFolder(name, name) for name in ("file:///tmp", "file:///other")]
        event = lsp.WorkspaceFoldersChangeEvent(added=folders, removed=[])
        pair.client.workspace_did_change_workspace_folders(
            lsp.DidChangeWorkspaceFoldersParams(event)
        )
        await until(lambda: pair.server.folder_settings)
        assert (await pair.edit("nothing"))["hunks"] == 0
        argument = {"uri": OTHER, "instruction": "nothing"}
        error = await failure(pair.client.execute("copydecode.applyEdit", argument))
        assert "at most 3 bytes" in error.message
        await until(lambda: pair.client.messages)
        assert "is set for the server, not for file:///other" in pair.client.messages[0].message
        server = pair.server
        assert [server.settings_of(uri).read_ahead for uri in (URI, OTHER, "x:")] == [1, 0, 1]
        assert server.settings_of(URI).engine.limits.max_new_tokens == 9
        assert not server.settings_of(URI).engine.scope_lock
        pair.client.configuration = {}
        changed(pair, None)
        await until(lambda: server.settings_of(URI).engine.scope_lock)
    assert pair.client.registered == [lsp.WORKSPACE_DID_CHANGE_CONFIGURATION]
    assert models.loads == ["embedded"]


async def test_the_model_that_is_pulled_is_the_first_one_loaded() -> None:
    models = Models()
    patient = Abilities(configuration=True)
    async with connected(patient, load=models.load, text=TEXT) as pair:
        pair.client.configuration = {None: {"model": "mine"}}
        await ready(pair)
    assert models.loads == ["mine"]


async def test_a_client_that_does_not_answer_for_its_settings_gets_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configuration, "PATIENCE_S", 0.0)
    async with connected(PULLS, text=TEXT) as pair:
        await ready(pair)
        assert pair.server.loaded == EngineConfig()


async def test_cold_cost__the_old_model_serves_until_the_new_one_is_ready() -> None:
    models = Models()
    models.gates["new"] = threading.Event()
    async with connected(load=models.load, text=TEXT) as pair:
        assert (await pair.edit("nothing"))["model"] == "embedded"
        changed(pair, {"copydecode": {"model": "new"}})
        await until(lambda: "new" in models.loads)
        assert (await pair.edit("put: x", lines(1, 1)))["model"] == "embedded"
        models.gates["new"].set()
        await until(lambda: pair.server.loaded and pair.server.loaded.model == "new")
        assert (await pair.edit("put: y", lines(1, 1)))["model"] == "new"
        await until(lambda: [m for m in pair.client.messages if "'new' makes" in m.message])
        # The old model's thread has ended, and nothing holds the model.
        await until(lambda: models.engines[0]() is None)
        assert models.engines[1]() is not None
        assert len(set(models.threads)) == 2


async def test_an_edit_that_runs_is_ended_by_the_model_that_began_it() -> None:
    models = Models()
    async with connected(load=models.load, text=TEXT) as pair:
        data = {"uri": URI, "version": 1, "instruction": "wait", "scope": None}
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, lsp.CodeAction(title="t", data=data))
        await until(lambda: pair.client.progress_seen)
        changed(pair, {"copydecode": {"seed": 5}})
        await until(lambda: pair.server.loaded and pair.server.loaded.decoding.seed == 5)
        # Of other lines: one of the same would take the place of that which runs.
        assert (await pair.edit("nothing", lines(1, 1)))["forwards"] == 1
        assert not call.answer.done()
        pair.client.cancel(call)
        await failure(asyncio.wrap_future(call.answer))
        # The cancelled request's traceback held on to it for longer than its thread lived.
        await until(lambda: gc.collect() >= 0 and models.engines[0]() is None)


async def test_all_parts_of_an_edit_are_made_by_the_model_that_began_it() -> None:
    old, new = fake_engine.FakeBackend(), fake_engine.FakeBackend()
    new.finish.set()
    found = [diagnostic("hold: 1", 1), diagnostic("put: 2", 2)]

    def load(config: EngineConfig) -> Engine:
        return (new if config.model == "new" else old).load(config)

    async with connected(load=load, text=TEXT) as pair:
        kinds: list[lsp.CodeActionKind | str] = [FIX_ALL_KIND]
        (action,) = await pair.client.code_actions(URI, lines(1, 1), found, kinds)
        assert isinstance(action, lsp.CodeAction)
        call = pair.client.call(lsp.CODE_ACTION_RESOLVE, action)
        await until(lambda: old.runs == 1)
        changed(pair, {"copydecode": {"model": "new"}})
        await until(lambda: pair.server.loaded and pair.server.loaded.model == "new")
        old.finish.set()
        await asyncio.wrap_future(call.answer)
        assert (old.runs, new.runs) == (2, 0)
        # What the old model made is not taken for the new one's.
        await pair.client.code_action_resolve_async(action)
        assert (old.runs, new.runs) == (2, 2)


@pytest.mark.parametrize("model", ["missing", "broken"])
async def test_a_model_that_cannot_be_loaded_leaves_the_old_one(model: str) -> None:
    models = Models()
    async with connected(load=models.load, text=TEXT) as pair:
        await ready(pair)
        changed(pair, {"copydecode": {"model": model}})
        await until(lambda: pair.client.messages)
        (message,) = pair.client.messages
        assert message.type == lsp.MessageType.Error
        assert message.message.endswith("'embedded' stays")
        assert (await pair.edit("nothing"))["model"] == "embedded"


async def test_a_newer_wish_for_a_model_ends_an_older_one() -> None:
    models = Models()
    models.gates["slow"] = threading.Event()
    async with connected(load=models.load, text=TEXT) as pair:
        await ready(pair)
        changed(pair, {"copydecode": {"model": "slow"}})
        await until(lambda: "slow" in models.loads)
        changed(pair, {"copydecode": {"model": "last"}})
        await until(lambda: pair.server.loaded and pair.server.loaded.model == "last")
        models.gates["slow"].set()
        await until(lambda: len(models.engines) == 3)
        assert (await pair.edit("nothing"))["model"] == "last"
        await until(lambda: gc.collect() >= 0 and sum(e() is not None for e in models.engines) == 1)


async def test_documents_are_read_ahead_by_the_new_model() -> None:
    models = Models()
    async with connected(load=models.load, text=TEXT) as pair:
        await ready(pair)
        changed(pair, {"copydecode": {"model": "new"}})
        await until(lambda: pair.server.loaded and pair.server.loaded.model == "new")
        await pair.client.execute("copydecode.waitUntilReady", {"idle": True})
        answer: dict[str, Any] = await pair.edit("nothing")
    assert (answer["model"], answer["reused_tokens"]) == ("new", 2)
