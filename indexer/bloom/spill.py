"""How is a filter made of more fingerprints than fit into memory, and by several machines at once?

Fingerprints are mixed and written to files by the top byte of what comes out, which also says in which part of the filter they belong:
each file is counted, and becomes a stretch of the filter, by itself. Neighbouring stretches share a block at most, joined by OR.
The filter so made is, to the last bit, the one that `BloomFilter.build` makes of the same fingerprints.

Not here: the filter's layout (`indexer.bloom.filter`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.bloom import kernels
from indexer.bloom.filter import BLOCK_BYTES
from indexer.disk import disk_errors

PARTITIONS = 256
SLICE_BYTES = 128 << 20  # of keys that are sorted at one time
_TOP = np.uint64(56)
_WAITING = 1 << 22  # fingerprints in memory, 32 MB
_READ_AT_ONCE = 1 << 20  # keys


@dataclass(slots=True)
class KeySpill:
    """Fingerprints on their way into a filter, in a folder of one writer's own. 8 bytes of disk for each, without most repeats."""

    folder: Path
    _waiting: list[NDArray[np.uint64]] = field(default_factory=list)
    _n_waiting: int = 0

    def add(self, fingerprints: NDArray[np.uint64]) -> None:
        """Takes some fingerprints of 48 bits, repeats among them. Raises OutOfSpace."""
        keys = np.empty(len(fingerprints), np.uint64)
        kernels.mix(fingerprints, keys)
        self._waiting.append(keys)
        self._n_waiting += len(keys)
        if self._n_waiting >= _WAITING:
            self.flush()

    def flush(self) -> None:
        """Writes what waits in memory; to be called once all are added. Raises OutOfSpace."""
        if not self._waiting:
            return
        keys = np.unique(np.concatenate(self._waiting))
        edges = np.searchsorted(keys >> _TOP, np.arange(PARTITIONS + 1, dtype=np.uint64))
        with disk_errors(self.folder):
            for number in range(PARTITIONS):
                if edges[number] < edges[number + 1]:
                    with open(_file(self.folder, number), "ab") as file:
                        file.write(keys[edges[number] : edges[number + 1]].astype("<u8", copy=False).data)
        self._waiting, self._n_waiting = [], 0


def distinct(folders: Sequence[Path], number: int) -> Iterator[NDArray[np.uint64]]:
    """The keys of one partition that the writers of these folders had, each once, ascending, in slices; large files are read once a
    slice. Memory: four times SLICE_BYTES."""
    files = [file for folder in folders if (file := _file(folder, number)).exists()]
    slices = max(1, -(-sum(file.stat().st_size for file in files) // SLICE_BYTES))
    edges = [(number << 56) + (i << 56) // slices for i in range(slices + 1)]  # keys are spread evenly
    for begin, end in pairwise(edges):
        found = [part for file in files for part in _between(file, begin, end - 1)]
        if found:
            yield np.unique(np.concatenate(found)).astype(np.uint64, copy=False)


def _between(file: Path, least: int, most: int) -> Iterator[NDArray[np.uint64]]:
    """The keys of a file from `least` to `most`, in its order."""
    with open(file, "rb") as opened:
        while len(keys := np.fromfile(opened, "<u8", _READ_AT_ONCE)):
            yield keys[(keys >= np.uint64(least)) & (keys <= np.uint64(most))]


def stretch(slices: Iterable[NDArray[np.uint64]], number: int, n_blocks: int) -> tuple[int, NDArray[np.uint32]]:
    """The part of a filter that the keys of one partition belong in: its first block, and the blocks, uint32 (blocks * 8,)."""
    first = ((number << 24) * n_blocks) >> 32
    last = ((((number + 1) << 24) - 1) * n_blocks) >> 32
    halves = np.zeros((last + 1 - first) * 8, np.uint32)
    for keys in slices:
        kernels.insert_keys(halves, first, n_blocks, keys)
    return first, halves


def joined(stretches: Iterable[tuple[int, NDArray[np.uint32]]]) -> Iterator[bytes]:
    """The bytes of a filter from its stretches in order; the block that two of them share is joined by OR."""
    held, at = np.zeros(0, np.uint32), 0  # the last block so far, and its number
    for first, halves in stretches:
        if len(held) and first == at:
            halves[:8] |= held
        else:
            yield _bytes(held)
        yield _bytes(halves[:-8])
        held, at = halves[-8:].copy(), first + len(halves) // 8 - 1
    yield _bytes(held)


def _bytes(halves: NDArray[np.uint32]) -> bytes:
    return halves.astype("<u4", copy=False).tobytes()


def blocks(folders: Sequence[Path], n_blocks: int) -> Iterator[bytes]:
    """A filter of `n_blocks` blocks, in pieces, of all fingerprints in some folders. Memory: a 256th of it, and of them."""
    assert n_blocks * BLOCK_BYTES > 0
    return joined(stretch(distinct(folders, number), number, n_blocks) for number in range(PARTITIONS))


def _file(folder: Path, number: int) -> Path:
    return folder / f"keys-{number:03d}"
