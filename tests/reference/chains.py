"""What do two token streams share, and how is it chained? With lists and dictionaries, as indexer.attribution.verify says it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

RENAMED_WEIGHT, GAP_COST = 0.7, 0.08


@dataclass(frozen=True)
class Run:
    begin: int
    end: int
    other: int
    other_end: int
    renamed: bool = False
    recurring: bool = False

    @property
    def tokens(self) -> int:
        return self.end - self.begin

    def holds(self, one: Run) -> bool:
        return self.begin <= one.begin and one.end <= self.end and self.other <= one.other and one.other_end <= self.other_end


def exact_runs(a: Sequence[int], b: Sequence[int], k: int) -> set[tuple[int, int, int]]:
    """Every maximal run of at least k equal codes: (begin in a, begin in b, length). Each diagonal from end to end."""
    found = set()
    for diagonal in range(-len(a), len(b)):
        length = 0
        for i in range(len(a) + 1):
            j = i + diagonal
            if i < len(a) and 0 <= j < len(b) and a[i] == b[j]:
                length += 1
                continue
            if length >= k:
                found.add((i - length, j - length, length))
            length = 0
    return found


def maps_one_to_one(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether a becomes b by giving every identifier (lowest bit set) a name of its own."""
    there: dict[int, int] = {}
    back: dict[int, int] = {}
    for x, y in zip(a, b, strict=True):
        if not (x & 1 and y & 1):
            if x != y:
                return False
        elif there.setdefault(x, y) != y or back.setdefault(y, x) != x:
            return False
    return True


def settled(
    exact: list[Run], renamed: list[Run], suffices: int, suffices_renamed: int, elements: list[int], other_elements: list[int]
) -> list[Run]:
    """Exact runs, and what is left of renamed ones beside them. `elements`: where those of the renamed streams begin."""

    def is_part(run: Run, e: Run) -> bool:
        pairs = ((run.begin, run.other), (e.begin, e.other), (e.end, e.other_end))
        return run.holds(e) and len({bisect_left(other_elements, there) - bisect_left(elements, here) for here, there in pairs}) == 1

    kept = []
    for run in renamed:
        inside = [e for e in exact if run.holds(e)]
        explained = sum(e.tokens for e in inside if e.tokens >= suffices)
        if run.recurring or explained * 2 < run.tokens:
            kept.append(run)
            exact = [e for e in exact if not run.holds(e)]
        else:
            kept += [part for part in between(run, [e for e in inside if is_part(run, e)]) if part.tokens >= suffices_renamed]
    return exact + kept


def between(run: Run, inside: list[Run]) -> list[Run]:
    """The parts of a renamed run that none of the exact runs inside it covers."""
    parts, begin, other = [], run.begin, run.other
    for e in sorted(inside, key=lambda e: e.begin):
        if e.begin > begin and e.other > other:
            parts.append(replace(run, begin=begin, end=e.begin, other=other, other_end=e.other))
        if e.end > begin and e.other_end > other:
            begin, other = e.end, e.other_end
    if run.end > begin and run.other_end > other:
        parts.append(replace(run, begin=begin, other=other))
    return parts


def chains(runs: list[Run], *, k: int, suffices: int, longest_gap: int, loose: int, most_chains: int) -> list[list[Run]]:
    """Chains of exact runs, the heaviest first; nothing is a comment, and no run is renamed (those are cut by other streams)."""
    found: list[list[Run]] = []
    left = sorted(sorted(runs, key=lambda run: -run.tokens), key=lambda run: (run.begin, run.other))
    while left and len(found) < most_chains:
        best = heaviest(left, longest_gap)
        if sum(run.tokens for run in best) < suffices:
            break
        begin, end, other, other_end = best[0].begin, best[-1].end, best[0].other, best[-1].other_end
        left = [
            run
            for run in left
            if all(run is not one for one in best)
            and (run.begin >= end or run.end <= begin or run.other >= other_end or run.other_end <= other)
        ]
        found.append(without_loose_ends(trimmed(best, k), suffices, loose))
    return found


def heaviest(runs: list[Run], longest_gap: int) -> list[Run]:
    """By trying, for each run, every run before it."""
    totals: list[float] = []
    previous: list[int | None] = []
    for i, run in enumerate(runs):
        weight = run.tokens * (RENAMED_WEIGHT if run.renamed else 1.0)
        best, from_ = weight, None
        for j in range(i):
            before = runs[j]
            if before.begin < run.begin and before.other < run.other and before.end < run.end and before.other_end < run.other_end:
                overlap = max(0, before.end - run.begin, before.other_end - run.other)
                gap = max(0, run.begin - before.end, run.other - before.other_end)
                if gap <= longest_gap and overlap < run.tokens:
                    total = totals[j] + weight * (1.0 - overlap / run.tokens) - GAP_COST * gap
                    if total > best:
                        best, from_ = total, j
        totals.append(best)
        previous.append(from_)
    at: int | None = max(range(len(runs)), key=lambda i: (totals[i], -i))
    chain = []
    while at is not None:
        chain.append(runs[at])
        at = previous[at]
    return chain[::-1]


def trimmed(chain: list[Run], k: int) -> list[Run]:
    out: list[Run] = []
    for run in chain:
        if out:
            overlap = max(0, out[-1].end - run.begin, out[-1].other_end - run.other)
            if overlap and run.tokens >= out[-1].tokens:
                out[-1] = replace(out[-1], end=out[-1].end - overlap, other_end=out[-1].other_end - overlap)
            elif overlap:
                run = replace(run, begin=run.begin + overlap, other=run.other + overlap)  # noqa: PLW2901
        out.append(run)
    return [run for run in out if run.tokens >= k]


def without_loose_ends(chain: list[Run], suffices: int, loose: int) -> list[Run]:
    def is_loose(end: Run, inner: Run, before: Run, after: Run) -> bool:
        gap = max(after.begin - before.end, after.other - before.other_end)
        return end.tokens < suffices and inner.tokens > end.tokens and gap > loose * end.tokens

    while len(chain) > 1 and is_loose(chain[0], chain[1], chain[0], chain[1]):
        chain = chain[1:]
    while len(chain) > 1 and is_loose(chain[-1], chain[-2], chain[-2], chain[-1]):
        chain = chain[:-1]
    return chain


def similarity(chain: list[Run]) -> float:
    matched = sum(run.tokens for run in chain)
    gaps = sum(max(0, after.begin - before.end) + max(0, after.other - before.other_end) for before, after in pairwise(chain))
    return round(2 * matched / (2 * matched + gaps), 4)
