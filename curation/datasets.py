"""How do sources become a dataset that is not files: repositories, issues, commits, notebooks?

Not here: files (`curation.collect`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from curation.commits.dataset import COMMITS_SCHEMA, commit_rows
from curation.commits.history import Change, changes
from curation.events.reading import Event, event_files, events
from curation.events.repository_list import LIST_SCHEMA, repository_list
from curation.events.threads import ISSUES_SCHEMA, threads
from curation.notebooks import NOTEBOOKS_SCHEMA, notebook_rows
from curation.origin import Reading, without_secrets
from curation.release_folder import MANIFEST, new_folder
from curation.sources.naming import all_files, source
from curation.steward import new_key
from indexer.corpus import RELEASE_FORMAT
from indexer.errors import InputError

Kind = Literal["repositories", "issues", "commits", "notebooks"]
Progress = Callable[[int, int, str], None]
PART_ROWS = 1_000_000
T = TypeVar("T")


def collect_dataset(
    kind: Kind,
    names: Sequence[str],
    target: Path,
    *,
    date: str,
    reading: Reading,
    steward: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Writes one dataset as a folder of parquet with a manifest, which it returns; the key of accounts goes to `steward`,
    by default `TARGET.steward`. Raises InputError, OutOfSpace."""
    with new_folder(target, force) as folder:
        scratch = folder / ".scratch"
        if kind == "repositories":
            batches = repository_list(_watched(_events(names, reading), progress), scratch)
            counted = _write(folder, kind, batches, LIST_SCHEMA)
            _check(counted, names, reading)
        elif kind == "notebooks":
            files = _watched(all_files([source(name) for name in names], reading), progress, "reading files")
            counted = _write(folder, kind, notebook_rows(files, reading), NOTEBOOKS_SCHEMA)
            _check(counted, names, reading)
        else:
            with new_key(steward or target.with_name(f"{target.name}.steward"), target, force) as key:
                if kind == "issues":
                    found = _watched(_events(names, reading), progress)
                    counted = _write(folder, kind, threads(found, scratch, reading, key.add), ISSUES_SCHEMA)
                else:
                    edits = _watched(_changes(names, reading), progress, "reading commits")
                    counted = _write(folder, kind, commit_rows(edits, reading, key.add), COMMITS_SCHEMA)
                _check(counted, names, reading)
        scratch.unlink(missing_ok=True)
        manifest = {
            "format": RELEASE_FORMAT,
            "kind": kind,
            "name": target.name,
            "date": date,
            "sources": [without_secrets(name) for name in names],
            "counts": {"rows": sum(counted.values())},
            "skipped": dict(sorted(reading.skipped.items())),
            "files": list(counted),
            "hashes": {name: _sha256(folder / name) for name in counted},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return manifest


def _events(names: Sequence[str], reading: Reading) -> Iterator[Event]:
    paths: list[Path] = []
    for name in names:
        prefix, _, pattern = name.partition(":")
        if prefix != "gharchive" or not pattern:
            raise InputError(f"{name}: this dataset is made of events; name them as gharchive:GLOB")
        paths += event_files(pattern)
    return events(sorted(set(paths)), reading)


def _changes(names: Sequence[str], reading: Reading) -> Iterator[Change]:
    for name in names:
        try:
            yield from changes(name, reading)
        except InputError as error:
            reading.bad(error)


def _watched(found: Iterable[T], progress: Progress | None, stage: str = "reading events") -> Iterator[T]:
    for number, each in enumerate(found, start=1):
        if progress and number % 1_000 == 0:
            progress(number, 0, stage)
        yield each


def _write(folder: Path, kind: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> dict[str, int]:
    """Rows by file written, in parts of about PART_ROWS; no file where there is no row."""
    (folder / kind).mkdir()
    counts: dict[str, int] = {}
    writer: pq.ParquetWriter | None = None
    name = ""
    try:
        for batch in batches:
            if writer is None or counts[name] >= PART_ROWS:
                if writer is not None:
                    writer.close()
                name = f"{kind}/part-{len(counts):05d}.parquet"
                writer = pq.ParquetWriter(folder / name, schema, compression="zstd", write_page_checksum=True)
                counts[name] = 0
            writer.write_batch(batch)
            counts[name] += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return counts


def _check(counts: dict[str, int], names: Sequence[str], reading: Reading) -> None:
    if not counts:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(reading.skipped.items()))
        raise InputError(f"{', '.join(map(without_secrets, names))}: nothing to write ({reasons or 'no event of this kind'})")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
