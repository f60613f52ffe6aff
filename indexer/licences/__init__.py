"""Licence categories, obligations and notice texts."""
