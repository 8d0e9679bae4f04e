"""Who runs the model: in this process, later also a server. Knows nothing of LSP."""
