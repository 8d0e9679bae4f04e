"""A model server: the user is told where text goes, once; one that cannot be used is told of."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types as lsp

from copydecode import Engine, EngineConfig
from copydecode.config import API_KEY
from copydecode.errors import RemoteMismatchError, RemoteUnreachableError
from copydecode_lsp.client import Abilities
from copydecode_lsp.names import SHOW_STATUS, WAIT_UNTIL_READY
from tests.server import fake_engine
from tests.server.harness import URI, connected, failure, until

URL = "https://models.example:8443/v1"
HOST = "models.example:8443"
KEY = "sk-never-told"


def loads(config: EngineConfig) -> Engine:
    return fake_engine.load(config)


def refuses(config: EngineConfig) -> Engine:
    if config.remote_url is None:
        return fake_engine.load(config)
    message = f"expected {config.remote_host} to find a prompt in its cache, found that it did not"
    raise RemoteMismatchError(message)


async def test_a_message_and_the_status_say_that_text_leaves_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(API_KEY, KEY)
    async with connected(load=loads, options={"remoteUrl": URL, "remoteModel": "big"}) as pair:
        await pair.client.execute(WAIT_UNTIL_READY)
        await until(lambda: pair.client.messages)
        status = await pair.client.execute(SHOW_STATUS, {"quiet": True})
        told = [message.message for message in pair.client.messages]
        assert len([text for text in told if HOST in text and "sent there" in text]) == 1
    assert status is not None
    assert status["remote"] == HOST
    everything = json.dumps(status) + "".join(told)
    assert URL not in everything
    assert KEY not in everything


async def test_of_a_chat_model_it_is_said_that_names_of_files_are_sent_too() -> None:
    options = {"remoteUrl": URL, "remoteApi": "chat"}
    async with connected(load=loads, options=options) as pair:
        await until(lambda: pair.client.messages)
        (message,) = pair.client.messages
        status = await pair.client.execute(SHOW_STATUS, {"quiet": True})
    assert "the file's name" in message.message
    assert status is not None
    assert status["model"]["name"] == HOST  # Nobody said what the model is called.


async def test_without_a_model_server_nothing_is_said() -> None:
    async with connected(load=loads) as pair:
        await pair.client.execute(WAIT_UNTIL_READY)
        status = await pair.client.execute(SHOW_STATUS, {"quiet": True})
        assert pair.client.messages == []
    assert status is not None
    assert status["remote"] is None


async def test_a_server_that_cannot_be_used_is_told_like_a_model_that_cannot_be_loaded() -> None:
    async with connected(load=refuses, options={"remoteUrl": URL}) as pair:
        error = await failure(pair.client.execute(WAIT_UNTIL_READY))
        await until(lambda: pair.client.messages)
        (message,) = pair.client.messages
    assert message.type is lsp.MessageType.Error
    assert "in its cache" in message.message
    assert error.data == {"kind": "RemoteMismatchError"}


class Comes:
    """A load that finds no model server until it is `there`."""

    def __init__(self) -> None:
        self.there = False
        self.tries = 0

    def __call__(self, config: EngineConfig) -> Engine:
        self.tries += 1
        if not self.there:
            message = f"expected a model server at {config.remote_host}, found none"
            raise RemoteUnreachableError(message)
        return fake_engine.load(config)


async def test_a_server_that_comes_later_makes_the_next_edit() -> None:
    load = Comes()
    async with connected(load=load, options={"remoteUrl": URL}, text="a\nb\n") as pair:
        await until(lambda: pair.client.messages)
        (message,) = pair.client.messages
        assert message.type is lsp.MessageType.Error
        assert "found none; it is tried again when an edit is asked for" in message.message
        error = await failure(pair.edit("delete"))
        assert error.message == f"expected a model server at {HOST}, found none"
        assert pair.client.documents[URI].text == "a\nb\n"
        status = await pair.client.execute(SHOW_STATUS, {"quiet": True})
        assert status is not None
        assert status["model"]["state"] == "failed"
        load.there = True
        await pair.edit("delete")
        assert pair.client.documents[URI].text == ""
        status = await pair.client.execute(SHOW_STATUS, {"quiet": True})
        await pair.client.execute(WAIT_UNTIL_READY)
        await until(lambda: len(pair.client.messages) == 2)
    assert "sent there" in pair.client.messages[1].message
    assert status is not None
    assert (status["model"]["state"], status["model"]["error"]) == ("ready", None)
    assert load.tries == 3  # At the start, and once an edit.


async def test_a_switch_to_a_server_says_where_text_goes_from_then_on() -> None:
    async with connected(load=loads, abilities=Abilities(configuration=True)) as pair:
        await pair.client.execute(WAIT_UNTIL_READY)
        pair.client.configuration[None] = {"remoteUrl": URL}
        pair.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams(settings={})
        )
        await until(lambda: any("sent there" in m.message for m in pair.client.messages))
