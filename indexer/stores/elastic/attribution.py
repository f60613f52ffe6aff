"""Where does this text come from, by a cluster? Documents that may matter are fetched and attributed like those of a folder.

First those that may score well beside the best one, by the fingerprints they hold. Where one stays open then, no verified run covering
it, and more documents of the cluster may explain it, these are fetched too, and the question is answered again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, Exclusion
from indexer.attribution.attribute import WORTH, Ask, attribute_query
from indexer.attribution.candidates import Finder, weights_of
from indexer.attribution.frequency import MOST_PRINTS
from indexer.attribution.query import Query
from indexer.attribution.report import answer as nothing_found
from indexer.attribution.whole import Frequency
from indexer.errors import BackendUnavailable
from indexer.fingerprint.spec import Channel
from indexer.segment.kernels import LONG_LIST
from indexer.stores.elastic import questions
from indexer.stores.elastic.questions import CANDIDATES, WINDOW, Generation, Json, Terms
from indexer.stores.elastic.scratch import Scratch, segment_of
from indexer.stores.elastic.survey import Survey

MOST_ROUNDS = 8  # of fetching more


@dataclass(slots=True)
class _Cluster:
    """The corpus behind the fetched documents, as indexer.attribution.whole.Whole says.

    `postings` as there; `scores` float64 (hits,): at most so much do the documents of the survey score; `texts` by number, None for one
    that is gone; `exhausted` bool (prints,): no others may matter; `open` is noted when attribution asks.
    """

    generation: Generation
    query: Query
    terms: Terms
    left_out: list[Json]
    survey: Survey
    postings: NDArray[np.int64]
    scores: NDArray[np.float64]
    exhausted: NDArray[np.bool_]
    texts: dict[int, Json | None] = field(default_factory=dict)
    segments: tuple[Scratch, ...] = ()
    open: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, generation: Generation, query: Query, exclude: Sequence[Exclusion]) -> _Cluster:
        """What is known before any document is fetched."""
        terms, left_out = Terms.of(query), questions.without(exclude)
        survey = Survey.of(generation, terms, left_out)
        distinct = terms.distinct
        postings = survey.postings
        scores = (survey.places[:, distinct] > 0) @ weights_of(postings[distinct], generation.info.documents)
        return cls(generation, query, terms, left_out, survey, postings, scores, np.zeros(len(terms), np.bool_))

    @property
    def files(self) -> NDArray[np.int64]:
        """How many documents hold each fingerprint."""
        return self.survey.files

    @property
    def holders(self) -> NDArray[np.int64]:
        """How many repositories do."""
        return self.survey.holders

    @property
    def documents(self) -> int:
        """How many the corpus has."""
        return self.generation.info.documents

    @property
    def repositories(self) -> int:
        """How many the corpus has."""
        return self.generation.repositories

    def fetch_likely(self) -> None:
        """Fetches the documents that attribution may verify for their score."""
        best = float(self.scores.max(initial=0.0))
        self._fetch(self._likely(best))
        while self.segments and len(self.texts) < len(self.scores):
            found = Finder(self.segments, self.query, self).find()  # where its hits lie apart the best one scores less than it holds
            more = self._likely(float(found.scores[0])) if len(found) else []
            if not more:
                return
            self._fetch(more)

    def _likely(self, best: float) -> list[int]:
        """The documents not fetched yet that may score well beside the best one, the likeliest first, as far as there is room."""
        numbers = self.survey.numbers
        room = CANDIDATES * max(1, -(-len(self.terms) // WINDOW)) - len(self.texts)
        likely = np.flatnonzero(self.scores >= WORTH * best)
        in_order = numbers[likely[np.lexsort((numbers[likely], -self.scores[likely]))]].tolist()
        return [number for number in in_order if number not in self.texts][: max(0, room)]

    def _fetch(self, numbers: Sequence[int]) -> None:
        self._add(dict.fromkeys(numbers) | self.generation.numbered(numbers))

    def _add(self, texts: dict[int, Json | None] | dict[int, Json]) -> None:
        self.texts |= texts
        there = [text for _, text in sorted(self.texts.items()) if text is not None]  # their order in the index decides between equals
        self.segments = (segment_of(there, self._common()),) if there else ()

    def _common(self) -> dict[Channel, NDArray[np.uint64]]:
        is_common, n = self.postings > LONG_LIST, len(self.query.exact.keys)
        streams = (self.query.exact, is_common[:n]), (self.query.renamed, is_common[n:])
        return {stream.channel: np.unique(stream.values[which]) for stream, which in streams}

    def lacks(self, is_open: NDArray[np.bool_]) -> bool:
        """Whether open fingerprints have documents that were not fetched and may matter."""
        wanted = np.flatnonzero(is_open & ~self.exhausted)
        if len(wanted) and self.segments:
            here = self.segments[0].files_holding(self.query.exact.values[wanted])
            wanted = wanted[self.files[wanted] > here]
        self.open = wanted.tolist()
        return bool(self.open)

    def fetch_further(self) -> None:
        """Fetches documents that hold open fingerprints; where there are no more, notes it."""
        more = questions.further(self.generation, self.terms, self.files, self.open, self.texts, self.left_out)
        if len(more) < CANDIDATES:
            self.exhausted[self.open] = True
        self.open = []
        if more:
            self._add(more)

    def frequencies(self, stretches: Sequence[NDArray[np.int64]]) -> list[Frequency]:
        """From the survey where that knows all documents in question, else the cluster is asked."""
        rarest = [prints[np.argsort(self.postings[prints], kind="stable")[:MOST_PRINTS]] for prints in stretches]
        known = [self.survey.frequency(prints) for prints in rarest]
        unknown = [prints.tolist() for prints, one in zip(rarest, known, strict=True) if one is None]
        try:
            asked = iter(questions.frequencies(self.generation, self.terms, unknown, self.left_out))
        except BackendUnavailable:
            if not self.generation.is_over:
                raise
            asked = iter([self.survey.at_least(np.array(prints)) for prints in unknown])
        return [one or next(asked) for one in known]


def attribute(generation: Generation, text: str | bytes, ask: Ask, exclude: Sequence[Exclusion] = ()) -> Attribution:
    """Verified spans of the text and their sources, as of an index without what `exclude` names. Raises BackendUnavailable.

    Two requests and a millisecond for most texts.
    """
    begun, query = time.monotonic(), Query.of(text)
    if len(query) < GUARANTEE_TOKENS:
        return attribute_query((), generation.info, query, ask)
    cluster = _Cluster.of(generation, query, exclude)
    cluster.fetch_likely()
    for last in range(MOST_ROUNDS, -1, -1):
        left = ask if ask.timeout_ms is None else replace(ask, timeout_ms=_left(ask.timeout_ms, begun))
        if not cluster.segments:
            return nothing_found("none", query, ask.offset_unit, generation.info)
        answer = attribute_query(cluster.segments, generation.info, query, left, cluster)
        if not cluster.open or not last or left.timeout_ms == 1:
            return answer
        try:
            cluster.fetch_further()
        except BackendUnavailable:
            if not generation.is_over:
                raise
            return answer  # which is partial, as documents are open
    raise AssertionError


def _left(timeout_ms: int, begun: float) -> int:
    return max(1, timeout_ms - int(1000 * (time.monotonic() - begun)))
