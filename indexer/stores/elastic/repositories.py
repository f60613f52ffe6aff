"""Which repositories does an index in a cluster hold, and what do their licence files say? An index beside each generation's documents.

`NAME-r000001` belongs to `NAME-g000001`: it is complete before the alias names the generation, and goes with it. A document is a row of
REPOSITORIES_SCHEMA under the hash of the repository's name, `files` beside it: how many documents the generation has of it.

Not here: the files of a repository (`files`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa
from elasticsearch import Elasticsearch

from indexer.answers import Repository, RepositoryPage
from indexer.corpus import REPOSITORIES_SCHEMA
from indexer.errors import InputError
from indexer.licences.legal import Legal
from indexer.segment.prepare import name_hash
from indexer.stores.elastic.bulk import load
from indexer.stores.elastic.cluster import search_many
from indexer.stores.elastic.mapping import signed
from indexer.stores.elastic.questions import Generation, Json
from indexer.stores.elastic.settings import Place
from indexer.stores.local.legal import LEGAL_COLUMNS, legal_of
from indexer.stores.local.search import REPOSITORY_COLUMNS, cursor_at, place_of_cursor

_PAGE = 10_000  # repositories counted in one request
MOST_LISTED = 9_999  # on a page: Elasticsearch gives no more, and one that tells whether there are more, at once

# On disk: a change here needs FORMAT_VERSION + 1
_PROPERTIES: Json = {
    "repository": {"type": "keyword"},
    "repository_key": {"type": "long"},
    "owner_key": {"type": "long"},
    "files": {"type": "long"},
    "row": {"type": "object", "enabled": False},
}


def beside(index: str) -> str:
    """The index of repositories of a generation. "demo-g000003" -> "demo-r000003" """
    return re.sub(r"-g([0-9]+)$", r"-r\1", index)


def id_of(key: int) -> str:
    """The document's id of a repository by its signed hash."""
    return f"{key & (1 << 64) - 1:016x}"


def write(client: Elasticsearch, place: Place, index: str, batches: Iterable[pa.RecordBatch], files: dict[int, int]) -> None:
    """Makes the index beside a generation of `files`, which says how many it has of each repository. Others' rows are left out."""
    mappings = {"dynamic": "strict", "properties": _PROPERTIES}
    client.options(ignore_status=404).indices.delete(index=beside(index))  # of a build that was cut off
    client.indices.create(index=beside(index), mappings=mappings, settings={"number_of_shards": 1, "number_of_replicas": 0})
    load(client, beside(index), place, _documents(batches, files))
    client.indices.put_settings(index=beside(index), settings={"number_of_replicas": place.replicas})
    client.indices.refresh(index=beside(index))


def add(client: Elasticsearch, place: Place, index: str, batches: Iterable[pa.RecordBatch], files: dict[int, int], first: int) -> None:
    """Enters the rows of repositories that have documents numbered from `first` on, in the place of earlier ones, and makes all counts
    what `files` says."""
    added = {key: files[key] for key in files_of_each(client, place, index, first)}
    load(client, beside(index), place, (row | {"_op_type": "index"} for row in _documents(batches, added)))
    client.indices.refresh(index=beside(index))
    recount(client, place, index, files)


def _documents(batches: Iterable[pa.RecordBatch], files: dict[int, int]) -> Iterator[Json]:
    for batch in batches:
        for row in batch.cast(REPOSITORIES_SCHEMA).to_pylist():
            key = signed(name_hash(row["repository"]))
            if key in files:
                yield {
                    "_op_type": "create",  # names that differ by case alone are one repository: the first row stays
                    "_id": id_of(key),
                    "repository": row["repository"],
                    "repository_key": key,
                    "owner_key": signed(name_hash(row["owner"] or "")),
                    "files": files[key],
                    "row": row | {"first_seen": _text(row["first_seen"])},
                }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def files_of_each(client: Elasticsearch, place: Place, index: str, first: int = 0) -> dict[int, int]:
    """How many documents, numbered from `first` on, a generation has of each repository, by its signed hash. 100 bytes of memory a
    repository."""
    wanted = {"query": {"range": {"number": {"gte": first}}}} if first else {}
    found: dict[int, int] = {}
    after: Json = {}
    while True:
        sources = [{"key": {"terms": {"field": "repository_key"}}}]
        counting = {"composite": {"size": _PAGE, "sources": sources, **after}}
        (answer,) = search_many(client, place, index, [{"size": 0, "track_total_hits": False, "aggs": {"each": counting}, **wanted}])
        each = answer["aggregations"]["each"]
        found |= {bucket["key"]["key"]: bucket["doc_count"] for bucket in each["buckets"]}
        if "after_key" not in each:
            return found
        after = {"after": each["after_key"]}


def repository_page(generation: Generation, owner: str | None, limit: int, cursor: str | None) -> RepositoryPage:
    """Repositories in alphabetical order; `owner` matches regardless of case. Raises InputError for a bad cursor."""
    if not 1 <= limit <= MOST_LISTED:
        raise InputError(f"limit is {limit}; it takes 1 to {MOST_LISTED}")
    last = place_of_cursor(cursor, str, generation.info, owner or "")
    wanted: Json = {"match_all": {}} if owner is None else {"term": {"owner_key": signed(name_hash(owner))}}
    body = {
        "size": limit + 1,
        "track_total_hits": True,
        "query": wanted,
        "sort": [{"repository": "asc"}],
        "_source": ["files", *(f"row.{name}" for name in REPOSITORY_COLUMNS)],
        **({} if last is None else {"search_after": [last]}),
    }
    (answer,) = search_many(generation.connection, generation.place, beside(generation.index), [body], until=generation.until)
    hits = answer["hits"]["hits"]
    return RepositoryPage(
        repositories=tuple(_repository(hit["_source"]) for hit in hits[:limit]),
        total=answer["hits"]["total"]["value"],
        cursor=cursor_at(hits[limit - 1]["sort"][0], generation.info, owner or "") if len(hits) > limit else None,
        index=generation.info,
    )


def _repository(source: Json) -> Repository:
    row = source["row"] | {"files": source["files"]}
    return Repository(**(row | {"licenses": tuple(row["licenses"] or ()), "license_type": row["license_type"] or "none"}))


def legal(generation: Generation, repository: str) -> Legal:
    """The licence texts, notices and copyright lines of a repository; empty where there are none."""
    query = {"term": {"repository_key": signed(name_hash(repository))}}
    body = {"size": 1, "query": query, "_source": [f"row.{name}" for name in LEGAL_COLUMNS]}
    (answer,) = search_many(generation.connection, generation.place, beside(generation.index), [body], until=generation.until)
    hits = answer["hits"]["hits"]
    return legal_of(hits[0]["_source"]["row"]) if hits else Legal()


def recount(client: Elasticsearch, place: Place, index: str, files: dict[int, int]) -> None:
    """Makes the file counts beside a generation what `files` says; a repository without files goes."""
    load(client, beside(index), place, list(_changes(client, place, beside(index), files)))
    client.indices.refresh(index=beside(index))


def _changes(client: Elasticsearch, place: Place, index: str, files: dict[int, int]) -> Iterator[Json]:
    after: Json = {}
    while True:
        body = {"size": _PAGE, "query": {"match_all": {}}, "sort": [{"repository": "asc"}], "_source": ["repository_key", "files"], **after}
        (answer,) = search_many(client, place, index, [body])
        hits = answer["hits"]["hits"]
        for hit in hits:
            left = files.get(hit["_source"]["repository_key"], 0)
            if not left:
                yield {"_op_type": "delete", "_id": hit["_id"]}
            elif left != hit["_source"]["files"]:
                yield {"_op_type": "update", "_id": hit["_id"], "doc": {"files": left}}
        if not hits:
            return
        after = {"search_after": hits[-1]["sort"]}
