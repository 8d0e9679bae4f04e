"""What a training run leaves for people to read: its log, the learning curves, the model card.

The card says what the embedded model is, what it was trained on, and how. Trains nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from copydecode.training.corpus import SourceFile
from copydecode.training.curriculum import CURRICULA
from copydecode.training.packages import PACKAGES, STANDARD_LIBRARY, Split
from copydecode.training.trainer import INIT, TrainConfig

_log = logging.getLogger(__name__)

COUNTS = "corpus.json"
"""How many files and lines a run learnt from, by split and language."""

NOTES = "notes.md"
"""What somebody wrote down about a run, beside its log; it goes into the card."""


_COUNTS = {"step", "tokens", "progress", "raw"}
"""What the log of an examination holds beside the shares of the kinds."""

_LOSSES = {
    "loss": "decisions",
    "text": "document text",
    "own_line": "a token's own line",
    "line": "the line that a text stands in",
    "look": "looking there",
}


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return a run's log, without what was done again after a stop."""
    kept: list[dict[str, Any]] = []
    for line in (folder / "log.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        while kept and kept[-1]["step"] > entry["step"]:
            kept.pop()
        kept.append(entry)
    return kept


def count(folder: Path, files: Mapping[str, Sequence[SourceFile]]) -> None:
    """Write down how many files and lines of each language a run has of each sort."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for sort, found in files.items():
        for file in found:
            known = counts.setdefault(sort, {})
            n_files, n_lines = known.get(file.language, (0, 0))
            known[file.language] = (n_files + 1, n_lines + file.text.count("\n"))
    (folder / COUNTS).write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")


def _counts(folder: Path) -> list[str]:
    """Return the table of what `count` wrote down, none where it did not."""
    if not (folder / COUNTS).exists():
        return []
    counts = json.loads((folder / COUNTS).read_text("utf-8"))
    lines = ["| | language | files | lines |", "|---|---|---|---|"]
    lines += [
        f"| {sort} | {language} | {n_files:,} | {n_lines:,} |"
        for sort, known in counts.items()
        for language, (n_files, n_lines) in known.items()
    ]
    return [*lines, ""]


def draw_curves(folder: Path) -> None:
    """Draw the log of a run as `curves.png`, where matplotlib (the extra `train`) is installed."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # an extra
    except ImportError:
        _log.warning("no curves.png: matplotlib is not installed (pip install copydecode[train])")
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  # an extra

    log = [entry | {"tokens": entry["tokens"] / 1e6} for entry in read_log(folder)]
    losses = [entry for entry in log if "loss" in entry]
    exams = [entry for entry in log if "loss" not in entry]
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 9), sharex=True)
    for name, label in _LOSSES.items():
        has = [e for e in losses if name in e]
        above.plot([e["tokens"] for e in has], [e[name] for e in has], label=label, alpha=0.7)
    above.set_ylabel("loss (nats per token)")
    above.legend()
    ten = [plt.get_cmap("tab10")(index) for index in range(10)]
    below.set_prop_cycle(color=3 * ten, linestyle=10 * ["-"] + 10 * ["--"] + 10 * [":"])
    for kind in sorted(set(exams[-1]) - _COUNTS) if exams else ():
        has = [e for e in exams if kind in e]  # A run that goes on may be examined on more.
        below.plot([e["tokens"] for e in has], [e[kind] for e in has], label=kind)
    below.set(xlabel="million tokens read", ylabel="exact programs, teacher-forced", ylim=(0, 1))
    below.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    figure.tight_layout()
    figure.savefig(folder / "curves.png", dpi=110)
    plt.close(figure)


def _origin(folder: Path) -> str:
    """Return with what weights the run in a folder began."""
    if not (folder / INIT).exists():
        return "It began with random weights."
    digest = json.loads((folder / INIT).read_text("utf-8"))["sha256"]
    return f"It began with the weights of an earlier model (SHA-256 of the file: `{digest}`)."


def _curriculum(name: str) -> list[str]:
    """Return the table of a curriculum's stages."""
    lines = [
        f"The stages of the curriculum `{name}`: up to which share of the run; the most lines of a "
        "sheet, growing; sheets of random names and signs; decisions after which programs of "
        "numbers alone are cut; the tasks, in per cent.",
        "",
        "| until | lines | noise | cut | tasks |",
        "|---|---|---|---|---|",
    ]
    for stage in CURRICULA[name]:
        first, last = stage.longest
        total = sum(stage.mix.values())
        mix = ", ".join(f"{kind} {100 * w / total:.1f}" for kind, w in stage.mix.items())
        cut = stage.decisions or ""
        lines.append(f"| {stage.until} | {first:g}-{last:g} | {stage.noise} | {cut} | {mix} |")
    return lines


def write(folder: Path, config: TrainConfig) -> None:
    """Write `card.md` for the model in a folder, from its log and its configuration."""
    last = read_log(folder)[-1]
    shape = config.network()
    lines = [
        "# The embedded model",
        "",
        "A decoder-only language model (Qwen3 architecture, "
        f"{shape.num_hidden_layers} layers, width {shape.hidden_size}, vocabulary "
        f"{shape.vocab_size}, tied embeddings) that writes edit programs over numbered lines.",
        "It was trained by `copydecode train` on tasks made from the source code below, and on "
        "commits where these are counted there; on no other model's output.",
        _origin(folder),
        "It is licensed under Apache-2.0, like the rest of the project.",
        "",
        "## Use and limits",
        "",
        f"It sees at most {config.max_lines} lines ({config.max_tokens} tokens) around the place "
        "of the edit, in the languages of its sources.",
        "It knows the tasks that its curriculum names and nothing else: other instructions give "
        "arbitrary edits.",
        "How often it is right is measured by `copydecode evaluate`; see the README.",
        "How often it is right where it is how sure is fitted by `copydecode calibrate`, which "
        "has to follow every training run: `config.json` has the result.",
        "",
        "## Training",
        "",
        f"{last['step']} steps, {last['tokens'] / 1e6:.1f} million tokens, "
        f"torch {torch.__version__}, seed {config.seed}.",
        "A run by `minutes` ends by the clock: elsewhere it takes another number of steps.",
        "",
        "```json",
        json.dumps(asdict(config), indent=2),
        "```",
        "",
        "Share of exact programs on the validation split at the end, teacher-forced:",
        "",
        "| task | exact |",
        "|---|---|",
    ]
    lines += [f"| {kind} | {share:.2f} |" for kind, share in last.items() if kind not in _COUNTS]
    lines += ["", *_curriculum(config.curriculum)]
    if (folder / NOTES).exists():
        lines += ["", "## Notes on this run", "", (folder / NOTES).read_text("utf-8").strip()]
    lines += ["", "## Sources", "", "Split by package; every licence is permissive."]
    lines += ["A file that is near to another one is left out, on the training side first.", ""]
    lines += _counts(folder)
    splits: tuple[Split, ...] = ("train", "validation", "test")
    for split in splits:
        lines += [f"{split.capitalize()}:", "", "| package | version | licence | from |"]
        lines.append("|---|---|---|---|")
        packages = [p for p in PACKAGES if p.split == split]
        lines += [f"| {p.name} | {p.version} | {p.licence} | {p.registry} |" for p in packages]
        if split == STANDARD_LIBRARY.split:
            licence = STANDARD_LIBRARY.licence
            lines.append(f"| Python standard library | 3.11 | {licence} | python.org |")
        lines.append("")
    (folder / "card.md").write_text("\n".join(lines), encoding="utf-8")
