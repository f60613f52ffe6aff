"""Where does a build that was cut off go on? In the index it left, behind the documents that are there already.

Nothing is noted down while loading. What is there is asked for by its numbers and compared with the input, row by row, so that going
on is right whatever was lost of the bulks that were under way; a document that is not the input's shows that this is another input.

Not here: loading (`writer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from indexer.errors import AccessRefused, BackendUnavailable, InputError, OutOfSpace, WorkerLost
from indexer.stores.elastic.cluster import search_many
from indexer.stores.elastic.kept import WITH_KEPT, kept_of
from indexer.stores.elastic.mapping import meta_of
from indexer.stores.elastic.settings import Place

KEPT_FOR = (AccessRefused, BackendUnavailable, OutOfSpace, WorkerLost)  # errors that may be over when the same command is run again
_SAME = ("format", "spec", "name", "version", "shards")  # of two builds of which one goes on with the other's index
Json = dict[str, Any]


class InputChanged(InputError):
    """What a build that was cut off has loaded is not of this input; it has been removed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an index holds of a build that was cut off: documents with numbers below `end`."""

    client: Elasticsearch
    place: Place
    index: str
    end: int = 0

    @classmethod
    def of(cls, client: Elasticsearch, place: Place, index: str) -> Loaded:
        """What is there now. Raises BackendUnavailable."""
        client.indices.refresh(index=index)
        (answer,) = search_many(client, place, index, [{"size": 0, "aggs": {"last": {"max": {"field": "number"}}}}])
        last = answer["aggregations"]["last"]["value"]
        return cls(client, place, index, 0 if last is None else int(last) + 1)

    def has(self, first: int, rows: list[Json]) -> list[bool]:
        """Which rows, numbered from `first` on, are there. Raises InputChanged where another one is in a row's place."""
        if first >= self.end:
            return [False] * len(rows)
        places = {"range": {"number": {"gte": first, "lt": first + len(rows)}}}
        body = {"size": len(rows), "query": places, "sort": [{"number": "asc"}], "track_total_hits": False, **WITH_KEPT}
        (answer,) = search_many(self.client, self.place, self.index, [body])
        there = {hit["sort"][0] - first: kept_of(hit).row for hit in answer["hits"]["hits"]}
        if any(rows[i] != row for i, row in there.items()):
            raise self._changed()
        return [i in there for i in range(len(rows))]

    def check_end(self, rows: int) -> None:
        """Raises InputChanged where the input had fewer rows than are there."""
        if rows < self.end:
            raise self._changed()

    def _changed(self) -> InputChanged:
        return InputChanged(
            f"{self.place.location}: an interrupted build of this name and version had loaded another input; "
            "what it left is removed, run the same command again"
        )


def goes_on(client: Elasticsearch, leftovers: Mapping[str, int], meta: Json) -> str | None:
    """The newest of the indexes that builds left, if it was to become the same as what `meta` describes."""
    newest = max(leftovers, key=leftovers.__getitem__, default=None)
    if newest is None:
        return None
    left = meta_of(client, newest)
    return newest if all(name in left and left[name] == meta[name] for name in _SAME) else None
