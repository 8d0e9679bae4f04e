"""The fix of a diagnostic of Python, or what an instruction comes to, where that is known.

Knows nothing of models or editors.
"""

from __future__ import annotations

from collections.abc import Sequence

from copydecode.fixes.fix import Fix
from copydecode.fixes.held import held
from copydecode.fixes.imports import import_fix
from copydecode.fixes.methods import self_fix
from copydecode.fixes.settled import settled
from copydecode.fixes.syntax import syntax_fix
from copydecode.fixes.unused import unused_fix


def known_fix(message: str, lines: Sequence[str], scope: tuple[int, int] | None) -> Fix | None:
    """Return what a message comes to in a document of Python, None where that is not known.

    Of several that know something the first is taken, the most certain.

    Args:
        message: of a tool, or what a person says.
        lines: those of the document.
        scope: the lines that it is about, 1-based and inclusive, where they are known.
    """
    return (
        import_fix(message, lines)
        or self_fix(message, lines, scope)
        or settled(message, lines, scope)
        or unused_fix(message, lines, scope)
        or syntax_fix(message, lines, scope)
        or held(message, lines, scope)
    )
