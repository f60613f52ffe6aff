"""How does a stream of documents become an index in a cluster? In bounded memory, and seen by readers only once it is complete.

Documents are loaded into `NAME-l000001`, which becomes `NAME-g000001`; the alias NAME moves to that in one step. A build that was killed,
or that the cluster could not take to its end, leaves what it has loaded: the same build goes on in it when it is run again, any other
one removes it. So it does with the generation before: until then who has it open goes on.

Not here: the same into a folder (`indexer.build`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from indexer.bloom.spill import KeySpill
from indexer.build import BuildReport
from indexer.corpus import conform
from indexer.errors import IndexNotFound, WherefromError
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import Fingerprints, fingerprint_exact, fingerprint_renamed
from indexer.segment.prepare import name_hash, rows_of, text_of
from indexer.stores.elastic import filter_pieces
from indexer.stores.elastic import repositories as repositories_beside
from indexer.stores.elastic.bulk import load
from indexer.stores.elastic.cluster import connect, errors_of
from indexer.stores.elastic.filter_making import MadeFilter, made_here, write_part
from indexer.stores.elastic.generations import AS_EVER, become, check_free, delete, loading_of, number_of, taken_up
from indexer.stores.elastic.kept import KEPT, packed
from indexer.stores.elastic.lock import write_lock
from indexer.stores.elastic.mapping import FACETS, joined_terms, meta_of, new_meta, sides_of, signed
from indexer.stores.elastic.settings import Place, place_of
from indexer.stores.elastic.unfinished import KEPT_FOR, Loaded
from indexer.stores.local.fulltext import path_words
from indexer.text.tokens import rename, tokenize
from indexer.text.words import analyze, lower

BATCH_ROWS = 256
_SECONDS = 600  # for merging
FIRST_WINS = 1 << 62  # less a document's number is its version: of a document that comes twice the first stays, whoever is sent first
Progress = Callable[[int, int, str], None]
Loading = Callable[[Loaded, Path], tuple["Counts", list[Path]]]


@dataclass(slots=True)
class Counts:
    """What a build has read so far; `documents` and `repositories` are known once all are loaded."""

    keys: KeySpill
    rows: int = 0
    documents: int = 0
    text_bytes: int = 0
    tokens: int = 0
    fingerprints: int = 0
    repositories: int = 0

    def add(self, text_bytes: int, tokens: int, exact: Fingerprints) -> None:
        """Counts a batch."""
        self.text_bytes += text_bytes
        self.tokens += tokens
        self.fingerprints += len(exact)
        self.keys.add(exact.values)


def build_cluster_index(
    location: str,
    batches: Iterable[pa.RecordBatch],
    *,
    repositories: Iterable[pa.RecordBatch] = (),
    name: str,
    version: str,
    date: str,
    progress: Progress | None = None,
) -> BuildReport:
    """Builds an index of all `batches` at es+http(s)://HOST:PORT/NAME; one that stands there answers until the new one replaces it.

    `repositories` is read after the batches. `progress(documents, bytes, stage)`. Raises InputError, IndexLocked, BackendUnavailable,
    OutOfSpace; what the cluster refuses is named. After a kill or one of the latter two, the same name, version and input go on where it
    was; where the input turns out to be another, InputChanged is raised, and once more starts clean.
    """

    def loading(loaded: Loaded, scratch: Path) -> tuple[Counts, list[Path]]:
        counts = Counts(KeySpill(scratch))
        load_documents(batches, counts, loaded, progress)
        loaded.check_end(counts.rows)
        return counts, [scratch]

    return build_by(location, loading, repositories=repositories, name=name, version=version, date=date)


def build_by(
    location: str,
    loading: Loading,
    *,
    repositories: Iterable[pa.RecordBatch],
    name: str,
    version: str,
    date: str,
    made_filter: MadeFilter = made_here,
) -> BuildReport:
    """The same, where documents get there by `loading`: given what is there already and a folder, it tells what it counted and in which
    folders their fingerprints are, of which `made_filter` makes the filter."""
    begun, place = time.monotonic(), place_of(location)
    client = connect(place)
    with errors_of(place), write_lock(client, place, place.name, "building an index") as lock:
        check_free(client, place.name, place.location)
        index, live = taken_up(client, place, new_meta(name, version, date, 0))
        try:
            with tempfile.TemporaryDirectory(prefix="wherefrom-filter-") as scratch:
                counts, folders = loading(Loaded.of(client, place, loading_of(index)), Path(scratch))
                meta = new_meta(name, version, date, number_of(client, place.name, index))
                client.options(ignore_status=404).indices.delete(index=filter_pieces.beside(index))  # of a build that was cut off
                part = write_part(client, place, index, made_filter(folders))
                filter_pieces.name_parts(client, place, index, [part], generation=meta["generation"], removed=0)
            size = _complete(client, place, index, meta, counts, repositories)
        except KEPT_FOR:
            raise
        except WherefromError:
            delete(client, index)
            raise
        lock.check()
        moves = [{"remove": {"index": old, "alias": place.name}} for old in sorted(live)]
        client.indices.update_aliases(actions=[*moves, {"add": {"index": index, "alias": place.name}}])
        client.options(ignore_status=404).indices.delete(index=loading_of(index))
    return BuildReport(counts.documents, counts.text_bytes, size, time.monotonic() - begun)


def load_documents(batches: Iterable[pa.RecordBatch], counts: Counts, loaded: Loaded, progress: Progress | None = None) -> None:
    """Sends documents, numbered from `counts.rows` on, but for those that are there; the spill of `counts` is complete then."""
    client, is_first = loaded.client, True

    def done(_: int) -> None:
        nonlocal is_first
        if is_first:
            client.indices.refresh(index=loaded.index)  # what only replicas want goes when segments are merged: there have to be two
        is_first = False
        if progress:
            progress(counts.rows, counts.text_bytes, "loading")

    load(client, loaded.index, loaded.place, _documents(batches, counts, loaded, progress), done)
    counts.keys.flush()


def _complete(
    client: Elasticsearch,
    place: Place,
    index: str,
    meta: dict[str, Any],
    counts: Counts,
    repositories: Iterable[pa.RecordBatch],
) -> int:
    """Adds the repositories, merges, counts and describes a loaded index; returns its size in bytes."""
    slow = client.options(request_timeout=_SECONDS)
    if not meta_of(client, loading_of(index)):  # the cluster made another one for the documents that came after
        raise IndexNotFound(f"{place.location}: {loading_of(index)} was deleted while it was loaded; run the same command again")
    become(client, place, index)
    slow.indices.refresh(index=index)
    files = repositories_beside.files_of_each(client, place, index)
    counts.documents, counts.repositories = sum(files.values()), len(files)
    repositories_beside.write(client, place, index, repositories, files)
    numbers = {"documents": counts.documents, "text_bytes": counts.text_bytes, "tokens": counts.tokens, "fingerprints": counts.fingerprints}
    done = meta | numbers | {"repositories": counts.repositories, "removed_documents": 0}
    done |= {"covered_from": meta["generation"], "shards": place.shards, "complete": True}
    client.indices.put_mapping(index=index, meta={"wherefrom": done})
    client.indices.put_settings(index=index, settings={"index.number_of_replicas": place.replicas, **AS_EVER})
    slow.indices.refresh(index=index)
    return int(client.indices.stats(index=index, metric="store")["_all"]["primaries"]["store"]["size_in_bytes"])


def _documents(batches: Iterable[pa.RecordBatch], counts: Counts, loaded: Loaded, progress: Progress | None) -> Iterator[dict[str, Any]]:
    """The documents that are not there already."""
    for whole in batches:
        for begin in range(0, whole.num_rows, BATCH_ROWS):
            batch, first = conform(whole.slice(begin, BATCH_ROWS)), counts.rows
            counts.rows += batch.num_rows
            there = loaded.has(first, rows_of(batch, *text_of(batch.column("content")))) if first < loaded.end else [False] * batch.num_rows
            if all(there):
                count_batch(batch, counts)
                if progress:
                    progress(counts.rows, counts.text_bytes, "finding what is there")
                continue
            for i, document in enumerate(documents_of(batch, counts)):
                if not there[i]:
                    yield document | {"number": first + i, "version": FIRST_WINS - first - i, "version_type": "external"}


def count_batch(batch: pa.RecordBatch, counts: Counts) -> None:
    """Counts a batch whose documents are not wanted."""
    data, offsets = text_of(batch.column("content"))
    tokens = tokenize(data, offsets)
    counts.add(len(data), len(tokens), fingerprint_exact(tokens, SPEC.exact, capped=True))


def documents_of(batch: pa.RecordBatch, counts: Counts) -> list[dict[str, Any]]:
    """A batch of FILES_SCHEMA as the documents of a bulk request, but for their numbers."""
    data, offsets = text_of(batch.column("content"))
    rows, tokens = rows_of(batch, data, offsets), tokenize(data, offsets)
    exact = fingerprint_exact(tokens, SPEC.exact, capped=True)
    renamed = fingerprint_renamed(rename(tokens), SPEC.renamed, capped=True)
    streams, paths = analyze(tokens).texts(), path_words([row["path"] for row in rows])
    counts.add(len(data), len(tokens), exact)
    made = []
    for i, (row, (words, parts)) in enumerate(zip(rows, streams, strict=True)):
        keys, shapes = _of(exact, i), _of(renamed, i)
        made.append(
            {
                "_op_type": "index",
                "_id": row["document_id"],
                "content_id": row["content_id"],
                "repository_key": signed(name_hash(row["repository"])),
                "owner_key": signed(name_hash(row["owner"])),
                "exact": joined_terms(np.sort(keys >> np.uint64(16))),
                "renamed": joined_terms(np.sort(shapes >> np.uint64(16))),
                "sides": sides_of(keys),
                "words": words,
                "parts": parts,
                "path_words": paths[i],
                "path_as_written": row["path"],
                **_fields(row),
                KEPT: packed(row, data[offsets[i] : offsets[i + 1]].tobytes()),
            }
        )
    return made


def _of(prints: Fingerprints, document: int) -> NDArray[np.uint64]:
    return prints.keys[prints.offsets[document] : prints.offsets[document + 1]]


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    repository = row["repository"]
    given = {
        "language": [row["language"]] if row["language"] else [],
        "license": row["licenses"],
        "repository": list(dict.fromkeys((repository, repository.rpartition("/")[2]))),
        "owner": [row["owner"]],
        "path": [row["path"]],
    }
    lowered = {name: [lower(value) for value in values] for name, values in given.items()}
    return lowered | {facet: given[name] for name, facet in FACETS.items()}
