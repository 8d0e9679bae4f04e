"""Trains the embedded model: one or more processes, seeded, resumable, on CPU or GPU.

Matrices of the layers are trained by Muon, embeddings and norms by AdamW, in bf16 autocast with
fp32 master weights. The learning rate warms up, stays, and falls to zero over the last part. Knows
nothing of where the source files come from.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from copydecode.decode.network import Network, NetworkConfig
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.vocabulary import END, Vocabulary
from copydecode.training.batches import Batch, BranchAttention, make_batch
from copydecode.training.corpus import SourceFile
from copydecode.training.sheets import COPYING, EVERYDAY, SheetMaker
from copydecode.training.tasks import Sheet

_log = logging.getLogger(__name__)

VOCABULARY_SIZE = 4096
CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run. Times are in minutes, rates as Muon and AdamW take them.

    `minutes` bounds the run and drives the schedule, so that a run ends with its rate at zero
    whatever the machine does; `steps` does the same by count. The first of the two that is reached
    ends the run.
    """

    width: int = 256
    layers: int = 5
    heads: int = 4
    key_value_heads: int = 2
    feed_forward: int = 704
    splice_window: int = 16
    max_lines: int = 40
    max_tokens: int = 640
    sheets_per_step: int = 2
    cases_per_sheet: int = 8
    muon_rate: float = 0.02
    adam_rate: float = 4e-3
    weight_decay: float = 0.01
    document_loss: float = 0.3
    warmup_steps: int = 100
    decay_part: float = 0.5
    copying_part: float = 0.4
    noise_share: float = 0.5
    first_lines: int = 8
    last_lines: int = 40
    full_length_part: float = 0.6
    steps: int = 1_000_000
    minutes: float = 87.0
    save_minutes: float = 5.0
    examination_sheets: int = 96
    seed: int = 1

    def network(self) -> NetworkConfig:
        """Return the shape of the network: Qwen3 with tied embeddings."""
        return NetworkConfig(
            model_type="qwen3",
            vocab_size=VOCABULARY_SIZE,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.key_value_heads,
            head_dim=self.width // self.heads,
            rms_norm_eps=1e-6,
            rope_theta=10_000.0,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
        )


def train(  # noqa: PLR0913  # what a run needs, each named
    config: TrainConfig,
    files: Sequence[SourceFile],
    held_out: Sequence[SourceFile],
    folder: Path,
    *,
    rank: int = 0,
    processes: int = 1,
) -> None:
    """Train and leave a model folder behind; goes on where `folder` holds an unfinished run.

    The folder has to hold the `tokenizer.json`. With several processes each works on its own sheets
    and gradients are averaged.
    """
    torch.manual_seed(config.seed)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    run = _Run(config, vocabulary, folder)
    done = run.resume()
    maker = SheetMaker(files)
    examiner = _Examiner(SheetMaker(held_out), run.prompt, config) if rank == 0 else None
    started = saved = time.monotonic()
    began_at = done.minutes
    while True:
        minutes = began_at + (time.monotonic() - started) / 60
        progress = _agree(max(minutes / config.minutes, done.step / config.steps), processes)
        if progress >= 1:
            break
        rng = Random(f"{config.seed}/{rank}/{done.step}")
        sheets = _draw(maker, config, progress, rng, run.prompt)
        batch = make_batch(sheets, run.prompt, config.splice_window)
        loss, text_loss = run.gradients(batch)
        _average(run.network, processes)
        run.update(done.step, progress)
        done = _Done(done.step + 1, minutes)
        if rank == 0 and done.step % 20 == 0:
            rate = done.step / max(1e-9, minutes)
            run.note(step=done.step, progress=progress, loss=loss, text=text_loss, per_minute=rate)
        if examiner and (time.monotonic() - saved) / 60 >= config.save_minutes:
            run.save(done)
            run.note(step=done.step, progress=progress, **examiner.examine(run.network))
            saved = time.monotonic()
    if examiner:
        run.save(done)
        run.note(step=done.step, progress=1.0, **examiner.examine(run.network))


@dataclass(frozen=True, slots=True)
class _Done:
    step: int
    minutes: float


class _Run:
    """Network, optimisers and the folder of one training run."""

    def __init__(self, config: TrainConfig, vocabulary: Vocabulary, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = Network(config.network()).to(self.device)
        _initialise(self.network)
        self.prompt = EmbeddedPrompt(vocabulary, config.max_lines, config.max_tokens)
        matrices = [p for n, p in self.network.named_parameters() if _is_layer_matrix(n, p)]
        taken = {id(p) for p in matrices}
        rest = [p for p in self.network.parameters() if id(p) not in taken]
        self.muon = torch.optim.Muon(
            matrices, lr=config.muon_rate, momentum=0.95, weight_decay=config.weight_decay
        )
        self.adam = torch.optim.AdamW(
            rest, lr=config.adam_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        folder.mkdir(parents=True, exist_ok=True)

    def gradients(self, batch: Batch) -> tuple[float, float]:
        """Run forward and backward; return the loss of decisions and of document text."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            hidden = _hidden(self.network, batch, self.device)
            p = batch.document_tokens
            targets = batch.targets.to(self.device)
            decided = _loss(self.network, hidden[:, p:], targets[:, p:])
            # Half of the text positions teach as much as all of them, at half the cost.
            text = _loss(self.network, hidden[:, : p - 1 : 2], targets[:, : p - 1 : 2])
            total = decided + self.config.document_loss * text
        total.backward()  # type: ignore[no-untyped-call]  # torch
        return decided.item(), text.item()

    def update(self, step: int, progress: float) -> None:
        """Take one optimiser step at the rate of this moment."""
        config = self.config
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        scale = min(1.0, (step + 1) / config.warmup_steps, (1 - progress) / config.decay_part)
        for optimiser, rate in ((self.muon, config.muon_rate), (self.adam, config.adam_rate)):
            for group in optimiser.param_groups:
                group["lr"] = rate * scale
            optimiser.step()  # type: ignore[no-untyped-call]  # torch
            optimiser.zero_grad(set_to_none=True)

    def save(self, done: _Done) -> None:
        """Write the model folder and the state to resume from, each by rename."""
        config = self.config
        extra = {"splice_window": config.splice_window, "max_lines": config.max_lines}
        extra["max_tokens"] = config.max_tokens
        described = self.network.config.as_json() | {"copydecode": extra}
        _write(self.folder / "config.json", json.dumps(described, indent=2) + "\n")
        # Without it transformers takes the architecture's own tokenizer, which cuts otherwise.
        tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END}
        _write(self.folder / "tokenizer_config.json", json.dumps(tokenizer, indent=2) + "\n")
        weights = {
            n: p.detach().to("cpu", torch.bfloat16) for n, p in self.network.named_parameters()
        }
        save_file(weights, self.folder / "model.safetensors.part", metadata={"format": "pt"})
        (self.folder / "model.safetensors.part").replace(self.folder / "model.safetensors")
        state = {
            "network": self.network.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "done": asdict(done),
            "config": asdict(config),
        }
        torch.save(state, self.folder / "state.pt.part")
        (self.folder / "state.pt.part").replace(self.folder / "state.pt")

    def resume(self) -> _Done:
        """Load the state of an unfinished run, if there is one."""
        path = self.folder / "state.pt"
        if not path.exists():
            return _Done(0, 0.0)
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        return _Done(**state["done"])

    def note(self, **values: float) -> None:
        """Append one line to the run's log."""
        rounded = {name: round(value, 4) for name, value in values.items()}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(rounded) + "\n")
        _log.info("%s", " ".join(f"{k}={v}" for k, v in rounded.items()))


class _Examiner:
    """Counts exactly decided programs on fixed held-out sheets, teacher-forced."""

    def __init__(self, maker: SheetMaker, prompt: EmbeddedPrompt, config: TrainConfig) -> None:
        rng = Random(0)
        self._batches = [
            make_batch(
                [maker.draw(rng, 24, 6, EVERYDAY) for _ in range(4)], prompt, config.splice_window
            )
            for _ in range(config.examination_sheets // 4)
        ]

    def examine(self, network: Network) -> dict[str, float]:
        """Return the share of exact programs by kind of task."""
        right: dict[str, list[bool]] = {}
        device = next(network.parameters()).device
        with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16):
            for batch in self._batches:
                hidden = _hidden(network, batch, device)
                shape = (len(batch.tokens), batch.branches, batch.branch_tokens)
                targets = batch.targets[:, batch.document_tokens :].to(device)
                wanted = targets >= 0
                guessed = network.logits(hidden[:, batch.document_tokens :][wanted]).argmax(-1)
                same = torch.ones_like(wanted)
                same[wanted] = guessed == targets[wanted]
                exact = same.view(shape).all(-1).flatten().tolist()
                for case, good in zip(batch.cases, exact, strict=True):
                    right.setdefault(case.kind, []).append(good)
        return {kind: sum(hits) / len(hits) for kind, hits in sorted(right.items())}


def _draw(
    maker: SheetMaker, config: TrainConfig, progress: float, rng: Random, prompt: EmbeddedPrompt
) -> list[Sheet]:
    """Draw the sheets of one step, all of about the same length and within the model's window."""
    grown = min(1.0, progress / config.full_length_part)
    longest = config.first_lines + grown * (config.last_lines - config.first_lines)
    n_lines = round(rng.uniform(min(6, longest), longest))
    early = progress < config.copying_part
    mix = COPYING if early and rng.random() < 0.7 else EVERYDAY  # noqa: PLR2004  # most of the early steps
    noisy = rng.random() < (config.noise_share if early else config.noise_share / 5)
    # Few long cases in a batch would pad all others: kinds of like length come together.
    group = rng.choices(_GROUPS, [sum(mix.get(kind, 0) for kind in g) for g in _GROUPS])[0]
    mix = {kind: weight for kind, weight in mix.items() if kind in group}
    if "snippet" in group:
        n_lines = max(n_lines, 14)
    draw = maker.draw_noise if noisy else maker.draw
    sheets: list[Sheet] = []
    while len(sheets) < config.sheets_per_step:
        sheet = draw(rng, n_lines, config.cases_per_sheet, mix)
        # Some files hold data, at a token a character: they would not fit, nor teach anything.
        if sum(map(len, prompt.encode_lines(sheet.lines))) <= config.max_tokens:
            sheets.append(sheet)
    return sheets


_GROUPS = (
    ("misspelling", "delete", "duplicate", "move", "bug", "rewrite"),
    ("rename", "insert", "replace"),
    ("snippet",),
)


def _hidden(network: Network, batch: Batch, device: torch.device) -> Tensor:
    attention = BranchAttention(batch, torch.bfloat16, device)
    return network.hidden(batch.tokens.to(device), batch.positions.to(device), attention)


def _loss(network: Network, hidden: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross entropy where `targets` is not -1; the head runs only there."""
    wanted = targets >= 0
    return functional.cross_entropy(network.logits(hidden[wanted]).float(), targets[wanted])


def _initialise(network: Network) -> None:
    """Draw small normal weights; what writes to the residual stream starts at zero."""
    for name, parameter in network.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            nn.init.zeros_(parameter)
        elif "embed" in name:
            nn.init.normal_(parameter, std=0.02)
        elif parameter.ndim == 2:  # noqa: PLR2004  # matrices
            nn.init.normal_(parameter, std=1 / math.sqrt(parameter.shape[1]))


def _is_layer_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 2 and "embed" not in name  # noqa: PLR2004  # rows and columns


def _average(network: Network, processes: int) -> None:
    if processes == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= processes
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()


def _agree(value: float, processes: int) -> float:
    """Return the first process's value in every process."""
    if processes == 1:
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(shared, 0)
    return float(shared.item())


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
