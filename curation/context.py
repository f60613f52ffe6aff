"""What do the steps of a run know beside the batch that they look at, and what do they report?

A context is made once, before the first shard is decided, and read by every worker from a file.

Not here: the steps (`curation.steps`).
"""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from curation.decontamination import Benchmarks
from curation.licence_report import LicenceReport
from curation.licences import LicenceMap
from curation.malicious import MalwareReport
from curation.removals import Removals
from curation.settings import Settings
from indexer.disk import write_whole


@dataclass(frozen=True, slots=True)
class Context:
    """The settings, what LICENSE-like files of the whole input say, what was asked to be left out, and what models are judged by."""

    settings: Settings
    licences: LicenceMap
    removals: Removals
    benchmarks: Benchmarks | None

    def write(self, path: Path) -> None:
        """Writes it to a file, for `read_context`."""
        write_whole(path, pickle.dumps(self))


@dataclass(slots=True)
class Reports:
    """What steps say beyond their counts; parts add up in any order."""

    licences: LicenceReport = field(default_factory=LicenceReport)
    malicious: MalwareReport = field(default_factory=MalwareReport)
    benchmarks: list[dict[str, Any]] = field(default_factory=list)  # which file holds which problem
    redaction: Counter[str] = field(default_factory=Counter)  # files changed, and their bytes before and after

    def merge(self, other: Reports) -> None:
        """Takes the reports of another part in."""
        self.licences.merge(other.licences)
        self.malicious.merge(other.malicious)
        self.benchmarks.extend(other.benchmarks)
        self.redaction.update(other.redaction)

    def to_json(self) -> dict[str, Any]:
        """For a lineage report."""
        held = sorted(self.benchmarks, key=lambda row: (row["repository"], row["path"], row["content_id"]))
        return {
            "licenses": self.licences.to_json(),
            "malicious": self.malicious.to_json(),
            "decontamination": held,
            "redaction": dict(self.redaction),
        }


@lru_cache(1)
def read_context(path: Path) -> Context:
    """The context in a file, which does not change."""
    context = pickle.loads(path.read_bytes())  # noqa: S301 - this run wrote it, in a folder of its own
    assert isinstance(context, Context)
    return context
