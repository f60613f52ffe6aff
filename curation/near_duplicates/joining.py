"""Which files that share a band are alike, and what belongs together through them?

The sets of shingles lie on disk and are copied to memory for as many buckets as fit, one at least. A pair that stands together
already is not compared: that changes no cluster, for a cluster is what pairs at the threshold or above connect, in whatever order they
come. Nothing else is left out. A large bucket is first compared with one of its files, which joins one large family in one pass; what
is left of it is cut into the files that share a rare shingle, as every pair at the threshold must.

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
from curation.near_duplicates.bands import Buckets, chosen

LARGE = 256  # members of a bucket that are compared with each other at most
_SLICE_SHINGLES = 1 << 23  # 64 MB of sets in memory
_RANGE_SHINGLES = 1 << 22  # 32 MB of the file mapped at once: the system maps what lies around each place that is looked at
_COUNTER_BITS = 20  # at most
_PART_RECORDS = 1 << 22  # of rare shingles at once, 16 bytes each


@dataclass(slots=True)
class Nodes:
    """The files to join, each a number from 0: arrays of one length, on disk where they are large.

    `sizes` counts shingles, `starts` says where they begin on disk and `places` where in memory, while they are there.
    """

    parents: NDArray[np.int64]
    known: NDArray[np.bool_]
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    sizes: NDArray[np.int64]


@dataclass(slots=True)
class Joiner:
    """Joins buckets, and counts the comparisons."""

    nodes: Nodes
    on_disk: NDArray[np.uint64]
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
        undecided = np.empty(len(buckets.offsets) - 1, np.bool_)
        joining_kernels.are_apart(self.nodes.parents, buckets.members, buckets.offsets, undecided)
        left = chosen(buckets, undecided)
        shingles = np.r_[0, np.cumsum(self.nodes.sizes[left.members])][left.offsets]
        begin, n = 0, len(left.offsets) - 1
        while begin < n:
            end = max(begin + 1, int(np.searchsorted(shingles, shingles[begin] + _SLICE_SHINGLES, "right")) - 1)
            offsets = left.offsets[begin : end + 1]
            sets = self._load(np.unique(left.members[offsets[0] : offsets[-1]]))
            self._join(sets, left.members, offsets, LARGE)
            begin = end

    def _load(self, wanted: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The sets of some nodes, one after the other."""
        nodes = self.nodes
        ends = np.cumsum(nodes.sizes[wanted])
        nodes.places[wanted] = ends - nodes.sizes[wanted]
        sets = np.empty(int(ends[-1]), np.uint64)
        wanted = wanted[np.argsort(nodes.starts[wanted])]
        starts = nodes.starts[wanted]
        begin = 0
        while begin < len(wanted):
            end = int(np.searchsorted(starts, starts[begin] + _RANGE_SHINGLES, "right"))
            joining_kernels.copy_sets(self.on_disk, nodes.starts, nodes.sizes, wanted[begin:end], nodes.places, sets)
            self.memory.madvise(mmap.MADV_DONTNEED)
            begin = end
        return sets

    def _join(self, sets: NDArray[np.uint64], members: NDArray[np.int64], offsets: NDArray[np.int64], most: int) -> None:
        nodes, large = self.nodes, np.empty(len(offsets), np.int64)
        n, n_large = joining_kernels.join_buckets(
            nodes.parents, nodes.known, sets, nodes.places, nodes.sizes, members, offsets, self.threshold, most, large
        )
        self.comparisons += n
        for bucket in large[:n_large]:
            self._join_large(sets, members[offsets[bucket] : offsets[bucket + 1]])

    def _join_large(self, sets: NDArray[np.uint64], members: NDArray[np.int64]) -> None:
        """Joins what is alike among many: two that are share one of their rarest shingles, and these are shared by few."""
        where = (sets, self.nodes.places, self.nodes.sizes, members)
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
            self._join(sets, holders[order], offsets, len(members))
