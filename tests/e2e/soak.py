"""Eight editors at once for ten minutes: `python -m tests.e2e.soak [--minutes M] [--clients N]`.

A program, not a test, for its time (`make soak`): real servers with the embedded model, a client
each, edits of real files without a pause. It fails where an edit failed, or where the servers hold
more at the end than when they had settled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console

from copydecode_lsp.bench.figures import summary
from copydecode_lsp.bench.run import Configuration, Plan, Results, measure
from copydecode_lsp.bench.workload import read

MISTAKES = Path(__file__).parent.parent / "data" / "mistakes"
GROWTH = 0.02
"""So much more than settled is still flat: one server's page cache more or less."""


async def soak(minutes: float, clients: int) -> int:
    """Run it and print what came out; returns the exit code."""
    documents = [d for d in read([MISTAKES], None) if d.language == "python"]
    plan = Plan(documents, seconds=60 * minutes, clients=clients)
    # A wrong edit that is withheld is no failure of the server's, and here not to be told from one.
    ours = Configuration("A", settings={"readAhead": True, "selfCheck": False})
    results = Results()
    await measure(plan, [ours], results, lambda _name: None)
    (figures,) = summary(results, [ours])["configurations"]
    del figures["settings"], figures["command"]
    Console().print_json(json.dumps(figures))
    memory = figures["memory"] or {}
    growth = memory.get("growth")
    flat = growth is not None and growth <= GROWTH
    sys.stdout.write(
        f"{clients} clients, {minutes:g} minutes: {figures['edits']} edits, "
        f"{len(figures['failures'])} failed; a server's memory went from "
        f"{memory.get('settled_mib')} MiB to {memory.get('last_mib')} MiB: "
        f"{'flat' if flat else 'not flat, or too short to tell'}\n"
    )
    return 0 if flat and figures["edits"] and not figures["failures"] else 1


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M")
    parser.add_argument("--clients", type=int, default=8, metavar="N")
    args = parser.parse_args()
    return asyncio.run(soak(args.minutes, args.clients))


if __name__ == "__main__":
    sys.exit(main())
