"""One module a request; each an adapter around a pure function of a snapshot."""
