"""What a model sees of an edit: which text, which lines of it, and in which words it is asked.

Knows nothing of models or their tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from copydecode.decode.window import with_lines
from copydecode.edit.compose import Origins, cut, lift
from copydecode.edit.document import Document
from copydecode.edit.program import Program
from copydecode.edits import EditRequest, Scope
from copydecode.errors import ScopeError


@dataclass(frozen=True, slots=True)
class View:
    """The document that a model sees; `erased` where it is not the one that is edited.

    `erased` has the origins of the view's lines, and the first and last line of the edited
    document that are cut into.
    """

    document: Document
    erased: tuple[Origins, int, int] | None = None

    @classmethod
    def without(cls, document: Document, erase: tuple[int, int]) -> View:
        """Return the view without some characters.

        Raises:
            ScopeError: they are not within the text.
        """
        start, end = erase
        if not 0 <= start <= end <= len(document.text):
            message = (
                f"expected characters to erase within 0 to {len(document.text)}, got {start} to "
                f"{end}"
            )
            raise ScopeError(message)
        visible, lines = cut(document, start, end)
        first = len(Document(document.text[:start] + ".").lines)
        last = len(Document(document.text[:end] + ".").lines)
        return cls(visible, (lines, first, last))

    def scope(self, scope: Scope | None) -> Scope | None:
        """Return where a scope lies in the view; where nothing of it is left, the nearest line."""
        if scope is None or self.erased is None:
            return scope
        lines, first, last = self.erased
        if not lines:
            return None
        touched = scope.first <= last and first <= scope.last
        inside = [
            number
            for number, line in enumerate(lines, 1)
            if (touched if line is None else scope.first <= line <= scope.last)
        ]
        if not inside:
            before = sum(line is not None and line < scope.first for line in lines)
            inside = [min(before + 1, len(lines))]
        return Scope(inside[0], inside[-1], locked=scope.locked)

    def instruction(self, instruction: str) -> str:
        """Return an instruction that names lines of the document with their numbers in the view."""
        if self.erased is None:
            return instruction
        numbers = {line: k for k, line in enumerate(self.erased[0], 1) if line is not None}
        return with_lines(instruction, numbers)

    def lift(self, program: Program) -> Program:
        """Return a program over the view as one over the document that is edited."""
        return program if self.erased is None else lift(program, self.document, self.erased[0])


def shown(text: str, scope: Scope | None, erase: tuple[int, int]) -> tuple[str, Scope | None]:
    """Return what a model sees of an edit that erases: the text without that, and the scope in it.

    Raises:
        ScopeError: as `Engine.edit`.
    """
    view = View.without(Document(text), erase)
    return view.document.text, view.scope(scope)


def precisely(request: EditRequest, view: View) -> EditRequest:
    """Return a request whose words say what to write and where, where that is known (`fixes`).

    Only within the lines of a locked scope, or at their borders, unless the fix may be elsewhere.
    """
    if request.language != "python" or view.erased is not None:
        return request
    # Starting takes 20 ms less without its patterns.
    from copydecode.fixes.known import known_fix  # noqa: PLC0415

    scope = request.scope
    lines = None if scope is None else (scope.first, scope.last)
    fix = known_fix(request.instruction, view.document.lines, lines)
    if fix is None:
        return request
    keeps = scope is None or not scope.locked or fix.keeps_to(scope.first, scope.last)
    if not (keeps or request.fix_elsewhere):
        return request
    return replace(request, instruction=fix.instruction, scope=Scope(*fix.span))
