"""May the corpus hold this fingerprint? A split-block Bloom filter on disk, memory-mapped.

The layout is that of the Apache Parquet format (Putze, Sanders, Singler 2007): blocks of 32 bytes, eight bits of one block a key,
so a look-up touches one cache line. Keys are fingerprints mixed once more.

Not here: which run of hits makes a text a member (`indexer.bloom.membership`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.bloom import kernels
from indexer.disk import disk_errors
from indexer.pages import PageWriter
from indexer.segment.format import SectionFile

KIND = "filter"
BLOCK_BYTES = 32
DEFAULT_RATE = 0.004  # of one look-up; an answer needs two that follow each other


def false_positive_rate(n_keys: int, n_blocks: int) -> float:
    """The chance that a key never inserted is reported, for a filter of this load.

    A block holds a Poisson number of keys; with j keys each of its eight words has a given bit set with 1 - (31/32)^j.
    """
    if n_keys == 0:
        return 0.0
    load = n_keys / n_blocks
    total, probability = 0.0, math.exp(-load)
    for j in range(int(load + 12 * math.sqrt(load) + 30)):
        total += probability * (1 - (31 / 32) ** j) ** 8
        probability *= load / (j + 1)
    return total


def blocks_for(n_keys: int, rate: float) -> int:
    """The fewest blocks that keep the false-positive rate of a look-up at `rate` or below."""
    lo, hi = 1, max(1, n_keys)
    while lo < hi:
        middle = (lo + hi) // 2
        lo, hi = (lo, middle) if false_positive_rate(n_keys, middle) <= rate else (middle + 1, hi)
    return lo


@dataclass(frozen=True)
class BloomFilter:
    """An opened filter; threads may share it. `false_positive_rate` is that of one look-up."""

    file: SectionFile
    n_keys: int
    n_blocks: int
    false_positive_rate: float

    @classmethod
    def build(cls, path: Path, chunks: Iterable[NDArray[np.uint64]], n_keys: int, spec: str, rate: float = DEFAULT_RATE) -> int:
        """Writes a filter of `n_keys` distinct fingerprints, given in chunks; returns the file's size. Memory: the filter's own size."""
        n_blocks = blocks_for(n_keys, rate)
        halves = np.zeros(n_blocks * 8, np.uint32)
        for chunk in chunks:
            kernels.insert(halves, n_blocks, chunk)
        with disk_errors(path), PageWriter(path, KIND) as writer:
            writer.add("blocks", halves.astype("<u4", copy=False).data)
            return writer.finish({"spec": spec, "n_keys": n_keys, "n_blocks": n_blocks})

    @classmethod
    def open(cls, path: Path, spec: str) -> BloomFilter:
        """Maps a filter. Raises as SectionFile.open does. O(1)."""
        file = SectionFile.open(path, KIND, spec)
        file.require("n_keys", "n_blocks")
        n_keys, n_blocks = file.header["n_keys"], file.header["n_blocks"]
        return cls(file, n_keys, n_blocks, false_positive_rate(n_keys, n_blocks))

    def may_contain(self, fingerprints: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For each fingerprint, whether it may have been inserted; False is certain. About 30 to 50 ns each."""
        out = np.zeros(len(fingerprints), np.bool_)
        if self.n_keys == 0:
            return out
        begin, end = self.file.section("blocks")
        pages = np.empty(len(fingerprints), np.int64)
        kernels.pages_of(self.n_blocks, begin, fingerprints, pages)
        fresh = pages[self.file.touched[pages] == 0]
        for page in set(fresh.tolist()):
            self.file.check(page << kernels.PAGE_SHIFT, (page + 1) << kernels.PAGE_SHIFT)
        kernels.may_contain(self.file.halves[begin >> 2 : end >> 2], self.n_blocks, fingerprints, out)
        return out
