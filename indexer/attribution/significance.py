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

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from indexer.answers import SpanKind
from indexer.attribution import significance_kernels as kernels
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
    """Tokens [begin, end) of the text. `blank`: those that prove nothing, as a renaming changed them: names that occur once, and literals
    and numbers that are others in the document."""

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
class Weights:
    """Running sums of the weights of the text's tokens, float64 (tokens + 1,), by either channel's rarity."""

    exact: NDArray[np.float64]
    renamed: NDArray[np.float64]

    @classmethod
    def of(cls, query: Query, holders: NDArray[np.int64], repositories: int) -> Weights:
        """From how many of the index's repositories hold each fingerprint, int64 (prints,), exact channel first. O(tokens)."""
        scale = 2 / float(np.log(max(LEAST_REPOSITORIES, repositories)))
        n = len(query.exact.keys)
        at = query.prints.tokens
        return cls(
            kernels.weigh(at[:n], SPEC.exact.k / 2, holders[:n], query.fresh, scale, FLOOR, UNSEEN_RARITY, 1.0),
            kernels.weigh(at[n:], SPEC.renamed.k / 2, holders[n:], query.fresh, scale, FLOOR, UNSEEN_RARITY, RENAMED_FACTOR),
        )

    def score(self, stretch: Stretch) -> float:
        """The significance of one stretch of the text."""
        sums = self.exact if stretch.kind == "exact" else self.renamed
        total = float(sums[stretch.end] - sums[stretch.begin])
        blank = np.array([t for t in stretch.blank if stretch.begin <= t < stretch.end], np.int64)
        return total - sum((sums[blank + 1] - sums[blank]).tolist()) if len(blank) else total
