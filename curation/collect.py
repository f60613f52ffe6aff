"""How do sources become a RAW folder, the input of `wherefrom curate`?

Not here: folding copies and choosing licences (`curation.curate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.batches import batches, permitted
from curation.ledger import Ledger
from curation.origin import Reading, without_secrets
from curation.release_folder import Totals, new_folder, text_bytes, write_files, write_manifest, write_repositories
from curation.sources.naming import all_files, source
from indexer.errors import InputError

Progress = Callable[[int, int, str], None]  # documents, bytes of text, stage


def collect(
    names: Sequence[str], target: Path, *, date: str, reading: Reading, force: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Writes the files of all sources to a RAW folder; returns its manifest. Memory stays flat. Raises InputError, OutOfSpace."""
    sources = [source(name) for name in names]
    totals = Totals()
    with new_folder(target, force) as folder:
        ledger_file = folder / ".ledger"
        with Ledger(ledger_file) as ledger:
            rows = permitted(batches(ledger.watch(all_files(sources, reading)), reading), reading)
            parts = write_files(folder, not_empty(counted(rows, ledger, progress), names, reading), totals)
            write_repositories(folder, ledger.batches())
            repositories = ledger.total()
        ledger_file.unlink()
        return write_manifest(
            folder,
            parts,
            {
                "kind": "raw",
                "name": target.name,
                "date": date,
                "sources": stated_sources(names, reading),
                "counts": {"documents": totals.documents, "text_bytes": totals.text_bytes, "repositories": repositories},
                "removals": reading.removals.stated(),
                "skipped": dict(sorted(reading.skipped.items())),
                "noted": dict(sorted(reading.noted.items())),
            },
        )


def stated_sources(names: Sequence[str], reading: Reading) -> list[str]:
    """Sources as a manifest names them: without secrets, and without those that name somebody who asked to be left out."""
    return [without_secrets(name) for name in names if not reading.removals.named_in(name)]


def counted(
    rows: Iterable[pa.RecordBatch], ledger: Ledger, progress: Progress | None = None, stage: str = "reading"
) -> Iterator[pa.RecordBatch]:
    """The batches unchanged, each entered in the ledger and reported."""
    totals = Totals()
    for batch in rows:
        ledger.count(batch.column("repository").to_pylist())
        yield batch
        totals.documents += batch.num_rows
        totals.text_bytes += text_bytes(batch)
        if progress:
            progress(totals.documents, totals.text_bytes, stage)


def not_empty(rows: Iterable[pa.RecordBatch], names: Sequence[str], reading: Reading) -> Iterator[pa.RecordBatch]:
    """The batches unchanged. Raises InputError where there is none: an empty folder is not what anybody asked for."""
    found = False
    for batch in rows:
        found = True
        yield batch
    if not found:
        raise InputError(f"{', '.join(map(without_secrets, names))}: no text file found, so nothing was written{_why(reading)}")


def _why(reading: Reading) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(reading.skipped.items()))
    return f" (skipped: {reasons})" if reasons else ""
