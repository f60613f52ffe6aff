"""How do more documents come into an index? As one more segment, visible with the next generation; many small ones are merged.

Not here: building anew (`indexer.build`), taking documents out (`indexer.stores.local.removal`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from indexer.build import Progress, segment_files, silent, table_name, write_segment
from indexer.merge import merge_into, small_ones
from indexer.segment.segment import Segment
from indexer.stores.local.manifest import Manifest, folder_bytes, next_generation
from indexer.stores.local.repositories import counted, write_table


@dataclass(frozen=True, slots=True)
class AddReport:
    """What an addition did: new documents, those left out because the index had them, bytes of their text and of the index now,
    segments that were merged afterwards."""

    documents: int
    known: int
    text_bytes: int
    index_bytes: int
    merged_segments: int
    generation: int
    seconds: float


def add_documents(
    location: str | Path,
    batches: Iterable[pa.RecordBatch],
    *,
    repositories: Iterable[pa.RecordBatch] = (),
    version: str | None = None,
    date: str | None = None,
    merge_small: bool = True,
    progress: Progress | None = None,
) -> AddReport:
    """Adds documents to an index, which goes on answering; those that it holds (by `document_id`) are left out.

    `repositories` is read after the batches; version and date stay where none is given. With `merge_small` a ninth segment makes
    the small ones be merged. Where nothing is new nothing changes. Raises as Manifest.read does, IndexLocked, OutOfSpace. Memory as
    in building; a kill at any moment leaves the generation before or after.
    """
    begun = time.monotonic()
    folder = Path(location)
    report = progress or silent
    with next_generation(folder) as old:
        segments = [Segment.open(folder / each.segment, folder / each.removed if each.removed else None) for each in old.segments]
        generation = old.info.generation + 1
        has_text = all(files.text for files in old.segments)
        written = write_segment(folder, segment_files(generation, has_text), batches, report, segments)
        merged, current = 0, old
        if written.segment.documents:
            table = write_table(folder / table_name(generation), counted(repositories, written.segment))
            info = replace(
                old.info,
                version=version or old.info.version,
                date=date or old.info.date,
                generation=generation,
                documents=old.info.documents + written.segment.live_documents,
            )
            current = Manifest(info, (*old.segments, written.files), (*old.repositories, table))
            current.write(folder)
            chosen = small_ones([segment.text_bytes for segment in (*segments, written.segment)]) if merge_small else []
            if chosen:
                current = merge_into(folder, current, chosen, report)
                merged = len(chosen)
    seconds = time.monotonic() - begun
    segment = written.segment
    repeated = segment.documents - segment.live_documents
    return AddReport(
        segment.live_documents, written.known + repeated, segment.text_bytes, folder_bytes(folder), merged, current.info.generation, seconds
    )
