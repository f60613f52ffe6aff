"""Commits as a dataset: what a file was, what was said of the change, what it became."""
