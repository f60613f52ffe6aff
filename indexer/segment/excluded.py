"""Which documents of a segment does one question leave out? Its exclusions, read like tombstones.

What is left out is no candidate, hides nobody else's copy behind it and counts nowhere: the answer is that of an index without it.
Owner and repository are columns; for path and content a document's row is read once and remembered.

Not here: documents that are gone for every question (`indexer.segment.removed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Exclusion
from indexer.segment.prepare import name_hash
from indexer.segment.segment import Segment


def excluding(segment: Segment, exclusions: Sequence[Exclusion]) -> Segment:
    """The segment without what any of the exclusions names. O(1); threads may share it."""
    return replace(segment, excluded=Excluded(segment, tuple(exclusions)))


@dataclass(frozen=True)
class Excluded:
    """The documents of a segment that are removed or that an exclusion names; `known` remembers rows that were read."""

    segment: Segment
    exclusions: tuple[Exclusion, ...]
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many there are at most."""
        return self.segment.documents

    def includes(self, docs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """For each document, whether it is left out."""
        removed = self.segment.removed
        out = removed.includes(docs) if removed else np.zeros(len(docs), np.bool_)
        for number, exclusion in enumerate(self.exclusions):
            out |= self._named_by(number, exclusion, docs)
        return out

    def _named_by(self, number: int, exclusion: Exclusion, docs: NDArray[np.int64]) -> NDArray[np.bool_]:
        named = np.ones(len(docs), np.bool_)
        for column, name in (("doc.owner", exclusion.owner), ("doc.repository", exclusion.repository)):
            if name is not None:
                named &= self.segment.values(column, docs) == name_hash(name)
        if exclusion.path is not None or exclusion.content_id is not None:
            places = np.flatnonzero(named)
            for doc in np.unique(docs[places]).tolist():
                if (number, doc) not in self.known:
                    self.known[number, doc] = _row_matches(self.segment.row(doc), exclusion)
            named[places] = [self.known[number, doc] for doc in docs[places].tolist()]
        return named


def _row_matches(row: dict[str, Any], exclusion: Exclusion) -> bool:
    """Path and content. A path names a file, or a folder and all that is below it: "src" and "src/" -> "src/a.py"."""
    if exclusion.content_id is not None and row["content_id"] != exclusion.content_id:
        return False
    return exclusion.path is None or f"{row['path']}/".startswith(f"{exclusion.path.rstrip('/')}/")
