"""`python -m copydecode.studies` lists the studies; it runs none."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from copydecode.studies.all import STUDIES

if __name__ == "__main__":
    table = Table("study", "question", title="python -m copydecode.studies.NAME [--help]")
    for study in STUDIES:
        table.add_row(study.name, study.question)
    table.add_row("all", "All of them, one after the other.")
    Console().print(table)
