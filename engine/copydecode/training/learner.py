"""A model that is to be fine-tuned: its network in transformers, and how it is prompted and saved.

The embedded model and others of our own keep their prompt, tokenizer and splice window; any other
gets the prompt of foreign models. What is saved is a folder like the one that was loaded, ready to
be served. Knows nothing of data or optimisers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from copydecode.backends.backend import TokenFormat
from copydecode.backends.local import EMBEDDED_FOLDER, ROOM_FOR_PROGRAM
from copydecode.backends.serving import Serving
from copydecode.config import EMBEDDED
from copydecode.decode import hf
from copydecode.decode.constraint import ProgramGrammar
from copydecode.decode.literals import Literals
from copydecode.decode.model import read_config
from copydecode.decode.prompt import EmbeddedPrompt
from copydecode.decode.prompt_foreign import ForeignPrompt
from copydecode.decode.vocabulary import Vocabulary

_OURS = ("config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Learner:
    """A model as it is trained.

    `module` is a causal language model of transformers, its weights in the checkpoint's own type;
    `save` writes such a module, as the model folder that it then is.
    """

    module: Any
    prompts: TokenFormat
    grammar: ProgramGrammar
    splice_window: int | None
    context: int
    save: Callable[[Any, Path], None]


def load(name: str, max_tokens: int) -> Learner:
    """Load the embedded model, a model folder, or one from the Hub.

    `max_tokens` bounds the prompts of models that are not ours, and a copy of all lines with them.

    Raises:
        ModelNotFoundError, ModelFormatError: with what was looked for and what was found.
    """
    folder = EMBEDDED_FOLDER if name == EMBEDDED else Path(name).expanduser()
    if (folder / "config.json").is_file() and "copydecode" in (values := read_config(folder)):
        return _load_ours(folder, values)
    module, tokenizer = hf.read(name, None)
    codec = hf.TransformersCodec(tokenizer, rows=module.get_input_embeddings().num_embeddings)
    literals = Literals(codec)
    text_config = module.config.get_text_config()
    context = int(getattr(text_config, "max_position_embeddings", None) or text_config.n_positions)
    dtype = module.dtype

    def save(trained: Any, target: Path) -> None:  # noqa: ANN401  # transformers' classes are untyped
        trained.to(dtype).save_pretrained(target)
        tokenizer.save_pretrained(target)

    room = min(max_tokens, max(1, context - ROOM_FOR_PROGRAM))
    prompts = ForeignPrompt(codec, literals, room)
    return Learner(module, prompts, ProgramGrammar(literals), None, context, save)


def _load_ours(folder: Path, values: dict[str, Any]) -> Learner:
    module, _ = hf.read(str(folder), None)
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    context = int(module.config.max_position_embeddings)
    serving = Serving.from_json(values, context)
    dtype = module.dtype

    def save(trained: Any, target: Path) -> None:  # noqa: ANN401  # transformers' classes are untyped
        weights: dict[str, torch.Tensor] = {
            n: p.detach().to("cpu", dtype) for n, p in trained.named_parameters()
        }
        save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
        for file in _OURS:
            if (folder / file).is_file():
                shutil.copyfile(folder / file, target / file)

    grammar = ProgramGrammar(Literals(vocabulary, vocabulary.op_markers))
    prompts = EmbeddedPrompt(vocabulary, serving.max_lines, serving.max_tokens)
    return Learner(module, prompts, grammar, serving.splice_window, context, save)
