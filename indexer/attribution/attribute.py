"""Where does this text come from? Candidates, chains, verified spans, ranked sources: the same code over every store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, IndexInfo, OffsetUnit, SpanKind
from indexer.attribution import candidates, significance
from indexer.attribution.candidates import Candidate, Hits
from indexer.attribution.query import Query
from indexer.attribution.report import Report, answer
from indexer.attribution.significance import Significance, strength
from indexer.attribution.sources import Found
from indexer.attribution.verify import EXPLAINED, Comparer
from indexer.fingerprint.spec import SPEC
from indexer.segment.segment import Segment

MOST_VERIFIED = 24  # candidates, by score
MOST_FURTHER = 256  # more, where a fingerprint hit and no verified run covers it
LIKE_THE_BEST = 0.8  # the same, once the text is explained
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
    ask: Ask
    significance: Significance
    deadline: float
    comparer: Comparer = field(init=False)
    least: float = field(init=False)
    found: list[Found] = field(default_factory=list)
    covered: NDArray[np.bool_] = field(init=False)
    covered_exactly: NDArray[np.bool_] = field(init=False)
    seen: set[tuple[int, int, int, int]] = field(default_factory=set)
    limits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.comparer = Comparer(self.query)
        self.least = significance.threshold(self.ask.sensitivity)
        self.covered = np.zeros(len(self.query.tokens), np.bool_)
        self.covered_exactly = self.covered.copy()

    def verify(self, candidate: Candidate) -> bool:
        """Compares the text with one candidate and keeps the chains found; whether there were any."""
        place = (candidate.segment, candidate.doc, candidate.begin, candidate.end)
        if place in self.seen:
            return False
        before = len(self.found)
        self.seen.add(place)
        segment = self.segments[candidate.segment]
        compared = self.comparer.compare(segment, candidate.doc, candidate.begin, candidate.end)
        for chain in compared.chains:
            kept = tuple(run for run in chain if run.kind in self.ask.kinds)
            if not kept:
                continue
            coverage = sum(run.tokens for run in kept) / len(self.query.tokens)
            total = strength([self.significance.score([run]) for run in kept], compared.similarity(kept), coverage)
            if any(run.suffices for run in kept) or total >= self.least:
                self.found.append(Found(segment, candidate.doc, compared, kept, total))
                for run in kept:
                    self.covered[run.begin : run.end] = True
                    self.covered_exactly[run.begin : run.end] |= run.kind == "exact"
        return len(self.found) > before

    def late(self) -> bool:
        """Whether the time is up; notes it as a limit."""
        if time.monotonic() <= self.deadline:
            return False
        self.limits.append("timeout_ms")
        return True


def attribute(segments: Sequence[Segment], info: IndexInfo, text: str | bytes, ask: Ask) -> Attribution:
    """Verified spans of the text and their sources. Cost: about 3 ms for 40 lines; bounded by the limits above and `timeout_ms`."""
    query = Query.of(text)
    if len(query.tokens) < GUARANTEE_TOKENS:
        return answer("too_short", query, ask.offset_unit, info)
    hits = candidates.find(segments, query)
    weights = Significance.of(query, hits.repositories, sum(segment.repositories for segment in segments))
    deadline = time.monotonic() + ask.timeout_ms / 1000 if ask.timeout_ms else float("inf")
    search = _Search(segments, query, ask, weights, deadline)
    _verify_best(search, hits)
    _verify_repeats(search, hits)
    _verify_uncovered(search, hits)
    if not search.found:
        return answer("partial" if search.limits else "none", query, ask.offset_unit, info, limits=search.limits)
    report = Report(segments, query, search.significance, hits.counts, search.least)
    spans, sources = report.make(search.found, ask.limit, ask.offset_unit)
    return answer("partial" if search.limits else "found", query, ask.offset_unit, info, spans, sources, search.limits)


def _verify_best(search: _Search, hits: Hits) -> None:
    """The candidates that score well beside the best one; once a source explains the whole text, only its likely copies.

    Many may share every fingerprint and one alone the tokens beyond the last: while such tokens are open, its equals are looked at.
    """
    least = WORTH
    for n, candidate in enumerate(hits.candidates[: MOST_VERIFIED + MOST_FURTHER]):
        if n == MOST_VERIFIED:
            least = LIKE_THE_BEST
        if candidate.score < least * hits.candidates[0].score or (n >= MOST_VERIFIED and not _ends_open(search, hits)) or search.late():
            return
        if search.covered.mean() >= EXPLAINED:
            least = LIKE_THE_BEST
        search.verify(candidate)


def _verify_repeats(search: _Search, hits: Hits) -> None:
    """The best documents whole, where a fingerprint of theirs has more places than an index keeps and tokens are open still."""
    for candidate in hits.candidates[:MOST_VERIFIED]:
        if candidate.score < WORTH * hits.candidates[0].score or not _ends_open(search, hits) or search.late():
            return
        if candidate.whole:
            search.verify(_whole(search, candidate))


def _ends_open(search: _Search, hits: Hits) -> bool:
    """Whether exact runs leave some window open of a fingerprint that the index holds."""
    prints, n_tokens = search.query.exact_prints, len(search.query.tokens)
    ends = np.minimum(np.append(prints.windows[1:] - 1 + SPEC.exact.guarantee, n_tokens), n_tokens)
    before = _counted(search.covered_exactly)
    open_tokens = (ends - prints.windows) - (before[ends] - before[prints.windows])
    return bool((open_tokens[hits.counts[: len(prints)] > 0] > 0).any())


def _verify_uncovered(search: _Search, hits: Hits) -> None:
    """Where a fingerprint of the exact channel hit and no run covers it, every document that holds it is looked at: the guarantee
    wins over the caps. A fingerprint with as many places in a document as are kept may have more: that document is read whole."""
    positions = search.query.exact_prints.positions
    is_open = np.zeros(len(hits.counts), np.bool_)
    is_open[: len(positions)] = (hits.counts[: len(positions)] > 0) & ~_covered(search, positions)
    budget = MOST_FURTHER
    for candidate in hits.candidates:
        if not is_open[candidate.prints].any():
            continue
        if budget == 0:
            search.limits.append("candidates")
            return
        if search.late():
            return
        budget -= 1
        if search.verify(_whole(search, candidate)):
            is_open[: len(positions)] &= ~_covered(search, positions)
    if (is_open & hits.cut).any():
        search.limits.append("postings")


def _whole(search: _Search, candidate: Candidate) -> Candidate:
    """The candidate, widened to its document where that may hold one of its fingerprints in more places than an index keeps."""
    if not candidate.whole:
        return candidate
    begin, end = search.segments[candidate.segment].token_range(candidate.doc)
    return replace(candidate, begin=begin, end=end)


def _covered(search: _Search, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each k-gram, whether verified runs cover all of it."""
    before = _counted(search.covered)
    covered: NDArray[np.bool_] = before[positions + SPEC.exact.k] - before[positions] == SPEC.exact.k
    return covered


def _counted(covered: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many tokens before each are covered, int64 (tokens + 1,)."""
    before = np.zeros(len(covered) + 1, np.int64)
    np.cumsum(covered, out=before[1:])
    return before
