"""What did the filters remove, by rule and language, and which files are examples?

Reports of parts add up to the report of the whole in any order: the examples are those with the smallest content ids, which are
hashes and so as good as drawn by chance. Names of files only; never code.

Not here: the rules (`curation.filters`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

_SAMPLES = 5


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """One file that a rule removed."""

    content_id: str
    repository: str
    path: str


@dataclass(slots=True)
class FilterReport:
    """Files and bytes seen, and by (reason, language) removed; a few samples a reason. Pickleable."""

    files: int = 0
    text_bytes: int = 0
    removed: Counter[tuple[str, str]] = field(default_factory=Counter)
    removed_bytes: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch, reasons: Sequence[str | None]) -> None:
        """Counts one batch and what `drop_reasons` said of it."""
        names = ("language", "size", "content_id", "repository", "path")
        columns = [batch.column(name).to_pylist() if name in batch.schema.names else [None] * batch.num_rows for name in names]
        for reason, language, size, content_id, repository, path in zip(reasons, *columns, strict=True):
            self.files += 1
            self.text_bytes += size or 0
            if reason is not None:
                self.removed[reason, language or "unknown"] += 1
                self.removed_bytes[reason] += size or 0
                self._keep(reason, [Sample(content_id or "", repository or "", path or "")])

    def merge(self, other: FilterReport) -> None:
        """Adds the report of another part."""
        self.files += other.files
        self.text_bytes += other.text_bytes
        self.removed.update(other.removed)
        self.removed_bytes.update(other.removed_bytes)
        for reason, samples in other.samples.items():
            self._keep(reason, samples)

    def to_json(self) -> dict[str, Any]:
        """For a lineage report; the same input gives the same document."""
        return {
            "files": self.files,
            "text_bytes": self.text_bytes,
            "removed": {reason: self._of(reason) for reason in sorted(self.removed_bytes)},
        }

    def _of(self, reason: str) -> dict[str, Any]:
        languages = {language: count for (name, language), count in sorted(self.removed.items()) if name == reason}
        kept = self.samples.get(reason, [])
        samples = [{"repository": each.repository, "path": each.path, "content_id": each.content_id} for each in kept]
        return {"files": sum(languages.values()), "bytes": self.removed_bytes[reason], "languages": languages, "samples": samples}

    def _keep(self, reason: str, samples: list[Sample]) -> None:
        if reason.startswith("removed_"):  # the report goes with every copy of a release: who asked to be left out is not in it
            return
        kept = self.samples.get(reason, [])
        if len(kept) < _SAMPLES or min(samples) < kept[-1]:
            self.samples[reason] = sorted({*kept, *samples})[:_SAMPLES]
