"""Which files that share a band are alike, and what belongs together through them?

The sets of shingles lie in a file that is mapped; what has been looked at is given back to the system, so resident memory is
bounded. Buckets of files are joined one after the other. A pair that stands together already is not compared: that changes no
cluster, for a cluster is what pairs at the threshold or above connect, in whatever order they come. Nothing else is left out. A large
bucket is first compared with one of its files, which joins one large family in one pass; what is left of it is cut into the
files that share a rare shingle, as every pair at the threshold must.

Not here: who meets in which bucket (`curation.near_duplicates.bands`).
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from curation.near_duplicates import joining_kernels
from curation.near_duplicates.bands import Buckets

LARGE = 256  # members of a bucket that are compared with each other at most
_SLICE_SHINGLES = 1 << 24  # 128 MB of sets looked at before they are given back
_COUNTER_BITS = 20  # at most
_PART_RECORDS = 1 << 22  # of rare shingles at once, 16 bytes each


@dataclass(slots=True)
class Nodes:
    """The files to join, each a number from 0: arrays of one length, on disk where they are large. `sizes` counts shingles."""

    parents: NDArray[np.int64]
    known: NDArray[np.bool_]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]


@dataclass(slots=True)
class Joiner:
    """Joins buckets, and counts the comparisons."""

    nodes: Nodes
    sets: NDArray[np.uint64]
    memory: mmap.mmap
    threshold: float
    comparisons: int = 0

    @classmethod
    def open(cls, nodes: Nodes, sets: Path, threshold: float) -> Self:
        """Maps a file of sets, uint64, which must not be empty."""
        with open(sets, "rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(nodes, np.frombuffer(memory, np.uint64), memory, threshold)

    def join(self, buckets: Buckets) -> None:
        """Joins the members of each bucket that are alike."""
        shingles = np.cumsum(np.r_[0, self.nodes.sizes[buckets.members]])[buckets.offsets]
        begin, n = 0, len(buckets.offsets) - 1
        while begin < n:
            end = max(begin + 1, int(np.searchsorted(shingles, shingles[begin] + _SLICE_SHINGLES, "right")) - 1)
            self._join(buckets.members, buckets.offsets[begin : end + 1], LARGE)
            self.memory.madvise(mmap.MADV_DONTNEED)
            begin = end

    def _join(self, members: NDArray[np.int64], offsets: NDArray[np.int64], most: int) -> None:
        nodes, large = self.nodes, np.empty(len(offsets), np.int64)
        n, n_large = joining_kernels.join_buckets(
            nodes.parents, nodes.known, self.sets, nodes.starts, nodes.sizes, members, offsets, self.threshold, most, large
        )
        self.comparisons += n
        for bucket in large[:n_large]:
            self._join_large(members[offsets[bucket] : offsets[bucket + 1]])

    def _join_large(self, members: NDArray[np.int64]) -> None:
        """Joins what is alike among many: two that are share one of their rarest shingles, and these are shared by few."""
        where = (self.sets, self.nodes.starts, self.nodes.sizes, members)
        n_records = int(self.nodes.sizes[members].sum())
        counts = np.zeros(1 << min(_COUNTER_BITS, n_records.bit_length()), np.int64)
        joining_kernels.count_shingles(*where, counts)
        parts = n_records // _PART_RECORDS + 1
        for part in range(parts):
            shingles, holders = np.empty(n_records, np.uint64), np.empty(n_records, np.int64)  # untouched pages cost nothing
            n = joining_kernels.rarest_shingles(*where, counts, self.threshold, part, parts, shingles, holders)
            order = np.argsort(shingles[:n], kind="stable")
            ordered = shingles[order]
            offsets = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
            self._join(holders[order], offsets, len(members))
