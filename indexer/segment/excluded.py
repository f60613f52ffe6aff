"""Which documents of some segments does one question leave out? Its exclusions, read like tombstones.

What is left out is no candidate, hides nobody else's copy behind it and counts nowhere: the answer is that of an index without it.
Owner and repository are columns of a segment, and what else is said of such documents stands in their rows. What is known by its path
or content alone is left out as it is met: see `met`.

Not here: documents that are gone for every question (`indexer.segment.removed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Attribution, Exclusion
from indexer.segment.prepare import name_hash
from indexer.segment.segment import Segment


@dataclass(frozen=True, eq=False)
class Excluding:
    """Segments without what some exclusions name; `unlocated` are those that name neither owner nor repository."""

    segments: tuple[Segment, ...]
    unlocated: tuple[Exclusion, ...]

    @classmethod
    def of(cls, segments: Sequence[Segment], exclusions: Sequence[Exclusion]) -> Excluding:
        """Reads 8 bytes of every document, and the rows of those whose owner and repository are named beside more."""
        located = [one for one in exclusions if one.owner is not None or one.repository is not None]
        unlocated = tuple(one for one in exclusions if one.owner is None and one.repository is None)
        return cls(tuple(replace(segment, excluded=_bits(segment, located)) for segment in segments), unlocated)

    def met(self, answer: Attribution) -> bool:
        """Leaves out from now on what an answer reports although an exclusion names it; whether there was any."""
        found = False
        for source in (place for leader in answer.sources for place in (leader, *leader.copies)):
            content_id = (source.swhid or "").removeprefix("swh:1:cnt:").partition(";")[0]
            if any(_is_named(source.path, content_id, exclusion) for exclusion in self.unlocated):
                found |= any(_leave_out(segment, source.document_id) for segment in self.segments)
        return found


def _bits(segment: Segment, exclusions: Sequence[Exclusion]) -> NDArray[np.bool_]:
    """One bool a document: removed, or named."""
    out = segment.removed.bits().copy() if segment.removed else np.zeros(segment.documents, np.bool_)
    every = np.arange(segment.documents)
    for exclusion in exclusions:
        named = np.ones(segment.documents, np.bool_)
        for column, name in (("doc.owner", exclusion.owner), ("doc.repository", exclusion.repository)):
            if name is not None:
                named &= segment.values(column, every) == name_hash(name)
        if exclusion.path is not None or exclusion.content_id is not None:
            for doc in np.flatnonzero(named).tolist():
                row = segment.row(doc)
                named[doc] = _is_named(row["path"], row["content_id"], exclusion)
        out |= named
    return out


def _is_named(path: str, content_id: str, exclusion: Exclusion) -> bool:
    """By path and content. A path names a file, or a folder and all that is below it: "src" and "src/" -> "src/a.py"."""
    if exclusion.content_id is not None and content_id != exclusion.content_id:
        return False
    return exclusion.path is None or f"{path}/".startswith(f"{exclusion.path.rstrip('/')}/")


def _leave_out(segment: Segment, document_id: str) -> bool:
    doc = segment.find(document_id)
    if doc is None or segment.excluded is None or segment.excluded[doc]:
        return False
    segment.excluded[doc] = True
    return True
