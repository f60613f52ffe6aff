"""Immutable segments on disk; FORMAT.md describes the bytes."""
