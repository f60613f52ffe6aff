"""How does a stream of documents become an index? In bounded memory, on all cores, visible only when it is complete.

Not here: where documents come from (`curation`), the bytes (`indexer.segment`).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from indexer.answers import IndexInfo
from indexer.corpus import REPOSITORIES_SCHEMA, conform
from indexer.errors import UnusableIndex
from indexer.fingerprint.spec import SPEC
from indexer.segment.format import disk_errors
from indexer.segment.prepare import Prepared, prepare
from indexer.segment.writer import SegmentWriter
from indexer.stores.local.fulltext import Columns, FullTextWriter
from indexer.stores.local.manifest import Manifest, SegmentFiles, remove_leftovers, write_lock

BATCH_BYTES = 8 << 20
BATCH_ROWS = 2048
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made: documents, bytes of their text and of the index, seconds it took."""

    documents: int
    text_bytes: int
    index_bytes: int
    seconds: float


def build_index(
    location: str | Path,
    batches: Iterable[pa.RecordBatch],
    *,
    repositories: Iterable[pa.RecordBatch] = (),
    name: str,
    version: str,
    date: str,
    full_text: bool = True,
    progress: Progress | None = None,
) -> BuildReport:
    """Builds an index of all `batches` at a folder; an index that stands there goes on answering until the new one replaces it.

    `repositories` is read after the batches. `progress(documents, bytes, stage)`. Raises IndexLocked, OutOfSpace. Memory: some
    100 MB a core and the filter's size; a kill at any moment leaves the previous generation, the next build removes the rest.
    """
    begun = time.monotonic()
    folder = Path(location)
    report = progress or (lambda documents, size, stage: None)
    with write_lock(folder):
        old = _previous(folder)
        remove_leftovers(folder, old.names() if old else set())
        generation = old.info.generation + 1 if old else 1
        files = SegmentFiles(
            f"segment-{generation:06d}", f"segment-{generation:06d}.filter", f"text-{generation:06d}" if full_text else None
        )
        table = f"repositories-{generation:06d}.parquet"
        try:
            documents, text_bytes = _write_segment(folder, files, batches, report)
            _write_repositories(folder / table, repositories)
            info = IndexInfo(name, version, date, generation, SPEC.name, documents)
            manifest = Manifest(info, (files,), (table,))
            manifest.write(folder)
        except BaseException:
            remove_leftovers(folder, old.names() if old else set())
            raise
        remove_leftovers(folder, manifest.names())
    return BuildReport(documents, text_bytes, folder_bytes(folder), time.monotonic() - begun)


def _previous(folder: Path) -> Manifest | None:
    try:
        return Manifest.read(folder)
    except UnusableIndex:
        return None


def _write_segment(folder: Path, files: SegmentFiles, batches: Iterable[pa.RecordBatch], report: Progress) -> tuple[int, int]:
    cores = os.cpu_count() or 1
    with (
        ThreadPoolExecutor(cores) as pool,
        SegmentWriter(folder / files.segment, folder / files.filter) as writer,
    ):
        text = FullTextWriter.create(folder / files.text, threads=cores) if files.text else None
        for batch in _prepared(pool, _sized(batches), cores + 1, text is not None):
            first = writer.append(batch)
            if text is not None and batch.words is not None:
                text.add_batch(range(first, first + batch.documents), batch.words, _columns(batch.rows))
            report(writer.documents, writer.text_bytes, "reading")
        if text is not None:
            report(writer.documents, writer.text_bytes, "full text")
            text.finish()
        writer.finish(pool, lambda share: report(writer.documents, writer.text_bytes, f"sorting postings {share:.0%}"))
        return writer.documents, writer.text_bytes


def _sized(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at most BATCH_BYTES of content (a larger document stands alone) and BATCH_ROWS."""
    for whole in batches:
        batch = conform(whole)
        if batch.num_rows and batch.nbytes <= BATCH_BYTES and batch.num_rows <= BATCH_ROWS:
            yield batch
            continue
        sizes = pc.binary_length(batch.column("content")).fill_null(0).to_pylist()
        begin, total = 0, 0
        for i, size in enumerate(sizes):
            if i > begin and (total + size > BATCH_BYTES or i - begin >= BATCH_ROWS):
                yield batch.slice(begin, i - begin)
                begin, total = i, 0
            total += size
        if begin < len(sizes):
            yield batch.slice(begin)


def _prepared(pool: Executor, batches: Iterable[pa.RecordBatch], ahead: int, full_text: bool) -> Iterator[Prepared]:
    """The batches prepared on the pool, in order, a few ahead of the consumer."""
    pending: deque[Future[Prepared]] = deque()
    for batch in batches:
        pending.append(pool.submit(prepare, batch, full_text=full_text))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _columns(rows: list[dict[str, Any]]) -> Columns:
    return Columns(*([row[name] for row in rows] for name in ("language", "licenses", "repository", "owner", "path")))


def _write_repositories(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    with disk_errors(path), pq.ParquetWriter(path, REPOSITORIES_SCHEMA, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(REPOSITORIES_SCHEMA))


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
