"""Which edits are applied only after a question, and how sure the model is of an edit in words.

Pure: it knows nothing of servers, or of how a client is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types as lsp

from copydecode_lsp.instructions import Instruction
from copydecode_lsp.proposals import Part
from copydecode_lsp.settings import Confirm, Settings

LABEL_LENGTH = 80

_LIKELY = 0.5


def needed(settings: Settings, confidence: float | None) -> bool:
    """Return whether the user is asked before an edit is applied.

    One whose confidence is not known is not taken for unsure: only `ALWAYS` asks for it.
    """
    match settings.confirm:
        case Confirm.ALWAYS:
            return True
        case Confirm.NEVER:
            return False
        case Confirm.LOW_CONFIDENCE:
            return confidence is not None and confidence < settings.confidence_threshold


def is_preferred(settings: Settings, confidence: float | None) -> bool:
    """Return whether an edit may call itself the best: it is known to be sure, and not asked for.

    `confirm` set to never asks for no edit, and makes none sure.
    """
    sure = confidence is not None and confidence >= settings.confidence_threshold
    return sure and not needed(settings, confidence)


def in_words(settings: Settings, confidence: float | None) -> str:
    """Return a sentence on how sure the model is."""
    if confidence is None:
        return "How often edits like this one are right is not known."
    if confidence >= settings.confidence_threshold:
        judgement = "Likely right"
    else:
        judgement = "May be wrong" if confidence >= _LIKELY else "Likely wrong"
    return f"{judgement}: about {confidence:.0%} of the edits that the model is as sure of are."


def label(instruction: Instruction) -> str:
    """Return what an edit is called, in short."""
    text = " ".join(instruction.text.split())
    if instruction.parts:
        text = f"fix {len(instruction.parts)} diagnostics"
    return f"AI edit: {text}"[:LABEL_LENGTH]


def annotate(settings: Settings, parts: Sequence[Part]) -> list[lsp.ChangeAnnotation]:
    """Return the annotation of each of an edit's changes, by what it was made for."""
    return [
        lsp.ChangeAnnotation(
            label=label(part.instruction),
            needs_confirmation=needed(settings, part.confidence),
            description=in_words(settings, part.confidence),
        )
        for part in parts
    ]
