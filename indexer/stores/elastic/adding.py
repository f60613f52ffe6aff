"""How do more documents come into an index in a cluster? Into the generation that stands, behind its last number.

They are not refreshed until all are there, so that readers find them all at about one moment; then the filter gets a part, repositories
are counted anew, and the description, with a generation more, tells readers that follow. A note in it says since which number an
addition is under way: one that was killed, or that the cluster could not take to its end, goes on when it is run again, and is undone by
whatever else changes the index. Until then some of its documents may be found.

Not here: the same in a folder (`indexer.add`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from indexer.add import AddReport, Options
from indexer.bloom.spill import KeySpill
from indexer.corpus import conform
from indexer.errors import IndexLocked, IndexNotFound, UnusableIndex, WherefromError
from indexer.segment.prepare import rows_of, text_of
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic import repositories as repositories_beside
from indexer.stores.elastic.bulk import every_id, load
from indexer.stores.elastic.cluster import connect, errors_of, search_many, versions_of
from indexer.stores.elastic.filter_making import gather, kept_parts, made_here, write_part
from indexer.stores.elastic.index import current
from indexer.stores.elastic.lock import changing
from indexer.stores.elastic.mapping import META, meta_of
from indexer.stores.elastic.questions import Generation
from indexer.stores.elastic.settings import place_of
from indexer.stores.elastic.unfinished import KEPT_FOR, Loaded
from indexer.stores.elastic.writer import BATCH_ROWS, FIRST_WINS, Counts, Progress, count_batch, documents_of

_NOTE = "adding"  # in an index's description, while documents are added
_SECONDS = 600  # for a refresh
# On disk: versions of documents of an addition are above those of all before it, and of what was removed of them
_STEP = 40  # bits: an index has fewer documents
_UNDER_WAY = 1 << 16  # documents, more than there can be in bulks that the cluster has not taken yet
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Addition:
    """An addition of documents numbered from `first` on, which becomes a `generation`; `loaded` is what there is of it already."""

    generation: Generation
    first: int
    number: int
    loaded: Loaded

    @classmethod
    def begin(cls, generation: Generation) -> _Addition:
        """Notes that it is under way, or finds it so."""
        client, place, index = generation.client, generation.place, generation.index
        loaded, meta = Loaded.of(client, place, index), meta_of(client, index)
        note = meta.get(_NOTE)
        if note is None:
            note = {"first": loaded.end, "generation": meta["generation"] + 1}
            client.indices.put_mapping(index=index, meta={META: meta | {_NOTE: note}})
        client.indices.put_settings(index=index, settings={"refresh_interval": "-1"})
        return cls(generation, note["first"], note["generation"], loaded)

    def version(self, number: int) -> int:
        """Of a document: higher than those of earlier additions; of two of this one, the first has the higher."""
        return FIRST_WINS + (self.number << _STEP) - number

    def sort_out(self, first: int, rows: Sequence[Json], sent: dict[str, None]) -> tuple[list[int], list[int]]:
        """Which rows, numbered from `first` on, are to be sent, and which are there since this addition began, or among those `sent`
        last; others were before. Nothing is sent twice: what a second one replaces would stay in the dictionaries."""
        generation, ids = self.generation, [row["document_id"] for row in rows]
        found = versions_of(generation.client, generation.place, generation.index, ids)
        added = self.version(0) - (1 << _STEP)  # versions of this addition are above it
        wanted, there = [], []
        for i, name in enumerate(ids):
            if name not in found and name not in sent:
                wanted.append(i)
                sent[name] = None
            elif found.get(name, added + 1) > added:
                there.append(i)
        while len(sent) > _UNDER_WAY:
            del sent[next(iter(sent))]
        return wanted, there


def add_to_cluster(location: str, batches: Iterable[pa.RecordBatch], options: Options) -> AddReport:
    """What `indexer.add.add_documents` says, where the index is in a cluster. Raises InputError, UnusableIndex, IndexLocked,
    BackendUnavailable, OutOfSpace.

    After a kill or one of the latter two the same input goes on where it was, another one raises InputChanged, and once more starts clean.
    """
    begun, place = time.monotonic(), place_of(location)
    client = connect(place)
    with errors_of(place), changing(client, place, "adding") as (generation, lock):
        addition = _Addition.begin(generation)
        try:
            with tempfile.TemporaryDirectory(prefix="wherefrom-filter-") as scratch:
                counts = Counts(KeySpill(Path(scratch)), rows=addition.first)
                _load(addition, batches, counts, options.progress)
                lock.check()
                added = _found_now(addition)
                files = _write_beside(addition, Path(scratch), options.repositories, options.merge_small) if added else {}
            lock.check()
            meta = _describe(addition, counts, files, options.version, options.date)
        except (*KEPT_FOR, IndexLocked, IndexNotFound):  # what is there may be another writer's
            raise
        except WherefromError:
            undo(generation)
            raise
        size = int(client.indices.stats(index=generation.index, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"])
    known = counts.rows - addition.first - added
    return AddReport(added, known, counts.text_bytes if added else 0, size, 0, meta["generation"], time.monotonic() - begun)


def _load(addition: _Addition, batches: Iterable[pa.RecordBatch], counts: Counts, progress: Progress | None) -> None:
    generation = addition.generation

    def done(_: int) -> None:
        if progress:
            progress(counts.rows - addition.first, counts.text_bytes, "loading")

    load(generation.client, generation.index, generation.place, _documents(addition, batches, counts, progress), done)
    addition.loaded.check_end(counts.rows)
    counts.keys.flush()


def _documents(addition: _Addition, batches: Iterable[pa.RecordBatch], counts: Counts, progress: Progress | None) -> Iterator[Json]:
    """The documents to send; those that a run before this one sent are counted with them."""
    sent: dict[str, None] = {}
    for whole in batches:
        for begin in range(0, whole.num_rows, BATCH_ROWS):
            batch, first = conform(whole.slice(begin, BATCH_ROWS)), counts.rows
            counts.rows += batch.num_rows
            rows = rows_of(batch, *text_of(batch.column("content")))
            addition.loaded.has(first, rows)  # or this is another input
            wanted, there = addition.sort_out(first, rows, sent)
            if there:
                count_batch(batch.take(pa.array(there)), counts)
            if not wanted:
                if progress:
                    progress(counts.rows - addition.first, counts.text_bytes, "finding what is there")
                continue
            for i, document in zip(wanted, documents_of(batch.take(pa.array(wanted)), counts), strict=True):
                yield document | {"number": first + i, "version": addition.version(first + i), "version_type": "external"}


def _found_now(addition: _Addition) -> int:
    """Lets readers find what was loaded; how many documents that is."""
    generation = addition.generation
    generation.client.options(request_timeout=_SECONDS).indices.refresh(index=generation.index)
    counting = {"size": 0, "track_total_hits": True, "query": {"range": {"number": {"gte": addition.first}}}}
    (answer,) = search_many(generation.client, generation.place, generation.index, [counting])
    return int(answer["hits"]["total"]["value"])


def _write_beside(addition: _Addition, scratch: Path, repositories: Iterable[pa.RecordBatch], merge_small: bool) -> dict[int, int]:
    """Filter and repositories with what was added; how many documents of each repository there are."""
    generation, index = addition.generation, addition.generation.index
    _write_filter(addition, scratch, merge_small)
    files = repositories_beside.files_of_each(generation.client, generation.place, index)
    repositories_beside.add(generation.client, generation.place, index, repositories, files, addition.first)
    return files


def _describe(addition: _Addition, counts: Counts, files: dict[int, int], version: str | None, date: str | None) -> Json:
    """The description without the note, and of a generation more where there are `files`."""
    client, place, index = addition.generation.client, addition.generation.place, addition.generation.index
    if current(place, client).index != index:
        raise IndexNotFound(f"{place.location}: {index} was replaced while documents were added to it; run the same command again")
    meta = {name: value for name, value in meta_of(client, index).items() if name != _NOTE}
    if files:
        meta |= {name: meta[name] + getattr(counts, name) for name in ("text_bytes", "tokens", "fingerprints")}
        meta |= {"documents": sum(files.values()), "repositories": len(files), "version": version or meta["version"]}
        meta |= {"date": date or meta["date"], "generation": addition.number, "covered_from": addition.number}
    client.indices.put_mapping(index=index, meta={META: meta})
    client.indices.put_settings(index=index, settings={"refresh_interval": None})
    return meta


def _write_filter(addition: _Addition, scratch: Path, merge_small: bool) -> None:
    """The filter gets a part for what was added; where there is none, or a damaged one, that is left to `merge`."""
    generation, index = addition.generation, addition.generation.index
    client, place = generation.client, generation.place
    try:
        manifest = filter_pieces.manifest_of(client, place, index)
    except UnusableIndex:
        return
    parts = [part for part in manifest.parts if part.first < addition.first]  # others are of this addition, before it was cut off
    kept = kept_parts(parts) if merge_small else parts
    first = parts[len(kept)].first if len(kept) < len(parts) else addition.first
    with tempfile.TemporaryDirectory(prefix="wherefrom-filter-") as more:
        if first < addition.first:
            gather(generation, KeySpill(Path(more)), first=first, end=addition.first)
        part = write_part(client, place, index, made_here([scratch, Path(more)]), first)
    named = filter_pieces.name_parts(client, place, index, [*kept, part], generation=addition.number, removed=manifest.removed)
    filter_pieces.forget_others(client, place, index, named)


def undo(generation: Generation) -> Generation:
    """Takes away what an addition that was cut off has left; the generation as it is then. Call it with the lock held."""
    client, place, index = generation.client, generation.place, generation.index
    meta = meta_of(client, index)
    if _NOTE not in meta:
        return generation
    first = meta.pop(_NOTE)["first"]
    client.indices.refresh(index=index)
    left = list(every_id(client, index, {"bool": {"filter": {"range": {"number": {"gte": first}}}}}))
    load(client, index, place, ({"_op_type": "delete", "_id": each} for each in left))
    client.indices.refresh(index=index)
    repositories_beside.recount(client, place, index, repositories_beside.files_of_each(client, place, index))
    number = _forget_part(generation, first, len(left))
    gone = {"removed_documents": generation.removed + len(left), "generation": number}  # as after a removal: dictionaries know them still
    client.indices.put_mapping(index=index, meta={META: meta | gone})
    client.indices.put_settings(index=index, settings={"refresh_interval": None})
    return current(place, client)


def _forget_part(generation: Generation, first: int, gone: int) -> int:
    """Takes an addition's part from the filter, which then knows none of the documents that are gone; the number of the generation after
    that, above that of every filter that somebody may have fetched."""
    client, place, index = generation.client, generation.place, generation.index
    number = generation.info.generation + 1
    try:
        manifest = filter_pieces.manifest_of(client, place, index)
    except UnusableIndex:
        return number
    number = max(number, manifest.generation + 1)
    parts = [part for part in manifest.parts if part.first < first]
    if len(parts) < len(manifest.parts) or manifest.generation <= generation.info.generation:  # else it became one with earlier ones
        named = filter_pieces.name_parts(client, place, index, parts, generation=number, removed=manifest.removed + gone)
        filter_pieces.forget_others(client, place, index, named)
    return number
