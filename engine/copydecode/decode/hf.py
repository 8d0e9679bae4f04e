"""Any Hugging Face causal language model, by folder or by name, through transformers.

Transformers is imported by the functions here, never on import of this module: it costs seconds.
Code that comes with a model is never run. Only models whose memory is keys and values can be used,
since the cache has to be cropped. Knows nothing of grammars or programs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from copydecode.decode.model import best_device, best_dtype, read_config
from copydecode.errors import ModelFormatError, ModelNotFoundError

_UNUSABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    RuntimeError,
    SafetensorError,
)
"""What transformers raises for what it cannot build, or cannot run as we do."""

_HUB_TIMEOUT_S = 10.0
_PROBED = 3  # Tokens in the cache when the probe ends.


class TransformersCache:
    """Keys and values of one sequence, in transformers' own layout."""

    def __init__(self) -> None:
        from transformers import DynamicCache  # noqa: PLC0415  # costs seconds

        # Without a config every layer keeps all: layers with a sliding window cannot be cropped
        # once it is full, and the model's masks see to the window anyway.
        self.states: Any = DynamicCache()

    @property
    def length(self) -> int:
        """The number of tokens held."""
        return int(self.states.get_seq_length())

    @property
    def nbytes(self) -> int:
        """The bytes of the storage; a crop leaves them all, up to the next forward."""
        return sum(
            states.untyped_storage().nbytes()
            for layer in self.states.layers
            if layer.is_initialized
            for states in (layer.keys, layer.values)
        )

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if not 0 <= length <= self.length:
            message = f"expected a length of at most {self.length}, got {length}"
            raise ValueError(message)
        if length < self.length:
            self.states.crop(length - self.length)  # How many to remove, as a negative number.

    def copy(self, length: int) -> TransformersCache:
        """Return another cache that holds the first `length` tokens."""
        copy = TransformersCache()
        for index, layer in enumerate(self.states.layers if length else []):
            # [1, G, S, E] each
            keys, values = layer.keys[:, :, :length], layer.values[:, :, :length]
            copy.states.update(keys.clone(), values.clone(), index)
        return copy


class TransformersModel:
    """A causal language model of transformers: fp32 on a CPU, bf16 on a GPU."""

    def __init__(self, model: Any, device: torch.device | None = None) -> None:  # noqa: ANN401  # transformers' classes are untyped
        self.device = device or best_device()
        self._model = model.to(device=self.device, dtype=best_dtype(self.device)).eval()
        self._model.requires_grad_(False)  # noqa: FBT003  # torch's own signature
        self._cache_argument = cache_argument(self._model)

    @property
    def context(self) -> int:
        """The number of tokens that fit into the cache."""
        config = self._model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or config.n_positions)

    @property
    def rows(self) -> int:
        """The number of ids that the model knows; its tokenizer may have more or fewer."""
        return int(self._model.get_input_embeddings().num_embeddings)

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self._model.parameters())

    def new_cache(self) -> TransformersCache:
        """Return an empty cache."""
        return TransformersCache()

    @torch.inference_mode()
    def forward(self, tokens: Sequence[int], cache: TransformersCache, last: int) -> Tensor:
        """Append tokens to the cache in one forward; return logits `[last, V]`."""
        ids = torch.tensor([tokens], device=self.device)
        out = self._model(
            input_ids=ids,
            use_cache=True,
            logits_to_keep=max(1, last),  # 0 would mean all.
            **{self._cache_argument: cache.states},
        )
        logits: Tensor = out.logits[0]  # [max(1, last), V]
        return logits[len(logits) - last :].float()


def cache_argument(model: Any) -> str:  # noqa: ANN401  # transformers' classes are untyped
    """Return by which name a model's forward takes its cache: transformers 5.24 renamed it."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


class TransformersCodec:
    """The tokenizer of such a model, seen as ids and bytes."""

    def __init__(self, tokenizer: Any, rows: int) -> None:  # noqa: ANN401  # transformers' classes are untyped
        """Read the vocabulary; `rows` is the number of ids that the model knows."""
        import xgrammar as xg  # noqa: PLC0415  # costs seconds

        self.tokenizer = tokenizer
        self.size: int = min(rows, len(tokenizer))
        info = xg.TokenizerInfo.from_huggingface(tokenizer, vocab_size=len(tokenizer))
        self._bytes: list[bytes] = list(info.decoded_vocab)
        # Some tokenizers add plain text, too: runs of newlines, HTML tags.
        for token, added in tokenizer.added_tokens_decoder.items():
            self._bytes[token] = b"" if added.special else added.content.encode()
        for token in tokenizer.all_special_ids:
            self._bytes[token] = b""

    @property
    def end(self) -> int | None:
        """The token that ends an answer, None where the tokenizer names none."""
        end = self.tokenizer.eos_token_id
        return int(end) if end is not None and end < self.size else None

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; special tokens inside it are text."""
        return list(
            self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        )

    def encode_markup(self, text: str) -> list[int]:
        """Return the ids of text whose special tokens are meant."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes that a token stands for; none for a special token."""
        return self._bytes[token]


def load(
    name: str, device: torch.device | None = None
) -> tuple[TransformersModel, TransformersCodec]:
    """Load a model and its tokenizer from a folder, the local cache, or the Hub.

    Raises:
        ModelNotFoundError: there is nothing at that path or name, or the Hub cannot be reached.
        ModelFormatError: what is there is no causal language model that transformers can run.
    """
    model, tokenizer = read(name, best_dtype(device or best_device()))
    with _complaining(name):
        usable = TransformersModel(model, device)
        codec = TransformersCodec(tokenizer, rows=usable.rows)
        croppable = _can_be_cropped(usable)
    if not croppable:
        message = (
            f"expected a model whose memory is keys and values at {name}, "
            f"found {model.config.model_type}, which cannot go back"
        )
        raise ModelFormatError(message)
    return usable, codec


def load_codec(name: str) -> tuple[TransformersCodec, int]:
    """Return a model's tokenizer and its context in tokens, without its weights.

    Raises:
        ModelNotFoundError, ModelFormatError: as `load`.
    """
    name, local = _source(name)
    from transformers import AutoConfig, AutoTokenizer  # noqa: PLC0415  # costs seconds

    with _complaining(name):
        tokenizer = AutoTokenizer.from_pretrained(
            name, trust_remote_code=False, local_files_only=local
        )
        config = AutoConfig.from_pretrained(name, trust_remote_code=False, local_files_only=local)
        text = config.get_text_config()
        codec = TransformersCodec(tokenizer, rows=int(text.vocab_size))
        context = int(getattr(text, "max_position_embeddings", None) or text.n_positions)
    return codec, context


def read(name: str, dtype: torch.dtype | None) -> tuple[Any, Any]:
    """Return transformers' own model and tokenizer; errors as `load`.

    The weights are in `dtype`, where it is None in that of the checkpoint.
    """
    name, local = _source(name)
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415  # costs seconds
    from transformers.utils import logging  # noqa: PLC0415  # costs seconds

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with _complaining(name):
        tokenizer = AutoTokenizer.from_pretrained(
            name, trust_remote_code=False, local_files_only=local
        )
        model = AutoModelForCausalLM.from_pretrained(
            name, trust_remote_code=False, local_files_only=local, dtype=dtype or "auto"
        )
    return model, tokenizer


def _source(name: str) -> tuple[str, bool]:
    """Return a name as transformers takes it, and whether it is here already.

    Raises:
        ModelNotFoundError, ModelFormatError: it is nowhere, or a folder without a model.
    """
    if _is_path(name):
        read_config(Path(name).expanduser())
        name = str(Path(name).expanduser())
    local = Path(name).is_dir() or _is_cached(name)
    if not local:
        _check_hub(name)
    return name, local


@contextmanager
def _complaining(name: str) -> Iterator[None]:
    """Say of what transformers raises what was expected.

    Raises:
        ModelFormatError: in place of transformers' own errors.
    """
    try:
        yield
    except OSError as error:
        message = f"expected a tokenizer and weights at {name}: {_first_line(error)}"
        raise ModelFormatError(message) from error
    except _UNUSABLE as error:
        message = f"expected a causal language model at {name}: {_first_line(error)}"
        raise ModelFormatError(message) from error


def _can_be_cropped(model: TransformersModel) -> bool:
    """Return whether a cropped cache goes on as if the rest had never been fed."""
    cache = model.new_cache()
    model.forward([1, 2], cache, 0)
    expected = model.forward([3], cache, 1)
    cache.crop(1)
    model.forward([4, 5, 6], cache, 0)
    cache.crop(1)
    again = model.forward([2, 3], cache, 1)
    return cache.length == _PROBED and torch.allclose(again, expected, atol=0.05, rtol=0.05)


def _is_path(name: str) -> bool:
    """Return whether a name can only be meant as a path; Hub names are `owner/model` or `model`."""
    return (
        Path(name).expanduser().exists()
        or name.startswith(("/", ".", "~"))
        or "\\" in name
        or name.count("/") > 1
    )


def _is_cached(name: str) -> bool:
    """Return whether a Hub model was downloaded before."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415  # costs a second
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415  # costs a second

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError as error:
        message = f"expected a model folder or a Hugging Face name, got {name}: found neither"
        raise ModelNotFoundError(message) from error


def _check_hub(name: str) -> None:
    """Ask the Hub once: transformers itself tries an unreachable one for most of a minute."""
    from huggingface_hub import HfApi  # noqa: PLC0415  # costs a second
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # noqa: PLC0415  # costs a second
        HTTPError,
    )

    try:
        HfApi().model_info(name, timeout=_HUB_TIMEOUT_S)
    except (HTTPError, OSError) as error:
        message = (
            f"expected a model folder or a Hugging Face name, got {name}: no such folder, not "
            f"downloaded before, and the Hub does not give it: {_first_line(error)}"
        )
        raise ModelNotFoundError(message) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
