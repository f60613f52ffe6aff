"""Where does this text come from? Candidates, chains, verified spans, ranked sources: the same code over every store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, IndexInfo, OffsetUnit, SpanKind
from indexer.attribution import reach_kernels as kernels
from indexer.attribution import significance
from indexer.attribution.candidates import Candidates, Finder
from indexer.attribution.query import Query
from indexer.attribution.report import Report, answer
from indexer.attribution.significance import Weights
from indexer.attribution.sources import Found
from indexer.attribution.verify import Comparer
from indexer.attribution.whole import Whole
from indexer.fingerprint.spec import SPEC
from indexer.segment.segment import Segment

MOST_VERIFIED = 24  # candidates, by score
MOST_EQUALS = 32  # candidates, while others as good as the best may hold more about a held fingerprint
MOST_FURTHER = 256  # more, where a fingerprint hit and no verified run covers it
A_CANDIDATE_PER = 64  # tokens of the text: a long one has so many more of each,
MOST_MORE = 256  # up to this
SHORT = 64  # tokens: in such a text one fingerprint may be all there is; its equals are looked at up to MOST_FURTHER
MOST_TOKENS = 1 << 16  # of a document read whole for further places of a fingerprint, and of all of them; eight times for a SHORT text
EXPLAINED = 0.9  # of the text: then only the likely copies of its sources are looked at
EQUAL = 0.99  # of the score of those that hold the same fingerprints, but for their contexts
LIKE_THE_BEST = 0.8  # of the score of those that hold the same fingerprints
NEVER = float("inf")
WORTH = 0.25  # of the best candidate's score: what is below is left to the further search


@dataclass(frozen=True, slots=True)
class Ask:
    """How a text is to be attributed."""

    offset_unit: OffsetUnit = "utf-32"
    limit: int = 10
    kinds: tuple[SpanKind, ...] = ("exact", "renamed")
    sensitivity: float = 0.5
    timeout_ms: int | None = None


@dataclass(slots=True)
class _Search:
    """What has been verified so far, and which limits were reached."""

    segments: Sequence[Segment]
    query: Query
    finder: Finder
    comparer: Comparer
    deadline: float
    found: list[Found] = field(default_factory=list)
    seen: set[tuple[int, int, int, int]] = field(default_factory=set)
    chains: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)

    def verify(self, candidates: Candidates, i: int, *, whole: bool = False) -> bool:
        """Compares the text with a candidate, or with its `whole` document, and keeps the chains found; whether there were any."""
        number, doc, begin, end = candidates.place(i)
        segment = self.segments[number]
        if whole:
            begin, end = segment.token_range(doc)
        place = number, doc, begin, end
        if place in self.seen:
            return False
        self.seen.add(place)
        chains = self.comparer.compare(segment, doc, begin, end)
        for chain in chains:
            stands_at = number, doc, *chain.stands_at
            one = self.chains.setdefault(stands_at, len(self.found))  # candidates of one document may overlap
            if one == len(self.found):
                self.found.append(Found(segment, doc, chain))
            elif chain.hull[1] > self.found[one].chain.hull[1]:
                self.found[one] = Found(segment, doc, chain)
        return bool(chains)

    def late(self) -> bool:
        """Whether the time is up; notes it as a limit."""
        if self.deadline == NEVER or time.monotonic() <= self.deadline:
            return False
        self.limits.append("timeout_ms")
        return True

    def opens(self, held: NDArray[np.int64]) -> int:
        """Whether a longer run than those found may stand where fingerprints are `held`: 2 for one at an end of the text, else 1."""
        streams = self.query.exact.windows, self.query.renamed.windows, self.query.code_tokens
        return int(kernels.opens(*streams, held, self.comparer.reach, SPEC.exact.guarantee, SPEC.renamed.guarantee))

    def uncovered(self) -> NDArray[np.bool_]:
        """For each fingerprint of both channels, whether it is of the exact one, held, and not all inside verified runs."""
        return kernels.uncovered(self.query.exact.positions, SPEC.exact.k, self.finder.counts, self.comparer.covered)  # type: ignore[no-any-return]


def attribute(segments: Sequence[Segment], info: IndexInfo, text: str | bytes, ask: Ask) -> Attribution:
    """Verified spans of the text and their sources. Cost: below 1 ms for 40 lines; bounded by the limits above and `timeout_ms`."""
    return attribute_query(segments, info, Query.of(text), ask)


def attribute_query(segments: Sequence[Segment], info: IndexInfo, query: Query, ask: Ask, whole: Whole | None = None) -> Attribution:
    """The same of a text that was read; `whole` is the corpus that the segments are a part of, if they are."""
    if len(query) < GUARANTEE_TOKENS:
        return answer("too_short", query, ask.offset_unit, info)
    finder = Finder(segments, query, whole)
    candidates = finder.find()
    repositories = whole.repositories if whole else sum(segment.repositories for segment in segments)
    weights = Weights.of(query, finder.repositories, repositories)
    least = significance.threshold(ask.sensitivity)
    deadline = time.monotonic() + ask.timeout_ms / 1000 if ask.timeout_ms else NEVER
    search = _Search(segments, query, finder, Comparer(query, weights, ask.kinds, least), deadline)
    if not _verify_best(search, candidates):
        return answer("partial", query, ask.offset_unit, info, limits=["candidates"])
    if len(candidates):
        _verify_other_places(search, candidates)
        _verify_uncovered(search, candidates)
    if not search.found:
        return answer("partial" if search.limits else "none", query, ask.offset_unit, info, limits=search.limits)
    spans, sources = Report(segments, query, weights, finder, least).make(search.found, ask.limit, ask.offset_unit)
    return answer("partial" if search.limits else "found", query, ask.offset_unit, info, spans, sources, search.limits)


def _verify_best(search: _Search, candidates: Candidates) -> bool:
    """The candidates that score well beside the best one; once sources explain the whole text, only their likely copies, and those that
    may hold a longer run. False where the next one may be missing.

    Many may share every fingerprint and one alone the tokens beyond the last: while such tokens are open, its equals are looked at.
    """
    n_tokens, more, counts = len(search.query), _more(search), search.finder.counts
    most = more + MOST_VERIFIED + MOST_FURTHER
    beside = candidates.beside_the_best(most, len(counts))
    is_open = search.opens(counts)
    scores = [*candidates.scores[:most].tolist(), 0.0]
    least = WORTH * scores[0]
    for i, score in enumerate(scores[:most]):
        if i >= MOST_VERIFIED + more and not is_open:
            return True
        if search.finder.whole is not None and _misses(search, candidates, i, max(score, least), least, is_open):
            return False
        if score < least or i == len(candidates) or search.late():
            return True
        is_equal = beside[i] >= EQUAL and len(search.found) > 0  # to one that holds a run, of which this one may hold more
        is_worth = i < MOST_EQUALS + more or n_tokens <= SHORT or is_equal
        if i >= MOST_VERIFIED + more and is_open < (1 if is_worth else 2):
            return True
        is_explained = i > 0 and kernels.count_true(search.comparer.covered) >= EXPLAINED * n_tokens
        is_likely = beside[i] >= LIKE_THE_BEST or not (is_explained or i >= MOST_VERIFIED + more)
        may_hold_more = is_open and i < MOST_VERIFIED + more and not is_likely and search.opens(candidates.held_there(i, len(counts)))
        if (is_likely or may_hold_more) and search.verify(candidates, i):
            is_open = search.opens(counts)
    return True


def _misses(search: _Search, candidates: Candidates, i: int, score: float, least: float, is_open: int) -> bool:
    """Whether a candidate is missing that would be looked at before the i-th, of this score."""
    assert search.finder.whole is not None
    is_explained = i > 0 and not is_open and kernels.count_true(search.comparer.covered) >= EXPLAINED * len(search.query)
    copies_of = candidates if is_explained else None
    return search.finder.whole.may_beat(score, least, copies_of, MOST_VERIFIED + _more(search))


def _more(search: _Search) -> int:
    return min(MOST_MORE, len(search.query) // A_CANDIDATE_PER)


def _verify_other_places(search: _Search, candidates: Candidates) -> None:
    """The best documents whole, where fingerprints have more places than an index keeps and a longer run than those found may stand."""
    if not search.opens(search.finder.counts):
        return
    left, looked_at = MOST_TOKENS * (8 if len(search.query) <= SHORT else 1), set()
    for i in np.flatnonzero(candidates.other_places).tolist():
        document = int(candidates.segments[i]), int(candidates.docs[i])
        if document in looked_at:
            continue
        looked_at.add(document)
        if left <= 0 and not search.found:
            search.limits.append("candidates")
        if left <= 0 or candidates.scores[i] < WORTH * candidates.scores[0] or search.late():
            return
        begin, end = search.segments[document[0]].token_range(document[1])
        if end - begin <= MOST_TOKENS and search.opens(candidates.elsewhere_in(i, len(search.finder.counts))):
            left -= end - begin
            search.verify(candidates, i, whole=True)


def _verify_uncovered(search: _Search, candidates: Candidates) -> None:
    """Where a fingerprint of the exact channel hit and no run covers it, every document that holds it is looked at: the guarantee
    wins over the caps. A fingerprint with as many places in a document as are kept may have more: that document is read whole."""
    is_open = search.uncovered()
    if not kernels.count_true(is_open):
        return
    budget = _verify_open(search, candidates, is_open, MOST_FURTHER + _more(search))
    unread = is_open & search.finder.cut
    if budget > 0 and unread.any():
        _verify_open(search, search.finder.read_on(unread), is_open, budget, unread)
    if (is_open & search.finder.cut).any() or (search.finder.whole is not None and search.finder.whole.may_hold(is_open)):
        search.limits.append("postings")
    if search.comparer.cut and is_open.any():
        search.limits.append("runs")


def _verify_open(
    search: _Search, candidates: Candidates, is_open: NDArray[np.bool_], budget: int, read_on: NDArray[np.bool_] | None = None
) -> int:
    """Looks at the candidates that hold an open fingerprint, as long as one is open; returns what is left of the budget, 0 where the next
    one may be missing. `read_on`: the lists that they are of, if not of all."""
    whole, i = search.finder.whole, candidates.next_open(is_open, 0)
    while True:
        if whole is not None and whole.lacks(is_open, candidates.scores[i] if i < len(candidates) else 0.0, read_on):
            return 0
        if i == len(candidates):
            return budget
        if budget == 0:
            search.limits.append("candidates")
            return 0
        if search.late():
            return 0
        budget -= 1
        if search.verify(candidates, i, whole=bool(candidates.other_places[i])):
            is_open &= search.uncovered()
        i = candidates.next_open(is_open, i + 1)
