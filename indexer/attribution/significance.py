"""How much does a shared stretch mean? Rare tokens count, repeats and idioms hardly do.

score = rarity x effective tokens. *Rarity* is the mean, over the fingerprints of the stretch, of log(1 + N / files) / log(1 + N): near 1
for what stands in one file of N, near 0 for a licence header. *Effective tokens* count each distinct token once and its repeats
by their logarithm, so a table of numbers or a list of imports weighs little however long it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.answers import SpanKind
from indexer.attribution.query import Query
from indexer.fingerprint.spec import SPEC

THRESHOLD = 22.0  # at most 1 % of snippets from packages outside the corpus reach it; measured by `make bench`
RENAMED_FACTOR = 0.7  # structure alone recurs by chance more often than words do
UNSEEN_RARITY = 0.3  # of a stretch too short to hold a fingerprint


def threshold(sensitivity: float) -> float:
    """The score from which a span is significant: 0.5 gives THRESHOLD, 1 a quarter of it, 0 four times it."""
    return THRESHOLD * 4.0 ** (1 - 2 * sensitivity)


@dataclass(frozen=True, slots=True)
class Rarity:
    """Per fingerprint of the text: `exact` and `renamed` float64 in 0..1."""

    exact: NDArray[np.float64]
    renamed: NDArray[np.float64]

    @classmethod
    def of(cls, weights: NDArray[np.float64], n_exact: int, documents: int) -> Rarity:
        """From weights in bits, exact channel first."""
        scaled = weights / max(1.0, np.log2(1 + documents))
        return cls(scaled[:n_exact], scaled[n_exact:])


def prints_inside(query: Query, kind: SpanKind, begin: int, end: int) -> NDArray[np.int64]:
    """Which fingerprints of a channel lie wholly in tokens [begin, end) of the text."""
    if kind == "exact":
        positions = query.exact_prints.positions
        first, last = np.searchsorted(positions, [begin, end - SPEC.exact.k + 1])
    else:
        low, high = np.searchsorted(query.renamed.tokens, [begin, end])
        first, last = np.searchsorted(query.renamed_prints.stream, [low, high - SPEC.renamed.k + 1])
    return np.arange(first, max(first, last))


def score(query: Query, rarity: Rarity, kind: SpanKind, begin: int, end: int) -> float:
    """The significance of tokens [begin, end) of the text."""
    inside = prints_inside(query, kind, begin, end)
    values = (rarity.exact if kind == "exact" else rarity.renamed)[inside]
    rare = float(values.mean()) if len(values) else UNSEEN_RARITY
    _, repeats = np.unique(query.tokens.hashes[begin:end], return_counts=True)
    effective = float((1 + np.log(repeats)).sum())
    return rare * effective * (1.0 if kind == "exact" else RENAMED_FACTOR)
