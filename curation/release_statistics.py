"""What is in a release, by edition, language and licence? Counted from its parts without their contents.

    data/python/part-00000.parquet                 all files
    data-deduplicated/python/part-00000.parquet    the edition without near-duplicates

Not here: how it is told (`curation.cards`), what differs between two releases (`curation.release_diff`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pyarrow.parquet as pq

from indexer.corpus import Release

_COLUMNS = ("language", "size", "license_expression", "license_type", "is_vendored", "is_generated", "is_test")
_FLAGS = ("is_vendored", "is_generated", "is_test")
_BATCH_ROWS = 16_384


@dataclass(slots=True)
class Amount:
    """So many files, and their bytes as they were collected."""

    files: int = 0
    n_bytes: int = 0

    def add(self, size: int | None) -> None:
        """One file more."""
        self.files += 1
        self.n_bytes += size or 0


@dataclass(slots=True)
class EditionStatistics:
    """One edition: by language (and the folder that its files are in), licence, category of licence; how many files have a flag."""

    total: Amount = field(default_factory=Amount)
    languages: dict[str, Amount] = field(default_factory=dict)
    licenses: dict[str, Amount] = field(default_factory=dict)
    license_types: dict[str, Amount] = field(default_factory=dict)
    flags: Counter[str] = field(default_factory=Counter)


def editions(release: Release) -> dict[str, dict[str, list[str]]]:
    """The parts of each edition by folder of language. -> {"data": {"python": ["data/python/part-00000.parquet"]}}

    The edition that the manifest lists comes first; it has every file. A folder without languages, such as `wherefrom collect` makes,
    has one edition, `files`, and in it one folder, "".
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name in dict.fromkeys([*release.manifest["files"], *sorted(release.manifest.get("hashes", {}))]):
        parents = PurePosixPath(name).parent.parts
        if name.endswith(".parquet") and parents:
            found.setdefault(parents[0], {}).setdefault("/".join(parents[1:]), []).append(name)
    return found


def statistics(release: Release, parts: Mapping[str, list[str]]) -> EditionStatistics:
    """Counts one edition. Memory: a batch of columns, and a number for each licence there is."""
    found = EditionStatistics()
    for name in (name for names in parts.values() for name in names):
        with pq.ParquetFile(release.path / name) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(_COLUMNS), use_threads=False):
                columns = batch.to_pydict()
                for row in zip(*(columns[column] for column in _COLUMNS), strict=True):
                    _count(found, dict(zip(_COLUMNS, row, strict=True)))
    return found


def _count(found: EditionStatistics, row: dict[str, object]) -> None:
    size = row["size"] if isinstance(row["size"], int) else None
    found.total.add(size)
    for table, value in (
        (found.languages, row["language"] or "unknown"),
        (found.licenses, row["license_expression"] or "NONE"),
        (found.license_types, row["license_type"] or "none"),
    ):
        table.setdefault(str(value), Amount()).add(size)
    found.flags.update(flag for flag in _FLAGS if row[flag])


def by_files(table: Mapping[str, Amount]) -> list[tuple[str, Amount]]:
    """The most files first, names where equal."""
    return sorted(table.items(), key=lambda item: (-item[1].files, item[0]))
