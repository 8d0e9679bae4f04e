"""The words of llama.cpp's `llama-server`: token ids and a GBNF grammar at `/completion`.

Answers come whole, an op or a few of them: its stream leaves out the ids of tokens that end within
a character. It finds the slot whose cache has most in common with a prompt by itself. Naming one
(`id_slot`) would have two edits of a document wait for each other.
"""

from __future__ import annotations

from typing import Any

from copydecode.backends.dialect import Hints, Wish
from copydecode.backends.one_op import GBNF, OneOp, either
from copydecode.backends.remote import Came, Form

_ANSWERED = ["tokens", "stop_type", "tokens_evaluated", "tokens_predicted", "timings"]


def _answer(answer: dict[str, Any]) -> Came[int]:
    """Read an answer."""
    return Came(
        [*map(int, answer["tokens"])],
        str(answer["stop_type"]),
        prompt_tokens=int(answer["tokens_evaluated"]),
        cached_tokens=int(answer["timings"]["cache_n"]),
        written_tokens=int(answer["tokens_predicted"]),
    )


class LlamaServer:
    """The words of llama-server."""

    form = Form("/completion", streamed=False, read=_answer)
    spelling = GBNF
    hints = Hints(
        constraint="grammar with token ids, llama.cpp of 2026 or newer",
        cache="start llama-server without --no-cache-prompt, and have a router keep to "
        "x-session-id",
        counts="",
    )

    def __init__(self, model: str) -> None:
        """`model` is its name on the server."""
        self._model = model

    def body(self, wish: Wish) -> dict[str, Any]:
        """Return the request for a wish."""
        written, literals = wish.written, wish.literals
        body: dict[str, Any] = {
            "model": self._model,
            "prompt": wish.tokens,
            "n_predict": wish.room,
            "temperature": wish.temperature,
            "samplers": ["temperature"],  # Else it keeps to the 40 likeliest tokens, and others do.
            "cache_prompt": True,
            "return_tokens": True,
            "response_fields": _ANSWERED,  # Else an answer repeats the prompt as text.
        }
        if wish.seed is not None:
            body["seed"] = wish.seed % 2**32
        stop: tuple[str, ...] = ()
        text = written is None or literals.gen_close is None  # Text may come of it.
        if isinstance(written, OneOp):
            body["grammar"], stop = written.grammar, written.stop
            text = text or wish.again
        elif written is not None:
            # With a bias against all that a grammar allows, llama-server ends itself.
            body["grammar"], text = (
                either([(token,) for token in written], spelling=GBNF).grammar,
                False,
            )
        elif wish.fence is not None and literals.gen_close is None:
            stop = (wish.fence,)
        if text:
            # Special tokens are kept out of it: a grammar takes them for what they read.
            body["logit_bias"] = [[token, False] for token in literals.never_text.tolist()]
        if stop:
            # Else a stop that is a special token is not seen.
            body |= {"stop": list(stop), "preserved_tokens": list(stop)}
        return body
