"""What is to be known of a whole corpus, where only those of its documents that may matter are at hand?

A cluster's documents are fetched for a question and attributed by the code that attributes an index folder; how rare a fingerprint is
and how common a stretch, it says itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from indexer.attribution.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Frequency:
    """How many files, repositories and owners hold a stretch. With `capped`, lower bounds."""

    files: int
    repositories: int
    owners: int
    capped: bool


class Whole(Protocol):
    """The corpus that some segments are a part of, for one text; used by one thread. Methods raise BackendUnavailable."""

    @property
    def files(self) -> NDArray[np.int64]:
        """How many documents hold each of the text's fingerprints, those of the exact channel first: int64 (prints,)."""

    @property
    def postings(self) -> NDArray[np.int64]:
        """How many places each has, those that an index keeps; an estimate for common ones: int64 (prints,)."""

    @property
    def holders(self) -> NDArray[np.int64]:
        """How many repositories do."""

    @property
    def documents(self) -> int:
        """How many there are."""

    @property
    def repositories(self) -> int:
        """How many there are."""

    def may_beat(self, score: float, least: float, copies_of: Candidates | None, most: int) -> bool:
        """Whether documents that are missing from the segments may score more; then the question is asked again with more of them, but
        for those that score no more than `least`. With `copies_of` only likely copies of these candidates count, unless they would
        be passed over for others: `most` candidates are looked at."""

    def lacks(self, is_open: NDArray[np.bool_], score: float, read_on: NDArray[np.bool_] | None) -> bool:
        """Whether documents are missing from the segments that hold one of the open fingerprints and may score more; then the question
        is asked again with more of them. What scores is every list that was read, with `read_on` the lists of these alone."""

    def may_hold(self, is_open: NDArray[np.bool_]) -> bool:
        """Whether documents may be missing in the end that hold one of the open fingerprints."""

    def order_of(self, segment: int, docs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in the corpus documents of a segment stand: int64 (docs,). Of equals the first is looked at."""

    def frequencies(self, stretches: Sequence[NDArray[np.int64]]) -> list[Frequency]:
        """How many hold all of the fingerprints of each of some stretches, which hold one at least."""
