"""Where does this text come from, by a cluster? Documents that may matter are fetched and attributed like those of a folder.

First those that may score well beside the best one, by the fingerprints they hold. Where one stays open then, no verified run covering
it, and more documents of the cluster may explain it, these are fetched too, and the question is answered again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, Exclusion
from indexer.attribution.attribute import MOST_EQUALS, WORTH, Ask, attribute_query, more_of
from indexer.attribution.candidates import Finder
from indexer.attribution.frequency import BOUND, MOST_PRINTS
from indexer.attribution.query import Query
from indexer.attribution.report import answer as nothing_found
from indexer.attribution.whole import Frequency
from indexer.errors import BackendUnavailable
from indexer.fingerprint.spec import Channel
from indexer.segment.kernels import LONG_LIST
from indexer.stores.elastic import questions
from indexer.stores.elastic.questions import CANDIDATES, Generation, Json, Terms
from indexer.stores.elastic.scratch import Scratch, segment_of
from indexer.stores.elastic.survey import Survey

MOST_ROUNDS = 8  # of fetching more
_ROUNDING = 1e-9  # equal sums of weights may differ by so much


@dataclass(slots=True)
class _Cluster:
    """The corpus behind the fetched documents, as indexer.attribution.whole.Whole says.

    `texts` by number, None for one that is gone; `exhausted` bool (prints,): no others may matter; `open` is noted when attribution asks.
    """

    generation: Generation
    query: Query
    terms: Terms
    left_out: list[Json]
    survey: Survey
    exhausted: NDArray[np.bool_]
    texts: dict[int, Json | None] = field(default_factory=dict)
    segments: tuple[Scratch, ...] = ()
    open: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, generation: Generation, query: Query, exclude: Sequence[Exclusion]) -> _Cluster:
        """What the first requests tell."""
        terms, left_out = Terms.of(query), questions.without(exclude)
        survey = Survey.of(generation, terms, left_out)
        made = cls(generation, query, terms, left_out, survey, np.zeros(len(terms), np.bool_))
        made._add(survey.texts)
        return made

    @property
    def files(self) -> NDArray[np.int64]:
        """How many documents hold each fingerprint."""
        return self.survey.files

    @property
    def postings(self) -> NDArray[np.int64]:
        """How many places each has."""
        return self.survey.postings

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
        """Fetches the documents that attribution may verify for their score: those that may score as well as so many others do."""
        most = MOST_EQUALS + more_of(self.query)
        while self.segments and len(self.texts) < len(self.survey.numbers):
            scores = Finder(self.segments, self.query, self).find().scores
            best = float(scores[0]) if len(scores) else 0.0  # where its hits lie apart the best one scores less than it holds
            last = float(scores[most - 1]) if len(scores) >= most else 0.0
            more = self._likely(max(WORTH * best, last), above=last)[:most]
            if not more:
                return
            self._add(dict.fromkeys(more) | self.generation.numbered(more))

    def _likely(self, least: float, above: float) -> list[int]:
        """The documents not fetched yet that may score so well, the likeliest first."""
        numbers, scores = self.survey.numbers, self.survey.scores
        likely = np.flatnonzero((scores >= least) & (scores > above + _ROUNDING))
        in_order = numbers[likely[np.lexsort((numbers[likely], -scores[likely]))]].tolist()
        return [number for number in in_order if number not in self.texts]

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
        """From the survey where that knows all documents in question, else the cluster is asked; as a folder counts, by the rarest
        fingerprints whose lists it reads, and of a long one the beginning."""
        read = [self._counted_by(prints) for prints in stretches]
        known: list[Frequency | None] = [self.survey.frequency(prints) for prints in read]
        unknown = [i for i, one in enumerate(known) if one is None]
        try:
            for i, one in zip(unknown, self._asked([read[i] for i in unknown]), strict=True):
                known[i] = one
        except BackendUnavailable:
            if not self.generation.is_over:
                raise
        return [one or self.survey.at_least(prints) for one, prints in zip(known, read, strict=True)]

    def _counted_by(self, prints: NDArray[np.int64]) -> NDArray[np.int64]:
        rarest: NDArray[np.int64] = prints[np.argsort(self.postings[prints], kind="stable")[:MOST_PRINTS]]
        counted: NDArray[np.int64] = rarest[(self.postings[rarest] <= BOUND) | (rarest == rarest[0])]
        return counted

    def _asked(self, stretches: Sequence[NDArray[np.int64]]) -> Iterator[Frequency]:
        is_long = [bool(self.postings[prints[0]] > BOUND) for prints in stretches]
        longs = [int(prints[0]) for prints, long in zip(stretches, is_long, strict=True) if long]
        others = [prints.tolist() for prints, long in zip(stretches, is_long, strict=True) if not long]
        begun = iter(questions.first_holders(self.generation, self.terms, longs, self.files, self.left_out))
        counted = iter(questions.frequencies(self.generation, self.terms, others, self.left_out))
        return (next(begun if long else counted) for long in is_long)


def attribute(generation: Generation, text: str | bytes, ask: Ask, exclude: Sequence[Exclusion] = ()) -> Attribution:
    """Verified spans of the text and their sources, as of an index without what `exclude` names. Raises BackendUnavailable.

    Two requests and two milliseconds for most texts.
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
