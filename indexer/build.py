"""How does a stream of documents become an index? In bounded memory, on all cores, visible only when it is complete.

Not here: where documents come from (`curation`), the bytes (`indexer.segment`).
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from indexer.answers import IndexInfo
from indexer.corpus import conform
from indexer.errors import IndexNotFound, UnusableIndex
from indexer.fingerprint.spec import SPEC
from indexer.segment.known import repeats, without_known
from indexer.segment.prepare import Prepared, prepare
from indexer.segment.segment import Segment
from indexer.segment.writer import SegmentWriter
from indexer.stores.local.fulltext import Columns, FullTextWriter
from indexer.stores.local.manifest import Manifest, SegmentFiles, check_ours, folder_bytes, remove_leftovers, write_lock
from indexer.stores.local.removal import bury
from indexer.stores.local.repositories import counted, write_table

BATCH_BYTES = 8 << 20
BATCH_ROWS = 2048
_AT_WORK_BYTES = 24 << 20  # of text, by all cores together; what is worked out of it takes about fifteen times as much
SEGMENT_BYTES = 4 << 30  # of text: sorting a channel's postings takes some 125 MB then, the filter as much
SEGMENT_DOCUMENTS = 1 << 21  # about 100 bytes each are held
Progress = Callable[[int, int, str], None]
Known = Sequence[Segment]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made: live documents, bytes of text that was read for them and of the index, seconds it took."""

    documents: int
    text_bytes: int
    index_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Written:
    """A segment that no manifest names yet, of generation `number`; `known`: how many documents were left out because others hold them."""

    number: int
    files: SegmentFiles
    segment: Segment
    known: int


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

    `repositories` is read after the batches. `progress(documents, bytes, stage)`. Raises InputError for a folder of anything else,
    IndexLocked, OutOfSpace. Memory: 1.1 GB at 2 GB of text, 1.4 with full text, little more at any size, which becomes a segment for each
    SEGMENT_BYTES; a kill at any moment leaves the previous generation, the next build removes the rest.
    """
    begun = time.monotonic()
    folder = Path(location)
    report = progress or silent
    check_ours(folder)
    with write_lock(folder):
        keep, generation = _standing(folder)
        remove_leftovers(folder, keep)
        try:
            written = write_segments(folder, generation, full_text, batches, report)
            written = [each for each in written if each.segment.documents] or written[:1]  # of repeats alone nothing is left
            generation, segments = written[-1].number, [each.segment for each in written]
            table = write_table(folder / table_name(generation), counted(repositories, segments))
            info = IndexInfo(name, version, date, generation, SPEC.name, sum(segment.live_documents for segment in segments))
            manifest = Manifest(info, tuple(each.files for each in written), (table,))
            manifest.write(folder)
        except BaseException:
            remove_leftovers(folder, keep)
            raise
        remove_leftovers(folder, manifest.names())
    text_bytes = sum(segment.text_bytes for segment in segments)
    return BuildReport(info.documents, text_bytes, folder_bytes(folder), time.monotonic() - begun)


def silent(documents: int, size: int, stage: str) -> None:
    """The progress of those who do not want to know."""


def segment_files(generation: int, full_text: bool) -> SegmentFiles:
    """The names of the files of a segment that a generation begins with."""
    number = f"{generation:06d}"
    return SegmentFiles(f"segment-{number}", f"segment-{number}.filter", f"text-{number}" if full_text else None)


def table_name(generation: int) -> str:
    """The name of the table of repositories that a generation begins with."""
    return f"repositories-{generation:06d}.parquet"


def _standing(folder: Path) -> tuple[set[str], int]:
    """The names to keep until the new generation stands, and its number. What cannot be read is kept: it may be of a later version."""
    try:
        old = Manifest.read(folder)
    except IndexNotFound:
        return set(), 1
    except UnusableIndex:
        return {path.name for path in folder.iterdir()}, 1 + max(map(_generation_of, folder.iterdir()), default=0)
    return old.names(), old.info.generation + 1


def _generation_of(path: Path) -> int:
    return max(map(int, re.findall(r"-([0-9]{6,})", path.name)), default=0)


def write_segments(
    folder: Path, number: int, full_text: bool, batches: Iterable[pa.RecordBatch], report: Progress, new_to: Known = ()
) -> list[Written]:
    """Writes what the batches hold and the segments `new_to` do not, of a document twice in them the first: one segment, empty if need
    be, or one for each SEGMENT_BYTES and SEGMENT_DOCUMENTS. They count as generations from `number` on.

    Nothing names the files yet: the caller commits them as a generation not before the last one's number.
    """
    stream = _sized(batches, _batch_bytes(os.cpu_count() or 1))
    first = next(stream, None)
    written: list[Written] = []
    while first is not None or not written:
        before = [each.segment for each in written]
        files = segment_files(number + len(written), full_text)
        share = _share(first, stream) if first is not None else iter(())
        segment, files, known = _write_segment(folder, files, share, _further(report, before), [*new_to, *before])
        written.append(Written(number + len(written), files, segment, known))
        first = next(stream, None)
    return written


def _further(report: Progress, before: Known) -> Progress:
    """Progress within a segment as progress in all, after the segments before."""
    documents, size = sum(segment.documents for segment in before), sum(segment.text_bytes for segment in before)
    return lambda more, more_bytes, stage: report(documents + more, size + more_bytes, stage)


def _share(first: pa.RecordBatch, stream: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batch, and those after it that fit into a segment."""
    size, documents = first.nbytes, first.num_rows
    yield first
    while size < SEGMENT_BYTES and documents < SEGMENT_DOCUMENTS:
        batch = next(stream, None)
        if batch is None:
            return
        yield batch
        size, documents = size + batch.nbytes, documents + batch.num_rows


def _batch_bytes(cores: int) -> int:
    """So that what is worked on at one time does not grow with the cores."""
    return min(BATCH_BYTES, max(1 << 20, _AT_WORK_BYTES // (cores + 1)))


def _write_segment(
    folder: Path, files: SegmentFiles, batches: Iterator[pa.RecordBatch], report: Progress, new_to: Known
) -> tuple[Segment, SegmentFiles, int]:
    """One segment of all the batches, its files, and how many documents were left out."""
    cores = os.cpu_count() or 1
    known = 0
    with (
        ThreadPoolExecutor(cores) as pool,
        SegmentWriter(folder / files.segment, folder / files.filter) as writer,
    ):
        text = FullTextWriter.create(folder / files.text, cores=cores) if files.text else None
        for batch, left_out in _prepared(pool, batches, cores + 1, text is not None, new_to):
            known += left_out
            if batch is None:
                continue
            first = writer.append(batch)
            if text is not None and batch.words is not None:
                text.add_batch(range(first, first + batch.documents), batch.words, _columns(batch.rows))
            report(writer.documents, writer.text_bytes, "reading")
        if text is not None:
            report(writer.documents, writer.text_bytes, "full text")
            text.finish()
        writer.finish(pool, lambda share: report(writer.documents, writer.text_bytes, f"sorting postings {share:.0%}"))
    segment = Segment.open(folder / files.segment)
    repeated = repeats(segment)
    if len(repeated):
        files = bury(folder, files, segment, repeated, files.segment.removeprefix("segment-"))
        segment = Segment.open(folder / files.segment, folder / str(files.removed))
    return segment, files, known


def _sized(batches: Iterable[pa.RecordBatch], most_bytes: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at most `most_bytes` of content (a larger document stands alone) and BATCH_ROWS, none empty."""
    for whole in batches:
        batch = conform(whole)
        if batch.num_rows and batch.nbytes <= most_bytes and batch.num_rows <= BATCH_ROWS:
            yield batch
            continue
        sizes = pc.binary_length(batch.column("content")).fill_null(0).to_pylist()
        begin, total = 0, 0
        for i, size in enumerate(sizes):
            if i > begin and (total + size > most_bytes or i - begin >= BATCH_ROWS):
                yield batch.slice(begin, i - begin)
                begin, total = i, 0
            total += size
        if begin < len(sizes):
            yield batch.slice(begin)


def _prepared(
    pool: Executor, batches: Iterable[pa.RecordBatch], ahead: int, full_text: bool, known: Known
) -> Iterator[tuple[Prepared | None, int]]:
    """The batches prepared on the pool, in order, a few ahead of the consumer, None where nothing of one is left; with each how many
    documents were left out."""
    pending: deque[Future[tuple[Prepared | None, int]]] = deque()

    def work(batch: pa.RecordBatch) -> tuple[Prepared | None, int]:
        fresh = without_known(batch, known) if known else batch
        return prepare(fresh, full_text=full_text) if fresh.num_rows else None, batch.num_rows - fresh.num_rows

    for batch in batches:
        pending.append(pool.submit(work, batch))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _columns(rows: list[dict[str, Any]]) -> Columns:
    return Columns(*([row[name] for row in rows] for name in ("language", "licenses", "repository", "owner", "path")))
