"""The LSP language id of a file, by its suffix. It reads no files."""

from __future__ import annotations

from pathlib import Path

LANGUAGES = {
    ".c": "c",
    ".cpp": "cpp",
    ".css": "css",
    ".go": "go",
    ".html": "html",
    ".java": "java",
    ".js": "javascript",
    ".json": "json",
    ".lua": "lua",
    ".md": "markdown",
    ".py": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".sh": "shellscript",
    ".toml": "toml",
    ".ts": "typescript",
    ".yaml": "yaml",
    ".yml": "yaml",
}


def language_of(path: Path) -> str:
    """Return the LSP language id by the file's suffix."""
    return LANGUAGES.get(path.suffix.lower(), "plaintext")
