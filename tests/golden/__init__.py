"""Answers written down: what the engine must give, now and in every later version."""
