"""Which repositories does an index hold, and how many live files of each? Tables, one an addition, folded into one list.

A repository may stand in several tables: its files add up, the newest row describes it, and what was removed is subtracted. Names
that differ by case alone are one repository.

Not here: pages of the list (`indexer.stores.local.search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from indexer.corpus import REPOSITORIES_SCHEMA
from indexer.disk import disk_errors, sync
from indexer.errors import IndexCorrupt
from indexer.segment.prepare import name_hash
from indexer.segment.segment import Segment
from indexer.stores.local.manifest import TableFile
from indexer.stores.local.sums import FileSum, SummedFile

_BATCH_ROWS = 64  # licence texts make rows large


def write_table(path: Path, batches: Iterable[pa.RecordBatch]) -> TableFile:
    """Writes rows of REPOSITORIES_SCHEMA; returns what the manifest says of the file. Raises OutOfSpace."""
    with disk_errors(path):
        with pq.ParquetWriter(path, REPOSITORIES_SCHEMA, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch.cast(REPOSITORIES_SCHEMA))
        sync(path)
    return TableFile(path.name, FileSum.of(path))


def counted(batches: Iterable[pa.RecordBatch], segments: Sequence[Segment]) -> Iterator[pa.RecordBatch]:
    """The rows of repositories that the segments have documents of, removed ones too, `files` saying how many."""
    each = [np.unique(segment.file.array("doc.repository", "<u8"), return_counts=True) for segment in segments]
    hashes, which = np.unique(np.concatenate([names for names, _ in each]), return_inverse=True)
    counts = np.zeros(len(hashes), np.int64)
    np.add.at(counts, which, np.concatenate([files for _, files in each]))
    for batch in batches:
        wanted = np.array([name_hash(name) for name in batch.column("repository").to_pylist()], np.uint64)
        at = np.minimum(np.searchsorted(hashes, wanted), max(0, len(hashes) - 1))
        files = np.where(hashes[at] == wanted, counts[at], 0) if len(hashes) else np.zeros(len(wanted), np.int64)
        _, first = np.unique(wanted, return_index=True)
        files[np.setdiff1d(np.arange(len(wanted)), first)] = 0
        if len(hashes):
            counts[at[files > 0]] = 0  # names that differ by case alone are counted once
        yield _with_files(batch, np.flatnonzero(files), files[files > 0])


def live_table(tables: Sequence[SummedFile], removed: Mapping[str, int], columns: Sequence[str]) -> pa.Table:
    """Some columns of the folded list, in no order; `columns` holds `repository` and `files`. Reads those columns whole.

    Raises IndexCorrupt.
    """
    table = pa.concat_tables([_read(table, columns) for table in tables]) if tables else REPOSITORIES_SCHEMA.empty_table().select(columns)
    rows, files = _fold(table, removed)
    return table.take(rows).set_column(list(columns).index("files"), "files", pa.array(files, pa.int64()))


def folded(tables: Sequence[SummedFile], removed: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
    """The whole rows of the folded list, in bounded memory, for a table that takes the place of these."""
    rows, files = _fold(pa.concat_tables([_read(each, ["repository", "files"]) for each in tables]), removed)
    order = np.argsort(rows)
    rows, files = rows[order], files[order]
    begin = 0
    for table in tables:
        with _readable(table) as buffer:
            for batch in pq.ParquetFile(pa.BufferReader(buffer)).iter_batches(batch_size=_BATCH_ROWS):
                first, last = np.searchsorted(rows, [begin, begin + batch.num_rows])
                yield _with_files(batch, rows[first:last] - begin, files[first:last])
                begin += batch.num_rows


def _read(table: SummedFile, columns: Sequence[str]) -> pa.Table:
    with _readable(table) as buffer:
        return pq.read_table(pa.BufferReader(buffer), columns=list(columns))


@contextmanager
def _readable(table: SummedFile) -> Iterator[pa.Buffer]:
    """A table's bytes; what Parquet cannot make of them becomes IndexCorrupt."""
    try:
        yield table.content()
    except (pa.ArrowException, OSError) as error:
        raise IndexCorrupt(f"{table.path}: not a table of repositories ({error}); rebuild the index with wherefrom index") from error


def _fold(table: pa.Table, removed: Mapping[str, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The last row of each repository that has live files, and how many."""
    keyed = pa.table(
        {
            "name": pc.utf8_lower(table["repository"]),
            "files": pc.fill_null(table["files"], 0),
            "row": pa.array(np.arange(table.num_rows), pa.int64()),
        }
    )
    groups = keyed.group_by("name").aggregate([("files", "sum"), ("row", "max")])
    rows, files = groups["row_max"].to_numpy(), groups["files_sum"].to_numpy().copy()
    at = pc.index_in(pc.utf8_lower(pa.array(list(removed), pa.string())), value_set=groups["name"].combine_chunks())
    for place, count in zip(at.to_pylist(), removed.values(), strict=True):
        if place is not None:
            files[place] -= count
    return rows[files > 0], files[files > 0]


def _with_files(batch: pa.RecordBatch, rows: NDArray[np.int64], files: NDArray[np.int64]) -> pa.RecordBatch:
    taken = batch.take(pa.array(rows, pa.int64()))
    return taken.set_column(batch.schema.get_field_index("files"), REPOSITORIES_SCHEMA.field("files"), pa.array(files, pa.int64()))
