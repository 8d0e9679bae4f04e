"""Where the time and the tokens of one edit went. Counts only; it holds no text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields


@dataclass(slots=True)
class Receipt:
    """Times in seconds, tokens and forwards in counts.

    `forwards` counts the model forwards after the prompt was prefilled (the prompt's last forward
    yields the first decision). `prompt_s` is building the prompt, `prefill_s` its forwards,
    `decode_s` all later forwards, `grammar_s` masks and matching, `resolve_s` the new text and the
    hunks, `check_s` looking for errors that the edit adds.

    `log_prob` is the log of the probability that the model gives the program among all legal ones,
    `weakest_log_prob` that of its least sure decision; 0 where nothing was left to decide.
    `as_promised` says that all of it is what the words themselves say.
    `confidence` is how often edits that the model was as sure of are right, 0 to 1; None where the
    model was not calibrated. `retries` counts programs that were refused before this one: the
    counts and times are those of all.

    Where several edits run at once, `waited_s` is the time between its forwards in which others had
    theirs, `shared_forwards` counts those that served others, too (the prompt's included; their
    whole time is in everyone's receipt), and `at_once` is the most edits that one of them served.

    `prompt_tokens` counts the whole prompt, `reused_tokens` those that the cache still held from
    the edit before. `generated_tokens` counts decisions, `drafted_tokens` the guesses at decisions
    that were verified, `accepted_tokens` those among them that were right. `output_tokens` is the
    length of the new text (of the window that the model saw) in the model's tokens: the decode
    steps of plain decoding.

    Where a model server ran the model, `remote` is its host. Its forwards are not seen: `requests`
    counts what it was asked, `resent` what had to be asked again since no answer came,
    `sent_tokens` the prompt tokens of all requests, and `cached_tokens` those among them that it
    had in its cache, None where it did not say so of each. `reused_tokens` are the cached ones of
    the first request, `prefill_s` is its time to the first token, `decode_s` all later time with
    the server. Where that is a chat model nobody here has its tokenizer: `output_tokens` and
    `spliced_tokens` (those of what is copied, which that model never reads again) are `estimated`
    by bytes, and so are all others that the server does not tell.
    """

    model: str = ""
    queue_s: float = 0.0
    prompt_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    grammar_s: float = 0.0
    resolve_s: float = 0.0
    waited_s: float = 0.0
    check_s: float = 0.0
    total_s: float = 0.0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    forwards: int = 0
    shared_forwards: int = 0
    at_once: int = 0
    forced_tokens: int = 0
    spliced_tokens: int = 0
    generated_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    output_tokens: int = 0
    log_prob: float = 0.0
    weakest_log_prob: float = 0.0
    as_promised: bool = False
    confidence: float | None = None
    retries: int = 0
    remote: str | None = None
    requests: int = 0
    resent: int = 0
    sent_tokens: int = 0
    cached_tokens: int | None = 0
    estimated: bool = False

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Return all fields, for JSON."""
        return asdict(self)

    @classmethod
    def total(cls, receipts: Iterable[Receipt]) -> Receipt:
        """Return the sum of several edits' receipts.

        The model is the last one's, `at_once` the most. The weakest decision and the confidence
        are the least: what is made of several edits is as sure as the least sure of them, unknown
        where one is.
        """
        parts = list(receipts)
        total = cls()
        for receipt in parts:
            for field in fields(cls):
                if field.name not in _NOT_ADDED:
                    value = getattr(total, field.name) + getattr(receipt, field.name)
                    setattr(total, field.name, value)
        if parts:
            total.at_once = max(part.at_once for part in parts)
            total.estimated = any(part.estimated for part in parts)
            total.as_promised = all(part.as_promised for part in parts)
            total.model, total.remote = parts[-1].model, parts[-1].remote
            cached = [part.cached_tokens for part in parts if part.cached_tokens is not None]
            total.cached_tokens = sum(cached) if len(cached) == len(parts) else None
            total.weakest_log_prob = min(part.weakest_log_prob for part in parts)
            known = [part.confidence for part in parts if part.confidence is not None]
            total.confidence = min(known) if len(known) == len(parts) else None
        return total


_NOT_ADDED = {
    "model",
    "at_once",
    "weakest_log_prob",
    "as_promised",
    "confidence",
    "remote",
    "cached_tokens",
    "estimated",
}
