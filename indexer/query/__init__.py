"""The search language: text -> one tree, which each store translates."""
