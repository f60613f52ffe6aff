"""How do RAW folders become a release?

For now: files under a licence that the policy admits, each content once, with the two tables and a manifest. The same
input, settings and date give the same bytes.

Not here: collecting (`curation.collect`), which copy is kept (`curation.duplicates`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from curation.batches import merged
from curation.collect import Progress, counted
from curation.duplicates import RANK_COLUMNS, Best
from curation.ledger import Ledger
from curation.release_folder import REPOSITORIES, Totals, check_hashes, new_folder, write_files, write_manifest, write_repositories
from curation.sources.parquet_reading import record_batches
from indexer.corpus import FILES_SCHEMA, Release
from indexer.errors import InputError

Policy = Literal["any", "permissive"]
POLICIES: tuple[Policy, ...] = ("any", "permissive")
_REPOSITORY_ROWS = 64


@dataclass(slots=True)
class _Read:
    """What the first pass saw."""

    files: int = 0
    left_out_by_license: int = 0


def curate(
    raws: Sequence[str | Path],
    target: Path,
    *,
    name: str,
    version: str,
    date: str,
    licenses: Policy = "any",
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Writes a release of some RAW folders; returns its manifest. Reads them twice; memory stays flat.

    Raises IndexNotFound, IndexCorrupt for a RAW folder that is none or damaged, InputError where nothing is left, OutOfSpace.
    """
    folders = [Release.open(raw) for raw in raws]
    for folder in folders:
        check_hashes(folder)
    totals = Totals()
    with new_folder(target, force) as part:
        best_file, ledger_file = part / ".best", part / ".ledger"
        with Best(best_file) as best, Ledger(ledger_file) as ledger:
            for row_batch in (rows for folder in folders for rows in _repositories(folder)):
                ledger.describe(row_batch.to_pylist())
            read = _rank(folders, best, licenses, progress)
            names = write_files(part, counted(merged(_kept(folders, best)), ledger, progress, "writing"), totals)
            if not totals.documents:
                raise InputError(f"no file is left of {read.files} read (--licenses {licenses}); collect more, or admit more licences")
            write_repositories(part, ledger.batches())
            repositories = ledger.total()
        best_file.unlink()
        ledger_file.unlink()
        settings = {"licenses": licenses, "duplicates": "exact"}
        described = {"kind": "release", "name": name, "version": version, "date": date, "previous_version": None}
        sources = [source for folder in folders for source in folder.manifest.get("sources", [])]
        counts = _counts(read, totals, repositories)
        return write_manifest(part, names, {**described, "sources": sources, "settings": settings, "counts": counts})


def _counts(read: _Read, totals: Totals, repositories: int) -> dict[str, int]:
    return {
        "read": read.files,
        "left_out_by_license": read.left_out_by_license,
        "duplicates_folded": read.files - read.left_out_by_license - totals.documents,
        "documents": totals.documents,
        "text_bytes": totals.text_bytes,
        "repositories": repositories,
    }


def _rank(folders: Sequence[Release], best: Best, licenses: Policy, progress: Progress | None) -> _Read:
    """First pass: ids and ranks only."""
    read = _Read()
    for folder in folders:
        for name in folder.manifest["files"]:
            for batch in record_batches(folder.path / name, lambda _: RANK_COLUMNS):
                rows = list(enumerate(batch.to_pylist(), start=read.files))
                admitted = [row for row in rows if licenses == "any" or row[1]["license_type"] == licenses]
                best.offer(admitted)
                read.files += len(rows)
                read.left_out_by_license += len(rows) - len(admitted)
                if progress:
                    progress(read.files, 0, "ranking copies")
    return read


def _kept(folders: Sequence[Release], best: Best) -> Iterator[pa.RecordBatch]:
    """Second pass: the rows to keep, each with its content's id as its cluster."""
    wanted = best.rows()
    number, first = next(wanted, None), 0
    cluster = FILES_SCHEMA.get_field_index("cluster_id")
    for batch in (batch for folder in folders for batch in folder.batches()):
        end = first + batch.num_rows
        positions = []
        while number is not None and number < end:
            positions.append(number - first)
            number = next(wanted, None)
        first = end
        if positions:
            kept = batch.take(pa.array(positions))
            yield kept.set_column(cluster, FILES_SCHEMA.field(cluster), kept.column("content_id"))


def _repositories(folder: Release) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(folder.path / REPOSITORIES) as file:
        yield from file.iter_batches(batch_size=_REPOSITORY_ROWS)
