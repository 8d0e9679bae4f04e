"""The real server on the scripted engine: `python -m tests.server.fake_server`."""

from __future__ import annotations

import sys

from copydecode_lsp import app, settings
from tests.server.fake_engine import load


def main() -> int:
    """Serve as `copydecode serve [--model M] [--tcp]` does."""
    words = sys.argv[1:]
    model = words[words.index("--model") + 1] if "--model" in words else None
    app.log_to_stderr()
    server = app.create(load, settings.default_config(model))
    code = app.serve_tcp(server, app.LOOPBACK, 0) if "--tcp" in words else app.serve_stdio(server)
    return code if server.close(timeout_s=5) else 70


if __name__ == "__main__":
    sys.exit(main())
