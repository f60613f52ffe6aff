"""What does a cluster say of a text's fingerprints? How many hold each, how many hold all, who else holds some: requests of bounded size.

Not here: which documents share most (`survey`), verification, which is that of a folder (`indexer.attribution`); full text (`search`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from indexer.answers import Exclusion, IndexInfo
from indexer.attribution.frequency import BOUND
from indexer.attribution.query import Query
from indexer.attribution.whole import Frequency
from indexer.stores.elastic.cluster import Until, search_many, term_vectors, within
from indexer.stores.elastic.kept import WITH_KEPT, Kept, kept_of
from indexer.stores.elastic.mapping import SATURATION, signed, terms_of
from indexer.stores.elastic.routing import routings
from indexer.stores.elastic.settings import Place

WINDOW = 512  # terms of one search, of both channels
CANDIDATES = 64  # documents fetched at once, a window
_SEARCHES = 8  # in one request
_LEAST_EXACT, _MOST_EXACT = 100, 4000  # repositories counted without error; more than the root of all weigh nothing (`significance`)
_NOTHING_ELSE = dict.fromkeys(("field_statistics", "positions", "offsets", "payloads"), False)
_MIDDLES = [(SATURATION + 1) * places / (places + SATURATION) for places in (1.5, 2.5, 3.5)]  # between what 1, 2, 3, 4 places score
_NO_TERMS: dict[str, Any] = {"terms": {}}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of an index in a cluster: what every request is made of. `index` is its own name, not the alias.

    `removed`: how many of its documents are gone; filters made for `covered_from` and later generations know all others.
    """

    connection: Elasticsearch
    place: Place
    index: str
    info: IndexInfo
    repositories: int
    fingerprints: int
    removed: int = 0
    covered_from: int = 0
    shards: int = 1
    until: Until | None = None

    def within(self, timeout_ms: int | None = None) -> Generation:
        """The same for one question, whose requests together take no longer than this and than the place allows."""
        most = self.place.timeout_ms if timeout_ms is None else min(timeout_ms, self.place.timeout_ms)
        until = Until(time.monotonic() + most / 1000)
        return replace(self, until=until)

    @property
    def client(self) -> Elasticsearch:
        """A client whose requests end when the question does. Half a millisecond."""
        return self.connection if self.until is None else within(self.connection, self.until)

    @property
    def is_over(self) -> bool:
        """Whether the time of the question is up."""
        return self.until is not None and time.monotonic() >= self.until

    def search(self, bodies: Sequence[Json], *, by_idf: bool = False) -> list[Json]:
        """The answers to some searches, in order. `by_idf`: scores follow from how many documents hold a term, of all shards."""
        answers = []
        for i in range(0, len(bodies), _SEARCHES):
            answers += search_many(self.connection, self.place, self.index, bodies[i : i + _SEARCHES], until=self.until, by_idf=by_idf)
        return answers

    def document(self, document_id: str) -> Kept | None:
        """A document by its id; None where it is gone."""
        (answer,) = self.search([{"query": {"ids": {"values": [document_id]}}, "track_total_hits": False, **WITH_KEPT}])
        return next(map(kept_of, answer["hits"]["hits"]), None)

    def numbered(self, numbers: Sequence[int]) -> dict[int, Kept]:
        """Documents by their numbers, without those that are gone."""
        windows = [list(numbers[i : i + CANDIDATES]) for i in range(0, len(numbers), CANDIDATES)]
        bodies = [
            {"size": len(window), "query": {"bool": {"filter": {"terms": {"number": window}}}}, "sort": [{"number": "asc"}], **WITH_TEXT}
            for window in windows
        ]
        return texts_of(self.search(bodies))


@dataclass(frozen=True)
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

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """For each its first equal, int64 (prints,)."""
        firsts: dict[tuple[str, str], int] = {}
        return np.array([firsts.setdefault(pair, i) for i, pair in enumerate(zip(self.fields, self.terms, strict=True))], np.int64)

    @cached_property
    def is_repeated(self) -> NDArray[np.bool_]:
        """Which occur more than once, bool (prints,): each time with contexts of its own."""
        repeated: NDArray[np.bool_] = (np.bincount(self.first, minlength=len(self)) > 1)[self.first]
        return repeated

    @cached_property
    def distinct(self) -> list[int]:
        """The first of each that occurs more than once."""
        return np.flatnonzero(self.first == np.arange(len(self))).tolist()


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


def in_dictionaries(generation: Generation, terms: Terms) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many documents hold each fingerprint and how many places have it, int64 (prints,) each, by the dictionaries of all shards: what
    is removed counts until it is merged away. Cost: a look-up for each, whatever its list."""
    text = {"exact": list[str](), "renamed": list[str]()}
    for i in terms.distinct:
        text[terms.fields[i]].append(terms.terms[i])
    asked = {"doc": {field: " ".join(each) for field, each in text.items()}, "term_statistics": True, **_NOTHING_ELSE}
    both = dict.fromkeys(zip(terms.fields, terms.terms, strict=True), (0, 0))
    routed = [{"_index": generation.index, "routing": routing, **asked} for routing in routings(generation.shards)]
    for shard in term_vectors(generation.connection, generation.place, routed, generation.until):
        for field in text:
            for term, one in shard.get(field, _NO_TERMS)["terms"].items():
                files, places = both[field, term]
                both[field, term] = files + one.get("doc_freq", 0), places + one.get("ttf", 0)
    columns = np.array([both[pair] for pair in zip(terms.fields, terms.terms, strict=True)], np.int64).reshape(-1, 2)
    return columns[:, 0].copy(), columns[:, 1].copy()


def count(generation: Generation, terms: Terms, left_out: list[Json], *, repositories: bool = True) -> tuple[NDArray[np.int64], ...]:
    """How many documents hold each fingerprint, and how many repositories, int64 (prints,) each. Cost: all their postings, and nothing
    of them without `repositories`."""
    asked = list(windows(terms.distinct))
    bodies = [counting(generation, terms, window, left_out, repositories=repositories) for window in asked]
    return counts_of(terms, asked, generation.search(bodies))


def counts_of(terms: Terms, asked: Sequence[Sequence[int]], answers: Sequence[Json]) -> tuple[NDArray[np.int64], ...]:
    """The counts of all fingerprints from the answers about windows of them."""
    both = np.zeros((len(terms), 2), np.int64)
    for window, answer in zip(asked, answers, strict=True):
        buckets = answer["aggregations"]["prints"]["buckets"]
        for i in window:
            bucket = buckets[str(i)]
            both[i] = bucket["doc_count"], bucket["repositories"]["value"] if "repositories" in bucket else 0
    of_all = both[terms.first]
    return of_all[:, 0].copy(), of_all[:, 1].copy()


def counting(generation: Generation, terms: Terms, window: Sequence[int], left_out: list[Json], *, repositories: bool = True) -> Json:
    """The search that counts the documents, and repositories, of each fingerprint of a window."""
    # Without a query the documents of a term are counted by its dictionary entry, where nothing else is asked of them.
    filters = {str(i): terms.clause(i) for i in window}
    exact = min(_MOST_EXACT, max(_LEAST_EXACT, 2 * isqrt(generation.repositories)))
    inner = {"aggs": {"repositories": {"cardinality": {"field": "repository_key", "precision_threshold": exact}}}} if repositories else {}
    query = {"query": {"bool": {"must_not": left_out}}} if left_out else {}
    return {"size": 0, "track_total_hits": False, **query, "aggs": {"prints": {"filters": {"filters": filters}, **inner}}}


def windows(prints: list[int]) -> Iterable[list[int]]:
    """As many at a time as one search takes."""
    return (prints[i : i + WINDOW] for i in range(0, len(prints), WINDOW))


WITH_TEXT: Json = {"track_total_hits": False, **WITH_KEPT}


def texts_of(answers: Sequence[Json]) -> dict[int, Kept]:
    """The documents of some answers, by number."""
    return {hit["sort"][-1]: kept_of(hit) for answer in answers for hit in answer["hits"]["hits"]}


def frequencies(generation: Generation, terms: Terms, stretches: Sequence[Sequence[int]], left_out: list[Json]) -> list[Frequency]:
    """How many documents, repositories and owners hold all of the fingerprints of each stretch."""
    counted = {name: {"cardinality": {"field": f"{name}_key", "precision_threshold": BOUND}} for name in ("repository", "owner")}
    bodies = [
        {
            "size": 0,
            "track_total_hits": BOUND,
            "query": {"bool": {"filter": [terms.clause(i) for i in prints], "must_not": left_out}},
            "aggs": counted,
        }
        for prints in stretches
    ]
    return [_frequency(answer) for answer in generation.search(bodies)]


def _frequency(answer: Json) -> Frequency:
    total = answer["hits"]["total"]
    owners, repositories = (answer["aggregations"][name]["value"] for name in ("owner", "repository"))
    return Frequency(total["value"], repositories, owners, total["relation"] != "eq")


def first_holders(
    generation: Generation, terms: Terms, prints: Sequence[int], files: NDArray[np.int64], left_out: list[Json]
) -> list[Frequency]:
    """What the first BOUND places of each of some fingerprints that have more say: lower bounds, as a folder reads no further."""
    told = {"stored_fields": "_none_", "docvalue_fields": ["repository_key", "owner_key"], "track_scores": True, "track_total_hits": False}
    bodies = [
        {"size": BOUND, "query": {"bool": {"must": [terms.clause(i)], "must_not": left_out}}, "sort": [{"number": "asc"}], **told}
        for i in prints
    ]
    answers = generation.search(bodies, by_idf=True)
    return [_first_of(answer["hits"]["hits"], _idf(generation, files[i])) for i, answer in zip(prints, answers, strict=True)]


def _first_of(hits: Sequence[Json], idf: float) -> Frequency:
    places = 1 + np.searchsorted(_MIDDLES, np.array([hit["_score"] for hit in hits]) / idf)
    before = np.cumsum(places) - places
    fields = [hit["fields"] for hit in hits[: int((before < BOUND).sum())]]
    repositories, owners = (len({each[name][0] for each in fields}) for name in ("repository_key", "owner_key"))
    return Frequency(len(fields), repositories, owners, capped=True)


def _idf(generation: Generation, files: np.int64) -> float:
    return float(np.log1p((generation.info.documents - files + 0.5) / (files + 0.5)))
