"""Candidates -> chains -> verified maximal spans -> ranked sources."""
