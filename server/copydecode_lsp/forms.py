"""The questions of `command/resolve`: a form with one field, the instruction.

The protocol is gopls' (golang/go#76331, microsoft/language-server-protocol#1164), which Dart has
adopted: before a client runs a command it sends the `ExecuteCommandParams` to `command/resolve`; an
answer with `formFields` is shown to the user, and sent again with `formAnswers` until no fields
come back; then the command runs with the answers. Pure functions of JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copydecode_lsp.names import APPLY_EDIT

FIELD = "instruction"
"""The field's id, and the name of the argument that it becomes."""

PROVIDER = {"interactiveResolveProvider": {"kinds": ["command"]}}
"""The server's experimental capability."""


def is_asking(params: Mapping[str, Any]) -> bool:
    """Return whether a command needs an instruction that its arguments do not have."""
    match params:
        case {"command": command, "arguments": [{**argument}]} if command == APPLY_EDIT:
            return argument.get("instruction") is None and argument.get("snippet") is None
        case _:
            return False


def resolve(params: Mapping[str, Any], default: str | None) -> dict[str, Any]:
    """Answer `command/resolve`: with the form, with it and what is wrong, or without it.

    `default` stands in the field at first.
    """
    resolved = {key: params[key] for key in ("command", "arguments") if key in params}
    if not is_asking(params):
        return resolved
    field: dict[str, Any] = {
        "id": FIELD,
        "description": "What should the AI edit do?",
        "type": {"kind": "string"},
        "required": True,
    }
    if default is not None:
        field["default"] = default
    if not params.get("formAnswers"):
        return {**resolved, "formFields": [field]}
    answers = [{"id": FIELD, "value": _answer(params)}]
    if not str(answers[0]["value"] or "").strip():
        field["error"] = "expected an instruction, found none"
        return {**resolved, "formFields": [field], "formAnswers": answers}
    return {**resolved, "formAnswers": answers}


def with_answers(params: Any) -> Any:  # noqa: ANN401 -- JSON as it came
    """Return a command's parameters with the form's answer as an argument.

    lsprotocol does not know `formAnswers` and would drop them.
    """
    match params:
        case {"formAnswers": [_, *_], "arguments": [{**argument}]} if is_asking(params):
            return {**params, "arguments": [{**argument, FIELD: _answer(params)}]}
        case _:
            return params


def _answer(params: Mapping[str, Any]) -> str | None:
    """Return the answer to the one field: by its id, or as the first of the older protocol."""
    for answer in params["formAnswers"]:
        match answer:
            case {"id": name, "value": str(value)} if name == FIELD:
                return value
            case str(value):
                return value
            case _:
                continue
    return None
