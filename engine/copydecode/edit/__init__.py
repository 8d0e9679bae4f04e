"""The edit language: documents, programs, resolving. Pure: no torch, no I/O, no models."""
