"""How do batches become one immutable segment, in bounded memory?

Batches are appended in order. Text goes straight into the segment; postings go to spill files, in 256 partitions by the top byte
of their fingerprint, and at the end each of these is sorted in memory, encoded and appended.

Not here: the spill files (`indexer.segment.spill`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from indexer.bloom.filter import BloomFilter
from indexer.disk import disk_errors
from indexer.fingerprint.spec import SPEC
from indexer.pages import PageWriter
from indexer.segment import build_kernels as kernels
from indexer.segment.build_kernels import PARTITIONS
from indexer.segment.prepare import Prepared
from indexer.segment.segment import COLUMNS, KIND
from indexer.segment.spill import Spill

POSTINGS_A_BUCKET = 54  # at most: 17 to 36 entries, two to four cache lines, as a third of the postings are repeats
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
        self._columns: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        self.documents = self.tokens = self.text_bytes = 0
        self._blocks = self._text_offset = self._rows_offset = 0
        with disk_errors(path), ExitStack() as begun:
            self._folder = Path(tempfile.mkdtemp(prefix="spill-", dir=path.parent))
            begun.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._spills: dict[str, Spill] = {}
            for channel in CHANNELS:
                self._spills[channel] = Spill(self._folder, channel)
                begun.callback(self._spills[channel].abandon)
            self._rows = open(self._folder / "rows", "wb")  # noqa: SIM115
            begun.callback(_close_anyhow, self._rows)
            self._out = begun.enter_context(PageWriter(path, KIND))
            self._begun = begun.pop_all()
        self._out.begin("text")

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._begun.close()

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
                self._spills[channel].append(batch.channels[channel], self.tokens)
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

    def finish(self, pool: Executor, progress: Callable[[float], None] | None = None) -> int:
        """Sorts and encodes the postings, writes every section and the filter; returns their bytes on disk."""
        with disk_errors(self._out.path):
            self._rows.close()
            for spill in self._spills.values():
                spill.close()
        self._out.begin("rows")
        with open(self._folder / "rows", "rb") as rows:
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
            self._out.add(name, column.astype(dtype, copy=False).data)
            if name == "doc.id":
                order = np.argsort(column, kind="stable")
                self._out.add("id.sorted", column[order].astype("<u8", copy=False).data)
                self._out.add("id.doc", order.astype("<u4").data)

    def _write_channel(self, channel: str, places: Places, pool: Executor, progress: Callable[[float], object]) -> dict[str, int]:
        """Directory, entries and lists of one channel; partitions are sorted on all cores, appended in order."""
        enough = (2 * self.tokens).bit_length() - 16  # an entry's payload, 16 + bits wide, holds twice any position
        spill = self._spills[channel]
        bits = min(32, max(8, enough, (spill.postings // POSTINGS_A_BUCKET).bit_length()))
        buckets, lists = [], 0
        list_file = self._folder / f"{channel}-lists"
        self._out.begin(f"{channel}.entries")
        entries = 0
        with disk_errors(self._out.path), open(list_file, "wb") as list_out:
            for p, part in enumerate(_in_order(pool, lambda p: _encode(spill, p, bits, places), PARTITIONS)):
                is_list = (part.entries & np.uint64(1)).astype(bool)
                part.entries[is_list] += np.uint64(lists << 1)
                self._out.write(part.entries.data)
                list_out.write(part.lists.data)
                buckets.append(part.buckets)
                lists += len(part.lists)
                entries += len(part.entries)
                spill.drop_to(p)
                progress((p + 1) / PARTITIONS)
        self._out.begin(f"{channel}.lists")
        with open(list_file, "rb") as list_in:
            while chunk := list_in.read(1 << 20):
                self._out.write(chunk)
        directory = np.concatenate(([0], np.cumsum(np.concatenate(buckets))))
        self._out.add(f"{channel}.directory", directory.astype("<u4").data)
        return {"bits": bits, "entries": entries, "postings": spill.postings}

    def _write_filter(self, exact: dict[str, int]) -> int:
        """The filter over the exact channel, from the entries just written."""
        from indexer.segment.segment import Segment  # noqa: PLC0415 - the reader is only needed here

        segment = Segment.open(self._out.path)
        return BloomFilter.build(self._filter_path, segment.fingerprints(SPEC.exact), exact["entries"], SPEC.name)


def _encode(spill: Spill, p: int, bits: int, places: Places) -> Encoded:
    keys, positions = spill.read(p)
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


def _in_order(pool: Executor, work: Callable[[int], Encoded], n: int, ahead: int = 4) -> Iterator[Encoded]:
    """work(0), work(1), ... on the pool, a few ahead of the consumer."""
    pending = [pool.submit(work, i) for i in range(min(ahead, n))]
    for i in range(n):
        yield pending.pop(0).result()
        if i + ahead < n:
            pending.append(pool.submit(work, i + ahead))


def _close_anyhow(file: BinaryIO) -> None:
    with suppress(OSError):  # a full disk: what waits in memory cannot be written either
        file.close()
