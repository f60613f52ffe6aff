"""How do batches become one immutable segment, in bounded memory?

Batches are appended in order. Text goes straight into the segment; postings go to 256 spill files by the top byte of their
fingerprint, and at the end each of these is sorted in memory, encoded and appended.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.bloom.filter import BloomFilter
from indexer.fingerprint.spec import SPEC
from indexer.segment import kernels
from indexer.segment.format import SectionWriter, disk_errors
from indexer.segment.prepare import Partitioned, Prepared
from indexer.segment.segment import COLUMNS, KIND

PARTITIONS = 256
POSTINGS_A_BUCKET = 40  # about 17 to 34 entries, two to four cache lines
CHANNELS = (SPEC.exact.name, SPEC.renamed.name)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The entries and lists of one partition; list offsets in the entries count from the partition's own lists."""

    entries: NDArray[np.uint64]
    lists: NDArray[np.uint8]
    buckets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Which document and repository a token belongs to, as kernels.count_repositories reads it."""

    first_tokens: NDArray[np.uint64]
    repositories: NDArray[np.int64]
    n_repositories: int
    hints: NDArray[np.int64]


class SegmentWriter:
    """Builds `path` and its filter. Use as a context manager: leaving it without `finish` removes what was begun."""

    def __init__(self, path: Path, filter_path: Path) -> None:
        self._filter_path = filter_path
        self._spill = Path(tempfile.mkdtemp(prefix="spill-", dir=path.parent))
        self._columns: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        self._postings = dict.fromkeys(CHANNELS, 0)
        self._row_blocks = 0
        self.documents = self.tokens = self.text_bytes = 0
        self._blocks = self._text_offset = self._rows_offset = 0
        with disk_errors(path):
            self._spills = {
                (channel, p): open(self._spill / f"{channel}-{p:03d}", "wb", buffering=1 << 15)  # noqa: SIM115 - closed in finish or __exit__
                for channel in CHANNELS
                for p in range(PARTITIONS)
            }
            self._rows = open(self._spill / "rows", "wb")  # noqa: SIM115
            self._out = SectionWriter(path, KIND)
        self._out.begin("text")
        self._finished = False

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (*self._spills.values(), self._rows):
            file.close()
        if not self._finished:
            self._out.abort()
        shutil.rmtree(self._spill, ignore_errors=True)

    def append(self, batch: Prepared) -> int:
        """Appends a batch; returns the number of its first document."""
        first = self.documents
        bases = {"doc.first_token": self.tokens, "block.first_token": self.tokens, "doc.block": self._blocks}
        for name, values in {**batch.columns, **batch.block_columns}.items():
            self._columns[name].append(values + values.dtype.type(bases[name]) if name in bases else values)
        self._append_frames("block.offset", batch.blocks, "_text_offset")
        self._append_frames("rows.offset", batch.row_blocks, "_rows_offset")
        self._columns["rows.first"].append(np.array(batch.row_first, "<u8") + np.uint64(first))
        with disk_errors(self._out.path):
            for block in batch.blocks:
                self._out.write(block)
            self._rows.writelines(batch.row_blocks)
            for channel in CHANNELS:
                self._spill_postings(channel, batch.channels[channel])
        self._blocks += len(batch.blocks)
        self.documents += batch.documents
        self.tokens += batch.tokens
        self.text_bytes += batch.text_bytes
        return first

    def _append_frames(self, column: str, frames: list[bytes], total: str) -> None:
        base = getattr(self, total)
        ends = base + np.cumsum([len(frame) for frame in frames], dtype=np.int64)
        self._columns[column].append(np.concatenate(([base], ends[:-1])).astype("<u8") if frames else np.zeros(0, "<u8"))
        setattr(self, total, int(ends[-1]) if frames else base)

    def _spill_postings(self, channel: str, postings: Partitioned) -> None:
        begin = 0
        for p, count in enumerate(postings.counts.tolist()):
            if count:
                pairs = np.empty((2, count), np.uint64)
                pairs[0] = postings.keys[begin : begin + count]
                pairs[1] = postings.positions[begin : begin + count] + np.uint64(self.tokens)
                file = self._spills[channel, p]
                file.write(np.uint64(count).tobytes())
                file.write(pairs.tobytes())
                begin += count
        self._postings[channel] += begin

    def finish(self, pool: Executor, progress: Callable[[float], None] | None = None) -> int:
        """Sorts and encodes the postings, writes every section and the filter; returns their bytes on disk."""
        self._rows.close()
        for file in self._spills.values():
            with disk_errors(self._out.path):
                file.close()
        self._out.begin("rows")
        with open(self._spill / "rows", "rb") as rows:
            while chunk := rows.read(1 << 20):
                self._out.write(chunk)
        places = self._places()
        counts: dict[str, Any] = {}
        for at, channel in enumerate(CHANNELS):
            counts[channel] = self._write_channel(channel, places, pool, lambda share, at=at: progress and progress((at + share) / 2))  # type: ignore[misc]
        self._write_columns()
        size = self._out.finish(
            {
                "spec": SPEC.name,
                "documents": self.documents,
                "tokens": self.tokens,
                "text_bytes": self.text_bytes,
                "repositories": places.n_repositories,
                "channels": counts,
            }
        )
        self._finished = True
        return size + self._write_filter(counts[SPEC.exact.name])

    def _places(self) -> Places:
        names = np.concatenate(self._columns["doc.repository"] or [np.zeros(0, np.uint64)])
        distinct, numbers = np.unique(names, return_inverse=True)
        first_tokens = np.concatenate(self._columns["doc.first_token"] or [np.zeros(0, np.uint64)])
        steps = np.arange(0, self.tokens + 1, 1 << kernels.HINT_SHIFT, dtype=np.uint64)
        hints = np.maximum(0, np.searchsorted(first_tokens, steps, "right") - 1)
        return Places(first_tokens, numbers.astype(np.int64), len(distinct), hints.astype(np.int64))

    def _write_columns(self) -> None:
        ends = {
            "doc.first_token": self.tokens,
            "block.first_token": self.tokens,
            "block.offset": self._text_offset,
            "rows.offset": self._rows_offset,
        }
        for name, dtype in COLUMNS.items():
            parts = self._columns[name]
            column = np.concatenate(parts) if parts else np.zeros(0, dtype)
            if name in ends:
                column = np.append(column, ends[name])
            self._out.add(name, column.astype(dtype, copy=False))
            if name == "doc.id":
                order = np.argsort(column, kind="stable")
                self._out.add("id.sorted", column[order].astype("<u8", copy=False))
                self._out.add("id.doc", order.astype("<u4"))

    def _write_channel(self, channel: str, places: Places, pool: Executor, progress: Callable[[float], object]) -> dict[str, int]:
        """Directory, entries and lists of one channel; partitions are sorted on all cores, appended in order."""
        enough = (2 * self.tokens).bit_length() - 16  # an entry's payload, 16 + bits wide, holds twice any position
        bits = min(32, max(8, enough, (self._postings[channel] // POSTINGS_A_BUCKET).bit_length()))
        buckets, lists = [], 0
        list_file = self._spill / f"{channel}-lists"
        self._out.begin(f"{channel}.entries")
        entries = 0
        with open(list_file, "wb") as list_out, disk_errors(self._out.path):
            for p, part in enumerate(_in_order(pool, lambda p: self._encode(channel, p, bits, places), PARTITIONS)):
                is_list = (part.entries & np.uint64(1)).astype(bool)
                part.entries[is_list] += np.uint64(lists << 1)
                self._out.write(part.entries)
                list_out.write(part.lists.tobytes())
                buckets.append(part.buckets)
                lists += len(part.lists)
                entries += len(part.entries)
                progress((p + 1) / PARTITIONS)
        self._out.begin(f"{channel}.lists")
        with open(list_file, "rb") as list_in:
            while chunk := list_in.read(1 << 20):
                self._out.write(chunk)
        directory = np.concatenate(([0], np.cumsum(np.concatenate(buckets))))
        self._out.add(f"{channel}.directory", directory.astype("<u4"))
        return {"bits": bits, "entries": entries, "postings": self._postings[channel]}

    def _encode(self, channel: str, p: int, bits: int, places: Places) -> Encoded:
        keys, positions = _read_pairs(self._spill / f"{channel}-{p:03d}")
        kernels.sort_pairs(keys, positions, np.empty_like(keys), np.empty_like(positions))
        per_partition = 1 << (bits - 8)
        entries, buckets = np.empty(len(keys), np.uint64), np.zeros(per_partition, np.int64)
        lists = np.empty(len(keys) * 12 + 16, np.uint8)
        stamps = np.zeros(places.n_repositories, np.int64)
        n, size = kernels.encode_partition(
            keys,
            positions,
            bits,
            p * per_partition,
            places.first_tokens,
            places.repositories,
            places.hints,
            stamps,
            entries,
            lists,
            buckets,
        )
        return Encoded(entries[:n], lists[:size], buckets)

    def _write_filter(self, exact: dict[str, int]) -> int:
        """The filter over the exact channel, from the entries just written."""
        from indexer.segment.segment import Segment  # noqa: PLC0415 - the reader is only needed here

        segment = Segment.open(self._out.path)
        return BloomFilter.build(self._filter_path, segment.fingerprints(SPEC.exact), exact["entries"], SPEC.name)


def _read_pairs(path: Path) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    words = np.fromfile(path, np.uint64)
    keys, positions, i = [], [], 0
    while i < len(words):
        count = int(words[i])
        keys.append(words[i + 1 : i + 1 + count])
        positions.append(words[i + 1 + count : i + 1 + 2 * count])
        i += 1 + 2 * count
    path.unlink()
    if not keys:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    return np.concatenate(keys), np.concatenate(positions)


def _in_order(pool: Executor, work: Callable[[int], Encoded], n: int, ahead: int = 4) -> Iterator[Encoded]:
    """work(0), work(1), ... on the pool, a few ahead of the consumer."""
    pending = [pool.submit(work, i) for i in range(min(ahead, n))]
    for i in range(n):
        yield pending.pop(0).result()
        if i + ahead < n:
            pending.append(pool.submit(work, i + ahead))
