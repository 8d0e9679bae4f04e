"""What all tests share: nothing of ours reaches for a network."""

from __future__ import annotations

import os

# Read by the Hugging Face libraries when they are imported: a test that needs a download fails.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
