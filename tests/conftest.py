"""What all tests share: nothing of ours reaches for a network, and runs are repeatable."""

from __future__ import annotations

import os

from hypothesis import settings

# Read by the Hugging Face libraries when they are imported: a test that needs a download fails.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Property tests see the same examples in every run; `--hypothesis-profile=search` looks for others.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None, max_examples=1000)
settings.load_profile("repeatable")
