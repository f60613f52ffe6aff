"""Where do postings wait until they can be sorted? In a few files on disk, each of some partitions that follow each other.

A partition is the postings whose fingerprints share a top byte. Each batch appends to a file a chunk of its partitions: how many
postings each has, their keys, their positions. A partition is read back by seeking from chunk to chunk, so that memory holds a
few partitions at a time: of 10 GB of text each is about 30 MB, and 100 MB while it is sorted and encoded.

Not here: sorting and encoding (`indexer.segment.writer`).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.segment.prepare import Partitioned

PARTITIONS = 256
FILES = 32  # of a channel: macOS lets a process open 256 files, tantivy and the sources need theirs
TOGETHER = PARTITIONS // FILES
_WORD = 8


class Spill:
    """The postings of one channel. `close` before reading; partitions may be read in several threads."""

    def __init__(self, folder: Path, channel: str) -> None:
        self._paths = [folder / f"{channel}-{number:02d}" for number in range(FILES)]
        self._counts = np.zeros(PARTITIONS, np.int64)
        self._files = []
        try:
            for path in self._paths:
                self._files.append(open(path, "wb", buffering=1 << 17))  # noqa: SIM115 - closed by close or abandon
        except BaseException:
            self.abandon()
            raise

    @property
    def postings(self) -> int:
        """How many were appended."""
        return int(self._counts.sum())

    def append(self, postings: Partitioned, first_token: int) -> None:
        """Appends a batch, whose positions count from `first_token`."""
        ends = np.cumsum(postings.counts)
        positions = postings.positions + np.uint64(first_token)
        begin = 0
        for number, file in enumerate(self._files):
            here = slice(number * TOGETHER, (number + 1) * TOGETHER)
            end = int(ends[here.stop - 1])
            if end > begin:
                file.write(postings.counts[here].astype(np.int64).tobytes())
                file.write(postings.keys[begin:end].tobytes())
                file.write(positions[begin:end].tobytes())
            begin = end
        self._counts += postings.counts

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
        total, inside = int(self._counts[partition]), partition % TOGETHER
        keys, positions = np.empty(total, np.uint64), np.empty(total, np.uint64)
        begin = at = 0
        with open(self._paths[partition // TOGETHER], "rb") as file:
            while begin < total:
                file.seek(at)
                counts = np.frombuffer(file.read(TOGETHER * _WORD), np.int64)
                before, here, whole = int(counts[:inside].sum()), int(counts[inside]), int(counts.sum())
                at += TOGETHER * _WORD
                for column, out in enumerate((keys, positions)):
                    file.seek(at + (column * whole + before) * _WORD)
                    file.readinto(out[begin : begin + here].data)
                at += 2 * whole * _WORD
                begin += here
        return keys, positions

    def drop_to(self, partition: int) -> None:
        """Removes the files of partitions up to and with this one."""
        if partition % TOGETHER == TOGETHER - 1:
            self._paths[partition // TOGETHER].unlink()
