"""copydecode_lsp: the language server and the headless clients."""
