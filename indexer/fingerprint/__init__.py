"""Tokens -> winnowed k-gram fingerprints."""
