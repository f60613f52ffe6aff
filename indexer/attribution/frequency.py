"""How common is a stretch? How many files, repositories and owners hold all of its fingerprints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.attribution import source_kernels as kernels
from indexer.attribution.candidates import Finder
from indexer.attribution.query import Query
from indexer.attribution.significance import Stretch
from indexer.attribution.whole import Frequency
from indexer.fingerprint.spec import SPEC
from indexer.segment.segment import Segment

BOUND = 1000  # postings of a fingerprint that are read; beyond it the counts are lower bounds
MOST_PRINTS = 8  # the rarest of a stretch; what holds all of these holds the rest, but for chance


def count(segments: Sequence[Segment], query: Query, finder: Finder, stretches: Sequence[Stretch]) -> list[Frequency | None]:
    """The frequencies of stretches of the text; None for one that holds no fingerprint."""
    held = [_held_inside(query, finder, stretch) for stretch in stretches]
    if finder.whole is None:
        return [_count(segments, finder, prints) if len(prints) else None for prints in held]
    known = iter(finder.whole.frequencies([prints for prints in held if len(prints)]))
    return [next(known) if len(prints) else None for prints in held]


def _count(segments: Sequence[Segment], finder: Finder, inside: NDArray[np.int64]) -> Frequency:
    files, capped = 0, False
    alone = int(len(segments) == 1)  # then the last file that is left holds the stretch: one does at least
    repositories: set[int] = set()
    owners: set[int] = set()
    for s, segment in enumerate(segments):
        docs, more = finder.holding_all(s, inside, BOUND, MOST_PRINTS, alone)
        capped |= more
        files += len(docs)
        if alone and files <= 1:
            return Frequency(1, 1, 1, capped)
        repositories.update(segment.values("doc.repository", docs).tolist())
        owners.update(segment.values("doc.owner", docs).tolist())
    return Frequency(files, len(repositories), len(owners), capped)


def _held_inside(query: Query, finder: Finder, stretch: Stretch) -> NDArray[np.int64]:
    """Which fingerprints of its channel lie wholly in a stretch of the text, numbered as a Finder does, but for those that no document
    has: one near an end may be chosen for tokens beyond it."""
    begin, end, n = stretch.begin, stretch.end, len(query.exact.keys)
    if stretch.kind == "exact":
        where = query.exact.positions, query.code_tokens[:0], 0, begin, end, SPEC.exact.k
    else:
        where = query.renamed.positions, query.code_tokens, n, begin, end, SPEC.renamed.k
    return kernels.held_inside(*where, finder.counts)  # type: ignore[no-any-return]
