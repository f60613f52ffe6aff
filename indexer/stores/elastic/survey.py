"""Which documents of a cluster share most with a text, and how much? What is known before any but the best of them is read.

Not here: reading them and going on from there (`attribution`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.attribution.candidate_kernels import TIE
from indexer.attribution.candidates import read_first, weights_of
from indexer.attribution.whole import Frequency
from indexer.stores.elastic.kept import WITH_KEPT, Kept
from indexer.stores.elastic.questions import (
    BEST_FIRST,
    CANDIDATES,
    Generation,
    Json,
    Terms,
    counting,
    counts_of,
    in_dictionaries,
    texts_of,
    windows,
)

_AT_ONCE = 2  # documents of a window that are read at once: for most texts no other matters
_READ: Json = {"size": _AT_ONCE, **WITH_KEPT}
_TOLD: Json = {
    "size": CANDIDATES,
    "stored_fields": "_none_",
    "docvalue_fields": ["repository_key", "owner_key"],
}
_LISTED: Json = {"size": 320, "stored_fields": "_none_"}  # as many as attribution may compare, and some
_STEPS = 64  # weights are whole numbers of such steps, whose sums are exact in the 24 bits of a score


@dataclass(frozen=True, slots=True)
class Survey:
    """What a cluster says at once.

    `files`, `postings`, `holders` int64 (prints,): how many documents, places and repositories hold each fingerprint; what is removed or
    left out counts among the places, as in a folder. Of the documents that share most with the text: `numbers`, `repositories`, `owners`
    int64 (hits,), `holds` bool (hits, prints), `scores` float64 (hits,), the most that they may score; `texts` of the best of them.
    `looked_for`: windows of fingerprints that they were found by.
    """

    files: NDArray[np.int64]
    postings: NDArray[np.int64]
    holders: NDArray[np.int64]
    numbers: NDArray[np.int64]
    repositories: NDArray[np.int64]
    owners: NDArray[np.int64]
    holds: NDArray[np.bool_]
    scores: NDArray[np.float64]
    texts: dict[int, Kept]
    looked_for: list[list[int]]

    @classmethod
    def of(cls, generation: Generation, terms: Terms, left_out: list[Json]) -> Survey:
        """Counts, and the documents that share most, by the sum of the weights of what they share; of equals those that came first.

        Two requests: the dictionaries decide which fingerprints are looked for, those whose lists a folder would read.
        """
        files, postings = in_dictionaries(generation, terms)
        weights = weights_of(postings, generation.info.documents)
        first = np.array(terms.distinct, np.int64)
        wanted = first[read_first(postings)[first] & (files[first] > 0)]
        finding = list(windows(wanted[np.argsort(postings[wanted], kind="stable")].tolist()))
        is_all = not left_out and not generation.removed  # then what the dictionaries say is so
        counted = list(windows(first[files[first] > int(is_all)].tolist()))
        bodies = [_finding(terms, weights, window, left_out, told) for told in (_TOLD, _READ) for window in finding]
        answers = generation.search(bodies + [counting(generation, terms, window, left_out) for window in counted])
        found, read, counts = answers[: len(finding)], answers[len(finding) : 2 * len(finding)], answers[2 * len(finding) :]
        live_files, holders = counts_of(terms, counted, counts)
        if is_all:
            live_files, holders = files, np.where(files == 1, 1, holders)
        numbers, repositories, owners, holds, scores = _found(terms, weights, found)
        return cls(live_files, postings, holders, numbers, repositories, owners, holds, scores, texts_of(read), finding)

    def listed(self, generation: Generation, terms: Terms, left_out: list[Json]) -> dict[int, float]:
        """What each of many more documents may score at most, by number."""
        weights = weights_of(self.postings, generation.info.documents)
        bodies = [_finding(terms, weights, window, left_out, _LISTED) for window in self.looked_for]
        hits = [hit for answer in generation.search(bodies) for hit in answer["hits"]["hits"]]
        return {hit["sort"][1]: hit["sort"][0] / _STEPS for hit in hits}

    def frequency(self, prints: NDArray[np.int64]) -> Frequency | None:
        """How many hold all of some fingerprints; None where not all documents are known that hold any of them."""
        holds = self.holds[:, prints]
        if (holds.sum(0) < self.files[prints]).any():
            return None
        return self._of(np.asarray(holds.all(1), np.bool_), capped=False)

    def at_least(self, prints: NDArray[np.int64]) -> Frequency:
        """The same of the documents that are known: there may be more."""
        return self._of(np.asarray(self.holds[:, prints].all(1), np.bool_), capped=True)

    def _of(self, held: NDArray[np.bool_], *, capped: bool) -> Frequency:
        repositories, owners = np.unique(self.repositories[held]), np.unique(self.owners[held])
        return Frequency(int(held.sum()), len(repositories), len(owners), capped)


def _finding(terms: Terms, weights: NDArray[np.float64], window: Sequence[int], left_out: list[Json], told: Json) -> Json:
    """The search for the documents that share most; with `_TOLD` each says which fingerprints of the window it holds."""
    steps = np.ceil(weights * (1 + TIE) * _STEPS).tolist()  # agreeing contexts add as much to a weight
    named = [{"_name": str(i)} if told is _TOLD else {} for i in window]
    clauses = [{"constant_score": {"filter": terms.clause(i), "boost": steps[i], **name}} for i, name in zip(window, named, strict=True)]
    query = {"bool": {"should": clauses, "minimum_should_match": 1, "must_not": left_out}}
    return {"track_total_hits": False, "query": query, "sort": BEST_FIRST, **told}


def _found(terms: Terms, weights: NDArray[np.float64], answers: Sequence[Json]) -> tuple[NDArray[Any], ...]:
    """`numbers`, `repositories`, `owners`, `holds`, `scores` of the documents found; one that two windows found once."""
    fields: dict[int, Json] = {}
    held: dict[int, list[int]] = {}
    for answer in answers:
        for hit in answer["hits"]["hits"]:
            number = hit["sort"][1]
            fields[number] = hit["fields"]
            held.setdefault(number, []).extend(map(int, hit["matched_queries"]))
    holds = np.zeros((len(fields), len(terms)), np.bool_)
    for row, prints in enumerate(held.values()):
        holds[row, prints] = True
    scores = holds @ (weights * (1 + TIE))
    repositories, owners = (np.array([each[name][0] for each in fields.values()], np.int64) for name in ("repository_key", "owner_key"))
    return np.array(list(fields), np.int64), repositories, owners, holds[:, terms.first], scores
