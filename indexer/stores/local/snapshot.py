"""What is one generation of an index folder, opened? Its segments, filters, full-text indexes and the tables of repositories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.answers import Verification
from indexer.bloom.filter import BloomFilter
from indexer.bloom.membership import rate_of
from indexer.errors import IndexCorrupt, IndexNotFound
from indexer.fingerprint.spec import SPEC
from indexer.fingerprint.winnow import Fingerprints
from indexer.segment.segment import Segment
from indexer.stores.local.fulltext import FullText
from indexer.stores.local.manifest import Manifest, folder_bytes
from indexer.stores.local.sums import SummedFile

MOST_ATTEMPTS = 100  # to open a generation while later ones are written


@dataclass(frozen=True)
class Snapshot:
    """One generation of an index, opened. It goes on answering while a later one is written; threads may share it."""

    folder: Path
    manifest: Manifest
    segments: tuple[Segment, ...]
    filters: tuple[BloomFilter, ...]
    texts: tuple[FullText, ...]
    tables: tuple[SummedFile, ...]

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        """Maps every file of the current generation. Raises IndexNotFound, IndexCorrupt, IndexTooNew, SpecMismatch. O(segments)."""
        for attempt in range(1, MOST_ATTEMPTS + 1):
            manifest = Manifest.read(folder)
            try:
                return cls._of(folder, manifest)
            except (IndexNotFound, IndexCorrupt):  # a writer may have swapped the generation between the manifest and its files
                if attempt == MOST_ATTEMPTS or Manifest.read(folder) == manifest:
                    raise
        raise AssertionError

    @classmethod
    def _of(cls, folder: Path, manifest: Manifest) -> Snapshot:
        return cls(
            folder,
            manifest,
            tuple(Segment.open(folder / files.segment, folder / files.removed if files.removed else None) for files in manifest.segments),
            tuple(BloomFilter.open(folder / files.filter, SPEC.name) for files in manifest.segments),
            tuple(FullText.open(folder / files.text) for files in manifest.segments if files.text),
            tuple(SummedFile.open(folder / table.name, table.sum) for table in manifest.repositories),
        )

    @property
    def has_tombstones(self) -> bool:
        """Whether documents were removed that the filters still know."""
        return any(segment.removed is not None for segment in self.segments)

    def has_fingerprints(self, prints: Fingerprints) -> NDArray[np.bool_]:
        """For each fingerprint of the exact channel, whether the corpus may hold it: as the filters say, and where documents of a
        segment were removed, which its filter cannot forget, as its postings say."""
        values = prints.values
        hits = np.zeros(len(values), np.bool_)
        for segment, bloom in zip(self.segments, self.filters, strict=True):
            positive = bloom.may_contain(values)
            if segment.removed is not None:
                unsure = np.flatnonzero(positive & ~hits)
                positive[unsure] = segment.holds(SPEC.exact, prints.keys[unsure])
            hits |= positive
        return hits

    @property
    def false_positive_rate(self) -> float:
        """The chance that `has_fingerprints` is true of one that the corpus does not hold."""
        rates = (
            bloom.false_positive_rate if segment.removed is None else bloom.n_keys / 2**48
            for segment, bloom in zip(self.segments, self.filters, strict=True)
        )
        return rate_of(rates)

    def removed_repositories(self, segments: Sequence[Segment] | None = None) -> dict[str, int]:
        """How many documents of each repository some segments (all of them where none are named) store but count as removed."""
        totals: dict[str, int] = {}
        for segment in self.segments if segments is None else segments:
            for name, count in (segment.removed.repositories() if segment.removed else {}).items():
                totals[name] = totals.get(name, 0) + count
        return totals

    def describe(self) -> dict[str, Any]:
        """Counts, and bytes of each part beside the bytes of text they stand for."""
        parts: dict[str, int] = {}
        for segment, bloom in zip(self.segments, self.filters, strict=True):
            for name, (_, length) in segment.file.header["sections"].items():
                part = name.partition(".")[0]
                parts[part] = parts.get(part, 0) + length
            parts["filter"] = parts.get("filter", 0) + bloom.file.header["size"]
            if segment.removed is not None:
                parts["tombstones"] = parts.get("tombstones", 0) + segment.removed.file.header["size"]
        parts["full_text"] = sum(folder_bytes(self.folder / files.text) for files in self.manifest.segments if files.text)
        return {
            "location": str(self.folder),
            **asdict(self.manifest.info),
            "segments": len(self.segments),
            "removed_documents": sum(segment.documents - segment.live_documents for segment in self.segments),
            "tokens": sum(segment.tokens for segment in self.segments),
            "text_bytes": sum(segment.text_bytes for segment in self.segments),
            "fingerprints": {
                name: sum(segment.file.header["channels"][name]["entries"] for segment in self.segments) for name in ("exact", "renamed")
            },
            "false_positive_rate": max((bloom.false_positive_rate for bloom in self.filters), default=0.0),
            "index_bytes": folder_bytes(self.folder),
            "parts": parts,
        }

    def verify(self, progress: Callable[[int], None] | None = None) -> Verification:
        """Reads every byte of every file and compares it with its checksum."""
        problems: list[str] = []
        size = 0
        tombstones = (segment.removed.file for segment in self.segments if segment.removed)
        for file in (*(segment.file for segment in self.segments), *(bloom.file for bloom in self.filters), *tombstones):
            problems += file.verify(progress)
            size += file.header["size"]
        for each in (*self.tables, *(file for text in self.texts for file in text.files)):
            problems += [problem] if (problem := each.problem()) else []
            size += each.size
        return Verification(len(self.manifest.names()), size, self.manifest.info.documents, tuple(problems))
