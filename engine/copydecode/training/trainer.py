"""Trains the embedded model: one or more processes, seeded, resumable, on CPU or GPU.

Matrices of the layers are trained by Muon, embeddings and norms by AdamW, in bf16 autocast with
fp32 master weights. The learning rate warms up, stays, and falls to zero over the last part. What
is saved is a running average of the weights, if one is wanted. Knows nothing of where the source
files come from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from copydecode.decode.network import Network, NetworkConfig
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.vocabulary import END, Vocabulary
from copydecode.errors import ModelFormatError
from copydecode.training.batches import Batch, BranchAttention, make_batch
from copydecode.training.corpus import SourceFile
from copydecode.training.lessons import Lessons, Loader
from copydecode.training.sheets import (
    DIAGNOSTICS,
    EVERYDAY,
    FINDING,
    MAX_COMMENTS,
    REFACTORS,
    SCRIPTING,
    WRITING,
    SheetMaker,
)

_log = logging.getLogger(__name__)

INIT = "init.json"
"""What of a run's folder says with which weights it began, where these were not random."""

VOCABULARY_SIZE = 4096
CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run. Times are in minutes, rates as Muon and AdamW take them.

    `minutes` bounds the run and drives the schedule, so that a run ends with its rate at zero
    whatever the machine does; `steps` does the same by count. The first of the two that is reached
    ends the run.

    `curriculum` names one of `CURRICULA`. `line_loss` is the weight of what is asked inside the
    network and helps it to find lines: which line a document token belongs to, half way up; which
    one a text in the instruction stands in, two layers further up; and that one head of the layers
    between looks there.
    `average` is the share of the averaged weights that a step keeps, 0 for none.
    `splice_window` is how many of a copied span's last tokens enter the context, all where it is
    negative. `lenience` is what the model is served with (`Decoding`), no matter of training.
    `end_weight` is how much a decision on a copy's last line weighs beside the others:
    most misses of the paper's pilot are there. With `digits` a new tokenizer cuts numbers into
    digits; line numbers are then more than one decision, and no `line_loss` asks for them.
    `twins` is the share of sheets with lines that stand there twice or almost. With `token_copies`
    programs copy tokens, too, in spans of so many at least.
    """

    width: int = 256
    layers: int = 5
    heads: int = 4
    key_value_heads: int = 2
    feed_forward: int = 704
    splice_window: int = 16
    lenience: float = 16.0
    max_lines: int = 40
    max_tokens: int = 640
    sheets_per_step: int = 2
    cases_per_sheet: int = 8
    muon_rate: float = 0.02
    adam_rate: float = 4e-3
    weight_decay: float = 0.01
    document_loss: float = 0.3
    end_weight: float = 1.0
    digits: bool = False
    twins: float = 0.0
    token_copies: int | None = None
    warmup_steps: int = 100
    decay_part: float = 0.5
    curriculum: str = "everyday"
    line_loss: float = 0.0
    average: float = 0.0
    steps: int = 1_000_000
    minutes: float = 87.0
    save_minutes: float = 5.0
    examination_sheets: int = 96
    seed: int = 1

    @property
    def window(self) -> int | None:
        """The splice window, None for whole spans."""
        return None if self.splice_window < 0 else self.splice_window

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
    init: Path | None = None,
    rank: int = 0,
    processes: int = 1,
    loaders: int = 0,
    piece_minutes: float = math.inf,
) -> bool:
    """Train and leave a model folder behind; goes on where `folder` holds an unfinished run.

    A new run begins with the weights of the model folder `init`, or with random ones. `folder` has
    to hold the `tokenizer.json`. With several processes each works on its own sheets and gradients
    are averaged; each has `loaders` further ones that make its batches ahead.

    Returns:
        Whether the run is finished: after `piece_minutes`, and one step at least, it stops, and
        the next call goes on.
    """
    torch.manual_seed(config.seed)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    run = _Run(config, vocabulary, folder)
    done = run.resume()
    if init is not None and done.step == 0:
        run.begin_with(init, note=rank == 0)
    lessons = Lessons(
        SheetMaker(files, twin_share=config.twins),
        run.prompt,
        curriculum=config.curriculum,
        splice_window=config.window,
        least_tokens=config.token_copies,
        sheets=config.sheets_per_step,
        cases=config.cases_per_sheet,
        seed=f"{config.seed}/{rank}",
    )
    examiner = _Examiner(SheetMaker(held_out), run.prompt, config) if rank == 0 else None
    clock, begun = _Clock(config, done), done.step
    losses: dict[str, list[float]] = {}
    with Loader(lessons, loaders, clock.progress_at) as loader:
        while True:
            progress = _agree(clock.progress_at(done.step), processes)
            here = _agree(clock.minutes_here, processes)
            if progress >= 1 or (done.step > begun and here >= piece_minutes):
                break
            batch = loader.batch(done.step)
            for name, loss in run.gradients(batch).items():
                losses.setdefault(name, []).append(loss)
            _average(run.network, processes)
            run.update(done.step, progress)
            done = _Done(done.step + 1, clock.minutes, done.tokens + processes * batch.size)
            if rank == 0 and done.step % 20 == 0:
                rate = done.step / max(1e-9, done.minutes)
                means = {name: sum(values) / len(values) for name, values in losses.items()}
                run.note(done, progress=progress, **means, per_minute=rate)
                losses.clear()
            if examiner and clock.minutes_here - clock.saved >= config.save_minutes:
                run.save(done)
                run.note(done, progress=progress, **run.examined(examiner))
                clock.saved = clock.minutes_here
    if examiner:
        run.save(done)
        run.note(done, progress=progress, **run.examined(examiner))
    return progress >= 1


class _Clock:
    """How far a run is, by time or by steps, whichever is further."""

    def __init__(self, config: TrainConfig, done: _Done) -> None:
        self._config = config
        self._before = done.minutes
        self._started = time.monotonic()
        self.saved = 0.0

    @property
    def minutes_here(self) -> float:
        """Since this call began."""
        return (time.monotonic() - self._started) / 60

    @property
    def minutes(self) -> float:
        """Of the whole run."""
        return self._before + self.minutes_here

    def progress_at(self, step: int) -> float:
        """Return the share of the run that a step is at, if it is taken now."""
        return max(self.minutes / self._config.minutes, step / self._config.steps)


@dataclass(frozen=True, slots=True)
class _Done:
    """How far a run is; `tokens` are those that it has read, without padding."""

    step: int
    minutes: float
    tokens: int = 0


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
        self._averaged = [p.detach().clone() for p in self.network.parameters()]
        self._lines = _LineQuestions(self.network, self.prompt, self.device)
        folder.mkdir(parents=True, exist_ok=True)

    def begin_with(self, folder: Path, *, note: bool = True) -> None:
        """Take the weights of a model folder, and note in the run's own which they were.

        A network that is larger begins as the smaller one: see `_grown`.

        Raises:
            ModelFormatError: this network is not one that they grow into.
        """
        path = folder / "model.safetensors"
        try:
            given = load_file(path, device=str(self.device))
            self.network.load_state_dict(_grown(given, self.network.state_dict()))
        except (OSError, RuntimeError, SafetensorError) as error:
            message = f"expected weights of the configured network in {path}: {error}"
            raise ModelFormatError(message) from error
        self._averaged = [p.detach().clone() for p in self.network.parameters()]
        if note:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            _write(self.folder / INIT, json.dumps({"sha256": digest}) + "\n")

    def gradients(self, batch: Batch) -> dict[str, float]:
        """Run forward and backward; return the losses: of decisions, document text, lines.

        A loss that the batch does not ask for is left out.
        """
        config = self.config
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            watched = self._lines.watched if config.line_loss else {}
            attention = BranchAttention(batch, torch.bfloat16, self.device, watched)
            hidden = _hidden(self.network, batch, attention, self.device)  # [T, D]
            targets = batch.targets.flatten()[batch.kept].to(self.device)
            text = batch.in_document.to(self.device)
            weights = None
            if config.end_weight != 1:
                ends = batch.ends.flatten()[batch.kept].to(self.device)
                weights = torch.where(ends, config.end_weight, 1.0)
            decided_loss = _loss(self.network, hidden, targets.masked_fill(text, -1), weights)
            # Half of the text positions teach as much as all of them, at half the cost.
            text_loss = _loss(self.network, hidden[text][::2], targets[text][::2])
            total = decided_loss + config.document_loss * text_loss
            losses = {"loss": decided_loss, "text": text_loss}
            if config.line_loss:
                asked = self._lines.losses(batch)
                if attention.looks:
                    asked["look"] = torch.stack(attention.looks).mean()
                losses |= asked
                total = total + config.line_loss * torch.stack([*asked.values()]).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch
        return {name: loss.item() for name, loss in losses.items()}

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
        # Early on the average would still be what the run began with.
        keep = min(config.average, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, list(self.network.parameters()), 1 - keep)

    def examined(self, examiner: _Examiner) -> dict[str, float]:
        """Return the shares of exact programs, with the average and, as `raw`, without it."""
        if not self.config.average:
            return examiner.examine(self.network)
        raw = examiner.examine(self.network)
        with self._averaging():
            shares = examiner.examine(self.network)
        return shares | {"raw": sum(raw.values()) / len(raw)}

    @contextmanager
    def _averaging(self) -> Iterator[None]:
        """Put the averaged weights in place for a while."""
        own = [p.detach().clone() for p in self.network.parameters()]
        with torch.no_grad():
            torch._foreach_copy_(list(self.network.parameters()), self._averaged)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(self.network.parameters()), own)

    def save(self, done: _Done) -> None:
        """Write the model folder and the state to resume from, each by rename."""
        config = self.config
        extra: dict[str, Any] = {"splice_window": config.window, "max_lines": config.max_lines}
        extra |= {"max_tokens": config.max_tokens, "lenience": config.lenience}
        if config.token_copies is not None:
            extra["token_copy"] = True
        described = self.network.config.as_json() | {"copydecode": extra}
        _write(self.folder / "config.json", json.dumps(described, indent=2) + "\n")
        # Without it transformers takes the architecture's own tokenizer, which cuts otherwise.
        tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END}
        _write(self.folder / "tokenizer_config.json", json.dumps(tokenizer, indent=2) + "\n")
        kept = self._averaged if config.average else self.network.parameters()
        weights = {
            n: p.detach().to("cpu", torch.bfloat16)
            for (n, _), p in zip(self.network.named_parameters(), kept, strict=True)
        }
        save_file(weights, self.folder / "model.safetensors.part", metadata={"format": "pt"})
        (self.folder / "model.safetensors.part").replace(self.folder / "model.safetensors")
        state = {
            "network": self.network.state_dict(),
            "averaged": self._averaged,
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
        self._averaged = state["averaged"]
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        return _Done(**state["done"])

    def note(self, done: _Done, **values: float) -> None:
        """Append one line to the run's log."""
        rounded: dict[str, float] = {"step": done.step, "tokens": done.tokens}
        rounded |= {name: round(value, 4) for name, value in values.items()}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(rounded) + "\n")
        _log.info("%s", " ".join(f"{k}={v}" for k, v in rounded.items()))


class _LineQuestions:
    """Asks the network's inside for line numbers, through the embeddings of the numbers."""

    def __init__(self, network: Network, prompt: EmbeddedPrompt, device: torch.device) -> None:
        self._network = network
        encode = prompt.vocabulary.encode
        numbers = [encode(str(line))[0] for line in range(1, prompt.max_lines + MAX_COMMENTS + 1)]
        self._numbers = torch.tensor(numbers, device=device)
        self._seen: dict[str, Tensor] = {}
        layers = list(network.model.layers)
        half = len(layers) // 2
        own, mentioned = max(0, half - 1), min(half + 1, len(layers) - 1)
        self.watched = {half: 0, mentioned: 0}
        for name, layer in (("own", layers[own]), ("mentioned", layers[mentioned])):
            layer.register_forward_hook(partial(self._keep, name))

    def _keep(self, name: str, _layer: nn.Module, _inputs: object, output: Tensor) -> None:
        self._seen[name] = output

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the last forward, which was of this batch."""
        lines = batch.lines.flatten()[batch.kept].to(self._numbers.device)
        text = batch.in_document.to(lines.device)
        own, mentioned = self._seen["own"][0], self._seen["mentioned"][0]  # [T, D]
        found = {"own_line": self._loss(own[text][::4], lines[text][::4])}  # Neighbours are alike.
        lines = lines.masked_fill(text, -1)
        if (lines > 0).any():
            found["line"] = self._loss(mentioned, lines)
        return found

    def _loss(self, hidden: Tensor, lines: Tensor) -> Tensor:
        asked = lines > 0
        rows = self._network.model.embed_tokens.weight[self._numbers]  # [L, D]
        logits = functional.linear(self._network.model.norm(hidden[asked]), rows)
        return functional.cross_entropy(logits.float(), lines[asked] - 1)


class _Examiner:
    """Counts exactly decided programs on fixed held-out sheets, teacher-forced."""

    def __init__(self, maker: SheetMaker, prompt: EmbeddedPrompt, config: TrainConfig) -> None:
        self._batches: list[Batch] = []
        mixes = {
            "everyday": (EVERYDAY,),
            "languages": (EVERYDAY, FINDING, SCRIPTING, WRITING),
            "all": (EVERYDAY, FINDING, DIAGNOSTICS, REFACTORS),
        }
        for mix in mixes.get(config.curriculum, (EVERYDAY, FINDING)):
            rng = Random(0)
            for _ in range(config.examination_sheets // 4):
                sheets = [maker.draw(rng, 24, 6, mix) for _ in range(4)]
                batch = make_batch(sheets, prompt, config.window, None, config.token_copies)
                if int(batch.positions.max()) < CONTEXT:  # With whole spans one may be longer.
                    self._batches.append(batch)

    def examine(self, network: Network) -> dict[str, float]:
        """Return the share of exact programs by kind of task."""
        right: dict[str, list[bool]] = {}
        device = next(network.parameters()).device
        with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16):
            for batch in self._batches:
                attention = BranchAttention(batch, torch.bfloat16, device)
                hidden = _hidden(network, batch, attention, device)
                targets = batch.targets.flatten()[batch.kept].to(device)
                wanted = (targets >= 0) & ~batch.in_document.to(device)
                guessed = network.logits(hidden[wanted]).argmax(-1)
                same = torch.ones(batch.tokens.shape, dtype=torch.bool)
                same.view(-1)[batch.kept[wanted.cpu()]] = (guessed == targets[wanted]).cpu()
                branches = same[:, batch.document_tokens :]
                shape = (len(same), batch.branches, batch.branch_tokens)
                exact = branches.reshape(shape).all(-1).flatten().tolist()
                for case, good in zip(batch.cases, exact, strict=True):
                    right.setdefault(case.kind, []).append(good)
        return {kind: sum(hits) / len(hits) for kind, hits in sorted(right.items())}


def _hidden(
    network: Network, batch: Batch, attention: BranchAttention, device: torch.device
) -> Tensor:
    """Return the hidden states `[T, D]` of the tokens that the batch keeps."""
    tokens, positions = (x.flatten()[batch.kept][None] for x in (batch.tokens, batch.positions))
    return network.hidden(tokens.to(device), positions.to(device), attention)[0]


def _loss(
    network: Network, hidden: Tensor, targets: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross entropy where `targets` is not -1; the head runs only there.

    `weights`, one for each target, say how much it counts; alike where there are none.
    """
    wanted = targets >= 0
    logits = network.logits(hidden[wanted]).float()
    if weights is None:
        return functional.cross_entropy(logits, targets[wanted])
    each = functional.cross_entropy(logits, targets[wanted], reduction="none")
    return (each * weights[wanted]).sum() / weights[wanted].sum()


def _initialise(network: Network) -> None:
    """Draw small normal weights; what writes to the residual stream starts at zero."""
    for name, parameter in network.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            nn.init.zeros_(parameter)
        elif "embed" in name:
            nn.init.normal_(parameter, std=0.02)
        elif parameter.ndim == 2:  # noqa: PLR2004  # matrices
            nn.init.normal_(parameter, std=1 / math.sqrt(parameter.shape[1]))


def _grown(given: Mapping[str, Tensor], initial: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of a larger network that computes what the smaller one with `given` does.

    `initial` are the larger one's as `_initialise` draws them. Layers behind the last given one and
    the columns of a wider feed-forward add nothing yet: what writes to the residual stream is zero
    there (as Net2Net, arXiv 1511.05641, does it for width, and LLaMA Pro, 2401.02415, for depth).
    Names and other shapes stay as they are; they are for the network to refuse.
    """
    depth = 1 + max((_layer(name) for name in given), default=-1)
    new = {name: drawn for name, drawn in initial.items() if _layer(name) >= depth}
    return new | {
        name: _padded(weights, initial[name]) if ".mlp." in name and name in initial else weights
        for name, weights in given.items()
    }


def _layer(name: str) -> int:
    """Return the index of the layer that a parameter is of, -1 for none."""
    parts = name.split(".")
    return int(parts[2]) if parts[:2] == ["model", "layers"] else -1


def _padded(weights: Tensor, drawn: Tensor) -> Tensor:
    """Return a matrix with rows and columns from `drawn` behind its own, where it has fewer."""
    rows, columns = weights.shape
    if rows > len(drawn) or columns > drawn.shape[1]:
        return weights
    padded = drawn.clone()
    padded[:rows, :columns] = weights
    return padded


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
