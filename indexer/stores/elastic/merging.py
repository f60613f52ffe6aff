"""How does an index in a cluster lose what was removed, on disk and in its filter? Each shard is merged, the filter made anew.

Readers go on meanwhile; a merge that was cut off is run again. A filter that was damaged is mended so as well.

Not here: the same in a folder (`indexer.merge`).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from elasticsearch import Elasticsearch

from indexer.bloom.spill import KeySpill
from indexer.errors import UnusableIndex
from indexer.merge import MergeReport
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic import repositories as repositories_beside
from indexer.stores.elastic.adding import undo
from indexer.stores.elastic.cluster import connect, errors_of
from indexer.stores.elastic.filter_making import gather, made_here, write_part
from indexer.stores.elastic.lock import changing
from indexer.stores.elastic.mapping import META, meta_of
from indexer.stores.elastic.questions import Generation
from indexer.stores.elastic.settings import place_of
from indexer.stores.local.removal import Progress

_SECONDS = 3600  # for one merge


def merge(location: str, *, progress: Progress | None = None) -> MergeReport:
    """Merges each shard's segments, and makes the filter anew where it has several parts, knows documents that are gone, or is damaged;
    what is so already stays (`merged_segments` is 0). Reads every text for a filter. An addition that was cut off is undone first.
    Raises UnusableIndex, IndexLocked, BackendUnavailable, OutOfSpace.
    """
    begun, place = time.monotonic(), place_of(location)
    client = connect(place)
    with errors_of(place), changing(client, place, "merging") as (found, lock):
        generation = undo(found)
        purged = generation.removed - _forgotten(generation)
        stale = purged > 0 or not _is_sound(generation)
        segments, before = _segments(client, generation.index), _size(client, generation.index)
        is_merged = not stale and segments <= _shards(client, generation.index)
        if not is_merged:
            if stale:
                _renew_filter(generation, progress)
            _merge_segments(client, generation.index)
            lock.check()
            meta = meta_of(client, generation.index)
            client.indices.put_mapping(index=generation.index, meta={META: meta | {"generation": meta["generation"] + 1}})
        meta = meta_of(client, generation.index)
        after = _size(client, generation.index)
    merged = 0 if is_merged else segments
    return MergeReport(meta["documents"], merged, max(0, purged), before, after, meta["generation"], time.monotonic() - begun)


def _forgotten(generation: Generation) -> int:
    """How many of the removed documents the filter knows no more."""
    try:
        return filter_pieces.manifest_of(generation.client, generation.place, generation.index).removed
    except UnusableIndex:
        return 0


def _is_sound(generation: Generation) -> bool:
    """Whether the filter is there in one part and every piece of it is what was written. Reads it."""
    try:
        manifest = filter_pieces.manifest_of(generation.client, generation.place, generation.index)
    except UnusableIndex:
        return False
    found = filter_pieces.problems(generation.client, generation.place, generation.index, manifest)
    return len(manifest.parts) == 1 and all(problem is None for _, problem in found)


def _renew_filter(generation: Generation, progress: Progress | None) -> None:
    read = 0

    def told(size: int) -> None:
        nonlocal read
        read += size
        if progress:
            progress(generation.info.documents, read, "making the filter anew")

    client, place, index = generation.client, generation.place, generation.index
    with tempfile.TemporaryDirectory(prefix="wherefrom-filter-") as scratch:
        gather(generation, KeySpill(Path(scratch)), told)
        part = write_part(client, place, index, made_here([Path(scratch)]))
    number, removed = generation.info.generation + 1, generation.removed
    manifest = filter_pieces.name_parts(client, place, index, [part], generation=number, removed=removed)
    filter_pieces.forget_others(client, place, index, manifest)


def _merge_segments(client: Elasticsearch, index: str) -> None:
    slow = client.options(request_timeout=_SECONDS)
    for each in (index, repositories_beside.beside(index), filter_pieces.beside(index)):
        slow.indices.forcemerge(index=each, max_num_segments=1)
        slow.indices.flush(index=each)
        slow.indices.refresh(index=each)


def _segments(client: Elasticsearch, index: str) -> int:
    return int(client.indices.stats(index=index, metric="segments")["_all"]["primaries"]["segments"]["count"])


def _shards(client: Elasticsearch, index: str) -> int:
    return int(client.indices.get_settings(index=index)[index]["settings"]["index"]["number_of_shards"])


def _size(client: Elasticsearch, index: str) -> int:
    """Of the documents, replicas not counted."""
    return int(client.indices.stats(index=index, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"])
