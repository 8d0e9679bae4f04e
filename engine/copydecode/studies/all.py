"""Runs all studies one after the other, with the same options.

The kernel comes first: the ceiling reads what it wrote. A study that fails does not stop the rest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from copydecode.studies import (
    ceiling,
    formats,
    forwards,
    freerun,
    kernel,
    latency,
    losslessness,
    memory,
    perturbation,
    reuse,
    runtime,
    speculation,
    together,
)
from copydecode.studies.study import FAILED, Study, add_common, main

STUDIES = (
    kernel.STUDY,
    runtime.STUDY,
    ceiling.STUDY,
    losslessness.STUDY,
    formats.STUDY,
    perturbation.STUDY,
    forwards.STUDY,
    speculation.STUDY,
    freerun.STUDY,
    reuse.STUDY,
    latency.STUDY,
    memory.STUDY,
    together.STUDY,
)


def run_all(argv: Sequence[str] | None = None, studies: Sequence[Study] = STUDIES) -> int:
    """Run studies with the options that all have; return 0 where none failed."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m copydecode.studies.all", description=__doc__)
    add_common(parser)
    parser.parse_args(arguments)
    console = Console(stderr=True)
    failed = []
    for study in studies:
        console.rule(f"{study.name}: {study.question}")
        if main(study, arguments) != 0:
            failed.append(study.name)
    if failed:
        console.print(f"[red]failed:[/red] {', '.join(failed)}", highlight=False)
    return FAILED if failed else 0


if __name__ == "__main__":
    sys.exit(run_all())
