"""The decoders to compare with: transformers' `generate`, plain and with prompt lookup.

Both are driven along a gold text (teacher-forced), so that they write the same as the loop that
they are compared with: in every forward the logit of the gold token is raised above all others.
That is done in the model's forward and not by a logits processor, for two reasons. Transformers
5.23 uses the processors to filter a lookup's candidates before they are verified, so that one that
forbids all but the gold would let no wrong candidate be tried; and processors run once per
candidate in Python, which would slow down prompt lookup alone. Raising a logit costs both decoders
alike, a few microseconds.

Knows nothing of programs: the gold is the full new text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from copydecode.decode.hf import cache_argument
from copydecode.decode.model import best_device, best_dtype
from copydecode.decode.network import Network

PreTrained = Any
"""A model of transformers: its classes say little of their types."""

_ABOVE_ALL = 1e9  # Finite: an infinite logit is for what is forbidden.


@dataclass(frozen=True, slots=True)
class Drive:
    """What it took to write a gold text after its prompt.

    `forwards` and `seconds` leave out the prompt's own forward, which yields the first token;
    `prompt_s` is that forward. `fed` counts the tokens of the other forwards, drafts included. Of
    `seconds`, the model took `model_s` and the grammar `grammar_s`, where that is known.
    """

    tokens: int
    forwards: int
    fed: int
    prompt_s: float
    seconds: float
    model_s: float | None = None
    grammar_s: float | None = None


def save_folder(network: Network, folder: Path) -> Path:
    """Write a network as a model folder that transformers loads; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    config = json.dumps(network.config.as_json(), indent=2)
    (folder / "config.json").write_text(config + "\n", encoding="utf-8")
    return folder


def load_transformers(folder: Path, device: torch.device | None = None) -> PreTrained:
    """Return the causal language model of a folder, by transformers: fp32 on a CPU, bf16 on a GPU.

    Never runs code that comes with a model.
    """
    from transformers import AutoModelForCausalLM  # noqa: PLC0415  # costs seconds
    from transformers.utils import logging  # noqa: PLC0415  # costs seconds

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    device = device or best_device()
    model: PreTrained = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, dtype=best_dtype(device)
    )
    return model.to(device).eval()


def drive(
    model: PreTrained,
    prompt: Sequence[int],
    gold: Sequence[int],
    lookup: int | None = None,
) -> Drive:
    """Let `generate` write the gold tokens after a prompt, greedily.

    Args:
        model: a causal language model of transformers.
        prompt: ids, at least one.
        gold: ids, at least one, none of them an end of text.
        lookup: `prompt_lookup_num_tokens`, how many tokens are drafted; None decodes plainly.

    Raises:
        RuntimeError: something else than the gold was written.
    """
    ids = torch.tensor([list(prompt)], device=model.device)
    options: dict[str, Any] = {} if lookup is None else {"prompt_lookup_num_tokens": lookup}
    with _forced(model, len(prompt), gold) as calls:
        written = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=len(gold),
            do_sample=False,
            pad_token_id=0,
            **options,
        )
        ended = _now(model.device)
    if written[0, len(prompt) :].tolist() != list(gold):
        message = "expected generate to write the gold tokens, found others"
        raise RuntimeError(message)
    return Drive(
        tokens=len(gold),
        forwards=len(calls.widths) - 1,
        fed=sum(calls.widths[1:]),
        prompt_s=calls.first_ended - calls.first_began,
        seconds=ended - calls.first_ended,
    )


@dataclass(slots=True)
class _Calls:
    """The forwards of one drive: their tokens, and the seconds around the first."""

    widths: list[int] = field(default_factory=list)
    first_began: float = 0.0
    first_ended: float = 0.0


@contextmanager
def _forced(model: PreTrained, start: int, gold: Sequence[int]) -> Iterator[_Calls]:
    """Make every forward of a model prefer the gold, where its tokens begin at position `start`."""
    plain: Callable[..., Any] = model.forward
    argument = cache_argument(model)
    wanted = torch.tensor(list(gold), device=model.device)
    calls = _Calls()

    @wraps(plain)  # Generate reads the signature.
    def forward(*args: Any, **kwargs: Any) -> object:  # noqa: ANN401  # as transformers has it
        if not calls.widths:
            calls.first_began = _now(model.device)
        held = int(kwargs[argument].get_seq_length())
        width = int(kwargs["input_ids"].shape[1])
        output = plain(*args, **kwargs)
        _raise(output.logits, held + width, start, wanted)
        calls.widths.append(width)
        if len(calls.widths) == 1:
            calls.first_ended = _now(model.device)
        return output

    model.forward = forward
    try:
        yield calls
    finally:
        del model.forward  # The class's own comes back.


def _raise(logits: Tensor, end: int, start: int, gold: Tensor) -> None:
    """Raise the gold's logits in `logits [1, R, V]`, whose last row decides position `end`."""
    rows = logits.shape[1]
    first = max(end - rows + 1, start)  # The first position that is decided and has a gold token.
    last = min(end, start + len(gold) - 1)
    if first > last:
        return
    positions = torch.arange(first, last + 1, device=logits.device)
    logits[0, positions - (end - rows + 1), gold[positions - start]] = _ABOVE_ALL


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
