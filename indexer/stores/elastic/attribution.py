"""Where does this text come from, by a cluster? Documents that may matter are fetched and attributed like those of a folder.

First those that may score well beside the best one, by the fingerprints they hold. Where one stays open then, no verified run covering
it, and more documents of the cluster may explain it, these are fetched too, and the question is answered again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, Exclusion
from indexer.attribution.attribute import LIKE_THE_BEST, Ask, attribute_query
from indexer.attribution.candidate_kernels import TIE
from indexer.attribution.candidates import Candidates, read_further
from indexer.attribution.frequency import BOUND, MOST_PRINTS
from indexer.attribution.query import Query
from indexer.attribution.report import answer as nothing_found
from indexer.attribution.whole import Frequency
from indexer.errors import BackendUnavailable
from indexer.fingerprint.spec import Channel
from indexer.segment.kernels import LONG_LIST
from indexer.stores.elastic import questions
from indexer.stores.elastic.kept import Kept, kept_of
from indexer.stores.elastic.questions import CANDIDATES, Generation, Json, Terms
from indexer.stores.elastic.scoring import Wanted, Weighed, more
from indexer.stores.elastic.scratch import Asked as PrintsAsked
from indexer.stores.elastic.scratch import Scratch, segment_of
from indexer.stores.elastic.survey import Survey

MOST_ROUNDS = 10  # of fetching more
_AT_ONCE = 2  # documents made into a segment first: for most texts no others matter
_THREADS, _WORTH_A_THREAD = min(4, os.cpu_count() or 1), 100_000  # bytes of text
_AT_MOST = 288  # documents fetched at once, as many as attribution may look at
_ROUNDING = 0.01  # equal sums of weights may differ by so much, as the cluster adds them; what contexts add is more


@dataclass(slots=True)
class _Cluster:
    """The corpus behind the fetched documents, as indexer.attribution.whole.Whole says.

    `numbers`: those of each segment's documents, `fetched` of all; `unread`: what others may score at most, by number, and `others` what
    those may that are not among them. Attribution asked for some of these, `awaited`, all above `least`, or for holders of the
    fingerprints `open`, by the lists of `read_on` or all lists read: `missing` says, of which lists and for each fingerprint asked for,
    what its holders that were not fetched may score at most.
    """

    generation: Generation
    query: Query
    terms: Terms
    left_out: list[Json]
    survey: Survey
    unread: dict[int, float]
    others: float
    fetched: set[int] = field(default_factory=set)
    segments: tuple[Scratch, ...] = ()
    numbers: tuple[NDArray[np.int64], ...] = ()
    awaited: dict[int, float] = field(default_factory=dict)
    least: float = np.inf
    open: list[int] = field(default_factory=list)
    read_on: NDArray[np.bool_] | None = None
    missing: tuple[dict[int, float], dict[int, float]] = field(default_factory=lambda: ({}, {}))
    rounds: int = MOST_ROUNDS

    @classmethod
    def of(cls, generation: Generation, query: Query, exclude: Sequence[Exclusion]) -> _Cluster:
        """What the first requests tell."""
        terms, left_out = Terms.of(query), questions.without(exclude)
        survey = Survey.of(generation, terms, left_out)
        unread = dict(zip(survey.numbers.tolist(), survey.scores.tolist(), strict=True))
        made = cls(generation, query, terms, left_out, survey, unread, survey.others)
        made._fetch(list(survey.best)[:_AT_ONCE])
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
    def is_waiting(self) -> bool:
        """Whether attribution asked for more documents."""
        return self.least < np.inf or bool(self.open)

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

    def order_of(self, segment: int, docs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of a segment's documents."""
        return self.numbers[segment][docs]

    def may_beat(self, score: float, least: float, copies_of: Candidates | None, most: int) -> bool:
        """Whether documents that are missing may score more; those are fetched next that may be looked at."""
        wanted, others = {number: bound for number, bound in self.unread.items() if bound > least}, self.others
        if copies_of is not None and others <= least and int((copies_of.scores >= least).sum()) + len(wanted) <= most:
            wanted = self._likely(wanted, copies_of)
        if max(others, *wanted.values(), 0.0) <= score + _ROUNDING or not self.rounds:
            return False
        self.awaited, self.least = wanted, least
        return True

    def _likely(self, wanted: dict[int, float], copies_of: Candidates) -> dict[int, float]:
        """Those that may score well beside the best candidates which hold the same fingerprints."""
        best = copies_of.best_holding(len(self.terms))
        beside = dict(zip(self.survey.numbers.tolist(), np.where(self.survey.holds, best, np.inf).min(1).tolist(), strict=True))
        return {number: bound for number, bound in wanted.items() if bound >= LIKE_THE_BEST * beside.get(number, 0.0) - _ROUNDING}

    def lacks(self, is_open: NDArray[np.bool_], score: float, read_on: NDArray[np.bool_] | None) -> bool:
        """Whether documents are missing that hold an open fingerprint and may score more."""
        lists, missing = self.survey.read if read_on is None else read_on, self.missing[read_on is not None]
        least = score + _ROUNDING if read_on is None else score * (1 + TIE) + _ROUNDING  # hundreds hold a common one: ties are left open
        wanted = [i for i in self._held_elsewhere(is_open & lists) if missing.get(i, np.inf) > least]
        if not wanted or not self.rounds:
            return False
        self.open, self.read_on = wanted, read_on
        return True

    def may_hold(self, is_open: NDArray[np.bool_]) -> bool:
        """Whether documents may be missing that hold an open fingerprint."""
        return any(min(missing.get(i, np.inf) for missing in self.missing) > 0 for i in self._held_elsewhere(is_open))

    def _held_elsewhere(self, is_open: NDArray[np.bool_]) -> list[int]:
        """Which of some fingerprints of the exact channel documents hold that are not here."""
        wanted = np.unique(self.terms.first[is_open])
        if len(wanted):
            here = sum(segment.files_holding(self.query.exact.values[wanted]) for segment in self.segments)
            wanted = wanted[self.files[wanted] > here]
        return wanted.tolist()  # type: ignore[no-any-return]

    def fetch(self) -> None:
        """Fetches documents that attribution asked for; what is at hand is compared again with them."""
        if self.open:
            self._fetch_holders()
        elif self.awaited and len(self.fetched) <= _AT_ONCE:
            self._fetch(sorted(self.awaited, key=lambda number: (-self.awaited[number], number))[: CANDIDATES // 2])
        else:
            every = np.flatnonzero(self.survey.read & (self.files > 0))
            texts, self.others = self._more(every, None, _AT_MOST, self.least)
            self._add(texts)
            self.unread = {number: bound for number, bound in self.unread.items() if bound <= self.others}
        self.open, self.awaited, self.least, self.rounds = [], {}, np.inf, self.rounds - 1

    def _fetch_holders(self) -> None:
        """The best documents that hold what is open: more each time."""
        lists = self.survey.read if self.read_on is None else read_further(self.postings, self.read_on)
        size = min(_AT_MOST, max(CANDIDATES // 2, len(self.fetched)))
        texts, others = self._more(np.flatnonzero(lists & (self.files > 0)), self.open, size)
        self._add(texts)
        self.missing[self.read_on is not None].update(dict.fromkeys(self.open, others))

    def _more(self, scored: NDArray[np.int64], having: list[int] | None, size: int, least: float = 0.0) -> tuple[dict[int, Kept], float]:
        scored = np.unique(self.terms.first[scored])
        rarest_first = scored[np.argsort(self.postings[scored], kind="stable")].tolist()
        wanted = Wanted(rarest_first, having, size, least, self.fetched, self.left_out)
        return more(self.generation, Weighed.of(self.terms, self.postings, self.documents), wanted)

    def _fetch(self, numbers: Sequence[int]) -> None:
        """Some documents, of which the first answer may have brought the texts."""
        best = self.survey.best
        others = [number for number in numbers if number not in best]
        self._add({number: kept_of(best[number]) for number in numbers if number in best} | self.generation.numbered(others))
        self.fetched.update(others)  # also those that are gone

    def _add(self, texts: dict[int, Kept]) -> None:
        self.fetched |= texts.keys()
        self.unread = {number: score for number, score in self.unread.items() if number not in self.fetched}
        if texts:
            parts = _parts(sorted(texts), texts)
            self.segments += tuple(_made([[texts[number] for number in part] for part in parts], self._asked_of()))
            self.numbers += tuple(np.array(part, np.int64) for part in parts)

    def _asked_of(self) -> dict[Channel, PrintsAsked]:
        is_common, n = self.postings > LONG_LIST, len(self.query.exact.keys)
        streams = (self.query.exact, is_common[:n]), (self.query.renamed, is_common[n:])
        return {one.channel: PrintsAsked(np.unique(one.values), np.unique(one.values[which])) for one, which in streams}

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


def _parts(numbers: list[int], texts: Mapping[int, Kept]) -> list[list[int]]:
    """Some documents in parts of about equal size, one for each core if that is worth it."""
    ends = np.cumsum([len(texts[number].text) for number in numbers])
    n = min(_THREADS, int(ends[-1]) // _WORTH_A_THREAD)
    if n < 2:
        return [numbers]
    cuts = np.searchsorted(ends, ends[-1] * np.arange(1, n) / n).tolist()
    return [part for begin, end in pairwise([0, *cuts, len(numbers)]) if (part := numbers[begin:end])]


def _made(parts: Sequence[Sequence[Kept]], asked: Mapping[Channel, PrintsAsked]) -> Iterable[Scratch]:
    """The segments of some parts; the kernels let go of the interpreter."""
    if len(parts) == 1:
        return [segment_of(parts[0], asked)]
    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(lambda part: segment_of(part, asked), parts))


def attribute(generation: Generation, text: str | bytes, ask: Ask, exclude: Sequence[Exclusion] = ()) -> Attribution:
    """Verified spans of the text and their sources, as of an index without what `exclude` names. Raises BackendUnavailable.

    Two requests and two milliseconds for most texts.
    """
    begun, query = time.monotonic(), Query.of(text)
    if len(query) < GUARANTEE_TOKENS:
        return attribute_query((), generation.info, query, ask)
    cluster = _Cluster.of(generation, query, exclude)
    while True:
        left = ask if ask.timeout_ms is None else replace(ask, timeout_ms=_left(ask.timeout_ms, begun))
        if not cluster.segments:
            return nothing_found("none", query, ask.offset_unit, generation.info)
        answer = attribute_query(cluster.segments, generation.info, query, left, cluster)
        if not cluster.is_waiting or left.timeout_ms == 1:
            return answer
        try:
            cluster.fetch()
        except BackendUnavailable:
            if not generation.is_over:
                raise
            return answer  # which is partial, as documents are missing


def _left(timeout_ms: int, begun: float) -> int:
    return max(1, timeout_ms - int(1000 * (time.monotonic() - begun)))
