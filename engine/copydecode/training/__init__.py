"""How the embedded model is made: corpus, tasks, trainer, evaluation. Knows nothing of LSP."""
