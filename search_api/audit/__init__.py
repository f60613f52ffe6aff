"""Audits: which parts of a project come from elsewhere, and what follows from it."""
