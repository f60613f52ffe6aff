"""How common is a stretch? How many files, repositories and owners hold all of its fingerprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.attribution.query import Query
from indexer.attribution.significance import Stretch, prints_inside
from indexer.fingerprint.spec import SPEC, Channel
from indexer.segment.segment import Segment

BOUND = 1000  # postings of a fingerprint that are read; beyond it the counts are lower bounds
MOST_PRINTS = 8  # the rarest of a stretch; what holds all of these holds the rest, but for chance


@dataclass(frozen=True, slots=True)
class Frequency:
    """With `capped`, lower bounds."""

    files: int
    repositories: int
    owners: int
    capped: bool


def count(segments: Sequence[Segment], query: Query, counts: NDArray[np.int64], stretch: Stretch) -> Frequency | None:
    """The frequency of a stretch of the text; None where it holds no fingerprint."""
    kind = stretch.kind
    inside = prints_inside(query, kind, stretch.begin, stretch.end)
    channel, prints = (SPEC.exact, query.exact_prints) if kind == "exact" else (SPEC.renamed, query.renamed_prints)
    counts = counts[: len(query.exact_prints)] if kind == "exact" else counts[len(query.exact_prints) :]
    inside = inside[counts[inside] > 0]
    if not len(inside):
        return None
    rarest = inside[np.argsort(counts[inside], kind="stable")[:MOST_PRINTS]]
    files, capped = 0, False
    repositories: set[int] = set()
    owners: set[int] = set()
    for segment in segments:
        docs, cut = _holding_all(segment, channel, prints.keys[rarest])
        capped |= cut
        files += len(docs)
        repositories.update(segment.values("doc.repository", docs).tolist())
        owners.update(segment.values("doc.owner", docs).tolist())
    return Frequency(files, len(repositories), len(owners), capped)


def _holding_all(segment: Segment, channel: Channel, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], bool]:
    """The documents that hold every fingerprint, and whether there may be more."""
    found = segment.look_up(channel, keys, BOUND, filtered=False)
    docs: NDArray[np.int64] | None = None
    cut = False
    for i in range(len(keys)):
        if docs is not None and found.counts[i] > BOUND:
            continue  # too common to be read whole: it cannot narrow what rarer ones left
        mine = np.unique(segment.documents_of(found.positions[found.queries == i]))
        cut |= bool(found.counts[i] > BOUND)
        docs = mine if docs is None else np.intersect1d(docs, mine, assume_unique=True)
    return (np.zeros(0, np.int64) if docs is None else docs), cut
