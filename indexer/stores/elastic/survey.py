"""Which documents of a cluster share most with a text, and how much? What is known before any of them is read.

Not here: reading them and going on from there (`attribution`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.attribution.whole import Frequency
from indexer.stores.elastic.mapping import SATURATION
from indexer.stores.elastic.questions import BEST_FIRST, WINDOW, Generation, Json, Terms, count, counting, counts_of, windows

HITS = 256  # documents a window of which is told which fingerprints they hold
_MIDDLES = [(SATURATION + 1) * places / (places + SATURATION) for places in (1.5, 2.5, 3.5)]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a cluster says at once.

    `files`, `holders` int64 (prints,): how many documents and repositories hold each fingerprint. Of the documents that share most with
    each window of the text: `numbers`, `repositories`, `owners` int64 (hits,), and `places` int64 (hits, prints), how many each has of a
    fingerprint, at most as many as an index keeps.
    """

    files: NDArray[np.int64]
    holders: NDArray[np.int64]
    numbers: NDArray[np.int64]
    repositories: NDArray[np.int64]
    owners: NDArray[np.int64]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, generation: Generation, terms: Terms, left_out: list[Json]) -> Survey:
        """Counts, and the documents that share most, by the sum of the rarity of what they share; of equals those that came first.

        One request; a long text takes two, so that the rarest fingerprints share a window.
        """
        distinct = terms.distinct
        if len(distinct) <= WINDOW:
            asked = [distinct] if distinct else []
            counted = [counting(generation, terms, window, left_out) for window in asked]
            answers = generation.search(counted + [_finding(terms, window, left_out) for window in asked], scored=True)
            (files, holders), found = counts_of(terms, asked, answers[: len(asked)]), answers[len(asked) :]
        else:
            files, holders = count(generation, terms, left_out)
            rarest_first = sorted((i for i in distinct if files[i] > 0), key=lambda i: int(files[i]))
            found = generation.search([_finding(terms, window, left_out) for window in windows(rarest_first)], scored=True)
        fields = {hit["sort"][1]: hit["fields"] for answer in found for hit in answer["hits"]["hits"]}
        repositories, owners = (np.array([each[name][0] for each in fields.values()], np.int64) for name in ("repository_key", "owner_key"))
        idf = None if left_out else np.log1p((generation.info.documents - files + 0.5) / (files + 0.5))
        return cls(files, holders, np.array(list(fields), np.int64), repositories, owners, _places(terms, list(fields), found, idf))

    @property
    def postings(self) -> NDArray[np.int64]:
        """How many places each fingerprint has in all documents, int64 (prints,). Documents not found here are taken to have half as many
        further places as those found, which share most."""
        known, places = (self.places > 0).sum(0), self.places.sum(0)
        others: NDArray[np.float64] = (self.files - known) * (1 + (places - known) / np.maximum(2 * known, 1))
        total: NDArray[np.int64] = places + np.rint(others).astype(np.int64)
        return total

    def frequency(self, prints: NDArray[np.int64]) -> Frequency | None:
        """How many hold all of some fingerprints; None where not all documents are known that hold any of them."""
        holds = self.places[:, prints] > 0
        if (holds.sum(0) < self.files[prints]).any():
            return None
        return self._of(np.asarray(holds.all(1), np.bool_), capped=False)

    def at_least(self, prints: NDArray[np.int64]) -> Frequency:
        """The same of the documents that are known: there may be more."""
        return self._of(np.asarray((self.places[:, prints] > 0).all(1), np.bool_), capped=True)

    def _of(self, held: NDArray[np.bool_], *, capped: bool) -> Frequency:
        repositories, owners = np.unique(self.repositories[held]), np.unique(self.owners[held])
        return Frequency(int(held.sum()), len(repositories), len(owners), capped)


def _finding(terms: Terms, window: Sequence[int], left_out: list[Json]) -> Json:
    query = {"bool": {"should": [terms.named(i) for i in window], "minimum_should_match": 1, "must_not": left_out}}
    told = {"stored_fields": "_none_", "docvalue_fields": ["repository_key", "owner_key"]}  # an id would cost unpacking a block of texts
    return {"size": HITS, "track_total_hits": False, "query": query, "sort": BEST_FIRST, **told}


def _places(terms: Terms, numbers: list[int], found: Sequence[Json], idf: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """How many places each of the documents found has of each fingerprint, by what that scored. Without `idf`, one at least of those that
    hold a fingerprint is taken to have one place of it."""
    places = np.zeros((len(numbers), len(terms)), np.int64)
    rows = {number: row for row, number in enumerate(numbers)}
    hits = [(rows[hit["sort"][1]], hit["matched_queries"]) for answer in found for hit in answer["hits"]["hits"]]
    triples = [(row, int(name), score) for row, matched in hits for name, score in matched.items()]
    if not triples:
        return places
    row, print_, score = (np.array(each) for each in zip(*triples, strict=True))
    if idf is None:
        idf = np.full(len(terms), np.inf)
        np.minimum.at(idf, print_, score)
    places[row, print_] = 1 + np.searchsorted(_MIDDLES, score / np.maximum(idf[print_], 1e-9))
    return places[:, terms.first]
