"""How do documents leave an index in a cluster? They are deleted where they stand, for every reader at once.

The index keeps its name, its description a generation more and the number of documents left. A removal that was cut off is ended by
running it again: what it still finds is deleted, and all counts are made anew. Bytes on disk go when the cluster merges.
The membership filter cannot forget: until `merge` makes it anew, what it says is there is looked for.

Not here: the same in a folder (`indexer.stores.local.removal`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from elasticsearch import Elasticsearch

from indexer.segment.prepare import name_hash
from indexer.stores.elastic import repositories as repositories_beside
from indexer.stores.elastic.adding import undo
from indexer.stores.elastic.bulk import every_id, load
from indexer.stores.elastic.cluster import connect, errors_of
from indexer.stores.elastic.lock import changing
from indexer.stores.elastic.mapping import META, meta_of, signed
from indexer.stores.elastic.questions import Generation, Json
from indexer.stores.elastic.settings import place_of
from indexer.stores.local.removal import Progress, RemovalReport, check_named


def remove(
    location: str,
    *,
    repositories: Sequence[str] = (),
    owners: Sequence[str] = (),
    documents: Sequence[str] = (),
    progress: Progress | None = None,
) -> RemovalReport:
    """Removes all documents of these repositories and owners (case does not matter), and these documents by id.

    Answers do without them as soon as this returns, membership by a fetched filter once its reader refreshes. Where nothing is found
    nothing changes. Reads a count of every repository.
    An addition that was cut off is undone first. Raises InputError, UnusableIndex, IndexLocked, BackendUnavailable.
    """
    begun = time.monotonic()
    check_named(repositories, owners, documents)
    place = place_of(location)
    client = connect(place)
    with errors_of(place), changing(client, place, "removing") as (found_there, _):
        generation = undo(found_there)
        named: list[tuple[str, Json]] = [
            *((name, {"term": {"repository_key": signed(name_hash(name))}}) for name in repositories),
            *((name, {"term": {"owner_key": signed(name_hash(name))}}) for name in owners),
            *((name, {"ids": {"values": [name]}}) for name in documents),
        ]
        answers = generation.search([{"size": 0, "track_total_hits": 1, "query": clause} for _, clause in named])
        found = [answer["hits"]["total"]["value"] > 0 for answer in answers]
        clauses = [clause for (_, clause), is_there in zip(named, found, strict=True) if is_there]
        actions = ({"_op_type": "delete", "_id": each} for each in _ids(generation, clauses))
        load(client, generation.index, place, actions, _telling(progress))
        left, number, gone = _recount(client, generation)
    not_found = tuple(name for (name, _), is_there in zip(named, found, strict=True) if not is_there)
    return RemovalReport(gone, left, number, not_found, time.monotonic() - begun)


def _telling(progress: Progress | None) -> Callable[[int], None] | None:
    return (lambda done: progress(done, 0, "removing")) if progress else None


def _ids(generation: Generation, clauses: Sequence[Json]) -> Iterator[str]:
    """The ids of all documents that one of the clauses finds."""
    if not clauses:
        return iter(())
    return every_id(generation.client, generation.index, {"bool": {"filter": {"bool": {"should": list(clauses)}}}})


def _recount(client: Elasticsearch, generation: Generation) -> tuple[int, int, int]:
    """Makes the removal seen, and the description true: documents left, number of the generation, how many are gone since it said."""
    place, index = generation.place, generation.index
    client.indices.refresh(index=index)
    files = repositories_beside.files_of_each(client, place, index)
    repositories_beside.recount(client, place, index, files)
    meta = meta_of(client, index)
    left = sum(files.values())
    gone = meta["documents"] - left
    if gone:
        meta |= {"documents": left, "repositories": len(files), "generation": meta["generation"] + 1}
        meta |= {"removed_documents": meta["removed_documents"] + gone}
        client.indices.put_mapping(index=index, meta={META: meta})
    return left, meta["generation"], gone
