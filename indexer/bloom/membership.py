"""Which stretches of a text are in the corpus, by the filter alone? Runs of consecutive fingerprints that all hit.

A shared run of 33 tokens holds at least two fingerprints that follow each other, so a run of two hits or more is asked for. A run
reaches over every window whose minimum hit: a shared stretch cannot go beyond, since each of its windows hits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.fingerprint.spec import Channel
from indexer.fingerprint.winnow import Fingerprints

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


def runs(hits: NDArray[np.bool_], prints: Fingerprints, n_tokens: int, channel: Channel) -> list[Run]:
    """The runs of at least two consecutive hits among the fingerprints of one text."""
    positions, windows = prints.positions, prints.windows
    edges = np.flatnonzero(np.diff(np.concatenate(([False], hits, [False])).astype(np.int8)))
    found = []
    for first, stop in edges.reshape(-1, 2).tolist():
        if stop - first >= MIN_HITS:
            reach_end = int(windows[stop]) + channel.guarantee - 1 if stop < len(windows) else n_tokens
            found.append(Run(int(positions[first]), int(positions[stop - 1]) + channel.k, int(windows[first]), reach_end))
    return found


def answer_rate(prints: Fingerprints, n_tokens: int, channel: Channel, min_tokens: int, rate: float) -> float:
    """The chance that a text none of whose fingerprints is in the corpus is called a member.

    `rate` is that of one look-up. A run that is long enough begins at hit i and lasts at least to the first j whose reach suffices;
    such runs exclude each other, so their chances add up: (1 - p) p^distinct for each i. Equal neighbours are one look-up.
    """
    n = len(prints)
    if n < MIN_HITS or rate <= 0:
        return 0.0
    values = prints.values
    ends = np.append(prints.windows[1:] + channel.guarantee - 1, n_tokens)  # of the reach of a run whose last hit this is
    last = np.maximum(np.searchsorted(ends, prints.windows + min_tokens), np.arange(n) + MIN_HITS - 1)
    fresh = np.concatenate(([True], values[1:] != values[:-1]))
    before = np.concatenate(([0], np.cumsum(fresh)))
    begin = np.flatnonzero((last < n) & fresh)
    distinct = before[last[begin] + 1] - before[begin]
    chance = np.where(begin > 0, 1 - rate, 1.0) * rate**distinct
    return float(min(1.0, chance.sum()))
