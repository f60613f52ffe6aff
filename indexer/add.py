"""How do more documents come into an index? As one more segment, visible with the next generation; many small ones are merged.

Not here: building anew (`indexer.build`), taking documents out (`indexer.stores.local.removal`), how a cluster takes them
(`indexer.stores.elastic.adding`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from indexer.build import Progress, silent, table_name, write_segments
from indexer.location import kind_of
from indexer.merge import merge_into, size_of, small_ones
from indexer.segment.segment import Segment
from indexer.stores.local.manifest import Manifest, folder_bytes, next_generation
from indexer.stores.local.repositories import counted, write_table


@dataclass(frozen=True, slots=True)
class AddReport:
    """What an addition did: new documents, those left out because the index had them, bytes of text added and of the index now,
    segments that were merged afterwards."""

    documents: int
    known: int
    text_bytes: int
    index_bytes: int
    merged_segments: int
    generation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Options:
    """How documents are added; `add_documents` says what each is."""

    repositories: Iterable[pa.RecordBatch] = ()
    version: str | None = None
    date: str | None = None
    merge_small: bool = True
    progress: Progress | None = None


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
    """Adds documents to an index in a folder or a cluster, which goes on answering; those that it holds (by `document_id`) are left out.

    `repositories` is read after the batches; version and date stay where none is given. With `merge_small` a ninth segment makes
    the small ones be merged, in a cluster the last of many parts of the filter. Where nothing is new nothing changes. Raises as
    Manifest.read does, IndexLocked, OutOfSpace, for a cluster also InputError, BackendUnavailable. Memory as in building; a kill at any
    moment leaves the generation before or after, in a cluster an addition that the same input goes on with.
    """
    options = Options(repositories, version, date, merge_small, progress)
    if kind_of(str(location)) == "elasticsearch":
        from indexer.stores.elastic.adding import add_to_cluster  # noqa: PLC0415 - its client is an extra

        return add_to_cluster(str(location), batches, options)
    return _add_to_folder(Path(location), batches, options)


def _add_to_folder(folder: Path, batches: Iterable[pa.RecordBatch], options: Options) -> AddReport:
    begun = time.monotonic()
    report = options.progress or silent
    with next_generation(folder) as old:
        segments = [Segment.open(folder / each.segment, folder / each.removed if each.removed else None) for each in old.segments]
        has_text = all(files.text for files in old.segments)
        written = write_segments(folder, old.info.generation + 1, has_text, batches, report, segments)
        new = [each for each in written if each.segment.documents]
        added = [each.segment for each in new]
        merged, current = 0, old
        if new:
            generation = new[-1].number
            table = write_table(folder / table_name(generation), counted(options.repositories, added))
            info = replace(
                old.info,
                version=options.version or old.info.version,
                date=options.date or old.info.date,
                generation=generation,
                documents=old.info.documents + sum(segment.live_documents for segment in added),
            )
            current = Manifest(info, (*old.segments, *(each.files for each in new)), (*old.repositories, table))
            current.write(folder)
            chosen = small_ones([size_of(segment) for segment in (*segments, *added)]) if options.merge_small else []
            if chosen:
                current = merge_into(folder, current, chosen, report)
                merged = len(chosen)
    repeated = sum(segment.documents - segment.live_documents for segment in added)
    return AddReport(
        documents=sum(segment.live_documents for segment in added),
        known=sum(each.known for each in written) + repeated,
        text_bytes=sum(segment.text_bytes for segment in added),
        index_bytes=folder_bytes(folder),
        merged_segments=merged,
        generation=current.info.generation,
        seconds=time.monotonic() - begun,
    )
