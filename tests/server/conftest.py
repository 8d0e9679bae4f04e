"""Every connection that a test makes is held against the protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.conformance import watched


@pytest.fixture(autouse=True)
def conforming(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose server, or whose client, breaks the protocol.

    What a client does on purpose is marked: `@pytest.mark.breaks_protocol("what")`; the server's
    own messages have to be right all the same.
    """
    with watched() as conversations:
        yield
    on_purpose = request.node.get_closest_marker("breaks_protocol") is not None
    found = [
        breach
        for conversation in conversations
        for breach in conversation.breaches
        if not (on_purpose and " from the client: " in breach)
    ]
    if found:
        pytest.fail("the protocol was broken:\n" + "\n".join(dict.fromkeys(found)), pytrace=False)
