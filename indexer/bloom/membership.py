"""Which stretches of a text are in the corpus, by the filter alone? Runs of consecutive fingerprints that all hit.

A shared run of 33 tokens holds at least two fingerprints that follow each other, so a run of two hits or more is asked for. A run
reaches from behind the last miss to before the next one: that is how long the shared text may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.fingerprint.spec import Channel

MIN_HITS = 2


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive hits: tokens [begin, end) of the k-grams that hit, and the tokens [reach_begin, reach_end) up to the misses around."""

    begin: int
    end: int
    reach_begin: int
    reach_end: int

    @property
    def reach(self) -> int:
        """How many tokens the shared stretch may have at most."""
        return self.reach_end - self.reach_begin


def runs(hits: NDArray[np.bool_], positions: NDArray[np.int64], n_tokens: int, channel: Channel) -> list[Run]:
    """The runs of at least two consecutive hits. `positions` are the tokens at which the k-grams begin, ascending."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], hits, [False])).astype(np.int8)))
    found = []
    for first, stop in edges.reshape(-1, 2).tolist():
        if stop - first >= MIN_HITS:
            reach_begin = int(positions[first - 1]) + 1 if first else 0
            reach_end = int(positions[stop]) + channel.k - 1 if stop < len(positions) else n_tokens
            found.append(Run(int(positions[first]), int(positions[stop - 1]) + channel.k, reach_begin, reach_end))
    return found


def answer_rate(
    values: NDArray[np.uint64], positions: Sequence[int], n_tokens: int, channel: Channel, min_tokens: int, rate: float
) -> float:
    """The chance that a text none of whose fingerprints is in the corpus is called a member.

    `rate` is that of one look-up. A run that is long enough begins at hit i and lasts at least to the first j whose reach suffices;
    such runs exclude each other, so their chances add up: (1 - p) p^distinct for each i. Equal neighbours are one look-up.
    """
    n = len(values)
    if n < MIN_HITS or rate <= 0:
        return 0.0
    total, j = 0.0, 0
    for i in range(n):
        begin = positions[i - 1] + 1 if i else 0
        j = max(j, i + MIN_HITS - 1)
        while j < n and (positions[j + 1] + channel.k - 1 if j + 1 < n else n_tokens) - begin < min_tokens:
            j += 1
        if j >= n:
            break
        distinct = len(np.unique(values[i : j + 1]))
        before = (1 - rate) if i and values[i - 1] != values[i] else (0.0 if i else 1.0)
        total += before * rate**distinct
    return min(1.0, total)
