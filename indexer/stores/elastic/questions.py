"""What does a cluster say of a text's fingerprints? Candidates, how many hold each, how many hold all: requests of bounded size.

Not here: verification, which is that of a folder (`indexer.attribution`); full text (`search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from indexer.answers import Exclusion, IndexInfo
from indexer.attribution.query import Query
from indexer.attribution.whole import Frequency
from indexer.stores.elastic.cluster import get_many, search_many, within
from indexer.stores.elastic.mapping import agreeing_sides, signed, terms_of
from indexer.stores.elastic.settings import Place

WINDOW = 512  # terms of one search, of both channels
CANDIDATES = 64  # documents a window, by the rarity of what they share with it
BOUND = 1000  # documents that hold a stretch are counted up to here, as in a folder
MOST_PRINTS = 8  # the rarest of a stretch
SHORT_LIST = 8  # documents: so few are candidates whatever their contexts are
_SEARCHES = 8  # in one request
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of an index in a cluster: what every request is made of. `index` is its own name, not the alias.

    `removed`: how many of its documents are gone; filters made for `covered_from` and later generations know all others.
    """

    client: Elasticsearch
    place: Place
    index: str
    info: IndexInfo
    repositories: int
    fingerprints: int
    removed: int = 0
    covered_from: int = 0

    def within(self, timeout_ms: int | None = None) -> Generation:
        """The same for one question, whose requests together take no longer than this and than the place allows."""
        most = self.place.timeout_ms if timeout_ms is None else min(timeout_ms, self.place.timeout_ms)
        return replace(self, client=within(self.client, most / 1000))

    def search(self, bodies: Sequence[Json]) -> list[Json]:
        """The answers to some searches, in order."""
        answers = []
        for i in range(0, len(bodies), _SEARCHES):
            answers += search_many(self.client, self.place, self.index, bodies[i : i + _SEARCHES])
        return answers

    def documents(self, ids: Sequence[str]) -> dict[str, Json]:
        """`row` and `content` of documents by id, without those that are gone."""
        return get_many(self.client, self.place, self.index, ids) if ids else {}


@dataclass(frozen=True, slots=True)
class Terms:
    """The fingerprints of a text as terms: `fields`, `terms` (prints,), exact channel first; `keys` as in the query."""

    fields: list[str]
    terms: list[str]
    keys: NDArray[np.uint64]

    @classmethod
    def of(cls, query: Query) -> Terms:
        """Those of both channels."""
        exact, renamed = query.exact, query.renamed
        fields = ["exact"] * len(exact.keys) + ["renamed"] * len(renamed.keys)
        return cls(fields, terms_of(np.concatenate((exact.values, renamed.values))), np.concatenate((exact.keys, renamed.keys)))

    def __len__(self) -> int:
        return len(self.terms)

    def clause(self, i: int) -> Json:
        """What finds the documents that hold fingerprint i."""
        return {"term": {self.fields[i]: self.terms[i]}}

    def distinct(self) -> list[int]:
        """The first of each that occurs more than once."""
        return list({(self.fields[i], self.terms[i]): i for i in reversed(range(len(self)))}.values())[::-1]


def without(exclude: Sequence[Exclusion]) -> list[Json]:
    """The clauses that find what a question leaves out."""
    return [{"bool": {"filter": list(_named(one))}} for one in exclude]


def _named(exclusion: Exclusion) -> Iterator[Json]:
    from indexer.segment.prepare import name_hash  # noqa: PLC0415 - only questions that exclude need it

    for name, value in (("owner_key", exclusion.owner), ("repository_key", exclusion.repository)):
        if value is not None:
            yield {"term": {name: signed(name_hash(value))}}
    if exclusion.content_id is not None:
        yield {"term": {"content_id": exclusion.content_id}}
    if exclusion.path is not None:
        path = exclusion.path.rstrip("/")
        field = "path_as_written"
        yield {"bool": {"should": [{"term": {field: path}}, {"prefix": {field: path + "/"}}]}}


def count(generation: Generation, terms: Terms, left_out: list[Json], *, repositories: bool = True) -> tuple[NDArray[np.int64], ...]:
    """How many documents hold each fingerprint, and how many repositories, int64 (prints,) each. Cost: all their postings."""
    prints = terms.distinct()
    inner = {"aggs": {"repositories": {"cardinality": {"field": "repository_key", "precision_threshold": 4000}}}} if repositories else {}
    windows = list(_windows(prints))
    bodies = [_counting(terms, window, left_out, inner) for window in windows]
    known: dict[tuple[str, str], tuple[int, int]] = {}
    for window, answer in zip(windows, generation.search(bodies), strict=True):
        buckets = answer["aggregations"]["prints"]["buckets"]
        for i in window:
            bucket = buckets[str(i)]
            holders = bucket["repositories"]["value"] if repositories else 0
            known[terms.fields[i], terms.terms[i]] = bucket["doc_count"], holders
    pairs = [known[key] for key in zip(terms.fields, terms.terms, strict=True)]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


def _counting(terms: Terms, window: Sequence[int], left_out: list[Json], inner: Json) -> Json:
    filters = {str(i): terms.clause(i) for i in window}
    query = {"bool": {"filter": {"bool": {"should": list(filters.values())}}, "must_not": left_out}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": {"prints": {"filters": {"filters": filters}, **inner}}}


def _windows(prints: Sequence[int]) -> Iterable[Sequence[int]]:
    return (prints[i : i + WINDOW] for i in range(0, len(prints), WINDOW))


def candidates(generation: Generation, terms: Terms, files: NDArray[np.int64], left_out: list[Json]) -> dict[str, int]:
    """The documents that share most with each window of the text's fingerprints, the rarest ones first, by the sum of their rarity;
    of equals those that came first. Each id with its document's number."""
    held = [i for i in terms.distinct() if files[i] > 0]
    rarest_first = sorted(held, key=lambda i: int(files[i]))
    bodies = [_finding([terms.clause(i) for i in window], left_out) for window in _windows(rarest_first)]
    return _ids(generation.search(bodies))


def further(
    generation: Generation, terms: Terms, files: NDArray[np.int64], prints: Sequence[int], have: Iterable[str], left_out: list[Json]
) -> dict[str, int]:
    """More documents that may hold a run of the guaranteed length around one of some exact fingerprints."""
    clauses: list[Json] = []
    for i in prints:
        is_short = files[i] <= SHORT_LIST
        clauses += [terms.clause(i)] if is_short else [{"term": {"sides": side}} for side in agreeing_sides(int(terms.keys[i]))]
    known = {"ids": {"values": list(have)}}
    return _ids(generation.search([_finding(clauses[i : i + WINDOW], [*left_out, known]) for i in range(0, len(clauses), WINDOW)]))


def _finding(clauses: list[Json], left_out: list[Json]) -> Json:
    query = {"bool": {"should": clauses, "minimum_should_match": 1, "must_not": left_out}}
    best_first = [{"_score": "desc"}, {"number": "asc"}]
    return {"size": CANDIDATES, "track_total_hits": False, "_source": False, "query": query, "sort": best_first}


def _ids(answers: Sequence[Json]) -> dict[str, int]:
    return {hit["_id"]: hit["sort"][1] for answer in answers for hit in answer["hits"]["hits"]}


def frequency(generation: Generation, terms: Terms, prints: Sequence[int], left_out: list[Json]) -> Frequency:
    """How many documents, repositories and owners hold all of some fingerprints."""
    query = {"bool": {"filter": [terms.clause(i) for i in prints], "must_not": left_out}}
    counted = {name: {"cardinality": {"field": f"{name}_key", "precision_threshold": BOUND}} for name in ("repository", "owner")}
    (answer,) = generation.search([{"size": 0, "track_total_hits": BOUND, "query": query, "aggs": counted}])
    total = answer["hits"]["total"]
    owners, repositories = (answer["aggregations"][name]["value"] for name in ("owner", "repository"))
    return Frequency(total["value"], repositories, owners, total["relation"] != "eq")
