"""Which files share a band? Records of (key, file) go to disk by the first bits of their key and are sorted piece by piece.

Memory does not depend on the number of files: a piece that is too large is cut again by further bits.

Not here: whether files that share a band are alike (`curation.near_duplicates.joining`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

PIECE_BYTES = 32_000_000
_RECORD_BYTES = 16  # key and node, 8 bytes each
_BITS = 6  # 64 files are written at a time
_DEEPEST = 64 // _BITS - 1
_READ_RECORDS = 1 << 17


@dataclass(frozen=True, slots=True)
class Buckets:
    """Nodes that share a key: bucket i is members[offsets[i]:offsets[i+1]], two or more nodes, ascending. Both int64."""

    members: NDArray[np.int64]
    offsets: NDArray[np.int64]


def chosen(buckets: Buckets, wanted: NDArray[np.bool_]) -> Buckets:
    """Those buckets that are wanted."""
    sizes = np.diff(buckets.offsets)
    return Buckets(buckets.members[np.repeat(wanted, sizes)], np.r_[0, np.cumsum(sizes[wanted])])


class BandRecords:
    """Records on disk, in 64 files by the leading bits of the key: `add` as often as needed, then `buckets` once."""

    def __init__(self, folder: Path, depth: int = 0) -> None:
        folder.mkdir()
        self._shift = np.uint64(64 - _BITS * (depth + 1))
        self._depth = depth
        self._paths = [folder / f"{i:02d}" for i in range(1 << _BITS)]
        self._open = ExitStack()
        self._files: list[BinaryIO] = [self._open.enter_context(path.open("wb")) for path in self._paths]

    def add(self, keys: NDArray[np.uint64], nodes: NDArray[np.int64]) -> None:
        """Takes records in: `keys` uint64 (n,) and `nodes` int64 (n,)."""
        digits = (keys >> self._shift) & np.uint64((1 << _BITS) - 1)
        order = np.argsort(digits, kind="stable")
        records = np.stack([keys[order], nodes[order].view(np.uint64)], axis=1)
        ends = np.searchsorted(digits[order], np.arange(1 << _BITS), "right")
        begin = 0
        for file, end in zip(self._files, ends, strict=True):
            if end > begin:
                file.write(records[begin:end].tobytes())
            begin = int(end)

    def buckets(self) -> Iterator[Buckets]:
        """All buckets, a piece at a time in the order of their keys; each file is gone once it has been read."""
        self._open.close()
        for path in self._paths:
            if path.stat().st_size <= PIECE_BYTES or self._depth == _DEEPEST:
                yield _buckets(np.fromfile(path, np.uint64).reshape(-1, 2))
            else:
                yield from self._cut(path)
            path.unlink()

    def _cut(self, path: Path) -> Iterator[Buckets]:
        folder = path.with_name(f"{path.name}.cut")
        with BandRecords(folder, self._depth + 1) as smaller, open(path, "rb") as file:
            while len(records := np.fromfile(file, np.uint64, 2 * _READ_RECORDS).reshape(-1, 2)):
                smaller.add(records[:, 0], records[:, 1].view(np.int64))
            path.write_bytes(b"")
            yield from smaller.buckets()
        folder.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()


def _buckets(records: NDArray[np.uint64]) -> Buckets:
    """Runs of equal keys among records of any order."""
    order = np.lexsort((records[:, 1], records[:, 0]))
    keys, nodes = records[order, 0], records[order, 1].view(np.int64)
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(keys)])
    shared = sizes > 1
    return Buckets(nodes[np.repeat(shared, sizes)], np.r_[0, np.cumsum(sizes[shared])].astype(np.int64))
