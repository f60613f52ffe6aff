"""Which documents of a cluster share most with a text, and how much? What is known before any but the best of them is read.

Not here: reading them and going on from there (`attribution`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.attribution.candidates import read_first
from indexer.attribution.whole import Frequency
from indexer.stores.elastic.kept import WITH_KEPT
from indexer.stores.elastic.questions import (
    CANDIDATES,
    Generation,
    Json,
    Terms,
    counting,
    counts_of,
    in_dictionaries,
    windows,
)
from indexer.stores.elastic.scoring import BEST_FIRST, STEPS, Weighed

_AT_HAND = 8  # documents of a window whose texts come at once: for most texts no others matter
_READ: Json = {"size": _AT_HAND, **WITH_KEPT}
_TOLD: Json = {
    "size": CANDIDATES,
    "stored_fields": "_none_",
    "docvalue_fields": ["repository_key", "owner_key"],
}


@dataclass(frozen=True, slots=True)
class Survey:
    """What a cluster says at once.

    `files`, `postings`, `holders` int64 (prints,): how many documents, places and repositories hold each fingerprint; what is removed or
    left out counts among the places, as in a folder; `read` bool (prints,), whose lists a folder would read. Of the documents that share
    most with the text: `numbers`, `repositories`, `owners` int64 (hits,), `holds` bool (hits, prints), `scores` float64 (hits,), the most
    that they may score; `best`, hits of the best of them with their texts. No other scores more than `others`, as far as is known.
    """

    files: NDArray[np.int64]
    postings: NDArray[np.int64]
    holders: NDArray[np.int64]
    read: NDArray[np.bool_]
    numbers: NDArray[np.int64]
    repositories: NDArray[np.int64]
    owners: NDArray[np.int64]
    holds: NDArray[np.bool_]
    scores: NDArray[np.float64]
    best: dict[int, Json]
    others: float

    @classmethod
    def of(cls, generation: Generation, terms: Terms, left_out: list[Json]) -> Survey:
        """Counts, and the documents that share most, by the sum of the weights of what they share; of equals those that came first.

        Two requests: the dictionaries decide which fingerprints are looked for, those whose lists a folder would read.
        """
        files, postings = in_dictionaries(generation, terms)
        weighed = Weighed.of(terms, postings, generation.info.documents)
        read, first = read_first(postings), np.array(terms.distinct, np.int64)
        wanted = first[read[first] & (files[first] > 0)]
        finding = list(windows(wanted[np.argsort(postings[wanted], kind="stable")].tolist()))
        is_all = not left_out and not generation.removed  # then what the dictionaries say is so
        counted = list(windows(first[files[first] > int(is_all)].tolist()))
        bodies = [_finding(weighed, window, left_out, told) for told in (_TOLD, _READ) for window in finding]
        answers = generation.search(bodies + [counting(generation, terms, window, left_out) for window in counted])
        found, best, counts = answers[: len(finding)], answers[len(finding) : 2 * len(finding)], answers[2 * len(finding) :]
        live_files, holders = counts_of(terms, counted, counts)
        if is_all:
            live_files, holders = files, np.where(files == 1, 1, holders)
        numbers, repositories, owners, holds, scores = _found(terms, found)
        others = float(scores.min()) if len(found) == 1 and len(scores) == CANDIDATES else 0.0
        hits = {hit["sort"][1]: hit for answer in best for hit in answer["hits"]["hits"]}
        return cls(live_files, postings, holders, read, numbers, repositories, owners, holds, scores, hits, others)

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


def _finding(weighed: Weighed, window: Sequence[int], left_out: list[Json], told: Json) -> Json:
    """The search for the documents that share most; with `_TOLD` each says which fingerprints of the window it holds."""
    clauses = [clause for i in window for clause in weighed.scoring(i, named=told is _TOLD)]
    query = {"bool": {"should": clauses, "minimum_should_match": 1, "must_not": left_out}}
    return {"track_total_hits": False, "query": query, "sort": BEST_FIRST, **told}


def _found(terms: Terms, answers: Sequence[Json]) -> tuple[NDArray[Any], ...]:
    """`numbers`, `repositories`, `owners`, `holds`, `scores` of the documents found; one that two windows found once."""
    fields: dict[int, Json] = {}
    held: dict[int, list[int]] = {}
    scores: dict[int, float] = {}
    for answer in answers:
        for hit in answer["hits"]["hits"]:
            score, number = hit["sort"]
            fields[number] = hit["fields"]
            held.setdefault(number, []).extend(map(int, hit["matched_queries"]))
            scores[number] = scores.get(number, 0.0) + score / STEPS
    holds = np.zeros((len(fields), len(terms)), np.bool_)
    for row, prints in enumerate(held.values()):
        holds[row, prints] = True
    repositories, owners = (np.array([each[name][0] for each in fields.values()], np.int64) for name in ("repository_key", "owner_key"))
    return np.array(list(fields), np.int64), repositories, owners, holds[:, terms.first], np.array(list(scores.values()))
