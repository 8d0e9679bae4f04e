"""Studies: one question a module, and LOG.md, what was tried and what it showed."""
