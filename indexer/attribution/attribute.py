"""Where does this text come from? Candidates, chains, verified spans, ranked sources: the same code over every store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from indexer.answers import GUARANTEE_TOKENS, Attribution, IndexInfo, Match, OffsetUnit, Partial, Source, Span, SpanKind, Status
from indexer.attribution import candidates, frequency, significance
from indexer.attribution.candidates import Candidate, Hits
from indexer.attribution.offsets import Offsets
from indexer.attribution.query import Query
from indexer.attribution.significance import Significance
from indexer.attribution.sources import Found, lines_of, names_of, ranked, source_of
from indexer.attribution.verify import Comparer, Run
from indexer.fingerprint.spec import SPEC
from indexer.licences.notice import notice
from indexer.segment.segment import Segment

MOST_VERIFIED = 24  # candidates, by score
MOST_FURTHER = 256  # more, where a fingerprint hit and no verified run covers it
WORTH = 0.25  # of the best candidate's score: what is below is left to the further search
MOST_COPIES = 10  # listed under a source


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
    seen: set[tuple[int, int, int, int]] = field(default_factory=set)
    limits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.comparer = Comparer(self.query)
        self.least = significance.threshold(self.ask.sensitivity)
        self.covered = np.zeros(len(self.query.tokens), np.bool_)

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
            total = self.significance.score((run.begin, run.end, run.kind) for run in kept)
            if any(run.suffices for run in kept) or total >= self.least:
                self.found.append(Found(segment, candidate.doc, compared, kept, total))
                for run in kept:
                    self.covered[run.begin : run.end] = True
        return len(self.found) > before

    def late(self) -> bool:
        """Whether the time is up; notes it as a limit."""
        if time.monotonic() <= self.deadline:
            return False
        self.limits.append("timeout_ms")
        return True


def attribute(segments: Sequence[Segment], info: IndexInfo, text: str | bytes, ask: Ask) -> Attribution:
    """Verified spans of the text and their sources. Cost: about 1 ms for 40 lines; bounded by the limits above and `timeout_ms`."""
    query = Query.of(text)
    if len(query.tokens) < GUARANTEE_TOKENS:
        return _answer("too_short", query, ask, info)
    hits = candidates.find(segments, query)
    weights = Significance.of(query, hits.counts, info.documents)
    deadline = time.monotonic() + ask.timeout_ms / 1000 if ask.timeout_ms else float("inf")
    search = _Search(segments, query, ask, weights, deadline)
    _verify_best(search, hits)
    _verify_uncovered(search, hits)
    if not search.found:
        return _answer("partial" if search.limits else "none", query, ask, info, limits=search.limits)
    return _report(search, hits, info)


def _verify_best(search: _Search, hits: Hits) -> None:
    """The candidates that score well beside the best one."""
    for candidate in hits.candidates[:MOST_VERIFIED]:
        if candidate.score < WORTH * hits.candidates[0].score or search.late():
            return
        search.verify(candidate)


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
        if search.verify(candidate):
            is_open[: len(positions)] &= ~_covered(search, positions)


def _covered(search: _Search, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each k-gram, whether verified runs cover all of it."""
    before = np.zeros(len(search.covered) + 1, np.int64)
    np.cumsum(search.covered, out=before[1:])
    covered: NDArray[np.bool_] = before[positions + SPEC.exact.k] - before[positions] == SPEC.exact.k
    return covered


def _report(search: _Search, hits: Hits, info: IndexInfo) -> Attribution:
    groups = ranked(search.found)
    stretches = _disjoint([group[0] for group in groups])
    query, ask = search.query, search.ask
    leaders = groups[: ask.limit]
    frequencies = [frequency.count(search.segments, query, hits.counts, kind, begin, end) for begin, end, kind in stretches]
    sources = [_source(search, group, stretches, frequencies) for group in leaders]
    offsets = Offsets.of(query.data, ask.offset_unit)
    spans = []
    for i, (begin, end, kind) in enumerate(stretches):
        mine = tuple(s for s, source in enumerate(sources) if any(match.span == i for match in source.matches))
        often = frequencies[i] or frequency.Frequency(len(mine), len(mine), len(mine), True)
        value = search.significance.score([(begin, end, kind)])
        first, last = int(query.tokens.starts[begin]), int(query.tokens.ends[end - 1])
        best = max((sources[s].score for s in mine), default=value)
        spans.append(
            Span(
                offsets.offset(first),
                offsets.offset(last),
                offsets.line(first),
                offsets.line(last - 1),
                end - begin,
                kind,
                round(value, 3),
                best >= search.least,
                max(often.files, 1),
                max(often.repositories, 1),
                max(often.owners, 1),
                often.capped,
                mine,
            )  # fmt: skip
        )
    status: Status = "found"
    covered = sum(end - begin for begin, end, _ in stretches) / len(query.tokens)
    return _answer(status, query, ask, info, covered, spans, sources, search.limits)


def _disjoint(leaders: Iterable[Found]) -> list[tuple[int, int, SpanKind]]:
    """Stretches of the text in order, none overlapping: a better source's run stays whole, a later one adds what it has beyond."""
    taken: list[tuple[int, int, SpanKind]] = []
    for found in leaders:
        for run in found.chain:
            for begin, end in _uncovered(run, taken):
                if (begin, end) == (run.begin, run.end) or replace(run, begin=begin, end=end).suffices:
                    taken.append((begin, end, run.kind))
    return sorted(taken)


def _uncovered(run: Run, taken: list[tuple[int, int, SpanKind]]) -> list[tuple[int, int]]:
    pieces, begin = [], run.begin
    for other_begin, other_end, _ in sorted(taken):
        if other_end <= begin or other_begin >= run.end:
            continue
        if other_begin > begin:
            pieces.append((begin, other_begin))
        begin = max(begin, other_end)
    if begin < run.end:
        pieces.append((begin, run.end))
    return pieces


def _source(
    search: _Search, group: list[Found], stretches: list[tuple[int, int, SpanKind]], frequencies: list[frequency.Frequency | None]
) -> Source:
    leader, *rest = group
    matches = _matches(search, leader, stretches)
    copies = [source_of(one, _matches(search, one, stretches)) for one in rest[:MOST_COPIES]]
    others = [often.files - 1 for match in matches if (often := frequencies[match.span])]
    return source_of(leader, matches, copies, max(len(rest), min(others, default=0)))


def _matches(search: _Search, found: Found, stretches: list[tuple[int, int, SpanKind]]) -> tuple[Match, ...]:
    """Which of the reported stretches a source holds, and in which of its lines."""
    matches = []
    for run in found.chain:
        for i, (begin, end, _) in enumerate(stretches):
            low, high = max(begin, run.begin), min(end, run.end)
            if high <= low:
                continue
            other = min(run.other + low - run.begin, run.other_end - 1)
            other_end = run.other_end if high == run.end else max(other + 1, min(run.other + high - run.begin, run.other_end))
            start_line, end_line = lines_of(found.compared, other, other_end)
            names = names_of(search.query, found.compared, run)
            matches.append(Match(i, start_line, end_line, run.kind, round((high - low) / (end - begin), 4), names))
    return tuple(matches)


def _answer(
    status: Status,
    query: Query,
    ask: Ask,
    info: IndexInfo,
    covered: float = 0.0,
    spans: Sequence[Span] = (),
    sources: Sequence[Source] = (),
    limits: Sequence[str] = (),
) -> Attribution:
    return Attribution(
        status=status,
        tokens=len(query.tokens),
        guarantee_tokens=GUARANTEE_TOKENS,
        score=max((source.score for source in sources), default=0.0),
        coverage=round(covered, 4),
        spans=tuple(spans),
        sources=tuple(sources),
        obligations=(),
        notice=notice(sources) if sources else "",
        partial=Partial(tuple(dict.fromkeys(limits))) if limits else None,
        offset_unit=ask.offset_unit,
        index=info,
    )
