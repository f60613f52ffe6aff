"""The findings of an audit as the baseline of the next."""

from __future__ import annotations

from search_api.audit import baseline
from search_api.audit.audit import Outcome


def render(outcome: Outcome) -> str:
    """The file that `--baseline` takes."""
    return baseline.write(outcome.audit)
