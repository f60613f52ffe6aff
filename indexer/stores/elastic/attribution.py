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
from indexer.attribution.attribute import LIKE_THE_BEST, Ask, attribute_query
from indexer.attribution.candidates import Candidates
from indexer.attribution.frequency import BOUND, MOST_PRINTS
from indexer.attribution.query import Query
from indexer.attribution.report import answer as nothing_found
from indexer.attribution.whole import Frequency
from indexer.errors import BackendUnavailable
from indexer.fingerprint.spec import Channel
from indexer.segment.kernels import LONG_LIST
from indexer.stores.elastic import questions
from indexer.stores.elastic.kept import Kept
from indexer.stores.elastic.questions import CANDIDATES, Generation, Json, Terms
from indexer.stores.elastic.scratch import Asked as PrintsAsked
from indexer.stores.elastic.scratch import Scratch, segment_of
from indexer.stores.elastic.survey import Survey

MOST_ROUNDS = 8  # of fetching more
_ROUNDING = 1e-9  # equal sums of weights may differ by so much


@dataclass(slots=True)
class _Cluster:
    """The corpus behind the fetched documents, as indexer.attribution.whole.Whole says.

    `texts`: the numbers of the documents fetched, with those that are gone; `unread`: what others may score at most, by number, and
    `is_listed`: all that are worth it; `exhausted` bool (prints,): no others may matter. `awaited`, of `unread`, and `open`: what
    attribution asked for.
    """

    generation: Generation
    query: Query
    terms: Terms
    left_out: list[Json]
    survey: Survey
    exhausted: NDArray[np.bool_]
    texts: set[int] = field(default_factory=set)
    segments: tuple[Scratch, ...] = ()
    open: list[int] = field(default_factory=list)
    unread: dict[int, float] = field(default_factory=dict)
    is_listed: bool = False
    awaited: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, generation: Generation, query: Query, exclude: Sequence[Exclusion]) -> _Cluster:
        """What the first requests tell."""
        terms, left_out = Terms.of(query), questions.without(exclude)
        survey = Survey.of(generation, terms, left_out)
        made = cls(generation, query, terms, left_out, survey, np.zeros(len(terms), np.bool_))
        made.unread = dict(zip(survey.numbers.tolist(), survey.scores.tolist(), strict=True))
        made.is_listed = len(survey.numbers) < CANDIDATES
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

    def may_beat(self, score: float, least: float, copies_of: Candidates | None, most: int) -> bool:
        """Whether documents that are missing may score more; those are fetched next that may be looked at."""
        wanted = {number: bound for number, bound in self.unread.items() if bound > least}
        if copies_of is not None and self._knows_above(least) and int((copies_of.scores >= least).sum()) + len(wanted) <= most:
            wanted = self._likely(wanted, copies_of)
        self.awaited = wanted if max(wanted.values(), default=0.0) > score + _ROUNDING else {}
        return bool(self.awaited)

    def _knows_above(self, least: float) -> bool:
        """Whether all documents that may score more are known; one search names those first that may score most."""
        return self.is_listed or (len(self.survey.looked_for) == 1 and float(self.survey.scores.min(initial=np.inf)) <= least)

    def _likely(self, wanted: dict[int, float], copies_of: Candidates) -> dict[int, float]:
        """Those that may score well beside the best candidates which hold the same fingerprints."""
        best = copies_of.best_holding(len(self.terms))
        beside = dict(zip(self.survey.numbers.tolist(), np.where(self.survey.holds, best, np.inf).min(1).tolist(), strict=True))
        return {number: bound for number, bound in wanted.items() if bound >= LIKE_THE_BEST * beside.get(number, 0.0) - _ROUNDING}

    def fetch_likely(self) -> None:
        """Fetches the awaited documents that may score best, as many as there are: what is at hand is compared again with them."""
        most = max(CANDIDATES // 2, len(self.texts))
        if not self.is_listed and len(self.unread) <= most:
            listed = self.survey.listed(self.generation, self.terms, self.left_out) | self.unread
            self.unread = {number: score for number, score in listed.items() if number not in self.texts}
            self.is_listed, self.awaited = True, self.unread
        more = sorted(self.awaited, key=lambda number: (-self.awaited[number], number))[:most]
        self.awaited = {}
        self._add(dict.fromkeys(more) | self.generation.numbered(more))

    def _add(self, texts: dict[int, Kept | None] | dict[int, Kept]) -> None:
        there = [text for _, text in sorted(texts.items()) if text is not None]  # their order in the index decides between equals
        self.texts |= texts.keys()
        self.unread = {number: score for number, score in self.unread.items() if number not in self.texts}
        if there:
            self.segments += (segment_of(there, self._asked_of()),)

    def _asked_of(self) -> dict[Channel, PrintsAsked]:
        is_common, n = self.postings > LONG_LIST, len(self.query.exact.keys)
        streams = (self.query.exact, is_common[:n]), (self.query.renamed, is_common[n:])
        return {one.channel: PrintsAsked(np.unique(one.values), np.unique(one.values[which])) for one, which in streams}

    def lacks(self, is_open: NDArray[np.bool_]) -> bool:
        """Whether open fingerprints have documents that were not fetched and may matter."""
        wanted = np.flatnonzero(is_open & ~self.exhausted)
        if len(wanted):
            here = sum(segment.files_holding(self.query.exact.values[wanted]) for segment in self.segments)
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
    cluster, rounds = _Cluster.of(generation, query, exclude), MOST_ROUNDS
    while True:
        left = ask if ask.timeout_ms is None else replace(ask, timeout_ms=_left(ask.timeout_ms, begun))
        if not cluster.segments:
            return nothing_found("none", query, ask.offset_unit, generation.info)
        answer = attribute_query(cluster.segments, generation.info, query, left, cluster)
        if not (cluster.awaited or (cluster.open and rounds)) or left.timeout_ms == 1:
            return answer
        try:
            if cluster.awaited:
                cluster.fetch_likely()
            else:
                cluster.fetch_further()
                rounds -= 1
        except BackendUnavailable:
            if not generation.is_over:
                raise
            return answer  # which is partial, as documents are open


def _left(timeout_ms: int, begun: float) -> int:
    return max(1, timeout_ms - int(1000 * (time.monotonic() - begun)))
