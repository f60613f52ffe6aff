"""How do many segments become one, without what was removed? Their live documents pass through the builder once more.

A segment holds at most SEGMENT_BYTES of text: those that are half full stay as they are, and of much text several are made.

That rewrites postings, filter, documents and full text alike, with nothing to keep in step. Readers go on with the files that they
have open; the lock keeps other writers out.

Not here: the builder (`indexer.build`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.build import BATCH_BYTES, BATCH_ROWS, SEGMENT_BYTES, SEGMENT_DOCUMENTS, Progress, silent, table_name, write_segments
from indexer.corpus import FILES_SCHEMA
from indexer.segment.segment import Segment
from indexer.stores.local.manifest import Manifest, folder_bytes, next_generation
from indexer.stores.local.repositories import folded, write_table
from indexer.stores.local.snapshot import Snapshot

MOST_SEGMENTS = 8
ALIKE = 2  # a segment is merged with smaller ones while it is at most this many times as large as all of them


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did: live documents, segments that were rewritten, documents that are gone, bytes of the index before and after."""

    documents: int
    merged_segments: int
    purged_documents: int
    index_bytes_before: int
    index_bytes: int
    generation: int
    seconds: float


def merge(location: str | Path, *, progress: Progress | None = None) -> MergeReport:
    """Makes one segment of all that are not full, without removed documents; what is so already stays (`merged_segments` is 0).

    Needs as much room again as the index takes, until it is done. Raises as Manifest.read does, IndexLocked, OutOfSpace. Memory
    and safety as in building.
    """
    begun = time.monotonic()
    folder = Path(location)
    with next_generation(folder) as old:
        before = folder_bytes(folder)
        segments = Snapshot.open(folder).segments
        purged = sum(segment.documents - segment.live_documents for segment in segments)
        chosen = [i for i, one in enumerate(segments) if one.documents > one.live_documents or not _is_full(size_of(one))]
        is_merged = len(chosen) < 2 and not purged
        current = old if is_merged else merge_into(folder, old, chosen, progress or silent)
    return MergeReport(
        documents=current.info.documents,
        merged_segments=0 if is_merged else len(chosen),
        purged_documents=purged,
        index_bytes_before=before,
        index_bytes=folder_bytes(folder),
        generation=current.info.generation,
        seconds=time.monotonic() - begun,
    )


def small_ones(sizes: Sequence[int]) -> list[int]:
    """Which segments to merge, by number: none up to MOST_SEGMENTS that are not full; else the smallest, and larger ones while they
    are ALIKE.

    So each document is rewritten a number of times that grows with the logarithm of the index. [900, 3, 1, 1, 1, 1, 1, 1, 1] -> 1..8
    """
    order = sorted((i for i, size in enumerate(sizes) if not _is_full(size)), key=lambda i: sizes[i])
    if len(order) <= MOST_SEGMENTS:
        return []
    chosen, total = order[:2], sizes[order[0]] + sizes[order[1]]
    for i in order[2:]:
        if sizes[i] > ALIKE * total:
            break
        chosen.append(i)
        total += sizes[i]
    return sorted(chosen)


def size_of(segment: Segment) -> int:
    """Bytes of its text, or what it takes of SEGMENT_BYTES by its documents, where they are small."""
    return max(segment.text_bytes, segment.documents * (SEGMENT_BYTES // SEGMENT_DOCUMENTS))


def _is_full(size: int) -> bool:
    return size > SEGMENT_BYTES // 2


def merge_into(folder: Path, current: Manifest, chosen: Sequence[int], report: Progress) -> Manifest:
    """Commits a generation in which some segments of an index, by number, have become one, or a few, in the place of the first.

    Call it with the lock held. The tables of repositories become one, too: what the tombstones of merged segments subtract is gone.
    """
    snapshot = Snapshot.open(folder)
    merged = [snapshot.segments[i] for i in chosen]
    has_text = all(files.text for files in current.segments)
    batches = (batch for segment in merged for batch in live_batches(segment))
    written = write_segments(folder, current.info.generation + 1, has_text, batches, report)
    generation = written[-1].number
    buried = snapshot.removed_repositories(merged)
    table = write_table(folder / table_name(generation), folded(snapshot.tables, buried))
    first, others = chosen[0], set(chosen)
    before = [files for i, files in enumerate(current.segments) if i < first]
    after = [files for i, files in enumerate(current.segments) if i > first and i not in others]
    segments = (*before, *(each.files for each in written), *after)
    manifest = Manifest(replace(current.info, generation=generation), segments, (table,))
    manifest.write(folder)
    return manifest


def live_batches(segment: Segment) -> Iterator[pa.RecordBatch]:
    """The live documents of a segment as record batches of FILES_SCHEMA, in their order, about BATCH_BYTES each."""
    docs = segment.live()
    sizes = np.cumsum(segment.values("doc.size", docs)).astype(np.int64)
    begin = 0
    while begin < len(docs):
        before = int(sizes[begin - 1]) if begin else 0
        end = max(begin + 1, min(begin + BATCH_ROWS, int(np.searchsorted(sizes, before + BATCH_BYTES))))
        yield _batch(segment, docs[begin:end])
        begin = end


def _batch(segment: Segment, docs: NDArray[np.int64]) -> pa.RecordBatch:
    rows = [_row(segment.row(doc)) for doc in docs.tolist()]
    contents = [segment.content(doc) for doc in docs.tolist()]
    columns = pa.RecordBatch.from_pylist(rows, schema=FILES_SCHEMA.remove(FILES_SCHEMA.get_field_index("content")))
    at = FILES_SCHEMA.get_field_index("content")
    return columns.add_column(at, FILES_SCHEMA.field("content"), pa.array(contents, pa.large_binary()).view(pa.large_string()))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    first_seen = row["first_seen"]
    return row | {"first_seen": datetime.fromisoformat(first_seen) if first_seen else None}
