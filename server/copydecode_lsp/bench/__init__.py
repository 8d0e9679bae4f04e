"""`copydecode bench`: how long code actions take, over any language server that offers them."""

from copydecode_lsp.bench.command import Job, bench
from copydecode_lsp.bench.run import Temperature

__all__ = ["Job", "Temperature", "bench"]
