"""How long listing actions takes: `python -m tests.server.bench_listing [LINES [CALLS]]`.

A program, not a test: it measures. The client and the server share one thread and talk through
memory; a document with an `AI!` comment every 500 lines is listed with 50 diagnostics, once for a
cursor and once for the whole document, each time in a new version. Beside the time on the clock it
tells the processor's, of both sides, which says more on a machine that is busy.
"""

from __future__ import annotations

import asyncio
import sys
import time

from tests.server.harness import URI, connected, cursor, diagnostic, lines


async def main(count: int, calls: int) -> None:
    """Print the percentiles in milliseconds."""
    text = "".join(
        f"# do it {n} AI!\n" if n % 500 == 499 else f"name_{n} = other_{n}  # a comment\n"
        for n in range(count)
    )
    found = [diagnostic(f"undefined name 'other_{n}'", n + 1) for n in range(0, count, count // 50)]
    async with connected(text=text, options={"readAhead": False}) as pair:
        pair.server.history.add("", "an instruction given before")
        for name, span in (("cursor", cursor(count // 2)), ("whole document", lines(1, count))):
            times: list[tuple[float, float]] = []
            actions = 0
            for _ in range(calls):
                pair.client.change(URI, text)
                await pair.client.execute("copydecode.lastReceipt")  # The change is made.
                began = time.perf_counter(), time.process_time()
                actions = len(await pair.client.code_actions(URI, span, found))
                times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
            sys.stdout.write(f"{count} lines, {name}: {actions} actions, of {calls}\n")
            for clock, taken in zip(("wall", "processor"), zip(*times, strict=True), strict=True):
                ordered = sorted(taken)
                p50, p99 = ordered[calls // 2], ordered[min(calls - 1, calls * 99 // 100)]
                sys.stdout.write(f"  {clock}: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms\n")


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    asyncio.run(main(*[*words, *(5000, 200)[len(words) :]]))
