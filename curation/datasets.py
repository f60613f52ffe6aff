"""How do sources become a dataset that is not files: repositories, issues, commits, notebooks?

Not here: files (`curation.collect`), what an earlier dataset leaves to a new one (`curation.taken_over`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from curation.batches import permitted
from curation.collect import stated_sources
from curation.commits.dataset import COMMITS_SCHEMA, commit_rows
from curation.commits.history import Change, changes
from curation.events.reading import Event, event_files, events
from curation.events.repository_list import LIST_SCHEMA, repository_list
from curation.events.threads import ISSUES_SCHEMA, threads
from curation.notebooks import NOTEBOOKS_SCHEMA, notebook_rows
from curation.origin import Reading, without_secrets
from curation.release_folder import MANIFEST, new_folder
from curation.sources.naming import all_files, source
from curation.steward import Alias, new_key
from curation.taken_over import PREFIX, taken_over
from indexer.corpus import RELEASE_FORMAT
from indexer.errors import InputError

Kind = Literal["repositories", "issues", "commits", "notebooks"]
Progress = Callable[[int, int, str], None]
PART_ROWS = 1_000_000
_SCHEMAS = {"repositories": LIST_SCHEMA, "issues": ISSUES_SCHEMA, "commits": COMMITS_SCHEMA, "notebooks": NOTEBOOKS_SCHEMA}
T = TypeVar("T")


def collect_dataset(
    kind: Kind,
    names: Sequence[str],
    target: Path,
    *,
    date: str,
    reading: Reading,
    steward: Path | None = None,
    key: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Writes one dataset as a folder of parquet with a manifest, which it returns; the key of accounts goes to `steward`,
    by default `TARGET.steward`; `key` is the steward's folder of an earlier dataset that is taken over. Raises InputError, OutOfSpace."""
    with new_folder(target, force) as folder:
        scratch = folder / ".scratch"
        with _key(kind, steward or target.with_name(f"{target.name}.steward"), target, force) as alias:
            counted = _write(folder, kind, _rows(kind, names, scratch, reading, alias, key, progress), _SCHEMAS[kind])
            _check(counted, names, reading)
        scratch.unlink(missing_ok=True)
        manifest = {
            "format": RELEASE_FORMAT,
            "kind": kind,
            "name": target.name,
            "date": date,
            "sources": stated_sources(names, reading),
            "counts": {"rows": sum(counted.values())},
            "removals": reading.removals.stated(),
            "skipped": dict(sorted(reading.skipped.items())),
            "files": list(counted),
            "hashes": {name: _sha256(folder / name) for name in counted},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return manifest


@contextmanager
def _key(kind: Kind, folder: Path, target: Path, force: bool) -> Iterator[Callable[[Alias], None]]:
    """Where accounts are entered, for the kinds that number them."""
    if kind in ("repositories", "notebooks"):
        yield lambda _alias: None
        return
    with new_key(folder, target, force) as key:
        yield key.add


def _rows(
    kind: Kind,
    names: Sequence[str],
    scratch: Path,
    reading: Reading,
    alias: Callable[[Alias], None],
    key: Path | None,
    progress: Progress | None,
) -> Iterator[pa.RecordBatch]:
    if earlier := [name for name in names if name.startswith(PREFIX)]:
        if len(names) > 1:
            raise InputError(f"{earlier[0]}: an earlier dataset is taken over alone; collect the other sources into one of their own")
        return taken_over(earlier[0], kind, _SCHEMAS[kind], reading, alias, key)
    if key is not None:
        raise InputError(f"{key}: the key of an earlier dataset, and none is named; name it as dataset:FOLDER, or leave --key out")
    if kind == "repositories":
        return permitted(repository_list(_watched(_events(names, reading), progress), scratch), reading)
    if kind == "notebooks":
        files = _watched(all_files([source(name) for name in names], reading), progress, "reading files")
        return permitted(notebook_rows(files, reading), reading)
    if kind == "issues":
        return threads(_watched(_events(names, reading), progress), scratch, reading, alias)
    return commit_rows(_watched(_changes(names, reading), progress, "reading commits"), reading, alias)


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
