"""Where do postings wait until they can be sorted? In a few files on disk, each of some partitions that follow each other.

A partition is the postings whose fingerprints share a top byte. Each batch appends to a file a chunk of its partitions: of each
its keys, then its positions. How many there are stays in memory, 2 KB a batch. A partition is read back chunk by chunk, so that
memory holds a few partitions at a time: of 10 GB of text each is about 30 MB, and 100 MB while it is sorted and encoded.

Not here: sorting and encoding (`indexer.segment.writer`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.segment.build_kernels import PARTITIONS
from indexer.segment.prepare import Partitioned

FILES = 32  # of a channel: macOS lets a process open 256 files, tantivy and the sources need theirs
TOGETHER = PARTITIONS // FILES
_PAIR = 16  # bytes of a key and a position


class Spill:
    """The postings of one channel. `close` before reading; partitions may be read in several threads."""

    def __init__(self, folder: Path, channel: str) -> None:
        self._paths = [folder / f"{channel}-{number:02d}" for number in range(FILES)]
        self._counts: list[NDArray[np.int64]] = []  # of each batch, pairs a partition
        self._first_tokens: list[int] = []
        self._files = []
        self.postings = 0
        try:
            for path in self._paths:
                self._files.append(open(path, "wb", buffering=1 << 17))  # noqa: SIM115 - closed by close or abandon
        except BaseException:
            self.abandon()
            raise

    def append(self, postings: Partitioned, first_token: int) -> None:
        """Appends a batch, whose positions count from `first_token`."""
        ends = 2 * np.cumsum(postings.counts)[TOGETHER - 1 :: TOGETHER]
        for file, begin, end in zip(self._files, [0, *ends.tolist()], ends.tolist(), strict=False):
            file.write(postings.words[begin:end].data)
        self._counts.append(postings.counts)
        self._first_tokens.append(first_token)
        self.postings += int(postings.counts.sum())

    def close(self) -> None:
        """Everything is on its way to disk."""
        for file in self._files:
            file.close()

    def abandon(self) -> None:
        """Closes every file, whatever a full disk says to it."""
        for file in self._files:
            with suppress(OSError):
                file.close()

    def read(self, partition: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Keys and positions of a partition, in the order they came."""
        first = partition // TOGETHER * TOGETHER
        counts = np.array([batch[first : first + TOGETHER] for batch in self._counts], np.int64).reshape(-1, TOGETHER)
        inside = partition - first
        starts = _PAIR * (np.cumsum(counts.sum(1)) - counts[:, inside:].sum(1))
        total, begin = int(counts[:, inside].sum()), 0
        keys, positions = np.empty(total, np.uint64), np.empty(total, np.uint64)
        with open(self._paths[partition // TOGETHER], "rb", buffering=0) as file:
            for start, count, first_token in zip(starts.tolist(), counts[:, inside].tolist(), self._first_tokens, strict=True):
                here = slice(begin, begin + count)
                _fill(file.fileno(), keys[here], positions[here], start)
                positions[here] += np.uint64(first_token)
                begin += count
        return keys, positions

    def drop_to(self, partition: int) -> None:
        """Removes the files of partitions up to and with this one."""
        if partition % TOGETHER == TOGETHER - 1:
            self._paths[partition // TOGETHER].unlink()


def _fill(descriptor: int, keys: NDArray[np.uint64], positions: NDArray[np.uint64], start: int) -> None:
    """Reads keys and the positions behind them from byte `start` of a file that holds them."""
    wanted = _PAIR * len(keys)
    if wanted and os.preadv(descriptor, [keys.data, positions.data], start) != wanted:
        raise OSError(f"a spill file ends before byte {start + wanted}; something else has cut it")
