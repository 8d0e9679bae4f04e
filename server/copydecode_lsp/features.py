"""What the client can do, read once from its capabilities. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types as lsp


@dataclass(frozen=True, slots=True)
class ClientFeatures:
    """The client's abilities that change what we send; the defaults are the barest client."""

    action_literals: bool = False
    resolves_edits: bool = False
    llm_tag: bool = False
    preferred: bool = False
    document_changes: bool = False
    annotations: bool = False
    progress: bool = False
    hunks: bool = False
    forms: bool = False
    configuration: bool = False
    registers_configuration: bool = False

    @classmethod
    def of(cls, capabilities: lsp.ClientCapabilities) -> ClientFeatures:
        """Read the capabilities of `initialize`."""
        text = capabilities.text_document
        action = text.code_action if text else None
        resolve = action.resolve_support if action else None
        tags = action.tag_support if action else None
        workspace = capabilities.workspace
        edit = workspace.workspace_edit if workspace else None
        window = capabilities.window
        change = workspace.did_change_configuration if workspace else None
        return cls(
            action_literals=bool(action and action.code_action_literal_support),
            # Without dataSupport the action's data would be lost on the way back.
            resolves_edits=bool(
                resolve and "edit" in resolve.properties and action and action.data_support
            ),
            llm_tag=bool(tags and lsp.CodeActionTag.LlmGenerated in tags.value_set),
            preferred=bool(action and action.is_preferred_support),
            document_changes=bool(edit and edit.document_changes),
            # Plain `changes` have no place for them.
            annotations=bool(
                edit and edit.document_changes and edit.change_annotation_support is not None
            ),
            progress=bool(window and window.work_done_progress),
            hunks=_experimental(capabilities, "hunks"),
            configuration=bool(workspace and workspace.configuration),
            registers_configuration=bool(change and change.dynamic_registration),
            forms=_has_forms(capabilities.experimental),
        )


def _experimental(capabilities: lsp.ClientCapabilities, name: str) -> bool:
    """Return whether `experimental.copydecode` has an ability of ours."""
    match capabilities.experimental:
        case {"copydecode": {} as ours}:
            return ours.get(name) is True
        case _:
            return False


def _has_forms(experimental: object) -> bool:
    """Return whether the client shows the forms of `command/resolve`."""
    match experimental:
        case {"interactiveResolve": {"inputTypes": [*_]}}:
            return True
        case _:
            return False
