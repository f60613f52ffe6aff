"""What do the licences of some sources ask of a project, and which do not go with its own? A sentence each, for people to read.

Not here: the table of obligations (`indexer.licences.obligations`), the matrix (`indexer.licences.compatibility`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from indexer.answers import Source
from indexer.errors import InputError
from indexer.licences.categories import normalize
from indexer.licences.compatibility import compatible
from indexer.licences.obligations import duties

_VERDICTS = {
    "incompatible": "does not go with",
    "check": "goes with some ways of combining it only, under",
    "unknown": "is not known to go with",
}


def asked(sources: Sequence[Source], use: str | None, project_license: str | None) -> tuple[str, ...]:
    """What the sources' licences ask for under a use, then what does not go with the project's licence; in rank order, each once.

    What no table lists is said to be unknown, never to be compatible or free of obligations. Raises InputError for a use or a project's
    licence that nobody knows. ([source under MIT], "distributed", "GPL-3.0-only") -> ("MIT: keep its text and copyright notice ...",)
    """
    own = _known(project_license) if project_license is not None else None
    if use is not None:
        duties("MIT", use)  # refuses an unknown use also where there is no source
    expressions = list(dict.fromkeys(source.license_expression or " AND ".join(source.licenses) or "NONE" for source in sources))
    said = [sentence for expression in expressions for sentence in _duties(expression, use)] if use is not None else []
    conflicts = [sentence for expression in expressions for sentence in _conflict(expression, own)] if own is not None else []
    return tuple(dict.fromkeys((*said, *conflicts)))


def _duties(expression: str, use: str) -> Iterator[str]:
    found = duties(expression, use)
    if found is None:
        yield f"{expression}: not in the table of obligations; a person has to read it."
    for duty in found or ():
        yield f"{duty.license}: {duty.text}"


def _conflict(expression: str, own: str) -> Iterator[str]:
    verdict = compatible(own, expression)
    if verdict != "compatible":
        yield f"{expression} {_VERDICTS[verdict]} {own}, the project's licence: review."


def _known(project_license: str) -> str:
    known = normalize(project_license)
    if known is None or known in ("NONE", "NOASSERTION"):
        raise InputError(f"project_license is {project_license!r}, which is no SPDX licence or expression that is known")
    return known
