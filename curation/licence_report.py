"""By what evidence and which method did files get their licences, and which licences are they?

Reports of parts add up to the report of the whole in any order: the examples are those with the smallest content ids, which are
hashes and so as good as drawn by chance. Names of files only; never code.

Not here: finding the licences (`curation.licences`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

_SAMPLES = 3


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A licence, the kind of evidence (None: nothing said one), the method, how sure it is (0 to 1), and the file that says so.

    Methods: `tag`, `text`, `phrase`, `name` (see `curation.licence_detection`), `package`, `collected` (the source said it),
    `unrecognised` (a licence file that nothing was recognised in), `none`.
    """

    expression: str | None
    evidence: str | None
    method: str
    score: float
    path: str | None


@dataclass(slots=True)
class LicenceReport:
    """Files by licence and by (evidence, method), with a few samples of each. Pickleable."""

    licences: Counter[str] = field(default_factory=Counter)
    methods: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: dict[tuple[str, str], list[tuple[str, str, str, Found]]] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch, found: Sequence[Found]) -> None:
        """Counts one batch and what was found for its rows."""
        columns = (batch.column(name).to_pylist() for name in ("content_id", "repository", "path"))
        for content_id, repository, path, each in zip(*columns, found, strict=True):
            key = (each.evidence or "none", each.method)
            self.licences[each.expression or "NONE"] += 1
            self.methods[key] += 1
            self._keep(key, [(content_id or "", repository or "", path or "", each)])

    def merge(self, other: LicenceReport) -> None:
        """Adds the report of another part."""
        self.licences.update(other.licences)
        self.methods.update(other.methods)
        for key, samples in other.samples.items():
            self._keep(key, samples)

    def to_json(self) -> dict[str, Any]:
        """For a lineage report; the same input gives the same document."""
        return {
            "licenses": dict(sorted(self.licences.items(), key=lambda each: (-each[1], each[0]))),
            "evidence": [
                {"evidence": evidence, "method": method, "files": count, "samples": self._shown((evidence, method))}
                for (evidence, method), count in sorted(self.methods.items())
            ],
        }

    def _shown(self, key: tuple[str, str]) -> list[dict[str, Any]]:
        return [
            {"repository": repository, "path": path, "license": found.expression, "said_by": found.path, "score": found.score}
            for _, repository, path, found in self.samples[key]
        ]

    def _keep(self, key: tuple[str, str], samples: list[tuple[str, str, str, Found]]) -> None:
        kept = self.samples.get(key, [])
        if len(kept) < _SAMPLES or min(samples) < kept[-1]:
            self.samples[key] = sorted({*kept, *samples}, key=lambda each: each[:3])[:_SAMPLES]
