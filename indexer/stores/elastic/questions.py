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
from indexer.stores.elastic.cluster import Until, get_many, search_many, within
from indexer.stores.elastic.mapping import agreeing_sides, signed, terms_of
from indexer.stores.elastic.settings import Place

WINDOW = 512  # terms of one search, of both channels
CANDIDATES = 64  # documents fetched at once, a window
SHORT_LIST = 8  # documents: so few are candidates whatever their contexts are
_SEARCHES = 8  # in one request
_LEAST_EXACT, _MOST_EXACT = 100, 4000  # repositories counted without error; more than the root of all weigh nothing (`significance`)
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
    until: Until | None = None

    def within(self, timeout_ms: int | None = None) -> Generation:
        """The same for one question, whose requests together take no longer than this and than the place allows."""
        most = self.place.timeout_ms if timeout_ms is None else min(timeout_ms, self.place.timeout_ms)
        until = Until(time.monotonic() + most / 1000)
        return replace(self, client=within(self.client, until), until=until)

    @property
    def is_over(self) -> bool:
        """Whether the time of the question is up."""
        return self.until is not None and time.monotonic() >= self.until

    def search(self, bodies: Sequence[Json], *, scored: bool = False) -> list[Json]:
        """The answers to some searches, in order; with `scored` a hit says what each named clause scored."""
        answers = []
        for i in range(0, len(bodies), _SEARCHES):
            answers += search_many(self.client, self.place, self.index, bodies[i : i + _SEARCHES], scored=scored, until=self.until)
        return answers

    def documents(self, ids: Sequence[str]) -> dict[str, Json]:
        """`row` and `content` of documents by id, without those that are gone."""
        return get_many(self.client, self.place, self.index, ids, self.until) if ids else {}

    def numbered(self, numbers: Sequence[int]) -> dict[int, Json]:
        """The same by their numbers; reads no more than is needed: an id costs unpacking a block of texts."""
        windows = [list(numbers[i : i + CANDIDATES]) for i in range(0, len(numbers), CANDIDATES)]
        bodies = [{"size": len(window), "query": {"bool": {"filter": {"terms": {"number": window}}}}, **_WITH_TEXT} for window in windows]
        return _texts(self.search(bodies))


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

    def named(self, i: int) -> Json:
        """The same; a document says that it was found by `i`."""
        return {"term": {self.fields[i]: {"value": self.terms[i], "_name": str(i)}}}

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """For each its first equal, int64 (prints,)."""
        firsts: dict[tuple[str, str], int] = {}
        pairs = enumerate(zip(self.fields, self.terms, strict=True))
        return np.array([firsts.setdefault(pair, i) for i, pair in pairs], np.int64)

    @cached_property
    def distinct(self) -> list[int]:
        """The first of each that occurs more than once."""
        return np.unique(self.first).tolist()  # type: ignore[no-any-return]


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


BEST_FIRST = [{"_score": "desc"}, {"number": "asc"}]
_WITH_TEXT: Json = {"track_total_hits": False, "sort": [{"number": "asc"}], "_source": True}


def further(
    generation: Generation, terms: Terms, files: NDArray[np.int64], prints: Sequence[int], have: Iterable[int], left_out: list[Json]
) -> dict[int, Json]:
    """More documents, by number, that may hold a run of the guaranteed length around one of some exact fingerprints."""
    clauses = [terms.clause(i) if files[i] <= SHORT_LIST else _agreeing(terms, i) for i in prints]
    known = {"terms": {"number": list(have)}}
    bodies = [
        {
            **_WITH_TEXT,
            "size": CANDIDATES,
            "query": {"bool": {"should": clauses[i : i + WINDOW], "minimum_should_match": 1, "must_not": [*left_out, known]}},
            "sort": BEST_FIRST,
        }
        for i in range(0, len(clauses), WINDOW)
    ]
    return _texts(generation.search(bodies))


def _agreeing(terms: Terms, i: int) -> Json:
    """What finds the documents that hold fingerprint i and may hold it with one of its contexts."""
    return {"bool": {"must": [terms.clause(i)], "filter": [{"terms": {"sides": agreeing_sides(int(terms.keys[i]))}}]}}


def _texts(answers: Sequence[Json]) -> dict[int, Json]:
    return {hit["sort"][-1]: hit["_source"] for answer in answers for hit in answer["hits"]["hits"]}


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
