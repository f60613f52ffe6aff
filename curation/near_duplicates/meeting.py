"""Which nodes meet in a bucket that holds something new? The buckets stay on disk until they are joined.

Not here: how buckets come about (`curation.near_duplicates.bands`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.near_duplicates.bands import BandRecords, Buckets, chosen


def meet(bands: BandRecords, known: NDArray[np.bool_], file: Path) -> NDArray[np.int64]:
    """Writes the buckets that are not all `known` to a file; returns their nodes, ascending."""
    met = np.zeros(len(known), np.bool_)
    with open(file, "wb") as out:
        for buckets in bands.buckets():
            new = _with_new(buckets, known)
            if len(new.members):
                np.save(out, new.members)
                np.save(out, new.offsets)
                met[new.members] = True
    return np.flatnonzero(met)


def met_buckets(file: Path) -> Iterator[Buckets]:
    """The buckets that `meet` wrote."""
    with open(file, "rb") as source:
        while source.peek(1):
            members = np.load(source)
            yield Buckets(members, np.load(source))


def _with_new(buckets: Buckets, known: NDArray[np.bool_]) -> Buckets:
    if not len(buckets.members):
        return buckets
    return chosen(buckets, np.logical_or.reduceat(~known[buckets.members], buckets.offsets[:-1]))
