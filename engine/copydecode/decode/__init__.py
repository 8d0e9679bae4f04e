"""The decode loop and its parts. Knows nothing of the language server."""
