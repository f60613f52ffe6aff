"""Which stretches of a text are in the corpus, by the filter alone? Runs of consecutive fingerprints that all hit.

A shared run of 33 tokens holds at least two fingerprints that follow each other, so a run of two hits or more is asked for. A run
reaches over every window whose minimum hit: a shared stretch cannot go beyond, since each of its windows hits.

Needs the standard library alone, for the offline test; `indexer.bloom.membership_kernels` does the same in one loop, and a test
compares them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.fingerprint.spec import Channel

MIN_HITS = 2


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive hits: tokens [begin, end) of the k-grams that hit, and the tokens [reach_begin, reach_end) of their windows."""

    begin: int
    end: int
    reach_begin: int
    reach_end: int

    @property
    def reach(self) -> int:
        """How many tokens the shared stretch may have at most."""
        return self.reach_end - self.reach_begin


def runs(hits: Sequence[bool], positions: Sequence[int], windows: Sequence[int], n_tokens: int, channel: Channel) -> list[Run]:
    """The runs of at least two consecutive hits among the fingerprints of one text.

    `positions` are the tokens at which their k-grams begin, `windows` those at which the first window of each begins, both ascending.
    """
    found = []
    first = 0
    for i in range(len(hits) + 1):
        if i < len(hits) and hits[i]:
            continue
        if i - first >= MIN_HITS:
            reach_end = windows[i] + channel.guarantee - 1 if i < len(hits) else n_tokens
            found.append(Run(positions[first], positions[i - 1] + channel.k, windows[first], reach_end))
        first = i + 1
    return found


def rate_of(rates: Iterable[float]) -> float:
    """The chance that at least one of several filters reports a key that none holds."""
    return 1 - math.prod([1 - rate for rate in rates])


def answer_rate(values: Sequence[int], windows: Sequence[int], n_tokens: int, channel: Channel, min_tokens: int, rate: float) -> float:
    """The chance that a text none of whose fingerprints is in the corpus is called a member. O(n)

    `rate` is that of one look-up. A run that is long enough begins at hit i and lasts at least to the first j whose reach suffices;
    their chances are added, (1 - p) p^distinct for each i, which is never too low: two such runs in one text are rarer still. Equal
    values are one look-up.
    """
    n, beyond = len(values), channel.guarantee - 1
    if n < MIN_HITS or rate <= 0:
        return 0.0
    inside: dict[int, int] = {}  # how often each value stands in values[i : j + 1]
    total, j = 0.0, -1
    for i in range(n):
        enough = windows[i] + min_tokens
        while j < n and (j < i + MIN_HITS - 1 or (windows[j + 1] + beyond if j + 1 < n else n_tokens) < enough):
            j += 1
            if j < n:
                inside[values[j]] = inside.get(values[j], 0) + 1
        if j >= n:
            break
        before = (1 - rate) if i and values[i - 1] != values[i] else (0.0 if i else 1.0)
        total += before * rate ** len(inside)
        inside[values[i]] -= 1
        if not inside[values[i]]:
            del inside[values[i]]
    return min(1.0, total)
