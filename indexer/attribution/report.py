"""How are verified chains told? Disjoint spans of the text in order, and ranked sources that say which spans they hold."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexer.answers import GUARANTEE_TOKENS, Attribution, IndexInfo, Match, OffsetUnit, Partial, Source, Span, Status
from indexer.attribution import frequency
from indexer.attribution.candidates import Finder
from indexer.attribution.chain_kernels import OTHER, OTHER_END
from indexer.attribution.offsets import Offsets
from indexer.attribution.query import Query
from indexer.attribution.significance import Stretch, Weights
from indexer.attribution.sources import Found, in_source, ranked, source_of
from indexer.attribution.verify import Run
from indexer.attribution.whole import Frequency
from indexer.licences.notice import notice
from indexer.segment.segment import Segment

MOST_COPIES = 32  # listed under the sources of one answer, the best first; `copies_total` counts them all


@dataclass(frozen=True, slots=True)
class Report:
    """What is needed to tell the chains found: the index, the text, the weight of its tokens, the postings of its fingerprints.

    `least`: the score from which a span is significant.
    """

    segments: Sequence[Segment]
    query: Query
    weights: Weights
    finder: Finder
    least: float

    def make(self, found: list[Found], limit: int, unit: OffsetUnit) -> tuple[list[Span], list[Source]]:
        """Spans in text order and at most `limit` sources, best first."""
        groups = ranked(found)
        stretches = disjoint([group[0] for group in groups])
        often = frequency.count(self.segments, self.query, self.finder, stretches)
        sources, left = [], MOST_COPIES
        rows: dict[tuple[int, int], list[bytes]] = {}
        for group in groups[:limit]:
            sources.append(self._source(group, left, stretches, often, rows))
            left -= len(sources[-1].copies)
        offsets = Offsets.of(self.query.data, unit)
        holders: dict[int, list[int]] = {}
        for s, source in enumerate(sources):
            for span in dict.fromkeys(match.span for match in source.matches):
                holders.setdefault(span, []).append(s)
        best = [source.score for source in sources]
        spans = [self._span(one, often[i], holders.get(i, []), best, offsets) for i, one in enumerate(stretches)]
        return spans, sources

    def _span(self, stretch: Stretch, often: Frequency | None, mine: list[int], scores: list[float], offsets: Offsets) -> Span:
        known = often or Frequency(len(mine), len(mine), len(mine), True)
        own = self.weights.score(stretch)
        first, last = int(self.query.starts[stretch.begin]), int(self.query.ends[stretch.end - 1])
        return Span(
            start=offsets.offset(first),
            end=offsets.offset(last),
            start_line=offsets.line(first),
            end_line=offsets.line(last - 1),
            tokens=stretch.tokens,
            kind=stretch.kind,
            score=round(own, 3),
            significant=max((scores[s] for s in mine), default=own) >= self.least,
            files=max(known.files, 1),
            repositories=max(known.repositories, 1),
            owners=max(known.owners, 1),
            capped=known.capped,
            sources=tuple(mine),
        )

    def _source(
        self,
        group: list[Found],
        most: int,
        stretches: list[Stretch],
        often: list[Frequency | None],
        rows: dict[tuple[int, int], list[bytes]],
    ) -> Source:
        leader, *rest = group
        copies = [source_of(one, one.segment.row(one.doc, rows), *self._placed(one, stretches)) for one in rest[:most]]
        lines, matches = self._placed(leader, stretches)
        others = [known.files - 1 for match in matches if (known := often[match.span])]
        return source_of(leader, leader.segment.row(leader.doc, rows), lines, matches, copies, max(len(rest), min(others, default=0)))

    def _placed(self, found: Found, stretches: list[Stretch]) -> tuple[tuple[int, int], tuple[Match, ...]]:
        """In which of a source's lines its hull stands, and which of the reported stretches it holds, in which lines."""
        chain = found.chain
        rows = chain.rows.tolist()
        parts, ranges = [], [(min(row[OTHER] for row in rows), max(row[OTHER_END] for row in rows))]
        for begin, end, other, _, renamed, *_ in rows:
            for i in range(bisect_right(stretches, begin, key=_end), len(stretches)):
                stretch = stretches[i]
                if stretch.begin >= end:
                    break
                low, high = max(stretch.begin, begin), min(stretch.end, end)
                where, names = in_source(self.query, chain.compared, begin, other, low, high, renamed=bool(renamed))
                parts.append((i, "renamed" if renamed else "exact", round((high - low) / stretch.tokens, 4), names))
                ranges.append(where)
        hull, *lines = chain.compared.lines(ranges)
        matches = [Match(i, first, last, *told) for (i, *told), (first, last) in zip(parts, lines, strict=True)]
        return (hull[0], hull[1]), tuple(matches)


def disjoint(leaders: Sequence[Found]) -> list[Stretch]:
    """Stretches of the text in order, none overlapping: a better source's run stays whole, a later one adds what it has beyond."""
    taken: list[Stretch] = []
    for found in leaders:
        for run in found.chain.runs:
            for begin, end in _beyond(run, taken):
                if (begin, end) == (run.begin, run.end) or replace(run, begin=begin, end=end).suffices:
                    insort(taken, Stretch(begin, end, run.kind, run.blank), key=_begin)
    return taken


def _begin(stretch: Stretch) -> int:
    return stretch.begin


def _end(stretch: Stretch) -> int:
    return stretch.end


def _beyond(run: Run, taken: list[Stretch]) -> list[tuple[int, int]]:
    """The parts of a run that no stretch covers. A run 0..50 beside a stretch 10..20 -> [(0, 10), (20, 50)]"""
    if not taken or taken[-1].end <= run.begin:
        return [(run.begin, run.end)]
    pieces, begin = [], run.begin
    for i in range(max(0, bisect_right(taken, run.begin, key=_begin) - 1), len(taken)):
        other = taken[i]
        if other.begin >= run.end:
            break
        if other.begin > begin:
            pieces.append((begin, other.begin))
        begin = max(begin, other.end)
    if begin < run.end:
        pieces.append((begin, run.end))
    return pieces


def answer(
    status: Status,
    query: Query,
    unit: OffsetUnit,
    info: IndexInfo,
    spans: Sequence[Span] = (),
    sources: Sequence[Source] = (),
    limits: Sequence[str] = (),
) -> Attribution:
    """The value that callers get."""
    covered = sum(span.tokens for span in spans) / max(1, len(query))
    return Attribution(
        status=status,
        tokens=len(query),
        guarantee_tokens=GUARANTEE_TOKENS,
        score=max((source.score for source in sources), default=0.0),
        coverage=round(covered, 4),
        spans=tuple(spans),
        sources=tuple(sources),
        obligations=(),
        notice=notice(sources) if sources else "",
        partial=Partial(tuple(dict.fromkeys(limits))) if limits else None,
        offset_unit=unit,
        index=info,
    )
