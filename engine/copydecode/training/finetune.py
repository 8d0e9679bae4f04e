"""Fine-tunes any causal language model on pairs of texts: all its weights, or LoRA adapters.

A sequence is what decoding leaves in the cache; the loss is on what the model decides alone. Rows
of a forward are of about the same length, padded behind their ends, which causal attention never
looks at. All sequences are made before the first step. A run can be stopped and gone on with; it
then ends as if it had not been stopped. On a GPU it computes in bf16, with fp32 for what is
learnt. Knows nothing of where the pairs are from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from copydecode.decode.model import best_device
from copydecode.edit.document import Document
from copydecode.errors import ConfigError, ContextTooLongError, ScopeError
from copydecode.training import learner, pairs
from copydecode.training.learner import Learner
from copydecode.training.pairs import Pair
from copydecode.training.sequences import Example, example

_log = logging.getLogger(__name__)

RECORD = "tuning.json"
"""What a finished run says of itself, beside the model."""

ADAPTER = "adapter"
"""The folder of the LoRA adapters, beside the model that they are merged into."""

_STATE = "state.pt"
_WARMUP = 0.03


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """A fine-tuning run.

    `rate` is AdamW's; it rises over the first 3 % of the steps and falls to zero as a cosine; 0
    stands for 2e-5, and for 2e-4 with LoRA. `batch` sequences make a step, at most `micro_tokens`
    of them (padding included) a forward. `lora` is the rank of the adapters, 0 to train all
    weights. `end_weight` is the weight of the decisions where a copy ends, against 1 for all
    others. `max_tokens` bounds the prompt of a model that is not ours: a longer document is shown
    through a window around its scope, and without one left out. With `checkpointing` activations
    are computed again in place of being kept. A run stops after `minutes`, to be gone on with, and
    saves its state every `save_minutes`.
    """

    epochs: int = 3
    rate: float = 0.0
    batch: int = 8
    lora: int = 0
    end_weight: float = 1.0
    weight_decay: float = 0.0
    max_tokens: int = 4096
    micro_tokens: int = 8192
    checkpointing: bool = False
    minutes: float = math.inf
    save_minutes: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        counts = ("epochs", "batch", "max_tokens", "micro_tokens")
        for name in (*counts, "lora", "rate", "end_weight", "weight_decay", "minutes"):
            least = 1 if name in counts else 0
            if not (value := getattr(self, name)) >= least:
                message = f"expected {name} >= {least}, got {value}"
                raise ConfigError(message)

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        return self.rate or (2e-4 if self.lora else 2e-5)


PRESETS: Mapping[str, Mapping[str, float | int]] = {
    "pilot": {"epochs": 8, "rate": 2e-5, "lora": 0, "weight_decay": 0.01},
    "pilot-pooled": {"epochs": 6, "rate": 2e-5, "lora": 0, "weight_decay": 0.01},
}
"""Recipes by name: values of some fields of `TuneConfig`.

The pilot of Liu, arXiv 2604.18170: full parameters, AdamW at 2e-5 with a cosine, 8 epochs over 131
programs (12.1 % exact on 33 held-out cases, mean of three seeds), 6 over 385 (17.2 %). Batch,
warm-up and weight decay it does not tell: they are ours.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run stands: `step` of `steps` done; of the pairs `used` fit, `left_out` did not."""

    step: int
    steps: int
    used: int
    left_out: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the model is there."""
        return self.step == self.steps


def finetune(model: str, data: Sequence[Pair], folder: Path, config: TuneConfig) -> Result:
    """Fine-tune a model and leave it in a folder, where an unfinished run is gone on with.

    Adapters are merged into the model, and kept beside it.

    Raises:
        ConfigError: no pair fits the model, the folder holds another run, or `peft` is missing.
        ModelNotFoundError, ModelFormatError: the model cannot be loaded.
    """
    run_id = _digest(model, data, config)
    if (folder / RECORD).is_file():
        record = json.loads((folder / RECORD).read_text("utf-8"))
        _check_same(record["run"], run_id, folder)
        return Result(record["steps"], record["steps"], record["used"], tuple(record["left_out"]))
    if (folder / "config.json").is_file() and not (folder / _STATE).is_file():
        message = f"expected no model in {folder}, found one: name another folder"
        raise ConfigError(message)
    subject = learner.load(model, config.max_tokens)
    examples, left_out = encode(subject, data)
    if not examples:
        message = (
            f"expected pairs that fit the model, found none among {len(data)}: they are longer "
            "than it sees, or change nothing but line ends"
        )
        raise ConfigError(message)
    torch.manual_seed(config.seed)
    run = _Run(subject, examples, config, folder, run_id)
    stopped_at = run.go_on()
    result = Result(stopped_at, run.steps, len(examples), tuple(left_out))
    if result.done:
        run.finish({"model": model, **asdict(result)})
    return result


def encode(subject: Learner, data: Sequence[Pair]) -> tuple[list[Example], list[str]]:
    """Return the pairs that a model can be taught as sequences, and the ids of the others."""
    examples: list[Example] = []
    left_out: list[str] = []
    for pair in data:
        request = pair.request
        try:
            prompt = subject.prompts.build(
                Document(request.text), request.instruction, pair.scope, request.language
            )
        except (ContextTooLongError, ScopeError):
            left_out.append(pair.id)
            continue
        program = pairs.gold(pair, prompt.window)
        if program is None:
            left_out.append(pair.id)
            continue
        lock = pairs.lock_of(pair, prompt.window)
        made = example(prompt, program, subject.grammar, subject.splice_window, lock)
        if len(made) <= subject.context:
            examples.append(made)
        else:
            left_out.append(pair.id)
    return examples, left_out


@dataclass(slots=True)
class _Progress:
    """What a stopped run goes on with, beside weights and optimiser."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # Of each step.


class _Run:
    """Network, optimiser and folder of one run."""

    def __init__(
        self,
        subject: Learner,
        examples: Sequence[Example],
        config: TuneConfig,
        folder: Path,
        run_id: str,
    ) -> None:
        self._subject, self._examples, self._config = subject, examples, config
        self._folder, self._id = folder, run_id
        self._device = best_device()
        self._module = _prepared(subject.module, config).to(self._device).train()
        self._learnt = {n: p for n, p in self._module.named_parameters() if p.requires_grad}
        self._adam = torch.optim.AdamW(
            self._learnt.values(), lr=config.peak, weight_decay=config.weight_decay
        )
        self._steps_per_epoch = math.ceil(len(examples) / config.batch)
        self.steps = config.epochs * self._steps_per_epoch
        self._progress = _Progress()
        folder.mkdir(parents=True, exist_ok=True)

    def go_on(self) -> int:
        """Train from where the run stands until its end or its time is over; return the step."""
        self._load()
        progress = self._progress
        began = saved = time.monotonic()
        while progress.step < self.steps:
            before = time.monotonic()
            if before - began >= 60 * self._config.minutes:
                break
            # Seeded by step, so that a stop changes nothing of what is drawn (dropout is).
            torch.manual_seed(int(f"{self._config.seed}{progress.step:07}"))
            loss = self._step(self._batch(progress.step))
            progress.step += 1
            progress.losses.append(loss)
            now = time.monotonic()
            progress.seconds += now - before
            self._note(loss)
            if now - saved >= 60 * self._config.save_minutes:
                self._save()
                saved = time.monotonic()
        self._save()
        return progress.step

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write the model and what is known of it; the state to go on with is dropped."""
        module = self._module.eval()
        if self._config.lora:
            module.save_pretrained(self._folder / ADAPTER)
            module = module.merge_and_unload()
        self._subject.save(module, self._folder)
        told = {
            **record,
            "run": self._id,
            "config": {**asdict(self._config), "minutes": None},
            "seconds": round(self._progress.seconds, 1),
            "device": self._device.type,
            "torch": torch.__version__,
            "loss": [round(loss, 4) for loss in self._progress.losses],
        }
        _replace(self._folder / RECORD, json.dumps(told, indent=1) + "\n")
        (self._folder / _STATE).unlink()

    def _batch(self, step: int) -> list[Example]:
        """Return the sequences of a step: each epoch has all of them, in an order of its own."""
        epoch, index = divmod(step, self._steps_per_epoch)
        order = list(range(len(self._examples)))
        Random(f"{self._config.seed}/{epoch}").shuffle(order)
        size = self._config.batch
        return [self._examples[k] for k in order[index * size : (index + 1) * size]]

    def _step(self, batch: Sequence[Example]) -> float:
        """Take one step of the optimiser; return the loss, a mean over the decisions."""
        weigh = self._config.end_weight
        total = sum(weigh if at in ex.ends else 1.0 for ex in batch for at in ex.decided)
        loss = torch.zeros((), device=self._device)
        for rows in _rows(batch, self._config.micro_tokens):
            part = self._loss(rows) / total
            part.backward()  # type: ignore[no-untyped-call]  # torch
            loss += part.detach()
        nn.utils.clip_grad_norm_(self._learnt.values(), 1.0)
        for group in self._adam.param_groups:
            group["lr"] = self._config.peak * _schedule(self._progress.step, self.steps)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return loss.item()  # The one place where a step waits for a GPU.

    def _loss(self, rows: Sequence[Example]) -> Tensor:
        """Return the weighted sum of the decisions' cross entropy."""
        length = max(map(len, rows))
        tokens = torch.zeros(len(rows), length, dtype=torch.long)  # [B, T]
        for row, ex in enumerate(rows):
            tokens[row, : len(ex)] = torch.tensor(ex.tokens)
        # Logits are asked for in columns where some row decides the next token: a vocabulary is
        # large.
        columns = sorted({at - 1 for ex in rows for at in ex.decided})
        place = {column: index for index, column in enumerate(columns)}
        where = [(row, at) for row, ex in enumerate(rows) for at in ex.decided]
        targets = torch.tensor([rows[row].tokens[at] for row, at in where])
        ends = [at in rows[row].ends for row, at in where]
        weights = torch.where(torch.tensor(ends), self._config.end_weight, 1.0)
        device = self._device
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = self._module(
                input_ids=tokens.to(device),
                use_cache=False,
                logits_to_keep=torch.tensor(columns, device=device),
            ).logits  # [B, C, V]
        picked = logits[[row for row, _ in where], [place[at - 1] for _, at in where]].float()
        losses = functional.cross_entropy(picked, targets.to(device), reduction="none")
        return (losses * weights.to(device)).sum()

    def _note(self, loss: float) -> None:
        step = self._progress.step
        entry = {"step": step, "loss": round(loss, 4), "seconds": round(self._progress.seconds, 1)}
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
        if step % max(1, self.steps // 20) == 0:
            _log.info("step %d of %d, loss %.4f", step, self.steps, loss)

    def _save(self) -> None:
        """Write the state to go on with, by rename."""
        state = {
            "run": self._id,
            "progress": asdict(self._progress),
            "weights": {name: p.detach() for name, p in self._learnt.items()},
            "adam": self._adam.state_dict(),
        }
        part = self._folder / f"{_STATE}.part"
        torch.save(state, part)
        part.replace(self._folder / _STATE)

    def _load(self) -> None:
        path = self._folder / _STATE
        if not path.is_file():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        _check_same(state["run"], self._id, self._folder)
        self._progress = _Progress(**state["progress"])
        with torch.no_grad():
            for name, parameter in self._learnt.items():
                parameter.copy_(state["weights"][name])
        self._adam.load_state_dict(state["adam"])


def _prepared(module: Any, config: TuneConfig) -> Any:  # noqa: ANN401  # transformers' classes are untyped
    """Return the module with what is to be learnt in fp32."""
    if config.checkpointing:
        # Transformers 5.24 renamed it.
        enable = getattr(module, "activation_checkpointing_enable", None)
        (enable or module.gradient_checkpointing_enable)({"use_reentrant": False})
    if not config.lora:
        return module.float()
    try:
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415  # an extra
    except ImportError as error:
        message = "expected peft for LoRA, found none: pip install 'copydecode[finetune]'"
        raise ConfigError(message) from error
    if best_device().type == "cpu":
        module = module.float()
    settings = LoraConfig(
        r=config.lora,
        lora_alpha=2 * config.lora,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # Peft 0.21 asks for what transformers 5.24 renamed.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(module, settings)


def _rows(batch: Sequence[Example], micro_tokens: int) -> Iterator[list[Example]]:
    """Yield the sequences of a batch by length, as many at a time as fit, at least one."""
    rows: list[Example] = []
    for ex in sorted(batch, key=len):
        if rows and (len(rows) + 1) * len(ex) > micro_tokens:
            yield rows
            rows = []
        rows.append(ex)
    yield rows


def _schedule(step: int, steps: int) -> float:
    """Return the share of the peak rate at a step."""
    warmup = max(1, round(_WARMUP * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _digest(model: str, data: Sequence[Pair], config: TuneConfig) -> str:
    """Name a run by all that its result depends on."""
    asked = {**asdict(config), "minutes": None, "save_minutes": None}
    content = [model, asked, [asdict(pair) for pair in data]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _check_same(found: str, run_id: str, folder: Path) -> None:
    if found != run_id:
        message = (
            f"expected in {folder} nothing, or a run with the same model, data and settings, "
            "found another: name another folder"
        )
        raise ConfigError(message)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
