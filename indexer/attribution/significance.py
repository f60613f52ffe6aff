"""How much does a shared stretch mean? Rare tokens count, repeats and idioms hardly do.

A token's weight is rarity x freshness. *Rarity*, from the fingerprints around it: 1 - log(places) / log(sqrt(N)), at least FLOOR:
1 for what stands in one place among N documents, next to nothing from sqrt(N) places on, as in a licence header. *Freshness*: a
token that the text has n times weighs (1 + log n) / n each time, so a table of numbers or a list of imports weighs little however
long it is. The score of a stretch is the sum over its tokens.

A source's score joins its stretches with a norm of 1.5 (one long stretch says more than the same tokens in scraps), times the share of
its hull that matches, times how much of the text it explains to the power .3. The powers were chosen on snippets and negatives of
packages that the published figures do not use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.answers import SpanKind
from indexer.attribution.query import Query
from indexer.fingerprint.spec import SPEC

THRESHOLD = 13.0  # at most 1 % of snippets from packages outside the corpus reach it; measured by `make bench`
RENAMED_FACTOR = 0.7  # structure alone recurs by chance more often than words do
STRETCH_NORM = 1.5
COVERAGE_POWER = 0.3
LEAST_REPOSITORIES = 100  # an index of fewer is judged as if it had so many
FLOOR = 0.02  # of what is everywhere: between equals, the source that covers more still comes first
UNSEEN_RARITY = 0.3  # where no fingerprint of the text is in the index


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens [begin, end) of the text. `blank`: those that prove nothing, names that a renaming changed and that occur once."""

    begin: int
    end: int
    kind: SpanKind
    blank: tuple[int, ...] = field(default=(), compare=False)

    @property
    def tokens(self) -> int:
        """Its length."""
        return self.end - self.begin


def threshold(sensitivity: float) -> float:
    """The score from which a span is significant: 0.5 gives THRESHOLD, 1 a quarter of it, 0 four times it."""
    return THRESHOLD * float(4.0 ** (1 - 2 * sensitivity))


@dataclass(frozen=True, slots=True)
class Significance:
    """Running sums of the weights of the text's tokens, float64 (tokens + 1,), by either channel's rarity."""

    exact: NDArray[np.float64]
    renamed: NDArray[np.float64]

    @classmethod
    def of(cls, query: Query, counts: NDArray[np.int64], repositories: int) -> Significance:
        """From how many of the index's repositories hold each fingerprint, exact channel first."""
        _, inverse, repeats = np.unique(query.tokens.hashes, return_inverse=True, return_counts=True)
        fresh = ((1 + np.log(repeats)) / repeats)[inverse]
        rare = np.maximum(FLOOR, 1 - 2 * np.log(np.maximum(counts, 1)) / np.log(max(LEAST_REPOSITORIES, repositories)))
        n = len(query.exact_prints)
        exact = _spread(query.exact_prints.positions + SPEC.exact.k / 2, rare[:n], counts[:n], len(fresh))
        renamed = _spread(query.renamed_prints.positions + SPEC.renamed.k / 2, rare[n:], counts[n:], len(fresh)) * RENAMED_FACTOR
        return cls(_sums(fresh * exact), _sums(fresh * renamed))

    def score(self, stretches: Iterable[Stretch]) -> float:
        """The significance of some disjoint stretches of the text, taken together."""
        total = 0.0
        for one in stretches:
            sums = self.exact if one.kind == "exact" else self.renamed
            total += float(sums[one.end] - sums[one.begin])
            total -= sum(float(sums[t + 1] - sums[t]) for t in one.blank if one.begin <= t < one.end)
        return total


def strength(scores: Sequence[float], similarity: float, coverage: float) -> float:
    """The significance of a source, from that of its stretches, the share of its hull that matches and of the text that it covers."""
    joined = sum(max(0.0, score) ** STRETCH_NORM for score in scores) ** (1 / STRETCH_NORM)
    return float(joined * similarity * coverage**COVERAGE_POWER)


def _spread(centres: NDArray[np.floating], rare: NDArray[np.floating], counts: NDArray[np.int64], n_tokens: int) -> NDArray[np.float64]:
    """The rarity of each token, between those of the fingerprints before and after it that the index holds."""
    held = counts > 0
    if not held.any():
        return np.full(n_tokens, UNSEEN_RARITY)
    return np.asarray(np.interp(np.arange(n_tokens), centres[held], rare[held]), np.float64)


def _sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.zeros(len(values) + 1)
    np.cumsum(values, out=sums[1:])
    return sums


def prints_inside(query: Query, kind: SpanKind, begin: int, end: int) -> NDArray[np.int64]:
    """Which fingerprints of a channel lie wholly in tokens [begin, end) of the text."""
    if kind == "exact":
        first, last = np.searchsorted(query.exact_prints.positions, [begin, end - SPEC.exact.k + 1])
    else:
        low, high = np.searchsorted(query.renamed.tokens, [begin, end])
        first, last = np.searchsorted(query.renamed_prints.stream, [low, high - SPEC.renamed.k + 1])
    return np.arange(first, max(first, last))
