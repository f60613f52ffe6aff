"""What may a document score? The searches that rank documents as a folder ranks candidates, by the weights of what they share.

A folder knows where in a document a fingerprint stands and adds up by places; the cluster adds up by documents, and knows contexts of
the exact channel, by hashes. So what it says is an upper bound, mostly equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.attribution.candidate_kernels import TIE
from indexer.attribution.candidates import weights_of
from indexer.segment.kernels import LONG_LIST
from indexer.stores.elastic.kept import Kept
from indexer.stores.elastic.mapping import agreeing_sides
from indexer.stores.elastic.questions import WINDOW, WITH_TEXT, Generation, Terms, texts_of, windows

BEST_FIRST = [{"_score": "desc"}, {"number": "asc"}]
STEPS = 1024  # weights are whole numbers of such steps, whose sums are exact in the 24 bits of a score
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Weighed:
    """The fingerprints of a text, how many places each has in the corpus, int64 (prints,), and what it adds to a score, float64."""

    terms: Terms
    postings: NDArray[np.int64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, terms: Terms, postings: NDArray[np.int64], documents: int) -> Weighed:
        """With the weights that a folder of so many documents gives them."""
        return cls(terms, postings, weights_of(postings, documents))

    def scoring(self, i: int, *, named: bool = False) -> list[Json]:
        """The clauses that add to a document's score what fingerprint i adds to a candidate's at most, in steps; `named`, they tell
        whether it holds it. Of a long list only places with an agreeing context count, as far as the cluster knows contexts."""
        term, name = self.terms.clause(i), {"_name": str(i)} if named else {}
        if not self._has_contexts(i):
            return [_constant([term], self.weights[i] * (1 + TIE), name)]
        sides = self._sides(i)
        clauses = [_constant([term, {"terms": {"sides": sides}}], self.weights[i])]
        if len(sides) > 1:
            clauses.append(_constant([term, *({"term": {"sides": side}} for side in sides[1:])], self.weights[i] * TIE))
        return [*clauses, _constant([term], 0.0, name)] if named else clauses

    def holding(self, i: int) -> Json:
        """What finds the documents that hold fingerprint i of the exact channel, and may hold it in a run of the guaranteed length."""
        term = self.terms.clause(i)
        return {"bool": {"filter": [term, {"terms": {"sides": self._sides(i)}}]}} if self._has_contexts(i) else term

    def _has_contexts(self, i: int) -> bool:
        """Whether a folder compares the contexts of a fingerprint's places, and the cluster can: not of one that the text has twice."""
        return self.terms.fields[i] == "exact" and self.postings[i] > LONG_LIST and not self.terms.is_repeated[i]

    def _sides(self, i: int) -> list[str]:
        return agreeing_sides(int(self.terms.keys[i]))


def _constant(filters: Sequence[Json], weight: float, name: Json | None = None) -> Json:
    only = filters[0] if len(filters) == 1 else {"bool": {"filter": filters}}
    return {"constant_score": {"filter": only, "boost": round(weight * STEPS), **(name or {})}}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: at most `size` documents, that score `least` by the fingerprints `scored`, the rarest first, and hold one of the
    exact ones `having`, if given; not those numbered `have`, nor what `left_out` finds."""

    scored: list[int]
    having: list[int] | None
    size: int
    least: float
    have: Iterable[int]
    left_out: list[Json]


def more(generation: Generation, weighed: Weighed, wanted: Wanted) -> tuple[dict[int, Kept], float]:
    """Documents by number, those that may score most, and the most that others may score.

    More than one window of fingerprints is searched for window by window, `size` each; what others may score is not known then, and
    infinite for `having`, else 0.
    """
    scored, having = wanted.scored, wanted.having
    if having is None:
        bodies = [_searching(weighed, wanted, window, None) for window in windows(scored)]
    else:
        bodies = [_searching(weighed, wanted, scored if len(scored) <= WINDOW else window, window) for window in windows(having)]
    answers = generation.search(bodies)
    lasts = [hits[-1]["sort"][0] / STEPS for answer in answers if len(hits := answer["hits"]["hits"]) == wanted.size]
    if len(bodies) == 1 and len(scored) <= WINDOW:
        return texts_of(answers), max(lasts, default=0.0)
    return texts_of(answers), np.inf if lasts and having is not None else 0.0


def _searching(weighed: Weighed, wanted: Wanted, scored: list[int], having: list[int] | None) -> Json:
    query: Json = {
        "should": [clause for i in scored for clause in weighed.scoring(i)],
        "minimum_should_match": 1,
        "must_not": [*wanted.left_out, {"terms": {"number": list(wanted.have)}}],
    }
    if having is not None:
        query["filter"] = [{"bool": {"should": [weighed.holding(i) for i in having]}}]
    return {"size": wanted.size, "query": {"bool": query}, "sort": BEST_FIRST, "min_score": wanted.least * STEPS, **WITH_TEXT}
