"""The words of vLLM: token ids, and a grammar as `structured_outputs`, at `/v1/completions`."""

from __future__ import annotations

from typing import Any

import numpy as np

from copydecode.backends.dialect import Hints, Wish
from copydecode.backends.one_op import EBNF, OneOp
from copydecode.backends.remote import COMPLETIONS

_BANNED = -100.0  # The least bias that the API has; logits differ by less.
_MOST_BANNED = 1024


class Vllm:
    """The words of vLLM."""

    form = COMPLETIONS
    spelling = EBNF
    hints = Hints(
        constraint="structured_outputs, by xgrammar",
        cache="start vLLM with --enable-prefix-caching, and have a router keep to x-session-id",
        counts="start vLLM with --enable-prompt-tokens-details",
    )

    def __init__(self, model: str, *, biased: bool = True) -> None:
        """`model` is its name on the server, `biased` whether that takes a bias."""
        self._model = model
        self._biased = biased

    def body(self, wish: Wish) -> dict[str, Any]:
        """Return the request for a wish."""
        written, literals = wish.written, wish.literals
        body: dict[str, Any] = {
            "model": self._model,
            "prompt": wish.tokens,
            "max_tokens": wish.room,
            "temperature": wish.temperature,
            "return_token_ids": True,
            "skip_special_tokens": False,  # Else a stop that is a special token is not seen.
        }
        if wish.salt:  # vLLM refuses an empty one.
            body["cache_salt"] = wish.salt
        if wish.seed is not None:
            body["seed"] = wish.seed
        stop: tuple[str, ...] = ()
        if isinstance(written, OneOp):
            body["structured_outputs"] = {"grammar": written.grammar}
            stop = written.stop
        elif written is not None:
            body["allowed_token_ids"] = written
        elif literals.gen_close is not None:
            body["stop_token_ids"] = [literals.gen_close]
        elif wish.fence is not None:
            stop = (wish.fence,)
        if written is None or literals.gen_close is None:
            body = self._no_special(wish) | body
        if stop:
            body |= {"stop": list(stop), "include_stop_str_in_output": True}
        return body

    def _no_special(self, wish: Wish) -> dict[str, Any]:
        """Keep special tokens out of text: a server takes them for what they read."""
        never = wish.literals.never_text
        if self._biased:
            return {"logit_bias": dict.fromkeys(map(str, never[:_MOST_BANNED]), _BANNED)}
        if not wish.again:  # One that comes all the same is asked for again.
            return {}
        every = np.arange(wish.literals.size)
        return {"allowed_token_ids": np.setdiff1d(every, never).tolist()}
