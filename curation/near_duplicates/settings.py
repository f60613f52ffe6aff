"""When are two files near-duplicates, and how are such pairs looked for?

Not here: which file of a cluster is kept (`curation.duplicates`).
"""

from __future__ import annotations

from dataclasses import dataclass

from indexer.errors import InputError


@dataclass(frozen=True, slots=True)
class NearDuplicateSettings:
    """Two files are near-duplicates when the sets of their runs of `ngram` words (`[A-Za-z_0-9]+`) have a Jaccard similarity of at
    least `threshold`; a file of fewer than `min_tokens` words, or fewer than `ngram`, is near nothing.

    Pairs are looked for by MinHash: `permutations` minima a file, `bands` groups of `rows` of them; two files meet where a group
    agrees, which happens with the chance 1 - (1 - similarity ** rows) ** bands. At a similarity of 0.70 that is .995 with (42, 6)
    and .51 with (25, 10), the usual choice. Here every pair that meets is compared exactly, so that one too many costs
    microseconds, and one that is missed is a duplicate in the training data.
    """

    permutations: int = 256
    ngram: int = 5
    min_tokens: int = 5
    threshold: float = 0.7
    bands: int = 42
    rows: int = 6
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.permutations, self.ngram, self.min_tokens, self.bands, self.rows) < 1:
            raise InputError(f"near-duplicates: every number must be 1 or more, got {self}")
        if not 0 < self.threshold <= 1:
            raise InputError(f"near-duplicates: threshold {self.threshold}; wanted more than 0 and at most 1")
        if self.bands * self.rows > self.permutations:
            raise InputError(
                f"near-duplicates: {self.bands} bands of {self.rows} need {self.bands * self.rows} permutations,"
                f" there are {self.permutations}; take fewer bands or more permutations"
            )
