"""`python -m copydecode_lsp`: the same as the `copydecode` script."""

from __future__ import annotations

import sys

from copydecode_lsp.cli import main

if __name__ == "__main__":
    sys.exit(main())
