"""Slow, obvious twins of the engine's kernels and file readers, written from FORMAT.md with the standard library alone."""
