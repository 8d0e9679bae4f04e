"""A few of the random interleavings, in every run; `make fuzz` runs ten thousand."""

from __future__ import annotations

import pytest

from tests.server.interleavings import run


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_no_line_is_lost_and_every_request_is_answered(seed: int) -> None:
    """Complaints 2, 6 and 7 at once."""
    await run(seed, steps=60)
