"""Where does this text come from, by a cluster? Its candidates are fetched and attributed like a folder's documents.

Where a fingerprint stays open, no verified run covering it, and more documents of the cluster may explain it, these are fetched too,
and the question is answered again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, Exclusion
from indexer.attribution.attribute import Ask, attribute_query
from indexer.attribution.query import Query
from indexer.attribution.whole import Frequency
from indexer.errors import BackendUnavailable
from indexer.fingerprint.spec import SPEC
from indexer.segment.segment import Segment
from indexer.stores.elastic import questions
from indexer.stores.elastic.questions import MOST_PRINTS, Generation, Terms
from indexer.stores.elastic.scratch import files_holding, segment_of

MOST_ROUNDS = 8  # of fetching more


@dataclass(slots=True)
class _Cluster:
    """The corpus behind the fetched documents, as indexer.attribution.whole.Whole says. `here` int64 (prints,): how many of the fetched
    documents hold each fingerprint; `exhausted` bool (prints,): no others may matter; `open` is noted when attribution asks."""

    generation: Generation
    terms: Terms
    left_out: list[dict[str, Any]]
    files: NDArray[np.int64]
    holders: NDArray[np.int64]
    here: NDArray[np.int64]
    exhausted: NDArray[np.bool_]
    open: list[int] = field(default_factory=list)

    @property
    def documents(self) -> int:
        """How many the corpus has."""
        return self.generation.info.documents

    @property
    def repositories(self) -> int:
        """How many the corpus has."""
        return self.generation.repositories

    def lacks(self, is_open: NDArray[np.bool_]) -> bool:
        """Whether open fingerprints have documents that were not fetched and may matter."""
        self.open = np.flatnonzero(is_open & (self.files > self.here) & ~self.exhausted).tolist()
        return bool(self.open)

    def frequency(self, prints: NDArray[np.int64]) -> Frequency | None:
        """From the cluster, unless every document of one of the fingerprints was fetched."""
        if (self.files[prints] <= self.here[prints]).any():
            return None
        rarest = prints[np.argsort(self.files[prints], kind="stable")[:MOST_PRINTS]]
        return questions.frequency(self.generation, self.terms, rarest.tolist(), self.left_out)


def attribute(generation: Generation, text: str | bytes, ask: Ask, exclude: Sequence[Exclusion] = ()) -> Attribution:
    """Verified spans of the text and their sources, as of an index without what `exclude` names. Raises BackendUnavailable."""
    begun, query = time.monotonic(), Query.of(text)
    if len(query) < GUARANTEE_TOKENS:
        return attribute_query((), generation.info, query, ask)
    terms, left_out = Terms.of(query), questions.without(exclude)
    files, holders = questions.count(generation, terms, left_out)
    numbers = questions.candidates(generation, terms, files, left_out)
    fetched = generation.documents(list(numbers))
    exhausted = np.zeros(len(terms), np.bool_)
    for last in range(MOST_ROUNDS, -1, -1):
        in_order = sorted(fetched, key=numbers.__getitem__)  # that of the index decides between equals
        segments = (segment_of([fetched[each] for each in in_order]),) if fetched else ()
        cluster = _Cluster(generation, terms, left_out, files, holders, _here(segments, query), exhausted)
        left = ask if ask.timeout_ms is None else replace(ask, timeout_ms=_left(ask.timeout_ms, begun))
        answer = attribute_query(segments, generation.info, query, left, cluster) if segments else _nothing(query, generation, left)
        if not cluster.open or not last or left.timeout_ms == 1:
            return answer
        try:
            more = questions.further(generation, terms, files, cluster.open, numbers, left_out)
            added = generation.documents(list(more))
        except BackendUnavailable:
            if ask.timeout_ms is None or _left(ask.timeout_ms, begun) > 1:
                raise
            return answer  # which is partial: the time is up
        if len(more) < questions.CANDIDATES:
            exhausted[cluster.open] = True
        numbers |= more
        fetched |= added
    raise AssertionError


def _left(timeout_ms: int, begun: float) -> int:
    return max(1, timeout_ms - int(1000 * (time.monotonic() - begun)))


def _nothing(query: Query, generation: Generation, ask: Ask) -> Attribution:
    from indexer.attribution.report import answer  # noqa: PLC0415 - shares its name with what is made here

    return answer("none", query, ask.offset_unit, generation.info)


def _here(segments: Sequence[Segment], query: Query) -> NDArray[np.int64]:
    streams = (SPEC.exact, query.exact.values), (SPEC.renamed, query.renamed.values)
    total = np.zeros(sum(len(values) for _, values in streams), np.int64)
    for segment in segments:
        total += np.concatenate([files_holding(segment, channel, values) for channel, values in streams])
    return total
